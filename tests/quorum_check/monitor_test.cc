// Single calls into a Monitor whose effect is easier to read alone than in a story.

#include "vouch/quorum_check/monitor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "tests/quorum_check/one_monitor.h"

namespace vouch::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Found by the fuzzer: the leader slept beyond its lease, its oldest work is too old as well, and
// until the buffers are read neither may end its leadership. The timer must not be due meanwhile.
TEST(Monitor, ALeaderThatWakesStuckAsksForNoTimerBeforeItsBuffersAreRead) {
  OneMonitor one(config_of(3));
  one.lead();
  one.tell(ProgressReported{kGroup, milliseconds(900)});
  one.sleep(milliseconds(2000));
  one.run_timer();
  EXPECT_FALSE(one.leads());
  EXPECT_GT(one.monitor().next_timeout(), one.now());
  one.pass(milliseconds(60));
  EXPECT_EQ(one.status().leader, kNobody);
}

TEST(Monitor, AnswersALeaderAtOnceWhoseLeaseRunsLow) {
  OneMonitor one(config_of(3));
  one.receive(one.claim(kOther, Term{1}, milliseconds(790)));
  one.sleep(milliseconds(1));
  one.forget();
  one.receive(one.claim(kOther, Term{1}, milliseconds(700)));
  EXPECT_TRUE(one.sent_to<Heartbeat>(kOther).empty()) << "an ample lease waits for the interval";
  one.receive(one.claim(kOther, Term{1}, milliseconds(70)));
  EXPECT_EQ(one.sent_to<Heartbeat>(kOther).size(), 1U);
  EXPECT_TRUE(one.sent_to<Heartbeat>(kThird).empty());
}

TEST(Monitor, AHintAsksAtOnceAndOnlyOnce) {
  OneMonitor one(config_of(3));
  one.receive(one.claim(kThird, Term{1}, milliseconds(700)));
  one.pass(milliseconds(250));  // A new leader's grace is over.
  one.receive(one.claim(kThird, Term{1}, milliseconds(700)));
  one.receive(one.heartbeat(kOther));
  one.forget();
  one.tell(Hint{kThird});
  EXPECT_EQ(one.sent_to<ConfirmRequest>(kOther).size(), 1U);
  one.tell(Hint{kThird});
  one.tell(Hint{kThird});
  EXPECT_EQ(one.sent_to<ConfirmRequest>(kOther).size(), 1U) << "what is suspected needs no hint";
  EXPECT_TRUE(one.all<Campaign>().empty());
  one.receive(one.claim(kThird, Term{1}, milliseconds(700)));
  EXPECT_EQ(one.status().verdict, Verdict::kTrust) << "and the leader's word ends it";
}

TEST(Monitor, AnOlderQuestionDoesNotShortenAConsent) {
  OneMonitor one(config_of(3));
  one.receive(one.heartbeat(kOther));
  ConfirmRequest request{.from = {kOther, Incarnation{1}}, .group = kGroup};
  request.epoch = ConfigEpoch{1};
  request.wants_consent = true;
  request.candidacy = {.consenters = 3, .may_lead = true, .electable = true};
  request.round = Nonce{2};
  request.attempt = 1;
  request.hold = to_wire(milliseconds(300));
  one.receive(request);
  const Instant bound = one.monitor().promised_until();
  EXPECT_GE(bound, one.now() + milliseconds(300));
  request.round = Nonce{1};
  request.hold = to_wire(milliseconds(50));
  one.receive(request);
  EXPECT_EQ(one.monitor().promised_until(), bound);
}

TEST(Monitor, PausesThatAddUpToALeaseCostALeaderItsOffice) {
  OneMonitor one(config_of(3));
  one.lead();
  for (int pause = 0; pause < 2; ++pause) {
    one.receive(one.heartbeat(kOther));
    one.receive(one.heartbeat(kThird));
    one.pass(milliseconds(50));
    ASSERT_TRUE(one.leads()) << "pause " << pause;
    one.sleep(milliseconds(450));
    one.run_timer();
  }
  ASSERT_EQ(one.all<StandDown>().size(), 1U);
  EXPECT_EQ(one.all<StandDown>()[0].reason, StandDownReason::kStalling);
  EXPECT_EQ(one.status().candidacy.strikes, 1);
}

