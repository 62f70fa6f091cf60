#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/sim/network.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// How the delay of a link varies beyond its least delay and uniform jitter.
enum class DelayShape : std::uint8_t {
  kNone,
  kLognormal,  ///< Added: lognormal with a median and a sigma; the least delay is its shift.
  kPareto,     ///< Added to some messages: a Pareto tail.
  kTrace,      ///< Added: delays that were recorded, over and over: one after the other, one per
               ///< message; or by time, and then a negative one says that it is lost.
};

/// What goes wrong on one directed link beyond what Link says. Nothing, as made. Probabilities are
/// in parts per million, delays in nanoseconds.
struct LinkModel {
  // Loss in bursts (Gilbert 1960, Elliott 1963; the parameters of netem's gemodel): before each
  // message the link may change between a good and a bad state.
  std::uint32_t burst_enter = 0;  ///< Chance of good to bad; 0: no bursts.
  std::uint32_t burst_leave = 0;  ///< Chance of bad to good.
  std::uint32_t loss_good = 0;
  std::uint32_t loss_bad = 0;
  bool is_bad = false;

  DelayShape shape = DelayShape::kNone;
  Duration scale{};               ///< kLognormal: median; kPareto: least delay of the tail.
  std::int64_t shape_number = 0;  ///< Sigma or alpha, times 1000.
  std::uint32_t tail_chance = 0;  ///< kPareto.
  Duration cap{};                 ///< kLognormal, kPareto: nothing is added beyond this.
  std::size_t trace = 0;          ///< kTrace: which one, and where this link is in it.
  std::size_t trace_at = 0;
  Duration trace_step{};   ///< kTrace: each delay holds for so long; zero: for one message.
  TrueTime trace_began{};  ///< By time: when this link was at `trace_at`.

  // A jump that all messages share: from one added delay to another, at once or in a ramp.
  Duration jump_from{};
  Duration jump_to{};
  TrueTime jump_began{};
  Duration ramp{};

  std::uint32_t reorder = 0;  ///< Chance that a message is held back by `reorder_by`.
  Duration reorder_by{};
  std::uint32_t duplicate = 0;  ///< Chance that `copies` more arrive.
  std::uint8_t copies = 0;
  std::uint32_t corrupt = 0;  ///< Chance that bits of the datagram flip.
  std::size_t mtu = 0;        ///< Longer datagrams are lost; 0: none is.

  // A queue at the sender's end: one message after the other, tail drop.
  std::int64_t bits_per_second = 0;  ///< 0: no limit.
  Duration spacing{};                ///< Or so long for each message whatever its size (trickle).
  std::size_t queue_limit = 0;       ///< Messages that may wait.
  TrueTime queue_free_at{};          ///< When the last of them will have gone.
  std::vector<TrueTime> waiting;     ///< When each will have gone, oldest first.

  /// Whether anything at all goes wrong.
  [[nodiscard]] bool is_active() const;
};

/// The models of all links of a simulation: who gets through, when, and how often.
///
/// Each concern draws from a stream of its own, so that switching one on does not shift the others.
/// Not thread-safe: give it one owner.
class LinkModels {
 public:
  static constexpr std::size_t kMaxCopies = 16;

  /// `traces` must outlive it.
  LinkModels(std::size_t nodes, const Rng& seed, const std::vector<std::vector<Duration>>& traces);

  /// Takes a fault of a link's model over and returns whether the link has an active model now.
  bool apply(const Fault& fault, TrueTime now);

  /// The link is again as made.
  void reset(NodeIndex from, NodeIndex to);

  /// What becomes of one datagram.
  struct Passage {
    Fate fate = Fate::kSent;
    bool is_corrupt = false;
    std::size_t count = 1;  ///< Arrivals; more than one: duplicates.
    TrueTime arrives[kMaxCopies + 1]{};
  };

  /// Lets a datagram of `size` bytes, sent at `now`, pass; `base` is the delay that the Link gave.
  Passage pass(NodeIndex from, NodeIndex to, std::size_t size, TrueTime now, Duration base);

  /// For whoever flips the bits of a corrupted datagram.
  [[nodiscard]] Rng& corruption() { return corrupt_rng_; }

  [[nodiscard]] const LinkModel& at(NodeIndex from, NodeIndex to) const {
    return models_[from * nodes_ + to];
  }

 private:
  [[nodiscard]] LinkModel& model(NodeIndex from, NodeIndex to) {
    return models_[from * nodes_ + to];
  }
  bool is_lost(LinkModel& model, TrueTime now);
  [[nodiscard]] Duration recorded(const LinkModel& model, TrueTime now) const;
  bool enqueue(LinkModel& model, std::size_t size, TrueTime now, TrueTime& leaves);
  Duration varied(LinkModel& model, TrueTime now);

  std::size_t nodes_;
  std::vector<LinkModel> models_;
  const std::vector<std::vector<Duration>>& traces_;
  Rng burst_rng_;
  Rng shape_rng_;
  Rng reorder_rng_;
  Rng duplicate_rng_;
  Rng corrupt_rng_;
};

}  // namespace vouch::sim
