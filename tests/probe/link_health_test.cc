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
  EXPECT_EQ(link.report().lost, 1);
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

TEST(LinkHealth, FiveOfTwentyAreLossyAndRareOnesAreNot) {
  Link link;
  for (int i = 0; i < 40; ++i) {
    link.run(19);
    link.lose(1);
    EXPECT_FALSE(link.has(LinkFlag::kLossy)) << "5 %";
  }
  for (int i = 0; i < 5; ++i) {
    link.lose(1);
    link.run(3);
  }
  EXPECT_TRUE(link.has(LinkFlag::kLossy)) << "25 %";
  link.run(40);
  EXPECT_FALSE(link.has(LinkFlag::kLossy));
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
