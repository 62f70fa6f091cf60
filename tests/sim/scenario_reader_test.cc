#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

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
       "f.json:8: events[0].op: must be one of cut, heal, flap, loss, burst_loss, delay, "
       "lognormal, pareto, delay_trace, jump, reorder, duplicate, corrupt, mtu, rate, trickle, "
       "deaf, mute, isolate, crash, exit, restart, pause, limp, suspend, freeze, resume, slow, "
       "flood, worker_stall, disk_stall, clock, wall_clock, drain, undrain, is 'cutt'"},
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
      {"\"expect\": {\"vouch\"", "\"expect\": {\"raft,paxos\"",
       "f.json:10: expect.raft,paxos: unknown policy 'paxos'"},
      {"\"expect\": {\"vouch\"", "\"expect\": {\"raft,\"",
       "f.json:10: expect.raft,: unknown policy ''"},
      {"\"expect\": {\"vouch\"", "\"expect\": {\"raft,vouch,raft\"",
       "f.json:10: expect.raft,vouch,raft: must name a policy once, 'raft' comes twice"},
      {"\"final_leader\": [0]", "\"final_leader\": [0, 0]",
       "f.json:10: expect.vouch.final_leader[1]: must be a node in [0, 2], each once, is 0"},
  };
  for (const Broken& broken : cases) {
    EXPECT_EQ(error_of(with(broken.what, broken.instead)), broken.error);
  }
}

/// kValid with another event.
std::string with_event(std::string_view event) {
  return with(R"({"at_ms": 5000, "op": "cut", "links": ["0->1"], "for_ms": 10000})", event);
}

/// The first fault of a file with this event, without its time.
sim::Fault fault_of(std::string_view event, std::string_view more = "") {
  std::string text = with_event(event);
  if (!more.empty()) text.insert(text.find("\"events\""), more);
  const auto scenario = read_scenario(text, "f.json");
  EXPECT_TRUE(scenario) << event << ": " << (scenario ? "" : scenario.error().message);
  return scenario ? scenario->plan.faults.front().fault : sim::Fault{};
}

using sim::Fault;
using sim::FaultKind;

