#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "document.h"

namespace vouch::scenario {

/// What the first rule that a file breaks says. Later errors are dropped: they often follow from
/// it.
class ErrorSink {
 public:
  explicit ErrorSink(std::string_view file) : file_(file) {}

  /// "file:line: field: rule".
  void report(std::size_t line, std::string_view field, std::string_view rule) {
    if (!message_.empty()) return;
    message_ =
        file_ + ":" + std::to_string(line) + ": " + std::string(field) + ": " + std::string(rule);
  }
  [[nodiscard]] bool failed() const { return !message_.empty(); }
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  std::string file_;
  std::string message_;
};

/// The inclusive range of an integer field.
struct Limits {
  std::int64_t min = 0;
  std::int64_t max = INT64_MAX;
};

/// Takes the members of one JSON object one by one, checks each, and at the end reports those that
/// nobody asked for.
class Fields {
 public:
  /// `path` is the object's place in the file ("events[2]"; empty: the top).
  Fields(const Value& object, std::string path, ErrorSink& errors)
      : object_(object), path_(std::move(path)), errors_(errors) {
    if (object.kind != Value::Kind::kObject) {
      errors_.report(object.line, path_.empty() ? "document" : path_,
                     "must be an object, is " + object.shown());
    }
  }

  [[nodiscard]] std::int64_t integer(std::string_view key, Limits limits) {
    return take_integer(key, limits, Need::kRequired).value_or(limits.min);
  }
  [[nodiscard]] std::optional<std::int64_t> optional_integer(std::string_view key, Limits limits) {
    return take_integer(key, limits, Need::kOptional);
  }
  [[nodiscard]] std::string string(std::string_view key, std::size_t longest) {
    return take_string(key, longest, Need::kRequired);
  }
  [[nodiscard]] std::string optional_string(std::string_view key, std::size_t longest) {
    return take_string(key, longest, Need::kOptional);
  }
  [[nodiscard]] std::optional<bool> optional_boolean(std::string_view key) {
    const Value* const value = take(key, Value::Kind::kBoolean, "true or false", Need::kOptional);
    return value == nullptr ? std::nullopt : std::optional(value->boolean);
  }
  [[nodiscard]] const Value* array(std::string_view key) {
    return take(key, Value::Kind::kArray, "an array", Need::kRequired);
  }
  [[nodiscard]] const Value* optional_array(std::string_view key) {
    return take(key, Value::Kind::kArray, "an array", Need::kOptional);
  }
  [[nodiscard]] const Value* optional_object(std::string_view key) {
    return take(key, Value::Kind::kObject, "an object", Need::kOptional);
  }

  /// Reports a broken rule about the member `key`, or about the object when it has none.
  void fail(std::string_view key, std::string_view rule) {
    const Value* const value = object_.find(key);
    errors_.report(value != nullptr ? value->line : object_.line, name(key), rule);
  }

  /// Reports members that were not taken.
  void finish() {
    for (const auto& [key, value] : object_.members) {
      if (!taken_.contains(key)) errors_.report(value.line, name(key), "unknown key");
    }
  }

  [[nodiscard]] bool has(std::string_view key) const { return object_.find(key) != nullptr; }
  [[nodiscard]] const Value& object() const { return object_; }
  [[nodiscard]] std::string name(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }

 private:
  enum class Need : std::uint8_t { kRequired, kOptional };

  const Value* take(std::string_view key, Value::Kind kind, std::string_view what, Need need) {
    taken_.emplace(key);
    const Value* const value = object_.find(key);
    if (value == nullptr) {
      if (need == Need::kRequired) errors_.report(object_.line, name(key), "is missing");
      return nullptr;
    }
    if (value->kind == kind) return value;
    errors_.report(value->line, name(key),
                   "must be " + std::string(what) + ", is " + value->shown());
    return nullptr;
  }

  std::optional<std::int64_t> take_integer(std::string_view key, Limits limits, Need need) {
    const Value* const value = take(key, Value::Kind::kInteger, "an integer", need);
    if (value == nullptr) return std::nullopt;
    if (value->integer >= limits.min && value->integer <= limits.max) return value->integer;
    fail(key, "must be in [" + std::to_string(limits.min) + ", " + std::to_string(limits.max) +
                  "], is " + value->shown());
    return std::nullopt;
  }

  std::string take_string(std::string_view key, std::size_t longest, Need need) {
    const Value* const value = take(key, Value::Kind::kString, "a string", need);
    if (value == nullptr) return {};
    if (!value->string.empty() && value->string.size() <= longest) return value->string;
    fail(key, "must have 1 to " + std::to_string(longest) + " bytes, has " +
                  std::to_string(value->string.size()));
    return {};
  }

  const Value& object_;
  std::string path_;
  ErrorSink& errors_;
  std::set<std::string, std::less<>> taken_;
};

}  // namespace vouch::scenario
