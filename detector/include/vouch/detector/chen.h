#pragma once

#include <cstdint>

#include "vouch/detector/detector_config.h"
#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/detector/window.h"

namespace vouch {

/// NFD-E (Chen, Toueg, Aguilera, "On the quality of service of failure detectors", IEEE ToC 2002,
/// section 6.3): the freshness point is the expected arrival of the next heartbeat plus a margin.
///
/// Heartbeat i is sent at i * interval of the sender's clock. Its *offset* here is
/// `arrival_i - interval * i`: the delay plus an unknown constant. The expected arrival of
/// heartbeat l+1 is the mean offset of the newest `window_size` heartbeats plus
/// `interval * (l + 1)`. Lost heartbeats leave no trace in it: only their numbers are skipped.
///
/// Modification: the paper's sender never stops; a real one is paused, and then all its later
/// heartbeats are late by the pause. A heartbeat that comes more than one interval after its own
/// freshness point therefore belongs to an outage: it is not sampled. If the next one is as late
/// again (it has not caught up half an interval), the sender's schedule has moved and the window
/// restarts there. While a backlog drains each heartbeat catches up one interval, so old heartbeats
/// are neither sampled nor do they make the sender trusted. A heartbeat early by more than the
/// mirror image of that shows a moved schedule too and restarts the window at once.
///
/// Integer arithmetic throughout. The mean is exact to two units of the window (512 ns).
class ChenNfdE {
 public:
  /// `config` has been validated. Allocates the window.
  explicit ChenNfdE(const DetectorConfig& config)
      : window_(static_cast<std::uint16_t>(config.window_size),
                Window::shift_for(4 * (config.heartbeat_interval + config.safety_margin), 31)),
        interval_(config.heartbeat_interval.count()),
        margin_(config.safety_margin.count()) {}

  /// The freshness point that follows from heartbeat `seq`, arrived at `now`. `suspect_at` is the
  /// one before (kNever for the first heartbeat) and `newest` the number that it followed from.
  ///
  /// Inline, as it runs per heartbeat and peer.
  [[nodiscard]] Instant heartbeat(Instant now, Seq seq, Instant suspect_at, Seq newest) {
    if (suspect_at == kNever) {
      restart(now, seq);
    } else {
      const std::int64_t own_suspect_at =
          wrapping_add(nanoseconds(suspect_at), intervals(seq.value() - newest.value() - 1));
      const std::int64_t late = wrapping_subtract(nanoseconds(now), own_suspect_at);
      if (late >= interval_) [[unlikely]] {
        if (!schedule_moved(late)) return at(wrapping_add(own_suspect_at, interval_));
        restart(now, seq);
      } else if (late < -interval_ - 2 * margin_) [[unlikely]] {
        restart(now, seq);
      } else {
        outage_late_ = kNoOutage;
        sample(offset_of(now, seq));
      }
    }
    return at(expected_arrival(seq.value() + 1) + margin_);
  }

 private:
  static constexpr std::int64_t kNoOutage = INT64_MAX;

  static std::int64_t nanoseconds(Instant at) { return at.time_since_epoch().count(); }
  static Instant at(std::int64_t nanoseconds) { return Instant(Duration(nanoseconds)); }

  /// Numbers come from the network, so every product with them wraps instead of overflowing: an
  /// absurd jump gives an absurd offset, which restarts the window like any other moved schedule.
  static std::int64_t wrapping_subtract(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
  }
  static std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  }
  [[nodiscard]] std::int64_t intervals(std::uint64_t count) const {
    return static_cast<std::int64_t>(count * static_cast<std::uint64_t>(interval_));
  }

  /// The offset of a heartbeat against the first one of the window, in units of the window.
  [[nodiscard]] std::int64_t offset_of(Instant now, Seq seq) const {
    return wrapping_subtract(wrapping_subtract(nanoseconds(now), intervals(seq.value())),
                             anchor_) >>
           window_.shift();
  }

  /// Turns the division by the number of samples into a multiplication: a division per heartbeat
  /// would cost as much as everything else together.
  static std::uint64_t reciprocal_of(std::uint16_t count) {
    return (std::uint64_t{1} << 63) / count + 1;
  }

  [[nodiscard]] std::int64_t expected_arrival(std::uint64_t seq) const {
    __extension__ using Wide = __int128;
    const auto mean = static_cast<std::int64_t>((static_cast<Wide>(sum_) * reciprocal_) >> 63);
    const std::int64_t half_unit = std::int64_t{1} << (window_.shift() - 1);
    const std::int64_t offset = mean * (std::int64_t{1} << window_.shift()) + half_unit;
    return wrapping_add(wrapping_add(intervals(seq), anchor_), offset);
  }

  /// A late heartbeat after another late one: true if it did not catch up.
  [[nodiscard]] bool schedule_moved(std::int64_t late) {
    const bool moved = outage_late_ != kNoOutage && late > outage_late_ - interval_ / 2;
    outage_late_ = late;
    return moved;
  }

  /// Begins the window with this heartbeat as its only sample.
  void restart(Instant now, Seq seq) {
    window_.clear();
    window_.push(0);
    reciprocal_ = reciprocal_of(1);
    anchor_ = wrapping_subtract(nanoseconds(now), intervals(seq.value()));
    first_ = last_ = sum_ = 0;
    outage_late_ = kNoOutage;
  }

  /// The window holds the *steps* from one offset to the next, which fit into 32 bits however far
  /// the two clocks drift apart; the offset of its oldest sample is kept beside it.
  void sample(std::int64_t offset) {
    const auto step = static_cast<std::uint32_t>(static_cast<std::int32_t>(offset - last_));
    const bool evicts = window_.full();
    window_.push(step);
    sum_ += offset;
    if (evicts) {
      sum_ -= first_;
      first_ += static_cast<std::int32_t>(window_.oldest());
    } else {
      reciprocal_ = reciprocal_of(window_.size());
    }
    last_ = offset;
  }

  Window window_;
  std::int64_t interval_;
  std::int64_t margin_;
  std::int64_t anchor_ = 0;  ///< Arrival minus interval * number, of the first heartbeat; wraps.
  std::int64_t first_ = 0;   ///< Offset of the oldest sample.
  std::int64_t last_ = 0;    ///< Offset of the newest sample.
  std::int64_t sum_ = 0;     ///< Sum of the offsets in the window.
  std::uint64_t reciprocal_ = 0;          ///< 2^63 / number of samples, rounded up.
  std::int64_t outage_late_ = kNoOutage;  ///< How late the last heartbeat was, if unsampled.
};

}  // namespace vouch
