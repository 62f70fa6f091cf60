// Who votes, who only listens, and what happens while that changes.

#include <gtest/gtest.h>

#include "tests/quorum_check/one_monitor.h"

namespace vouch::testing {
namespace {

using std::chrono::milliseconds;

MembershipChanged change(std::uint64_t epoch, std::initializer_list<std::uint32_t> voters,
                         std::initializer_list<std::uint32_t> joint = {}) {
  MembershipChanged event{.group = kGroup, .epoch = ConfigEpoch{epoch}};
  for (std::uint32_t id : voters)
    event.voters.push(NodeId{id});
  for (std::uint32_t id : joint)
    event.joint.push(NodeId{id});
  return event;
}

/// A leader of five whose lease is renewed by the nodes named, and nobody else.
bool leads_with(OneMonitor& one, std::initializer_list<std::uint32_t> supporters) {
  for (int i = 0; i < 20; ++i) {
    for (std::uint32_t id : supporters)
      one.receive(one.heartbeat(NodeId{id}));
    one.pass(milliseconds(100));
  }
  return one.leads();
}

TEST(Membership, TheLeaseFollowsTheNewVoters) {
  OneMonitor one(config_of(5));
  one.lead();
  ASSERT_TRUE(leads_with(one, {2, 3}));
  one.tell(change(2, {1, 2, 3}));
  EXPECT_TRUE(leads_with(one, {2}));
  EXPECT_FALSE(leads_with(one, {4, 5})) << "learners support nothing";
}

TEST(Membership, AJointConfigurationNeedsBothMajorities) {
  OneMonitor one(config_of(5));
  one.lead();
  one.tell(change(2, {1, 2, 3}, {3, 4, 5}));
  EXPECT_TRUE(leads_with(one, {3, 4}));
  EXPECT_FALSE(leads_with(one, {2, 3}))
      << "two of {1,2,3}, with this node three, but one of {3,4,5}";
}

TEST(Membership, AnOldEpochOrAStrangerChangesNothing) {
  OneMonitor one(config_of(3));
  one.lead();
  const auto refused = [&] { return one.monitor().counters().dropped_bad_field; };
  one.tell(change(1, {1}));
  EXPECT_EQ(refused(), 1U);
  one.tell(change(2, {1, 9}));
  EXPECT_EQ(refused(), 2U);
  one.tell(change(2, {}));
  EXPECT_EQ(refused(), 3U);
  EXPECT_FALSE(leads_with(one, {})) << "the voters are still three";
}

ConfirmRequest question(std::uint64_t epoch) {
  ConfirmRequest request{.from = {kOther, Incarnation{1}}, .group = kGroup};
  request.epoch = ConfigEpoch{epoch};
  request.round = Nonce{7};
  request.attempt = 1;
  request.hold = to_wire(milliseconds(150));
  request.wants_consent = true;
  request.candidacy = {.consenters = 3, .may_lead = true, .electable = true};
  return request;
}

TEST(Membership, ConsentsToANewerConfigurationAndNotToAReplacedOne) {
  OneMonitor one(config_of(3));
  one.receive(one.heartbeat(kOther));
  one.tell(change(5, {1, 2, 3}));
  one.forget();
  one.receive(question(4));
  ASSERT_EQ(one.sent_to<ConfirmReply>(kOther).size(), 1U);
  EXPECT_EQ(one.sent_to<ConfirmReply>(kOther)[0].answer, Answer::kNotVoter);
  one.forget();
  one.receive(question(6));
  EXPECT_EQ(one.sent_to<ConfirmReply>(kOther)[0].answer, Answer::kConsent);
}

TEST(Membership, ALearnerAsksButNeverStands) {
  MonitorConfig config = config_of(3);
  config.groups[0].voters = {kOther, kThird};
  OneMonitor one(config);
  one.receive(one.claim(kOther, Term{1}, milliseconds(700)));
  one.receive(one.heartbeat(kThird));
  one.forget();
  for (int i = 0; i < 40; ++i) {
    one.receive(one.heartbeat(kThird));
    one.pass(milliseconds(100));
  }
  EXPECT_FALSE(one.sent_to<ConfirmRequest>(kThird).empty());
  for (const ConfirmRequest& asked : one.sent_to<ConfirmRequest>(kThird))
    EXPECT_FALSE(asked.wants_consent);
  EXPECT_TRUE(one.all<Campaign>().empty());
  EXPECT_EQ(one.monitor().may_vote(kGroup, kThird, one.now()), VoteVerdict::kNotVoter);
}

TEST(Membership, AWitnessVotesAndNeverStands) {
  MonitorConfig config = config_of(3);
  config.groups[0].may_lead = false;
  OneMonitor one(config);
  for (int i = 0; i < 40; ++i) {
    one.receive(one.heartbeat(kOther));
    one.receive(one.heartbeat(kThird));
    one.pass(milliseconds(100));
  }
  EXPECT_TRUE(one.all<Campaign>().empty());
  EXPECT_TRUE(one.status().candidacy.reaches_quorum);
  EXPECT_FALSE(one.status().candidacy.electable);
  EXPECT_EQ(one.monitor().may_vote(kGroup, kOther, one.now()), VoteVerdict::kMay);
}

}  // namespace
}  // namespace vouch::testing
