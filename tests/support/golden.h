#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Golden scripts: a story of commands with the exact output of each, in one text file.
///
///     # What the story proves, in full sentences. The file must begin with such lines.
///
///     command word key=value
///     optional lines of input
///     ----
///     the exact output
///
///     another-command
///     ----
///
/// A blank line ends a block. Output that holds a blank line itself stands between doubled fences
/// (`----` twice before, `----` twice after). Lines that begin with `#` between blocks are
/// comments. With VOUCH_REWRITE=1 in the environment `run_golden` writes what the handler answered
/// into the file; commands, input and comments stay as they are. The form is that of "data-driven"
/// tests as CockroachDB and etcd's raft library use them.
namespace vouch::testing {

/// Answers one command. `input` is the lines between the command and the fence, each ended by a
/// newline. What it returns is compared exactly; a missing last newline is added.
using GoldenHandler = std::function<std::string(
    const std::string& command, const std::vector<std::string>& args, const std::string& input)>;

/// One command of a script that answered something else than the script says.
struct GoldenMismatch {
  std::size_t line = 0;  ///< Line of the command, counted from 1.
  std::string command;   ///< The command line as written.
  std::string diff;  ///< Lines marked `-` (expected) and `+` (answered), the others with a blank.
};

/// What playing a script gave.
struct GoldenOutcome {
  std::size_t commands = 0;  ///< How many commands were played.
  std::vector<GoldenMismatch> mismatches;
  std::string rewritten;  ///< The script with the answers in place of the expected output.
  std::string error;  ///< Why the script cannot be read, with its line; nothing was played then.
};

/// Plays the script `text`. All blocks are played, also after a mismatch.
[[nodiscard]] GoldenOutcome play_golden(std::string_view text, const GoldenHandler& handler);

/// Plays the script at `path` and fails the current test for each mismatch, with file and line.
/// With VOUCH_REWRITE=1 it writes the file instead, and fails only if the file cannot be read.
void run_golden(const std::filesystem::path& path, const GoldenHandler& handler);

/// All files of `folder` that end in `.golden`, sorted by name. Fails the current test if there is
/// none: a suite that finds no story must not pass.
[[nodiscard]] std::vector<std::filesystem::path> golden_files(const std::filesystem::path& folder);

/// The value of `key=value` among `args`; nothing if the key is not there.
[[nodiscard]] std::optional<std::string> golden_argument(const std::vector<std::string>& args,
                                                         std::string_view key);

/// The difference of two texts line by line, in the notation of GoldenMismatch::diff.
[[nodiscard]] std::string line_diff(std::string_view expected, std::string_view actual);

}  // namespace vouch::testing
