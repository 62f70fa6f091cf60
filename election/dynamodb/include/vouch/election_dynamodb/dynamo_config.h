#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"

namespace vouch::election {

/// Where the tokens of a lock start that has no counter yet.
enum class TokenStart : std::uint8_t {
  kOne,  ///< 1, 2, 3: while nobody else removes or replaces rows.
  /// At the milliseconds since 1970. If another kind of client of the same table removes rows or
  /// replaces them, tokens still rise, as long as no machine's clock is behind by more than the
  /// time between two holders.
  kClock,
};

/// Which table keeps the locks, and how it is reached.
struct DynamoConfig {
  std::string table;   ///< 3 to 255 of A-Z a-z 0-9 _ . -
  std::string region;  ///< Empty: AWS_REGION, or AWS_DEFAULT_REGION.
  /// http:// or https://. Empty: Amazon's for the region.
  std::string endpoint;
  std::string profile;      ///< Of the shared credentials file. Empty: see AwsCredentialSource.
  std::string key = "key";  ///< Name of the partition key, a string.
  std::string sort_key;     ///< Name of the sort key, a string; empty: the table has none.
  std::string sort_value;   ///< What every lock of this store has there.
  /// Strings that each take writes into the row beside the lock ("additional attributes"), by name;
  /// those that others have put there stay. At most 20.
  std::map<std::string, std::string> attributes;
  TokenStart token_start = TokenStart::kOne;
  bool may_create = false;  ///< A table that is missing is made, paid per request.
  /// Of what no Elector asks for. In (0, 1 h].
  Duration timeout = std::chrono::seconds(5);

  /// Reads `TABLE[?NAME=VALUE[&NAME=VALUE]...]` with region, endpoint, profile, key, sort_key,
  /// sort_value, tokens=one|clock, create=yes|no, attribute.NAME. The message names the field, the
  /// rule and the value.
  static Result<DynamoConfig> parse(const std::string& text);
};

[[nodiscard]] Status validate(const DynamoConfig& config);

}  // namespace vouch::election
