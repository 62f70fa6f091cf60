// Who would wait in vain for consents is no candidate: each would be over before it is there.

#include <gtest/gtest.h>

#include "tests/quorum_check/one_monitor.h"

namespace vouch::testing {
namespace {

using std::chrono::milliseconds;

/// Node 1 of three, which knows no leader and hears both others, whose questions take `way`.
class LateAnswers : public ::testing::Test {
 protected:
  /// Time passes; heartbeats of both others arrive every 100 ms, in time.
  void run(Duration span) {
    for (Duration gone{}; gone < span; gone += milliseconds(100)) {
      one_.receive(one_.heartbeat(kOther));
      one_.receive(one_.heartbeat(kThird));
      one_.pass(milliseconds(100));
    }
  }

  /// The newest question to `to`.
  ConfirmRequest asked(NodeId to) {
    const auto requests = one_.sent_to<ConfirmRequest>(to);
    EXPECT_FALSE(requests.empty());
    return requests.empty() ? ConfirmRequest{} : requests.back();
  }

  /// What `from` answers: it consents, as it is asked to.
  static ConfirmReply consent(NodeId from, const ConfirmRequest& request) {
    ConfirmReply reply{.from = {from, Incarnation{1}}};
    reply.group = request.group;
    reply.epoch = request.epoch;
    reply.round = request.round;
    reply.attempt = request.attempt;
    reply.subject = request.subject;
    reply.subject_incarnation = request.subject_incarnation;
    reply.answer = Answer::kConsent;
    reply.term = request.term;
    reply.promise = request.hold;
    reply.endorses = kSelf;
    return reply;
  }

  /// Asks, and has the answers of both others `way` later.
  void ask(Duration way, bool are_sick = false) {
    run(milliseconds(400));
    ConfirmReply first = consent(kOther, asked(kOther));
    ConfirmReply second = consent(kThird, asked(kThird));
    first.sick = second.sick = are_sick;
    run(way);
    one_.receive(first);
    one_.receive(second);
  }

  OneMonitor one_{config_of(3)};
  const Duration longest_ = MonitorConfig{}.consent_hold_max();
};

TEST_F(LateAnswers, InTimeTheyElect) {
  ask(milliseconds(100));
  EXPECT_EQ(one_.all<Campaign>().size(), 1U);
  EXPECT_TRUE(one_.status().candidacy.electable);
}

TEST_F(LateAnswers, TooLateForAnyConsentTheyEndTheCandidacy) {
  ask(longest_);
  EXPECT_TRUE(one_.all<Campaign>().empty());
  EXPECT_FALSE(one_.status().candidacy.electable) << "so that others need not wait for it";
  EXPECT_EQ(one_.status().candidacy.consenters, 1U);
  EXPECT_TRUE(one_.status().candidacy.reaches_quorum) << "the network carries, if slowly";
  one_.forget();
  run(milliseconds(500));
  EXPECT_FALSE(asked(kOther).wants_consent) << "nobody is bound to it in vain";
}

TEST_F(LateAnswers, ALeaseAfterTheLastOneItTriesAgain) {
  ask(longest_);
  run(MonitorConfig{}.lease - milliseconds(100));
  EXPECT_FALSE(one_.status().candidacy.electable);
  run(milliseconds(200));
  EXPECT_TRUE(one_.status().candidacy.electable);
  one_.forget();
  ask(milliseconds(100));
  EXPECT_EQ(one_.all<Campaign>().size(), 1U);
}

TEST_F(LateAnswers, OfWhoWasStalledTheyMeasureTheStall) {
  ask(longest_, true);
  EXPECT_TRUE(one_.status().candidacy.electable);
}

TEST_F(LateAnswers, ANewProcessAnswersAnew) {
  ask(longest_);
  ASSERT_FALSE(one_.status().candidacy.electable);
  Heartbeat heartbeat = one_.heartbeat(kOther);
  heartbeat.from.incarnation = Incarnation{2};
  one_.receive(heartbeat);
  EXPECT_TRUE(one_.status().candidacy.electable);
}

}  // namespace
}  // namespace vouch::testing
