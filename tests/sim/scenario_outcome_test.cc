#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "tests/support/sample.h"
#include "vouch/quorum_check/profile.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/policies.h"

namespace vouch::scenario {
namespace {

/// Few, so that the test stays short. Many: `vouch simulate --all --runs 200`.
const std::uint64_t kSeeds = vouch::testing::sampled(2);

/// Longer ones run in the optimised program only (`vouch simulate --all`).
constexpr Duration kLongest = std::chrono::minutes(11);

/// The first minutes of a scenario in which nothing but chance happens after them.
Scenario shortened(Scenario scenario) {
  scenario.plan.end = sim::kStart + kLongest;
  scenario.plan.fault_until = scenario.plan.end;
  return scenario;
}

void check(Scenario scenario) {
  if (scenario.plan.end - sim::kStart > kLongest) scenario = shortened(std::move(scenario));
  for (const Expectation& expectation : scenario.expectations) {
    // What waits is vouch's; what other policies do is known today.
    if (expectation.policy == "vouch" && !scenario.pending.empty()) continue;
    const auto protocol = sim::make_policy(expectation.policy, scenario.settings);
    ASSERT_TRUE(protocol) << protocol.error().message;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const auto again = "; again: vouch simulate " + scenario.name + " --policy " +
                         expectation.policy + " --seed " + std::to_string(seed);
      const auto result =
          sim::run(**protocol, scenario.plan, run_options(scenario, expectation.policy, seed));
      EXPECT_TRUE(result.began_led) << again;
      for (const std::string& miss : misses(expectation, result, scenario.plan.replicas)) {
        ADD_FAILURE() << scenario.label() << ": " << miss << again;
      }
      if (expectation.policy != "vouch") continue;
      for (const sim::Violation& violation : result.violations) {
        if (!scenario.judges(violation.rule)) continue;
        ADD_FAILURE() << to_string(violation.rule) << ": " << violation.text << again;
      }
    }
  }
}

class ShippedScenario : public ::testing::TestWithParam<std::string> {};

TEST_P(ShippedScenario, GivesWhatItExpects) {
  const auto scenarios = load_scenarios(GetParam());
  ASSERT_TRUE(scenarios) << scenarios.error().message;
  for (const Scenario& scenario : *scenarios) {
    EXPECT_EQ(scenario.name, GetParam());
    ASSERT_NE(scenario.expected_of("vouch"), nullptr);
    EXPECT_NE(scenario.outcome, OutcomeClass::kUnstated);
    check(scenario);
  }
}

std::vector<std::string> shipped_names() {
  std::vector<std::string> names;
  for (const Shipped& shipped : shipped_scenarios())
    names.emplace_back(shipped.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, ShippedScenario, ::testing::ValuesIn(shipped_names()),
                         [](const auto& name) { return name.param; });

/// At the greatest round trip that a profile is made for, its leader survives a one-way cut that
/// lasts many leases, and one that dies is replaced once, in about a lease.
TEST(Profiles, HoldAtTheirRoundTrip) {
  for (const Profile profile : kProfiles) {
    const std::string name(to_string(profile));
    SCOPED_TRACE(name);
    MonitorConfig times;
    apply_profile(profile, times);
    const auto delay_us = times.round_trip.count() / 2000;
    // A lease, and a round trip each for the confirmation and the vote.
    const Duration bound = times.promise() + 4 * times.heartbeat_interval + 2 * times.round_trip;
    const std::string text =
        R"({"format": "vouch-scenario/1", "name": "profile", "title": "a profile", "replicas": 5,
            "initial_leader": 0, "duration_ms": 90000, "fault_from_ms": 20000,
            "fault_until_ms": 60000, "liveness_bound_ms": )" +
        std::to_string(bound / std::chrono::milliseconds(1)) + R"(, "config": {"profile": ")" +
        name + R"("}, "network": {"jitter_us": 0, "delay_us": )" + std::to_string(delay_us) +
        R"(}, "events": [{"at_ms": 20000, "op": "cut", "links": ["0->1"], "for_ms": 30000},
                         {"at_ms": 60000, "op": "crash", "nodes": [0]}],
            "expect": {"vouch": {"elections": {"min": 1, "max": 1}, "term_growth": {"max": 1},
                                 "split_lease_ms": {"max": 0}}}})";
    const auto scenario = read_scenario(text, "profile.json");
    ASSERT_TRUE(scenario) << scenario.error().message;
    EXPECT_EQ(scenario->settings.vouch.lease, times.lease);
    check(*scenario);
  }
}

// A missed expectation must be seen: the same run against what it does not do.
TEST(Expectations, AreMissedWhenTheyShouldBe) {
  const auto scenario = load_scenario("s03");
  ASSERT_TRUE(scenario);
  const auto protocol = sim::make_policy("vouch", scenario->settings);
  const auto result = sim::run(**protocol, scenario->plan, run_options(*scenario, "vouch", 1));
  Expectation wrong;
  wrong.bounds = {{Measure::kElections, 1, 2}, {Measure::kMessages, std::nullopt, 3}};
  wrong.final_leader = sim::node_bit(1) | sim::node_bit(2);
  wrong.leader_at_heal = 0;
  const auto found = misses(wrong, result, scenario->plan.replicas);
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0], "elections: expected at least 1, is 0");
  EXPECT_EQ(found[1].find("messages_per_node_second: expected at most 3, is "), 0U);
  EXPECT_EQ(found[2], "leader_at_heal: expected nobody, is n0");
  EXPECT_EQ(found[3], "final_leader: expected one of n1, n2, is n0");
}

TEST(Expectations, ADiagnosisIsMissedWhenItShouldBe) {
  const auto scenario = load_scenario("s03");
  ASSERT_TRUE(scenario);
  const auto protocol = sim::make_policy("vouch", scenario->settings);
  const auto result = sim::run(**protocol, scenario->plan, run_options(*scenario, "vouch", 1));
  const auto missed = [&](std::vector<ExpectedDiagnosis> diagnosis) {
    Expectation expectation;
    expectation.diagnosis = std::move(diagnosis);
    return misses(expectation, result, scenario->plan.replicas);
  };
  EXPECT_TRUE(missed({{.code = "one_way_cut", .culprit = "0->1"}}).empty());
  EXPECT_TRUE(missed({{.code = "one_way_cut", .culprit = ""}}).empty()) << "any culprit";
  auto found = missed({});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].find("diagnosis: unexpected one_way_cut 0->1 by n"), 0U) << found[0];
  found = missed({{.code = "one_way_cut", .culprit = "1->0"}});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0], "diagnosis: expected one_way_cut 1->0");
  found =
      missed({{.code = "one_way_cut", .culprit = "0->1", .within = std::chrono::milliseconds(9)}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].find("diagnosis: expected one_way_cut 0->1 within 9 ms, came after "), 0U);
  EXPECT_TRUE(missed({{.code = "one_way_cut", .culprit = "0->1"},
                      {.code = "hub_only", .is_optional = true}})
                  .empty());
}

}  // namespace
}  // namespace vouch::scenario
