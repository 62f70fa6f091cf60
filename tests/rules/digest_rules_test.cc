// The rules when groups travel apart from heartbeats (ClaimMode::kDigest): the same plans and the
// same graphs as for heartbeats that carry them, and the same exact endings.

#include <gtest/gtest.h>

#include "tests/rules/rule_runs.h"
#include "tests/support/sample.h"
#include "vouch/sim/transitions.h"

namespace vouch::testing {
namespace {

using namespace std::chrono_literals;

MonitorConfig digest_config() {
  MonitorConfig config;
  config.group_limits.claims = ClaimMode::kDigest;
  config.group_limits.packets_max = 200;
  return config;
}

sim::AtlasOptions atlas_options(std::size_t replicas) {
  sim::AtlasOptions options;
  options.replicas = replicas;
  options.run.liveness_bound = sim::liveness_bound(digest_config());
  options.run.consent_limit = sim::consent_limit(digest_config());
  return options;
}

void expect_clean(const sim::AtlasSummary& summary, std::size_t replicas) {
  EXPECT_TRUE(summary.is_clean());
  for (const sim::GraphOutcome& failure : summary.failures) {
    ADD_FAILURE() << "graph " << failure.graph.graph << ": "
                  << sim::describe(replicas, failure.graph.graph);
  }
}

// Each `every`-th class of graphs. S1, S2, S3, S6, L1, L2, L3, L6.
sim::AtlasSummary atlas(std::size_t replicas, std::size_t every, sim::AtlasOptions options) {
  const auto protocol = sim::make_policy("vouch", {.replicas = replicas, .vouch = digest_config()});
  EXPECT_TRUE(protocol) << protocol.error().message;
  const auto classes = sim::graph_classes(replicas);
  sim::AtlasSummary summary;
  for (std::size_t i = 0; i < classes.size(); i += every)
    summary.add(sim::try_graph(**protocol, classes[i], options));
  return summary;
}

TEST(DigestRules, AllGraphsOfThree) {
  const sim::AtlasSummary summary = atlas(3, 1, atlas_options(3));
  EXPECT_EQ(summary.graphs, 64U);
  EXPECT_EQ(summary.kept, 28U);
  EXPECT_EQ(summary.recoverable, 9U);
  expect_clean(summary, 3);
}

TEST(DigestRules, ASampleOfTheGraphsOfFour) {
  sim::AtlasOptions options = atlas_options(4);
  options.graph_for = 6s;
  options.heal_for = 4s;
  expect_clean(atlas(4, 7 * sample_step(), options), 4);
}

TEST(DigestRules, ASampleOfTheGraphsOfFive) {
  expect_clean(atlas(5, 600 * sample_step(), atlas_options(5)), 5);
}

TEST(DigestRules, S1_NoCampaignWhileTheQuorumLeaseRuns) {
  expect_no_campaign_while_the_lease_runs(digest_config(), 10);
}

TEST(DigestRules, S2_AtMostOneHolderOfTheLease) {
  expect_one_holder_of_the_lease(digest_config(), 10);
}

TEST(DigestRules, S7_PromisesSurviveARestart) {
  expect_promises_to_survive_a_restart(digest_config(), 10);
}

TEST(DigestRules, S8_TheDriftArithmeticHoldsOnBothSides) {
  expect_drift_to_be_allowed_for(digest_config(), 10);
}

// A leader that is lost while one of two followers is paused, and loss on every link: whatever is
// missed of the statements on the way is noticed.
TEST(DigestRules, StatementsThatAreLostAreToldAgain) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    sim::Plan plan = plan_of(5, 20s, 5s);
    for (sim::NodeIndex from = 0; from < 5; ++from) {
      for (sim::NodeIndex to = 0; to < 5; ++to) {
        if (from != to) {
          plan.faults.push_back({plan.fault_from, {sim::FaultKind::kLoss, from, to, 100'000, 0}});
        }
      }
    }
    plan.faults.push_back({plan.fault_from + 5s, {sim::FaultKind::kCrash, 0, 0, 0, 0}});
    plan.faults.push_back({plan.fault_from + 10s, {sim::FaultKind::kRestart, 0, 0, 0, 0}});
    heal_all(plan, plan.fault_until);
    const sim::RunResult result = run_vouch(plan, digest_config(), seed);
    expect_rule(result, sim::Rule::kS1);
    EXPECT_EQ(result.split_lease, Duration::zero()) << "seed " << seed;
    EXPECT_GE(result.during.leader_changes, 1U);
    EXPECT_LE(result.during.leader_changes, 2U) << "seed " << seed;
  }
}

// Who has lost a leadership lately keeps its group active for many leases. When the leader is lost
// again in that time, and it is the best candidate left, it asks like anybody else.
TEST(DigestRules, L2_WhoHasLostALeadershipLatelyAsksAllTheSame) {
  MonitorConfig config;
  config.group_limits.claims = ClaimMode::kDigest;
  const auto protocol = sim::make_policy("vouch", {.replicas = 5, .vouch = config});
  ASSERT_TRUE(protocol) << protocol.error().message;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    sim::TransitionOptions options;
    options.run = {.seed = seed,
                   .consent_limit = sim::consent_limit(config),
                   .liveness_bound = sim::liveness_bound(config)};
    const sim::SequenceOutcome outcome = sim::try_sequence(**protocol, options);
    for (const sim::Violation& violation : outcome.violations)
      ADD_FAILURE() << "seed " << seed << ": " << violation.text;
  }
}

}  // namespace
}  // namespace vouch::testing
