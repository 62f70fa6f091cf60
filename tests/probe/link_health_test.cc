#include "vouch/probe/link_health.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <deque>

#include "vouch/detector/rng.h"

namespace vouch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kInterval = milliseconds(100);
constexpr LinkLimits kLimits = LinkLimits::of(kInterval, milliseconds(800));

/// One link, driven heartbeat by heartbeat. The peer's clock is an hour ahead.
class Link {
 public:
  Link() { health_.start(now_, kLimits); }

  /// The next heartbeat is sent; it arrives after `delay`, or never.
  void sent(bool arrives, Duration delay = milliseconds(1), bool is_excused = false) {
    now_ += kInterval;
    ++seq_;
    if (arrives) arrive(Seq{seq_}, now_ + delay, delay, is_excused);
    health_.tick(now_, kLimits);
  }
  void arrive(Seq seq, Instant at, Duration delay, bool is_excused = false) {
    const Duration offset = delay - std::chrono::hours(1) + clock_step_;
    health_.heard(at,
                  {.seq = seq,
                   .padded_behind = padded_behind_,
                   .offset = offset,
                   .round_trip = round_trip_ + delay,
                   .is_excused = is_excused},
                  kLimits);
  }
  void run(int heartbeats) {
    for (int i = 0; i < heartbeats; ++i)
      sent(true);
  }
  void lose(int heartbeats) {
    for (int i = 0; i < heartbeats; ++i)
      sent(false);
  }

  [[nodiscard]] LinkReport report() const { return health_.report(now_, kLimits); }
  [[nodiscard]] bool has(LinkFlag flag) const { return report().has(flag); }

  LinkHealth health_;
  Instant now_ = Instant{} + seconds(1000);
  std::uint64_t seq_ = 0;
  Duration round_trip_ = milliseconds(50);
  Duration clock_step_{};
  std::uint8_t padded_behind_ = 0;
};

TEST(LinkHealth, IsSilentAfterFiveMissedIntervalsAndNotBefore) {
  Link link;
  link.run(50);
  link.lose(5);
  EXPECT_FALSE(link.has(LinkFlag::kSilent));
  link.lose(1);
  EXPECT_TRUE(link.has(LinkFlag::kSilent));
  EXPECT_EQ(link.report().silence, 5) << "whole intervals since the newest arrival";
  link.run(1);
  EXPECT_FALSE(link.has(LinkFlag::kSilent));
}

TEST(LinkHealth, AnOutageIsNoLossAndOneIsNoFlapping) {
  Link link;
  link.run(50);
  link.lose(30);
  link.run(10);
  EXPECT_EQ(link.report().flags, 0);
  EXPECT_EQ(link.report().lost, 0);
}

TEST(LinkHealth, TwoOutagesWithinFifteenSecondsAreFlappingUntilItIsQuiet) {
  Link link;
  link.run(50);
  link.lose(20);
  link.run(20);
  EXPECT_FALSE(link.has(LinkFlag::kFlapping));
  link.lose(20);
  link.run(1);
  EXPECT_TRUE(link.has(LinkFlag::kFlapping));
  link.run(59);
  EXPECT_TRUE(link.has(LinkFlag::kFlapping)) << "the period was 4 s: quiet is 6 s";
  link.run(3);
  EXPECT_FALSE(link.has(LinkFlag::kFlapping));
  EXPECT_FALSE(link.has(LinkFlag::kLossy));
}

TEST(LinkHealth, OutagesFarApartAreNoFlapping) {
  Link link;
  for (int i = 0; i < 5; ++i) {
    link.run(160);
    link.lose(20);
  }
  link.run(1);
  EXPECT_FALSE(link.has(LinkFlag::kFlapping));
}

/// Each count for itself: with one lost less in the same window it is not lossy yet.
TEST(LinkHealth, IsLossyByEachOfItsCountsAndNotBefore) {
  for (const LossyCount& count : kLossyCounts) {
    for (const int lost : {count.lost - 1, count.lost}) {
      Link link;
      link.run(70);
      // Spread so that no shorter window holds enough of them.
      const int of = static_cast<int>(count.of);
      for (int i = 0; i < of; ++i)
        link.sent((i + 1) * lost / of == i * lost / of);
      EXPECT_FALSE(link.has(LinkFlag::kLossy)) << "the last one shows with the next arrival";
      link.run(1);
      // The window has moved on by the one that arrived: it holds all when the first was not lost.
      EXPECT_EQ(link.has(LinkFlag::kLossy), lost == count.lost) << lost << " of " << count.of;
    }
  }
}

