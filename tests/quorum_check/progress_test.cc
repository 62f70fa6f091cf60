// Support is tied to work: a leader whose work does not move loses its office, however well its
// heartbeats go.

#include <gtest/gtest.h>

#include "tests/quorum_check/one_monitor.h"

namespace vouch::testing {
namespace {

using std::chrono::milliseconds;

/// Two seconds with a good network.
void run(OneMonitor& one) {
  for (int i = 0; i < 20; ++i) {
    one.receive(one.heartbeat(kOther));
    one.receive(one.heartbeat(kThird));
    one.pass(milliseconds(100));
  }
}

TEST(Progress, OldPendingWorkEndsTheLeadership) {
  OneMonitor one(config_of(3));
  one.lead();
  run(one);
  one.tell(ProgressReported{kGroup, milliseconds(300)});
  one.receive(one.heartbeat(kOther));
  one.pass(milliseconds(600));
  ASSERT_TRUE(one.leads());
  one.receive(one.heartbeat(kOther));
  one.pass(milliseconds(110));
  ASSERT_EQ(one.all<StandDown>().size(), 1U);
  EXPECT_EQ(one.all<StandDown>()[0].reason, StandDownReason::kNoProgress);
  EXPECT_FALSE(one.status().candidacy.may_lead) << "until its work moves again";
  one.tell(ProgressReported{kGroup, Duration::zero()});
  EXPECT_TRUE(one.status().candidacy.may_lead);
}

TEST(Progress, CommitsTellTheSameWithoutAnAge) {
  OneMonitor one(config_of(3));
  one.lead();
  one.tell(LogAdvanced{kGroup, {Term{1}, 10}});
  run(one);
  EXPECT_TRUE(one.leads()) << "who reports no commits is not judged by them";
  one.tell(CommitReported{kGroup, 10});
  run(one);
  EXPECT_TRUE(one.leads()) << "everything is committed";
  one.tell(LogAdvanced{kGroup, {Term{1}, 30}});
  one.pass(milliseconds(400));
  one.receive(one.heartbeat(kOther));
  one.pass(milliseconds(400));
  one.tell(CommitReported{kGroup, 20});
  one.receive(one.heartbeat(kOther));
  one.pass(milliseconds(700));
  EXPECT_TRUE(one.leads()) << "it moved 700 ms ago";
  run(one);
  EXPECT_FALSE(one.leads());
  ASSERT_EQ(one.all<StandDown>().size(), 1U);
  EXPECT_EQ(one.all<StandDown>()[0].reason, StandDownReason::kNoProgress);
}

/// Otherwise a group that has lost its quorum with writes under way would never elect again: each
/// node would take the end of its log for work of its own that hangs.
TEST(Progress, TheUncommittedEndOfAFollowersLogIsNoHungWork) {
  OneMonitor one(config_of(3));
  one.tell(LogAdvanced{kGroup, {Term{1}, 10}});
  one.tell(CommitReported{kGroup, 8});
  one.tell(LogAdvanced{kGroup, {Term{1}, 12}});
  run(one);
  EXPECT_TRUE(one.status().candidacy.may_lead);
  one.lead();
  EXPECT_TRUE(one.leads()) << "its time begins when it can commit";
  run(one);
  EXPECT_FALSE(one.leads());
  ASSERT_EQ(one.all<StandDown>().size(), 1U);
  EXPECT_EQ(one.all<StandDown>()[0].reason, StandDownReason::kNoProgress);
}

TEST(Progress, WhatWasNotCommittedForWantOfAQuorumIsNoHungWork) {
  OneMonitor one(config_of(3));
  one.lead();
  one.tell(CommitReported{kGroup, 10});
  one.tell(LogAdvanced{kGroup, {Term{1}, 30}});
  for (int i = 0; i < 20; ++i)
    one.pass(milliseconds(100));
  ASSERT_EQ(one.all<StandDown>().size(), 1U);
  EXPECT_EQ(one.all<StandDown>()[0].reason, StandDownReason::kLeaseLapsed);
  EXPECT_TRUE(one.status().candidacy.may_lead);
}

TEST(Progress, AWorkerThatPromisedToReportAndIsSilentIsHung) {
  MonitorConfig config = config_of(3);
  config.worker_interval = milliseconds(200);
  OneMonitor one(config);
  one.lead();
  run(one);
  EXPECT_TRUE(one.leads()) << "before its first word silence means nothing";
  for (int i = 0; i < 10; ++i) {
    one.tell(ProgressReported{kGroup, Duration::zero()});
    one.receive(one.heartbeat(kOther));
    one.pass(milliseconds(200));
  }
  EXPECT_TRUE(one.leads());
  run(one);
  ASSERT_EQ(one.all<StandDown>().size(), 1U);
  EXPECT_EQ(one.all<StandDown>()[0].reason, StandDownReason::kNoProgress);
}

TEST(Progress, ASilentWorkerIsFineWhenItReportsChangesOnly) {
  OneMonitor one(config_of(3));
  one.lead();
  one.tell(ProgressReported{kGroup, Duration::zero()});
  run(one);
  run(one);
  EXPECT_TRUE(one.leads());
}

TEST(Progress, AFollowerPromisesNothingToAStuckLeader) {
  OneMonitor one(config_of(3));
  Heartbeat claim = one.claim(kOther, Term{1}, milliseconds(700));
  one.receive(claim);
  EXPECT_GT(one.status().promised_until, one.now());
  one.pass(milliseconds(2000));
  claim = one.claim(kOther, Term{1}, milliseconds(700));
  claim.groups[0].pending_age = to_wire(milliseconds(1001));
  one.forget();
  one.receive(claim);
  EXPECT_LT(one.status().promised_until, one.now());
  one.pass(milliseconds(100));
  ASSERT_FALSE(one.sent_to<Heartbeat>(kOther).empty());
  EXPECT_TRUE(one.sent_to<Heartbeat>(kOther).back().groups[0].withheld) << "and it says so";
}

}  // namespace
}  // namespace vouch::testing
