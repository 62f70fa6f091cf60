#include "vouch/sim/checker.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "toy_protocol.h"
#include "vouch/quorum_check/action.h"
#include "vouch/sim/liveness.h"
#include "vouch/sim/measures.h"

// The canaries: each replica here breaks one rule on purpose, and the checker must say so.

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;
using Kind = ToyEvent::Kind;

/// Runs three replicas for a second under the checker.
std::vector<Violation> check(const ToyReplica::Behave& behave, Duration consent_limit = {}) {
  const ToyProtocol protocol(behave);
  Checker checker({.consent_limit = consent_limit});
  Engine engine(protocol, {.replicas = 3});
  engine.observe(checker);
  engine.start();
  engine.run_until(kStart + 1s);
  return checker.violations();
}

std::string rules(const std::vector<Violation>& violations) {
  std::string text;
  for (const Violation& violation : violations)
    text += std::string(to_string(violation.rule)) + " ";
  return text;
}

/// Calls `act` at 100 ms times the node's number; otherwise does nothing.
ToyReplica::Behave once(std::function<void(ToyReplica&, Context&)> act) {
  return [act](ToyReplica& replica, const ToyEvent& event, Context& context) {
    if (event.kind == Kind::kTimeout) act(replica, context);
    return event.kind == Kind::kStarted ? context.now() + 100ms * replica.self.value() : kNever;
  };
}

TEST(Checker, FindsTwoLeases) {
  const auto violations = check(once([](ToyReplica& replica, Context& context) {
    if (replica.self == NodeId{3}) return;
    replica.reported = {Role::kLeader, Term{replica.self.value()}, replica.self,
                        context.now() + 300ms};
  }));
  EXPECT_EQ(rules(violations), "S2 ");
}

TEST(Checker, AcceptsALeaseThatBeginsWhenTheOtherEnds) {
  const auto violations = check(once([](ToyReplica& replica, Context& context) {
    replica.reported = {Role::kLeader, Term{replica.self.value()}, replica.self,
                        context.now() + 100ms};
  }));
  EXPECT_EQ(rules(violations), "");
}

TEST(Checker, MeasuresHowLongTwoLeasesOverlap) {
  const ToyProtocol protocol(once([](ToyReplica& replica, Context& context) {
    replica.reported = {Role::kLeader, Term{1}, replica.self, context.now() + 130ms};
  }));
  Checker checker({});
  Engine engine(protocol, {.replicas = 3});
  engine.observe(checker);
  engine.start();
  engine.run_until(kStart + 1s);
  // From 200 to 230 ms and from 300 to 330 ms.
  EXPECT_EQ(checker.split_lease(engine.now()), 60ms);
}

TEST(Checker, FindsACampaignDuringALease) {
  const auto violations = check(once([](ToyReplica& replica, Context& context) {
    if (replica.self == NodeId{1}) replica.reported.lease_until = context.now() + 150ms;
    if (replica.self != NodeId{1}) {
      context.note({.kind = NoteKind::kCampaign, .term = Term{2}, .node = replica.self});
    }
  }));
  EXPECT_EQ(rules(violations), "S1 ");  // At 200 ms; at 300 ms the lease is over.
}

TEST(Checker, FindsACampaignWithoutFreshConsents) {
  const auto with_consent_at = [](Duration early, std::uint64_t round) {
    return [early, round](ToyReplica& replica, const ToyEvent& event, Context& context) {
      if (event.kind == Kind::kStarted) {
        if (replica.self == NodeId{1}) return context.now() + 500ms;
        return replica.self == NodeId{2} ? context.now() + 500ms - early : kNever;
      }
      const bool is_candidate = replica.self == NodeId{1};
      context.note({.kind = is_candidate ? NoteKind::kCampaign : NoteKind::kConsent,
                    .node = NodeId{1},
                    .round = is_candidate ? 77 : round});
      return kNever;
    };
  };
  EXPECT_EQ(rules(check(with_consent_at(100ms, 77), 400ms)), "");
  EXPECT_EQ(rules(check(with_consent_at(450ms, 77), 400ms)), "S3 ");
  EXPECT_EQ(rules(check(with_consent_at(100ms, 76), 400ms)), "S3 ");
}

