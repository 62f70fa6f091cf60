// Heartbeats over a peer: who asks for them, what they are worth, and what a relayer that lies or
// is late can do. Node 1 is under test; it follows.

#include <gtest/gtest.h>

#include <optional>

#include "tests/rules/relay_setup.h"

namespace vouch {
namespace {

using namespace std::chrono_literals;
using testing::kFourth;
using testing::kGroup;
using testing::kLease;
using testing::kOther;
using testing::kSelf;
using testing::kTerm;
using testing::kThird;
using testing::OneMonitor;
using testing::with_relay;

/// Node 1 follows node 2 of five until it falls silent, while nodes 3 and 4 are heard on.
class Follower {
 public:
  explicit Follower(RelayMode mode) : one_(with_relay(mode)) {
    for (int i = 0; i < 10; ++i) {
      one_.pass(100ms);
      one_.receive(one_.claim(kOther, kTerm, kLease));
      hear_peers();
    }
    last_direct_ = one_.now();
  }

  /// The leader is not heard, and no heartbeat is relayed.
  void miss(Duration span) {
    for (Duration passed{}; passed < span; passed += 50ms) {
      one_.pass(50ms);
      hear_peers();
    }
  }

  /// `from` answers the newest question: it proves the leader's lease for another `evidence`.
  void vouch(NodeId from, Duration evidence = 600ms, Duration promise = 750ms) {
    const auto asked = one_.sent_to<ConfirmRequest>(from);
    ASSERT_FALSE(asked.empty());
    const ConfirmRequest& question = asked.back();
    ConfirmReply reply{.from = {from, Incarnation{1}}, .group = kGroup};
    reply.epoch = question.epoch;
    reply.round = question.round;
    reply.attempt = question.attempt;
    reply.subject = question.subject;
    reply.subject_incarnation = question.subject_incarnation;
    reply.term = kTerm;
    reply.leader = kOther;
    reply.leader_incarnation = Incarnation{1};
    reply.answer = Answer::kPromised;
    reply.evidence = to_wire(evidence);
    reply.promise = to_wire(promise);
    one_.receive(reply);
  }

  /// Silent for so long that node 3 has been asked, and has been chosen.
  void suspect() {
    miss(400ms);
    vouch(kThird);
  }

  RelayedHeartbeat relayed(NodeId via = kThird) {
    const Heartbeat claim = one_.claim(kOther, kTerm, kLease);
    RelayedHeartbeat relayed{.from = {via, Incarnation{1}}, .origin = claim.from};
    relayed.sent_at = claim.sent_at;
    relayed.echo_incarnation = Incarnation{1};
    relayed.echo = Core::stamp(one_.now() - 20ms);
    relayed.age = to_wire(30ms);
    relayed.group_count = 1;
    relayed.groups[0] = claim.groups[0];
    return relayed;
  }

  [[nodiscard]] OneMonitor& one() { return one_; }
  [[nodiscard]] std::vector<RelayRequest> asked(NodeId whom) {
    return one_.sent_to<RelayRequest>(whom);
  }

 private:
  void hear_peers() {
    for (const NodeId peer : {kThird, kFourth}) {
      Heartbeat heartbeat = one_.heartbeat(peer);
      heartbeat.groups[0].leader = kOther;
      one_.receive(heartbeat);
    }
  }

