#include "vouch/sim/policies.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "fault_plan.h"

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
      // Less the age of the newest heartbeat. With leases the gap begins when the lease ends.
      EXPECT_GE(result.during.first_gap + (name == "vouch" ? 2000ms : 0ms), 1800ms)
          << name << ", seed " << seed;
    }
  }
}

// Equal seeds give equal runs under every policy, other seeds others.
TEST(Policies, AreDeterministic) {
  for (const std::string_view name : policy_names()) {
    const auto protocol = make_policy(name, {.replicas = 4});
    bool differs = false;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      Plan plan = random_faults(1);
      plan.replicas = 5;
      const auto of_five = make_policy(name, {});
      const RunResult first = run(**of_five, plan, {.seed = seed});
      const RunResult second = run(**of_five, plan, {.seed = seed});
      EXPECT_EQ(first.counters.events, second.counters.events) << name;
      EXPECT_EQ(first.during.unavailable, second.during.unavailable) << name;
      differs |=
          run(**of_five, plan, {.seed = seed + 100}).counters.events != first.counters.events;
    }
    EXPECT_TRUE(differs) << name;
    ASSERT_TRUE(protocol);
  }
}

}  // namespace
}  // namespace vouch::sim
