#pragma once

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
/// heartbeat would be a mistake. The margin is never below zero, nor above 2^27 units of the window
/// (34 s, or 136 intervals if that is more): what is later is no sample.
///
/// Errors and margin are in halves of the window's unit (128 ns, for intervals up to a quarter of a
/// second), so that a heartbeat shifts once from nanoseconds and once back.
class Bertier : public OnSchedule<Bertier> {
 public:
  /// `config` has been validated. Allocates the window.
  explicit Bertier(const DetectorConfig& config)
      : OnSchedule(config.heartbeat_interval),
        weight_(static_cast<float>(config.deviation_weight)),
        window_(static_cast<std::uint16_t>(config.window_size), 272 * config.heartbeat_interval) {}

  void restart(std::int64_t offset) {
    window_.restart(offset);
    delay_ = 0;
    deviation_ = static_cast<float>(window_.to_halves(interval())) / 4;
  }

  void forget() { window_.clear(); }

  void sample(std::int64_t offset) {
    const std::int64_t late = window_.halves_beyond_mean(offset);
    if (!window_.sample(offset)) return restart(offset);
    follow(late);
  }
  /// A usual offset is at most an interval and the margin from the mean: less than 2^28 units.
  [[nodiscard]] bool is_routine(std::int64_t /*offset*/) const { return window_.full(); }
  void sample_routine(std::int64_t offset) { follow(window_.sample_routine_late_by(offset)); }

  [[nodiscard]] std::int64_t expected() const { return window_.mean(); }
  [[nodiscard]] std::int64_t margin() const { return window_.from_halves(halves()); }
  [[nodiscard]] std::int64_t latest() const { return window_.beyond_mean(halves()); }

 private:
  static constexpr float kGain = 0.1F;
  static constexpr std::int64_t kMarginMax = std::int64_t{1} << 28;

  /// The margin. The deviation is below 2^31, so the sum is nothing that cannot be converted.
  [[nodiscard]] std::int64_t halves() const {
    const auto margin = static_cast<std::int64_t>(delay_ + weight_ * deviation_);
    // One comparison for most.
    if (static_cast<std::uint64_t>(margin) <= kMarginMax) [[likely]]
      return margin;
    return margin < 0 ? 0 : kMarginMax;
  }

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
  float delay_ = 0;      ///< Smoothed error, in halves of the window's unit.
  float deviation_ = 0;  ///< Smoothed magnitude of the error.
};

}  // namespace vouch
