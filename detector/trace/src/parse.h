#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vouch {

/// Cuts a line at its commas into exactly `count` fields; nothing if it has more or fewer.
template <std::size_t count>
[[nodiscard]] std::optional<std::array<std::string_view, count>> fields_of(std::string_view line) {
  std::array<std::string_view, count> fields;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t comma = line.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == count)) return std::nullopt;
    fields[i] = line.substr(0, comma);
    if (i + 1 < count) line.remove_prefix(comma + 1);
  }
  return fields;
}

/// A decimal number without a sign, such as `12.5` or `1.8981e+06`, times 10^`exponent`, rounded
/// down to an integer; exact, as no floating point is involved. Nothing if `text` is something
/// else or the result exceeds `max`.
[[nodiscard]] std::optional<std::int64_t> parse_decimal(std::string_view text, int exponent,
                                                        std::int64_t max);

/// A whole number without a sign; nothing if `text` is something else or does not fit.
[[nodiscard]] std::optional<std::uint64_t> parse_whole(std::string_view text);

}  // namespace vouch
