// Intervals against values from textbooks and tables, and against brute force.

#include "vouch/sim/intervals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "tests/support/sample.h"
#include "vouch/detector/rng.h"

namespace vouch::sim {
namespace {

/// 1, 2, ... n: the values are their own ranks.
std::vector<std::int64_t> ranks(std::size_t n) {
  std::vector<std::int64_t> values(n);
  std::iota(values.begin(), values.end(), 1);
  return values;
}

// The tables of ranks for a median's interval of 95 % (Conover, Practical Nonparametric Statistics;
// Hahn and Meeker, table A.15): 6: 1..6, 8: 1..8, 9: 2..8, 10: 2..9, 20: 6..15, 50: 18..33.
TEST(MedianInterval, HasTheRanksOfTheTables) {
  const std::pair<std::size_t, Interval<std::int64_t>> cases[] = {
      {6, {1, 6}},   {8, {1, 8}},   {9, {2, 8}},    {10, {2, 9}},   {15, {4, 12}},
      {20, {6, 15}}, {25, {8, 18}}, {30, {10, 21}}, {50, {18, 33}}, {100, {40, 61}}};
  for (const auto& [n, interval] : cases) {
    const auto found = median_interval(ranks(n));
    ASSERT_TRUE(found) << n;
    EXPECT_EQ(*found, interval) << n;
  }
}

TEST(MedianInterval, IsNotInventedOfTooFew) {
  EXPECT_FALSE(median_interval({}));
  EXPECT_FALSE(median_interval(ranks(5)));
}

// The normal approximation is right for many: n/2 -+ 1.96 sqrt(n)/2.
TEST(MedianInterval, AgreesWithTheNormalApproximationForMany) {
  for (const std::size_t n : {1'001U, 10'000U, 100'000U}) {
    const auto found = median_interval(ranks(n));
    ASSERT_TRUE(found);
    const double half = 0.979982 * std::sqrt(static_cast<double>(n));
    const double low = static_cast<double>(n) / 2 - half;
    EXPECT_LE(std::abs(static_cast<double>(found->low) - low), 1.5) << n;
    EXPECT_EQ(found->low + found->high, static_cast<std::int64_t>(n) + 1) << n;
  }
}

void expect_close(const Interval<double>& found, double low, double high) {
  EXPECT_LE(std::abs(found.low - low), 0.00006) << found.low;
  EXPECT_LE(std::abs(found.high - high), 0.00006) << found.high;
}

// Newcombe 1998 (Statistics in Medicine 17, table I), method 3.
TEST(WilsonInterval, HasTheValuesOfNewcombe) {
  expect_close(*wilson_interval(81, 263), 0.2553, 0.3662);
  expect_close(*wilson_interval(15, 148), 0.0624, 0.1605);
  expect_close(*wilson_interval(0, 20), 0.0, 0.1611);
  expect_close(*wilson_interval(1, 29), 0.0061, 0.1718);
  expect_close(*wilson_interval(20, 20), 1 - 0.1611, 1.0);
  EXPECT_EQ(wilson_interval(20, 20)->high, 1.0);
  EXPECT_EQ(wilson_interval(0, 20)->low, 0.0);
  EXPECT_FALSE(wilson_interval(0, 0));
}

TEST(BootstrapInterval, IsRepeatableAndNotInventedOfTooFew) {
  EXPECT_FALSE(bootstrap_mean_interval(ranks(9)));
  const auto first = bootstrap_mean_interval(ranks(40));
  const auto again = bootstrap_mean_interval(ranks(40));
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->interval, again->interval);
  EXPECT_EQ(first->resamples, 2000U);
  const auto equal = bootstrap_mean_interval(std::vector<std::int64_t>(10, 7));
  EXPECT_EQ(equal->interval, (Interval<double>{7, 7}));
  EXPECT_EQ(bootstrap_mean_interval(ranks(20'000))->resamples, 200U);
}

// For the mean of many values that are not skewed it is mean -+ 1.96 sd / sqrt(n).
TEST(BootstrapInterval, AgreesWithTheNormalApproximation) {
  const auto found = bootstrap_mean_interval(ranks(1000));
  const double half = 1.959964 * std::sqrt((1000.0 * 1000.0 - 1) / 12 / 1000);
  EXPECT_LE(std::abs(found->interval.low - (500.5 - half)), 0.1 * half);
  EXPECT_LE(std::abs(found->interval.high - (500.5 + half)), 0.1 * half);
}

// What an interval promises: it encloses the truth in about 95 of 100 samples.
TEST(Intervals, EncloseWhatTheyPromise) {
  const std::uint64_t samples = vouch::testing::sampled(400);
  std::uint64_t medians = 0;
  std::uint64_t proportions = 0;
  Rng rng(1);
  for (std::uint64_t i = 0; i < samples; ++i) {
    std::vector<std::int64_t> values(31);
    std::uint64_t hits = 0;
    for (std::int64_t& value : values) {
      const std::int64_t root = rng.between(0, 1000);
      value = root * root;  // Skewed; its median is 500 * 500.
      hits += rng.chance(200'000) ? 1U : 0U;
    }
    std::sort(values.begin(), values.end());
    const auto median = median_interval(values);
    medians += median->low <= 250'000 && 250'000 <= median->high ? 1U : 0U;
    const auto proportion = wilson_interval(hits, values.size());
    proportions += proportion->low <= 0.2 && 0.2 <= proportion->high ? 1U : 0U;
  }
  EXPECT_GE(medians * 100, samples * 90);
  EXPECT_GE(proportions * 100, samples * 90);
}

}  // namespace
}  // namespace vouch::sim
