// `vouch atlas` as a user calls it.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/cli/program.h"

namespace vouch::testing {
namespace {

using nlohmann::json;

class AtlasCommandTest : public InFolderTest {
 protected:
  [[nodiscard]] Ran run(const std::string& arguments, const std::string& before = "") const {
    return InFolderTest::run("atlas " + arguments, before);
  }

  void expect_error(const std::string& arguments, const std::string& part) const {
    expect_refused("atlas " + arguments, part);
  }
};

TEST_F(AtlasCommandTest, AllGraphsOfThree) {
  const Ran ran = run("--replicas 3 --policy vouch --policy raft --json");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const json document = json::parse(ran.out);
  const json& vouch = document["policies"][0];
  EXPECT_EQ(vouch["policy"], "vouch");
  EXPECT_EQ(vouch["graphs"], 64);
  EXPECT_EQ(vouch["kept"], 28);
  EXPECT_EQ(vouch["recoverable"], 9);
  EXPECT_EQ(vouch["hopeless"], 27);
  for (const char* what : {"deposed", "stuck", "churning", "late", "noisy", "heal_disturbs",
                           "split_lease", "other_unsafe"}) {
    EXPECT_EQ(vouch[what], 0) << what;
  }
  EXPECT_GT(vouch["recovery_ms_median"], 600);
  EXPECT_LT(vouch["recovery_ms_max"], 910);
  EXPECT_TRUE(vouch["first_failures"].empty());
  // Raft breaks what it never promised; only vouch decides about the exit code.
  const json& raft = document["policies"][1];
  EXPECT_GT(raft["deposed"], 0);
  EXPECT_GT(raft["stuck"], 0);
  EXPECT_NE(raft["first_failures"][0]["command"].get<std::string>().find(
                "vouch atlas --replicas 3 --policy raft --graph \""),
            std::string::npos);
}

TEST_F(AtlasCommandTest, TheOutputDoesNotDependOnTheThreads) {
  for (const std::string what :
       {"--replicas 4 --every 40", "--replicas 5 --sample 12", "--replicas 3 --transitions 620"}) {
    const std::string arguments = what + " --policy vouch --policy raft+prevote ";
    for (const std::string form : {"", " --json"}) {
      const Ran one = run(arguments + "--jobs 1" + form);
      const Ran three = run(arguments + "--jobs 3" + form);
      EXPECT_EQ(one.exit_code, 0) << one.out << one.err;
      EXPECT_EQ(one.out, three.out);
      EXPECT_FALSE(one.out.empty());
    }
  }
}

TEST_F(AtlasCommandTest, StoppedAndContinuedIsTheSame) {
  for (const std::string what : {"--replicas 4 --every 20 --policy raft --policy vouch",
                                 "--replicas 3 --transitions 1000 --policy raft --policy vouch"}) {
    const Ran whole = run(what + " --json");
    Ran ran = run(what + " --stop-after 17 --jobs 2 --state " + path("state"));
    EXPECT_EQ(ran.exit_code, 130);
    EXPECT_EQ(ran.out, "");
    EXPECT_NE(ran.err.find("stopped after 17 of "), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("vouch atlas --resume " + path("state")), std::string::npos) << ran.err;
    ran = run("--resume " + path("state") + " --stop-after 10");
    EXPECT_EQ(ran.exit_code, 130);
    EXPECT_NE(ran.err.find("stopped after 27 of "), std::string::npos) << ran.err;
    ran = run("--resume " + path("state") + " --json");
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(ran.out, whole.out);
    EXPECT_FALSE(std::filesystem::exists(path("state")));
  }
}

// A real signal, whenever it comes: what was done is kept, and the command that continues is said.
TEST_F(AtlasCommandTest, ASignalInterruptsIt) {
  const Ran ran =
      run("--replicas 5 --policy raft --policy vouch", "timeout --preserve-status --signal INT 2 ");
  EXPECT_EQ(ran.exit_code, 130);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(ran.err.find("to continue: vouch atlas --resume vouch_atlas.state.json"),
            std::string::npos)
      << ran.err;
  const json state = json::parse(text_of(path("vouch_atlas.state.json")));
  EXPECT_EQ(state["settings"]["replicas"], 5);
  EXPECT_LT(state["done"], 2 * 45960);
}

// vouch breaks no rule, so the state of an atlas in which it did is written by hand.
TEST_F(AtlasCommandTest, ABrokenRuleIsNamedAndExitsWithOne) {
  EXPECT_EQ(run("--replicas 3 --seed 4 --stop-after 35 --state state").exit_code, 130);
  json state = json::parse(text_of(path("state")));
  state["summaries"][0]["stuck"] = 2;
  json failure = {{"graph", 5}, {"weight", 2}, {"situation", 1}, {"unsafe", 0}};
  for (const char* fault : {"deposed", "churning", "late", "noisy", "disturbed", "split"})
    failure[fault] = false;
  failure["stuck"] = true;
  failure["split_votes"] = failure["recovery_ns"] = 0;
  state["summaries"][0]["failures"] = json::array({failure});
  std::ofstream(path("broken")) << state;
  Ran ran = run("--resume broken");
  EXPECT_EQ(ran.exit_code, 1) << ran.err;
  EXPECT_NE(ran.out.find("stuck in 2 graphs like\n"
                         "  vouch atlas --replicas 3 --seed 4 --graph \"0->1 1->0\""),
            std::string::npos)
      << ran.out;

  EXPECT_EQ(run("--replicas 3 --transitions 60 --stop-after 1 --state state").exit_code, 130);
  state = json::parse(text_of(path("state")));
  state["summaries"][0]["failing"] = 1;
  state["summaries"][0]["failures"] = {
      {{"seed", 7}, {"transitions", 50}, {"rule", 1}, {"at_ms", 1234}, {"text", "two leases"}}};
  std::ofstream(path("broken")) << state;
  ran = run("--resume broken");
  EXPECT_EQ(ran.exit_code, 1) << ran.err;
  EXPECT_NE(ran.out.find("seed 7: S2 at 1234 ms: two leases\n"
                         "  vouch atlas --replicas 3 --transitions 50 --seed 7"),
            std::string::npos)
      << ran.out;
}

TEST_F(AtlasCommandTest, OneGraphAndOneSequence) {
  Ran ran = run("--replicas 4 --policy vouch --policy raft --graph '0->1 1->0 0->2'");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("vouch: "), std::string::npos);
  EXPECT_NE(ran.out.find("raft: "), std::string::npos);
  ran = run("--replicas 4 --graph none --trace trace.jsonl");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_GT(text_of(path("trace.jsonl")).size(), 10'000U);
  ran = run("--replicas 3 --transitions 4 --seed 9 --trace other.jsonl");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_GT(text_of(path("other.jsonl")).size(), 10'000U);
}

TEST_F(AtlasCommandTest, BadUseIsOneClearError) {
  expect_error("--replicas 2", "--replicas: must be in [3, 5]");
  expect_error("--replicas 6", "with --sample or --transitions, is 6");
  expect_error("--replicas 9 --sample 3", "--replicas: must be in [3, 8], is 9");
  expect_error("--policy paxos", "--policy: policy: must be one of vouch");
  expect_error("--every 0", "--every: must be in [1, 1000000], is 0");
  expect_error("--jobs 0", "--jobs: must be in [1, 256], is 0");
  expect_error("--every 2 --sample 3", "--sample");
  expect_error("--graph '0->3'",
               "graph: a link must be FROM->TO between two different nodes of "
               "[0, 2], is '0->3'");
  expect_error("--trace t.jsonl", "--trace: needs one policy and --graph");
  expect_error("--resume nowhere.json", "--resume: cannot read nowhere.json");
  expect_error("--resume nowhere.json --replicas 4", "--replicas");
  expect_error("--replicas 3 --stop-after 1 --state no/such/folder", "--state: cannot write");
}

TEST_F(AtlasCommandTest, ABadStateIsRefused) {
  EXPECT_EQ(run("--replicas 3 --stop-after 3 --state state").exit_code, 130);
  const json good = json::parse(text_of(path("state")));
  const auto expect_bad = [&](const json& state, const std::string& part) {
    std::ofstream(path("bad")) << state;
    expect_error("--resume bad", part);
  };
  std::ofstream(path("bad")) << "{";
  expect_error("--resume bad", "--resume: bad is no saved atlas");
  json bad = good;
  bad["version"] = "0.0.1";
  expect_bad(bad, "is of vouch 0.0.1");
  bad = good;
  bad["settings"]["every"] = 0;
  expect_bad(bad, "bad is no saved atlas: settings.every: must be a whole number in [1, ");
  bad = good;
  bad["settings"]["policies"] = json::array({"vouch", "raft"});
  expect_bad(bad, "bad is no saved atlas: summaries: must be one for each of 2 policies, is 1");
  bad = good;
  bad["done"] = 99'999;
  expect_bad(bad, "done must be at most 36, is 99999");
  bad = good;
  bad["summaries"][0].erase("stuck");
  expect_bad(bad,
             "bad is no saved atlas: summaries[0].stuck: must be a whole number in [0, "
             "18446744073709551615], is missing");
  bad = good;
  bad["settings"]["replicas"] = "three";
  expect_bad(bad, "bad is no saved atlas: settings.replicas: must be a whole number in [3, ");
  bad = good;
  bad["settings"] = 3;
  expect_bad(bad, "settings.replicas: must be a whole number in [3, ");
  bad = good;
  bad["done"] = -1;
  expect_bad(bad, "done: must be a whole number in [0, 18446744073709551615], is -1");
  bad = good;
  bad["summaries"][0]["recovery_ms"] = {1, -2};
  expect_bad(bad, "summaries[0].recovery_ms: must be a list of whole numbers from 0 on, is -2");
  bad = good;
  bad["summaries"][0]["failures"] = {{{"graph", 1}, {"weight", 1}, {"situation", 3}}};
  expect_bad(bad, "summaries[0].failures[0].situation: must be a whole number in [0, 2], is 3");
}

}  // namespace
}  // namespace vouch::testing
