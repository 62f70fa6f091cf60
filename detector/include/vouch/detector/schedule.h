#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/detector/window.h"

namespace vouch {

/// What the detectors have in common that expect heartbeat i near i * interval of the sender's
/// clock (Chen, Toueg, Aguilera, "On the quality of service of failure detectors", IEEE ToC 2002,
/// sections 3 and 6): NFD-S, NFD-E, Bertier's, the two-window and the adaptive-margin detector.
///
/// The *offset* of a heartbeat is `arrival - interval * number`: the delay plus an unknown
/// constant. `Estimator` derives from `OnSchedule<Estimator>` and offers `restart(now, seq)`,
/// `sample(now, seq)`, `expected(seq)` (the expected arrival, in nanoseconds) and `margin()`. Lost
/// heartbeats leave no trace: only their numbers are skipped.
///
/// Modification: the paper's sender never stops; a real one is paused, and then all its later
/// heartbeats are late by the pause. A heartbeat that comes more than one interval after its own
/// freshness point therefore belongs to an outage: it is not sampled. If the next one is as late
/// again (it has not caught up half an interval), the sender's schedule has moved and the estimate
/// restarts there. While a backlog drains each heartbeat catches up one interval, so old heartbeats
/// are neither sampled nor do they make the sender trusted. A heartbeat early by more than the
/// mirror image of that shows a moved schedule too and restarts the estimate at once.
template <typename Estimator>
class OnSchedule {
 public:
  /// The freshness point that follows from heartbeat `seq`, arrived at `now`. `suspect_at` is the
  /// one before (kNever for the first heartbeat) and `newest` the number that it followed from.
  ///
  /// Inline, as it runs per heartbeat and peer.
  [[nodiscard]] Instant heartbeat(Instant now, Seq seq, Instant suspect_at, Seq newest,
                                  Sampling sampling) {
    Estimator& self = static_cast<Estimator&>(*this);
    if (suspect_at == kNever) [[unlikely]] {
      restart(now, seq);
    } else if (sampling == Sampling::kOff) [[unlikely]] {
      // The schedule may have moved unseen, so this heartbeat gets an interval from here, like that
      // of a fixed timeout. Its number is not believed: nothing checks it against the schedule.
      outage_late_ = kUnsampled;
      return saturating_add(now, Duration(interval_ + self.margin()));
    } else {
      // After such heartbeats the freshness point is not on the schedule: the estimate is asked.
      const bool was_off = std::isnan(outage_late_);
      const std::int64_t own_suspect_at =
          was_off
              ? wrapping_add(self.expected(seq.value()), self.margin())
              : wrapping_add(nanoseconds(suspect_at), intervals(seq.value() - newest.value() - 1));
      const std::int64_t late = wrapping_subtract(nanoseconds(now), own_suspect_at);
      if (late >= interval_) [[unlikely]] {
        if (!was_off && !schedule_moved(late)) return at(wrapping_add(own_suspect_at, interval_));
        restart(now, seq);
      } else if (late < -interval_ - 2 * self.margin()) [[unlikely]] {
        restart(now, seq);
      } else {
        outage_late_ = kNoOutage;
        self.sample(now, seq);
      }
    }
    return at(wrapping_add(self.expected(seq.value() + 1), self.margin()));
  }

 protected:
  explicit OnSchedule(Duration interval) : interval_(interval.count()) {}

  static std::int64_t nanoseconds(Instant at) { return at.time_since_epoch().count(); }
  static Instant at(std::int64_t nanoseconds) { return Instant(Duration(nanoseconds)); }

  /// Numbers come from the network, so every product with them wraps instead of overflowing: an
  /// absurd jump gives an absurd offset, which restarts the estimate like any moved schedule.
  static std::int64_t wrapping_subtract(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
  }
  static std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  }
  [[nodiscard]] std::int64_t intervals(std::uint64_t count) const {
    return static_cast<std::int64_t>(count * static_cast<std::uint64_t>(interval_));
  }

  /// The offset of a heartbeat; wraps.
  [[nodiscard]] std::int64_t offset_of(Instant now, Seq seq) const {
    return wrapping_subtract(nanoseconds(now), intervals(seq.value()));
  }

  [[nodiscard]] std::int64_t interval() const { return interval_; }

 private:
  static constexpr float kNoOutage = std::numeric_limits<float>::infinity();
  static constexpr float kUnsampled = std::numeric_limits<float>::quiet_NaN();

