#include "vouch/sim/intervals.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "vouch/detector/assert.h"
#include "vouch/detector/rng.h"

namespace vouch::sim {
namespace {

/// Outside the interval at each end.
constexpr double kTail = 0.025;

/// The quantile of the normal distribution that leaves kTail above it.
constexpr double kZ = 1.959963984540054;

constexpr std::uint64_t kBootstrapSeed = 0x626f6f7473747261ULL;
constexpr std::size_t kResamplesMax = 2000;
constexpr std::size_t kResamplesMin = 200;

/// Draws per interval, about: with more values there are fewer resamples.
constexpr std::size_t kDraws = 4'000'000;

/// The largest k with P(X < k) <= kTail for X binomial of n and one half. Terms are taken relative
/// to the middle one and downwards, by multiplication alone: nothing underflows that matters and
/// no library's logarithm is asked.
std::size_t lower_rank(std::size_t n) {
  const std::size_t middle = n / 2;
  std::vector<double> below;  // Weights of middle, middle - 1, ...
  double weight = 1;
  for (std::size_t j = middle;; --j) {
    below.push_back(weight);
    if (j == 0 || weight < 1e-30) break;
    weight *= static_cast<double>(j) / static_cast<double>(n - j + 1);
  }
  // The distribution is symmetric; an even n has one middle term, an odd n two.
  const double sum = std::accumulate(below.begin(), below.end(), 0.0);
  const double total = n % 2 == 0 ? 2 * sum - 1 : 2 * sum;
  double tail = 0;
  std::size_t rank = middle + 1 - below.size();  // P(X < rank) is nothing.
  for (std::size_t i = below.size(); i-- > 0;) {
    tail += below[i];
    if (tail > kTail * total) break;
    ++rank;
  }
  return rank;
}

}  // namespace

std::optional<Interval<std::int64_t>> median_interval(const std::vector<std::int64_t>& sorted) {
  if (sorted.size() < kMedianSamplesMin) return std::nullopt;
  // The median is below the k-th smallest value with P(X < k): the interval is from that to the
  // k-th greatest.
  const std::size_t rank = lower_rank(sorted.size());
  VOUCH_ASSERT(rank >= 1 && rank <= sorted.size() / 2);
  return Interval<std::int64_t>{sorted[rank - 1], sorted[sorted.size() - rank]};
}

std::optional<Interval<double>> wilson_interval(std::uint64_t hits, std::uint64_t samples) {
  VOUCH_ASSERT(hits <= samples);
  if (samples == 0) return std::nullopt;
  const auto n = static_cast<double>(samples);
  const double share = static_cast<double>(hits) / n;
  const double scale = 1 + kZ * kZ / n;
  const double centre = (share + kZ * kZ / (2 * n)) / scale;
  const double half = kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n)) / scale;
  // Exactly nothing and exactly all are ends of the interval; rounding must not say otherwise.
  return Interval<double>{hits == 0 ? 0 : centre - half, hits == samples ? 1 : centre + half};
}

std::optional<MeanInterval> bootstrap_mean_interval(const std::vector<std::int64_t>& values) {
  const std::size_t n = values.size();
  if (n < kMeanSamplesMin) return std::nullopt;
  const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
  MeanInterval result;
  result.resamples = std::clamp(kDraws / n, kResamplesMin, kResamplesMax);
  if (*least == *greatest) {
    const auto mean = static_cast<double>(*least);
    result.interval = {mean, mean};
    return result;
  }
  Rng rng(kBootstrapSeed);
  std::vector<std::int64_t> sums(result.resamples);
  for (std::int64_t& sum : sums) {
    for (std::size_t i = 0; i < n; ++i)
      sum += values[rng.below(n)];
  }
  std::sort(sums.begin(), sums.end());
  // 2.5 % of the resamples lie outside at each end.
  const std::size_t outside = result.resamples / 40;
  const auto mean_of = [n](std::int64_t sum) {
    return static_cast<double>(sum) / static_cast<double>(n);
  };
  result.interval = {mean_of(sums[outside]), mean_of(sums[sums.size() - 1 - outside])};
  return result;
}

}  // namespace vouch::sim
