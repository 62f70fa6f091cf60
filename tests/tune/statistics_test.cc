// What may be said about a rate, and what is an extrapolation.

#include "vouch/tune/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vouch::tune {
namespace {

using namespace std::chrono_literals;

/// P(X <= count) for X Poisson with this mean.
double poisson_below(std::uint64_t count, double mean) {
  double term = std::exp(-mean);
  double sum = term;
  for (std::uint64_t k = 1; k <= count; ++k) {
    term *= mean / static_cast<double>(k);
    sum += term;
  }
  return sum;
}

TEST(TuneStatistics, NoEventInTimeTIsAtMostThreeOverT) {
  EXPECT_EQ(count_bound(0), 3);
  EXPECT_EQ(count_bound(0, 4.0), 3) << "bursts that were not seen have no size";
  EXPECT_DOUBLE_EQ(rate_bound_per_year(0, std::chrono::hours(24)), 3 * 365.25);
  EXPECT_TRUE(std::isinf(rate_bound_per_year(0, Duration::zero())));
  EXPECT_EQ(rate_per_year(0, 1h), 0);
  EXPECT_EQ(rate_per_year(7, Duration::zero()), 0);
}

TEST(TuneStatistics, TheBoundLeavesFiveInAHundred) {
  for (const std::uint64_t count : {0U, 1U, 2U, 5U, 20U, 100U, 400U}) {
    const double below = poisson_below(count, count_bound(count));
    EXPECT_GT(below, 0.047) << count;
    EXPECT_LT(below, 0.053) << count;
  }
}

TEST(TuneStatistics, QuantilesAreValuesThatWereSeen) {
  std::vector<Duration> values;
  EXPECT_EQ(quantile_of(values, 95), Duration::zero());
  for (int i = 1; i <= 20; ++i)
    values.push_back(i * 1ms);
  EXPECT_EQ(quantile_of(values, 50), 10ms);
  EXPECT_EQ(quantile_of(values, 95), 19ms);
  EXPECT_EQ(quantile_of(values, 96), 20ms);
  EXPECT_EQ(quantile_of(values, 0), 1ms);
}

/// Silences at evenly spaced quantiles of 100 ms plus a generalised Pareto distribution.
std::vector<Duration> silences(double shape, double scale_ms, int count) {
  std::vector<Duration> result;
  for (int i = 0; i < count; ++i) {
    const double above = 1 - (i + 0.5) / count;
    const double excess =
        shape == 0 ? -scale_ms * std::log(above) : scale_ms * (std::pow(above, -shape) - 1) / shape;
    result.push_back(100ms + Duration(static_cast<std::int64_t>(excess * 1e6)));
  }
  return result;
}

TEST(TuneStatistics, TailsAreFoundAgain) {
  for (const double shape : {-0.2, 0.0, 0.3}) {
    const auto tail = fit_tail(silences(shape, 10, 20'000), 2000s);
    ASSERT_TRUE(tail) << shape;
    EXPECT_NEAR(tail->shape, shape, 0.05);
    EXPECT_EQ(tail->count, 1000U);
    // One in twenty is beyond `from`, 20,000 in 2,000 s.
    EXPECT_NEAR(tail->rate(tail->from), 0.5, 1e-9);
    // One in 400 of all: where the distribution says, give or take a tenth.
    const double depth = shape == 0 ? std::log(400.0) : (std::pow(400.0, shape) - 1) / shape;
    const Duration there = 100ms + Duration(static_cast<std::int64_t>(10 * depth * 1e6));
    EXPECT_NEAR(tail->rate(there), 10.0 / 400, 0.0025) << shape;
  }
}

TEST(TuneStatistics, NoTailWithoutEnoughThatDiffers) {
  EXPECT_FALSE(fit_tail(std::vector<Duration>(10'000, 100ms), 1000s));
  EXPECT_FALSE(fit_tail(silences(0, 10, 399), 40s));
  EXPECT_TRUE(fit_tail(silences(0, 10, 400), 40s));
}

TEST(TuneStatistics, AMajorityIsLostWhenEnoughAreSilentAtOnce) {
  const double rate = 1e-3;
  const double length = 0.5;
  // Of three both followers: either way of either, while the other is silent.
  EXPECT_NEAR(quorum_losses_per_year(rate, length, 3), 2 * 2e-3 * 2e-3 * length * kSecondsPerYear,
              1e-6);
  // Of five three of four followers.
  EXPECT_NEAR(quorum_losses_per_year(rate, length, 5),
              4 * 3 * std::pow(2e-3, 3) * length * length * kSecondsPerYear, 1e-6);
}

TEST(TuneStatistics, BurstsCountAsFewerEvents) {
  EXPECT_EQ(dispersion_of({}), 1);
  EXPECT_EQ(dispersion_of({0, 0, 0, 0}), 1);
  EXPECT_EQ(dispersion_of({2, 2, 2, 2}), 1) << "steadier than chance is no better than chance";
  // Mean 5, variance (225 + 3 * 25) / 3 = 100.
  EXPECT_DOUBLE_EQ(dispersion_of({20, 0, 0, 0}), 20);
  // Ten bursts of two: the bound of ten, twice.
  EXPECT_DOUBLE_EQ(count_bound(20, 2.0), 2 * count_bound(10));
  EXPECT_GT(count_bound(20, 2.0), count_bound(20));
}

}  // namespace
}  // namespace vouch::tune
