// Advice to hand over, and the handing over.

#include <gtest/gtest.h>

#include "tests/quorum_check/one_monitor.h"

namespace vouch {
namespace {

using testing::config_of;
using testing::kGroup;
using testing::kSelf;
using testing::OneMonitor;

/// Four followers that hear node 1 well, or lose `lost` of the last 32 heartbeats from it. Each is
/// electable.
void beat(OneMonitor& one, std::uint8_t lost, Duration span) {
  for (Duration passed{}; passed < span; passed += std::chrono::milliseconds(100)) {
    one.pass(std::chrono::milliseconds(100));
    for (const NodeId peer : one.monitor().config().peers) {
      Heartbeat heartbeat = one.heartbeat(peer);
      // Each has numbers of its own, without gaps.
      heartbeat.seq = Seq{static_cast<std::uint64_t>(one.now().time_since_epoch() /
                                                     std::chrono::milliseconds(100))};
      heartbeat.groups[0].candidacy.electable = true;
      heartbeat.groups[0].candidacy.consenters = 5;
      heartbeat.report_count = 1;
      heartbeat.reports[0].peer = kSelf;
      heartbeat.reports[0].link.lost = lost;
      if (lost >= 5) heartbeat.reports[0].link.set(LinkFlag::kLossy);
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
  beat(one, 8, std::chrono::seconds(20));
  const auto advices = one.all<TransferAdvice>();
  ASSERT_EQ(advices.size(), 1U) << "once per cool-down";
  EXPECT_EQ(advices[0].to, NodeId{2}) << "the best of equals";
  EXPECT_EQ(advices[0].reason, TransferReason::kLossy);
  EXPECT_TRUE(one.leads()) << "an advice changes nothing";
  beat(one, 8, std::chrono::seconds(15));
  EXPECT_EQ(one.all<TransferAdvice>().size(), 2U);
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
  beat(one, 8, std::chrono::seconds(5));
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
  beat(one, 8, std::chrono::seconds(20));
  EXPECT_TRUE(one.all<TransferAdvice>().empty());
  beat(one, 8, std::chrono::seconds(12));
  EXPECT_EQ(one.all<TransferAdvice>().size(), 1U);
}

}  // namespace
}  // namespace vouch
