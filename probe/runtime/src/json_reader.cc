#include "json_reader.h"

#include <algorithm>
#include <utility>

namespace vouch::runtime {
namespace {

/// The value as it stands in the file, shortened.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// Refuses a key that stands twice in one object: which of them would count is a guess.
class DuplicateKeys {
 public:
  bool operator()(int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) {
      open_.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      open_.pop_back();
    } else if (event == Json::parse_event_t::key) {
      std::string key = parsed.get<std::string>();
      auto& keys = open_.back();
      if (std::find(keys.begin(), keys.end(), key) != keys.end() && duplicate.empty()) {
        duplicate = key;
      }
      keys.push_back(std::move(key));
    }
    return true;
  }

  std::string duplicate;

 private:
  std::vector<std::vector<std::string>> open_;
};

}  // namespace

void JsonProblem::add(const std::string& pointer, const std::string& rule, const Json& value) {
  add(pointer, rule + ", but it is " + shown(value));
}

void JsonProblem::add(const std::string& pointer, const std::string& rule) {
  if (text_.empty()) text_ = (pointer.empty() ? "/" : pointer) + ": " + rule;
}

Result<Json> parse_json(std::string_view text) {
  DuplicateKeys keys;
  try {
    Json value = Json::parse(text, std::ref(keys));
    if (!keys.duplicate.empty()) {
      return Error{Errc::kBadInput, "the key \"" + keys.duplicate + "\" stands twice"};
    }
    return value;
  } catch (const Json::exception& exception) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    const std::string what = one_line(exception.what());
    const std::size_t at = what.find("at line");
    return Error{Errc::kBadInput,
                 "not valid JSON " + (at == std::string::npos ? what : what.substr(at))};
  }
}

JsonObject::JsonObject(const Json& value, std::string pointer, JsonProblem& problem)
    : value_(value), pointer_(std::move(pointer)), problem_(&problem) {
  if (value_.is_object()) return;
  problem_->add(pointer_, "must be an object", value_);
  value_ = Json::object();
}

const Json* JsonObject::find(const char* key, bool required) {
  known_.emplace_back(key);
  const auto at = value_.find(key);
  if (at != value_.end()) return &*at;
  if (required) problem_->add(pointer_to(key), "is missing");
  return nullptr;
}

std::uint64_t JsonObject::number(const char* key, std::uint64_t low, std::uint64_t high,
                                 std::optional<std::uint64_t> fallback) {
  const Json* value = find(key, !fallback);
  if (value == nullptr) return fallback.value_or(low);
  if (value->is_number_unsigned()) {
    const auto number = value->get<std::uint64_t>();
    if (number >= low && number <= high) return number;
  }
  problem_->add(
      pointer_to(key),
      "must be a whole number in [" + std::to_string(low) + ", " + std::to_string(high) + "]",
      *value);
  return fallback.value_or(low);
}

double JsonObject::real(const char* key, double fallback) {
  const Json* value = find(key, false);
  if (value == nullptr) return fallback;
  if (value->is_number()) return value->get<double>();
  problem_->add(pointer_to(key), "must be a number", *value);
  return fallback;
}

bool JsonObject::flag(const char* key, bool fallback) {
  const Json* value = find(key, false);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  problem_->add(pointer_to(key), "must be true or false", *value);
  return fallback;
}

std::string JsonObject::text(const char* key, std::optional<std::string> fallback) {
  const Json* value = find(key, !fallback);
  if (value == nullptr) return fallback.value_or("");
  if (value->is_string() && !value->get_ref<const std::string&>().empty()) {
    return value->get<std::string>();
  }
  problem_->add(pointer_to(key), "must be a text that is not empty", *value);
  return fallback.value_or("");
}

Duration JsonObject::milliseconds(const char* key, Duration fallback) {
  constexpr std::uint64_t kDay = 24ULL * 3600 * 1000;
  if (!has(key)) {
    known_.emplace_back(key);
    return fallback;
  }
  return std::chrono::milliseconds(number(key, 0, kDay));
}

JsonObject JsonObject::object(const char* key) {
  const Json* value = find(key, false);
  return JsonObject(value == nullptr ? Json::object() : *value, pointer_to(key), *problem_);
}

std::vector<JsonObject> JsonObject::objects(const char* key) {
  std::vector<JsonObject> all;
  const Json* value = find(key, false);
  if (value == nullptr) return all;
  if (!value->is_array()) {
    problem_->add(pointer_to(key), "must be an array", *value);
    return all;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    all.emplace_back((*value)[i], pointer_to(key) + "/" + std::to_string(i), *problem_);
  }
  return all;
}

std::vector<std::uint64_t> JsonObject::numbers(const char* key, std::uint64_t low,
                                               std::uint64_t high) {
  std::vector<std::uint64_t> all;
  const Json* value = find(key, false);
  if (value == nullptr) return all;
  if (!value->is_array()) {
    problem_->add(pointer_to(key), "must be an array", *value);
    return all;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    const Json& element = (*value)[i];
    const bool fits = element.is_number_unsigned() && element.get<std::uint64_t>() >= low &&
                      element.get<std::uint64_t>() <= high;
    if (fits) {
      all.push_back(element.get<std::uint64_t>());
    } else {
      problem_->add(
          pointer_to(key) + "/" + std::to_string(i),
          "must be a whole number in [" + std::to_string(low) + ", " + std::to_string(high) + "]",
          element);
    }
  }
  return all;
}

std::string JsonObject::pointer_to(std::string_view key) const {
  return pointer_ + "/" + std::string(key);
}

void JsonObject::finish() const {
  for (const auto& [key, value] : value_.items()) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    problem_->add(pointer_to(key), "is not a known key");
  }
}

}  // namespace vouch::runtime
