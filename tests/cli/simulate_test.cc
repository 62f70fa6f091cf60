// `vouch simulate` as a user calls it: the table, the JSON, the trace, the exit codes, and one
// clear line for whatever is wrong.

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/program.h"

namespace vouch::testing {
namespace {

using Json = nlohmann::json;

/// A follower hears nothing from the leader for four seconds. Vouch does nothing about it.
Json cut_to_a_follower() {
  return Json::parse(R"({
    "format": "vouch-scenario/1", "name": "cut", "title": "one way cut to a follower",
    "replicas": 3, "initial_leader": 0,
    "duration_ms": 12000, "fault_from_ms": 3000, "fault_until_ms": 7000,
    "events": [{"at_ms": 3000, "op": "cut", "links": ["0->1"], "for_ms": 4000}],
    "expect": {"vouch": {"elections": {"max": 0}, "final_leader": [0]}}
  })");
}

class SimulateTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.path() / name; }

  [[nodiscard]] std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

  [[nodiscard]] std::string file(const std::string& name, const Json& scenario) const {
    return file(name, scenario.dump(1));
  }

  /// That the scenario, so changed, is refused in one line: the file, the line and `part`.
  void expect_refused(const char* pointer, const Json& value, const std::string& part) const {
    Json scenario = cut_to_a_follower();
    scenario[Json::json_pointer(pointer)] = value;
    const std::string name = file("bad.json", scenario);
    expect_error({"simulate", name}, "bad.json:");
    expect_error({"simulate", name}, part);
  }

  TemporaryFolder folder_;
};

TEST_F(SimulateTest, TheTableHasARowPerPolicyAndSaysWhatWasExpected) {
  const Ran ran = run_vouch({"simulate", file("cut.json", cut_to_a_follower())});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.err, "") << "no progress bar where nobody watches";
  for (const char* word : {"scenario", "policy", "elections", "needless", "terms", "failover ms",
                           "down ms", "split lease ms", "msg/node/s", "outcome"}) {
    EXPECT_NE(ran.out.find(word), std::string::npos) << word << " is not in\n" << ran.out;
  }
  std::istringstream lines(ran.out);
  std::string line;
  std::vector<std::string> rows;
  while (std::getline(lines, line)) {
    if (line.find("raft") != std::string::npos || line.find(" vouch ") != std::string::npos) {
      rows.push_back(line);
    }
  }
  ASSERT_EQ(rows.size(), 3U) << ran.out;
  EXPECT_EQ(rows[0].rfind("cut  ", 0), 0U) << "the scenario's name stands once";
  EXPECT_NE(rows[0].find("as expected"), std::string::npos);
  EXPECT_EQ(rows[1].find("as expected"), std::string::npos) << "nothing is expected of raft";
  EXPECT_NE(rows[2].find("raft+prevote+checkquorum"), std::string::npos);
  EXPECT_NE(ran.out.find("cut: one way cut to a follower\n"), std::string::npos);
  EXPECT_NE(ran.out.find("seed 1.\n"), std::string::npos);
}

