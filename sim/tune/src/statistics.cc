#include "vouch/tune/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vouch::tune {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// One in twenty values of the normal distribution is above it.
constexpr double kZ95 = 1.6448536269514722;

}  // namespace

double rate_per_year(std::uint64_t count, Duration observed) {
  if (observed <= Duration::zero()) return 0;
  return static_cast<double>(count) / seconds_of(observed) * kSecondsPerYear;
}

double count_bound(std::uint64_t count, double dispersion) {
  if (count == 0) return 3;
  const double n = static_cast<double>(count) / dispersion + 1;
  const double root = 1 - 1 / (9 * n) + kZ95 / (3 * std::sqrt(n));
  return dispersion * n * root * root * root;
}

double dispersion_of(const std::vector<double>& counts) {
  if (counts.size() < 2) return 1;
  const auto size = static_cast<double>(counts.size());
  double mean = 0;
  for (const double count : counts)
    mean += count / size;
  double squares = 0;
  for (const double count : counts)
    squares += (count - mean) * (count - mean);
  return mean > 0 ? std::max(1.0, squares / (size - 1) / mean) : 1;
}

double rate_bound_per_year(std::uint64_t count, Duration observed, double dispersion) {
  if (observed <= Duration::zero()) return kInfinity;
  return count_bound(count, dispersion) / seconds_of(observed) * kSecondsPerYear;
}

Duration quantile_of(const std::vector<Duration>& sorted, std::uint32_t per_hundred) {
  if (sorted.empty()) return Duration::zero();
  const std::size_t rank = (sorted.size() * per_hundred + 99) / 100;
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

double Tail::rate(Duration silence) const {
  if (observed <= Duration::zero()) return 0;
  const double all = static_cast<double>(count) / seconds_of(observed);
  const double beyond = std::max(seconds_of(silence - from), 0.0);
  if (std::abs(shape) < 1e-9) return all * std::exp(-beyond / scale_s);
  const double base = 1 + shape * beyond / scale_s;
  return base <= 0 ? 0 : all * std::pow(base, -1 / shape);
}

double Tail::mean_excess_s(Duration silence) const {
  if (shape >= 1) return kInfinity;
  const double beyond = std::max(seconds_of(silence - from), 0.0);
  return std::max(scale_s + shape * beyond, 0.0) / (1 - shape);
}

std::optional<Tail> fit_tail(std::vector<Duration> silences, Duration observed) {
  std::sort(silences.begin(), silences.end());
  const std::size_t taken = silences.size() / 20;
  if (taken < kTailMin) return std::nullopt;
  Tail tail;
  tail.from = silences[silences.size() - taken - 1];
  tail.observed = observed;
  tail.longest = silences.back();
  double mean = 0;
  double weighted = 0;  // Each excess by the share of excesses above it.
  std::uint64_t count = 0;
  for (const Duration silence : silences) {
    if (silence > tail.from) ++count;
  }
  std::uint64_t above = count;
  for (const Duration silence : silences) {
    if (silence <= tail.from) continue;
    --above;
    const double excess = seconds_of(silence - tail.from);
    const auto n = static_cast<double>(count);
    mean += excess / n;
    if (count > 1) weighted += excess * static_cast<double>(above) / (n - 1) / n;
  }
  tail.count = count;
  const double spread = mean - 2 * weighted;
  if (count < kTailMin || spread <= 0 || mean <= 0) return std::nullopt;
  // xi = 2 - a0 / (a0 - 2 a1), sigma = 2 a0 a1 / (a0 - 2 a1), with xi = -k of the paper.
  tail.shape = 2 - mean / spread;
  tail.scale_s = 2 * mean * weighted / spread;
  return tail.scale_s > 0 ? std::optional(tail) : std::nullopt;
}

double quorum_losses_per_year(double rate, double length_s, std::size_t replicas) {
  const std::size_t majority = replicas / 2 + 1;
  const std::size_t followers = replicas - 1;
  const std::size_t silent = replicas - majority + 1;  // So many and no majority is left.
  double ways = static_cast<double>(silent);
  for (std::size_t i = 0; i < silent; ++i)
    ways *= static_cast<double>(followers - i) / static_cast<double>(silent - i);
  const double of_one = 2 * rate;  // There or back.
  double result = ways * of_one;
  for (std::size_t i = 1; i < silent; ++i)
    result *= of_one * length_s;
  return result * kSecondsPerYear;
}

}  // namespace vouch::tune
