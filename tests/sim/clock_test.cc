#include <gtest/gtest.h>

#include "vouch/detector/rng.h"
#include "vouch/sim/time.h"

namespace vouch::sim {
namespace {

constexpr Duration kTick{1};

TEST(LocalClock, RunsFastByItsRate) {
  const LocalClock clock(kStart, Instant(Duration(500)), 1000);
  EXPECT_EQ(clock.local(kStart), Instant(Duration(500)));
  EXPECT_EQ(clock.local(kStart + std::chrono::seconds(1)),
            Instant(Duration(500) + std::chrono::seconds(1) + std::chrono::milliseconds(1)));
}

TEST(LocalClock, NeverIsTheEndOfTime) {
  const LocalClock clock(kStart, Instant(std::chrono::hours(1)), -100);
  EXPECT_EQ(clock.when(kNever), kEndOfTime);
  EXPECT_EQ(clock.when(kLongAgo), kStart);
}

TEST(LocalClock, ConvertsBackToTheFirstTimeThatShowsTheInstant) {
  Rng rng(20240501);
  for (int round = 0; round < 200'000; ++round) {
    const auto rate = static_cast<std::int32_t>(rng.between(-100'000, 100'000));
    const TrueTime anchor{Duration(rng.between(0, 4'000'000'000'000'000))};
    const Instant shown{Duration(rng.between(0, 1'000'000'000'000))};
    const LocalClock clock(anchor, shown, rate);
    const Instant wanted = shown + Duration(rng.between(1, 4'000'000'000'000'000));
    const TrueTime when = clock.when(wanted);
    ASSERT_GE(clock.local(when), wanted) << "rate " << rate << ", round " << round;
    ASSERT_LT(clock.local(when - kTick), wanted) << "rate " << rate << ", round " << round;
  }
}

TEST(LocalClock, NeverGoesBackWhenItsRateChanges) {
  Rng rng(7);
  LocalClock clock(kStart, Instant(Duration(1)), 0);
  TrueTime now = kStart;
  Instant last = clock.local(now);
  for (int step = 0; step < 100'000; ++step) {
    now += Duration(rng.between(0, 5'000'000));
    if (rng.below(4) == 0) {
      clock.set_rate(now, static_cast<std::int32_t>(rng.between(-100'000, 100'000)));
    }
    const Instant shown = clock.local(now);
    ASSERT_GE(shown, last) << "step " << step;
    last = shown;
  }
}

}  // namespace
}  // namespace vouch::sim