TEST(Checker, FindsATermThatGoesBack) {
  const auto violations = check(once([](ToyReplica& replica, Context& context) {
    if (replica.self != NodeId{1}) return;
    replica.reported.term = Term{5};
    context.send<ToyMessage>(NodeId{2}, ToyMessage{});
  }));
  EXPECT_EQ(rules(violations), "");
  const auto broken = check([](ToyReplica& replica, const ToyEvent&, Context& context) {
    replica.reported.term = Term{replica.seen.size() == 1 ? 5U : 4U};
    return replica.self == NodeId{1} && replica.seen.size() < 3 ? context.now() + 10ms : kNever;
  });
  EXPECT_EQ(rules(broken), "S6 ");
}

TEST(Checker, FindsTwoLeadershipsOfOneTerm) {
  const auto violations = check(once([](ToyReplica& replica, Context& context) {
    if (replica.self == NodeId{3}) return;
    context.note({.kind = NoteKind::kElected, .term = Term{4}, .node = replica.self});
  }));
  EXPECT_EQ(rules(violations), "S6 ");
}

/// The first node is elected at 100 ms at term 4 and leads from 300 ms; the second is elected at
/// 200 ms at term 5 and leads from `later`.
std::string two_leaderships(Duration later) {
  return rules(check([later](ToyReplica& replica, const ToyEvent& event, Context& context) {
    const bool is_first = replica.self == NodeId{1};
    if (replica.self == NodeId{3}) return kNever;
    if (event.kind == Kind::kStarted) return context.now() + (is_first ? 100ms : 200ms);
    const Term term{is_first ? 4U : 5U};
    if (replica.seen.size() == 2) {
      context.note({.kind = NoteKind::kElected, .term = term, .node = replica.self});
      return context.now() + (is_first ? 200ms : later - 200ms);
    }
    replica.reported = {Role::kLeader, term, replica.self, context.now() + 10ms};
    return kNever;
  }));
}

TEST(Checker, OrdersLeadershipsByWhenTheyBegin) {
  EXPECT_EQ(two_leaderships(250ms), "S6 ") << "term 4 leads after term 5";
  EXPECT_EQ(two_leaderships(400ms), "") << "term 5 waits until term 4 has led";
}

/// What is broken when three replicas run `protocol` and `fault` comes at 2 s; judged until 10 s.
std::string judge_run(const ToyProtocol& protocol, const std::function<void(Engine&)>& fault) {
  Measures measures;
  Checker checker({});
  Liveness liveness(measures, checker, 1s);
  Engine engine(protocol, {.replicas = 3});
  engine.observe(measures);
  engine.observe(liveness);
  engine.start();
  engine.run_until(kStart + 2s);
  liveness.begin(engine);
  fault(engine);
  engine.run_until(kStart + 10s);
  liveness.finish(engine);
  return rules(checker.violations());
}

/// Three replicas of which the first leads from the start; `change` says who does what at 2 s.
std::string judge(const std::function<void(ToyReplica&, Context&)>& change,
                  const std::function<void(Engine&)>& fault) {
  const ToyProtocol protocol([&](ToyReplica& replica, const ToyEvent& event, Context& context) {
    if (event.kind == Kind::kStarted) {
      if (replica.self == NodeId{1}) replica.reported = {Role::kLeader, Term{1}, NodeId{1}, kNever};
      return context.now() + 2500ms;
    }
    if (event.kind == Kind::kTimeout) change(replica, context);
    return kNever;
  });
  return judge_run(protocol, fault);
}

void campaign(ToyReplica& replica, Context& context) {
  context.note({.kind = NoteKind::kCampaign, .term = Term{2}, .node = replica.self});
}

TEST(Liveness, FindsADisturbedLeader) {
  const auto nothing = [](ToyReplica&, Context&) {};
  const auto second_campaigns = [](ToyReplica& replica, Context& context) {
    if (replica.self == NodeId{2}) campaign(replica, context);
  };
  const auto cut_one = [](Engine& engine) { engine.cut(0, 1); };
  EXPECT_EQ(judge(nothing, cut_one), "");
  EXPECT_EQ(judge(second_campaigns, cut_one), "L1 ");
  EXPECT_EQ(judge(second_campaigns, [](Engine&) {}), "L6 ");
}

