#pragma once

#include <cstdint>
#include <memory>

#include "vouch/detector/detector_config.h"
#include "vouch/detector/gaps.h"

namespace vouch {

/// The windowed quantile: suspect when the silence exceeds the `quantile_per_thousand` quantile (by
/// nearest rank) of the newest `window_size` gaps by `safety_margin`. No distribution is assumed.
///
/// A gap is kept as the number of its bucket, one byte: sixteen buckets per power of two, from a
/// quarter to sixteen heartbeat intervals. The quantile is the upper edge of its bucket, at most
/// 1/16 above the truth; longer gaps count as sixteen intervals. A sample changes two counters and
/// moves the quantile's place over the buckets between the old and the new one: at most 96 steps,
/// none or one on a steady link.
///
/// One allocation: 192 bytes of counters and one byte per sample.
class WindowedQuantile : public OnGaps<WindowedQuantile> {
 public:
  static constexpr int kBuckets = 96;

  /// `config` has been validated. Allocates the window.
  explicit WindowedQuantile(const DetectorConfig& config);

  /// Empties the window and puts one heartbeat interval into it.
  void restart();

  void sample(Duration gap) { push(bucket_of(gap)); }

  [[nodiscard]] Duration silence() const { return silence_; }

  /// The bucket of a gap and the upper edge of a bucket, for this heartbeat interval.
  [[nodiscard]] std::uint8_t bucket_of(Duration gap) const;
  [[nodiscard]] Duration upper_edge(std::uint8_t bucket) const;

 private:
  void push(std::uint8_t bucket);
  void find_quantile();

  [[nodiscard]] std::uint16_t& count(std::uint8_t bucket) { return memory_[bucket]; }
  /// The ring of bucket numbers, behind the counters.
  [[nodiscard]] std::uint8_t* codes() {
    return reinterpret_cast<std::uint8_t*>(memory_.get() + kBuckets);
  }

  std::unique_ptr<std::uint16_t[]> memory_;
  Duration interval_;
  Duration margin_;
  Duration silence_{};
  std::uint16_t capacity_;
  std::uint16_t head_ = 0;
  std::uint16_t size_ = 0;
  std::uint16_t per_thousand_;
  std::uint16_t rank_ = 1;     ///< Of the quantile, from 1.
  std::uint16_t below_ = 0;    ///< Samples in the buckets below that of the quantile.
  std::uint8_t quantile_ = 0;  ///< The bucket of the quantile.
};

}  // namespace vouch
