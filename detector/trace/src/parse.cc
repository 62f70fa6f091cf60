#include "parse.h"

#include <charconv>

namespace vouch {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// value * 10 + digit, saturating far above every `max` that is used.
std::uint64_t shifted_in(std::uint64_t value, char digit) {
  constexpr std::uint64_t kLimit = UINT64_MAX / 10 - 1;
  return value > kLimit ? UINT64_MAX : value * 10 + static_cast<std::uint64_t>(digit - '0');
}

}  // namespace

std::optional<std::uint64_t> parse_whole(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_decimal(std::string_view text, int exponent, std::int64_t max) {
  std::string_view mantissa = text;
  if (const std::size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    mantissa = text.substr(0, e);
    std::string_view power = text.substr(e + 1);
    if (!power.empty() && power.front() == '+') power.remove_prefix(1);
    int value = 0;
    const auto [end, error] = std::from_chars(power.data(), power.data() + power.size(), value);
    if (error != std::errc() || end != power.data() + power.size()) return std::nullopt;
    if (value < -30 || value > 30) return std::nullopt;
    exponent += value;
  }

  const std::size_t point = mantissa.find('.');
  const std::string_view whole = mantissa.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : mantissa.substr(point + 1);
  if (whole.empty() && fraction.empty()) return std::nullopt;
  for (const char c : whole) {
    if (!is_digit(c)) return std::nullopt;
  }
  for (const char c : fraction) {
    if (!is_digit(c)) return std::nullopt;
  }

  // The digits before the shifted decimal point, missing ones being zeros.
  const auto digits = static_cast<std::int64_t>(whole.size()) + exponent;
  std::uint64_t value = 0;
  for (std::int64_t i = 0; i < digits; ++i) {
    const auto at = static_cast<std::size_t>(i);
    char digit = '0';
    if (at < whole.size()) {
      digit = whole[at];
    } else if (at - whole.size() < fraction.size()) {
      digit = fraction[at - whole.size()];
    }
    value = shifted_in(value, digit);
  }
  if (value > static_cast<std::uint64_t>(max)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

}  // namespace vouch
