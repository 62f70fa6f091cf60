#include "document.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace vouch::scenario {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDepthMax = 16;

/// Reads the text and counts, so that the builder knows where the parser is.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::size_t* count) : at_(at), count_(count) {}

  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*count_;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ == b.at_;
  }

 private:
  const char* at_;
  std::size_t* count_;
};

/// Builds Values from the parser's events, and stops at the first thing that a scenario cannot
/// hold.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, const std::size_t& position) : text_(text), position_(position) {}

  Value root;
  std::string error;
  std::size_t error_line = 0;

  bool null() override {
    return add(Value::Kind::kNull, [](Value&) {});
  }
  bool boolean(bool value) override {
    return add(Value::Kind::kBoolean, [&](Value& v) { v.boolean = value; });
  }
  bool number_integer(number_integer_t value) override {
    return add(Value::Kind::kInteger, [&](Value& v) { v.integer = value; });
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(INT64_MAX)) return fail("number is too large");
    return add(Value::Kind::kInteger,
               [&](Value& v) { v.integer = static_cast<std::int64_t>(value); });
  }
  bool number_float(number_float_t, const string_t& written) override {
    return fail("numbers must be integers, is " + written);
  }
  bool string(string_t& value) override {
    return add(Value::Kind::kString, [&](Value& v) { v.string = value; });
  }
  bool binary(binary_t&) override { return fail("binary value"); }
  bool start_object(std::size_t) override { return open(Value::Kind::kObject); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Value::Kind::kArray); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    if (open_.back()->find(value) != nullptr) return fail("key '" + value + "' occurs twice");
    key_ = value;
    return true;
  }
  bool parse_error(std::size_t byte, const std::string&,
                   const nlohmann::detail::exception& exception) override {
    error_line = line_at(byte);
    error = exception.what();
    // The library's own prefix repeats what stands in front of the message already.
    const std::size_t detail = error.find(": ");
    if (detail != std::string::npos) error.erase(0, detail + 2);
    return false;
  }

 private:
  template <typename Fill>
  bool add(Value::Kind kind, Fill fill) {
    Value* const value = place();
    value->kind = kind;
    value->line = line_at(position_);
    fill(*value);
    return true;
  }

  bool open(Value::Kind kind) {
    if (open_.size() == kDepthMax) return fail("nested too deeply");
    Value* const value = place();
    value->kind = kind;
    value->line = line_at(position_);
    open_.push_back(value);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  /// Where the next value goes. Pointers to open containers stay valid: only the innermost grows.
  Value* place() {
    if (open_.empty()) return &root;
    Value& parent = *open_.back();
    if (parent.kind == Value::Kind::kArray) return &parent.items.emplace_back();
    return &parent.members.emplace_back(Member{key_, Value{}}).value;
  }

  bool fail(std::string what) {
    error = std::move(what);
    error_line = line_at(position_);
    return false;
  }

  /// The line of the token that ends at `position`; the parser may have read one character more.
  [[nodiscard]] std::size_t line_at(std::size_t position) const {
    const std::size_t end = std::min(position == 0 ? 0 : position - 1, text_.size());
    return 1 + static_cast<std::size_t>(std::count(
                   text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
  }

  std::string_view text_;
  const std::size_t& position_;
  std::vector<Value*> open_;
  std::string key_;
};

}  // namespace

const Value* Value::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::string Value::shown() const {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBoolean:
      return boolean ? "true" : "false";
    case Kind::kInteger:
      return std::to_string(integer);
    case Kind::kString:
      return "'" + (string.size() > 60 ? string.substr(0, 57) + "..." : string) + "'";
    case Kind::kArray:
      return "an array of " + std::to_string(items.size());
    case Kind::kObject:
      return "an object";
  }
  return "?";
}

Result<Value> parse_document(std::string_view text, std::string_view file) {
  std::size_t position = 0;
  Builder builder(text, position);
  const CountingIterator begin(text.data(), &position);
  const CountingIterator end(text.data() + text.size(), &position);
  if (Json::sax_parse(begin, end, &builder)) return std::move(builder.root);
  return Error{Errc::kBadInput,
               std::string(file) + ":" + std::to_string(builder.error_line) + ": " + builder.error};
}

}  // namespace vouch::scenario
