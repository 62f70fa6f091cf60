#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace vouch::sim {

/// An interval of confidence, ends included.
template <typename T>
struct Interval {
  T low{};
  T high{};

  friend bool operator==(const Interval&, const Interval&) = default;
};

/// Fewest samples of which two can enclose the median with 95 %: 1 - 2 / 2^6 = 96.9 %.
inline constexpr std::size_t kMedianSamplesMin = 6;

/// Fewer samples than this say too little about their own spread to be resampled.
inline constexpr std::size_t kMeanSamplesMin = 10;

/// The interval of at least 95 % for the median of whatever `sorted` (in ascending order) is a
/// sample of: two of its values, chosen by the binomial distribution, whatever the distribution of
/// the values (order statistics; Hahn and Meeker, Statistical Intervals, 1991, 5.2). None with
/// fewer than kMedianSamplesMin.
[[nodiscard]] std::optional<Interval<std::int64_t>> median_interval(
    const std::vector<std::int64_t>& sorted);

/// The Wilson score interval of 95 % for a proportion (Wilson 1927), without correction for
/// continuity. None without samples. `hits` at most `samples`.
[[nodiscard]] std::optional<Interval<double>> wilson_interval(std::uint64_t hits,
                                                              std::uint64_t samples);

/// A mean with its interval.
struct MeanInterval {
  Interval<double> interval{};
  std::size_t resamples = 0;  ///< How often it was drawn again.
};

/// The bootstrap percentile interval of 95 % for the mean (Efron 1979), with a generator of its own
/// and a fixed seed: equal values in equal order give equal intervals. 2000 resamples, fewer of
/// very many values (at least 200). None with fewer values than kMeanSamplesMin. Sums must fit
/// 64 bits.
[[nodiscard]] std::optional<MeanInterval> bootstrap_mean_interval(
    const std::vector<std::int64_t>& values);

}  // namespace vouch::sim
