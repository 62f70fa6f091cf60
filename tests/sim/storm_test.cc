#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/support/sample.h"
#include "vouch/detector/rng.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"

// Safety while anything may fail: random cuts, loss, pauses, crashes and clocks at the drift bound,
// then everything heals and the group must come together again.

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

const std::uint64_t kSeeds = testing::sampled(150);

Fault random_link_fault(Rng& rng, NodeIndex replicas) {
  const auto from = static_cast<NodeIndex>(rng.below(replicas));
  const auto to = static_cast<NodeIndex>((from + 1 + rng.below(replicas - 1)) % replicas);
  switch (rng.below(6)) {
    case 0:
      return {FaultKind::kLoss, from, to, rng.between(0, 400'000), 0};
    case 1:
      return {FaultKind::kDelay, from, to, rng.between(0, 300'000'000),
              rng.between(0, 500'000'000)};
    case 2:
    case 3:
      return {FaultKind::kHeal, from, to, 0, 0};
    default:
      return {FaultKind::kCut, from, to, 0, 0};
  }
}

Fault random_node_fault(Rng& rng, NodeIndex replicas) {
  const auto node = static_cast<NodeIndex>(rng.below(replicas));
  switch (rng.below(6)) {
    case 0:
      return {FaultKind::kCrash, node, 0, 0, 0};
    case 1:
      return {FaultKind::kPause, node, 0, 0, 0};
    case 2:
    case 3:
      return {FaultKind::kResume, node, 0, 0, 0};
    default:
      return {FaultKind::kRestart, node, 0, 0, 0};
  }
}

Plan storm(std::uint64_t seed) {
  Rng rng = Rng(seed).fork(99);
  Plan plan;
  plan.replicas = static_cast<std::size_t>(rng.between(3, 5));
  const auto replicas = static_cast<NodeIndex>(plan.replicas);
  plan.fault_from = kStart + 3s;
  plan.fault_until = kStart + 40s;
  plan.end = kStart + 55s;
  for (NodeIndex node = 0; node < replicas; ++node) {
    // Each clock at most half the bound off, so that no two differ by more than it.
    plan.faults.push_back({kStart, {FaultKind::kClock, node, 0, rng.between(-500, 500), 0}});
  }
  for (TrueTime at = plan.fault_from; at < plan.fault_until;
       at += Duration(rng.between(5'000'000, 900'000'000))) {
    const bool is_link = rng.below(4) != 0;
    plan.faults.push_back(
        {at, is_link ? random_link_fault(rng, replicas) : random_node_fault(rng, replicas)});
  }
  for (NodeIndex a = 0; a < replicas; ++a) {
    plan.faults.push_back({plan.fault_until, {FaultKind::kRestart, a, 0, 0, 0}});
    plan.faults.push_back({plan.fault_until, {FaultKind::kResume, a, 0, 0, 0}});
    for (NodeIndex b = 0; b < replicas; ++b) {
      if (a != b) plan.faults.push_back({plan.fault_until, {FaultKind::kHeal, a, b, 0, 0}});
    }
  }
  return plan;
}

TEST(Storm, VouchKeepsItsSafetyRulesAndRecovers) {
  const MonitorConfig config{};
  std::uint64_t changes = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Plan plan = storm(seed);
    const auto protocol = make_policy("vouch", {.replicas = plan.replicas});
    // After the heal also the promise of a node that has just restarted must run out.
    const Duration bound = config.promise() + liveness_bound(config);
    const RunResult result =
        run(**protocol, plan,
            {.seed = seed, .consent_limit = consent_limit(config), .liveness_bound = bound});
    changes += result.during.leader_changes;
    EXPECT_TRUE(result.began_led) << "seed " << seed;
    EXPECT_EQ(result.split_lease, Duration::zero()) << "seed " << seed;
    EXPECT_NE(result.final_leaders, 0U) << "seed " << seed;
    for (const Violation& violation : result.violations) {
      ADD_FAILURE() << to_string(violation.rule) << " at " << (violation.at - kStart).count()
                    << " ns: " << violation.text << ", seed " << seed;
    }
  }
  EXPECT_GT(changes, kSeeds);  // The storm does what it is for.
}

}  // namespace
}  // namespace vouch::sim
