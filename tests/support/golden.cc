#include "tests/support/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <utility>

namespace vouch::testing {
namespace {

constexpr std::string_view kFence = "----";

/// One block as it stands in the file. `before` keeps the comments and blank lines above it.
struct Block {
  std::string before;
  std::size_t line = 0;
  std::string command;
  std::string input;
  std::string expected;
};

struct Script {
  std::vector<Block> blocks;
  std::string after;  ///< Comments behind the last block.
  std::string error;
};

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return lines;
}

std::vector<std::string> split_words(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

/// Reads a script line by line. The first error stops it and is kept in `script.error`.
class Parser {
 public:
  explicit Parser(std::string_view text) : lines_(split_lines(text)) {}

  Script parse() {
    if (lines_.empty() || !lines_.front().starts_with('#')) {
      fail(1, "a script begins with `#` lines that say what it proves");
    }
    while (script_.error.empty() && at_ < lines_.size()) {
      const std::string& line = lines_[at_];
      if (line.empty() || line.starts_with('#')) {
        pending_ += line + '\n';
        ++at_;
      } else {
        parse_block();
      }
    }
    script_.after = std::move(pending_);
    if (script_.error.empty() && script_.blocks.empty()) fail(1, "the script has no command");
    return std::move(script_);
  }

 private:
  bool fence_at(std::size_t index) const {
    return index < lines_.size() && lines_[index] == kFence;
  }

  void fail(std::size_t line, std::string_view why) {
    script_.error = "line " + std::to_string(line) + ": " + std::string(why);
  }

  void parse_block() {
    Block block;
    block.before = std::exchange(pending_, {});
    block.line = at_ + 1;
    block.command = lines_[at_++];
    while (at_ < lines_.size() && !fence_at(at_))
      block.input += lines_[at_++] + '\n';
    if (at_ == lines_.size()) return fail(block.line, "this command has no `----` after it");
    ++at_;
    const bool doubled = fence_at(at_);
    if (doubled) {
      ++at_;
      while (at_ < lines_.size() && !(fence_at(at_) && fence_at(at_ + 1))) {
        block.expected += lines_[at_++] + '\n';
      }
      if (at_ == lines_.size()) return fail(block.line, "the doubled `----` is never closed");
      at_ += 2;
    } else {
      while (at_ < lines_.size() && !lines_[at_].empty())
        block.expected += lines_[at_++] + '\n';
    }
    if (at_ < lines_.size() && lines_[at_].empty()) ++at_;
    script_.blocks.push_back(std::move(block));
  }

  std::vector<std::string> lines_;
  std::size_t at_ = 0;
  std::string pending_;
  Script script_;
};

bool holds_blank_line(const std::string& text) {
  return text.starts_with('\n') || text.find("\n\n") != std::string::npos;
}

void append_block(std::string& out, const Block& block, const std::string& answer) {
  const bool doubled = holds_blank_line(answer) || answer.starts_with("----\n");
  const std::string fence = doubled ? "----\n----\n" : "----\n";
  out += block.before + block.command + '\n' + block.input + fence + answer;
  if (doubled) out += fence;
  out += '\n';
}

bool rewrite_requested() {
  const char* value = std::getenv("VOUCH_REWRITE");
  return value != nullptr && std::string_view(value) == "1";
}

void rewrite(const std::filesystem::path& path, const std::string& before,
             const std::string& after) {
  if (before == after) return;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << after;
  file.close();
  if (!file) ADD_FAILURE() << path.string() << ": cannot be written";
  std::cerr << "VOUCH_REWRITE: wrote " << path.string() << ", read the difference\n";
}

}  // namespace

GoldenOutcome play_golden(std::string_view text, const GoldenHandler& handler) {
  const Script script = Parser(text).parse();
  GoldenOutcome outcome;
  outcome.error = script.error;
  if (!outcome.error.empty()) return outcome;
  for (const Block& block : script.blocks) {
    std::vector<std::string> words = split_words(block.command);
    const std::string command = words.front();
    words.erase(words.begin());
    std::string answer = handler(command, words, block.input);
    if (!answer.empty() && !answer.ends_with('\n')) answer += '\n';
    ++outcome.commands;
    if (answer != block.expected) {
      outcome.mismatches.push_back({block.line, block.command, line_diff(block.expected, answer)});
    }
    append_block(outcome.rewritten, block, answer);
  }
  outcome.rewritten += script.after;
  while (outcome.rewritten.ends_with("\n\n"))
    outcome.rewritten.pop_back();
  return outcome;
}

void run_golden(const std::filesystem::path& path, const GoldenHandler& handler) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    ADD_FAILURE() << path.string() << ": cannot be read";
    return;
  }
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  file.close();
  const GoldenOutcome outcome = play_golden(text, handler);
  if (!outcome.error.empty()) {
    ADD_FAILURE() << path.string() << ": " << outcome.error;
    return;
  }
  if (rewrite_requested()) {
    rewrite(path, text, outcome.rewritten);
    return;
  }
  for (const GoldenMismatch& mismatch : outcome.mismatches) {
    ADD_FAILURE_AT(path.string().c_str(), static_cast<int>(mismatch.line))
        << "`" << mismatch.command << "` answered (- expected, + answered):\n"
        << mismatch.diff << "If the change is meant: VOUCH_REWRITE=1, and read the difference.";
  }
}

std::vector<std::filesystem::path> golden_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code ignored;  // A folder that is not there has no stories, which fails below.
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".golden") files.push_back(entry.path());
  }
  if (files.empty()) ADD_FAILURE() << folder.string() << ": no .golden file there";
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<std::string> golden_argument(const std::vector<std::string>& args,
                                           std::string_view key) {
  for (const std::string& arg : args) {
    if (arg.size() > key.size() && arg.starts_with(key) && arg[key.size()] == '=') {
      return arg.substr(key.size() + 1);
    }
  }
  return std::nullopt;
}

// The longest common subsequence by the quadratic table: outputs of a story are a few dozen lines.
std::string line_diff(std::string_view expected, std::string_view actual) {
  const std::vector<std::string> left = split_lines(expected);
  const std::vector<std::string> right = split_lines(actual);
  std::vector<std::vector<std::size_t>> common(left.size() + 1,
                                               std::vector<std::size_t>(right.size() + 1, 0));
  for (std::size_t i = left.size(); i-- > 0;) {
    for (std::size_t j = right.size(); j-- > 0;) {
      common[i][j] = left[i] == right[j] ? common[i + 1][j + 1] + 1
                                         : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::string out;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < left.size() || j < right.size()) {
    if (i < left.size() && j < right.size() && left[i] == right[j]) {
      out += "  " + left[i++] + '\n';
      ++j;
    } else if (i < left.size() && (j == right.size() || common[i + 1][j] >= common[i][j + 1])) {
      out += "- " + left[i++] + '\n';
    } else {
      out += "+ " + right[j++] + '\n';
    }
  }
  return out;
}

}  // namespace vouch::testing