// The leader is gone. The third node has the longest log; who lacks it cannot be elected.
TEST(Liveness, ExpectsNoLeaderWhereTheLogAndTheMajorityAreNotOnOneNode) {
  const auto nothing = [](ToyReplica&, Context&) {};
  const auto third_is_ahead = [](ToyReplica& replica, Context&) {
    if (replica.self == NodeId{3}) replica.log = {Term{1}, 9};
  };
  const auto but_second_campaigns = [&](ToyReplica& replica, Context& context) {
    third_is_ahead(replica, context);
    if (replica.self == NodeId{2}) campaign(replica, context);
  };
  const auto crash = [](Engine& engine) { engine.crash(0); };
  const auto crash_and_drain = [](Engine& engine) {
    engine.crash(0);
    engine.set_drained(2, true);
  };
  EXPECT_EQ(judge(third_is_ahead, crash), "L2 ") << "the third one could lead";
  EXPECT_EQ(judge(nothing, crash_and_drain), "L2 ") << "the second one could lead";
  EXPECT_EQ(judge(third_is_ahead, crash_and_drain), "");
  EXPECT_EQ(judge(but_second_campaigns, crash_and_drain), "L3 ") << "but it is to be quiet";
}

/// The leader is gone at 2 s, and the third node, which has the log, may not lead; `arrives` later
/// the log reaches the second one, which leads `takes` after that. All is watched until 10 s.
std::string judge_late_log(Duration arrives, Duration takes) {
  const ToyProtocol protocol([&](ToyReplica& replica, const ToyEvent& event, Context& context) {
    const bool is_third = replica.self == NodeId{3};
    switch (event.kind) {
      case Kind::kStarted:
        if (replica.self == NodeId{1})
          replica.reported = {Role::kLeader, Term{1}, NodeId{1}, kNever};
        if (is_third) replica.log = {Term{1}, 9};
        return is_third ? context.now() + 2s + arrives : kNever;
      case Kind::kMessage:
        replica.log = {Term{1}, event.number};
        return context.now() + takes;
      case Kind::kTimeout:
        if (is_third) {
          context.send<ToyMessage>(NodeId{2}, ToyMessage{9});
        } else {
          campaign(replica, context);
          replica.reported = {Role::kLeader, Term{2}, NodeId{2}, kNever};
        }
    }
    return kNever;
  });
  return judge_run(protocol, [](Engine& engine) {
    engine.crash(0);
    engine.set_drained(2, true);
  });
}

// What left over a slow link arrives long after the link is well again.
TEST(Liveness, CountsTheBoundFromWhenTheLogHasArrived) {
  EXPECT_EQ(judge_late_log(3s, 900ms), "");
  EXPECT_EQ(judge_late_log(3s, 1100ms), "L2 ") << "too late after it";
  EXPECT_EQ(judge_late_log(3s, 10s), "L2 ") << "and never";
  EXPECT_EQ(judge_late_log(7500ms, 10s), "") << "just arrived";
  EXPECT_EQ(judge_late_log(10s, 1s), "") << "not arrived";
}

/// A disk stalls from 2 to 6 s. At 6.1 s the second node campaigns, and leads 0.1 s later; if
/// `elects_meanwhile`, somebody was elected during the stall too.
std::string judge_after_stall(bool elects_meanwhile) {
  const ToyProtocol protocol([&](ToyReplica& replica, const ToyEvent&, Context& context) {
    const bool is_first = replica.self == NodeId{1};
    const bool is_second = replica.self == NodeId{2};
    switch (replica.seen.size()) {
      case 1:
        if (is_first) replica.reported = {Role::kLeader, Term{1}, NodeId{1}, kNever};
        return context.now() + 2500ms;
      case 2:
        if (is_second && elects_meanwhile) {
          context.note({.kind = NoteKind::kElected, .term = Term{2}, .node = NodeId{1}});
        }
        return context.now() + 3600ms;
      case 3:
        if (is_first) replica.reported = {};
        if (is_second) campaign(replica, context);
        return context.now() + 100ms;
      default:
        if (is_second) replica.reported = {Role::kLeader, Term{3}, NodeId{2}, kNever};
        return kNever;
    }
  });
  Measures measures;
  Checker checker({});
  Liveness liveness(measures, checker, 1s);
  Engine engine(protocol, {.replicas = 3});
  engine.observe(measures);
  engine.observe(liveness);
  engine.start();
  engine.run_until(kStart + 2s);
  liveness.begin(engine);
  engine.set_disk_stalled(2, true);
  engine.run_until(kStart + 6s);
  engine.set_disk_stalled(2, false);
  engine.run_until(kStart + 10s);
  liveness.finish(engine);
  return rules(checker.violations());
}

