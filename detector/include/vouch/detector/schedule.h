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
/// constant. `Estimator` derives from `OnSchedule<Estimator>` and offers `restart(offset)`,
/// `sample(offset)`, `expected()` (the offset to be expected, in nanoseconds) and `margin()`, which
/// is at least zero and changes with these two only. Lost heartbeats leave no trace: only their
/// numbers are skipped.
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
  /// Moves `suspect_at`, kNever before the first heartbeat, to the freshness point that follows
  /// from heartbeat `seq`, arrived at `now`.
  ///
  /// Inline, as it runs per heartbeat and peer. What is not routine is done elsewhere, from as few
  /// values as possible, so that this needs no stack.
  void heartbeat(Instant now, Seq seq, Sampling sampling, Instant& suspect_at) {
    Estimator& self = static_cast<Estimator&>(*this);
    const std::int64_t scheduled = intervals(seq.value());
    const std::int64_t offset = wrapping_subtract(nanoseconds(now), scheduled);
    if (sampling == Sampling::kOff) [[unlikely]] {
      return take_unsampled(scheduled, offset, suspect_at);
    }
    bool is_routine = true;
    if constexpr (!requires { self.forget(); }) is_routine = suspect_at != kNever;
    if (!is_routine || !is_usual(offset) || !self.is_routine(offset)) [[unlikely]] {
      return take_unusual(scheduled, offset, suspect_at);
    }
    outage_late_ = kNoOutage;
    self.sample_routine(offset);
    latest_ = self.latest();
    suspect_at = at(wrapping_add(wrapping_add(scheduled, latest_), interval_));
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
  [[nodiscard]] std::int64_t interval() const { return interval_; }

  /// An estimator whose `sample` has an unusual case tells it by hiding these two; `is_routine` is
  /// asked about usual offsets only. If it has `forget()` too, nothing is routine after that until
  /// the next `restart`.
  static bool is_routine(std::int64_t /*offset*/) { return true; }
  void sample_routine(std::int64_t offset) { static_cast<Estimator&>(*this).sample(offset); }
  /// `expected()` and `margin()` together, hidden by an estimator that can add them sooner.
  [[nodiscard]] std::int64_t latest() const {
    const Estimator& self = static_cast<const Estimator&>(*this);
    return wrapping_add(self.expected(), self.margin());
  }

 private:
  static constexpr float kNoOutage = std::numeric_limits<float>::infinity();
  static constexpr float kUnsampled = std::numeric_limits<float>::quiet_NaN();

  [[nodiscard]] std::int64_t intervals(std::uint64_t count) const {
    return static_cast<std::int64_t>(count * static_cast<std::uint64_t>(interval_));
  }

  /// Neither so late nor so early that it is no sample.
  [[nodiscard]] bool is_usual(std::int64_t offset) const {
    const std::int64_t late = wrapping_subtract(offset, latest_);
    // One comparison for most: late is in [-interval, interval).
    const auto interval = static_cast<std::uint64_t>(interval_);
    if (static_cast<std::uint64_t>(late) + interval < 2 * interval) return true;
    return late < 0 && late >= -interval_ - 2 * static_cast<const Estimator&>(*this).margin();
  }

  [[gnu::noinline, gnu::cold]] void take_unusual(std::int64_t scheduled, std::int64_t offset,
                                                 Instant& suspect_at) {
    Estimator& self = static_cast<Estimator&>(*this);
    const std::int64_t late = wrapping_subtract(offset, latest_);
    const bool is_first = suspect_at == kNever;
    if (!is_first && is_usual(offset)) {
      outage_late_ = kNoOutage;
      self.sample(offset);
      latest_ = self.latest();
    } else if (is_first || late < interval_ || !is_outage(late)) {
      outage_late_ = kNoOutage;
      self.restart(offset);
      latest_ = self.latest();
    }
    suspect_at = at(wrapping_add(wrapping_add(scheduled, latest_), interval_));
  }

  /// With Sampling::kOff. The first heartbeat is what the estimate begins with all the same.
  [[gnu::noinline, gnu::cold]] void take_unsampled(std::int64_t scheduled, std::int64_t offset,
                                                   Instant& suspect_at) {
    if (suspect_at == kNever) return take_unusual(scheduled, offset, suspect_at);
    // The schedule may have moved unseen, so this heartbeat gets an interval from here, like that
    // of a fixed timeout. Its number is not believed: nothing checks it against the schedule.
    outage_late_ = kUnsampled;
    const Instant now = at(wrapping_add(scheduled, offset));
    suspect_at =
        saturating_add(now, Duration(interval_ + static_cast<const Estimator&>(*this).margin()));
  }

  /// Whether a late heartbeat belongs to an outage. After another late one it does if it caught up:
  /// otherwise the schedule has moved. So it has after heartbeats that were not sampled.
  [[nodiscard]] bool is_outage(std::int64_t late) {
    if (std::isnan(outage_late_)) return false;
    const auto late_now = static_cast<float>(late);
    const bool moved = late_now > outage_late_ - static_cast<float>(interval_) / 2;
    outage_late_ = late_now;
    return !moved;
  }

  std::int64_t interval_;
  std::int64_t latest_ = 0;  ///< The offset up to which a heartbeat is in time; wraps.
  /// How late the last heartbeat was, in nanoseconds, if it was not sampled. A float keeps half an
  /// interval apart in outages of days, in four bytes. kUnsampled after Sampling::kOff.
  float outage_late_ = kNoOutage;
};

