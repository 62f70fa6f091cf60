#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "vouch/detector/result.h"
#include "vouch/election/lock.h"
#include "vouch/election_dynamodb/dynamo_config.h"

// Rows as DynamoDB writes them, {"attribute": {"S": "text"}}, and what a lock is in them.

namespace vouch::election {

/// Rows that hold values of fenced writes have keys that begin so, and no lock has.
inline constexpr const char* kValuePrefix = "vouch:value:";

[[nodiscard]] std::string encode_base64(const std::string& bytes);
[[nodiscard]] std::optional<std::string> decode_base64(const std::string& text);

/// Attribute values.
[[nodiscard]] nlohmann::json text_value(const std::string& text);
[[nodiscard]] nlohmann::json bytes_value(const std::string& bytes);
[[nodiscard]] nlohmann::json number_value(std::uint64_t number);
[[nodiscard]] nlohmann::json lease_value(Duration lease);

/// The whole key of the row with this partition key.
[[nodiscard]] nlohmann::json key_of(const DynamoConfig& config, const std::string& name);

/// The string `name` of `row`; empty if it is absent or something else.
[[nodiscard]] std::optional<std::string> text_of(const nlohmann::json& row,
                                                 const std::string& name);
[[nodiscard]] std::optional<std::string> bytes_of(const nlohmann::json& row,
                                                  const std::string& name);

/// The fencing token: 0 if the row has none, as a client that knows none writes it; nothing if it
/// is no whole number.
[[nodiscard]] std::optional<FencingToken> token_of(const nlohmann::json& row);

/// The lock in a row. What is no lock, or was written by a mistake, is an error and never an
/// expired lock.
[[nodiscard]] Result<LockRecord> record_of(const DynamoConfig& config, const nlohmann::json& row);

}  // namespace vouch::election
