// One test for each liveness rule, named after it. Each was seen to fail when its rule is broken on
// purpose: tests/rules/mutants holds how, scripts/mutants repeats it.

#include <gtest/gtest.h>

#include <array>

#include "tests/rules/rule_runs.h"
#include "tests/support/sample.h"

namespace vouch::testing {
namespace {

using namespace std::chrono_literals;

/// Every graph of `replicas`, for ten seconds each, and what the atlas found.
sim::AtlasSummary atlas_of(std::size_t replicas, std::uint64_t seed = 1) {
  const sim::PolicySettings settings{.replicas = replicas};
  const auto protocol = sim::make_policy("vouch", settings);
  sim::AtlasOptions options;
  options.replicas = replicas;
  options.graph_for = 10s;
  options.heal_for = 5s;
  options.run.seed = seed;
  options.run.liveness_bound = sim::liveness_bound(settings.vouch);
  options.run.consent_limit = sim::consent_limit(settings.vouch);
  return sim::run_atlas(**protocol, options);
}

TEST(Rule, L1_ALeaderWithItsMajorityIsNeverDisturbed) {
  for (std::uint64_t seed = 1; seed <= sampled(10); ++seed) {
    const sim::AtlasSummary summary = atlas_of(3, seed);
    EXPECT_EQ(summary.kept, 28U);
    EXPECT_EQ(summary.deposed, 0U) << "seed " << seed;
  }
  if (sampled(2) == 2) {  // Not where only a sample is asked for: it is all of them or none.
    const sim::AtlasSummary summary = atlas_of(4);
    EXPECT_EQ(summary.kept, 640U);
    EXPECT_EQ(summary.deposed, 0U);
  }
  // And in five: one follower after the other loses the leader, in one direction and in both.
  for (int direction = 0; direction < 3; ++direction) {
    sim::Plan plan = plan_of(5, 20s, 5s);
    for (sim::NodeIndex follower = 1; follower <= 2; ++follower) {
      if (direction != 1) plan.faults.push_back({plan.fault_from, cut(0, follower)});
      if (direction != 0) plan.faults.push_back({plan.fault_from, cut(follower, 0)});
    }
    heal_all(plan, plan.fault_until);
    const sim::RunResult result = run_vouch(plan);
    EXPECT_EQ(result.during.elections + result.after.elections, 0U);
    EXPECT_EQ(result.final_leaders, sim::node_bit(0));
  }
}

// The naive veto is stuck here: the hub reaches the leader and is asked by everybody.
TEST(Rule, L2_AStableLeaderWhereOneCanLead) {
  const sim::AtlasSummary summary = atlas_of(3);
  EXPECT_EQ(summary.recoverable, 9U);
  EXPECT_EQ(summary.stuck, 0U);
  EXPECT_EQ(summary.churning, 0U);
  sim::Plan plan = plan_of(5, 20s, 5s);
  for (sim::NodeIndex a = 0; a < 5; ++a) {
    for (sim::NodeIndex b = a + 1; b < 5; ++b) {
      if (a != 1 && b != 1) cut_both(plan.faults, plan.fault_from, a, b);
    }
  }
  heal_all(plan, plan.fault_until);
  const sim::RunResult result = run_vouch(plan);
  EXPECT_EQ(result.leaders_at_heal, sim::node_bit(1));
  EXPECT_LE(result.failover(), sim::liveness_bound({}));
}

// The best by rank hears all others 1.1 s late: heartbeats prove that it hears them, but a consent
// binds for a second at most. The others do not wait for it, and are not held by what it asks for.
TEST(Rule, L2_NobodyWaitsForACandidateThatCannotCollectConsents) {
  MonitorConfig config;
  config.lease = 2s;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    sim::Plan plan = plan_of(5, 20s, 1s);
    for (sim::NodeIndex other = 0; other < 5; ++other) {
      if (other == 1) continue;
      plan.faults.push_back(
          {plan.fault_from, {sim::FaultKind::kDelay, other, 1, Duration(1100ms).count(), 0}});
    }
    plan.faults.push_back({plan.fault_from + 8s, {sim::FaultKind::kCrash, 0, 0, 0, 0}});
    const sim::RunResult result = run_vouch(plan, config, seed);
    EXPECT_EQ(result.leaders_at_heal, sim::node_bit(2)) << "seed " << seed;
    EXPECT_EQ(result.during.elections, 1U) << "seed " << seed;
    EXPECT_LE(result.during.longest_gap, config.promise() + config.lease) << "seed " << seed;
  }
}

// A process comes back at once, is elected by the others, and never hears node 1, which hears it
// claim: nothing of that proves that it hears node 1. When it has died, only node 1 may lead.
TEST(Rule, L2_ANewLifeThatProvesNothingIsNotTrustedForEver) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    sim::Plan plan = plan_of(3, 15s, 1s);
    plan.initial_leader = 2;
    plan.faults = {{plan.fault_from, {sim::FaultKind::kDrain, 0, 0, 1}},
                   {plan.fault_from, {sim::FaultKind::kDrain, 1, 0, 1}},
                   {plan.fault_from, cut(1, 2)},
                   {plan.fault_from, {sim::FaultKind::kCrash, 2}},
                   {plan.fault_from + 50ms, {sim::FaultKind::kRestart, 2}},
                   {plan.fault_from + 8s, {sim::FaultKind::kCrash, 2}},
                   {plan.fault_from + 8s, {sim::FaultKind::kDrain, 1, 0, 0}}};
    const sim::RunResult result = run_vouch(plan, {}, seed);
    EXPECT_EQ(result.during.leader_changes, 2U) << "the new life, then node 1; seed " << seed;
    EXPECT_EQ(result.leaders_at_heal, sim::node_bit(1)) << "seed " << seed;
    expect_rule(result, sim::Rule::kL2);
  }
}

