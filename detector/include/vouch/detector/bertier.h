#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "vouch/detector/detector_config.h"
#include "vouch/detector/schedule.h"

namespace vouch {

/// Bertier's detector (Bertier, Marin, Sens, "Implementation and performance evaluation of an
/// adaptable failure detector", DSN 2002, its estimation of the freshness point): the expected
/// arrival of NFD-E plus a margin that follows the error of that expectation as Jacobson's
/// retransmission timer follows the round trip ("Congestion avoidance and control", SIGCOMM 1988).
///
///     error = arrival - expected arrival - delay
///     delay = delay + gamma * error
///     var   = var + gamma * (|error| - var)
///     margin = beta * delay + phi * var          with beta = 1, gamma = 0.1, phi =
///     deviation_weight
///
/// Modification: `var` begins at a quarter of the interval instead of zero, or the first late
/// heartbeat would be a mistake. The margin is never below zero, nor above 128 intervals: what is
/// later is no sample. (For intervals above two hours `phi` is limited so that it stays below 2^62
/// ns.)
class Bertier : public OnSchedule<Bertier> {
 public:
  /// `config` has been validated. Allocates the window.
  explicit Bertier(const DetectorConfig& config)
      : OnSchedule(config.heartbeat_interval),
        weight_(std::min(static_cast<float>(config.deviation_weight),
                         kLargest / static_cast<float>(4 * kMarginMax * interval()))),
        window_(static_cast<std::uint16_t>(config.window_size),
                (kMarginMax + 8) * config.heartbeat_interval) {}

  void restart(std::int64_t offset) {
    window_.restart(offset);
    delay_ = 0;
    deviation_ = static_cast<float>(interval()) / 4;
  }

  void forget() { window_.clear(); }

  void sample(std::int64_t offset) {
    const std::int64_t mean = window_.mean();
    if (!window_.sample(offset)) return restart(offset);
    follow(wrapping_subtract(offset, mean));
  }
  /// A usual offset is at most an interval and the margin from the mean: near enough.
  [[nodiscard]] bool is_routine(std::int64_t /*offset*/) const { return window_.full(); }
  void sample_routine(std::int64_t offset) {
    follow(wrapping_subtract(offset, window_.mean()));
    window_.sample_routine(offset);
  }

  [[nodiscard]] std::int64_t expected() const { return window_.mean(); }

  /// No error is above `kMarginMax` + 1 intervals, and so neither are `delay_` and half of
  /// `deviation_`: with the limit of the weight the sum stays within 63 bits.
  [[nodiscard]] std::int64_t margin() const {
    const auto margin = static_cast<std::int64_t>(delay_ + weight_ * deviation_);
    return std::clamp(margin, std::int64_t{0}, kMarginMax * interval());
  }

 private:
  static constexpr float kGain = 0.1F;
  static constexpr std::int64_t kMarginMax = 128;  ///< In intervals.
  static constexpr float kLargest = 4e18F;

  /// As sums of two products: each waits for what is kept in memory only half as long as in the
  /// increments above, which are the same.
  void follow(std::int64_t late_by) {
    const auto late = static_cast<float>(late_by);
    const float error = late - delay_;
    delay_ = (1 - kGain) * delay_ + kGain * late;
    deviation_ = (1 - kGain) * deviation_ + kGain * std::fabs(error);
  }

  float weight_;
  OffsetWindow window_;
  float delay_ = 0;      ///< Smoothed error, in nanoseconds.
  float deviation_ = 0;  ///< Smoothed magnitude of the error.
};

}  // namespace vouch
