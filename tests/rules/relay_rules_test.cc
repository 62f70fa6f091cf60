// The rules once more with relays: what comes over a peer must neither elect over a lease nor keep
// a leader that nobody can use.

#include <gtest/gtest.h>

#include "tests/rules/rule_runs.h"
#include "tests/support/sample.h"
#include "vouch/sim/transitions.h"

namespace vouch::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::array kModes = {RelayMode::kHeartbeats, RelayMode::kAll};

MonitorConfig relaying(RelayMode mode) {
  MonitorConfig config;
  config.relay = mode;
  return config;
}

// The leader reaches its followers over the hub 1 only, then nobody at all: while the promises that
// came over the hub run, nobody may campaign.
TEST(RelayRule, S1_NoCampaignWhileALeaseRestsOnRelayedPromises) {
  for (std::uint64_t seed = 1; seed <= sampled(20); ++seed) {
    sim::Plan plan = plan_of(5, 20s, 5s);
    for (sim::NodeIndex follower = 2; follower < 5; ++follower)
      cut_both(plan.faults, plan.fault_from, 0, follower);
    cut_both(plan.faults, plan.fault_from + 8s, 0, 1);
    heal_all(plan, plan.fault_until);
    Notes notes;
    const sim::RunResult result = run_vouch(plan, relaying(RelayMode::kAll), seed, &notes);
    EXPECT_EQ(result.violation_count, 0U) << "seed " << seed;
    ASSERT_EQ(notes.of(sim::NoteKind::kCampaign).size(), 1U);
    EXPECT_GT(notes.of(sim::NoteKind::kCampaign)[0].at, plan.fault_from + 8s + 500ms);
    EXPECT_LT(notes.of(sim::NoteKind::kCampaign)[0].at, plan.fault_from + 9s);
  }
}

// The same with a slow second way: promises arrive late and must count from when they were earned.
TEST(RelayRule, S2_AtMostOneHolderWhenPromisesComeLate) {
  MonitorConfig config = relaying(RelayMode::kAll);
  config.transfer_cooldown = {};
  for (std::uint64_t seed = 1; seed <= sampled(20); ++seed) {
    sim::Plan plan = plan_of(5, 20s, 5s);
    const Duration late = 150ms;
    for (const auto& [from, to] : {std::pair{0U, 1U}, {1U, 0U}, {2U, 1U}, {1U, 2U}}) {
      plan.faults.push_back(
          {sim::kStart + 3s, {sim::FaultKind::kDelay, from, to, late.count(), 0}});
    }
    for (sim::NodeIndex follower = 2; follower < 5; ++follower)
      cut_both(plan.faults, plan.fault_from, 0, follower);
    plan.faults.push_back({plan.fault_from + 8s, cut(0, 1)});
    heal_all(plan, plan.fault_until);
    const sim::RunResult result = run_vouch(plan, config, seed);
    EXPECT_EQ(result.split_lease, Duration::zero()) << "seed " << seed;
    expect_rule(result, sim::Rule::kS1);
    EXPECT_GE(result.during.leader_changes, 1U);
  }
}

// Whose log finds no way must not be kept by promises: without routes for the host's work a leader
// that followers merely still reach goes as it did.
TEST(RelayRule, L2_HeartbeatsAloneKeepNoLeaderThatReachesNobody) {
  for (std::uint64_t seed = 1; seed <= sampled(5); ++seed) {
    sim::Plan plan = plan_of(5, 20s, 5s);
    for (sim::NodeIndex follower = 2; follower < 5; ++follower)
      plan.faults.push_back({plan.fault_from, cut(0, follower)});
    heal_all(plan, plan.fault_until);
    const sim::RunResult result = run_vouch(plan, relaying(RelayMode::kHeartbeats), seed);
    EXPECT_EQ(result.violation_count, 0U);
    EXPECT_EQ(result.during.elections, 1U);
    EXPECT_NE(result.leaders_at_heal, sim::node_bit(0));
    const sim::RunResult routed = run_vouch(plan, relaying(RelayMode::kAll), seed);
    EXPECT_EQ(routed.violation_count, 0U);
    EXPECT_EQ(routed.during.elections, 0U);
    EXPECT_EQ(routed.leaders_at_heal, sim::node_bit(0));
  }
}

