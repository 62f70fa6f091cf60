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
/// heartbeat would be a mistake. The margin is never below zero.
class Bertier : public OnSchedule<Bertier> {
 public:
  /// `config` has been validated. Allocates the window.
  explicit Bertier(const DetectorConfig& config)
      : OnSchedule(config.heartbeat_interval),
        weight_(static_cast<float>(config.deviation_weight)),
        window_(static_cast<std::uint16_t>(config.window_size), 16 * config.heartbeat_interval) {}

  void restart(Instant now, Seq seq) {
    window_.restart(offset_of(now, seq));
    delay_ = 0;
    deviation_ = static_cast<float>(interval()) / 4;
  }

  void sample(Instant now, Seq seq) {
    const std::int64_t offset = offset_of(now, seq);
    const float error = static_cast<float>(wrapping_subtract(offset, window_.mean())) - delay_;
    delay_ += kGain * error;
    deviation_ += kGain * (std::fabs(error) - deviation_);
    window_.sample(offset);
  }

  [[nodiscard]] std::int64_t expected(std::uint64_t seq) const {
    return wrapping_add(intervals(seq), window_.mean());
  }

  [[nodiscard]] std::int64_t margin() const {
    const float margin = delay_ + weight_ * deviation_;
    // An absurd error must not leave the range of a day by much: sums stay inside 64 bits.
    if (!(margin > 0)) return 0;
    return margin < kMarginMax ? static_cast<std::int64_t>(margin)
                               : static_cast<std::int64_t>(kMarginMax);
  }

 private:
  static constexpr float kGain = 0.1F;
  static constexpr float kMarginMax = 1e17F;

  float weight_;
  OffsetWindow window_;
  float delay_ = 0;      ///< Smoothed error, in nanoseconds.
  float deviation_ = 0;  ///< Smoothed magnitude of the error.
};

}  // namespace vouch
