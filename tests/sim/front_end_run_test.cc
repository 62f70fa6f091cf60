// Front-ends in whole runs: what hints spare them, and that nothing else changes. The outcomes of
// the shipped scenarios with front-ends are those that they expect.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/sample.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"

namespace vouch::scenario {
namespace {

using namespace std::chrono_literals;

enum class Hints : std::uint8_t { kNone, kGiven };

sim::RunResult front_end_run(std::string_view name, std::string_view policy, Hints hints,
                             std::uint64_t seed = 1) {
  auto scenario = load_scenario(std::string(name));
  EXPECT_FALSE(scenario->settings.vouch.front_ends.empty()) << name;
  if (hints == Hints::kNone) scenario->settings.vouch.front_ends.clear();
  const auto protocol = sim::make_policy(policy, scenario->settings);
  return sim::run(**protocol, scenario->plan, run_options(*scenario, policy, seed));
}

TEST(FrontEndRun, AFollowerWithoutItsLeaderIsUselessOnlyUntilItHasSaidSo) {
  for (std::uint64_t seed = 1; seed <= vouch::testing::sampled(10); ++seed) {
    const auto without = front_end_run("front_ends_around_follower", "vouch", Hints::kNone, seed);
    const auto with = front_end_run("front_ends_around_follower", "vouch", Hints::kGiven, seed);
    EXPECT_EQ(without.clients_during.useless_front_end, 30s);
    EXPECT_EQ(without.clients_during.unavailable, 300ms);
    EXPECT_LE(with.clients_during.useless_front_end, 1500ms) << seed;
    EXPECT_LE(with.clients_during.unavailable, 300ms) << "until it has noticed it itself";
    EXPECT_EQ(with.during.elections, 0U);
  }
}

TEST(FrontEndRun, AHintSparesMostOfATry) {
  const auto without = front_end_run("front_end_without_leader", "vouch", Hints::kNone);
  const auto with = front_end_run("front_end_without_leader", "vouch", Hints::kGiven);
  EXPECT_EQ(without.clients_during.unavailable, 300ms);
  EXPECT_GE(with.clients_during.unavailable, 50ms) << "the patience of a front-end";
  EXPECT_LE(with.clients_during.unavailable, 100ms);
}

/// A policy without a half for front-ends runs as if nobody observed.
TEST(FrontEndRun, OtherPoliciesDoWhatTheyDid) {
  for (const char* policy : {"raft", "dynamodb"}) {
    const auto a = front_end_run("front_ends_of_two_zones", policy, Hints::kNone);
    const auto b = front_end_run("front_ends_of_two_zones", policy, Hints::kGiven);
    EXPECT_EQ(a.counters.events, b.counters.events) << policy;
    EXPECT_EQ(a.clients_during.requests, b.clients_during.requests) << policy;
    EXPECT_EQ(a.clients_during.unavailable, b.clients_during.unavailable) << policy;
  }
}

TEST(FrontEndRun, TheSameSeedGivesTheSameRun) {
  const auto a = front_end_run("front_ends_of_two_zones", "vouch", Hints::kGiven, 7);
  const auto b = front_end_run("front_ends_of_two_zones", "vouch", Hints::kGiven, 7);
  EXPECT_EQ(a.counters.events, b.counters.events);
  EXPECT_EQ(a.clients_during.requests, b.clients_during.requests);
  ASSERT_EQ(a.advices.size(), 1U);
  ASSERT_EQ(b.advices.size(), 1U);
  EXPECT_EQ(a.advices[0].at, b.advices[0].at);
  EXPECT_EQ(a.advices[0].reason, "front_ends");
}

/// The window is 3 s; reports need an interval or two before that.
TEST(FrontEndRun, TheMoveComesAfterTheWindowAndOnce) {
  for (std::uint64_t seed = 1; seed <= vouch::testing::sampled(10); ++seed) {
    const auto result = front_end_run("front_ends_of_two_zones", "vouch", Hints::kGiven, seed);
    ASSERT_EQ(result.advices.size(), 1U) << seed;
    const Duration after = result.advices[0].at - result.fault_from;
    EXPECT_GE(after, 3s) << seed;
    EXPECT_LE(after, 5s) << seed;
    EXPECT_EQ(result.during.leader_changes, 1U) << seed;
  }
}

/// Even with nothing that contradicts them, liars in a minority of the zones move nobody: their
/// requests to the leader are cut, so it has no proof that they hear it.
TEST(FrontEndRun, LiarsOfOneZoneMoveNobody) {
  auto scenario = load_scenario("front_ends_of_one_zone");
  ASSERT_TRUE(scenario);
  scenario->plan.clients.liars = 0b111;
  const auto protocol = sim::make_policy("vouch", scenario->settings);
  const auto result = sim::run(**protocol, scenario->plan, run_options(*scenario, "vouch", 1));
  EXPECT_TRUE(result.advices.empty());
  EXPECT_EQ(result.during.elections, 0U);
}

TEST(FrontEndRun, FilesNameFrontEndsAndLiars) {
  const auto read = [](const std::string& clients) {
    return read_scenario(
        R"({"format": "vouch-scenario/1", "name": "f", "title": "f", "replicas": 3,
            "initial_leader": 0, "duration_ms": 9000, "fault_from_ms": 1000,
            "fault_until_ms": 5000, "events": [], "clients": )" +
            clients + "}",
        "f.json");
  };
  const auto scenario =
      read(R"({"count": 3, "observe": true, "liars": [2], "zones": {"b": [1], "a": [1, 0]}})");
  ASSERT_TRUE(scenario) << scenario.error().message;
  const auto& front_ends = scenario->settings.vouch.front_ends;
  ASSERT_EQ(front_ends.size(), 3U);
  EXPECT_EQ(front_ends[0].id, NodeId{65});
  EXPECT_EQ(front_ends[0].zone, ZoneId{2});
  EXPECT_EQ(front_ends[1].zone, ZoneId{1}) << "the first that names it";
  EXPECT_EQ(front_ends[2].zone, ZoneId{0}) << "those that none names";
  EXPECT_EQ(scenario->plan.clients.liars, 4U);
  const auto refused = [&](const std::string& clients) {
    const auto bad = read(clients);
    return bad ? std::string() : bad.error().message;
  };
  EXPECT_NE(refused(R"({"liars": [0]})").find("clients.liars: needs observe"), std::string::npos);
  EXPECT_NE(refused(R"({"observe": true, "liars": [2]})").find("clients.liars[0]"),
            std::string::npos);
}

}  // namespace
}  // namespace vouch::scenario
