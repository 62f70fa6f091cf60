// What a follower that is cut from its leader has of relays, in the shipped scenarios about it.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "vouch/scenario/scenario.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"
#include "vouch/sim/vouch_protocol.h"

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

constexpr GroupId kGroup{1};
constexpr NodeIndex kCutOff = 1;

/// How well follower 1 knows its leader, looked at 100 times a second.
struct Kept {
  int looks = 0;
  int without_leader = 0;  ///< It does not name node 0.
  int without_proof = 0;   ///< Nothing proves that the leader's lease runs.
  Duration least_proof = 1h;
  std::uint64_t questions = 0;  ///< That it asked, to each peer one.
};

Kept watch(const std::string& name, std::string_view policy, std::uint64_t seed) {
  const scenario::Scenario scenario = *scenario::load_scenario(name);
  const auto protocol = make_policy(policy, scenario.settings);
  const Plan& plan = scenario.plan;
  Engine engine(**protocol, {.replicas = plan.replicas,
                             .seed = seed,
                             .initial_leader = NodeId{plan.initial_leader + 1},
                             .link = plan.link});
  engine.start();
  Kept kept;
  const auto monitor = [&]() -> const Monitor& {
    return dynamic_cast<const VouchReplica&>(engine.replica(kCutOff)).monitor();
  };
  std::size_t next = 0;
  for (TrueTime at = kStart; at < plan.fault_until; at += 10ms) {
    for (; next < plan.faults.size() && plan.faults[next].at <= at; ++next) {
      engine.run_until(plan.faults[next].at);
      engine.apply(plan.faults[next].fault);
    }
    engine.run_until(at);
    // Until the suspicion the lease is proved by what was heard last.
    if (at == plan.fault_from + 500ms) kept.questions = monitor().counters().confirm_requests_sent;
    if (at < plan.fault_from + 500ms) continue;
    const Instant now = engine.local_now(kCutOff);
    const GroupStatus status = monitor().status(kGroup, now);
    ++kept.looks;
    kept.without_leader += status.leader != NodeId{1} ? 1 : 0;
    kept.without_proof += status.proved_until <= now ? 1 : 0;
    kept.least_proof = std::min(kept.least_proof, status.proved_until - now);
  }
  kept.questions = monitor().counters().confirm_requests_sent - kept.questions;
  return kept;
}

TEST(RelayRun, TheCutOffFollowerKeepsItsLeaderAndItsFreshness) {
  for (const char* name : {"s03", "s05", "s12"}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const Kept off = watch(name, "vouch", seed);
      EXPECT_EQ(off.without_leader, 0);
      EXPECT_GT(off.questions, 50U) << "without relays it asks again and again";
      for (const std::string_view policy : policy_variants()) {
        const Kept kept = watch(name, policy, seed);
        SCOPED_TRACE(std::string(name) + " " + std::string(policy) + " seed " +
                     std::to_string(seed));
        EXPECT_GT(kept.looks, 2900);
        EXPECT_EQ(kept.without_leader, 0);
        EXPECT_EQ(kept.without_proof, 0);
        EXPECT_GT(kept.least_proof, 200ms);
        EXPECT_GT(kept.least_proof, off.least_proof);
        EXPECT_LE(kept.questions, 4U);
      }
    }
  }
}

/// Clients that begin at the cut-off follower are served by it where the host's traffic is routed.
TEST(RelayRun, ItServesItsClientsUnderAllOnly) {
  for (const char* name : {"s03", "s05", "s12"}) {
    scenario::Scenario scenario = *scenario::load_scenario(name);
    scenario.plan.clients.count = 5;
    scenario.plan.clients.endpoints.clear();  // One client begins with each replica.
    const auto useless = [&](std::string_view policy) {
      const auto protocol = make_policy(policy, scenario.settings);
      const RunResult result = run(**protocol, scenario.plan, run_options(scenario, policy, 1));
      EXPECT_EQ(result.violation_count, 0U);
      return result.clients_during.useless_front_end;
    };
    EXPECT_GT(useless("vouch"), 25s) << name;
    EXPECT_GT(useless("vouch+relay=heartbeats"), 25s) << name;
    EXPECT_EQ(useless("vouch+relay=all"), Duration::zero()) << name;
  }
}

/// Clocks at the drift bound mislead the detector, so that all followers suspect the leader for
/// half of each heartbeat interval, together. Their acknowledgements go over each other then, as
/// told half an interval ago, and reach the leader: whoever gets one hands it on although it
/// suspects.
TEST(RelayRun, WhatIsHandedOnIsNotDroppedForASuspicion) {
  PolicySettings settings{.replicas = 4};
  settings.vouch.heartbeat_interval = 30ms;
  settings.vouch.lease = 150ms;
  settings.vouch.detector.kind = DetectorKind::kChen;
  settings.vouch.detector.safety_margin = 30ms;
  settings.vouch.confirm_interval = 21ms;
  settings.vouch.consent_hold = 72ms;
  settings.vouch.stall_limit = 120ms;
  settings.vouch.progress_timeout = 330ms;
  settings.vouch.clock_drift_ppm = 50'000;
  settings.work = {.interval = 30ms, .bytes = 774};
  const auto protocol = make_policy("vouch+relay=all", settings);
  ASSERT_TRUE(protocol) << protocol.error().message;
  Plan plan{.replicas = 4};
  for (NodeIndex node = 1; node < 4; ++node)
    plan.faults.push_back({kStart, {FaultKind::kClock, node, 0, 50'000}});
  plan.fault_from = kStart + 1s;
  plan.fault_until = kStart + 10s;
  plan.end = kStart + 11s;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const RunResult result = run(**protocol, plan, {.seed = seed});
    EXPECT_TRUE(result.began_led);
    EXPECT_EQ(result.during.elections + result.after.elections, 0U) << "seed " << seed;
    EXPECT_EQ(result.final_leaders, node_bit(0)) << "seed " << seed;
  }
}

TEST(RelayRun, VariantsAreMadeByNameAndStandInNoTable) {
  for (const std::string_view name : policy_variants()) {
    EXPECT_TRUE(is_vouch(name));
    const auto protocol = make_policy(name, {});
    ASSERT_TRUE(protocol);
    EXPECT_EQ((*protocol)->name(), name);
    EXPECT_EQ((*protocol)->routes_work(), name == "vouch+relay=all");
    EXPECT_EQ(std::find(policy_names().begin(), policy_names().end(), name), policy_names().end());
  }
  EXPECT_TRUE(is_vouch("vouch"));
  EXPECT_FALSE(is_vouch("raft"));
  EXPECT_FALSE(make_policy("vouch+relay=off", {}));
}

}  // namespace
}  // namespace vouch::sim
