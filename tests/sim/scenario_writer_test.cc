#include <gtest/gtest.h>

#include <string>

#include "vouch/quorum_check/profile.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/swarm.h"

namespace vouch::scenario {
namespace {

void expect_same_plan(const sim::Plan& a, const sim::Plan& b) {
  EXPECT_EQ(a.replicas, b.replicas);
  EXPECT_EQ(a.initial_leader, b.initial_leader);
  EXPECT_EQ(a.link, b.link);
  EXPECT_EQ(a.receive_buffer, b.receive_buffer);
  EXPECT_EQ(a.work_bytes, b.work_bytes);
  EXPECT_EQ(a.delay_traces, b.delay_traces);
  EXPECT_EQ(a.faults, b.faults);
  EXPECT_EQ(a.fault_from, b.fault_from);
  EXPECT_EQ(a.fault_until, b.fault_until);
  EXPECT_EQ(a.end, b.end);
}

/// What is read again says the same, down to its text.
Scenario expect_round_trip(const Scenario& scenario) {
  const auto text = write_scenario(scenario);
  EXPECT_TRUE(text.has_value()) << (text ? "" : text.error().message);
  if (!text) return {};
  auto again = read_scenario(*text, "again.json");
  EXPECT_TRUE(again.has_value()) << (again ? "" : again.error().message) << '\n' << *text;
  if (!again) return {};
  expect_same_plan(scenario.plan, again->plan);
  EXPECT_EQ(scenario.judges(sim::Rule::kS1), again->judges(sim::Rule::kS1));
  EXPECT_EQ(scenario.liveness_bound, again->liveness_bound);
  EXPECT_EQ(scenario.expectations.size(), again->expectations.size());
  const auto text_again = write_scenario(*again);
  EXPECT_EQ(*text, text_again ? *text_again : "");
  return *std::move(again);
}

TEST(ScenarioWriter, KeepsEveryShippedScenario) {
  std::size_t events = 0;
  for (const Shipped& shipped : shipped_scenarios()) {
    SCOPED_TRACE(shipped.name);
    const auto scenarios = load_scenarios(std::string(shipped.name));
    ASSERT_TRUE(scenarios.has_value());
    for (const Scenario& scenario : *scenarios) {
      if (scenario.plan.faults.size() > 2'000) continue;  // Flapping for an hour.
      expect_round_trip(scenario);
      events += scenario.plan.faults.size();
    }
  }
  EXPECT_GT(events, 100U);
}

TEST(ScenarioWriter, KeepsWhatASwarmDraws) {
  for (std::uint64_t seed = 1; seed <= 5 * testing::sampled(8); ++seed) {
    SCOPED_TRACE(seed);
    const sim::SwarmCase swarm = sim::draw_case(seed);
    Scenario scenario;
    scenario.name = "swarm-" + std::to_string(seed);
    scenario.title = "drawn";
    scenario.plan = sim::plan_of(swarm);
    scenario.settings = swarm.settings;
    scenario.liveness_bound = swarm.liveness_bound;
    const Scenario again = expect_round_trip(scenario);
    const MonitorConfig& a = swarm.settings.vouch;
    const MonitorConfig& b = again.settings.vouch;
    EXPECT_EQ(a.lease_mode, b.lease_mode);
    EXPECT_EQ(a.detector.kind, b.detector.kind);
    EXPECT_EQ(a.detector.safety_margin, b.detector.safety_margin);
    EXPECT_EQ(a.promise(), b.promise());
    EXPECT_EQ(run_options(again, "vouch", seed).liveness_bound, swarm.liveness_bound);
  }
}

TEST(ScenarioWriter, KeepsAProfile) {
  for (const Profile profile : kProfiles) {
    Scenario scenario;
    scenario.name = "t";
    scenario.title = "t";
    scenario.plan.end = sim::kStart + std::chrono::seconds(1);
    apply_profile(profile, scenario.settings.vouch);
    scenario.settings.vouch.lease += std::chrono::milliseconds(7);
    scenario.settings.raft.heartbeat_interval = scenario.settings.vouch.heartbeat_interval;
    const Scenario again = expect_round_trip(scenario);
    const MonitorConfig& a = scenario.settings.vouch;
    const MonitorConfig& b = again.settings.vouch;
    EXPECT_EQ(a.lease, b.lease);
    EXPECT_EQ(a.guard, b.guard);
    EXPECT_EQ(a.hold_off, b.hold_off);
    EXPECT_EQ(a.round_trip, b.round_trip);
  }
}

TEST(ScenarioWriter, KeepsEveryFieldOfADetector) {
  for (const DetectorKind kind : kDetectorKinds) {
    SCOPED_TRACE(to_string(kind));
    Scenario scenario;
    scenario.name = "t";
    scenario.title = "t";
    scenario.plan.end = sim::kStart + std::chrono::seconds(1);
    DetectorConfig& detector = scenario.settings.vouch.detector;
    detector = {.kind = kind,
                .timeout = std::chrono::milliseconds(450),
                .safety_margin = std::chrono::milliseconds(310),
                .threshold = 7.5,
                .deviation_weight = 3.25,
                .agility = 0.375,
                .memory = false,
                .window_size = 50,
                .short_window_size = 2,
                .quantile_per_thousand = 950,
                .stddev_min = std::chrono::milliseconds(40),
                .acceptable_pause = std::chrono::milliseconds(70)};
    const DetectorConfig again = expect_round_trip(scenario).settings.vouch.detector;
    EXPECT_EQ(again.kind, detector.kind);
    EXPECT_EQ(again.timeout, detector.timeout);
    EXPECT_EQ(again.safety_margin, detector.safety_margin);
    EXPECT_EQ(again.threshold, detector.threshold);
    EXPECT_EQ(again.deviation_weight, detector.deviation_weight);
    EXPECT_EQ(again.agility, detector.agility);
    EXPECT_EQ(again.memory, detector.memory);
    EXPECT_EQ(again.window_size, detector.window_size);
    EXPECT_EQ(again.short_window_size, detector.short_window_size);
    EXPECT_EQ(again.quantile_per_thousand, detector.quantile_per_thousand);
    EXPECT_EQ(again.stddev_min, detector.stddev_min);
    EXPECT_EQ(again.acceptable_pause, detector.acceptable_pause);
  }
}

TEST(ScenarioWriter, NamesWhatAFileCannotHold) {
  Scenario scenario;
  scenario.name = "t";
  scenario.title = "t";
  scenario.plan.end = sim::kStart + std::chrono::seconds(1);
  scenario.settings.vouch.lease = std::chrono::microseconds(800'500);
  const auto text = write_scenario(scenario);
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().message, "t: lease: must be whole milliseconds, is 800500000 ns");
  scenario.settings.vouch.lease = std::chrono::milliseconds(800);
  scenario.settings.vouch.detector.agility = 0.3333;
  const auto finer = write_scenario(scenario);
  ASSERT_FALSE(finer.has_value());
  EXPECT_EQ(finer.error().message, "t: config.agility_per_mille: must be an integer, is 333.3");
}

}  // namespace
}  // namespace vouch::scenario