/// The mean offset of the newest heartbeats: the estimate of NFD-E (Chen et al. 2002, section 6.3).
///
/// Integer arithmetic throughout. The mean is exact to two units of the window (512 ns).
class OffsetWindow {
 public:
  /// Allocates room for `capacity` samples. An offset further than about `longest` from the mean
  /// begins the window anew.
  OffsetWindow(std::uint16_t capacity, Duration longest)
      : window_(capacity, Window::shift_for(longest, kSpanBits)) {}

  /// Begins the window with this offset as its only sample.
  void restart(std::int64_t offset) {
    window_.clear();
    window_.push(0);
    reciprocal_ = reciprocal_of(1);
    anchor_ = offset;
    sum_ = mean_ = 0;
  }

  /// Adds an offset, over the oldest one if the window is full. False if it was too far from the
  /// mean, so that the window began anew.
  ///
  /// The window holds the low 32 bits of each offset in units against the anchor: however far the
  /// two clocks drift apart, the offsets of one window lie close together. None is added that is
  /// 2^28 units from the mean of those before it, so that two of them differ by less than five
  /// times as much, and their difference follows from the low bits.
  bool sample(std::int64_t absolute) {
    if (is_routine(absolute)) {
      sample_routine(absolute);
      return true;
    }
    const std::int64_t offset = relative(absolute);
    if (!is_near(offset)) {
      restart(absolute);
      return false;
    }
    window_.push(static_cast<std::uint32_t>(offset));
    sum_ += offset;
    reciprocal_ = reciprocal_of(window_.size());
    set_mean();
    return true;
  }

  /// Forgets all samples.
  void clear() { window_.clear(); }

  [[nodiscard]] bool full() const { return window_.full(); }

  /// The same in two parts for a full window and an offset near its mean.
  [[nodiscard]] bool is_routine(std::int64_t absolute) const {
    return window_.full() && is_near(relative(absolute));
  }
  void sample_routine(std::int64_t absolute) {
    replace_oldest(static_cast<std::uint32_t>(relative(absolute)));
  }
  /// The same; returns how far the offset is beyond the mean of those before it, in halves of a
  /// unit.
  std::int64_t sample_routine_late_by(std::int64_t absolute) {
    const std::int64_t halves = relative_halves(absolute);
    const std::int64_t late_by = halves - mean_halves();
    replace_oldest(static_cast<std::uint32_t>(halves >> 1));
    return late_by;
  }