  OneMonitor one_;
  Instant last_direct_{};
};

TEST(Relay, OffAsksNobodyAndTakesNothing) {
  Follower follower(RelayMode::kOff);
  follower.suspect();
  follower.miss(300ms);
  EXPECT_TRUE(follower.asked(kThird).empty());
  const Instant proved = follower.one().status().proved_until;
  follower.one().receive(follower.relayed());
  EXPECT_EQ(follower.one().status().proved_until, proved);
  EXPECT_EQ(follower.one().monitor().counters().relayed_heartbeats_received, 0U);
}

TEST(Relay, AVouchingPeerIsAskedAndAskedAgainEachInterval) {
  Follower follower(RelayMode::kHeartbeats);
  follower.suspect();
  ASSERT_EQ(follower.asked(kThird).size(), 1U) << "at once";
  EXPECT_EQ(follower.asked(kThird)[0].origin, kOther);
  EXPECT_EQ(follower.asked(kThird)[0].origin_incarnation, Incarnation{1});
  EXPECT_EQ(follower.asked(kThird)[0].promised, ClockStamp{});
  EXPECT_EQ(follower.one().status().relayer, kThird);
  for (int i = 0; i < 4; ++i) {
    follower.one().receive(follower.relayed());
    follower.miss(100ms);
  }
  EXPECT_GE(follower.asked(kThird).size(), 4U);
  EXPECT_LE(follower.asked(kThird).size(), 6U);
  EXPECT_TRUE(follower.asked(kFourth).empty()) << "one at a time";
}

TEST(Relay, TheLeaderIsKeptAndNoQuestionIsAskedWhileItFlows) {
  Follower follower(RelayMode::kHeartbeats);
  follower.suspect();
  follower.one().receive(follower.relayed());
  follower.one().forget();
  for (int i = 0; i < 30; ++i) {
    follower.miss(100ms);
    follower.one().receive(follower.relayed());
    const GroupStatus status = follower.one().status();
    EXPECT_EQ(status.leader, kOther);
    // 700 ms of lease, and two proofs of its age of 20 and 30 ms.
    EXPECT_GT(status.proved_until - follower.one().now(), 645ms);
    EXPECT_LE(status.proved_until - follower.one().now(), 650ms);
  }
  EXPECT_TRUE(follower.one().sent_to<ConfirmRequest>(kThird).empty());
  EXPECT_EQ(follower.one().monitor().peer(kOther).state, PeerState::kSuspect)
      << "the link itself is as silent as it is";
  EXPECT_TRUE(follower.one().all<Campaign>().empty());
}

TEST(Relay, HeartbeatsAloneEarnNoPromiseAndAllDoes) {
  for (const RelayMode mode : {RelayMode::kHeartbeats, RelayMode::kAll}) {
    Follower follower(mode);
    follower.suspect();
    follower.miss(400ms);
    const Instant bound = follower.one().status().promised_until;
    follower.vouch(kThird);
    follower.one().forget();
    const RelayedHeartbeat relayed = follower.relayed();
    follower.one().receive(relayed);
    const auto asked = follower.asked(kThird);
    if (mode == RelayMode::kHeartbeats) {
      EXPECT_EQ(follower.one().status().promised_until, bound);
      for (const RelayRequest& request : asked)
        EXPECT_EQ(request.promised, ClockStamp{});
      continue;
    }
    const Duration promise = follower.one().monitor().config().promise();
    EXPECT_EQ(follower.one().status().promised_until, follower.one().now() + promise);
    ASSERT_FALSE(asked.empty());
    EXPECT_EQ(asked.front().promised, relayed.sent_at);
    EXPECT_EQ(asked.front().group_count, 1);
    EXPECT_EQ(asked.front().groups[0], kGroup);
  }
}

/// Everything about a relayed heartbeat that a relayer can get wrong.
TEST(Relay, ALyingOrLateRelayerProvesNothing) {
  Follower follower(RelayMode::kAll);
  follower.suspect();
  OneMonitor& one = follower.one();
  const auto is_refused = [&](const RelayedHeartbeat& relayed) {
    const GroupStatus before = one.status();
    one.forget();
    one.receive(relayed);
    const GroupStatus after = one.status();
    bool has_promised = false;
    for (const RelayRequest& request : one.sent_to<RelayRequest>(kThird))
      has_promised |= request.promised != ClockStamp{};
    return before.proved_until == after.proved_until &&
           before.promised_until == after.promised_until && !has_promised;
  };
  RelayedHeartbeat lie = follower.relayed(kFourth);
  EXPECT_TRUE(is_refused(lie)) << "nobody asked this one";
  lie = follower.relayed();
  lie.origin.incarnation = Incarnation{2};
  EXPECT_TRUE(is_refused(lie)) << "a life that has never spoken here";
  lie = follower.relayed();
  lie.origin.node = kFourth;
  EXPECT_TRUE(is_refused(lie)) << "not the one that is suspected";
  lie.origin.node = kSelf;
  EXPECT_TRUE(is_refused(lie));
  lie.origin.node = kThird;
  EXPECT_TRUE(is_refused(lie)) << "what it says itself comes straight";
  lie = follower.relayed();
  lie.echo_incarnation = Incarnation{7};
  EXPECT_TRUE(is_refused(lie)) << "the echo is of another life";
  lie = follower.relayed();
  lie.echo = Core::stamp(one.now() + 1ms);
  EXPECT_TRUE(is_refused(lie)) << "of the future";
  lie = follower.relayed();
  lie.age = to_wire(681ms);
  EXPECT_TRUE(is_refused(lie)) << "20 ms and 681 ms are more than the gate of 700 ms";
  lie = follower.relayed();
  lie.echo = Core::stamp(one.now() - 671ms);
  EXPECT_TRUE(is_refused(lie)) << "late on its second way";
  lie = follower.relayed();
  lie.groups[0].lease = WireMicros{0};
  EXPECT_TRUE(is_refused(lie)) << "no quorum";
  lie = follower.relayed();
  lie.groups[0].pending_age = to_wire(1001ms);
  EXPECT_TRUE(is_refused(lie)) << "a hung worker";
  lie = follower.relayed();
  lie.groups[0].claim = Term{};
  EXPECT_TRUE(is_refused(lie)) << "no claim";
  const RelayedHeartbeat good = follower.relayed();
  EXPECT_FALSE(is_refused(good));
  one.pass(1ms);
  EXPECT_TRUE(is_refused(good)) << "replayed";
}

/// The leader gives up: a relayed heartbeat says so.
RelayedHeartbeat abdication(Follower& follower) {
  RelayedHeartbeat relayed = follower.relayed();
  relayed.groups[0].claim = Term{};
  relayed.groups[0].lease = WireMicros{0};
  relayed.groups[0].abdicated = kTerm;
  return relayed;
}

/// Abdications release promises at once, so hearsay of one frees none that went straight.
TEST(Relay, AnAbdicationThatIsRelayedReleasesNoPromiseThatWentStraight) {
  for (const RelayMode mode : {RelayMode::kHeartbeats, RelayMode::kAll}) {
    Follower follower(mode);
    follower.suspect();
    const GroupStatus before = follower.one().status();
    ASSERT_EQ(before.promised_to, kOther);
    follower.one().receive(abdication(follower));
    EXPECT_EQ(follower.one().status().promised_to, kOther);
    EXPECT_EQ(follower.one().status().promised_until, before.promised_until);
    EXPECT_EQ(follower.one().status().leader, kOther);
  }
}

/// It frees the one that went over a peer, or the group would wait for it in vain; also when the
/// evidence is over, because a leader gives up when its lease is.
TEST(Relay, AnAbdicationThatIsRelayedReleasesThePromiseThatWentTheSameWay) {
  Follower follower(RelayMode::kAll);
  follower.suspect();
  RelayedHeartbeat last = follower.relayed();
  last.groups[0].lease = to_wire(100ms);
  follower.one().receive(last);
  ASSERT_GT(follower.one().status().promised_until, follower.one().now() + 800ms);
  follower.miss(600ms);
  ASSERT_LT(follower.one().status().proved_until, follower.one().now());
  RelayedHeartbeat other = abdication(follower);
  other.from.node = kFourth;
  follower.one().receive(other);
  EXPECT_EQ(follower.one().status().promised_to, kOther);
  EXPECT_EQ(follower.one().status().relayer, kThird);
  RelayedHeartbeat old = abdication(follower);
  old.age = to_wire(5s);
  follower.one().receive(old);
  EXPECT_EQ(follower.one().status().promised_to, kNobody) << "true at any age";
}

TEST(Relay, APeerThatDoesNotDeliverIsReplacedByAnother) {
  Follower follower(RelayMode::kHeartbeats);
  follower.miss(400ms);
  follower.vouch(kThird, 600ms, 720ms);
  follower.vouch(kFourth, 600ms, 780ms);
  ASSERT_EQ(follower.one().status().relayer, kThird) << "hardly better is no reason";
  follower.miss(350ms);
  EXPECT_EQ(follower.one().status().relayer, kFourth);
  EXPECT_FALSE(follower.asked(kFourth).empty());
}

TEST(Relay, AVouchThatIsMuchYoungerIsFollowedAtOnce) {
  Follower follower(RelayMode::kHeartbeats);
  follower.miss(400ms);
  follower.vouch(kThird, 600ms, 450ms);  // It has lost the leader as well.
  EXPECT_EQ(follower.one().status().relayer, kThird);
  follower.vouch(kFourth, 600ms);
  EXPECT_EQ(follower.one().status().relayer, kFourth);
}

/// `relayed` of a leader that has heard nothing of node 3 for `age`.
RelayedHeartbeat aged(Follower& follower, Duration age) {
  RelayedHeartbeat relayed = follower.relayed();
  relayed.age = to_wire(age);
  return relayed;
}

/// What it passes on still proves the lease, but it carries no promise.
TEST(Relay, OneWhomTheLeaderNoLongerHearsGetsNoPromiseAndIsLeftForABetterOne) {
  Follower follower(RelayMode::kAll);
  follower.suspect();
  OneMonitor& one = follower.one();
  one.receive(aged(follower, 249ms));  // And the drift.
  const Instant promised = one.status().promised_until;
  ASSERT_EQ(promised, one.now() + one.monitor().config().promise());
  one.pass(100ms);
  one.forget();
  one.receive(aged(follower, 251ms));
  EXPECT_EQ(one.status().promised_until, promised);
  ASSERT_EQ(one.sent_to<ConfirmRequest>(kFourth).size(), 1U) << "who has the leader now?";
  follower.vouch(kFourth);
  EXPECT_EQ(one.status().relayer, kThird) << "its own answer is still to come";
  follower.vouch(kThird, 400ms);
  EXPECT_EQ(one.status().relayer, kFourth);
  EXPECT_EQ(follower.asked(kFourth).size(), 1U);
}

/// The leader gives up where the promise went, and that has to be heard.
TEST(Relay, WhoWasPromisedOverIsAskedOnWhenAnotherIsChosen) {
  Follower follower(RelayMode::kAll);
  follower.suspect();
  OneMonitor& one = follower.one();
  one.receive(follower.relayed());
  one.pass(100ms);
  one.receive(aged(follower, 300ms));
  follower.vouch(kFourth);
  const std::size_t asked = follower.asked(kThird).size();
  follower.vouch(kThird, 400ms);
  ASSERT_EQ(one.status().relayer, kFourth);
  EXPECT_EQ(follower.asked(kThird).size(), asked + 1);
  EXPECT_EQ(one.status().promised_to, kOther);
  one.receive(abdication(follower));
  EXPECT_EQ(one.status().promised_to, kNobody);
}

/// Hearsay of hearsay never counts: others are told nothing of what came over a peer.
TEST(Relay, WhatCameOverAPeerIsNoEvidenceForOthers) {
  Follower follower(RelayMode::kAll);
  follower.suspect();
  OneMonitor& one = follower.one();
  for (int i = 0; i < 8; ++i) {
    follower.miss(100ms);
    one.receive(follower.relayed());
  }
  one.forget();
  ConfirmRequest question{.from = {kFourth, Incarnation{1}}, .group = kGroup};
  question.epoch = ConfigEpoch{1};
  question.round = Nonce{7};
  question.attempt = 1;
  question.subject = kOther;
  question.subject_incarnation = Incarnation{1};
  question.term = kTerm;
  one.receive(question);
  const auto replies = one.sent_to<ConfirmReply>(kFourth);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].leader, kOther);
  EXPECT_EQ(replies[0].evidence, WireMicros{0});
  EXPECT_EQ(replies[0].answer, Answer::kPromised) << "bound it is all the same";
}