// For three seconds what two of four nodes send to the other two is a second late. When that is
// over their old questions keep coming for a second, and say that who asks is not electable. What
// they ask now says that they are, and stands.
TEST(Rule, L2_OldQuestionsDoNotSayWhoIsElectable) {
  MonitorConfig config;
  config.heartbeat_interval = 20ms;
  config.lease = 200ms;
  config.detector.timeout = 40ms;
  config.confirm_interval = 16ms;
  config.consent_hold = 80ms;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    sim::Plan plan = plan_of(4, 10s, 1s);
    for (const sim::NodeIndex from : std::array<sim::NodeIndex, 2>{1, 3}) {
      for (const sim::NodeIndex to : std::array<sim::NodeIndex, 2>{0, 2}) {
        plan.faults.push_back(
            {plan.fault_from, {sim::FaultKind::kDelay, from, to, Duration(1s).count(), 0}});
        plan.faults.push_back({plan.fault_from + 3s, {sim::FaultKind::kHeal, from, to}});
      }
    }
    const sim::RunResult result = run_vouch(plan, config, seed);
    ASSERT_EQ(result.periods.size(), 2U);
    // The answers that come late at first count for a lease: nobody who gave one can be elected.
    EXPECT_LE(result.periods[1].recovery, config.lease + sim::liveness_bound(config)) << seed;
    EXPECT_EQ(result.during.elections, 1U) << "seed " << seed;
  }
}

// Every link is cut: the leader says that it stands down, within a lease, and then all is quiet.
TEST(Rule, L3_WithoutAMajorityAnywhereTheGroupIsQuiet) {
  sim::Plan plan = plan_of(5, 30s, 5s);
  for (sim::NodeIndex a = 0; a < 5; ++a) {
    for (sim::NodeIndex b = a + 1; b < 5; ++b)
      cut_both(plan.faults, plan.fault_from, a, b);
  }
  heal_all(plan, plan.fault_until);
  Notes notes;
  const sim::RunResult result = run_vouch(plan, {}, 1, &notes);
  ASSERT_EQ(notes.of(sim::NoteKind::kSteppedDown).size(), 1U);
  EXPECT_LE(notes.of(sim::NoteKind::kSteppedDown)[0].at, plan.fault_from + MonitorConfig{}.lease);
  EXPECT_EQ(result.during.elections, 0U);
  EXPECT_EQ(result.during.term_growth, 0U);
  // Heartbeats to four peers make 40 a second; questions back off to one round per half lease.
  const std::uint64_t per_node_second = result.during.messages / 5 / 30;
  EXPECT_LE(per_node_second, 55U);
  expect_rule(result, sim::Rule::kL3);
}

// The leader's process comes back at once, and nobody may lead. Peers hear of it at different
// times, and until then name it to each other: no host is told again and again that it leads. With
// five, three others come back as well and take the new process for the first one of that node.
TEST(Rule, L3_NobodyIsToldAgainAndAgainOfALeaderThatIsGone) {
  for (const std::size_t replicas : {3U, 5U}) {
    sim::Plan plan = plan_of(replicas, 10s, 1s);
    const auto last = static_cast<sim::NodeIndex>(replicas - 1);
    plan.initial_leader = last;
    for (sim::NodeIndex node = 0; node <= last; ++node) {
      plan.faults.push_back({plan.fault_from, {sim::FaultKind::kDrain, node, 0, 1}});
      if (node == 0) continue;
      plan.faults.push_back(
          {plan.fault_from - 2s, {sim::FaultKind::kDelay, node, 0, Duration(260ms).count(), 0}});
    }
    const auto restart = [&](sim::NodeIndex node, Duration after) {
      const sim::TrueTime at = plan.fault_from + after;
      plan.faults.push_back({at, {sim::FaultKind::kCrash, node}});
      plan.faults.push_back({at + 50ms, {sim::FaultKind::kRestart, node}});
    };
    restart(last, 100ms);
    for (sim::NodeIndex node = 0; node < last - 1 && replicas == 5; ++node)
      restart(node, 300ms);
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      Notes notes;
      const sim::RunResult result = run_vouch(plan, {}, seed, &notes);
      EXPECT_EQ(result.leaders_at_heal, 0U);
      EXPECT_LE(notes.of(sim::NoteKind::kFollows).size(), 3 * replicas) << "seed " << seed;
      expect_rule(result, sim::Rule::kL3);
    }
  }
}

