#pragma once

#include <cstdint>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/message.h"

namespace vouch {

/// Of how many heartbeats of a link the loss is counted.
inline constexpr int kLossWindow = 64;

/// So many `lost` of the newest `of` heartbeats, and a link is called lossy.
struct LossyCount {
  int lost;
  unsigned of;
};

/// The shorter ones tell heavy loss soon, the longer ones a lighter one in the end. Of K of N the
/// chance with each heartbeat is at most p C(N-1,K-1) p^(K-1) at a loss of p: the newest is lost
/// and K-1 of those before it. For p = 1 % that is 4.7e-10, 2.8e-10, 2.7e-10 and 2.4e-10; all four
/// together 1.3e-9: once in 2.5 years of one link at ten heartbeats a second, for 2 % once in six
/// days, for 0.1 % never. Of links that begin to lose 50 % half are told after 15 heartbeats, 99 %
/// after 34; of 30 % after 26 and 59.
inline constexpr LossyCount kLossyCounts[] = {{6, 12}, {7, 20}, {8, 32}, {10, 64}};

/// When a link is called bad. All follow from the interval of the heartbeats and the lease.
struct LinkLimits {
  Duration interval{};  ///< Between two heartbeats.
  /// So long without a heartbeat, more than five in a row: silent. Four times that of a lossy link,
  /// and twice that of one which lost two of the last 32: there some in a row are lost by chance.
  Duration silence{};
  Duration late{};  ///< This much older than the quickest: late.

  /// Silent after five intervals; late by two of them or a quarter of the lease, whichever is more.
  static constexpr LinkLimits of(Duration interval, Duration lease) {
    const Duration late = 2 * interval > lease / 4 ? 2 * interval : lease / 4;
    return {interval, 5 * interval, late};
  }
};

/// How one directed link does, from a peer to this node, by the heartbeats that arrive on it.
///
/// - Loss: gaps in their sequence numbers, the newest 64 as one bit each. Lossy: as kLossyCounts
///   say; no more when at most one of the last 32 was lost. Not judged while some arrive late: what
///   is missing may have been overtaken.
/// - Silence: nothing has arrived for LinkLimits::silence. What an outage costs is not counted as
///   lost, or each would end as a lossy link.
/// - Flapping: two outages have ended within 15 s, and between them four intervals or more were
///   carried with one in eight lost at most. No more when nothing has changed for one and a
///   half times the time between the last two, at least 3 s. A link that turns out to be lossy
///   between its outages had runs of losses: they are forgotten.
/// - Latency: the round trip by echo says how long; the change of (arrival - sending), each by its
///   own clock, says in which direction it grew. Against its least value, which rises by 2000 ppm:
///   more than clocks may drift apart. Late counts only if the round trip is as long, because a
///   clock that jumps looks the same. Slow: five of the last six were late.
///
/// Integers only, O(1) for each heartbeat. Not thread-safe: give it one owner.
class LinkHealth {
 public:
  /// Forgets everything: a new life of the peer begins, or this node's own. Until `now` plus twice
  /// the limit silence means nothing yet.
  void start(Instant now, const LinkLimits& limits);

  /// This node stood still until `now`: its silence and the numbers missed meanwhile tell nothing.
  void resume(Instant now);

  /// A heartbeat that arrived, newer than all before.
  struct Arrival {
    Seq seq{};
    std::uint8_t padded_behind = 0;  ///< Heartbeat::padded_behind.
    Duration offset{};               ///< Arrival by this node's clock minus sending by the peer's.
    Duration round_trip{};           ///< By echo; negative when the peer does not hear this node.
    bool is_excused = false;  ///< A pause of either end explains a silence and a late arrival.
  };
  void heard(Instant now, const Arrival& arrival, const LinkLimits& limits);

  /// Heartbeat `seq` came late, overtaken by newer ones: it was not lost.
  void overtaken(Seq seq);

  /// Time has passed. Call it once per heartbeat interval.
  void tick(Instant now, const LinkLimits& limits);

  /// What this link looks like. Flags kLosesLarge and kExited are not its business.
  [[nodiscard]] LinkReport report(Instant now, const LinkLimits& limits) const;

  [[nodiscard]] bool is_silent() const { return silent_; }
  /// The newest arrival was late: what it says is old.
  [[nodiscard]] bool is_late() const { return (late_ & 1U) != 0; }
  [[nodiscard]] Instant heard_at() const { return heard_at_; }

 private:
  [[nodiscard]] Duration silence_limit(const LinkLimits& limits) const;
  void end_outage(Instant now, const LinkLimits& limits);
  void count_missing(Instant now, const Arrival& arrival, const LinkLimits& limits);
  void compare_times(Instant now, const Arrival& arrival, const LinkLimits& limits);

  std::uint64_t lost_ = 0;  ///< Bit n: the n-th newest number is missing.
  std::uint8_t late_ = 0;   ///< Bit n: the n-th newest arrival was late.
  std::uint8_t latency_ = 0;
  bool silent_ = false;
  bool lossy_ = false;
  bool slow_ = false;
  bool flapping_ = false;
  bool follows_gap_ = true;  ///< Numbers missing before the next arrival tell nothing.
  bool offset_known_ = false;
  Seq newest_{};
  Instant heard_at_ = kLongAgo;  ///< Counts silence from here.
  Duration least_offset_{};
  Instant last_outage_end_ = kLongAgo;
  Duration outage_period_{};  ///< Between the ends of the last two.
  Instant changed_at_ = kLongAgo;
};

}  // namespace vouch
