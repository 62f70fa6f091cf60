#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "vouch/detector/result.h"

namespace vouch::cli {

/// What the program returns to the shell.
enum class ExitCode : int {
  kSuccess = 0,
  kMissed = 1,  ///< It ran, and the answer is "no": an expected outcome was missed.
  kError = 2,   ///< Bad use, bad input or trouble outside; one line on standard error says what.
  kInterrupted = 130,  ///< By the user, as a shell says it; what was done can be continued.
};

/// How a command ended. An Error becomes the line `vouch: error: ...` and exit code 2.
using Outcome = Result<ExitCode>;

/// A command registers itself with one function `void register_NAME(CLI::App& app, Outcome&
/// outcome)` in its own file: it adds a subcommand with its options, whose callback stores how it
/// ended in `outcome`. main.cc calls it; nothing else has to be changed.
using RegisterCommand = void (*)(CLI::App& app, Outcome& outcome);

/// Prints `vouch: error: ` and the message, as one line, on standard error.
void print_error(const std::string& message);

/// Makes every option of `app` and its commands that takes an unsigned number refuse what is none.
/// CLI11 reads -1 as the greatest one.
void check_counts(CLI::App& app);

/// The most threads that a command may be told to use.
inline constexpr unsigned kJobsMax = 256;

/// An error that names the field and the value, unless the value is in [low, high].
[[nodiscard]] Status check_range(const std::string& field, std::uint64_t value, std::uint64_t low,
                                 std::uint64_t high);

/// How a column of a Table is aligned.
enum class Align : std::uint8_t { kLeft, kRight };

/// A table of text with aligned columns, two spaces apart, under a rule.
class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::kRight;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// Adds a row; it must have one cell per column.
  void add_row(std::vector<std::string> cells);

  /// Widths count characters, not bytes, of UTF-8 text.
  void print(std::ostream& out) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// `value` with so many digits behind the point; `-` if it is not a number.
[[nodiscard]] std::string fixed_text(double value, int digits);

/// `value` with so many significant digits and without trailing zeros.
[[nodiscard]] std::string short_text(double value, int significant);

/// A bar on standard error while something long runs; where that is not a terminal, a line now and
/// then.
class Progress {
 public:
  /// `total` in any unit; 0 if unknown, and then nothing is drawn.
  Progress(std::string label, std::uint64_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// Draws anew when the percentage has changed, or writes a line when the last was long ago.
  void update(std::uint64_t done);

 private:
  std::string label_;
  std::uint64_t total_;
  std::uint64_t percent_ = UINT64_MAX;
  bool on_terminal_;
  std::chrono::steady_clock::time_point line_at_;
};

}  // namespace vouch::cli
