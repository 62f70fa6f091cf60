#include "dynamo_row.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

namespace vouch::election {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Foreign hands may have written anything: no lease counts for more.
constexpr std::uint64_t kLeaseMsMax = std::uint64_t{365} * 24 * 3'600'000;

/// The attribute's value of this type, as its text; nothing if it is absent or of another type.
std::optional<std::string> value_of(const Json& row, const std::string& name, const char* type) {
  if (!row.is_object()) return std::nullopt;
  const auto attribute = row.find(name);
  if (attribute == row.end() || !attribute->is_object()) return std::nullopt;
  const auto value = attribute->find(type);
  if (value == attribute->end() || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

std::optional<std::uint64_t> whole_number(const std::string& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end || text.empty()) return std::nullopt;
  return number;
}

}  // namespace

std::string encode_base64(const std::string& bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      text += i + j > bytes.size() ? '=' : kBase64[group >> (18 - 6 * j) & 0x3fU];
  }
  return text;
}

std::optional<std::string> decode_base64(const std::string& text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  std::uint32_t group = 0;
  std::size_t padding = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t digit = text[i] == '=' ? 0 : kBase64.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    if (text[i] == '=') {
      if (++padding > 2 || i + 2 < text.size()) return std::nullopt;
    } else if (padding > 0) {
      return std::nullopt;
    }
    group = group << 6 | static_cast<std::uint32_t>(digit);
    if (i % 4 != 3) continue;
    for (std::size_t j = 0; j < 3 - padding; ++j)
      bytes += static_cast<char>(group >> (16 - 8 * j) & 0xffU);
    group = 0;
  }
  return bytes;
}

Json text_value(const std::string& text) {
  return {{"S", text}};
}
Json bytes_value(const std::string& bytes) {
  return {{"B", encode_base64(bytes)}};
}
Json number_value(std::uint64_t number) {
  return {{"N", std::to_string(number)}};
}
Json lease_value(Duration lease) {
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(lease).count();
  return text_value(std::to_string(whole));
}

Json key_of(const DynamoConfig& config, const std::string& name) {
  Json key = {{config.key, text_value(name)}};
  if (!config.sort_key.empty()) key[config.sort_key] = text_value(config.sort_value);
  return key;
}

std::optional<std::string> text_of(const Json& row, const std::string& name) {
  return value_of(row, name, "S");
}
std::optional<std::string> bytes_of(const Json& row, const std::string& name) {
  const std::optional<std::string> text = value_of(row, name, "B");
  return text ? decode_base64(*text) : std::nullopt;
}

std::optional<FencingToken> token_of(const Json& row) {
  if (!row.is_object() || !row.contains("fencingToken")) return FencingToken{};
  const std::optional<std::string> text = value_of(row, "fencingToken", "N");
  const std::optional<std::uint64_t> number = text ? whole_number(*text) : std::nullopt;
  return number ? std::optional(FencingToken{*number}) : std::nullopt;
}

Result<LockRecord> record_of(const DynamoConfig& config, const Json& row) {
  const auto no_lock = [](const std::string& why) {
    return Error{Errc::kUnavailable, "the row is no lock of Amazon's client: " + why};
  };
  const std::optional<std::string> name = text_of(row, config.key);
  if (!name) return no_lock("its key is no string");
  const std::optional<std::string> owner = text_of(row, "ownerName");
  if (!owner) return no_lock("ownerName must be a string");
  const std::optional<std::string> version = text_of(row, "recordVersionNumber");
  if (!version) return no_lock("recordVersionNumber must be a string");
  const std::optional<std::string> lease_text = text_of(row, "leaseDuration");
  const auto lease = lease_text ? whole_number(*lease_text) : std::nullopt;
  if (!lease) return no_lock("leaseDuration must be milliseconds, a string of digits");
  const std::optional<FencingToken> token = token_of(row);
  if (!token) return no_lock("fencingToken must be a whole number");
  return LockRecord{.name = *name,
                    .owner = *owner,
                    .version = {*version},
                    .lease = std::chrono::milliseconds(std::min(*lease, kLeaseMsMax)),
                    .token = *token,
                    .is_released = row.contains("isReleased"),
                    .data = bytes_of(row, "data").value_or("")};
}

}  // namespace vouch::election