  /// Nanoseconds in halves of a unit, rounded down, and back.
  [[nodiscard]] std::int64_t to_halves(std::int64_t nanoseconds) const {
    return nanoseconds >> window_.half_shift();
  }
  [[nodiscard]] std::int64_t from_halves(std::int64_t halves) const {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(halves) << window_.half_shift());
  }

  /// An offset less the mean, in halves of a unit.
  [[nodiscard]] std::int64_t halves_beyond_mean(std::int64_t absolute) const {
    return relative_halves(absolute) - mean_halves();
  }

  /// The mean of the offsets; wraps like the offsets themselves.
  [[nodiscard]] std::int64_t mean() const { return absolute(mean_); }
  /// The mean plus so many halves of a unit.
  [[nodiscard]] std::int64_t beyond_mean(std::int64_t halves) const {
    return static_cast<std::int64_t>(
        static_cast<std::uint64_t>(anchor_) +
        static_cast<std::uint64_t>(from_halves(mean_halves() + halves)));
  }

  /// The mean of the newest `count` offsets (of all, if there are fewer), in as many steps.
  [[nodiscard]] std::int64_t newest_mean(std::uint16_t count) const {
    if (count > window_.size()) count = window_.size();
    const std::uint32_t last = window_.newest(0);
    const std::int64_t beyond_mean =
        static_cast<std::int32_t>(last - static_cast<std::uint32_t>(mean_));
    std::int64_t beyond_last = 0;
    for (std::uint16_t back = 1; back < count; ++back)
      beyond_last += static_cast<std::int32_t>(window_.newest(back) - last);
    // Rounds towards zero where `mean` rounds down: within the two units.
    if (count > 1) beyond_last /= count;
    return absolute(mean_ + beyond_mean + beyond_last);
  }

 private:
  static constexpr int kSpanBits = 28;

  [[nodiscard]] bool is_near(std::int64_t offset) const {
    constexpr std::uint64_t span = std::uint64_t{1} << kSpanBits;
    return static_cast<std::uint64_t>(offset) - static_cast<std::uint64_t>(mean_) + span < 2 * span;
  }

  void replace_oldest(std::uint32_t low_bits) {
    sum_ += static_cast<std::int32_t>(low_bits - window_.replace_oldest(low_bits));
    set_mean();
  }

  /// Four times the sum, as the upper half of a product comes for free.
  void set_mean() {
    __extension__ using Wide = __int128;
    const auto fourfold = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum_) << 2);
    mean_ = static_cast<std::int64_t>((static_cast<Wide>(fourfold) * reciprocal_) >> 64);
  }

  /// Turns the division by the number of samples into a multiplication: a division per heartbeat
  /// would cost as much as everything else together.
  static std::int64_t reciprocal_of(std::uint16_t count) {
    return (std::int64_t{1} << 62) / count + 1;
  }

  /// The middle of the unit in which the mean is, against the anchor.
  [[nodiscard]] std::int64_t mean_halves() const { return 2 * mean_ + 1; }
  [[nodiscard]] std::int64_t relative_halves(std::int64_t offset) const {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(offset) -
                                     static_cast<std::uint64_t>(anchor_)) >>
           window_.half_shift();
  }

  /// An offset against the first one of the window, in units of the window.
  [[nodiscard]] std::int64_t relative(std::int64_t offset) const {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(offset) -
                                     static_cast<std::uint64_t>(anchor_)) >>
           window_.shift();
  }
  [[nodiscard]] std::int64_t absolute(std::int64_t units) const {
    // The middle of the unit, in halves of one.
    const std::uint64_t halves = 2 * static_cast<std::uint64_t>(units) + 1;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(anchor_) +
                                     (halves << (window_.shift() - 1)));
  }

  Window window_;
  std::int64_t anchor_ = 0;      ///< The offset that began the window; wraps.
  std::int64_t sum_ = 0;         ///< The sum of the samples, in units against the anchor.
  std::int64_t mean_ = 0;        ///< Their mean.
  std::int64_t reciprocal_ = 0;  ///< 2^62 / number of samples, rounded up.
};

}  // namespace vouch
