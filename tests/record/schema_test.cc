// The published schema and the lines that are written must not drift apart.

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/record/sample_lines.h"

namespace vouch::testing {
namespace {

using Json = nlohmann::ordered_json;

/// As much of JSON Schema as the file uses. Remembers the properties that it has met.
class Schema {
 public:
  explicit Schema(Json root) : root_(std::move(root)) {}

  /// What is wrong with `value`; empty: nothing.
  std::string check(const Json& schema, const Json& value, const std::string& path) {
    if (schema.contains("$ref")) {
      const std::string name = schema["$ref"].get<std::string>().substr(8);
      return check(root_["$defs"].at(name), value, path);
    }
    if (schema.contains("oneOf")) return check_one_of(schema["oneOf"], value, path);
    if (schema.contains("const") && value != schema["const"]) return path + ": const";
    if (schema.contains("enum") && !has(schema["enum"], value)) return path + ": enum";
    if (schema.contains("type") && !is_type(schema["type"], value)) return path + ": type";
    if (value.is_object() && schema.contains("properties")) {
      return check_object(schema, value, path);
    }
    if (value.is_array() && schema.contains("items")) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        const std::string error = check(schema["items"], value[i], path + "/" + std::to_string(i));
        if (!error.empty()) return error;
      }
    }
    return "";
  }

  [[nodiscard]] const Json& root() const { return root_; }
  /// Of each schema of an object, by its address.
  [[nodiscard]] bool was_met(const Json& object, const std::string& key) const {
    return met_.contains({&object, key});
  }

 private:
  std::string check_one_of(const Json& choices, const Json& value, const std::string& path) {
    std::string errors;
    int fitting = 0;
    for (const Json& choice : choices) {
      const std::string error = check(choice, value, path);
      if (error.empty()) ++fitting;
      if (error != "/event: const") errors += error + "; ";
    }
    return fitting == 1 ? "" : "fits " + std::to_string(fitting) + ": " + errors;
  }

  std::string check_object(const Json& schema, const Json& value, const std::string& path) {
    // The event decides which of the four it is, so it is looked at first.
    if (value.contains("event") && schema["properties"].contains("event") &&
        value["event"] != schema["properties"]["event"]["const"]) {
      return path + "/event: const";
    }
    for (const auto& [key, inner] : value.items()) {
      if (!schema["properties"].contains(key)) return path + "/" + key + ": unknown";
      const std::string error = check(schema["properties"][key], inner, path + "/" + key);
      if (!error.empty()) return error;
      met_.insert({&schema, key});
    }
    for (const Json& key : schema["required"]) {
      if (!value.contains(key.get<std::string>())) return path + "/" + key.dump() + ": missing";
    }
    return "";
  }

  static bool has(const Json& list, const Json& value) {
    for (const Json& entry : list) {
      if (entry == value) return true;
    }
    return false;
  }
  static bool is_type(const Json& type, const Json& value) {
    if (type.is_array()) {
      for (const Json& one : type) {
        if (is_type(one, value)) return true;
      }
      return false;
    }
    return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
           (type == "integer" && value.is_number_integer()) ||
           (type == "boolean" && value.is_boolean()) || (type == "string" && value.is_string()) ||
           (type == "null" && value.is_null());
  }

  Json root_;
  std::set<std::pair<const Json*, std::string>> met_;
};

/// The properties of all objects in `schema` that no line had.
void collect_unmet(const Schema& schema, const Json& part, const std::string& path,
                   std::set<std::string>& unmet) {
  if (part.is_array()) {
    for (const Json& entry : part)
      collect_unmet(schema, entry, path, unmet);
  }
  if (!part.is_object()) return;
  if (part.contains("properties")) {
    for (const auto& [key, inner] : part["properties"].items()) {
      if (!schema.was_met(part, key)) unmet.insert(path + "." + key);
    }
  }
  for (const auto& [key, inner] : part.items())
    collect_unmet(schema, inner, path + "." + key, unmet);
}

TEST(DecisionSchema, FitsWhatIsWrittenAndNothingElse) {
  std::ifstream file(VOUCH_SOURCE_DIR "/docs/decision.schema.json");
  ASSERT_TRUE(file.is_open());
  Schema schema(Json::parse(file));
  std::vector<record::Line> lines;
  lines.push_back(sample_decision());
  lines.push_back(sample_stand_down());
  lines.push_back(sample_answer());
  lines.push_back(sample_vote());
  for (record::Line& line : lines) {
    line.stamp.wall = "2026-01-31T12:00:00.000Z";
    line.stamp.run = "s03 seed 1";
    line.stamp.sim_ns = 7;
    EXPECT_EQ(schema.check(schema.root(), Json::parse(record::write(line)), ""), "");
  }
  std::set<std::string> unmet;
  collect_unmet(schema, schema.root(), "", unmet);
  EXPECT_EQ(unmet, std::set<std::string>{}) << "properties that are never written";
  Json changed = Json::parse(record::write(lines[0]));
  changed["inputs"]["moon"] = "full";
  EXPECT_NE(schema.check(schema.root(), changed, ""), "");
}

}  // namespace
}  // namespace vouch::testing
