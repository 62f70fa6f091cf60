#include "vouch/detector/windowed_quantile.h"

#include <algorithm>
#include <bit>

namespace vouch {
namespace {

constexpr int kPerOctave = 16;

/// Gaps are counted in 64ths of the interval: a quarter interval is 16 of them, five bits.
constexpr std::int64_t kPerInterval = 64;

}  // namespace

WindowedQuantile::WindowedQuantile(const DetectorConfig& config)
    : memory_(std::make_unique<std::uint16_t[]>(kBuckets + (config.window_size + 1) / 2)),
      interval_(config.heartbeat_interval),
      margin_(config.safety_margin),
      capacity_(static_cast<std::uint16_t>(config.window_size)),
      per_thousand_(static_cast<std::uint16_t>(config.quantile_per_thousand)) {}

std::uint8_t WindowedQuantile::bucket_of(Duration gap) const {
  // Sixteen intervals and more share the last bucket, so the product below stays small.
  if (gap >= 16 * interval_) return kBuckets - 1;
  const auto parts = static_cast<std::uint32_t>(gap.count() * kPerInterval / interval_.count());
  if (parts < kPerOctave) return 0;
  const int octave = 27 - std::countl_zero(parts);
  return static_cast<std::uint8_t>(octave * kPerOctave + static_cast<int>(parts >> octave) -
                                   kPerOctave);
}

Duration WindowedQuantile::upper_edge(std::uint8_t bucket) const {
  const int octave = bucket / kPerOctave;
  const std::int64_t parts = std::int64_t{bucket % kPerOctave + kPerOctave + 1} << octave;
  return interval_ * parts / kPerInterval;
}

void WindowedQuantile::restart() {
  std::fill_n(memory_.get(), kBuckets, std::uint16_t{0});
  head_ = size_ = below_ = 0;
  quantile_ = 0;
  push(bucket_of(interval_));
}

void WindowedQuantile::push(std::uint8_t bucket) {
  if (size_ == capacity_) {
    const std::uint8_t evicted = codes()[head_];
    --count(evicted);
    if (evicted < quantile_) --below_;
  } else {
    ++size_;
    rank_ = static_cast<std::uint16_t>(
        std::max<std::uint32_t>(1, (std::uint32_t{size_} * per_thousand_ + 999) / 1000));
  }
  codes()[head_] = bucket;
  if (++head_ == capacity_) head_ = 0;
  ++count(bucket);
  if (bucket < quantile_) ++below_;
  find_quantile();
}

void WindowedQuantile::find_quantile() {
  while (below_ >= rank_) {
    --quantile_;
    below_ = static_cast<std::uint16_t>(below_ - count(quantile_));
  }
  while (below_ + count(quantile_) < rank_) {
    below_ = static_cast<std::uint16_t>(below_ + count(quantile_));
    ++quantile_;
  }
  silence_ = upper_edge(quantile_) + margin_;
}

}  // namespace vouch
