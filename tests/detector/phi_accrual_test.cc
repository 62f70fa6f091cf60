#include "vouch/detector/phi_accrual.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <numbers>

#include "vouch/detector/detector.h"
#include "vouch/detector/rng.h"

namespace vouch {
namespace {

using std::chrono::milliseconds;

constexpr Duration kInterval = milliseconds(100);

struct PhiOptions {
  std::uint32_t window_size = 100;
  double threshold = 8;
  Duration stddev_min = milliseconds(10);
  Duration acceptable_pause = {};
};

Detector phi(PhiOptions options) {
  DetectorConfig config;
  config.kind = DetectorKind::kPhiAccrual;
  config.heartbeat_interval = kInterval;
  config.window_size = options.window_size;
  config.threshold = options.threshold;
  config.stddev_min = options.stddev_min;
  config.acceptable_pause = options.acceptable_pause;
  return *make_detector(config);
}

/// Feeds heartbeats `gap` apart after the instant `now`, which it advances.
void feed(Detector& detector, Instant& now, int count, Duration gap) {
  for (int i = 0; i < count; ++i) {
    now += gap;
    detector.heartbeat(now, detector.newest().next());
  }
}

/// How long after `now` the detector suspects, in milliseconds.
double silence_ms(const Detector& detector, Instant now) {
  return static_cast<double>((detector.suspect_at() - now).count()) / 1e6;
}

TEST(PhiAccrual, QuantilesAreThoseOfTheNormalDistribution) {
  // Upper tail quantiles from published tables of the normal distribution.
  EXPECT_NEAR(normal_quantile_of_phi(-std::log10(0.5)), 0.0, 1e-12);
  EXPECT_NEAR(normal_quantile_of_phi(1), 1.2815515655446004, 1e-12);
  EXPECT_NEAR(normal_quantile_of_phi(2), 2.3263478740408408, 1e-12);
  EXPECT_NEAR(normal_quantile_of_phi(3), 3.0902323061678132, 1e-12);
  EXPECT_NEAR(normal_quantile_of_phi(8), 5.6120012441747891, 1e-10);
  EXPECT_LT(normal_quantile_of_phi(0.1), 0);
  EXPECT_GT(normal_quantile_of_phi(300), 36);
  EXPECT_LT(normal_quantile_of_phi(300), 38);
}

TEST(PhiAccrual, EqualGapsFallBackOnTheLeastDeviation) {
  Detector detector = phi({.window_size = 50});
  Instant now{};
  feed(detector, now, 200, kInterval);
  EXPECT_NEAR(silence_ms(detector, now), 100 + 5.6120012441747891 * 10, 0.001);
}

TEST(PhiAccrual, WithNoLeastDeviationEqualGapsGiveTheGap) {
  Detector detector = phi({.window_size = 50, .stddev_min = Duration::zero()});
  Instant now{};
  feed(detector, now, 200, kInterval);
  EXPECT_NEAR(silence_ms(detector, now), 100, 0.001);
}

TEST(PhiAccrual, WindowOfOneKnowsTheLastGapOnly) {
  Detector detector = phi({.window_size = 1});
  Instant now{};
  feed(detector, now, 1, kInterval);
  EXPECT_NEAR(silence_ms(detector, now), 156.12, 0.001);
  feed(detector, now, 1, milliseconds(130));
  EXPECT_NEAR(silence_ms(detector, now), 186.12, 0.001);
  feed(detector, now, 1, milliseconds(20));
  EXPECT_NEAR(silence_ms(detector, now), 76.12, 0.001);
}

TEST(PhiAccrual, TheFirstHeartbeatSeedsMeanAndDeviation) {
  // Gaps of 75 and 125 ms have the mean 100 and the deviation 25.
  Detector detector = phi({});
  detector.heartbeat(Instant(milliseconds(500)), Seq(1));
  EXPECT_NEAR(silence_ms(detector, Instant(milliseconds(500))), 100 + 5.6120012441747891 * 25,
              0.01);
}

TEST(PhiAccrual, TheAcceptablePauseComesOnTop) {
  Detector detector = phi({.acceptable_pause = milliseconds(3'000)});
  Instant now{};
  feed(detector, now, 300, kInterval);
  EXPECT_NEAR(silence_ms(detector, now), 3'156.12, 0.001);
}

TEST(PhiAccrual, ALowThresholdNeverSuspectsBeforeTheHeartbeat) {
  Detector detector = phi({.threshold = 1e-6, .stddev_min = milliseconds(1'000)});
  Instant now{};
  feed(detector, now, 300, kInterval);
  EXPECT_EQ(detector.suspect_at(), now);
}

TEST(PhiAccrual, TheGapOfAnOutageIsNotSampled) {
  Detector detector = phi({});
  Instant now{};
  feed(detector, now, 300, kInterval);
  const double before = silence_ms(detector, now);
  feed(detector, now, 1, milliseconds(30'000));
  EXPECT_EQ(silence_ms(detector, now), before);
  feed(detector, now, 1, kInterval);
  EXPECT_EQ(silence_ms(detector, now), before);
}

TEST(PhiAccrual, ASenderThatBecameSlowerIsBelievedAfterEightOutages) {
  Detector detector = phi({.window_size = 10});
  Instant now{};
  feed(detector, now, 30, kInterval);
  feed(detector, now, 8, milliseconds(300));
  EXPECT_NEAR(silence_ms(detector, now), 156.12, 0.001);
  feed(detector, now, 30, milliseconds(300));
  EXPECT_NEAR(silence_ms(detector, now), 356.12, 0.001);
}

/// Phi accrual as the paper words it: a deque of gaps, two passes, erfc and log10 per query.
class Textbook {
 public:
  explicit Textbook(std::size_t window_size) : window_size_(window_size) {
    add(75e6L);
    add(125e6L);
  }
  void add(long double gap) {
    gaps_.push_back(gap);
    if (gaps_.size() > window_size_) gaps_.pop_front();
  }
  [[nodiscard]] long double mean() const {
    long double sum = 0;
    for (const long double gap : gaps_)
      sum += gap;
    return sum / static_cast<long double>(gaps_.size());
  }
  [[nodiscard]] long double deviation(long double least) const {
    const long double middle = mean();
    long double sum = 0;
    for (const long double gap : gaps_)
      sum += (gap - middle) * (gap - middle);
    return std::max(least, std::sqrt(sum / static_cast<long double>(gaps_.size())));
  }
  [[nodiscard]] long double phi(long double silence, long double least) const {
    const long double z = (silence - mean()) / deviation(least);
    return -std::log10(0.5L * std::erfc(z / std::numbers::sqrt2_v<long double>));
  }

 private:
  std::size_t window_size_;
  std::deque<long double> gaps_;
};

TEST(PhiAccrual, PhiReachesTheThresholdAtTheFreshnessPoint) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    PhiOptions options;
    options.window_size = static_cast<std::uint32_t>(rng.between(2, seed % 3 == 0 ? 1'000 : 40));
    options.threshold = static_cast<double>(rng.between(5, 150)) / 10;
    options.stddev_min = Duration(rng.between(1'000'000, 20'000'000));
    Detector detector = phi(options);
    Textbook textbook(options.window_size);
    Instant now{};
    int outages = 0;
    detector.heartbeat(now, Seq(1));
    for (int i = 0; i < 2'000; ++i) {
      const Duration gap(rng.chance(20'000) ? rng.between(100'000'000, 900'000'000)
                                            : rng.between(80'000'000, 120'000'000));
      const bool in_time = now + gap <= detector.suspect_at();
      now += gap;
      detector.heartbeat(now, detector.newest().next());
      // The rule of the class: up to eight gaps in a row that ended a suspicion are left out.
      outages = in_time ? 0 : outages + 1;
      if (in_time || outages > 8) textbook.add(static_cast<long double>(gap.count()));
      const auto silence = static_cast<long double>((detector.suspect_at() - now).count());
      const auto least = static_cast<long double>(options.stddev_min.count());
      // Samples are rounded to 256 ns, which moves the mean and, z times, the deviation.
      const double z = normal_quantile_of_phi(options.threshold);
      const long double expected =
          textbook.mean() + static_cast<long double>(z) * textbook.deviation(least);
      ASSERT_NEAR(static_cast<double>(silence), static_cast<double>(std::max(0.0L, expected)),
                  256 * (1 + std::abs(z)))
          << i;
      ASSERT_NEAR(static_cast<double>(textbook.phi(silence, least)), options.threshold, 0.02) << i;
    }
  }
}

TEST(PhiAccrual, SumsStayExactAfterMillionsOfHeartbeats) {
  // After the window has been replaced, the past must have left no trace whatever.
  Detector old_one = phi({.window_size = 64});
  Detector young = phi({.window_size = 64});
  Rng rng(9);
  Instant now{};
  for (int i = 0; i < 2'000'000; ++i)
    feed(old_one, now, 1, Duration(rng.between(1, 150'000'000)));
  Instant later = now;
  young.heartbeat(later, Seq(1));
  for (int i = 0; i < 70; ++i) {
    const Duration gap(rng.between(95'000'000, 105'000'000));
    Instant same = later;
    feed(old_one, same, 1, gap);
    feed(young, later, 1, gap);
  }
  EXPECT_EQ(old_one.suspect_at(), young.suspect_at());
}

}  // namespace
}  // namespace vouch