TEST(Rule, L4_OneCampaignNotSeveral) {
  std::uint64_t elections = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    sim::Plan plan = plan_of(5, 4s, 1s);
    plan.faults.push_back({plan.fault_from, {sim::FaultKind::kCrash, 0, 0, 0, 0}});
    const sim::RunResult result = run_vouch(plan, {}, seed);
    elections += result.during.elections;
    EXPECT_EQ(result.final_leaders, sim::node_bit(1)) << "the rank decides, seed " << seed;
    EXPECT_LE(result.failover(), MonitorConfig{}.promise() + 50ms) << "seed " << seed;
  }
  EXPECT_EQ(elections, 60U);
}

// Questions are repeated every 50 ms, answers take 240: the round outlives its attempts.
TEST(Rule, L5_ARoundOutlivesItsAttempts) {
  MonitorConfig config;
  config.lease = 1500ms;
  config.heartbeat_interval = 100ms;
  config.detector.timeout = 600ms;
  config.confirm_interval = 50ms;
  sim::Plan plan = plan_of(3, 8s, 1s);
  plan.link.delay = 120ms;
  plan.faults.push_back({plan.fault_from, {sim::FaultKind::kCrash, 0, 0, 0, 0}});
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const sim::RunResult result = run_vouch(plan, config, seed);
    EXPECT_EQ(result.during.elections, 1U) << "seed " << seed;
    EXPECT_NE(result.final_leaders, 0U);
    EXPECT_LE(result.failover(), config.promise() + 4 * 240ms);
  }
}

// The leader's process comes back at once: it says that it does not lead, and knows no more that it
// has led. The best by rank hears everybody 260 ms late, so that for a part of each heartbeat
// interval the one or the other believes still, or again, that it leads, and says so. What was
// asked about it goes on.
TEST(Rule, L5_ARoundOutlivesARumourOfWhomItIsAbout) {
  MonitorConfig config;
  config.lease = 1500ms;
  config.heartbeat_interval = 100ms;
  config.detector.timeout = 600ms;
  config.confirm_interval = 50ms;
  for (const std::size_t replicas : {3U, 5U}) {
    sim::Plan plan = plan_of(replicas, 10s, 1s);
    const auto last = static_cast<sim::NodeIndex>(replicas - 1);
    plan.initial_leader = last;
    for (sim::NodeIndex other = 1; other <= last; ++other) {
      plan.faults.push_back(
          {plan.fault_from - 2s, {sim::FaultKind::kDelay, other, 0, Duration(260ms).count(), 0}});
    }
    plan.faults.push_back({plan.fault_from, {sim::FaultKind::kCrash, last, 0, 0, 0}});
    plan.faults.push_back({plan.fault_from + 50ms, {sim::FaultKind::kRestart, last, 0, 0, 0}});
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const sim::RunResult result = run_vouch(plan, config, seed);
      EXPECT_NE(result.leaders_at_heal, 0U) << replicas << ", seed " << seed;
      EXPECT_LE(result.failover(), config.promise() + 4 * 260ms) << replicas << ", seed " << seed;
    }
  }
}

// A follower is alone for ten seconds and comes back: it brings no higher term.
TEST(Rule, L6_AHealDisturbsNobody) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    sim::Plan plan = plan_of(5, 10s, 10s);
    for (sim::NodeIndex other = 0; other < 5; ++other) {
      if (other != 3) cut_both(plan.faults, plan.fault_from, 3, other);
    }
    heal_all(plan, plan.fault_until);
    const sim::RunResult result = run_vouch(plan, {}, seed);
    EXPECT_EQ(result.during.term_growth + result.after.term_growth, 0U) << "seed " << seed;
    EXPECT_EQ(result.after.elections, 0U);
    EXPECT_EQ(result.final_leaders, sim::node_bit(0));
    expect_rule(result, sim::Rule::kL6);
  }
}

}  // namespace
}  // namespace vouch::testing
