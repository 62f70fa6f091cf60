// One test for each safety rule, named after it. Each was seen to fail when its rule is broken on
// purpose: tests/rules/mutants holds how, scripts/mutants repeats it.

#include <gtest/gtest.h>

#include "tests/quorum_check/one_monitor.h"
#include "tests/rules/rule_runs.h"

namespace vouch::testing {
namespace {

using namespace std::chrono_literals;

TEST(Rule, S1_NoCampaignWhileTheQuorumLeaseRuns) {
  expect_no_campaign_while_the_lease_runs({}, 20);
}

TEST(Rule, S2_AtMostOneHolderOfTheLease) {
  MonitorConfig config;
  config.transfer_cooldown = {};  // Or the slow leader would be handed over before the cut.
  expect_one_holder_of_the_lease(config, 20);
}

/// A consent of `from` as an answer to `asked`.
ConfirmReply consent_to(const ConfirmRequest& asked, NodeId from) {
  ConfirmReply reply{.from = {from, Incarnation{1}}, .group = asked.group, .epoch = asked.epoch};
  reply.round = asked.round;
  reply.attempt = asked.attempt;
  reply.subject = asked.subject;
  reply.subject_incarnation = asked.subject_incarnation;
  reply.term = asked.term;
  reply.answer = Answer::kConsent;
  reply.promise = asked.hold;
  return reply;
}

/// Node 1 of three whose leader, node 3, has been silent until node 1 asks node 2 for its consent.
ConfirmRequest ask_for_consent(OneMonitor& one) {
  one.receive(one.claim(kThird, Term{1}, 700ms));
  for (int i = 0; i < 60; ++i) {
    Heartbeat alive = one.heartbeat(kOther);
    alive.groups[0].term = Term{1};
    one.receive(alive);
    one.pass(50ms);
    const auto asked = one.sent_to<ConfirmRequest>(kOther);
    if (!asked.empty() && asked.back().wants_consent) return asked.back();
  }
  ADD_FAILURE() << "it never asked";
  return {};
}

TEST(Rule, S3_AConsentOfAnotherRoundNeverCounts) {
  OneMonitor one(config_of(3));
  const ConfirmRequest asked = ask_for_consent(one);
  const auto wrong = [&](auto change) {
    ConfirmReply reply = consent_to(asked, kOther);
    change(reply);
    one.receive(reply);
    EXPECT_TRUE(one.all<Campaign>().empty());
  };
  wrong([](ConfirmReply& r) { r.round = Nonce{r.round.value() + 1}; });
  wrong([](ConfirmReply& r) { r.subject = kOther; });
  wrong([](ConfirmReply& r) { r.subject_incarnation = r.subject_incarnation.next(); });
  wrong([](ConfirmReply& r) { r.attempt += 1; });
  wrong([](ConfirmReply& r) { r.term = Term{0}; });
  one.receive(consent_to(asked, kOther));
  EXPECT_EQ(one.all<Campaign>().size(), 1U) << "the right one does";
}

TEST(Rule, S4_ASlowNodeNeitherSuspectsNorConsents) {
  OneMonitor one(config_of(3));
  one.receive(one.claim(kThird, Term{1}, 700ms));
  one.receive(one.heartbeat(kOther));
  one.sleep(3s);
  one.forget();
  one.run_timer();
  EXPECT_TRUE(one.all<PeerChanged>().empty()) << "it is the one that was away";
  ConfirmRequest request{.from = {kOther, Incarnation{1}}, .group = kGroup, .epoch = {}};
  request.epoch = ConfigEpoch{1};
  request.round = Nonce{9};
  request.attempt = 1;
  request.subject = kThird;
  request.subject_incarnation = Incarnation{1};
  request.term = Term{1};
  request.hold = to_wire(150ms);
  request.wants_consent = true;
  request.candidacy = {.consenters = 2, .may_lead = true, .electable = true};
  one.receive(request);
  ASSERT_EQ(one.sent_to<ConfirmReply>(kOther).size(), 1U) << "but it answers";
  EXPECT_EQ(one.sent_to<ConfirmReply>(kOther)[0].answer, Answer::kSick);
}

// A lost reply counts for nothing: cut off from all but one of five, nobody campaigns, whatever the
// one says.
TEST(Rule, S5_SilenceIsNeitherNoNorDead) {
  OneMonitor one(config_of(5));
  one.receive(one.claim(NodeId{5}, Term{1}, 700ms));
  for (int i = 0; i < 100; ++i) {
    Heartbeat alive = one.heartbeat(kOther);
    alive.groups[0].term = Term{1};
    one.receive(alive);
    one.pass(50ms);
    const auto asked = one.sent_to<ConfirmRequest>(kOther);
    if (!asked.empty()) one.receive(consent_to(asked.back(), kOther));
    one.pass(50ms);
  }
  EXPECT_TRUE(one.all<Campaign>().empty());
  EXPECT_EQ(one.status().verdict, Verdict::kIsolatedSelf);
}

TEST(Rule, S6_TermsNeverDecreaseAndTokensStrictlyIncrease) {
  OneMonitor one(config_of(3));
  one.tell(TermObserved{kGroup, Term{7}});
  one.tell(TermObserved{kGroup, Term{5}});
  EXPECT_EQ(one.status().term, Term{7});
  one.lead(Term{6});
  EXPECT_FALSE(one.leads()) << "an old term is no fencing token";
  one.receive(one.claim(kOther, Term{6}, 700ms));
  EXPECT_EQ(one.status().term, Term{7});
  EXPECT_EQ(one.status().leader, kNobody);
  Term last{};
  for (const LeaderChanged& changed : one.all<LeaderChanged>()) {
    EXPECT_GE(changed.term, last);
    last = changed.term;
  }
}

TEST(Rule, S7_PromisesSurviveARestart) {
  expect_promises_to_survive_a_restart({}, 20);
}

TEST(Rule, S8_TheDriftArithmeticHoldsOnBothSides) {
  expect_drift_to_be_allowed_for({}, 20);
}

// A voter bound to leader 3 votes for candidate 2 (kWaitOut), which gives up. The next candidate
// must still wait for the lease of 3.
TEST(Rule, S8_EveryEarlierLeaseIsWaitedOut) {
  MonitorConfig config = config_of(3);
  config.lease_mode = LeaseMode::kWaitOut;
  OneMonitor one(config);
  one.receive(one.claim(kThird, Term{1}, 700ms));
  const Instant earlier = one.now() + config.promise();
  one.tell(VoteGranted{kGroup, kOther, Term{2}});
  Heartbeat gave_up = one.heartbeat(kOther);
  gave_up.groups[0].term = Term{2};
  gave_up.groups[0].abdicated = Term{2};
  one.receive(gave_up);
  EXPECT_GE(one.now() + one.monitor().bound(kGroup, kOther, one.now()), earlier);
  EXPECT_GE(one.now() + one.monitor().bound(kGroup, kSelf, one.now()), earlier);
}

// A peer whose evidence never ends delays for ever, and that is said aloud; it does not elect.
TEST(Rule, S9_FalseEvidenceCostsTimeNeverSafety) {
  MonitorConfig config = config_of(3);
  config.suppress_cap = 2s;
  OneMonitor one(config);
  const ConfirmRequest first = ask_for_consent(one);
  one.forget();
  ConfirmRequest asked = first;
  for (int i = 0; i < 120; ++i) {
    ConfirmReply lie = consent_to(asked, kOther);
    lie.answer = Answer::kPromised;
    lie.leader = kThird;
    lie.leader_incarnation = Incarnation{1};
    lie.evidence = to_wire(600ms);
    one.receive(lie);
    Heartbeat alive = one.heartbeat(kOther);
    alive.groups[0].term = Term{1};
    one.receive(alive);
    one.pass(50ms);
    const auto again = one.sent_to<ConfirmRequest>(kOther);
    if (!again.empty()) asked = again.back();
  }
  EXPECT_TRUE(one.all<Campaign>().empty());
  EXPECT_EQ(one.status().term, Term{1});
  EXPECT_EQ(one.all<SuppressAlert>().size(), 2U) << "once per suppress_cap in six seconds";
}

// The group loses its leader for 0.7 of a lease: everybody suspects, everybody asks, and nobody has
// spent a term when it is back.
TEST(Rule, S10_NoTermIsSpentWhileAPromiseRuns) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    sim::Plan plan = plan_of(5, 560ms, 10s);
    for (sim::NodeIndex follower = 1; follower < 5; ++follower)
      cut_both(plan.faults, plan.fault_from, 0, follower);
    heal_all(plan, plan.fault_until);
    Notes notes;
    const sim::RunResult result = run_vouch(plan, {}, seed, &notes);
    EXPECT_FALSE(notes.of(sim::NoteKind::kSuspects).empty()) << "suspicion comes early";
    EXPECT_EQ(result.during.elections + result.after.elections, 0U) << "seed " << seed;
    EXPECT_EQ(result.during.term_growth + result.after.term_growth, 0U);
    EXPECT_EQ(result.final_leaders, sim::node_bit(0));
  }
}

}  // namespace
}  // namespace vouch::testing