  void restart(Instant now, Seq seq) {
    outage_late_ = kNoOutage;
    static_cast<Estimator&>(*this).restart(now, seq);
  }

  /// A late heartbeat after another late one: true if it did not catch up.
  [[nodiscard]] bool schedule_moved(std::int64_t late) {
    const auto late_now = static_cast<float>(late);
    const bool moved = late_now > outage_late_ - static_cast<float>(interval_) / 2;
    outage_late_ = late_now;
    return moved;
  }

  std::int64_t interval_;
  /// How late the last heartbeat was, in nanoseconds, if it was not sampled. A float keeps half an
  /// interval apart in outages of days, in four bytes. kUnsampled after Sampling::kOff.
  float outage_late_ = kNoOutage;
};

/// The mean offset of the newest heartbeats: the estimate of NFD-E (Chen et al. 2002, section 6.3).
///
/// Integer arithmetic throughout. The mean is exact to two units of the window (512 ns).
class OffsetWindow {
 public:
  /// Allocates room for `capacity` samples. Steps from one offset to the next of up to `longest`
  /// fit; a longer one begins the window anew.
  OffsetWindow(std::uint16_t capacity, Duration longest)
      : window_(capacity, Window::shift_for(longest, 31)) {}

  /// Begins the window with this offset as its only sample.
  void restart(std::int64_t offset) {
    window_.clear();
    window_.push(0);
    reciprocal_ = reciprocal_of(1);
    anchor_ = offset;
    first_ = last_ = sum_ = 0;
  }

  /// Adds an offset, over the oldest one if the window is full.
  ///
  /// The window holds the *steps* from one offset to the next, which fit into 32 bits however far
  /// the two clocks drift apart; the offset of its oldest sample is kept beside it.
  void sample(std::int64_t absolute) {
    const std::int64_t offset = relative(absolute);
    const std::int64_t long_step = offset - last_;
    const auto step = static_cast<std::int32_t>(long_step);
    if (step != long_step) [[unlikely]]
      return restart(absolute);
    const bool evicts = window_.full();
    window_.push(static_cast<std::uint32_t>(step));
    sum_ += offset;
    if (evicts) {
      sum_ -= first_;
      first_ += static_cast<std::int32_t>(window_.oldest());
    } else {
      reciprocal_ = reciprocal_of(window_.size());
    }
    last_ = offset;
  }

  /// The mean of the offsets; wraps like the offsets themselves.
  [[nodiscard]] std::int64_t mean() const {
    __extension__ using Wide = __int128;
    return absolute(static_cast<std::int64_t>((static_cast<Wide>(sum_) * reciprocal_) >> 63));
  }

  /// The mean of the newest `count` offsets (of all, if there are fewer), in as many steps.
  [[nodiscard]] std::int64_t newest_mean(std::uint16_t count) const {
    if (count > window_.size()) count = window_.size();
    std::int64_t below_last = 0;
    for (std::uint16_t back = 0; back + 1 < count; ++back) {
      below_last +=
          static_cast<std::int32_t>(window_.newest(back)) * std::int64_t{count - 1 - back};
    }
    // Rounds towards zero where `mean` rounds down: within the two units.
    return absolute(last_ - below_last / count);
  }

 private:
  /// Turns the division by the number of samples into a multiplication: a division per heartbeat
  /// would cost as much as everything else together.
  static std::uint64_t reciprocal_of(std::uint16_t count) {
    return (std::uint64_t{1} << 63) / count + 1;
  }

  /// An offset against the first one of the window, in units of the window.
  [[nodiscard]] std::int64_t relative(std::int64_t offset) const {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(offset) -
                                     static_cast<std::uint64_t>(anchor_)) >>
           window_.shift();
  }
  [[nodiscard]] std::int64_t absolute(std::int64_t units) const {
    const std::int64_t half_unit = std::int64_t{1} << (window_.shift() - 1);
    const std::int64_t offset = units * (std::int64_t{1} << window_.shift()) + half_unit;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(anchor_) +
                                     static_cast<std::uint64_t>(offset));
  }

  Window window_;
  std::int64_t anchor_ = 0;       ///< The offset that began the window; wraps.
  std::int64_t first_ = 0;        ///< The oldest sample, in units against the anchor.
  std::int64_t last_ = 0;         ///< The newest sample.
  std::int64_t sum_ = 0;          ///< The sum of the samples.
  std::uint64_t reciprocal_ = 0;  ///< 2^63 / number of samples, rounded up.
};

}  // namespace vouch
