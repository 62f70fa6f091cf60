#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// The rules of the project's own source that a compiler does not check. Each takes a text, so that
/// a test can show each of them a bad sample.
namespace vouch::testing {

/// One broken rule, at one place.
struct Finding {
  std::size_t line = 0;
  std::string what;

  friend bool operator==(const Finding&, const Finding&) = default;
};

inline constexpr std::size_t kFunctionLinesMax = 70;
inline constexpr std::size_t kFileLinesMax = 600;
inline constexpr std::size_t kColumnsMax = 100;

/// `text` with comments and the content of literals blanked out. Lines stay where they are.
[[nodiscard]] std::string without_comments_and_literals(std::string_view text);

/// What layers 0 to 2 may not contain: clocks, entropy, threads, environment, I/O, containers whose
/// order is not defined, exceptions, and vendor libraries. Comments may speak of all of them.
[[nodiscard]] std::vector<Finding> find_core_bans(std::string_view text);

/// The part of those bans that makes results depend on the machine or the moment.
[[nodiscard]] std::vector<Finding> find_nondeterminism(std::string_view text);

/// Includes of a core file other than of the standard library and of vouch's layers up to its own.
/// `folder` is detector, probe or quorum_check.
[[nodiscard]] std::vector<Finding> find_foreign_includes(std::string_view text,
                                                         std::string_view folder);

/// Functions longer than kFunctionLinesMax, counted from the first line of their declaration to
/// their closing brace. A function within a function counts as part of the outer one.
[[nodiscard]] std::vector<Finding> find_long_functions(std::string_view text);

/// Lines longer than kColumnsMax characters, and a file longer than kFileLinesMax lines.
[[nodiscard]] std::vector<Finding> find_oversize(std::string_view text);

/// Notes to oneself that belong elsewhere, and absolute paths of somebody's machine.
[[nodiscard]] std::vector<Finding> find_leftovers(std::string_view text);

/// In the output of `nm -uC`: symbols by which the core would read a clock, entropy or the
/// environment, start a thread, or open a descriptor.
[[nodiscard]] std::vector<Finding> find_banned_symbols(std::string_view nm_output);

/// A text file of the source tree.
struct SourceFile {
  std::string path;  ///< Relative to the top, with `/`.
  std::string text;

  [[nodiscard]] bool is_below(std::string_view folder) const;
  [[nodiscard]] bool is_cpp() const;
};

/// All text files below `top`, sorted by path, without what git ignores or keeps (build, .git).
[[nodiscard]] std::vector<SourceFile> source_files(const std::filesystem::path& top);

}  // namespace vouch::testing