TEST(Relay, TheEndOfTheLeadersLeaseEndsIt) {
  Follower follower(RelayMode::kHeartbeats);
  follower.suspect();
  follower.one().receive(follower.relayed());
  follower.miss(100ms);
  const Instant proved = follower.one().status().proved_until;
  RelayedHeartbeat last = follower.relayed();
  last.groups[0].claim = Term{};
  last.groups[0].lease = WireMicros{0};
  follower.one().receive(last);
  EXPECT_EQ(follower.one().status().proved_until, proved);
  follower.miss(proved - follower.one().now() + 50ms);
  EXPECT_EQ(follower.one().status().relayer, kNobody);
  EXPECT_FALSE(follower.one().sent_to<ConfirmRequest>(kThird).empty());
}

TEST(Relay, AStraightHeartbeatEndsIt) {
  Follower follower(RelayMode::kAll);
  follower.suspect();
  follower.one().receive(follower.relayed());
  follower.one().receive(follower.one().claim(kOther, kTerm, kLease));
  EXPECT_EQ(follower.one().status().relayer, kNobody);
  follower.one().forget();
  follower.one().receive(follower.relayed());
  EXPECT_TRUE(follower.asked(kThird).empty());
}

/// A leader that is heard but does not hear: its promise goes over a peer, and no round is needed.
TEST(Relay, AFollowerThatIsNotHeardSendsItsPromiseOverAPeer) {
  for (const RelayMode mode : {RelayMode::kHeartbeats, RelayMode::kAll}) {
    OneMonitor one(with_relay(mode));
    Heartbeat third = one.heartbeat(kThird);
    third.report_count = 2;
    third.reports[0] = {.peer = kSelf, .hears = true, .is_heard = true};
    third.reports[1] = {.peer = kOther, .hears = true, .is_heard = true};
    one.receive(third);
    bool hears_third = true;
    const auto promised_after = [&](bool is_heard, Duration lease) {
      one.forget();
      Heartbeat claim = one.claim(kOther, kTerm, lease);
      claim.report_count = 2;
      claim.reports[0] = {.peer = kSelf, .hears = is_heard, .is_heard = true};
      claim.reports[1] = {.peer = kThird, .hears = hears_third, .is_heard = true};
      one.receive(claim);
      const auto asked = one.sent_to<RelayRequest>(kThird);
      if (asked.empty()) return ClockStamp{};
      EXPECT_EQ(asked.size(), 1U);
      EXPECT_EQ(asked[0].origin, kOther);
      EXPECT_FALSE(asked[0].wants_heartbeats) << "they come straight";
      EXPECT_EQ(asked[0].group_count, 1);
      EXPECT_EQ(asked[0].promised, claim.sent_at);
      return asked[0].promised;
    };
    EXPECT_EQ(promised_after(true, kLease), ClockStamp{});
    EXPECT_EQ(promised_after(false, kLease) != ClockStamp{}, mode == RelayMode::kAll);
    EXPECT_EQ(promised_after(false, 0ms), ClockStamp{}) << "withheld: it shows no quorum";
    hears_third = false;
    EXPECT_EQ(promised_after(false, kLease), ClockStamp{}) << "over that one it would be lost";
    EXPECT_TRUE(one.all<Decision>().empty());
  }
}

}  // namespace
}  // namespace vouch
