#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/process.h"

namespace vouch::testing {

/// The program `vouch` of this build.
inline const std::string kProgram = VOUCH_PROGRAM;

/// Runs `vouch` with these arguments.
[[nodiscard]] inline Ran run_vouch(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), kProgram);
  return run_program(arguments);
}

/// Expects exit code 2, nothing on standard output, one line on standard error that contains
/// `part`.
inline void expect_one_error(const Ran& ran, const std::string& part) {
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err.rfind("vouch: error: ", 0), 0U) << ran.err;
  EXPECT_NE(ran.err.find(part), std::string::npos) << ran.err << "lacks " << part;
  EXPECT_EQ(ran.err.find('\n'), ran.err.size() - 1) << "one line: " << ran.err;
}

/// Runs `vouch` with these arguments, which it must refuse.
inline void expect_error(const std::vector<std::string>& arguments, const std::string& part) {
  std::string command = "vouch";
  for (const std::string& argument : arguments)
    command += " " + argument;
  SCOPED_TRACE(command);
  expect_one_error(run_vouch(arguments), part);
}

/// Runs `vouch` in a folder of the test's own, with arguments as a shell takes them.
class InFolderTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }

  /// `before` stands before the program: variables, or a program that starts it.
  [[nodiscard]] Ran run(const std::string& arguments, const std::string& before = "") const {
    return run_program(
        {"/bin/sh", "-c",
         "cd '" + folder_.path().string() + "' && " + before + kProgram + " " + arguments});
  }

  void expect_refused(const std::string& arguments, const std::string& part) const {
    SCOPED_TRACE(arguments);
    expect_one_error(run(arguments), part);
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace vouch::testing
