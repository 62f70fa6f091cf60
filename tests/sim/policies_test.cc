#include "vouch/sim/policies.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "fault_plan.h"
#include "vouch/sim/atlas.h"

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

TEST(Policies, EveryNameMakesThePolicyOfThatName) {
  std::set<std::string_view> names;
  for (const std::string_view name : policy_names()) {
    const auto protocol = make_policy(name, {});
    ASSERT_TRUE(protocol) << name;
    EXPECT_EQ((*protocol)->name(), name);
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(names.size(), 9U);
}

TEST(Policies, AnUnknownNameIsAnErrorThatListsTheNames) {
  for (const char* name : {"", "dynamodb+prevote", "raft+leaderquorum", "Sentinel", "omnipaxos "}) {
    const auto protocol = make_policy(name, {});
    ASSERT_FALSE(protocol) << name;
    EXPECT_NE(protocol.error().message.find("dynamodb+leaderquorum, sentinel, omnipaxos"),
              std::string::npos);
    EXPECT_NE(protocol.error().message.find("'" + std::string(name) + "'"), std::string::npos);
  }
}

TEST(Policies, EqualisedSettingsAreValid) {
  for (const Duration detection : {400ms, 1000ms, 20'000ms}) {
    PolicySettings settings;
    settings.equalise(100ms, detection);
    for (const std::string_view name : policy_names()) {
      const auto protocol = make_policy(name, settings);
      EXPECT_TRUE(protocol) << name << ": " << protocol.error().message;
    }
  }
  PolicySettings settings;
  settings.equalise(100ms, 399ms);
  const auto vouch = make_policy("vouch", settings);
  ASSERT_FALSE(vouch);
  EXPECT_NE(vouch.error().message.find("heartbeat_interval"), std::string::npos);
}

// With equal times nobody replaces a crashed leader on less silence than was agreed.
TEST(Policies, EqualisedPoliciesWaitForAsLong) {
  PolicySettings settings;
  settings.equalise(100ms, 2000ms);
  const FaultPlan plan = FaultPlan().crash(0);
  for (const std::string_view name : policy_names()) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const RunResult result = plan.run(name, seed, settings);
      EXPECT_GE(result.during.leader_changes, 1U) << name << ", seed " << seed;
      // Less the age of the newest heartbeat.
      EXPECT_GE(result.during.first_gap, 1800ms) << name << ", seed " << seed;
    }
  }
}

// Equal seeds give equal runs under every policy, other seeds others.
TEST(Policies, AreDeterministic) {
  Plan plan = random_faults(1);
  plan.replicas = 5;  // Of which the faults touch the first ones.
  for (const std::string_view name : policy_names()) {
    const auto protocol = make_policy(name, {});
    const auto events = [&](std::uint64_t seed) {
      return run(**protocol, plan, {.seed = seed}).counters.events;
    };
    EXPECT_EQ(events(1), events(1)) << name;
    EXPECT_NE(events(1), events(2)) << name;
  }
}

struct Counts {
  const char* policy;
  std::uint64_t deposed;
  std::uint64_t stuck;
};

// Every directed graph of three replicas: 28 in which the leader keeps its quorum, 9 from which the
// group could recover. docs/POLICIES.md explains the counts.
TEST(Policies, DifferInTheAtlas) {
  const Counts expected[] = {
      {"raft", 16, 1},     {"raft+prevote", 0, 5},           {"raft+prevote+checkquorum", 0, 0},
      {"dynamodb", 12, 5}, {"dynamodb+leaderquorum", 12, 2}, {"sentinel", 0, 0},
      {"omnipaxos", 6, 0},
  };
  for (const Counts& counts : expected) {
    const auto protocol = make_policy(counts.policy, {.replicas = 3});
    AtlasOptions options;
    options.run.liveness_bound = liveness_bound({});
    const AtlasSummary summary = run_atlas(**protocol, options);
    EXPECT_EQ(summary.kept, 28U) << counts.policy;
    EXPECT_EQ(summary.recoverable, 9U) << counts.policy;
    EXPECT_EQ(summary.deposed, counts.deposed) << counts.policy;
    EXPECT_EQ(summary.stuck, counts.stuck) << counts.policy;
  }
}

TEST(Policies, FailoverWaitsForADetectorThatIsSlowerThanTheLease) {
  MonitorConfig config;
  const Duration quick = liveness_bound(config);
  config.detector.timeout = config.promise() - 1ms;
  EXPECT_EQ(liveness_bound(config), quick);
  config.detector.timeout = config.promise() + 5s;
  EXPECT_EQ(liveness_bound(config), quick + 5s);
}

}  // namespace
}  // namespace vouch::sim