TEST(Monitor, PausesFarApartDoNotAddUp) {
  OneMonitor one(config_of(3));
  one.lead();
  for (int pause = 0; pause < 2; ++pause) {
    for (int i = 0; i < 400; ++i) {
      one.receive(one.heartbeat(kOther));
      one.pass(milliseconds(200));
    }
    one.sleep(milliseconds(450));
    one.run_timer();
  }
  EXPECT_TRUE(one.all<StandDown>().empty());
}

TEST(Monitor, WhoLosesItsLeaseAgainAndAgainRanksEverLonger) {
  OneMonitor one(config_of(3));
  Duration held{};
  for (std::uint64_t term = 1; term <= 3; ++term) {
    one.lead(Term{term});
    one.pass(seconds(1));  // No acknowledgement: the lease lapses.
    ASSERT_EQ(one.status().candidacy.strikes, term);
    const Instant struck = one.now();
    while (one.status().candidacy.strikes != 0)
      one.pass(milliseconds(100));
    EXPECT_GT(one.now() - struck, held * 3 / 2);
    held = one.now() - struck;
  }
  one.pass(seconds(60));
  one.lead(Term{9});
  one.pass(seconds(1));
  EXPECT_EQ(one.status().candidacy.strikes, 1) << "after a steady time they are forgotten";
}

TEST(Monitor, StrikesAreCountedWhenTheyHoldOffNoLonger) {
  const MonitorConfig config = config_of(3);
  OneMonitor one(config);
  for (std::uint64_t term = 1; term <= 300; ++term) {
    one.lead(Term{term});
    one.pass(seconds(1));
    ASSERT_EQ(one.status().candidacy.strikes, std::min<std::uint64_t>(term, 254))
        << "who fails once more ranks behind who fails no more";
  }
  one.pass(32 * config.hold_off - seconds(10));
  EXPECT_EQ(one.status().candidacy.strikes, 254);
  one.pass(seconds(10));
  EXPECT_EQ(one.status().candidacy.strikes, 0);
}

TEST(Monitor, ADrainedLeaderGoesWhenSomebodyCanFollowIt) {
  OneMonitor one(config_of(3));
  one.lead();
  one.tell(EligibilityChanged{kGroup, false});
  EXPECT_TRUE(one.leads()) << "nobody else can lead: a group without a leader is worse";
  Heartbeat successor = one.heartbeat(kOther);
  successor.groups[0].candidacy = {.consenters = 3, .may_lead = true, .electable = true};
  one.receive(successor);
  EXPECT_FALSE(one.leads());
  ASSERT_EQ(one.all<StandDown>().size(), 1U);
  EXPECT_EQ(one.all<StandDown>()[0].reason, StandDownReason::kDraining);
  EXPECT_EQ(one.status().candidacy.strikes, 0) << "a drain is no strike";
}