TEST(ScenarioReader, ReadsEachFaultOfALink) {
  const std::pair<std::string_view, Fault> cases[] = {
      {R"("op": "loss", "per_million": 7)", {FaultKind::kLoss, 0, 1, 7}},
      {R"("op": "burst_loss", "enter_per_million": 1, "leave_per_million": 2)",
       {FaultKind::kBurstLoss, 0, 1, 1, 2, 0, 1'000'000}},
      {R"("op": "delay", "delay_us": 5)", {FaultKind::kDelay, 0, 1, 5'000, 300'000}},
      {R"("op": "lognormal", "median_us": 5, "sigma_per_mille": 6, "max_us": 7)",
       {FaultKind::kLognormal, 0, 1, 5'000, 6, 7'000}},
      {R"("op": "pareto", "scale_us": 5, "alpha_per_mille": 1500, "per_million": 9)",
       {FaultKind::kPareto, 0, 1, 5'000, 1500, 10'000'000'000, 9}},
      {R"("op": "delay_trace", "trace": "b")", {FaultKind::kDelayTrace, 0, 1, 2}},
      {R"("op": "jump", "add_us": 5, "ramp_ms": 6)",
       {FaultKind::kDelayJump, 0, 1, 5'000, 6'000'000}},
      {R"("op": "reorder", "per_million": 5, "by_us": 6)", {FaultKind::kReorder, 0, 1, 5, 6'000}},
      {R"("op": "duplicate", "per_million": 5, "copies": 6)", {FaultKind::kDuplicate, 0, 1, 5, 6}},
      {R"("op": "corrupt", "per_million": 5)", {FaultKind::kCorrupt, 0, 1, 5}},
      {R"("op": "mtu", "bytes": 5)", {FaultKind::kMtu, 0, 1, 5}},
      {R"("op": "rate", "kbit_per_second": 5, "queue": 6)", {FaultKind::kRate, 0, 1, 5'000, 6}},
      {R"("op": "trickle", "spacing_ms": 5, "queue": 6)",
       {FaultKind::kTrickle, 0, 1, 5'000'000, 6}},
  };
  for (const auto& [values, fault] : cases) {
    const std::string event = R"({"at_ms": 5000, "links": ["0->1"], )" + std::string(values) + "}";
    EXPECT_EQ(fault_of(event, R"("delay_traces": {"a": [1], "b": [2, 3]}, )"), fault) << values;
  }
}

TEST(ScenarioReader, ReadsEachFaultOfANode) {
  const std::pair<std::string_view, Fault> cases[] = {
      {R"("op": "exit", "supervised": true)", {FaultKind::kExit, 2, 0, 1}},
      {R"("op": "exit")", {FaultKind::kExit, 2, 0, 0}},
      {R"("op": "suspend")", {FaultKind::kSuspend, 2}},
      {R"("op": "freeze")", {FaultKind::kFreeze, 2}},
      {R"("op": "slow", "handling_us": 5)", {FaultKind::kSlow, 2, 0, 5'000}},
      {R"("op": "flood", "per_million": 5)", {FaultKind::kFlood, 2, 0, 5}},
      {R"("op": "worker_stall")", {FaultKind::kWorkerStall, 2, 0, 1}},
      {R"("op": "disk_stall")", {FaultKind::kDiskStall, 2, 0, 1}},
      {R"("op": "clock", "step_ms": 5)", {FaultKind::kClock, 2, 0, 0, 5'000'000}},
      {R"("op": "wall_clock", "step_ms": -5)", {FaultKind::kWallStep, 2, 0, -5'000'000}},
      {R"("op": "drain")", {FaultKind::kDrain, 2, 0, 1}},
      {R"("op": "undrain")", {FaultKind::kDrain, 2, 0, 0}},
      {R"("op": "deaf")", {FaultKind::kCut, 0, 2}},
      {R"("op": "mute")", {FaultKind::kCut, 2, 0}},
  };
  for (const auto& [values, fault] : cases) {
    const std::string event = R"({"at_ms": 5000, "nodes": [2], )" + std::string(values) + "}";
    EXPECT_EQ(fault_of(event, R"("work": {"interval_ms": 9, "bytes": 8}, )"), fault) << values;
  }
  EXPECT_EQ(fault_of(R"({"at_ms": 1, "op": "pause", "nodes": "leader"})").a, sim::kTheLeader);
}

/// Times in ms and kinds of all faults of a file with this event.
std::vector<std::pair<std::int64_t, FaultKind>> course_of(std::string_view event) {
  const auto scenario = read_scenario(with_event(event), "f.json");
  EXPECT_TRUE(scenario) << event;
  std::vector<std::pair<std::int64_t, FaultKind>> course;
  if (!scenario) return course;
  for (const auto& [at, fault] : scenario->plan.faults) {
    course.emplace_back((at - sim::kStart).count() / 1'000'000, fault.kind);
  }
  return course;
}

TEST(ScenarioReader, ExpandsWhatRepeatsAndWhatEnds) {
  using Course = std::vector<std::pair<std::int64_t, FaultKind>>;
  EXPECT_EQ(course_of(R"({"at_ms": 100, "op": "flap", "links": ["0->1"], "down_ms": 30,
                          "up_ms": 20, "for_ms": 100})"),
            (Course{{100, FaultKind::kCut},
                    {130, FaultKind::kHeal},
                    {150, FaultKind::kCut},
                    {180, FaultKind::kHeal}}));
  EXPECT_EQ(course_of(R"({"at_ms": 100, "op": "limp", "nodes": [1], "pause_ms": 30,
                          "every_ms": 50, "for_ms": 60})"),
            (Course{{100, FaultKind::kPause},
                    {130, FaultKind::kResume},
                    {150, FaultKind::kPause},
                    {180, FaultKind::kResume}}));
  EXPECT_EQ(course_of(R"({"at_ms": 1, "op": "wall_clock", "nodes": [1], "step_ms": 5,
                          "every_ms": 2, "times": 2})"),
            (Course{{1, FaultKind::kWallStep}, {3, FaultKind::kWallStep}}));
  EXPECT_EQ(course_of(R"({"at_ms": 1, "op": "exit", "nodes": [1], "for_ms": 9})"),
            (Course{{1, FaultKind::kExit}, {10, FaultKind::kRestart}}));
  EXPECT_EQ(course_of(R"({"at_ms": 1, "op": "mtu", "links": ["0->1"], "bytes": 9, "for_ms": 9})"),
            (Course{{1, FaultKind::kMtu}, {10, FaultKind::kMtu}}));
  EXPECT_EQ(course_of(R"({"at_ms": 1, "op": "isolate", "nodes": [1]})").size(), 4U);
  EXPECT_EQ(course_of(R"({"at_ms": 1, "op": "deaf", "nodes": [1, 2]})").size(), 4U);
}

TEST(ScenarioReader, NamesWhatIsWrongWithAnOperation) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({"at_ms": 1, "op": "flap", "links": ["0-1"], "down_ms": 5, "for_ms": 9})",
       "f.json:8: events[0].up_ms: is missing"},
      {R"({"at_ms": 1, "op": "limp", "nodes": [1], "pause_ms": 5, "every_ms": 5, "for_ms": 9})",
       "f.json:8: events[0].every_ms: must be above pause_ms (5), is 5"},
      {R"({"at_ms": 1, "op": "worker_stall", "nodes": [1]})",
       "f.json:8: events[0].op: needs 'work': without work nobody can see a stall"},
      {R"({"at_ms": 1, "op": "delay_trace", "links": ["0-1"], "trace": "x"})",
       "f.json:8: events[0].trace: must be one of delay_traces, is 'x'"},
      {R"({"at_ms": 1, "op": "clock", "nodes": [1]})",
       "f.json:8: events[0].rate_ppm: is missing, and step_ms too"},
      {R"({"at_ms": 1, "op": "pause", "nodes": "all"})",
       "f.json:8: events[0].nodes: must be a list of nodes or 'leader', is 'all'"},
      {R"({"at_ms": 1, "op": "deaf", "nodes": "leader"})",
       "f.json:8: events[0].nodes: must be an array, is 'leader'"},
      {R"({"at_ms": 1, "op": "pause", "nodes": []})",
       "f.json:8: events[0].nodes: must not be empty"},
      {R"({"at_ms": 1, "op": "exit", "nodes": [1], "supervised": 1})",
       "f.json:8: events[0].supervised: must be true or false, is 1"},
      {R"({"at_ms": 1, "op": "drain", "nodes": [1], "per_million": 1})",
       "f.json:8: events[0].per_million: unknown key"},
      {R"({"at_ms": 1, "op": "burst_loss", "links": ["0-1"], "enter_per_million": 0})",
       "f.json:8: events[0].enter_per_million: must be in [1, 1000000], is 0"},
  };
  for (const auto& [event, error] : cases)
    EXPECT_EQ(error_of(with_event(event)), error);
}

TEST(ScenarioReader, AClassMustAgreeWithWhatIsExpected) {
  EXPECT_EQ(error_of(with("\"title\"", "\"class\": \"keep\", \"title\"")), "no error");
  EXPECT_EQ(
      error_of(with("\"title\"", "\"class\": \"move\", \"title\"")),
      "f.json:3: class: class 'move' needs expect.vouch.elections with a min above 0 and a max");
  EXPECT_EQ(error_of(with("\"title\"", "\"class\": \"stop\", \"title\"")),
            "f.json:3: class: class 'stop' needs expect.vouch.leader_at_heal []");
  EXPECT_EQ(error_of(with("\"title\"", "\"class\": \"halt\", \"title\"")),
            "f.json:3: class: must be 'keep', 'move', 'stop' or 'bound', is 'halt'");
}

TEST(ScenarioReader, SweepsEveryChoiceOfItsParameters) {
  std::string text = with("\"replicas\": 3",
                          "\"sweep\": {\"a\": [1, 2], \"b\": [7000, 8000]},\n"
                          "  \"replicas\": 3");
  text.replace(text.find("\"at_ms\": 5000"), 13, "\"at_ms\": \"$b\"");
  text.replace(text.find("10000}"), 6, "\"$a\"}");
  const auto scenarios = read_scenarios(text, "f.json");
  ASSERT_TRUE(scenarios) << scenarios.error().message;
  ASSERT_EQ(scenarios->size(), 4U);
  EXPECT_EQ(scenarios->at(1).variant, "a=1 b=8000");
  EXPECT_EQ(scenarios->at(1).label(), "t (a=1 b=8000)");
  EXPECT_EQ(scenarios->at(2).variant, "a=2 b=7000");
  EXPECT_EQ(scenarios->at(2).plan.faults[0].at, sim::kStart + std::chrono::seconds(7));
  EXPECT_EQ(scenarios->at(2).plan.faults[1].at, sim::kStart + std::chrono::milliseconds(7002));
}

TEST(ScenarioReader, NamesWhatIsWrongWithASweep) {
  const auto error = [](std::string_view sweep, std::string_view at) {
    std::string text =
        with("\"replicas\": 3", "\"sweep\": " + std::string(sweep) + ", \"replicas\": 3");
    const std::size_t place = text.find("\"at_ms\": 5000");
    return error_of(text.replace(place, 13, "\"at_ms\": " + std::string(at)));
  };
  EXPECT_EQ(error("{\"a\": [1]}", "5000"), "f.json:4: sweep.a: is not used");
  EXPECT_EQ(error("{\"a\": [1]}", "\"$b\""),
            "f.json:8: events.at_ms: must be a parameter of sweep, is '$b'");
  EXPECT_EQ(error("{\"a\": []}", "\"$a\""),
            "f.json:4: sweep.a: must be a list of integers, is an array of 0");
  EXPECT_EQ(error("{\"a\": [true]}", "\"$a\""),
            "f.json:4: sweep.a: must be a list of integers, has true");
  EXPECT_EQ(error("{}", "5000"),
            "f.json:4: sweep: must be an object with at least one list, is "
            "an object");
  EXPECT_EQ(error("{\"a\": [20001]}", "\"$a\""),
            "f.json:8: events[0].at_ms: must be in [0, 20000], is 20001");
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

TEST(ScenarioReader, PoliciesOfOneKindMayShareAnExpectation) {
  const auto scenario =
      read_scenario(with("\"expect\": {\"vouch\"", "\"expect\": {\"vouch,raft\""), "f.json");
  ASSERT_TRUE(scenario) << scenario.error().message;
  for (const char* policy : {"vouch", "raft"}) {
    const Expectation* const expected = scenario->expected_of(policy);
    ASSERT_NE(expected, nullptr) << policy;
    EXPECT_EQ(expected->policy, policy);
    EXPECT_EQ(expected->bounds.size(), scenario->expected_of("vouch")->bounds.size());
    EXPECT_EQ(expected->final_leader, sim::node_bit(0));
  }
  EXPECT_EQ(scenario->expected_of("sentinel"), nullptr);
}

TEST(ScenarioReader, ADiagnosisHasAKnownCodeAndKnownKeys) {
  const auto with_diagnosis = [](const std::string& diagnosis) {
    return with("\"expect\": {\"vouch\": {",
                "\"expect\": {\"vouch\": {\"diagnosis\": [" + diagnosis + "], ");
  };
  const auto scenario = read_scenario(
      with_diagnosis(R"({"code": "hub_only", "culprit": "1", "after_ms": 5, "optional": true})"),
      "f.json");
  ASSERT_TRUE(scenario) << scenario.error().message;
  const Expectation* const expected = scenario->expected_of("vouch");
  ASSERT_TRUE(expected != nullptr && expected->diagnosis && expected->diagnosis->size() == 1);
  EXPECT_EQ(expected->diagnosis->front().code, "hub_only");
  EXPECT_EQ(expected->diagnosis->front().within, std::chrono::seconds(2));
  EXPECT_TRUE(expected->diagnosis->front().is_optional);
  EXPECT_NE(error_of(with_diagnosis(R"({"code": "broken"})"))
                .find("diagnosis[0].code: must be a kind of diagnosis"),
            std::string::npos);
  EXPECT_NE(error_of(with_diagnosis(R"({"code": "isolated", "who": 1})")).find("unknown key"),
            std::string::npos);
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
    if (kValid.find(quoted) != std::string_view::npos || key == "sweep") continue;
    EXPECT_TRUE(is_known(with("\"name\"", quoted + ": {}, \"name\""))) << key;
  }
  for (const std::string& key : properties_of(schema.at("$defs").at("config"))) {
    EXPECT_TRUE(is_known(with("\"lease_ms\"", "\"" + key + "\""))) << key;
  }
  std::set<std::string> measures = properties_of(schema.at("$defs").at("expectation"));
  for (std::uint8_t i = 0; i < kMeasureCount; ++i) {
    EXPECT_EQ(measures.erase(std::string(to_string(static_cast<Measure>(i)))), 1U);
  }
  EXPECT_EQ(measures, (std::set<std::string>{"diagnosis", "final_leader", "leader_at_heal"}));
  const auto& policies = schema.at("properties").at("expect");
  ASSERT_EQ(policies.at("patternProperties").size(), 1U);
  const std::regex is_policy(policies.at("patternProperties").begin().key());
  for (const std::string_view name : sim::policy_names()) {
    EXPECT_TRUE(std::regex_match(std::string(name), is_policy)) << name;
    EXPECT_FALSE(std::regex_match(std::string(name) + "s", is_policy)) << name;
    if (name == "vouch") continue;
    EXPECT_TRUE(std::regex_match("raft," + std::string(name), is_policy)) << name;
  }
  std::set<std::string> operations;
  for (const auto& event : schema.at("$defs").at("event").at("oneOf")) {
    for (const auto& name : event.at("properties").at("op").at("enum"))
      operations.insert(name);
  }
  const std::string known = error_of(with("\"op\": \"cut\"", "\"op\": \"?\""));
  for (const std::string& name : operations) {
    EXPECT_NE(known.find(name), std::string::npos) << name;
  }
  EXPECT_EQ(operations.size(), 35U);
}

/// What a scenario calls a key of `detector` in a node's file. A scenario holds no fractions.
std::string config_key_of(const std::string& name, const nlohmann::json& schema) {
  if (name == "kind") return "detector";
  if (name == "timeout_ms") return "suspect_after_ms";
  return schema.at("type") == "number" ? name + "_per_mille" : name;
}

// Whatever detector a node can have, a scenario can have too: its schema names every field, and the
// reader takes each within its limits only.
TEST(ScenarioSchema, HasEveryFieldOfADetector) {
  std::ifstream node_file(VOUCH_SOURCE_DIR "/docs/node.schema.json");
  std::ifstream file(VOUCH_SOURCE_DIR "/docs/scenario.schema.json");
  ASSERT_TRUE(node_file.is_open() && file.is_open());
  const auto node = nlohmann::json::parse(node_file);
  const auto config = nlohmann::json::parse(file).at("$defs").at("config").at("properties");
  std::size_t numbers = 0;
  for (const auto& [name, field] : node.at("properties").at("detector").at("properties").items()) {
    const std::string key = config_key_of(name, field);
    ASSERT_TRUE(config.contains(key)) << key;
    if (name == "kind") {
      EXPECT_EQ(config.at(key).at("enum"), field.at("enum"));
      continue;
    }
    if (field.at("type") == "boolean") {
      EXPECT_EQ(config.at(key).at("type"), "boolean");
      EXPECT_EQ(config.at(key).at("default"), field.at("default"));
      const auto error_with = [key = key](const std::string& value) {
        return error_of(with("\"lease_ms\": 800", "\"" + key + "\": " + value));
      };
      EXPECT_NE(error_with("1"), "");
      EXPECT_EQ(error_with("false").find(key), std::string::npos);
      continue;
    }
    ++numbers;
    const bool is_span = config.at(key).value("$ref", "") == "#/$defs/span";
    const auto least = is_span ? 1 : config.at(key).at("minimum").get<std::int64_t>();
    const auto most = is_span ? 3'600'000 : config.at(key).at("maximum").get<std::int64_t>();
    const auto error_with = [key = key](std::int64_t value) {
      return error_of(with("\"lease_ms\": 800", "\"" + key + "\": " + std::to_string(value)));
    };
    const std::string rule = "f.json:6: config." + key + ": must be in [" + std::to_string(least) +
                             ", " + std::to_string(most) + "], is ";
    EXPECT_EQ(error_with(least - 1), rule + std::to_string(least - 1));
    EXPECT_EQ(error_with(most + 1), rule + std::to_string(most + 1));
    EXPECT_EQ(error_with(most).find("must be in"), std::string::npos) << key;
  }
  EXPECT_EQ(numbers, 10U);
}

}  // namespace
}  // namespace vouch::scenario
