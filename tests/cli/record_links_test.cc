// vouch record between hosts of no cluster.

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "program.h"

namespace vouch::testing {
namespace {

namespace fs = std::filesystem;

class RecordLinksTest : public InFolderTest {
 protected:
  /// Starts `vouch record --respond`; its address.
  std::string start_responder() {
    responder_ = std::make_unique<Process>(
        std::vector<std::string>{kProgram, "record", "--respond", "--listen", "127.0.0.1:0"},
        Process::Options{.out = path("responder.txt")});
    const std::string begin = "responding at ";
    EXPECT_TRUE(
        wait_until([&] { return text_of(path("responder.txt")).find('\n') != std::string::npos; }));
    const std::string line = text_of(path("responder.txt"));
    EXPECT_EQ(line.rfind(begin, 0), 0U) << line;
    return line.substr(begin.size(), line.find('\n') - begin.size());
  }

  std::unique_ptr<Process> responder_;
};

TEST_F(RecordLinksTest, MeasuresBothDirections_RealNetwork) {
  const std::string peer = start_responder();
  const Ran ran = run("record --peer " + peer + " --interval 10 --out t.csv --for 1 --json");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const auto json = nlohmann::json::parse(ran.out);
  ASSERT_EQ(json["peers"].size(), 1U);
  EXPECT_EQ(json["peers"][0]["peer"], peer);
  EXPECT_TRUE(json["peers"][0]["answers"]);
  for (const char* direction : {"out", "in"}) {
    EXPECT_GE(json["peers"][0][direction]["arrived"], 20) << direction;
  }
  const Ran evaluated = run("evaluate --json t.csv");
  EXPECT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_NE(evaluated.out.find("1->2"), std::string::npos);
  EXPECT_NE(evaluated.out.find("2->1"), std::string::npos);
}

TEST_F(RecordLinksTest, WhatWasFlushedOutlivesAKill_RealNetwork) {
  const std::string peer = start_responder();
  const auto files_of = [&] {
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry :
         fs::directory_iterator(fs::path(path("t.csv")).parent_path())) {
      const std::string name = entry.path().filename().string();
      if (name.rfind("t.", 0) == 0) files.push_back(entry.path());
    }
    return files;
  };
  {
    Process recorder({kProgram, "record", "--peer", peer, "--interval", "2", "--rotate-mb", "0.005",
                      "--out", path("t.csv")},
                     {});
    ASSERT_TRUE(wait_until([&] { return files_of().size() >= 4; }));
    recorder.send_signal(SIGKILL);
    EXPECT_EQ(recorder.wait_for_exit(), 128 + SIGKILL);
  }
  // The next one goes on in the same file and finishes what was begun.
  const Ran ran = run("record --peer " + peer + " --out t.csv --for 0.5");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  for (const fs::path& file : files_of()) {
    EXPECT_TRUE(file.filename() == "t.csv" || file.extension() == ".gz") << file;
    EXPECT_EQ(run("evaluate '" + file.string() + "'").exit_code, 0) << file;
  }
}

TEST_F(RecordLinksTest, SaysThatNobodyAnswers_RealNetwork) {
  const Ran ran = run("record --peer 127.0.0.1:9 --out t.csv --for 0.3");
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.err.find("nothing came from 127.0.0.1:9"), std::string::npos) << ran.err;
}

TEST_F(RecordLinksTest, BadUseIsOneLineAndExitCodeTwo) {
  expect_refused("record --out t.csv", "exactly one of --control, --peer and --respond");
  expect_refused("record --respond --peer 127.0.0.1:9 --out t.csv", "exactly one of");
  expect_refused("record --respond --out t.csv", "--out: a responder writes nothing");
  expect_refused("record --peer 127.0.0.1:9", "--out: a trace file is needed");
  expect_refused("record --peer 127.0.0.1:9 --out t.csv --interval 0",
                 "--interval: must be from 1");
  expect_refused("record --peer 127.0.0.1:9 --out t.csv --rotate-mb -1", "--rotate-mb: must be");
  expect_refused("record --peer nowhere --out t.csv", "--peer: must be HOST:PORT");
  expect_refused("record --respond --json", "--json: has a meaning only with --peer");
  EXPECT_FALSE(fs::exists(path("t.csv")));
  std::ofstream(path("mine.txt")) << "somebody's\n";
  expect_refused("record --peer 127.0.0.1:9 --out mine.txt", "is not a recording of vouch");
}

}  // namespace
}  // namespace vouch::testing
