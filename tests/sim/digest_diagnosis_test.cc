// Diagnosis and advice when groups travel apart from heartbeats (ClaimMode::kDigest): once for all
// groups of a node, and by the same readings of the matrix.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/sim/fault_plan.h"
#include "vouch/quorum_check/diagnosis_text.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

RunResult run_digest(const Plan& plan, std::uint64_t seed) {
  PolicySettings settings;
  settings.replicas = plan.replicas;
  settings.vouch.group_limits.claims = ClaimMode::kDigest;
  const auto protocol = make_policy("vouch", settings);
  RunOptions options;
  options.seed = seed;
  return run(**protocol, plan, options);
}

/// Those of `by_whom` name `expected`, and nobody anything else, within two seconds each way.
void expect_named(const Plan& plan, const RunResult& result, const std::string& expected,
                  NodeSet by_whom) {
  NodeSet by = 0;
  for (const DiagnosisSpan& span : result.diagnoses) {
    EXPECT_EQ(std::string(to_string(span.diagnosis.kind)) + " " +
                  culprit_text(span.diagnosis, index_name),
              expected);
    EXPECT_LE(span.raised_at - plan.fault_from, 2s);
    EXPECT_LE(span.cleared_at - plan.fault_until, 2s);
    by |= node_bit(span.by);
  }
  EXPECT_EQ(by, by_whom) << expected;
}

TEST(DigestDiagnosis, EveryOneWayCutIsNamedByEverybody) {
  for (NodeIndex from = 0; from < 5; ++from) {
    for (NodeIndex to = 0; to < 5; ++to) {
      if (from == to) continue;
      Plan plan = plan_of_five();
      plan.faults.push_back({plan.fault_from, {FaultKind::kCut, from, to}});
      plan.faults.push_back({plan.fault_until, {FaultKind::kHeal, from, to}});
      const RunResult result = run_digest(plan, 1 + from * 5 + to);
      expect_named(plan, result, "one_way_cut " + std::to_string(from) + "->" + std::to_string(to),
                   31U);
    }
  }
}

TEST(DigestDiagnosis, EveryCrashIsNamedByTheOthers) {
  for (NodeIndex node = 0; node < 5; ++node) {
    Plan plan = plan_of_five();
    plan.faults.push_back({plan.fault_from, {FaultKind::kCrash, node}});
    plan.faults.push_back({plan.fault_until, {FaultKind::kRestart, node}});
    const RunResult result = run_digest(plan, 1 + node);
    expect_named(plan, result, "host_silent " + std::to_string(node), 31U & ~node_bit(node));
  }
}

TEST(DigestDiagnosis, AHealthyMinuteHasNone) {
  Plan plan;
  plan.link.loss_per_million = 1000;
  plan.fault_from = kStart + 5s;
  plan.fault_until = kStart + 60s;
  plan.end = kStart + 60s;
  const RunResult result = run_digest(plan, 1);
  EXPECT_TRUE(result.diagnoses.empty());
  EXPECT_TRUE(result.advices.empty());
}

/// A leader that loses 40 % of what it sends asks who could lead instead, is advised to hand over,
/// once, and does so.
TEST(DigestDiagnosis, OnlyALossyLeaderIsAdvised) {
  for (NodeIndex node = 0; node < 5; ++node) {
    Plan plan = plan_of_five();
    for (NodeIndex other = 0; other < 5; ++other) {
      if (other == node) continue;
      plan.faults.push_back({plan.fault_from, {FaultKind::kLoss, node, other, 400'000}});
    }
    for (NodeIndex other = 0; other < 5; ++other) {
      if (other != node) plan.faults.push_back({plan.fault_until, {FaultKind::kHeal, node, other}});
    }
    const RunResult result = run_digest(plan, 1 + node);
    EXPECT_EQ(result.advices.size(), node == 0 ? 1U : 0U);
    EXPECT_EQ(result.during.elections, node == 0 ? 1 : 0);
    EXPECT_EQ(result.during.unnecessary_elections, 0);
  }
}

}  // namespace
}  // namespace vouch::sim
