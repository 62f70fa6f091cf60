// `vouch swarm` as a user calls it.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "tests/cli/program.h"

namespace vouch::testing {
namespace {

using nlohmann::json;

using SwarmCommandTest = InFolderTest;

TEST_F(SwarmCommandTest, PrintsTheSameForAnyNumberOfThreads) {
  const Ran one = run("swarm --runs 12 --seed 5 --jobs 1");
  const Ran three = run("swarm --runs 12 --seed 5 --jobs 3");
  EXPECT_EQ(one.exit_code, 0) << one.out << one.err;
  EXPECT_EQ(one.out, three.out);
  EXPECT_NE(one.out.find("vouch: 12 seeds from 5, "), std::string::npos) << one.out;
  EXPECT_NE(one.out.find("violations per simulated hour (3 / T)"), std::string::npos);
}

TEST_F(SwarmCommandTest, WritesAFailureMadeSmallerThatRunsAsAScenario) {
  // Raft without leases is no leader that a partitioned majority can rely on: it breaks L1 or L2.
  const Ran ran = run("swarm --seed 20 --runs 2 --policy raft --json");
  EXPECT_EQ(ran.exit_code, 1) << ran.err;
  const json report = json::parse(ran.out);
  EXPECT_EQ(report.at("runs"), 2);
  ASSERT_GT(report.at("failing"), 0);
  ASSERT_FALSE(report.at("shrunk").empty());
  const json& shrunk = report.at("shrunk").front();
  EXPECT_LE(shrunk.at("faults"), shrunk.at("faults_before"));
  const std::string command = shrunk.at("command");
  ASSERT_EQ(command.rfind("vouch ", 0), 0U);
  const Ran again = run(command.substr(6) + " --json");
  EXPECT_EQ(again.err, "");
  EXPECT_NE(again.exit_code, 2);
  EXPECT_NE(again.out.find("swarm-20"), std::string::npos) << again.out;
  const std::string repeat = report.at("failures").front().at("command");
  EXPECT_EQ(run(repeat.substr(6)).exit_code, 1);
}

TEST_F(SwarmCommandTest, SaysHowToGoOnWhenInterrupted) {
  const Ran ran = run("swarm --hours 1000 --jobs 2", "timeout -s INT 1 ");
  EXPECT_NE(ran.err.find("to continue: vouch swarm --seed "), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find(" --hours "), std::string::npos) << ran.err;
  EXPECT_NE(ran.out.find("simulated hours"), std::string::npos) << ran.out;
}

TEST_F(SwarmCommandTest, RefusesBadInputInOneLine) {
  for (const auto& [arguments, part] :
       {std::pair{"swarm", "--runs, --hours: exactly one must be given"},
        std::pair{"swarm --runs 1 --jobs 0", "--jobs: must be in [1, 256], is 0"},
        std::pair{"swarm --runs 1 --policy nobody", "--policy: policy: must be one of"}}) {
    expect_refused(arguments, part);
  }
}

}  // namespace
}  // namespace vouch::testing
