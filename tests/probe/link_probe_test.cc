#include "vouch/probe/link_probe.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace vouch {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPace = 100ms;
/// The clocks of the two ends have nothing in common.
constexpr Instant kHere{1'000s};
constexpr Instant kThere{5s};

LinkMeter meter_here() {
  return {Incarnation{7}, 0xaaaa};
}
LinkMeter meter_there(std::uint64_t token = 0xbbbb) {
  return {Incarnation{9}, token};
}

/// Both ends know what the other wants to be shown.
void open(LinkMeter& here, LinkMeter& there) {
  const LinkProbe first = here.next_probe(kHere, kPace);
  ASSERT_FALSE(there.admits(first));
  ASSERT_TRUE(here.take_challenge(there.challenge_for(first)));
  ASSERT_TRUE(there.admits(here.next_probe(kHere, kPace)));
}

std::vector<ProbeArrival> taken(LinkMeter& meter, Instant now, const LinkProbe& probe) {
  const std::span<const ProbeArrival> arrivals = meter.take_probe(now, probe);
  return {arrivals.begin(), arrivals.end()};
}

TEST(LinkMeter, AnswersAStrangerWithNoMoreThanItSent) {
  LinkMeter here = meter_here();
  const LinkMeter there = meter_there();
  const LinkProbe first = here.next_probe(kHere, kPace);
  EXPECT_EQ(first.token, 0U);
  EXPECT_EQ(first.seq, Seq{});
  EXPECT_FALSE(there.admits(first));
  std::array<std::byte, kMaxDatagram> room{};
  const std::size_t asked = encode(first, kNoCluster, room);
  EXPECT_LE(encode(there.challenge_for(first), kNoCluster, room), asked);
  EXPECT_FALSE(here.take_challenge({.token = 1, .wanted_token = 0xbbbb})) << "not ours";
  EXPECT_FALSE(here.take_challenge({.token = 0xaaaa, .wanted_token = 0}));
  EXPECT_FALSE(here.is_open());
}

TEST(LinkMeter, TellsBothDirections) {
  LinkMeter here = meter_here();
  LinkMeter there = meter_there();
  open(here, there);  // One numbered probe of this end is gone.
  const LinkProbe second = here.next_probe(kHere + 200ms, kPace);
  EXPECT_EQ(taken(there, kThere + 30ms, second),
            (std::vector<ProbeArrival>{{.is_own = false,
                                        .incarnation = Incarnation{7},
                                        .seq = Seq{2},
                                        .sent_at = second.sent_at,
                                        .arrived_at = ClockStamp{5'030'000'000}}}));
  const LinkProbe back = there.next_probe(kThere + 50ms, kPace);
  ASSERT_TRUE(here.admits(back));
  const std::vector<ProbeArrival> known = taken(here, kHere + 280ms, back);
  ASSERT_EQ(known.size(), 2U);
  EXPECT_EQ(known[0], (ProbeArrival{.is_own = true,
                                    .incarnation = Incarnation{7},
                                    .seq = Seq{2},
                                    .sent_at = second.sent_at,
                                    .arrived_at = ClockStamp{5'030'000'000}}));
  EXPECT_EQ(known[1].seq, Seq{1});
  EXPECT_TRUE(here.is_open());
  EXPECT_EQ(here.out().sent, 2U) << "the question for the token does not count";
  EXPECT_EQ(here.out().arrived, 1U);
  EXPECT_EQ(here.in().sent, 1U);
  EXPECT_EQ(here.in().arrived, 1U);
}

TEST(LinkMeter, ReceiptsOutliveLostProbes) {
  LinkMeter here = meter_here();
  LinkMeter there = meter_there();
  open(here, there);
  LinkProbe back;
  for (int i = 0; i < static_cast<int>(kMaxReceipts) + 4; ++i) {
    static_cast<void>(taken(there, kThere + i * kPace, here.next_probe(kHere + i * kPace, kPace)));
    back = there.next_probe(kThere + i * kPace, kPace);  // All but the last are lost.
  }
  const std::vector<ProbeArrival> known = taken(here, kHere + 9s, back);
  ASSERT_EQ(known.size(), kMaxReceipts + 1);
  EXPECT_EQ(known.front().seq, Seq{2 + 4}) << "the oldest four are not known any more";
  EXPECT_EQ(here.out().arrived, kMaxReceipts + 4);
  EXPECT_EQ(here.out().unknown, 4U);
  EXPECT_EQ(here.in().sent, kMaxReceipts + 4);
  EXPECT_EQ(here.in().arrived, 1U);
}

TEST(LinkMeter, CountsWhatComesLateOrTwice) {
  LinkMeter here = meter_here();
  LinkMeter there = meter_there();
  open(here, there);
  const LinkProbe a = here.next_probe(kHere, kPace);
  const LinkProbe b = here.next_probe(kHere, kPace);
  EXPECT_EQ(taken(there, kThere, b).size(), 1U);
  EXPECT_EQ(taken(there, kThere, a).size(), 1U);
  EXPECT_EQ(taken(there, kThere, a).size(), 0U);
  EXPECT_EQ(there.in().arrived, 2U);
  EXPECT_EQ(there.in().reordered, 1U);
  EXPECT_EQ(there.in().repeated, 1U);
  for (int i = 0; i < 80; ++i)
    static_cast<void>(taken(there, kThere, here.next_probe(kHere, kPace)));
  EXPECT_EQ(taken(there, kThere, a).size(), 0U) << "far too old to be told from a repeated one";
}

TEST(LinkMeter, ANewLifeOfTheOtherEndNumbersAnew) {
  LinkMeter here = meter_here();
  LinkMeter there = meter_there();
  open(here, there);
  static_cast<void>(taken(there, kThere, here.next_probe(kHere, kPace)));
  const LinkProbe late = there.next_probe(kThere, kPace);
  static_cast<void>(taken(here, kHere, there.next_probe(kThere, kPace)));

  LinkMeter again = meter_there(0xcccc);
  const LinkProbe asked = here.next_probe(kHere, kPace);
  ASSERT_FALSE(again.admits(asked));
  ASSERT_TRUE(here.take_challenge(again.challenge_for(asked)));
  static_cast<void>(taken(again, kThere, here.next_probe(kHere, kPace)));
  const LinkProbe first = again.next_probe(kThere, kPace);
  const std::vector<ProbeArrival> known = taken(here, kHere, first);
  ASSERT_EQ(known.size(), 2U);
  EXPECT_EQ(known[1].seq, Seq{1});
  EXPECT_EQ(here.in().sent, 3U) << "two of the former life, one of this";
  EXPECT_TRUE(taken(here, kHere, late).empty()) << "of the former life";
  EXPECT_EQ(here.in().arrived, 2U);
}

TEST(LinkMeter, BelievesNoReceiptOfWhatItNeverSent) {
  LinkMeter here = meter_here();
  LinkMeter there = meter_there();
  open(here, there);
  static_cast<void>(taken(there, kThere, here.next_probe(kHere, kPace)));
  LinkProbe lie = there.next_probe(kThere, kPace);
  lie.newest[0].seq = Seq{1'000};
  EXPECT_EQ(taken(here, kHere, lie).size(), 1U);
  EXPECT_EQ(here.out().arrived, 0U);
  lie.seq = Seq{2};
  lie.receipts = 0;  // Fewer than it holds.
  EXPECT_EQ(taken(here, kHere, lie).size(), 1U);
}

}  // namespace
}  // namespace vouch