/// A link loses messages from 2 to 6 s. At 6.5 s the leader stands down, for `reason`; the second
/// node is elected `gap` later.
std::string judge_hand_over(StandDownReason reason, Duration advice_memory, Duration gap = 100ms,
                            Duration lease_memory = {}) {
  const ToyProtocol protocol([&](ToyReplica& replica, const ToyEvent&, Context& context) {
    const bool is_second = replica.self == NodeId{2};
    switch (replica.seen.size()) {
      case 1:
        if (replica.self != NodeId{1}) return context.now() + 6500ms;
        replica.reported = {Role::kLeader, Term{1}, NodeId{1}, kNever};
        return context.now() + 6500ms;
      case 2:
        if (replica.self == NodeId{1}) {
          context.note({.kind = NoteKind::kSteppedDown, .word = to_string(reason)});
          replica.reported = {};
        }
        return context.now() + gap;
      default:
        if (!is_second) return kNever;
        campaign(replica, context);
        context.note({.kind = NoteKind::kElected, .term = Term{2}, .node = NodeId{2}});
        replica.reported = {Role::kLeader, Term{2}, NodeId{2}, kNever};
        return kNever;
    }
  });
  Measures measures;
  Checker checker({});
  Liveness liveness(measures, checker, 1s, advice_memory, lease_memory);
  Engine engine(protocol, {.replicas = 3});
  engine.observe(measures);
  engine.observe(liveness);
  engine.start();
  engine.run_until(kStart + 2s);
  liveness.begin(engine);
  engine.set_loss(0, 1, 100'000);
  engine.run_until(kStart + 6s);
  engine.set_loss(0, 1, 0);
  engine.run_until(kStart + 20s);
  liveness.finish(engine);
  return rules(checker.violations());
}

TEST(Liveness, ALeaderMayHandOverForWhatItsLinksLostAMomentAgo) {
  EXPECT_EQ(judge_hand_over(StandDownReason::kTransferred, 600ms), "");
  EXPECT_EQ(judge_hand_over(StandDownReason::kTransferred, 600ms, 1100ms), "L2 ") << "not in time";
  EXPECT_EQ(judge_hand_over(StandDownReason::kTransferred, 400ms), "L6 ") << "too long ago";
  EXPECT_EQ(judge_hand_over(StandDownReason::kLeaseLapsed, 600ms), "L6 ") << "no hand-over";
}

TEST(Liveness, ALeaseMayLapseForWhatItsLinksLostAMomentAgo) {
  const auto judge_lapse = [](Duration lease_memory, Duration gap) {
    return judge_hand_over(StandDownReason::kLeaseLapsed, {}, gap, lease_memory);
  };
  EXPECT_EQ(judge_lapse(600ms, 100ms), "");
  EXPECT_EQ(judge_lapse(600ms, 1100ms), "L2 ") << "not in time";
  EXPECT_EQ(judge_lapse(400ms, 100ms), "L6 ") << "it rests on what was sent after the heal";
  EXPECT_EQ(judge_hand_over(StandDownReason::kNoProgress, 600ms, 100ms, 600ms), "L6 ");
}

TEST(Liveness, ALeaderThatWasElectedWhileWorkStoodStillMayGo) {
  EXPECT_EQ(judge_after_stall(false), "L6 ");
  EXPECT_EQ(judge_after_stall(true), "");
}

TEST(Liveness, FindsAGroupThatIsStuck) {
  const auto isolate = [](Engine& engine) {
    engine.cut(0, 1);
    engine.cut(0, 2);
  };
  EXPECT_EQ(judge([](ToyReplica&, Context&) {}, isolate), "L2 ");
  const auto second_leads = [](ToyReplica& replica, Context&) {
    if (replica.self == NodeId{2}) replica.reported = {Role::kLeader, Term{2}, NodeId{2}, kNever};
  };
  EXPECT_EQ(judge(second_leads, isolate), "");
}

TEST(Liveness, FindsALeaderWithoutAMajority) {
  const auto cut_all = [](Engine& engine) {
    engine.cut(0, 1);
    engine.cut(0, 2);
    engine.cut(1, 2);
  };
  EXPECT_EQ(judge([](ToyReplica&, Context&) {}, cut_all), "L3 ");
  const auto steps_down = [](ToyReplica& replica, Context&) {
    if (replica.self == NodeId{1}) replica.reported = {};
  };
  EXPECT_EQ(judge(steps_down, cut_all), "");
  const auto noisy = [&](ToyReplica& replica, Context& context) {
    steps_down(replica, context);
    if (replica.self == NodeId{2}) campaign(replica, context);
  };
  EXPECT_EQ(judge(noisy, cut_all), "L3 ");
}

}  // namespace
}  // namespace vouch::sim
