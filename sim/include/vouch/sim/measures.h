#pragma once

#include <array>
#include <cstdint>

#include "vouch/detector/time.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/network.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/split_votes.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// What happened to the group in one phase of a run.
struct Outcome {
  Duration length{};
  std::uint32_t elections = 0;  ///< Campaigns begun, each of which spends a term.
  /// Of these, begun by another node while a usable leader was there.
  std::uint32_t unnecessary_elections = 0;
  std::uint32_t leader_changes = 0;  ///< Leaderships won.
  std::uint32_t split_votes = 0;     ///< See SplitVotes; a term counts in its phase.
  std::uint64_t term_growth = 0;     ///< Of the newest term known anywhere.
  Duration unavailable{};            ///< Time without a usable leader.
  Duration longest_gap{};            ///< Longest time without one, gaps cut at the phase's borders.
  Duration first_gap{};        ///< The first one: the failover, if the phase begins with a fault.
  std::uint64_t messages = 0;  ///< Sent, lost ones included.
};

/// Measures a run from outside, for every protocol alike.
///
/// A *usable leader* leads, holds its lease if the protocol has leases, is neither crashed nor
/// paused, and reaches a majority both ways: it could commit. Times are true time. The call of
/// `start_phase` begins a phase and ends the one before; nothing before the first counts. Not
/// thread-safe: give it one owner.
class Measures final : public Observer {
 public:
  void stepped(const Engine& engine, NodeIndex node, const ReplicaStatus& status) override;
  void noted(const Engine& engine, NodeIndex node, const Note& note) override;
  void faulted(const Engine& engine, const Fault& fault) override;

  void start_phase(const Engine& engine);

  /// The outcome of the running phase up to now.
  [[nodiscard]] Outcome outcome(const Engine& engine) const;

  /// Nodes that are usable leaders now.
  [[nodiscard]] NodeSet usable_leaders(const Engine& engine) const;

  /// When leadership or usability last changed: the group has been stable since.
  [[nodiscard]] TrueTime last_change() const { return last_change_; }

  /// The end of the newest time without a usable leader, as far as it is accounted for; kStart if
  /// there was always one. Call `settle` first.
  [[nodiscard]] TrueTime last_unusable() const { return last_unusable_; }

  /// Accounts for the time up to now.
  void settle(const Engine& engine) { account(engine.now()); }

  /// The newest term known anywhere.
  [[nodiscard]] Term newest_term() const { return newest_term_; }

 private:
  struct Watched {
    bool leads = false;
    Instant lease_until = kLongAgo;
    TrueTime usable_until = kStart;  ///< If it stays as it is.
  };

  void update(const Engine& engine, NodeIndex node);
  void account(TrueTime now);

  std::array<Watched, kMaxSimNodes> nodes_{};
  Outcome phase_{};
  SplitVotes split_votes_{};
  TrueTime phase_began_{};
  TrueTime accounted_{};
  TrueTime usable_until_{};     ///< The latest of the nodes'.
  TrueTime gap_began_{};        ///< When the running gap began, if one runs.
  TrueTime first_gap_began_{};  ///< Of the phase; meaningful when phase_.first_gap is above zero.
  TrueTime last_unusable_{};
  TrueTime last_change_{};
  Term newest_term_{};
  Term phase_term_{};
  std::uint64_t phase_sent_ = 0;
  bool is_counting_ = false;
};

}  // namespace vouch::sim
