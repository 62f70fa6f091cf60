#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vouch/detector/replay.h"
#include "vouch/detector/rng.h"

namespace vouch::cli {

/// A 95 % confidence interval.
struct Interval {
  double low = 0;
  double high = 0;
};

/// Draws of the blocks of a replay with replacement (Efron's bootstrap over non-overlapping blocks,
/// Carlstein 1986): as many as there are. Detectors that saw the same heartbeats share the draws,
/// so that what is compared is compared on the same pieces of the recording.
class Resamples {
 public:
  Resamples(std::size_t blocks, std::size_t count, Rng rng);

  [[nodiscard]] std::size_t count() const { return count_; }

  /// The sum of the blocks of draw `index`.
  [[nodiscard]] QosBlock sum(std::span<const QosBlock> blocks, std::size_t index) const;

 private:
  std::size_t blocks_;
  std::size_t count_;
  std::vector<std::uint8_t> times_;  ///< How often each block is in each draw.
};

/// The middle 95 % of values; sorts them. At least one.
[[nodiscard]] Interval middle_95(std::vector<double>& values);

/// Mistakes per second; the three functions below take a sum of blocks.
[[nodiscard]] double mistake_rate_of(const QosBlock& sum);
[[nodiscard]] double detection_ms_of(const QosBlock& sum);
[[nodiscard]] double query_accuracy_of(const QosBlock& sum);

/// Intervals of one detector's figures. Where no mistake was seen the rate ends at three over the
/// observed time (rule of three): what was not seen cannot be drawn.
struct QosIntervals {
  Interval mistake_rate;
  Interval detection_ms;
  Interval query_accuracy;
};
[[nodiscard]] QosIntervals intervals_of(std::span<const QosBlock> blocks,
                                        const Resamples& resamples);

}  // namespace vouch::cli
