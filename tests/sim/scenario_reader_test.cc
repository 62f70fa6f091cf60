#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "vouch/scenario/scenario.h"

namespace vouch::scenario {
namespace {

/// A small valid scenario, in which the tests replace one thing.
constexpr std::string_view kValid = R"({
  "format": "vouch-scenario/1",
  "name": "t", "title": "test",
  "replicas": 3, "initial_leader": 0,
  "duration_ms": 20000, "fault_from_ms": 5000, "fault_until_ms": 15000,
  "config": {"lease_ms": 800},
  "events": [
    {"at_ms": 5000, "op": "cut", "links": ["0->1"], "for_ms": 10000}
  ],
  "expect": {"vouch": {"elections": {"max": 0}, "final_leader": [0]}}
})";

std::string with(std::string_view what, std::string_view instead) {
  std::string text(kValid);
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), instead);
}

std::string error_of(const std::string& text) {
  const auto scenario = read_scenario(text, "f.json");
  return scenario ? "no error" : scenario.error().message;
}

TEST(ScenarioReader, ReadsWhatIsThere) {
  const auto scenario = read_scenario(kValid, "f.json");
  ASSERT_TRUE(scenario) << scenario.error().message;
  EXPECT_EQ(scenario->plan.replicas, 3U);
  ASSERT_EQ(scenario->plan.faults.size(), 2U);
  EXPECT_EQ(scenario->plan.faults[0], (sim::TimedFault{sim::kStart + std::chrono::seconds(5),
                                                       {sim::FaultKind::kCut, 0, 1, 0, 0}}));
  EXPECT_EQ(scenario->plan.faults[1], (sim::TimedFault{sim::kStart + std::chrono::seconds(15),
                                                       {sim::FaultKind::kHeal, 0, 1, 0, 0}}));
  ASSERT_NE(scenario->expected_of("vouch"), nullptr);
  EXPECT_EQ(scenario->expected_of("raft"), nullptr);
}

struct Broken {
  std::string_view what;
  std::string_view instead;
  std::string_view error;
};

TEST(ScenarioReader, NamesFileLineFieldRuleAndValue) {
  const Broken cases[] = {
      {"\"replicas\": 3", "\"replicas\": 17", "f.json:4: replicas: must be in [1, 16], is 17"},
      {"\"replicas\": 3", "\"replicas\": \"3\"", "f.json:4: replicas: must be an integer, is '3'"},
      {"\"replicas\": 3", "\"replicas\": 3.5", "f.json:4: numbers must be integers, is 3.5"},
      {"\"replicas\": 3", "\"replicas\": 3, \"replicas\": 4",
       "f.json:4: key 'replicas' occurs twice"},
      {"\"initial_leader\": 0", "\"initial_leader\": 3",
       "f.json:4: initial_leader: must be in [0, 2], is 3"},
      {"\"initial_leader\": 0", "\"leader\": 0", "f.json:1: initial_leader: is missing"},
      {"\"name\": \"t\"", "\"name\": \"t\", \"nmae\": \"t\"", "f.json:3: nmae: unknown key"},
      {"vouch-scenario/1", "vouch-scenario/2",
       "f.json:2: format: must be 'vouch-scenario/1', is 'vouch-scenario/2'"},
      {"\"fault_until_ms\": 15000", "\"fault_until_ms\": 4000",
       "f.json:5: fault_until_ms: must be in [5000, 20000], is 4000"},
      {"\"at_ms\": 5000", "\"at_ms\": 20001",
       "f.json:8: events[0].at_ms: must be in [0, 20000], is 20001"},
      {"\"op\": \"cut\"", "\"op\": \"cutt\"",
       "f.json:8: events[0].op: must be one of cut, heal, loss, delay, crash, restart, pause, "
       "resume, clock, is 'cutt'"},
      {"\"op\": \"cut\"", "\"op\": \"crash\"", "f.json:8: events[0].nodes: is missing"},
      {"\"for_ms\": 10000", "\"for_ms\": 10000, \"every_ms\": 9000, \"times\": 2",
       "f.json:8: events[0].every_ms: must be above for_ms (10000), is 9000"},
      {"\"lease_ms\": 800", "\"lease_ms\": 0",
       "f.json:6: config.lease_ms: must be in [1, 3600000], is 0"},
      {"\"elections\": {\"max\": 0}", "\"elections\": {\"max\": 0, \"min\": 1}",
       "f.json:10: expect.vouch.elections.max: must be at least min (1), is 0"},
      {"\"elections\": {\"max\": 0}", "\"elections\": {}",
       "f.json:10: expect.vouch.elections.max: is missing, and min too"},
      {"\"expect\": {\"vouch\"", "\"expect\": {\"paxos\"",
       "f.json:10: expect.paxos: unknown policy"},
      {"\"final_leader\": [0]", "\"final_leader\": [0, 0]",
       "f.json:10: expect.vouch.final_leader[1]: must be a node in [0, 2], each once, is 0"},
  };
  for (const Broken& broken : cases) {
    EXPECT_EQ(error_of(with(broken.what, broken.instead)), broken.error);
  }
}

