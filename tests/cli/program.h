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

/// Exit code 2, nothing on standard output, one line on standard error that contains `part`.
inline void expect_error(const std::vector<std::string>& arguments, const std::string& part) {
  const Ran ran = run_vouch(arguments);
  std::string command = "vouch";
  for (const std::string& argument : arguments)
    command += " " + argument;
  SCOPED_TRACE(command);
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err.rfind("vouch: error: ", 0), 0U) << ran.err;
  EXPECT_NE(ran.err.find(part), std::string::npos) << ran.err << "lacks " << part;
  EXPECT_EQ(ran.err.find('\n'), ran.err.size() - 1) << "one line: " << ran.err;
}

}  // namespace vouch::testing
