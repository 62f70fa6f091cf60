// Advice to hand over, and the handing over.

#include <gtest/gtest.h>

#include "tests/quorum_check/one_monitor.h"

namespace vouch {
namespace {

using testing::config_of;
using testing::kGroup;
using testing::kSelf;
using testing::OneMonitor;

/// Followers that hear node 1 well, or lose `lost` of the last 32 heartbeats from it, and `others`
/// of those from each other. Each is electable.
void beat(OneMonitor& one, std::uint8_t lost, Duration span, std::uint8_t others = 0) {
  for (Duration passed{}; passed < span; passed += std::chrono::milliseconds(100)) {
    one.pass(std::chrono::milliseconds(100));
    for (const NodeId peer : one.monitor().config().peers) {
      Heartbeat heartbeat = one.heartbeat(peer);
      // Each has numbers of its own, without gaps.
      heartbeat.seq = Seq{static_cast<std::uint64_t>(one.now().time_since_epoch() /
                                                     std::chrono::milliseconds(100))};
      heartbeat.groups[0].candidacy.electable = true;
      heartbeat.groups[0].candidacy.consenters = 5;
      const auto report = [&](NodeId node, std::uint8_t of_it) {
        PeerReport& entry = heartbeat.reports[heartbeat.report_count++];
        entry.peer = node;
        entry.link.lost = of_it;
        if (of_it >= 8) entry.link.set(LinkFlag::kLossy);
      };
      heartbeat.report_count = 0;
      report(kSelf, lost);
      for (const NodeId other : one.monitor().config().peers) {
        if (other != peer) report(other, others);
      }
      one.receive(heartbeat);
    }
  }
}

TEST(Transfer, ALossyLeaderAdvisesOnceAndLeadsOnUntilItIsFollowed) {
  OneMonitor one(config_of(5));
  beat(one, 0, std::chrono::seconds(2));
  one.lead();
  beat(one, 0, std::chrono::seconds(2));
  EXPECT_TRUE(one.all<TransferAdvice>().empty());
  beat(one, 10, std::chrono::seconds(20));
  const auto advices = one.all<TransferAdvice>();
  ASSERT_EQ(advices.size(), 1U) << "once per cool-down";
  EXPECT_EQ(advices[0].to, NodeId{2}) << "the best of equals";
  EXPECT_EQ(advices[0].reason, TransferReason::kLossy);
  EXPECT_TRUE(one.leads()) << "an advice changes nothing";
  beat(one, 10, std::chrono::seconds(15));
  EXPECT_EQ(one.all<TransferAdvice>().size(), 2U);
}

TEST(Transfer, WhereAllLoseAlikeNobodyIsAdvised) {
  OneMonitor one(config_of(5));
  beat(one, 10, std::chrono::seconds(2), 8);
  one.lead();
  beat(one, 10, std::chrono::seconds(60), 8);
  EXPECT_TRUE(one.all<TransferAdvice>().empty());
}

/// That it is worse than others is clear soon. Whether a hand-over is worth it is another matter.
TEST(Transfer, WhoIsToLeadMustBeClearlyBetterOff) {
  OneMonitor one(config_of(5));
  beat(one, 0, std::chrono::seconds(2));
  one.lead();
  beat(one, 14, std::chrono::seconds(20), 4);
  EXPECT_FALSE(one.all<Diagnosis>().empty());
  EXPECT_TRUE(one.all<TransferAdvice>().empty()) << "14 of 64 here, 8 there: not a third";
  beat(one, 28, std::chrono::seconds(2), 4);
  EXPECT_EQ(one.all<TransferAdvice>().size(), 1U);
}

TEST(Transfer, WithTwoFollowersItMustHoldForTenSeconds) {
  OneMonitor one(config_of(3));
  beat(one, 0, std::chrono::seconds(2));
  one.lead();
  beat(one, 0, std::chrono::seconds(7));  // Long enough in office to judge.
  beat(one, 16, std::chrono::milliseconds(9'800));
  EXPECT_TRUE(one.all<TransferAdvice>().empty());
  beat(one, 2, std::chrono::milliseconds(300));  // A moment in which it is well.
  beat(one, 16, std::chrono::milliseconds(9'800));
  EXPECT_TRUE(one.all<TransferAdvice>().empty()) << "ten seconds without a break";
  beat(one, 16, std::chrono::milliseconds(500));
  EXPECT_EQ(one.all<TransferAdvice>().size(), 1U);
}

TEST(Transfer, HandingOverEndsLeadershipAndMakesItTheLastChoice) {
  OneMonitor one(config_of(5));
  beat(one, 0, std::chrono::seconds(2));
  one.lead();
  beat(one, 0, std::chrono::seconds(1));
  one.tell(HandOver{kGroup, Term{1}});
  EXPECT_FALSE(one.leads());
  const auto down = one.all<StandDown>();
  ASSERT_EQ(down.size(), 1U);
  EXPECT_EQ(down[0].reason, StandDownReason::kTransferred);
  EXPECT_EQ(one.status().candidacy.strikes, 1) << "behind everybody else";
  EXPECT_TRUE(one.status().candidacy.electable) << "but it can be elected";
  beat(one, 0, std::chrono::seconds(11));
  EXPECT_EQ(one.status().candidacy.strikes, 0) << "forgotten after hold_off";
}

TEST(Transfer, NobodySuitsSoItLeadsOn) {
  OneMonitor one(config_of(3));
  one.lead();
  one.pass(std::chrono::milliseconds(100));
  for (const NodeId peer : one.monitor().config().peers)
    one.receive(one.heartbeat(peer));  // They hear this node, but are not electable.
  one.tell(HandOver{kGroup, Term{1}});
  EXPECT_TRUE(one.leads());
  one.tell(HandOver{kGroup, Term{9}});
  EXPECT_TRUE(one.leads()) << "of another term";
}

TEST(Transfer, NoCoolDownMeansNoAdvice) {
  MonitorConfig config = config_of(5);
  config.transfer_cooldown = Duration::zero();
  OneMonitor one(config);
  beat(one, 0, std::chrono::seconds(2));
  one.lead();
  beat(one, 10, std::chrono::seconds(5));
  EXPECT_TRUE(one.all<TransferAdvice>().empty());
  EXPECT_FALSE(one.all<Diagnosis>().empty()) << "what is wrong is said all the same";
}

TEST(Transfer, AfterAChangeOfLeaderTheNewOneWaits) {
  OneMonitor one(config_of(5));
  beat(one, 0, std::chrono::seconds(2));
  Heartbeat claim = one.claim(NodeId{2}, Term{1}, std::chrono::milliseconds(700));
  claim.seq = Seq{1'000'000};
  one.receive(claim);
  ASSERT_EQ(one.status().leader, NodeId{2});
  one.tell(Obituary{NodeId{2}, Incarnation{1}});
  one.lead(Term{2});
  ASSERT_TRUE(one.leads());
  beat(one, 10, std::chrono::seconds(20));
  EXPECT_TRUE(one.all<TransferAdvice>().empty());
  beat(one, 10, std::chrono::seconds(12));
  EXPECT_EQ(one.all<TransferAdvice>().size(), 1U);
}

}  // namespace
}  // namespace vouch
