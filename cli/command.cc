#include "command.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>
#include <sstream>

namespace vouch::cli {
namespace {

/// Between two lines about the progress of something long.
constexpr std::chrono::seconds kLineEvery{10};

/// Characters of UTF-8 text: every byte but continuation bytes begins one.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

std::string printed(double value, int precision, std::ios::fmtflags style) {
  std::ostringstream text;
  text.setf(style, std::ios::floatfield);
  text.precision(precision);
  text << value;
  return text.str();
}

}  // namespace

void print_error(const std::string& message) {
  std::string line = message;
  while (!line.empty() && line.back() == '\n')
    line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::cerr << "vouch: error: " << line << std::endl;
}

void check_counts(CLI::App& app) {
  const CLI::Validator is_count(
      [](const std::string& text) -> std::string {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc{} && end == text.data() + text.size()) return "";
        return "must be a whole number in [0, " + std::to_string(UINT64_MAX) + "], is '" + text +
               "'";
      },
      "");
  for (CLI::Option* const option : app.get_options({})) {
    if (option->get_type_name().rfind("UINT", 0) == 0) option->check(is_count);
  }
  for (CLI::App* const command : app.get_subcommands({}))
    check_counts(*command);
}

Status check_range(const std::string& field, std::uint64_t value, std::uint64_t low,
                   std::uint64_t high) {
  if (value >= low && value <= high) return Done{};
  return Error{Errc::kBadInput, field + ": must be in [" + std::to_string(low) + ", " +
                                    std::to_string(high) + "], is " + std::to_string(value)};
}

void Table::add_row(std::vector<std::string> cells) {
  VOUCH_ASSERT(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

void Table::print(std::ostream& out) const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_)
    widths.push_back(width_of(column.title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i]));
  }

  const auto print_line = [&](auto text_of) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& text = text_of(i);
      const std::string padding(widths[i] - width_of(text), ' ');
      line += columns_[i].align == Align::kLeft ? text + padding : padding + text;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };

  print_line([&](std::size_t i) -> const std::string& { return columns_[i].title; });
  std::size_t total = columns_.empty() ? 0 : 2 * (columns_.size() - 1);
  for (const std::size_t width : widths)
    total += width;
  out << std::string(total, '-') << '\n';
  for (const auto& row : rows_) {
    print_line([&](std::size_t i) -> const std::string& { return row[i]; });
  }
}

std::string fixed_text(double value, int digits) {
  if (!std::isfinite(value)) return "-";
  return printed(value, digits, std::ios::fixed);
}

std::string short_text(double value, int significant) {
  if (!std::isfinite(value)) return "-";
  return printed(value, significant, {});
}

Progress::Progress(std::string label, std::uint64_t total)
    : label_(std::move(label)),
      total_(total),
      on_terminal_(::isatty(STDERR_FILENO) == 1),
      line_at_(std::chrono::steady_clock::now() + kLineEvery) {}

Progress::~Progress() {
  if (on_terminal_ && percent_ != UINT64_MAX) std::cerr << "\r\x1b[K" << std::flush;
}

void Progress::update(std::uint64_t done) {
  if (total_ == 0) return;
  const std::uint64_t percent = std::min<std::uint64_t>(100, done * 100 / total_);
  if (!on_terminal_) {
    const auto now = std::chrono::steady_clock::now();
    if (now < line_at_) return;
    line_at_ = now + kLineEvery;
    std::cerr << label_ << ": " << done << " of " << total_ << " (" << percent << " %)"
              << std::endl;
    return;
  }
  if (percent == percent_) return;
  percent_ = percent;
  const auto filled = static_cast<std::size_t>(percent * 30 / 100);
  std::cerr << "\r\x1b[K" << label_ << " [" << std::string(filled, '#')
            << std::string(30 - filled, '.') << "] " << percent << " %" << std::flush;
}

}  // namespace vouch::cli