TEST(LinkHealth, OneInTwentyIsNotLossyAndWhatHasHealedIsNoMore) {
  Link link;
  for (int i = 0; i < 40; ++i) {
    link.run(19);
    link.lose(1);
    EXPECT_FALSE(link.has(LinkFlag::kLossy)) << "5 %";
  }
  for (int i = 0; i < 10; ++i) {
    link.lose(1);
    link.run(2);
  }
  EXPECT_TRUE(link.has(LinkFlag::kLossy)) << "33 %";
  link.run(40);
  EXPECT_FALSE(link.has(LinkFlag::kLossy));
}

/// The chance that `least` or more of `count` are lost at a loss of `loss`.
double at_least(unsigned least, unsigned count, double loss) {
  double sum = 0;
  for (unsigned lost = least; lost <= count; ++lost) {
    double term = 1;
    for (unsigned i = 0; i < lost; ++i)
      term *= loss * (count - i) / (i + 1);
    for (unsigned i = lost; i < count; ++i)
      term *= 1 - loss;
    sum += term;
  }
  return sum;
}

/// The chance, with each heartbeat, that a link which loses `loss` at random is called lossy: the
/// newest is lost, and enough of those before it.
double called_lossy(double loss) {
  double sum = 0;
  for (const LossyCount& count : kLossyCounts)
    sum += loss * at_least(static_cast<unsigned>(count.lost) - 1, count.of - 1, loss);
  return sum;
}

/// The bounds that kLossyCounts states, for ten heartbeats a second.
TEST(LinkHealth, LightLossIsCalledLossyAsRarelyAsItIsSaid) {
  constexpr double kADay = 864'000;
  EXPECT_LT(called_lossy(0.01), 1.3e-9);
  EXPECT_GT(1 / called_lossy(0.01), 2.5 * 365 * kADay);
  EXPECT_GT(1 / called_lossy(0.02), 6 * kADay);
  EXPECT_GT(1 / called_lossy(0.001), 1e6 * 365 * kADay);
}

/// How many of `links` that begin to lose `loss_percent` are lossy after `heartbeats`.
int lossy_of(int links, unsigned loss_percent, int heartbeats) {
  Rng rng(3);
  int lossy = 0;
  for (int i = 0; i < links; ++i) {
    Link link;
    link.run(70);
    for (int beat = 0; beat < heartbeats; ++beat)
      link.sent(rng.below(100) >= loss_percent);
    lossy += link.has(LinkFlag::kLossy) ? 1 : 0;
  }
  return lossy;
}

TEST(LinkHealth, HeavyLossIsToldAsSoonAsItIsSaid) {
  EXPECT_GT(lossy_of(1000, 50, 16), 500) << "seed 3";
  EXPECT_GT(lossy_of(1000, 30, 28), 500) << "seed 3";
  EXPECT_GT(lossy_of(1000, 50, 36), 980) << "seed 3";
  EXPECT_GT(lossy_of(1000, 30, 62), 980) << "seed 3";
}

TEST(LinkHealth, WhatLosesBetweenItsOutagesIsLossyAndDoesNotFlap) {
  Link link;
  link.run(70);
  link.lose(6);
  link.run(6);
  link.lose(6);
  link.run(2);
  EXPECT_TRUE(link.has(LinkFlag::kFlapping)) << "so far";
  for (int i = 0; i < 6; ++i) {
    link.lose(1);
    link.run(1);
  }
  EXPECT_TRUE(link.has(LinkFlag::kLossy));
  EXPECT_FALSE(link.has(LinkFlag::kFlapping));
  link.lose(7);
  EXPECT_FALSE(link.has(LinkFlag::kSilent)) << "one more run of losses";
}

/// The counts against a plain list of what happened.
TEST(LinkHealth, CountsTheLostOfTheLast32AsAListDoes) {
  Rng rng(7);
  Link link;
  link.run(40);
  std::deque<bool> list(32, false);
  int in_a_row = 0;
  for (int i = 0; i < 20'000; ++i) {
    const bool lost = in_a_row < 4 && rng.below(10) < 3;  // Longer ones are outages.
    in_a_row = lost ? in_a_row + 1 : 0;
    link.sent(!lost);
    list.push_back(lost);
    list.pop_front();
    if (lost) continue;  // What is missing shows with the next arrival.
    int expected = 0;
    for (const bool was_lost : list)
      expected += was_lost ? 1 : 0;
    ASSERT_EQ(link.report().lost, expected) << "heartbeat " << i << ", seed 7";
  }
}

