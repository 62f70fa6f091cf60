#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "vouch/detector/detector_config.h"
#include "vouch/detector/gaps.h"
#include "vouch/detector/time.h"
#include "vouch/detector/window.h"

namespace vouch {

/// The z for which a standard normal variable exceeds z with probability 10^-threshold.
///
/// Found by bisection on erfc, to the last bit that erfc resolves. For configuration time only.
[[nodiscard]] double normal_quantile_of_phi(double threshold);

/// The z at which Akka's logistic approximation of that tail falls to 10^-threshold:
/// 1 / (1 + exp(z (1.5976 + 0.070566 z^2))), by bisection. For configuration time only.
[[nodiscard]] double logistic_quantile_of_phi(double threshold);

/// Phi accrual (Hayashibara et al., "The phi accrual failure detector", SRDS 2004): gaps between
/// heartbeats are taken as normally distributed, and phi = -log10 of the probability that a gap is
/// longer than the present silence.
///
/// phi reaches the threshold exactly when the silence reaches `mean + z * stddev`, with z fixed by
/// the threshold alone. So z is computed once, and a heartbeat costs sums, one square root and no
/// logarithm; nobody has to poll phi.
///
/// `phi-logistic` is the same with z from the approximation that Akka (`PhiAccrualFailureDetector`,
/// now Pekko's too) puts in the place of the normal distribution; in double precision Akka's phi
/// ends near 16, here the threshold may go on.
///
/// Modification: the first heartbeat seeds the window with two gaps, a quarter of the interval
/// below and above it, so that the second heartbeat meets a usable estimate.
///
/// Sums of the samples and of their squares are exact integers, so the variance equals that of the
/// two-pass formula however long the detector runs.
class PhiAccrual : public OnGaps<PhiAccrual> {
 public:
  /// `config` has been validated. Allocates the window.
  explicit PhiAccrual(const DetectorConfig& config);

  /// Empties the window and puts the seed into it.
  void restart();

  /// Adds a gap; one too long for the window counts as the longest that fits (at least 64
  /// heartbeat intervals and 18 minutes).
  void sample(Duration gap) { push(gap_units(gap, window_.shift())); }

  /// The silence at which phi reaches the threshold.
  [[nodiscard]] Duration silence() const;

 private:
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

  std::uint32_t interval_;  ///< The heartbeat interval in units of the window, for the seed.
  Window window_;
  std::uint64_t sum_ = 0;
  Squares squares_;
  double per_sample_ = 1.0;  ///< 1 / number of samples in the window.
  double quantile_;          ///< z, times the unit of the window in nanoseconds.
  double margin_min_;        ///< z * stddev_min, in nanoseconds.
  Duration acceptable_pause_;
};

/// Cassandra's phi (`FailureDetector.java`, CASSANDRA-2597): gaps are taken as exponentially
/// distributed, so phi = silence / (mean ln 10), and it reaches the threshold at the silence
/// `threshold * ln 10 * mean`: 18.4 mean gaps at the usual 8. The deviation of the gaps plays no
/// part.
///
/// Outages as for phi accrual (Cassandra drops gaps above a constant); the first heartbeat seeds
/// the window with one interval.
class PhiExponential : public OnGaps<PhiExponential> {
 public:
  /// `config` has been validated. Allocates the window.
  explicit PhiExponential(const DetectorConfig& config);

  void restart() {
    window_.clear();
    sum_ = 0;
    push(interval_);
  }
  void sample(Duration gap) { push(gap_units(gap, window_.shift())); }

  [[nodiscard]] Duration silence() const {
    // At most 300 ln 10 times the longest gap of 32 bits, whose unit is below 2 ms: it fits.
    return Duration(static_cast<std::int64_t>(static_cast<double>(sum_) * per_sample_)) +
           acceptable_pause_;
  }

 private:
  void push(std::uint32_t added) {
    if (window_.full()) {
      sum_ -= window_.oldest();
    } else {
      per_sample_ = factor_ / (window_.size() + 1);
    }
    window_.push(added);
    sum_ += added;
  }

  std::uint32_t interval_;  ///< The heartbeat interval in units of the window.
  Window window_;
  std::uint64_t sum_ = 0;
  double per_sample_ = 0;  ///< `factor_` / number of samples in the window.
  double factor_;          ///< threshold ln 10, times the unit of the window in nanoseconds.
  Duration acceptable_pause_;
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