TEST(Monitor, LateTimersMakeItSickAndTimersInTimeHealIt) {
  OneMonitor one(config_of(3));
  const auto tick = [&](Duration late) {
    one.sleep(one.monitor().next_timeout() - one.now() + late);
    one.run_timer();
  };
  one.receive(one.heartbeat(kOther));
  for (int i = 0; i < 3; ++i)
    tick(milliseconds(80));
  one.forget();
  one.receive(one.heartbeat(kOther));
  tick(milliseconds(80));
  ASSERT_FALSE(one.sent_to<Heartbeat>(kOther).empty());
  EXPECT_TRUE(one.sent_to<Heartbeat>(kOther).back().sick);
  // A sick node answers, and says so.
  one.forget();
  ConfirmRequest request{.from = {kOther, Incarnation{1}}, .group = kGroup};
  request.epoch = ConfigEpoch{1};
  request.round = Nonce{5};
  request.attempt = 1;
  request.wants_consent = true;
  request.hold = to_wire(milliseconds(150));
  request.candidacy = {.consenters = 2, .may_lead = true, .electable = true};
  one.receive(request);
  ASSERT_EQ(one.sent_to<ConfirmReply>(kOther).size(), 1U);
  EXPECT_EQ(one.sent_to<ConfirmReply>(kOther)[0].answer, Answer::kSick);
  for (int i = 0; i < 4; ++i) {
    one.receive(one.heartbeat(kOther));
    one.forget();
    tick(Duration::zero());
  }
  EXPECT_FALSE(one.sent_to<Heartbeat>(kOther).back().sick);
}

TEST(Monitor, APersistedPromiseShortensTheSilenceAfterARestart) {
  MonitorConfig config = config_of(3);
  config.boot = BootMode::kPersisted;
  config.boot_promise = milliseconds(120);
  OneMonitor one(config);
  EXPECT_EQ(one.monitor().may_vote(kGroup, kOther, one.now()), VoteVerdict::kJustStarted);
  EXPECT_EQ(one.monitor().promised_until(), one.now() + milliseconds(120));
  EXPECT_EQ(one.monitor().may_vote(kGroup, kOther, one.now() + milliseconds(120)),
            VoteVerdict::kMay);
  one.pass(milliseconds(200));
  one.receive(one.claim(kOther, Term{1}, milliseconds(700)));
  EXPECT_EQ(one.monitor().promised_until(), one.now() + config.promise());
}

TEST(Monitor, WhoSendsNoBigMessageBackDoesNotSupport) {
  MonitorConfig config = config_of(3);
  config.padded_every = 2;
  OneMonitor one(config);
  one.lead();
  const auto run = [&](bool big_pass, int intervals) {
    for (int i = 0; i < intervals; ++i) {
      for (NodeId peer : {kOther, kThird}) {
        Heartbeat heartbeat = one.heartbeat(peer);
        if (big_pass) heartbeat.echo_padded = Core::stamp(one.now());
        one.receive(heartbeat);
      }
      one.pass(milliseconds(100));
    }
  };
  run(true, 30);
  EXPECT_TRUE(one.leads());
  int padded = 0;
  for (const Heartbeat& sent : one.sent_to<Heartbeat>(kOther))
    padded += sent.padded ? 1 : 0;
  EXPECT_GT(padded, 10);
  EXPECT_LT(padded, 20);
  run(false, 20);
  EXPECT_FALSE(one.leads()) << "small messages pass, big ones do not: no log can be sent";
  EXPECT_FALSE(one.status().candidacy.electable);
}

/// It counts on what it heard of this node's log before a cut, and does not know better yet.
TEST(Monitor, ConsentsToNobodyWhoseLogIsShorter) {
  OneMonitor one(config_of(3));
  one.receive(one.heartbeat(kOther));
  one.tell(LogAdvanced{kGroup, {Term{1}, 10}});
  ConfirmRequest request{.from = {kOther, Incarnation{1}}, .group = kGroup};
  request.epoch = ConfigEpoch{1};
  request.round = Nonce{7};
  request.hold = to_wire(milliseconds(150));
  request.wants_consent = true;
  request.candidacy = {.consenters = 3, .may_lead = true, .electable = true};
  for (const std::uint64_t index : {9U, 10U}) {
    one.forget();
    ++request.attempt;
    request.candidacy.log = {Term{1}, index};
    one.receive(request);
    ASSERT_EQ(one.sent_to<ConfirmReply>(kOther).size(), 1U);
    EXPECT_EQ(one.sent_to<ConfirmReply>(kOther)[0].answer,
              index < 10 ? Answer::kEndorseOther : Answer::kConsent);
  }
}

}  // namespace
}  // namespace vouch::testing
