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

/// The adaptive-margin detector, this project's own (docs/DETECTORS.md has the evidence): it learns
/// from a link how long a delay lasts and whether jitter announces more of it, and is Chen's
/// detector where neither is so, a fixed timeout where delays last, and something in between
/// elsewhere.
///
/// - Expected offset: mean + memory * (newest offset - mean). `memory` in [0, 1] is the slope of
/// the
///   regression of an offset on the one before, about the mean (the best linear forecast of a
///   process with a memory of one step: Box, Jenkins, "Time series analysis", 1970, chapter 5): 0
///   is NFD-E's expected arrival, 1 that of a fixed timeout, and a short window of 2W-FD. A config
///   without `memory` makes it 0, for links on which it is learned from what does not repeat:
///   single slow heartbeats that say nothing of the next (docs/DETECTORS.md has such recordings).
///   The mean counts all offsets equally until there are 1,000, then smooths with that gain.
/// - Jitter: the error of that expectation, in thirty-seconds of the interval. J is the
///   smoothed jitter (gain 1/8), L the smoothed log2(1 + jitter) (gain 1/256): rough now, rough
///   usually.
/// - Whether being rough now says anything about the next heartbeat differs from link to link.
/// kappa
///   in [0, 1] is the slope of the regression of log2(1 + next jitter) on log2(1 + J), about L: on
///   a link whose jitter has no memory the margin comes to stand still.
/// - margin = safety_margin * 2^(agility (L + kappa (log2(1 + J) - L))): safety_margin is what a
/// link
///   without jitter gets. The usual agility, 3/4, is below 1 because delays have heavy tails: for a
///   tail x^-a the mistakes at a given mean detection time are fewest when the margin grows as the
///   scale to the power a / (a + 1), and a is near 3. 0 is a constant margin.
///
/// Both regressions are of smoothed moments (gain 1/256), which begin as if a sixteenth had been
/// seen for a slope of 1.
///
/// O(1), no window, no allocation. Logarithms are `rough_log2`, the rest is float arithmetic in a
/// fixed order. Outages and moved schedules: see OnSchedule.
class AdaptiveMargin : public OnSchedule<AdaptiveMargin> {
 public:
  /// `config` has been validated. Does not allocate.
  explicit AdaptiveMargin(const DetectorConfig& config)
      : OnSchedule(config.heartbeat_interval),
        per_interval_(32.0F / static_cast<float>(config.heartbeat_interval.count())),
        least_margin_(static_cast<float>(config.safety_margin.count())),
        agility_(static_cast<float>(config.agility)),
        has_memory_(config.memory) {}

  void restart(std::int64_t offset) {
    newest_ = offset;
    beyond_mean_ = ahead_ = 0;
    count_ = 1;
    spread_ = shared_ = 0;
    jitter_ = kJitterAtStart;
    usual_ = rough_log2(1 + kJitterAtStart);
    variance_ = covariance_ = 0;
    set_margin(usual_);
  }

  void sample(std::int64_t offset) {
    const auto step = static_cast<float>(wrapping_subtract(offset, newest_));
    learn_jitter(std::min(std::fabs(step - ahead_) * per_interval_, kJitterMax));

    const float before = beyond_mean_ * per_interval_;
    const float after = (step + beyond_mean_) * per_interval_;
    spread_ += kSlow * (before * before - spread_);
    shared_ += kSlow * (before * after - shared_);
    newest_ = offset;
    if (count_ < kMeanOf) ++count_;
    const float gain = count_ < kMeanOf ? 1 / static_cast<float>(count_) : 1.0F / kMeanOf;
    beyond_mean_ = (1 - gain) * (step + beyond_mean_);
    const float memory =
        has_memory_ ? std::clamp((shared_ + kPrior) / (spread_ + kPrior), 0.0F, 1.0F) : 0.0F;
    ahead_ = std::clamp((memory - 1) * beyond_mean_, -kAheadMax, kAheadMax);
  }

  [[nodiscard]] std::int64_t expected() const {
    return wrapping_add(newest_, static_cast<std::int64_t>(ahead_));
  }
  [[nodiscard]] std::int64_t margin() const { return static_cast<std::int64_t>(margin_); }

 private:
  static constexpr float kFast = 1.0F / 8;
  static constexpr float kSlow = 1.0F / 256;
  static constexpr float kPrior = 1.0F / 16;
  static constexpr std::uint16_t kMeanOf = 1000;
  static constexpr float kJitterAtStart = 1.6F;  ///< A twentieth of an interval.
  static constexpr float kJitterMax = 4095.0F;   ///< 128 intervals: the margin grows 4096-fold.
  static constexpr float kAheadMax = 1e18F;      ///< 31 years: what is absurd must still convert.

  void learn_jitter(float jitter) {
    const float next = rough_log2(1 + jitter) - usual_;
    const float now_rough = rough_log2(1 + jitter_) - usual_;
    variance_ += kSlow * (now_rough * now_rough - variance_);
    covariance_ += kSlow * (now_rough * next - covariance_);
    usual_ += kSlow * next;
    jitter_ += kFast * (jitter - jitter_);

    const float slope = (covariance_ + kPrior) / (variance_ + kPrior);
    const float kappa = std::clamp(slope, 0.0F, 1.0F);
    set_margin(usual_ + kappa * (rough_log2(1 + jitter_) - usual_));
  }

  /// At most 24 h * 4096, so every sum stays inside 64 bits.
  void set_margin(float log_jitter) { margin_ = least_margin_ * rough_exp2(agility_ * log_jitter); }

  float per_interval_;  ///< Thirty-seconds of an interval per nanosecond.
  float least_margin_;  ///< safety_margin, in nanoseconds.
  float agility_;
  float margin_ = 0;       ///< In nanoseconds.
  float beyond_mean_ = 0;  ///< The newest offset less the mean, in nanoseconds.
  float ahead_ = 0;        ///< The expected offset less the newest.
  float spread_ = 0;       ///< Moments of offsets about the mean: of one,
  float shared_ = 0;       ///< and of one with the next.
  float jitter_ = 0;
  float usual_ = 0;
  float variance_ = 0;
  float covariance_ = 0;
  std::uint16_t count_ = 0;  ///< Offsets in the mean, up to kMeanOf.
  bool has_memory_;
  std::int64_t newest_ = 0;  ///< The newest offset; wraps.
};

}  // namespace vouch
