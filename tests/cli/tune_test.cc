// `vouch tune` as a user calls it.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/cli/program.h"

namespace vouch::testing {
namespace {

using nlohmann::json;

const std::string kShippedTrace =
    VOUCH_SOURCE_DIR "/tests/testdata/traces/loaded_host_5_nodes_100ms.csv.gz";
const std::string kSearch =
    "--trace " + kShippedTrace + " --replicas 3 --failover 500ms --effort 1";

class TuneCommandTest : public InFolderTest {
 protected:
  [[nodiscard]] Ran run(const std::string& arguments, const std::string& before = "") const {
    return InFolderTest::run("tune " + arguments, before);
  }
  void expect_error(const std::string& arguments, const std::string& part) const {
    expect_refused("tune " + arguments, part);
  }
  [[nodiscard]] std::string content(const std::string& name) const {
    std::ifstream file(path(name));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
};

TEST_F(TuneCommandTest, FromARecordingToAConfigAndTheSameHoweverItIsRun) {
  const Ran whole = run(kSearch + " --json --jobs 1 --config-out n1.json --plot front.svg");
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  const json document = json::parse(whole.out);
  EXPECT_EQ(document["meets_failover"], true);
  EXPECT_LE(document["recommended"]["failover_ms_p95"], 500);
  EXPECT_EQ(document["lint"], json::array({"accepted"}));
  // Four minutes of link time show no rate below some hundred thousand a year.
  EXPECT_EQ(document["needless_elections"], "not shown");
  EXPECT_GT(document["data"]["lowest_rate_per_year"], 300'000);
  EXPECT_EQ(document["data"]["recordings"].size(), 4U);
  EXPECT_FALSE(document["front"].empty());
  EXPECT_GE(document["sensitivity"].size(), 5U);
  EXPECT_FALSE(document.contains("extrapolated"));
  EXPECT_EQ(json::parse(content("n1.json")), document["config"]);
  EXPECT_NE(content("front.svg").find("<circle"), std::string::npos);
  const Ran linted = InFolderTest::run("lint n1.json");
  EXPECT_EQ(linted.exit_code, 0) << linted.out;
  EXPECT_NE(linted.out.find("\naccepted\n"), std::string::npos) << linted.out;

  // Stopped, continued by two threads, stopped in a later stage, continued.
  Ran ran = run(kSearch + " --jobs 2 --stop-after 70 --state saved");
  EXPECT_EQ(ran.exit_code, 130);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(ran.err.find("stopped after 70 trials"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("vouch tune --resume saved"), std::string::npos) << ran.err;
  ran = run("--resume saved --jobs 2 --stop-after 600 --json --plot f.html");
  EXPECT_EQ(ran.exit_code, 130);
  EXPECT_NE(ran.err.find("vouch tune --resume saved --json --plot f.html"), std::string::npos)
      << ran.err;
  ran = run("--resume saved --jobs 2 --json");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, whole.out);
  EXPECT_FALSE(std::filesystem::exists(path("saved")));

#ifdef VOUCH_HAS_MPI
  ran = run(kSearch + " --json",
            "OMPI_MCA_btl_base_warn_component_unused=0 mpirun "
            "--allow-run-as-root --oversubscribe -n 2 ");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, whole.out);
#endif
}

TEST_F(TuneCommandTest, AGoalThatNoSettingMeetsIsMissedBySoMuch) {
  const Ran ran = run("--trace " + kShippedTrace +
                      " --replicas 3 --failover 100ms --effort 1 --validate --extrapolate");
  EXPECT_EQ(ran.exit_code, 1) << ran.err;
  for (const char* part :
       {"failover: NO setting meets 100 ms; the nearest takes 4", "On the second halves",
        "EXTRAPOLATED, not shown by the data", "What confirmation buys", "lint: accepted"}) {
    EXPECT_NE(ran.out.find(part), std::string::npos) << part << "\n" << ran.out;
  }
}

TEST_F(TuneCommandTest, KnobsAreExplained) {
  const Ran ran = run("--explain progress_timeout_ms");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out.rfind("progress_timeout\n", 0), 0U) << ran.out;
  EXPECT_NE(ran.out.find("\n  up:   "), std::string::npos);
  EXPECT_NE(ran.out.find("\n  down: "), std::string::npos);
  expect_error("--explain leese", "--explain: must be one of heartbeat_interval, lease, ");
}

TEST_F(TuneCommandTest, BadInputIsOneError) {
  const std::string trace = "--trace " + kShippedTrace;
  expect_error("--replicas 3", "--trace: must be given");
  expect_error(trace, "--failover: must be given");
  expect_error(trace + " --failover 5", "--failover: must be a time such as 500ms");
  expect_error(trace + " --failover soon", "is 'soon'");
  expect_error(trace + " --failover 500ms --needless-elections 1/century", "must be a rate");
  expect_error(trace + " --failover 500ms --replicas 2", "--replicas: must be in [3, 9], is 2");
  expect_error(trace + " --failover 500ms --profile moon", "must be one of lan, multi-az, wan");
  expect_error(trace + " --failover 500ms --effort 0", "--effort: must be in [1, 10000], is 0");
  expect_error(trace + " --failover 500ms --plot front.png", "--plot: must end with .svg or .html");
  expect_error("--trace none.csv --failover 500ms", "none.csv");
  expect_error("--resume none.json", "--resume: cannot read none.json");
  std::ofstream(path("state")) << "{\"vouch_tune_state\": 2}";
  expect_error("--resume state", "is no saved search: version: must be a text, is missing");
  std::ofstream(path("state")) << "{\"vouch_tune_state\": 2,";
  expect_error("--resume state", "is no saved search: it is no JSON, from byte 24 on");
}

}  // namespace
}  // namespace vouch::testing
