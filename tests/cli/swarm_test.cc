// The built program as a user calls it: `vouch swarm`.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};

class SwarmCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "vouch_swarm_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  static std::string text_of(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
  }

  Ran run(const std::string& arguments, const std::string& before = "") const {
    const std::string command = "cd " + folder_.string() + " && " + before + VOUCH_PROGRAM + " " +
                                arguments + " >" + path("out") + " 2>" + path("err") +
                                " </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(path("out")),
            text_of(path("err"))};
  }

  fs::path folder_;
};

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
    SCOPED_TRACE(arguments);
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.err.rfind("vouch: error: ", 0), 0U) << ran.err;
    EXPECT_NE(ran.err.find(part), std::string::npos) << ran.err;
  }
}

}  // namespace
