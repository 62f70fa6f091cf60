#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"

namespace vouch::runtime {

using Json = nlohmann::json;

/// The first thing that is wrong with a document; later ones follow from it as often as not.
class JsonProblem {
 public:
  void add(const std::string& pointer, const std::string& rule, const Json& value);
  void add(const std::string& pointer, const std::string& rule);
  [[nodiscard]] bool found() const { return !text_.empty(); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Parses `text` strictly: no comments, no key twice in one object. The error names line and
/// column.
[[nodiscard]] Result<Json> parse_json(std::string_view text);

/// One object of a document, read key by key. Every problem goes to the JsonProblem with the JSON
/// pointer (RFC 6901) of the value; the fallback is returned then. `finish` refuses what was not
/// asked for.
class JsonObject {
 public:
  JsonObject(const Json& value, std::string pointer, JsonProblem& problem);

  [[nodiscard]] bool has(const char* key) const { return value_.contains(key); }

  /// A whole number in [low, high].
  std::uint64_t number(const char* key, std::uint64_t low, std::uint64_t high,
                       std::optional<std::uint64_t> fallback = std::nullopt);
  double real(const char* key, double fallback);
  bool flag(const char* key, bool fallback);
  std::string text(const char* key, std::optional<std::string> fallback = std::nullopt);

  /// Whole milliseconds in [0, one day].
  Duration milliseconds(const char* key, Duration fallback);

  /// An object inside; an absent one is empty.
  JsonObject object(const char* key);

  /// The elements of an array; an absent one is empty.
  std::vector<JsonObject> objects(const char* key);
  std::vector<std::uint64_t> numbers(const char* key, std::uint64_t low, std::uint64_t high);

  [[nodiscard]] std::string pointer_to(std::string_view key) const;
  void finish() const;

 private:
  /// Null if absent; `required` makes that a problem.
  const Json* find(const char* key, bool required);

  Json value_;
  std::string pointer_;
  JsonProblem* problem_;
  std::vector<std::string> known_;
};

}  // namespace vouch::runtime
