#pragma once

#include <string>
#include <string_view>

namespace vouch::report {

/// `text` as a JSON string with its quotes. ASCII stays as it is; other bytes must be UTF-8.
[[nodiscard]] inline std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else if (byte < 0x20) {
      result += "\\u00";
      result += {kHex[byte >> 4U], kHex[byte & 0xfU]};
    } else {
      result += c;
    }
  }
  return result + "\"";
}

}  // namespace vouch::report