TEST(LinkHealth, WhatIsOvertakenWasNotLost) {
  Link link;
  link.run(40);
  for (int i = 0; i < 8; ++i)
    link.sent(false);
  EXPECT_TRUE(link.has(LinkFlag::kSilent));
  Link late;
  late.run(40);
  late.lose(4);
  late.run(1);
  EXPECT_EQ(late.report().lost, 4);
  for (std::uint64_t seq = late.seq_ - 4; seq < late.seq_; ++seq)
    late.health_.overtaken(Seq{seq});
  EXPECT_EQ(late.report().lost, 0);
}

TEST(LinkHealth, ALongerWayIsSlowAndAShorterOneAgainIsNot) {
  Link link;
  link.run(50);
  for (int i = 0; i < 5; ++i)
    link.sent(true, milliseconds(700));
  EXPECT_TRUE(link.has(LinkFlag::kSlow));
  EXPECT_EQ(link.report().latency, 10) << "750 ms is in [2^9, 2^10) ms";
  link.run(5);
  EXPECT_FALSE(link.has(LinkFlag::kSlow));
}

TEST(LinkHealth, AClockThatJumpsIsNoSlowLink) {
  Link link;
  link.run(50);
  link.clock_step_ = seconds(10);  // Arrivals look ten seconds late; the round trip is as it was.
  link.run(20);
  EXPECT_FALSE(link.has(LinkFlag::kSlow));
}

TEST(LinkHealth, ClocksWithinTheDriftBoundAreNoSlowLink) {
  Link link;
  link.round_trip_ = milliseconds(400);  // Long enough to let the other test decide.
  for (int i = 0; i < 36'000; ++i) {
    link.clock_step_ += std::chrono::microseconds(100);  // 1000 ppm.
    link.sent(true);
    ASSERT_FALSE(link.has(LinkFlag::kSlow)) << "after " << i << " heartbeats";
  }
}

TEST(LinkHealth, APauseOfEitherEndTellsNothingOfTheLink) {
  Link link;
  link.run(50);
  link.lose(12);
  link.sent(true, milliseconds(600), true);
  link.run(5);
  EXPECT_EQ(link.report().flags, 0);
  EXPECT_EQ(link.report().lost, 0);
  link.lose(20);
  link.health_.resume(link.now_);
  EXPECT_FALSE(link.has(LinkFlag::kLossy));
  link.run(1);
  EXPECT_EQ(link.report().lost, 0) << "what was missed while this node stood still";
}

TEST(LinkHealth, ALossyLinkIsSilentLater) {
  Link link;
  link.run(40);
  for (int i = 0; i < 8; ++i) {
    link.lose(1);
    link.run(1);
  }
  ASSERT_TRUE(link.has(LinkFlag::kLossy));
  link.lose(20);
  EXPECT_FALSE(link.has(LinkFlag::kSilent));
  link.lose(1);
  EXPECT_TRUE(link.has(LinkFlag::kSilent));
}

TEST(LinkHealth, WhatIsLostForItsSizeIsNoLoss) {
  Link link;
  link.run(40);
  for (int i = 0; i < 30; ++i) {
    link.lose(1);  // Every second one is padded, and too long for the way.
    link.padded_behind_ = 1;
    link.run(1);
    link.padded_behind_ = 0;
  }
  EXPECT_EQ(link.report().lost, 0);
  EXPECT_FALSE(link.has(LinkFlag::kLossy));
}

TEST(LinkHealth, WhatIsOvertakenByAQuickerWayIsNotCountedTooEarly) {
  Link link;
  link.run(50);
  for (int i = 0; i < 20; ++i)
    link.sent(true, milliseconds(700));
  link.lose(4);    // Still on the longer way, and the next one takes the short one.
  link.seq_ += 9;  // More than one for each interval.
  link.run(1);
  EXPECT_LE(link.report().lost, 1);
  EXPECT_FALSE(link.has(LinkFlag::kLossy));
}

TEST(LinkHealth, ThousandsOfMissingNumbersAreTaken) {
  Link link;
  link.run(10);
  link.seq_ += 1'000'000'000'000;
  link.run(1);
  EXPECT_EQ(link.report().lost, 31) << "all but the one that came";
}

}  // namespace
}  // namespace vouch
