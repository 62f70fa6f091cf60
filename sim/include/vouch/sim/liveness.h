#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "vouch/detector/time.h"
#include "vouch/sim/checker.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/measures.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// What the ground truth demands of a period in which nothing changes.
enum class Situation : std::uint8_t {
  kKept,  ///< A settled leader keeps its two-way majority: nothing may happen (L1; after a heal
          ///< L6).
  kRecoverable,  ///< It does not, but some node could win one: a stable leader, soon (L2).
  /// No node has one, or all that have one lack the log of those they reach (a constrained
  /// election): no leader, and quiet (L3).
  kHopeless,
};

/// One period without a fault, judged by the directed graph of its links.
struct Period {
  TrueTime began{};
  TrueTime ended{};
  Situation situation{};
  bool is_healed = false;  ///< Every node works and every link carries.
  std::uint32_t elections = 0;
  std::uint32_t leader_changes = 0;
  Duration recovery{};        ///< Until the last moment without a usable leader; zero: always one.
  bool is_disturbed = false;  ///< kKept: a campaign, or no usable leader for a while.
  bool is_stuck = false;      ///< kRecoverable: no usable leader at the end, and it had its time.
  /// kRecoverable: more elections and more leaderships than one, or an election after the recovery.
  bool is_churning = false;
  /// kRecoverable: usable at the end, but not within the bound, counted from when somebody with a
  /// majority had the log.
  bool is_late = false;
  bool is_noisy = false;  ///< kHopeless: a campaign, or somebody still leads at the end.

  [[nodiscard]] bool is_clean() const {
    return !is_disturbed && !is_stuck && !is_churning && !is_late && !is_noisy;
  }
};

/// Judges every period without faults that is long enough by L1-L3 and L6, and reports what breaks
/// them to the Checker. A leader that hands over, because it is advised to for what its links lost
/// before the period began, begins a new one: it cannot know yet that they are healed, and what
/// follows must be one election, and soon. So does one whose lease lapses because the links lost,
/// by chance, what would have renewed it: a lease counts from what was sent up to one lease ago,
/// and that it still ran when the links were healed does not mean that anything had come through
/// lately. Links that lose some messages, links with a LinkModel, and slow, flooded or stalled
/// nodes make a period unfit for judgement: what they do to times is up to chance.
///
/// Watches beside `measures`, which must be added to the engine before it. Call `finish` at the
/// end. Not thread-safe: give it one owner.
class Liveness final : public Observer {
 public:
  /// `bound`: how soon a leader must stand (lease, two confirmation rounds, two votes). A period
  /// shorter than twice this is not judged, and what follows it is not taken as settled.
  /// `advice_memory`: for how long what was sick or lost messages by chance may still make a leader
  /// hand over, and `lease_memory` for how long it may still end a lease (RunOptions).
  Liveness(Measures& measures, Checker& checker, Duration bound, Duration advice_memory = {},
           Duration lease_memory = {})
      : measures_(measures),
        checker_(checker),
        bound_(bound),
        advice_memory_(advice_memory),
        lease_memory_(lease_memory) {}

  void moved(const Engine& engine, NodeIndex from, NodeIndex to, const Payload& payload,
             Fate fate) override;
  void noted(const Engine& engine, NodeIndex node, const Note& note) override;
  void faulted(const Engine& engine, const Fault& fault) override;

  /// Nothing before now is judged: the group has just been brought up.
  void begin(const Engine& engine);
  /// Judges the last period.
  void finish(const Engine& engine);

  [[nodiscard]] const std::vector<Period>& periods() const { return periods_; }

 private:
  void open(const Engine& engine);
  void close(const Engine& engine);
  void report(const Period& period, NodeSet could_lead);
  [[nodiscard]] bool suffers_from_before(const Engine& engine, std::string_view reason) const;

  Measures& measures_;
  Checker& checker_;
  Duration bound_;
  Duration advice_memory_;
  Duration lease_memory_;
  TrueTime troubled_until_{};  ///< The end of the newest period in which things went by chance.
  Period period_{};
  Reachability reachability_{};  ///< Throughout the period.
  bool is_open_ = false;
  /// The newest moment of the period, or its beginning, when there was no usable leader and nobody
  /// with a majority had the log.
  TrueTime constrained_until_{};
  TrueTime last_election_{};  ///< The newest one of this period; meaningful when it has one.
  bool is_troubled_ = false;  ///< A node or a link is sick: work may stand still.
  bool is_fit_ = true;        ///< Nothing goes wrong by chance.
  bool was_settled_ = false;  ///< A stable leader stood when the period began.
  std::vector<Period> periods_;
};

}  // namespace vouch::sim
