// The golden runner judges the protocol stories, so it must be able to fail: each way in which a
// script or an answer can be wrong is played here.

#include "tests/support/golden.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace vouch::testing {
namespace {

/// Answers `echo` with its input, `words` with its arguments one a line, and others with nothing.
std::string answer(const std::string& command, const std::vector<std::string>& args,
                   const std::string& input) {
  if (command == "echo") return input;
  std::string out;
  if (command == "words") {
    for (const std::string& arg : args)
      out += arg + '\n';
  }
  return out;
}

constexpr const char* kGood =
    "# Proves that a good script passes.\n"
    "\n"
    "echo\n"
    "one\n"
    "two\n"
    "----\n"
    "one\n"
    "two\n"
    "\n"
    "# A comment between blocks.\n"
    "words a b=c\n"
    "----\n"
    "a\n"
    "b=c\n"
    "\n"
    "silent\n"
    "----\n";

/// A file of its own in the test's temporary folder, removed at the end.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& name, const std::string& text)
      : path_(std::filesystem::path(VOUCH_BINARY_DIR) / name) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string text() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

 private:
  std::filesystem::path path_;
};

TEST(Golden, GoodScriptPassesAndRewritesToItself) {
  const GoldenOutcome outcome = play_golden(kGood, answer);
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.commands, 3U);
  EXPECT_TRUE(outcome.mismatches.empty());
  EXPECT_EQ(outcome.rewritten, kGood);
}

TEST(Golden, MismatchNamesTheLineAndShowsTheDifference) {
  const GoldenOutcome outcome = play_golden(
      "# Proves nothing.\n"
      "\n"
      "echo\n"
      "same\n"
      "new\n"
      "----\n"
      "old\n"
      "same\n"
      "\n"
      "silent\n"
      "----\n",
      answer);
  ASSERT_EQ(outcome.mismatches.size(), 1U);
  EXPECT_EQ(outcome.mismatches[0].line, 3U);
  EXPECT_EQ(outcome.mismatches[0].command, "echo");
  EXPECT_EQ(outcome.mismatches[0].diff, "- old\n  same\n+ new\n");
  EXPECT_EQ(outcome.commands, 2U) << "blocks after a mismatch are played";
}

TEST(Golden, MissingAndExtraOutputAreMismatches) {
  EXPECT_EQ(play_golden("# c\nsilent\n----\nx\n", answer).mismatches.at(0).diff, "- x\n");
  EXPECT_EQ(play_golden("# c\nwords x\n----\n", answer).mismatches.at(0).diff, "+ x\n");
  EXPECT_EQ(play_golden("# c\nwords x\n----\nx \n", answer).mismatches.at(0).diff, "- x \n+ x\n");
}

TEST(Golden, BrokenScriptsAreRefusedWithTheirLine) {
  EXPECT_NE(play_golden("", answer).error, "");
  EXPECT_NE(play_golden("# Only a comment.\n", answer).error, "");
  EXPECT_EQ(play_golden("echo\n----\n", answer).error,
            "line 1: a script begins with `#` lines that say what it proves");
  EXPECT_EQ(play_golden("# c\n\necho\nno fence\n", answer).error,
            "line 3: this command has no `----` after it");
  EXPECT_EQ(play_golden("# c\necho\n----\n----\nopen\n", answer).error,
            "line 2: the doubled `----` is never closed");
}

TEST(Golden, OutputWithBlankLinesStandsBetweenDoubledFences) {
  const auto blank = [](const std::string&, const std::vector<std::string>&, const std::string&) {
    return std::string("above\n\nbelow");
  };
  const GoldenOutcome first = play_golden("# c\n\nshow\n----\n", blank);
  EXPECT_EQ(first.rewritten, "# c\n\nshow\n----\n----\nabove\n\nbelow\n----\n----\n");
  const GoldenOutcome second = play_golden(first.rewritten, blank);
  EXPECT_TRUE(second.mismatches.empty());
  EXPECT_EQ(second.rewritten, first.rewritten);
}

TEST(Golden, RewriteKeepsCommandsInputAndComments) {
  const GoldenOutcome outcome = play_golden(
      "# Head.\n\n# Above.\necho x=1\nin\n----\nstale\n\nsilent\n----\nstale\n\n# Below.\n",
      answer);
  EXPECT_EQ(outcome.mismatches.size(), 2U);
  EXPECT_EQ(outcome.rewritten,
            "# Head.\n\n# Above.\necho x=1\nin\n----\nin\n\nsilent\n----\n\n# Below.\n");
}

TEST(Golden, RunFailsTheTestWhichCalledIt) {
  const TemporaryFile wrong("golden_run_fails.golden", "# c\nwords x\n----\ny\n");
  const std::filesystem::path path = wrong.path();
  ::unsetenv("VOUCH_REWRITE");
  EXPECT_NONFATAL_FAILURE(run_golden(path, answer), "- y\n+ x");
  EXPECT_NONFATAL_FAILURE(run_golden(path.string() + ".absent", answer), "cannot be read");
}

TEST(Golden, RunRewritesTheFileOnRequest) {
  const TemporaryFile wrong("golden_run_rewrites.golden", "# c\nwords x\n----\ny\n");
  ::setenv("VOUCH_REWRITE", "1", 1);
  run_golden(wrong.path(), answer);
  ::unsetenv("VOUCH_REWRITE");
  EXPECT_EQ(wrong.text(), "# c\nwords x\n----\nx\n");
  run_golden(wrong.path(), answer);
}

TEST(Golden, FolderWithoutStoriesFails) {
  std::vector<std::filesystem::path> files;
  EXPECT_NONFATAL_FAILURE(
      files = golden_files(std::filesystem::path(VOUCH_BINARY_DIR) / "no_such_folder"),
      "no .golden file");
}

TEST(Golden, ArgumentsAreFoundByTheirWholeKey) {
  const std::vector<std::string> args{"lease=4", "lease_ms=40", "flag"};
  EXPECT_EQ(golden_argument(args, "lease"), "4");
  EXPECT_EQ(golden_argument(args, "lease_ms"), "40");
  EXPECT_EQ(golden_argument(args, "flag"), std::nullopt);
  EXPECT_EQ(golden_argument(args, "lea"), std::nullopt);
}

}  // namespace
}  // namespace vouch::testing
