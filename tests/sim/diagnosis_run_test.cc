// What whole groups find to be broken, beyond the shipped scenarios: nothing where nothing is, and
// every single link and every single node.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/sim/fault_plan.h"
#include "tests/support/sample.h"
#include "vouch/quorum_check/diagnosis_text.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

RunResult run_vouch(const Plan& plan, std::uint64_t seed) {
  PolicySettings settings;
  settings.replicas = plan.replicas;
  const auto protocol = make_policy("vouch", settings);
  RunOptions options;
  options.seed = seed;
  options.is_checked = false;
  return run(**protocol, plan, options);
}

std::string text_of(const DiagnosisSpan& span) {
  return std::string(to_string(span.diagnosis.kind)) + " " +
         culprit_text(span.diagnosis, index_name);
}

TEST(DiagnosisRun, AHealthyHourHasNone) {
  for (std::uint64_t seed = 1; seed <= vouch::testing::sampled(3); ++seed) {
    Plan plan;
    plan.link.loss_per_million = 1000;
    plan.fault_from = kStart + 5s;
    plan.fault_until = kStart + 1h;
    plan.end = kStart + 1h;
    const RunResult result = run_vouch(plan, seed);
    EXPECT_TRUE(result.began_led);
    EXPECT_TRUE(result.advices.empty());
    for (const DiagnosisSpan& span : result.diagnoses)
      ADD_FAILURE() << text_of(span) << ", seed " << seed;
  }
}

/// A leader is not moved for what everybody loses, random or in bursts.
TEST(DiagnosisRun, LossEverywhereAdvisesNobody) {
  for (std::uint64_t seed = 1; seed <= vouch::testing::sampled(2); ++seed) {
    for (const bool in_bursts : {false, true}) {
      Plan plan;
      plan.replicas = in_bursts ? 3 : 5;
      plan.fault_from = kStart + 5s;
      plan.fault_until = kStart + 30min;
      plan.end = kStart + 30min;
      if (!in_bursts) plan.link.loss_per_million = 50'000;
      for (NodeIndex from = 0; in_bursts && from < plan.replicas; ++from) {
        for (NodeIndex to = 0; to < plan.replicas; ++to) {
          if (from == to) continue;
          plan.faults.push_back(
              {kStart, {FaultKind::kBurstLoss, from, to, 10'000, 300'000, 0, 1'000'000}});
        }
      }
      const RunResult result = run_vouch(plan, seed);
      EXPECT_TRUE(result.began_led);
      EXPECT_TRUE(result.advices.empty()) << "seed " << seed << (in_bursts ? ", bursts" : "");
      EXPECT_EQ(result.during.elections, 0);
    }
  }
}

/// Each link that is cut in one direction, whoever is at its ends: everybody names it within two
/// seconds, nobody names anything else, and everybody takes it back within two after the heal.
TEST(DiagnosisRun, EveryOneWayCutIsNamedByEverybody) {
  for (NodeIndex from = 0; from < 5; ++from) {
    for (NodeIndex to = 0; to < 5; ++to) {
      if (from == to) continue;
      Plan plan = plan_of_five();
      plan.faults.push_back({plan.fault_from, {FaultKind::kCut, from, to}});
      plan.faults.push_back({plan.fault_until, {FaultKind::kHeal, from, to}});
      const RunResult result = run_vouch(plan, 1 + from * 5 + to);
      const std::string expected =
          "one_way_cut " + std::to_string(from) + "->" + std::to_string(to);
      NodeSet by = 0;
      for (const DiagnosisSpan& span : result.diagnoses) {
        EXPECT_EQ(text_of(span), expected);
        EXPECT_LE(span.raised_at - plan.fault_from, 2s);
        EXPECT_LE(span.cleared_at - plan.fault_until, 2s);
        by |= node_bit(span.by);
      }
      EXPECT_EQ(by, 31U) << expected;
    }
  }
}

/// Each node that crashes is named by all others, as a host that is silent.
TEST(DiagnosisRun, EveryCrashIsNamedByTheOthers) {
  for (NodeIndex node = 0; node < 5; ++node) {
    Plan plan = plan_of_five();
    plan.faults.push_back({plan.fault_from, {FaultKind::kCrash, node}});
    plan.faults.push_back({plan.fault_until, {FaultKind::kRestart, node}});
    const RunResult result = run_vouch(plan, 1 + node);
    NodeSet by = 0;
    for (const DiagnosisSpan& span : result.diagnoses) {
      EXPECT_EQ(text_of(span), "host_silent " + std::to_string(node));
      EXPECT_LE(span.raised_at - plan.fault_from, 2s);
      EXPECT_LE(span.cleared_at - plan.fault_until, 2s);
      by |= node_bit(span.by);
    }
    EXPECT_EQ(by, 31U & ~node_bit(node));
  }
}

/// Whoever loses 40 % of what it sends is named, and only a leader is advised to hand over, once.
TEST(DiagnosisRun, EveryLossyNodeIsNamedAndOnlyALeaderIsAdvised) {
  for (NodeIndex node = 0; node < 5; ++node) {
    Plan plan = plan_of_five();
    for (NodeIndex other = 0; other < 5; ++other) {
      if (other == node) continue;
      plan.faults.push_back({plan.fault_from, {FaultKind::kLoss, node, other, 400'000}});
    }
    for (NodeIndex other = 0; other < 5; ++other) {
      if (other != node) plan.faults.push_back({plan.fault_until, {FaultKind::kHeal, node, other}});
    }
    const RunResult result = run_vouch(plan, 1 + node);
    bool is_named = false;
    for (const DiagnosisSpan& span : result.diagnoses) {
      is_named |= text_of(span) == "lossy_node " + std::to_string(node) &&
                  span.raised_at - plan.fault_from <= 2s;
      EXPECT_NE(span.cleared_at, kEndOfTime) << text_of(span);
    }
    EXPECT_TRUE(is_named) << node;
    EXPECT_EQ(result.advices.size(), node == 0 ? 1U : 0U);
    EXPECT_EQ(result.during.elections, node == 0 ? 1 : 0);
    EXPECT_EQ(result.during.unnecessary_elections, 0);
  }
}

}  // namespace
}  // namespace vouch::sim