TEST_F(SimulateTest, JsonHasEveryMeasureOfEveryPolicy) {
  const std::string name = file("cut.json", cut_to_a_follower());
  const Ran ran = run_vouch({"simulate", name, "s03", "--json", "--runs", "2", "--seed", "7",
                             "--policy", "vouch", "--policy", "raft"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.err, "");
  const Json document = Json::parse(ran.out);
  ASSERT_EQ(document.size(), 2U);
  EXPECT_EQ(document[0]["scenario"], "cut");
  EXPECT_EQ(document[0]["replicas"], 3);
  EXPECT_EQ(document[1]["scenario"], "s03");
  for (const Json& scenario : document) {
    ASSERT_EQ(scenario["policies"].size(), 2U);
    EXPECT_EQ(scenario["policies"][0]["policy"], "vouch");
    EXPECT_EQ(scenario["policies"][1]["policy"], "raft");
    for (const Json& policy : scenario["policies"]) {
      EXPECT_EQ(policy["first_seed"], 7);
      EXPECT_EQ(policy["runs"], 2);
      EXPECT_EQ(policy["misses"], Json::array());
      for (const auto& [measure, values] : policy["measures"].items()) {
        EXPECT_LE(values["min"], values["median"]) << measure;
        EXPECT_LE(values["median"], values["max"]) << measure;
      }
    }
  }
  const Json& vouch = document[0]["policies"][0]["measures"];
  EXPECT_EQ(vouch["elections"]["max"], 0);
  EXPECT_EQ(vouch["term_growth"]["max"], 0);
  EXPECT_EQ(vouch["unavailable_ms"]["max"], 0);
  const Json& raft = document[0]["policies"][1]["measures"];
  EXPECT_GE(raft["unnecessary_elections"]["min"], 1) << "raft deposes the leader that works";
}

TEST_F(SimulateTest, SeveralRunsHaveIntervalsOrSayWhyNot) {
  const std::string name = file("cut.json", cut_to_a_follower());
  const std::vector<std::string> arguments = {"simulate", name,     "--policy",
                                              "raft",     "--json", "--runs"};
  const auto measured = [&](const std::string& runs) {
    std::vector<std::string> all = arguments;
    all.push_back(runs);
    return Json::parse(run_vouch(all).out)[0];
  };
  const Json few = measured("5");
  const Json& terms_of_few = few["policies"][0]["measures"]["term_growth"];
  EXPECT_TRUE(terms_of_few["median_interval"].is_null()) << terms_of_few;
  EXPECT_TRUE(terms_of_few["mean_interval"].is_null()) << terms_of_few;
  EXPECT_EQ(few["intervals"]["median"]["runs_min"], 6);
  EXPECT_EQ(few["intervals"]["mean"]["runs_min"], 10);
  const Json ten = measured("10");
  const Json& down = ten["policies"][0]["measures"]["client_unavailable_ms"];
  EXPECT_LE(down["median_interval"]["low"], down["median"]);
  EXPECT_LE(down["median"], down["median_interval"]["high"]);
  EXPECT_LE(down["mean_interval"]["low"], down["mean"]);
  EXPECT_LE(down["mean"], down["mean_interval"]["high"]);
  const Json& elected = ten["policies"][0]["proportions"]["with_election"];
  EXPECT_EQ(elected["runs"], 10) << "raft deposes the leader that works";
  EXPECT_EQ(elected["share_interval"]["high"], 1);
  EXPECT_GT(elected["share_interval"]["low"], 0.7);
  EXPECT_LT(elected["share_interval"]["low"], 0.73);
  const Json& seen = ten["policies"][0]["clients"]["fault"];
  EXPECT_LE(seen["availability_per_million"]["max"], 1'000'000);
  EXPECT_GT(seen["successes"]["min"], 0);
  const Ran table = run_vouch({"simulate", name, "--policy", "raft", "--runs", "5"});
  EXPECT_NE(table.out.find("fewer than 6 runs give no interval"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("100 % [57, 100]"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("client down ms"), std::string::npos) << table.out;
}

TEST_F(SimulateTest, EqualSeedsGiveEqualBytes) {
  const std::vector<std::string> arguments = {"simulate", "s10", "--json", "--seed", "5"};
  const Ran first = run_vouch(arguments);
  EXPECT_EQ(first.exit_code, 0);
  EXPECT_EQ(first.out, run_vouch(arguments).out);
  EXPECT_NE(first.out, run_vouch({"simulate", "s10", "--json", "--seed", "6"}).out);
}

TEST_F(SimulateTest, AMissedExpectationIsExitCodeOneAndSaysWhich) {
  Json scenario = cut_to_a_follower();
  scenario["expect"]["vouch"] = {{"elections", {{"min", 1}}}, {"final_leader", {1, 2}}};
  const std::string name = file("wrong.json", scenario);
  const Ran table = run_vouch({"simulate", name});
  EXPECT_EQ(table.exit_code, 1);
  EXPECT_EQ(table.err, "");
  EXPECT_NE(table.out.find("MISSED"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("vouch missed elections: expected at least 1, is 0 (seed 1)\n"),
            std::string::npos)
      << table.out;
  EXPECT_NE(table.out.find("vouch missed final_leader: expected one of n1, n2, is n0"),
            std::string::npos)
      << table.out;
  const Ran as_json = run_vouch({"simulate", name, "--json", "--policy", "vouch"});
  EXPECT_EQ(as_json.exit_code, 1);
  EXPECT_EQ(Json::parse(as_json.out)[0]["policies"][0]["misses"].size(), 2U);
  // A miss of raft is told, but the exit code answers for vouch.
  scenario["expect"] = {{"vouch", {{"elections", {{"max", 0}}}}},
                        {"raft", {{"elections", {{"max", 0}}}}}};
  const Ran raft = run_vouch({"simulate", file("raft.json", scenario)});
  EXPECT_EQ(raft.exit_code, 0);
  EXPECT_NE(raft.out.find("raft differs: elections: expected at most 0, is "), std::string::npos)
      << raft.out;
  EXPECT_NE(raft.out.find("  DIFFERS\n"), std::string::npos) << raft.out;
  EXPECT_EQ(raft.out.find("MISSED"), std::string::npos) << raft.out;
  EXPECT_EQ(run_vouch({"simulate", path("raft.json"), "--strict"}).exit_code, 1);
}

TEST_F(SimulateTest, WithOtherTimesOnlyTheRulesAreJudged) {
  Json scenario = cut_to_a_follower();
  scenario["expect"]["vouch"] = {{"elections", {{"min", 1}}}};
  const std::string name = file("wrong.json", scenario);
  const Ran ran = run_vouch({"simulate", name, "--equal-timeouts"});
  EXPECT_EQ(ran.exit_code, 0) << ran.out;
  EXPECT_NE(ran.out.find("  rules kept\n"), std::string::npos) << ran.out;
  EXPECT_EQ(ran.out.find("as expected"), std::string::npos) << ran.out;
}

TEST_F(SimulateTest, TheOutcomeDoesNotDependOnTheThreads) {
  const auto with_jobs = [&](const std::string& jobs) {
    return run_vouch({"simulate", "s03", "s10", "s13", "--runs", "4", "--policy", "vouch",
                      "--policy", "sentinel", "--json", "--jobs", jobs});
  };
  const Ran one = with_jobs("1");
  EXPECT_EQ(one.exit_code, 0) << one.err;
  EXPECT_EQ(one.out, with_jobs("3").out);
}

TEST_F(SimulateTest, AComparisonHasARowPerScenarioAndAColumnPerPolicy) {
  const Ran ran = run_vouch({"simulate", "s03", "s10", "--compare", "--policy", "vouch", "--policy",
                             "raft+prevote", "--runs", "2"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  std::vector<std::string> lines;
  std::istringstream text(ran.out);
  for (std::string line; std::getline(text, line);)
    lines.push_back(line);
  ASSERT_GE(lines.size(), 7U) << ran.out;
  const auto has = [&](std::size_t row, const std::string& part) {
    EXPECT_NE(lines[row].find(part), std::string::npos) << lines[row] << " lacks " << part;
  };
  has(0, "vouch");
  has(0, "raft+prevote");
  has(2, "s03 ");
  has(2, "keep");
  has(2, "0 / 0.3 / 0.0");
  has(3, "1 / 0.9 / 0.0");  // vouch goes to the hub,
  has(3, "0 / 29.9 / 0.");  // pre-vote alone never.
  has(4, "1 / 1.2 / 0.0");
}

// A real signal, whenever it comes: what is complete is printed, and the command that goes on.
TEST_F(SimulateTest, ASignalInterruptsIt) {
  const Ran ran =
      run_program({"/usr/bin/timeout", "--preserve-status", "--signal", "INT", "2", kProgram,
                   "simulate", "s03", "s10", "--runs", "100000", "--policy", "vouch", "--json"});
  EXPECT_EQ(ran.exit_code, 130);
  EXPECT_EQ(Json::parse(ran.out), Json::array());
  EXPECT_NE(ran.err.find("stopped before scenario s03; to continue: vouch simulate s03 s10 "
                         "--policy vouch --seed 1 --runs 100000 --from s03 --json\n"),
            std::string::npos)
      << ran.err;
}

TEST_F(SimulateTest, FromGoesOnWithAScenario) {
  const std::vector<std::string> all = {"simulate", "s01",   "s03",   "s10",
                                        "--policy", "vouch", "--json"};
  std::vector<std::string> rest = all;
  rest.insert(rest.end(), {"--from", "s03"});
  const Json whole = Json::parse(run_vouch(all).out);
  const Json part = Json::parse(run_vouch(rest).out);
  ASSERT_EQ(part.size(), 2U);
  EXPECT_EQ(part[0], whole[1]);
  EXPECT_EQ(part[1], whole[2]);
}

TEST_F(SimulateTest, EveryLineOfATraceIsJson) {
  const std::string trace = path("trace.jsonl");
  const Ran ran = run_vouch({"simulate", "s03", "--policy", "vouch", "--trace", trace});
  EXPECT_EQ(ran.exit_code, 0);
  std::istringstream lines(text_of(trace));
  std::string line;
  std::size_t count = 0;
  while (std::getline(lines, line)) {
    ++count;
    ASSERT_TRUE(Json::accept(line)) << "line " << count << ": " << line;
  }
  EXPECT_GT(count, 1000U);
}

TEST_F(SimulateTest, TheListNamesWhatCanBeRun) {
  const Ran ran = run_vouch({"simulate", "--list"});
  EXPECT_EQ(ran.exit_code, 0);
  for (const char* name : {"s01", "s03", "s05", "s10", "s14"}) {
    EXPECT_NE(ran.out.find(std::string("\n") + name + " "), std::string::npos) << ran.out;
  }
}

TEST_F(SimulateTest, EachKindOfBadScenarioIsOneLineAndExitCodeTwo) {
  expect_error({"simulate", file("empty.json", std::string())}, "empty.json:1");
  const std::string whole = cut_to_a_follower().dump(1);
  expect_error({"simulate", file("cut_off.json", whole.substr(0, whole.size() / 2))},
               "cut_off.json:");
  expect_error({"simulate", file("list.json", Json::array())}, "list.json:1");
  expect_error({"simulate", path("none.json")}, "is neither a file nor a shipped scenario");
  expect_error({"simulate", folder_.path()}, folder_.path());
  expect_refused("/format", "vouch-scenario/9", "format: must be 'vouch-scenario/1'");
  expect_refused("/replicas", 0, "replicas: must be in [1, 16], is 0");
  expect_refused("/replicas", "3", "replicas: must be an integer, is '3'");
  expect_refused("/replicas", 3.5, "numbers must be integers, is 3.5");
  expect_refused("/initial_leader", 3, "initial_leader: must be in [0, 2], is 3");
  expect_refused("/nmae", "cut", "nmae: unknown key");
  expect_refused("/fault_until_ms", 2000, "fault_until_ms: must be in [3000, 12000], is 2000");
  expect_refused("/config", {{"lease_ms", 0}}, "config.lease_ms: must be in");
  expect_refused("/config", {{"lease_ms", 300}}, "config: ");
  expect_refused("/events/0/op", "saw", "events[0].op: must be one of");
  expect_refused("/events/0/at_ms", 12001, "events[0].at_ms: must be in [0, 12000], is 12001");
  expect_refused("/events/0/links/0", "0->3", "events[0].links[0]: must be");
  expect_refused("/expect", {{"paxos", Json::object()}}, "expect.paxos: unknown policy");
  expect_refused("/expect/vouch/elections", Json::object(), "expect.vouch.elections.max");
  expect_refused("/expect/vouch/final_leader", {0, 0}, "expect.vouch.final_leader[1]");
}

TEST_F(SimulateTest, BadUseIsOneLineAndExitCodeTwo) {
  expect_error({"simulate"}, "SCENARIO");
  expect_error({"simulate", "s03", "--policy", "paxos"}, "--policy: ");
  expect_error({"simulate", "s03", "--runs", "0"}, "--runs: must be in [1, 100000], is 0");
  expect_error({"simulate", "s03", "--runs", "many"}, "--runs");
  expect_error({"simulate", "s03", "--seed", "first"}, "--seed");
  for (const char* option : {"--seed", "--runs", "--jobs", "--speed"}) {
    expect_error({"simulate", "s03", option, "-1"},
                 std::string(option) + ": must be a whole number in [0, ");
  }
  expect_error({"simulate", "s03", "--seed", "-1"}, ", is '-1'");
  expect_error({"simulate", "s03", "--seed", "99999999999999999999"}, ", is '9999999");
  expect_error({"simulate", "s03", "--jobs", "0"}, "--jobs: must be in [1, 256], is 0");
  expect_error({"simulate", "s03", "--from", "s05"},
               "--from: must be the name of one of the scenarios, is 's05'");
  for (const char* option : {"--replicas", "--every", "--seed", "--jobs"})
    expect_error({"atlas", option, "-1"}, std::string(option) + ": must be a whole number in [0, ");
  for (const char* option : {"--runs", "--hours", "--seed", "--jobs"})
    expect_error({"swarm", option, "-1"}, std::string(option) + ": must be a whole number in [0, ");
  expect_error({"simulate", "s03", "--nonsense"}, "--nonsense");
  expect_error({"simulate", "s03", "s05", "--policy", "vouch", "--trace", path("t")}, "--trace: ");
  expect_error({"simulate", "s03", "--trace", path("no/folder")}, "--trace: cannot write ");
  // A bad second file is seen before the first is run.
  expect_error({"simulate", "s03", path("none.json")}, "none.json: is neither a file");
}

}  // namespace
}  // namespace vouch::testing
