#include "vouch/election_dynamodb/dynamo_config.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace vouch::election {
namespace {

/// Attributes of a row that can be no key. In the order of the documentation.
constexpr std::array<std::string_view, 7> kRowAttributes{
    "ownerName",    "leaseDuration", "recordVersionNumber", "isReleased", "data",
    "fencingToken", "value"};

constexpr std::size_t kSortValueMax = 1024;
constexpr std::size_t kAttributesMax = 20;
constexpr std::string_view kAttribute = "attribute.";

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool consists_of(const std::string& text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter_or_digit(c) || others.find(c) != std::string_view::npos;
  });
}

Error bad(const std::string& field, const std::string& rule, const std::string& value) {
  return {Errc::kBadConfig, field + ": must be " + rule + ", but it is \"" + value + "\""};
}

Status check_attribute(const std::string& field, const std::string& name) {
  const bool is_taken =
      std::find(kRowAttributes.begin(), kRowAttributes.end(), name) != kRowAttributes.end();
  if (name.size() <= 255 && consists_of(name, "_.-") && !is_taken) return Done{};
  return bad(field, "at most 255 of A-Z a-z 0-9 _ . - and no attribute of a lock", name);
}

Status set(DynamoConfig& config, const std::string& name, const std::string& value) {
  if (name == "region") {
    config.region = value;
  } else if (name == "endpoint") {
    config.endpoint = value;
  } else if (name == "profile") {
    config.profile = value;
  } else if (name == "key") {
    config.key = value;
  } else if (name == "sort_key") {
    config.sort_key = value;
  } else if (name == "sort_value") {
    config.sort_value = value;
  } else if (name == "tokens") {
    if (value != "one" && value != "clock") return bad(name, "one or clock", value);
    config.token_start = value == "clock" ? TokenStart::kClock : TokenStart::kOne;
  } else if (name == "create") {
    if (value != "yes" && value != "no") return bad(name, "yes or no", value);
    config.may_create = value == "yes";
  } else if (name.starts_with(kAttribute)) {
    config.attributes[name.substr(kAttribute.size())] = value;
  } else {
    return Error{Errc::kBadConfig,
                 "dynamodb: must have of region, endpoint, profile, key, sort_key, sort_value, "
                 "tokens, create and attribute.NAME, but it has \"" +
                     name + "\""};
  }
  return Done{};
}

}  // namespace

Status validate(const DynamoConfig& config) {
  if (config.table.size() < 3 || config.table.size() > 255 || !consists_of(config.table, "_.-")) {
    return bad("table", "3 to 255 of A-Z a-z 0-9 _ . -", config.table);
  }
  if (config.region.size() > 63 || !consists_of(config.region, "-")) {
    return bad("region", "at most 63 of a-z 0-9 -", config.region);
  }
  const bool is_url =
      (config.endpoint.starts_with("http://") || config.endpoint.starts_with("https://")) &&
      config.endpoint.find('@') == std::string::npos;
  if (!config.endpoint.empty() && !is_url) {
    // What is not one may hold a password.
    const bool has_user = config.endpoint.find('@') != std::string::npos;
    return bad("endpoint", "http://HOST[:PORT] or https://HOST[:PORT] without a user",
               has_user ? "...@..." : config.endpoint);
  }
  if (config.key.empty()) return bad("key", "the name of the partition key", config.key);
  if (Status key = check_attribute("key", config.key); !key) return key;
  if (Status sort = check_attribute("sort_key", config.sort_key); !sort) return sort;
  if (config.sort_key == config.key) return bad("sort_key", "another than key", config.sort_key);
  if (config.sort_key.empty() != config.sort_value.empty()) {
    return bad("sort_value", "given with sort_key, and only with it", config.sort_value);
  }
  if (config.sort_value.size() > kSortValueMax) {
    return bad("sort_value", "at most 1024 bytes", config.sort_value);
  }
  if (config.attributes.size() > kAttributesMax) {
    return bad("attribute", "at most 20", std::to_string(config.attributes.size()));
  }
  for (const auto& [name, value] : config.attributes) {
    const std::string field = std::string(kAttribute) + name;
    if (name.empty() || name == config.key || name == config.sort_key) {
      return bad(field, "named, and no key of the table", value);
    }
    if (Status checked = check_attribute(field, name); !checked) return checked;
    if (value.size() > kSortValueMax) return bad(field, "at most 1024 bytes", value);
  }
  if (config.timeout <= Duration::zero() || config.timeout > std::chrono::hours(1)) {
    return bad("timeout", "in (0, 1 h]", std::to_string(config.timeout.count()) + " ns");
  }
  return Done{};
}

Result<DynamoConfig> DynamoConfig::parse(const std::string& text) {
  DynamoConfig config;
  const std::size_t mark = text.find('?');
  config.table = text.substr(0, mark);
  for (std::size_t at = mark; at != std::string::npos;) {
    const std::size_t next = text.find('&', at + 1);
    const std::string pair = text.substr(at + 1, next == std::string::npos ? next : next - at - 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos) return bad("dynamodb", "TABLE?NAME=VALUE&...", text);
    if (Status done = set(config, pair.substr(0, equals), pair.substr(equals + 1)); !done) {
      return done.error();
    }
    at = next;
  }
  if (Status valid = validate(config); !valid) return valid.error();
  return config;
}

}  // namespace vouch::election
