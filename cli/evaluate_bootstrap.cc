#include "evaluate_bootstrap.h"

#include <algorithm>

namespace vouch::cli {

Resamples::Resamples(std::size_t blocks, std::size_t count, Rng rng)
    : blocks_(blocks), count_(count), times_(blocks * count) {
  for (std::size_t draw = 0; draw < count; ++draw) {
    for (std::size_t i = 0; i < blocks; ++i)
      ++times_[draw * blocks + rng.below(blocks)];
  }
}

QosBlock Resamples::sum(std::span<const QosBlock> blocks, std::size_t index) const {
  QosBlock total;
  for (std::size_t i = 0; i < blocks_; ++i) {
    const std::uint8_t times = times_[index * blocks_ + i];
    const QosBlock& block = blocks[i];
    total.mistakes += times * block.mistakes;
    total.ended += times * block.ended;
    total.cuts += times * block.cuts;
    total.observed += times * block.observed;
    total.suspected += times * block.suspected;
    total.detection += times * block.detection;
    total.silence += times * block.silence;
  }
  return total;
}

Interval middle_95(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  const std::size_t last = values.size() - 1;
  return {values[last * 25 / 1000], values[last - last * 25 / 1000]};
}

double mistake_rate_of(const QosBlock& sum) {
  return sum.observed > 0 ? static_cast<double>(sum.mistakes) * 1e9 / sum.observed : 0.0;
}

double detection_ms_of(const QosBlock& sum) {
  return sum.cuts > 0 ? sum.detection / static_cast<double>(sum.cuts) / 1e6 : 0.0;
}

double query_accuracy_of(const QosBlock& sum) {
  return sum.observed > 0 ? 1.0 - sum.suspected / sum.observed : 1.0;
}

QosIntervals intervals_of(std::span<const QosBlock> blocks, const Resamples& resamples) {
  std::vector<double> rates;
  std::vector<double> detections;
  std::vector<double> accuracies;
  for (std::size_t draw = 0; draw < resamples.count(); ++draw) {
    const QosBlock sum = resamples.sum(blocks, draw);
    rates.push_back(mistake_rate_of(sum));
    detections.push_back(detection_ms_of(sum));
    accuracies.push_back(query_accuracy_of(sum));
  }
  QosIntervals intervals{middle_95(rates), middle_95(detections), middle_95(accuracies)};
  QosBlock all;
  for (const QosBlock& block : blocks)
    all += block;
  if (all.mistakes == 0 && all.observed > 0) intervals.mistake_rate.high = 3e9 / all.observed;
  return intervals;
}

}  // namespace vouch::cli