TEST(RelayRule, L1ToL6_HoldInAllGraphsOfThree) {
  for (const RelayMode mode : kModes) {
    const sim::PolicySettings settings{.replicas = 3, .vouch = relaying(mode)};
    const auto protocol = sim::make_policy("vouch", settings);
    for (std::uint64_t seed = 1; seed <= sampled(5); ++seed) {
      sim::AtlasOptions options;
      options.graph_for = 10s;
      options.heal_for = 5s;
      options.run.seed = seed;
      options.run.liveness_bound = sim::liveness_bound(settings.vouch);
      options.run.consent_limit = sim::consent_limit(settings.vouch);
      const sim::AtlasSummary summary = sim::run_atlas(**protocol, options);
      EXPECT_TRUE(summary.is_clean()) << to_string(mode) << ", seed " << seed;
      EXPECT_EQ(summary.kept, 28U) << "who reaches one of two others needs no route to a quorum";
    }
  }
}

// What was found by all graphs of four: a leader that goes, and promises to it on ways that died
// with it. They must not lengthen its lease, and must be freed by what it says when it goes.
TEST(RelayRule, L2_PromisesOnADeadWayHoldNobodyUp) {
  const sim::PolicySettings settings{.replicas = 4, .vouch = relaying(RelayMode::kAll)};
  const auto protocol = sim::make_policy("vouch", settings);
  sim::AtlasOptions options;
  options.replicas = 4;
  options.run.liveness_bound = sim::liveness_bound(settings.vouch);
  for (const char* const links :
       {"0->2 0->3 1->0 1->2 1->3 2->1 2->3 3->1", "0->2 1->2 1->3 2->1 3->1",
        "0->2 1->2 1->3 2->1 2->3 3->0 3->1"}) {
    for (std::uint64_t seed = 1; seed <= sampled(10); ++seed) {
      options.run.seed = seed;
      const auto outcome = sim::try_graph(**protocol, {*sim::parse_graph(4, links), 1}, options);
      EXPECT_TRUE(outcome.is_clean()) << links << ", seed " << seed;
      EXPECT_LT(outcome.recovery, 1000ms) << links << ", seed " << seed;
    }
  }
}

// What random transitions found: the leader keeps a majority over one peer, and followers choose
// another that hears it, but that it no longer hears.
TEST(RelayRule, L1_APeerThatTheLeaderDoesNotHearIsNoWay) {
  for (const auto& [replicas, seed] :
       {std::pair{5U, 85U}, {5U, 277U}, {5U, 385U}, {7U, 6U}, {7U, 35U}, {7U, 118U}, {7U, 161U}}) {
    const sim::PolicySettings settings{.replicas = replicas, .vouch = relaying(RelayMode::kAll)};
    const auto protocol = sim::make_policy("vouch", settings);
    sim::TransitionOptions options;
    options.replicas = replicas;
    options.run.seed = seed;
    options.run.liveness_bound = sim::liveness_bound(settings.vouch);
    options.run.consent_limit = sim::consent_limit(settings.vouch);
    EXPECT_EQ(sim::try_sequence(**protocol, options).violation_count, 0U)
        << "again: vouch atlas --transitions 50 --replicas " << replicas << " --seed " << seed
        << " --policy vouch+relay=all";
  }
}

TEST(RelayRule, S_HoldInRandomTransitionsWithLossPausesAndDrift) {
  for (const RelayMode mode : kModes) {
    for (const std::size_t replicas : {3U, 5U, 7U}) {
      const sim::PolicySettings settings{.replicas = replicas, .vouch = relaying(mode)};
      const auto protocol = sim::make_policy("vouch", settings);
      for (std::uint64_t seed = 1; seed <= sampled(10); ++seed) {
        sim::TransitionOptions options;
        options.replicas = replicas;
        options.run.seed = seed;
        options.run.liveness_bound = sim::liveness_bound(settings.vouch);
        options.run.consent_limit = sim::consent_limit(settings.vouch);
        const sim::SequenceOutcome outcome = sim::try_sequence(**protocol, options);
        for (const sim::Violation& violation : outcome.violations) {
          // A consent that binds can hold a promise up until the lease is over: docs/ROUTES.md.
          if (mode == RelayMode::kAll && violation.rule == sim::Rule::kL1) continue;
          ADD_FAILURE() << to_string(violation.rule) << ": " << violation.text
                        << "; again: vouch atlas --transitions 50 --replicas " << replicas
                        << " --seed " << seed << " --policy vouch+relay=" << to_string(mode);
        }
      }
    }
  }
}

}  // namespace
}  // namespace vouch::testing
