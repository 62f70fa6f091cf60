// `vouch lint` as a user calls it. The golden scripts hold the tables.

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/cli/program.h"
#include "tests/support/golden.h"

namespace vouch::testing {
namespace {

/// What every file has; a script adds the knobs.
nlohmann::json node() {
  return nlohmann::json::parse(R"({
    "node_id": 1,
    "listen": "127.0.0.1:7001",
    "peers": [{"id": 2, "address": "127.0.0.1:7002"}, {"id": 3, "address": "127.0.0.1:7003"}],
    "state_dir": "state"
  })");
}

std::string without(std::string text, const std::string& part) {
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part)) {
    text.erase(at, part.size());
  }
  return text;
}

/// `file NAME` with the knobs as input writes a configuration, `lint ...` runs the program.
class LintScript {
 public:
  std::string play(const std::string& command, const std::vector<std::string>& args,
                   const std::string& input) {
    const std::string folder = std::string(folder_.path()) + "/";
    if (command == "file") {
      nlohmann::json json = node();
      json.merge_patch(nlohmann::json::parse(input));
      std::ofstream(folder + args.at(0)) << json.dump(2);
      return "";
    }
    std::vector<std::string> words = {command};
    for (const std::string& word : args) {
      words.push_back(word.find(".json") != std::string::npos ? folder + word : word);
    }
    const Ran ran = run_vouch(words);
    return without(ran.out + ran.err, folder) + "exit code " + std::to_string(ran.exit_code);
  }

 private:
  TemporaryFolder folder_;
};

TEST(LintCommand, GoldenScripts) {
  for (const auto& path : golden_files(std::string(VOUCH_SOURCE_DIR) + "/tests/testdata/lint")) {
    LintScript script;
    run_golden(path, [&](const auto& command, const auto& args, const auto& input) {
      return script.play(command, args, input);
    });
  }
}

TEST(LintCommand, JsonHoldsEveryRow) {
  const Ran ran = run_vouch({"lint", "--profile", "wan", "--json"});
  EXPECT_EQ(ran.exit_code, 0);
  const auto document = nlohmann::json::parse(ran.out);
  EXPECT_EQ(document["verdict"], "ok");
  EXPECT_EQ(document["pairs"].size(), 0U);
  const auto& rows = document["configs"][0]["rows"];
  EXPECT_GT(rows.size(), 40U) << "the constant bounds too";
  for (const auto& row : rows) {
    if (row["rule"] != "echo_gate") continue;
    EXPECT_EQ(row["left"]["formula"], "round_trip + 2 heartbeat_interval");
    EXPECT_EQ(row["left"]["value_ms"], 900.0);
    EXPECT_EQ(row["slack_ms"], 2100.0);
    EXPECT_EQ(row["judgement"], "ok");
    return;
  }
  FAIL() << "no echo_gate";
}

TEST(LintCommand, JsonSaysWhatIsUnknownAndWhatIsUnsafe) {
  const TemporaryFolder folder;
  const std::string file = std::string(folder.path()) + "/n.json";
  nlohmann::json config = node();
  config["suppress_cap_ms"] = 700;
  std::ofstream(file) << config.dump();
  const Ran ran = run_vouch({"lint", "--json", file});
  EXPECT_EQ(ran.exit_code, 1);
  const auto document = nlohmann::json::parse(ran.out);
  EXPECT_EQ(document["verdict"], "UNSAFE");
  int unsafe = 0;
  for (const auto& row : document["configs"][0]["rows"]) {
    if (row["rule"] == "echo_gate") {
      EXPECT_TRUE(row["left"]["value_ms"].is_null());
      EXPECT_TRUE(row["slack_ms"].is_null());
    }
    if (row["judgement"] != "UNSAFE") continue;
    ++unsafe;
    EXPECT_EQ(row["rule"], "suppress_cap_min");
    EXPECT_EQ(row["slack_ms"], -100.0);
    EXPECT_EQ(row["message"], "suppress_cap: in [lease = 800 ms, 24 h], but it is 700 ms");
  }
  EXPECT_EQ(unsafe, 1);
}

TEST(LintCommand, WhatCannotBeReadIsAnError) {
  expect_error({"lint"}, "needs a configuration file, or --profile NAME");
  expect_error({"lint", "/nonexistent/n.json"}, "/nonexistent/n.json: cannot be read");
  expect_error({"lint", "--profile", "moon"},
               "--profile: must be one of lan, multi-az, wan, but it is moon");
  expect_error({"lint", "--profile", "lan", "--rtt", "0"},
               "--rtt: must be above 0 and at most 3600000 ms, but it is 0");
  const TemporaryFolder folder;
  const std::string file = std::string(folder.path()) + "/n.json";
  nlohmann::json config = node();
  config["lease_ms"] = -1;
  std::ofstream(file) << config.dump();
  expect_error({"lint", file}, "/lease_ms: must be a whole number in [0, 86400000], but it is -1");
  config["lease_ms"] = 800;
  config["detector"] = {{"timeout_ms", 0}};
  std::ofstream(file) << config.dump();
  expect_error({"lint", file}, "/detector/timeout");
}

/// What the linter calls unsafe the daemon does not start with, and in the same words.
TEST(LintCommand, TheDaemonRefusesWhatTheLinterCallsUnsafe) {
  const TemporaryFolder folder;
  const std::string file = std::string(folder.path()) + "/n.json";
  nlohmann::json config = node();
  config["profile"] = "wan";
  config["lease_ms"] = 800;
  std::ofstream(file) << config.dump();
  EXPECT_EQ(run_vouch({"lint", file}).exit_code, 1);
  expect_error({"node", "--config", file},
               "/heartbeat_interval_ms: in [0.1 ms, lease / 4 = 200 ms]");
}

}  // namespace
}  // namespace vouch::testing
