#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/detector/result.h"

namespace vouch::scenario {

struct Member;

/// A JSON value and the line on which it stands, so that every error can name it. Numbers are
/// integers only: a scenario holds nothing else.
struct Value {
  enum class Kind : std::uint8_t { kNull, kBoolean, kInteger, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  std::size_t line = 0;
  bool boolean = false;
  std::int64_t integer = 0;
  std::string string;
  std::vector<Value> items;     ///< kArray.
  std::vector<Member> members;  ///< kObject, in the order of the file.

  /// The member called `key`, or nullptr.
  [[nodiscard]] const Value* find(std::string_view key) const;

  /// The value as an error message shows it, shortened.
  [[nodiscard]] std::string shown() const;
};

/// A named value of an object.
struct Member {
  std::string key;
  Value value;
};

/// Parses one JSON document. Errors name file, line and what is wrong; a number that is no 64-bit
/// integer, a key that occurs twice and nesting deeper than 16 levels are errors.
[[nodiscard]] Result<Value> parse_document(std::string_view text, std::string_view file);

}  // namespace vouch::scenario
