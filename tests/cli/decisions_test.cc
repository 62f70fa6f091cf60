// `vouch simulate --decisions`, `vouch explain` and `vouch replay` as a user calls them.

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/program.h"
#include "tests/support/process.h"

namespace vouch::testing {
namespace {

using OrderedJson = nlohmann::ordered_json;

/// Lines that are not indented.
std::size_t headlines(const std::string& text) {
  std::istringstream in(text);
  std::size_t count = 0;
  for (std::string line; std::getline(in, line);)
    count += line.empty() || line.front() == ' ' ? 0U : 1U;
  return count;
}

class DecisionsTest : public ::testing::Test {
 protected:
  /// A record of the leader's crash in a group of three; its lines.
  std::vector<std::string> recorded() {
    const Ran ran = run_vouch(
        {"simulate", "a01_leader_crash", "--policy", "vouch", "--decisions", path("crash.jsonl")});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    std::ifstream file(path("crash.jsonl"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
      lines.push_back(line);
    EXPECT_GT(lines.size(), 20U);
    return lines;
  }

  std::string write(const std::string& name, const std::vector<std::string>& lines,
                    const std::string& ending = "") {
    std::ofstream file(path(name));
    for (const std::string& line : lines)
      file << line << "\n";
    file << ending;
    return path(name);
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }

  TemporaryFolder folder_;
};

TEST_F(DecisionsTest, ARecordReplaysTheSameAndIsExplained) {
  const std::vector<std::string> lines = recorded();
  const std::string file = path("crash.jsonl");
  const Ran replayed = run_vouch({"replay", file});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
  EXPECT_EQ(replayed.out, std::to_string(lines.size()) + " decisions replayed, all the same\n");

  const Ran explained = run_vouch({"explain", file, "--since", "5", "--node", "n1"});
  EXPECT_EQ(explained.exit_code, 0) << explained.err;
  EXPECT_EQ(explained.out.rfind("--- a01_leader_crash seed 1 ---\n", 0), 0U) << explained.out;
  EXPECT_NE(explained.out.find("n1 stands for election to replace n0, above term 1 (CAMPAIGN)"),
            std::string::npos)
      << explained.out;
  EXPECT_EQ(explained.out.find("s  n2 "), std::string::npos) << "only of n1";

  const Ran last = run_vouch({"explain", file, "--last", "1", "--group", "1"});
  EXPECT_EQ(last.out.rfind("--- a01_leader_crash seed 1 ---\n", 0), 0U) << last.out;
  EXPECT_EQ(headlines(last.out), 2U) << "the run and one decision: " << last.out;
  const Ran none = run_vouch({"explain", file, "--group", "2"});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_EQ(none.out, "");
  EXPECT_NE(none.err.find("no decision of "), std::string::npos) << none.err;
}

TEST_F(DecisionsTest, ADifferenceIsPrintedWithLineAndFieldAndExitCodeOne) {
  std::vector<std::string> lines = recorded();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    OrderedJson line = OrderedJson::parse(lines[i]);
    if (line["verdict"] != "CAMPAIGN") continue;
    line["verdict"] = "WAIT";
    lines[i] = line.dump();
    const Ran ran = run_vouch({"replay", write("changed.jsonl", lines)});
    EXPECT_EQ(ran.exit_code, 1) << ran.err;
    EXPECT_EQ(ran.out.rfind("line " + std::to_string(i + 1) +
                                ": /verdict: recorded \"WAIT\", replayed \"CAMPAIGN\"\n",
                            0),
              0U)
        << ran.out;
    EXPECT_NE(ran.out.find(" decisions replayed, 1 differ"), std::string::npos) << ran.out;
    return;
  }
  FAIL() << "nobody campaigned";
}

TEST_F(DecisionsTest, WhatCannotBeReadIsOneLineAndExitCodeTwo) {
  const std::vector<std::string> lines = recorded();
  const std::string whole = lines[0];
  const std::string half = whole.substr(0, whole.size() / 2);
  expect_error({"replay", write("half.jsonl", {}, half)}, "line 1: is no complete JSON value");
  expect_error({"replay", write("later.jsonl", {R"({"event":"started"})", half})}, "line 2: ");
  expect_error({"explain", write("bad.jsonl", {half})}, "bad.jsonl: line 1: ");
  OrderedJson newer = OrderedJson::parse(whole);
  newer["schema"] = 2;
  newer["inputs"]["moon"] = "full";
  expect_error({"replay", write("newer.jsonl", {newer.dump()})}, "line 1: /schema: must be 1");
  newer["schema"] = 1;
  expect_error({"replay", write("moon.jsonl", {newer.dump()})}, "/inputs/moon: is no field");
  newer["inputs"].erase("moon");
  newer["inputs"]["hold_ns"] = "long";
  expect_error({"replay", write("hold.jsonl", {newer.dump()})},
               "hold.jsonl: line 1: /inputs/hold_ns: must be a whole number");
  expect_error({"replay", write("empty.jsonl", {})}, "has no decisions");
  expect_error({"replay", path("none.jsonl")}, "none.jsonl: cannot be opened");
  expect_error({"replay"}, "FILE: a decision record is needed");
  expect_error({"replay", "--random", "0"}, "FILE: a decision record is needed");
  expect_error({"explain"}, "FILE");
  expect_error({"explain", write("one.jsonl", {whole}), "--since", "noon"}, "--since: must be");
  expect_error({"simulate", "s03", "--policy", "raft", "--decisions", path("x")}, "--decisions: ");
  expect_error({"simulate", "s03", "--policy", "vouch", "--decisions", path("no/x")},
               "--decisions: cannot write ");
}

TEST_F(DecisionsTest, ExplainReadsOnWhereReplayMustNot) {
  const std::vector<std::string> lines = recorded();
  OrderedJson newer = OrderedJson::parse(lines[0]);
  newer["schema"] = 2;
  newer["inputs"]["moon"] = "full";
  const Ran ran =
      run_vouch({"explain", write("newer.jsonl", {newer.dump()}, lines[1].substr(0, 99))});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("written by a newer version (schema 2)"), std::string::npos) << ran.out;
  EXPECT_NE(ran.err.find("the last line is cut off"), std::string::npos) << ran.err;
}

TEST_F(DecisionsTest, RandomRunsReplay) {
  const Ran ran = run_vouch({"replay", "--random", "2", "--seed", "4"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out.rfind("2 random runs, ", 0), 0U) << ran.out;
  EXPECT_NE(ran.out.find(" replayed, all the same\n"), std::string::npos) << ran.out;
}

}  // namespace
}  // namespace vouch::testing