TEST(ScenarioReader, RefusesBadLinks) {
  for (const char* pattern : {"0", "0->3", "0->0", "0-", "->1", "{0}->1", "0x1", "{0,1}x{1,2}",
                              "{0,0}x{1}", "{}x{1}", "0->1->2", "", "-1-2", "{0,}x{1}"}) {
    const std::string error = error_of(with("0->1", pattern));
    EXPECT_EQ(error.find("f.json:8: events[0].links[0]: must be "), 0U) << pattern << ": " << error;
  }
}

TEST(ScenarioReader, UnderstandsEachWayToNameLinks) {
  const auto faults_of = [](std::string_view pattern) {
    const auto scenario = read_scenario(with("0->1", pattern), "f.json");
    EXPECT_TRUE(scenario) << pattern;
    return scenario ? scenario->plan.faults.size() / 2 : 0;
  };
  EXPECT_EQ(faults_of("0->1"), 1U);
  EXPECT_EQ(faults_of("0-1"), 2U);
  EXPECT_EQ(faults_of("{0}=>{1,2}"), 2U);
  EXPECT_EQ(faults_of("{0}x{1,2}"), 4U);
  EXPECT_EQ(faults_of("*"), 6U);
}

TEST(ScenarioReader, ThePoliciesOwnRulesCountToo) {
  EXPECT_NE(error_of(with("\"lease_ms\": 800", "\"lease_ms\": 300")).find("f.json:6: config: "),
            std::string::npos);
}

// Whatever is cut off or changed: an error or a scenario, never a crash or a hang.
TEST(ScenarioReader, SurvivesAnyDamage) {
  for (std::size_t length = 0; length < kValid.size(); ++length) {
    EXPECT_FALSE(read_scenario(kValid.substr(0, length), "f.json")) << length;
  }
  Rng rng(4);
  for (int round = 0; round < 3000; ++round) {
    std::string text(kValid);
    text[rng.below(text.size())] = static_cast<char>(rng.between(1, 255));
    const auto scenario = read_scenario(text, "f.json");
    if (scenario) continue;
    EXPECT_EQ(scenario.error().message.find("f.json:"), 0U) << scenario.error().message;
  }
}

TEST(ScenarioReader, NamesWhatCannotBeFound) {
  const auto scenario = load_scenario("no_such_scenario");
  ASSERT_FALSE(scenario);
  EXPECT_EQ(scenario.error().message.find("no_such_scenario: is neither a file nor a shipped"), 0U);
}

/// Every property of an object in the schema.
std::set<std::string> properties_of(const nlohmann::json& object) {
  std::set<std::string> names;
  for (const auto& [name, schema] : object.at("properties").items())
    names.insert(name);
  return names;
}

// The published schema and the reader must not drift apart.
TEST(ScenarioSchema, KnowsTheSameKeysAsTheReader) {
  std::ifstream file(VOUCH_SOURCE_DIR "/docs/scenario.schema.json");
  ASSERT_TRUE(file.is_open());
  const auto schema = nlohmann::json::parse(file);
  const auto is_known = [](const std::string& text) {
    return error_of(text).find("unknown key") == std::string::npos;
  };
  for (const std::string& key : properties_of(schema)) {
    const std::string quoted = "\"" + key + "\"";
    if (kValid.find(quoted) != std::string_view::npos) continue;
    EXPECT_TRUE(is_known(with("\"name\"", quoted + ": {}, \"name\""))) << key;
  }
  for (const std::string& key : properties_of(schema.at("$defs").at("config"))) {
    EXPECT_TRUE(is_known(with("\"lease_ms\"", "\"" + key + "\""))) << key;
  }
  std::set<std::string> measures = properties_of(schema.at("$defs").at("expectation"));
  for (std::uint8_t i = 0; i < kMeasureCount; ++i) {
    EXPECT_EQ(measures.erase(std::string(to_string(static_cast<Measure>(i)))), 1U);
  }
  EXPECT_EQ(measures, (std::set<std::string>{"final_leader", "leader_at_heal"}));
  const auto& policies = schema.at("properties").at("expect");
  EXPECT_EQ(properties_of(policies),
            std::set<std::string>(sim::policy_names().begin(), sim::policy_names().end()));
  std::set<std::string> operations;
  for (const auto& event : schema.at("$defs").at("event").at("oneOf")) {
    for (const auto& name : event.at("properties").at("op").at("enum"))
      operations.insert(name);
  }
  const std::string known = error_of(with("\"op\": \"cut\"", "\"op\": \"?\""));
  for (const std::string& name : operations) {
    EXPECT_NE(known.find(name), std::string::npos) << name;
  }
  EXPECT_EQ(operations.size(), 9U);
}

}  // namespace
}  // namespace vouch::scenario
