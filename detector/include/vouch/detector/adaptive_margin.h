#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "vouch/detector/detector_config.h"
#include "vouch/detector/schedule.h"

namespace vouch {

/// log2 of a number of at least 1, by straight lines between the powers of two: the float's own
/// bits. Off by less than 0.09, equal on every machine, and `rough_exp2` is its exact inverse.
[[nodiscard]] inline float rough_log2(float value) {
  return static_cast<float>(std::bit_cast<std::int32_t>(value) - 0x3f80'0000) * 0x1p-23F;
}
/// The inverse, for exponents in [0, 100].
[[nodiscard]] inline float rough_exp2(float exponent) {
  return std::bit_cast<float>(static_cast<std::int32_t>(exponent * 0x1p23F) + 0x3f80'0000);
}

/// The adaptive-margin detector, this project's own (docs/DETECTORS.md has the evidence): the
/// expected arrival follows bursts, and the margin follows how rough the link is *expected* to be.
///
/// - Expected arrival: the later of the newest offset and the smoothed offset (gain 1/8). As in
///   2W-FD, lateness is believed at once and forgotten slowly.
/// - Jitter: the step from one offset to the next, in thirty-seconds of the interval. J is the
///   smoothed jitter (gain 1/8), L the smoothed log2(1 + jitter) (gain 1/256): rough now, rough
///   usually.
/// - Whether being rough now says anything about the next heartbeat differs from link to link.
/// kappa
///   in [0, 1] is the slope of the regression of log2(1 + next jitter) on log2(1 + J), about L, by
///   smoothed moments (gain 1/256) that begin at 1: on a link whose jitter has no memory the margin
///   comes to stand still.
/// - margin = safety_margin * 2^(3/4 (L + kappa (log2(1 + J) - L))): safety_margin is what a link
///   without jitter gets. The exponent is below 1 because delays have heavy tails: for a tail x^-a
///   the mistakes at a given mean detection time are fewest when the margin grows as the scale to
///   the power a / (a + 1), and a is near 3.
///
/// O(1), no window, no allocation. Logarithms are `rough_log2`, the rest is float arithmetic in a
/// fixed order. Outages and moved schedules: see OnSchedule.
class AdaptiveMargin : public OnSchedule<AdaptiveMargin> {
 public:
  /// `config` has been validated. Does not allocate.
  explicit AdaptiveMargin(const DetectorConfig& config)
      : OnSchedule(config.heartbeat_interval),
        per_interval_(32.0F / static_cast<float>(config.heartbeat_interval.count())),
        least_margin_(static_cast<float>(config.safety_margin.count())) {}

  void restart(std::int64_t offset) {
    anchor_ = offset;
    smoothed_ = newest_ = 0;
    jitter_ = kJitterAtStart;
    usual_ = rough_log2(1 + kJitterAtStart);
    variance_ = covariance_ = 0;
    set_margin(usual_);
  }

  void sample(std::int64_t absolute) {
    const std::int64_t offset = wrapping_subtract(absolute, anchor_);
    const float step = std::fabs(static_cast<float>(offset - newest_)) * per_interval_;
    const float jitter = std::min(step, kJitterMax);

    const float next = rough_log2(1 + jitter) - usual_;
    const float now_rough = rough_log2(1 + jitter_) - usual_;
    variance_ += kSlow * (now_rough * now_rough - variance_);
    covariance_ += kSlow * (now_rough * next - covariance_);
    usual_ += kSlow * next;
    jitter_ += kFast * (jitter - jitter_);
    newest_ = offset;
    smoothed_ += (offset - smoothed_) / 8;

    const float slope = (covariance_ + kPrior) / (variance_ + kPrior);
    const float kappa = std::clamp(slope, 0.0F, 1.0F);
    set_margin(usual_ + kappa * (rough_log2(1 + jitter_) - usual_));
  }

  [[nodiscard]] std::int64_t expected() const {
    return wrapping_add(anchor_, std::max(newest_, smoothed_));
  }
  [[nodiscard]] std::int64_t margin() const { return margin_; }

 private:
  static constexpr float kFast = 1.0F / 8;
  static constexpr float kSlow = 1.0F / 256;
  static constexpr float kPrior = 1.0F / 16;     ///< Moments of one sample at the start.
  static constexpr float kJitterAtStart = 1.6F;  ///< A twentieth of an interval.
  static constexpr float kJitterMax = 4095.0F;   ///< 128 intervals: the margin grows 512-fold.

  /// Below 24 h * 512, so every sum stays inside 64 bits.
  void set_margin(float log_jitter) {
    margin_ = static_cast<std::int64_t>(least_margin_ * rough_exp2(0.75F * log_jitter));
  }

  float per_interval_;  ///< Thirty-seconds of an interval per nanosecond.
  float least_margin_;  ///< safety_margin, in nanoseconds.
  float jitter_ = 0;
  float usual_ = 0;
  float variance_ = 0;
  float covariance_ = 0;
  std::int64_t margin_ = 0;
  std::int64_t anchor_ = 0;    ///< The offset that began the estimate; wraps.
  std::int64_t smoothed_ = 0;  ///< Against the anchor, as is the next.
  std::int64_t newest_ = 0;
};

}  // namespace vouch
