#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "vouch/detector/detector_config.h"
#include "vouch/detector/time.h"
#include "vouch/detector/window.h"

namespace vouch {

/// The z for which a standard normal variable exceeds z with probability 10^-threshold.
///
/// Found by bisection on erfc, to the last bit that erfc resolves. For configuration time only.
[[nodiscard]] double normal_quantile_of_phi(double threshold);

/// Phi accrual (Hayashibara et al., "The phi accrual failure detector", SRDS 2004): gaps between
/// heartbeats are taken as normally distributed, and phi = -log10 of the probability that a gap is
/// longer than the present silence.
///
/// phi reaches the threshold exactly when the silence reaches `mean + z * stddev`, with z fixed by
/// the threshold alone. So z is computed once, and a heartbeat costs sums, one square root and no
/// logarithm; nobody has to poll phi.
///
/// Modification: the gap that ended a suspicion is not a sample: one outage must not stretch the
/// next detection. But eight such gaps in a row are not outages, the sender has become slower, and
/// from then on they count.
/// Modification: the first heartbeat seeds the window with two gaps, a quarter of the interval
/// below and above it, so that the second heartbeat meets a usable estimate.
///
/// Sums of the samples and of their squares are exact integers, so the variance equals that of the
/// two-pass formula however long the detector runs.
class PhiAccrual {
 public:
  /// `config` has been validated. Allocates the window.
  explicit PhiAccrual(const DetectorConfig& config);

  /// The freshness point that follows from a heartbeat at `now`. `last` is the arrival of the one
  /// before and `suspect_at` its freshness point (kNever for the first heartbeat).
  ///
  /// Inline, as it runs per heartbeat and peer.
  [[nodiscard]] Instant heartbeat(Instant now, Instant last, Instant suspect_at) {
    if (suspect_at == kNever) [[unlikely]] {
      seed();
    } else if (now <= suspect_at) [[likely]] {
      unsampled_ = 0;
      sample(now - last);
    } else if (unsampled_ < kOutagesMax) {
      ++unsampled_;
      return saturating_add(now, suspect_at - last);
    } else {
      sample(now - last);
    }
    return saturating_add(now, silence());
  }

 private:
  static constexpr std::uint8_t kOutagesMax = 8;

  /// Empties the window and puts the seed into it.
  void seed();

  /// Adds a gap; one too long for the window counts as the longest that fits (at least 64
  /// heartbeat intervals and 18 minutes).
  void sample(Duration gap) {
    const std::uint64_t units = static_cast<std::uint64_t>(gap.count()) >> window_.shift();
    push(static_cast<std::uint32_t>(std::min<std::uint64_t>(units, UINT32_MAX)));
  }

  void push(std::uint32_t added) {
    if (window_.full()) {
      const std::uint32_t removed = window_.oldest();
      sum_ -= removed;
      squares_ -= Squares(removed);
    } else {
      per_sample_ = 1.0 / (window_.size() + 1);
    }
    window_.push(added);
    sum_ += added;
    squares_ += Squares(added);
  }

  /// The silence at which phi reaches the threshold.
  [[nodiscard]] Duration silence() const;

  /// The sum of up to 2^16 squares of 32-bit numbers: 80 bits, as two words.
  struct Squares {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    Squares() = default;
    explicit Squares(std::uint32_t value) : low(std::uint64_t{value} * value) {}
    Squares& operator+=(Squares other) {
      low += other.low;
      high += other.high + (low < other.low ? 1U : 0U);
      return *this;
    }
    Squares& operator-=(Squares other) {
      high -= other.high + (low < other.low ? 1U : 0U);
      low -= other.low;
      return *this;
    }
  };

  Window window_;
  std::uint64_t sum_ = 0;
  Squares squares_;
  double per_sample_ = 1.0;  ///< 1 / number of samples in the window.
  double quantile_;          ///< z, times the unit of the window in nanoseconds.
  double margin_min_;        ///< z * stddev_min, in nanoseconds.
  Duration acceptable_pause_;
  std::uint32_t interval_;  ///< The heartbeat interval in units of the window, for the seed.
  std::uint8_t unsampled_ = 0;
};

inline Duration PhiAccrual::silence() const {
  // n * sum of squares - (sum)^2 = n^2 * variance, exactly.
  __extension__ using Wide = unsigned __int128;
  const Wide squares = (static_cast<Wide>(squares_.high) << 64) | squares_.low;
  const Wide scaled = squares * window_.size() - static_cast<Wide>(sum_) * sum_;
  // A signed word converts in one instruction; more than 63 bits are rare.
  double variance = static_cast<double>(static_cast<std::int64_t>(scaled));
  if ((scaled >> 63) != 0) [[unlikely]] {
    variance = static_cast<double>(static_cast<std::uint64_t>(scaled >> 64)) * 0x1p64 +
               static_cast<double>(static_cast<std::uint64_t>(scaled));
  }

  const double margin = quantile_ * (std::sqrt(variance) * per_sample_);
  const double unit = static_cast<double>(std::uint64_t{1} << window_.shift());
  const double mean =
      (static_cast<double>(static_cast<std::int64_t>(sum_)) * per_sample_ + 0.5) * unit;
  // A threshold below 0.3 has a negative z: there the deviation's floor is a ceiling.
  const double floored =
      quantile_ >= 0 ? std::max(margin, margin_min_) : std::min(margin, margin_min_);
  // Every term is below 2^59 by the limits of the configuration, so the sum fits.
  const double total = std::max(mean + floored, 0.0);
  return Duration(static_cast<std::int64_t>(total)) + acceptable_pause_;
}

}  // namespace vouch
