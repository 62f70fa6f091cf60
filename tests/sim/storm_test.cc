#include <gtest/gtest.h>

#include <algorithm>
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

const std::uint64_t kStorms = testing::sampled(150);

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

/// A fault of any kind but flipped bits, which only authentication can tell from what was sent.
Fault random_model_fault(Rng& rng, NodeIndex replicas) {
  const auto from = static_cast<NodeIndex>(rng.below(replicas));
  const auto to = static_cast<NodeIndex>((from + 1 + rng.below(replicas - 1)) % replicas);
  const std::int64_t is_on = rng.below(3) != 0 ? 1 : 0;
  switch (rng.below(9)) {
    case 0:
      return {
          FaultKind::kBurstLoss, from, to, is_on * rng.between(1, 100'000), 300'000, 0, 1'000'000};
    case 1:
      return {FaultKind::kLognormal, from, to, is_on * 20'000'000, 800, 2'000'000'000};
    case 2:
      return {FaultKind::kPareto, from, to, is_on * 50'000'000, 1200, 3'000'000'000, 200'000};
    case 3:
      return {FaultKind::kDelayJump, from, to, is_on * rng.between(0, 900'000'000),
              rng.between(0, 2'000'000'000)};
    case 4:
      return {FaultKind::kReorder, from, to, is_on * 300'000, rng.between(1, 700'000'000)};
    case 5:
      return {FaultKind::kDuplicate, from, to, is_on * 500'000, 3};
    case 6:
      return {FaultKind::kMtu, from, to, is_on * 300};
    case 7:
      return {FaultKind::kRate, from, to, is_on * 20'000, 50};
    default:
      return {FaultKind::kTrickle, from, to, is_on * rng.between(1, 400'000'000), 20};
  }
}

Fault random_host_fault(Rng& rng, NodeIndex replicas) {
  const auto node = static_cast<NodeIndex>(rng.below(replicas));
  const std::int64_t is_on = rng.below(3) != 0 ? 1 : 0;
  switch (rng.below(7)) {
    case 0:
      return {FaultKind::kExit, node, 0, is_on};
    case 1:
      return {FaultKind::kSuspend, node};
    case 2:
      return {FaultKind::kSlow, node, 0, is_on * rng.between(1, 10'000'000)};
    case 3:
      return {FaultKind::kFlood, node, 0, is_on * 500'000};
    case 4:
      return {FaultKind::kWorkerStall, node, 0, is_on};
    case 5:
      return {FaultKind::kDiskStall, node, 0, is_on};
    default:
      return {FaultKind::kDrain, node, 0, is_on};
  }
}

/// Ends everything that the three above may have begun.
void calm_down(Plan& plan) {
  const auto replicas = static_cast<NodeIndex>(plan.replicas);
  for (NodeIndex node = 0; node < replicas; ++node) {
    for (const FaultKind kind : {FaultKind::kSlow, FaultKind::kFlood, FaultKind::kWorkerStall,
                                 FaultKind::kDiskStall, FaultKind::kDrain}) {
      plan.faults.push_back({plan.fault_until, {kind, node}});
    }
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
  for (std::uint64_t seed = 1; seed <= kStorms; ++seed) {
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
  EXPECT_GT(changes, kStorms);  // The storm does what it is for.
}

TEST(Storm, VouchKeepsItsSafetyRulesWhateverElseGoesWrong) {
  const MonitorConfig config{};
  std::uint64_t changes = 0;
  for (std::uint64_t seed = 1; seed <= kStorms; ++seed) {
    Plan plan = storm(seed);
    Rng rng = Rng(seed).fork(98);
    const auto replicas = static_cast<NodeIndex>(plan.replicas);
    plan.work_bytes = 400;
    for (TrueTime at = plan.fault_from; at < plan.fault_until;
         at += Duration(rng.between(5'000'000, 900'000'000))) {
      plan.faults.push_back({at, rng.below(2) == 0 ? random_model_fault(rng, replicas)
                                                   : random_host_fault(rng, replicas)});
    }
    calm_down(plan);
    std::stable_sort(plan.faults.begin(), plan.faults.end(),
                     [](const TimedFault& a, const TimedFault& b) { return a.at < b.at; });
    PolicySettings settings{.replicas = plan.replicas};
    settings.work = {20ms, 400};
    const auto protocol = make_policy("vouch", settings);
    const Duration bound = config.promise() + liveness_bound(config);
    const RunResult result =
        run(**protocol, plan,
            {.seed = seed, .consent_limit = consent_limit(config), .liveness_bound = bound});
    changes += result.during.leader_changes;
    EXPECT_EQ(result.split_lease, Duration::zero()) << "seed " << seed;
    EXPECT_NE(result.final_leaders, 0U) << "seed " << seed;
    for (const Violation& violation : result.violations) {
      ADD_FAILURE() << to_string(violation.rule) << " at " << (violation.at - kStart).count()
                    << " ns: " << violation.text << ", seed " << seed;
    }
  }
  EXPECT_GT(changes, kStorms);
}

}  // namespace
}  // namespace vouch::sim
