// No text aborts the reader: lines cut off anywhere, damaged anywhere, nested without end, without
// end; and values that are well formed and senseless.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/record/sample_lines.h"
#include "tests/support/sample.h"
#include "vouch/detector/rng.h"
#include "vouch/record/explain.h"
#include "vouch/record/line.h"

namespace vouch::testing {
namespace {

using Json = nlohmann::ordered_json;
using record::Strictness;

/// Reads as both readers do, and says what was read. Returns whether anything was.
bool read_and_explain(const std::string& text) {
  static_cast<void>(record::read(text, Strictness::kExact));
  const auto reading = record::read(text, Strictness::kTolerant);
  if (!reading) {
    EXPECT_NE(reading.error().message, "");
    return false;
  }
  if (!*reading) return false;
  EXPECT_NE(record::explain((*reading)->line), "");
  return true;
}

TEST(GarbledLine, CutOffAnywhere) {
  for (const std::string& text : sample_texts()) {
    for (std::size_t length = 0; length < text.size(); length += sample_step()) {
      EXPECT_FALSE(read_and_explain(text.substr(0, length))) << length;
    }
    EXPECT_TRUE(read_and_explain(text));
  }
}

TEST(GarbledLine, DamagedAnywhere) {
  Rng rng(20261126);
  std::uint64_t read = 0;
  const std::uint64_t rounds = sampled(4'000);
  const std::vector<std::string> texts = sample_texts();
  for (std::uint64_t i = 0; i < rounds; ++i) {
    std::string text = texts[i % texts.size()];
    for (std::uint64_t flips = rng.below(3) + 1; flips > 0; --flips) {
      const bool is_digit = rng.below(2) == 0;
      const std::uint64_t byte = is_digit ? '0' + rng.below(10) : rng.below(256);
      text[rng.below(text.size())] = static_cast<char>(byte);
    }
    read += read_and_explain(text) ? 1U : 0U;
  }
  EXPECT_GT(read, rounds / 500) << "some damage hits a digit, and the line is still one";
}

/// Every place in a value, the value itself first.
void collect(const Json& json, const Json::json_pointer& at, std::vector<Json::json_pointer>& all) {
  all.push_back(at);
  if (json.is_object()) {
    for (const auto& [key, value] : json.items())
      collect(value, at / key, all);
  } else if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i)
      collect(json[i], at / i, all);
  }
}

TEST(GarbledLine, SenselessValuesAnywhere) {
  const std::int64_t far = std::int64_t{1} << 61;
  const std::vector<Json> values = {
      nullptr,        true,      0,          1,         -1, far,        -far,
      UINT64_MAX,     INT64_MIN, 1.5,        "never",   "", "SUPPRESS", Json::array(),
      Json::object(), Json{1},   Json{0, 0}, "consent", 3,  16};
  for (const std::string& text : sample_texts()) {
    const Json whole = Json::parse(text);
    std::vector<Json::json_pointer> places;
    collect(whole, Json::json_pointer(), places);
    for (std::size_t i = 0; i < places.size(); i += sample_step()) {
      for (std::size_t j = i % 4; j < values.size(); j += 4) {  // A quarter each, in turn.
        Json changed = whole;
        changed[places[i]] = values[j];
        static_cast<void>(read_and_explain(changed.dump()));
      }
    }
  }
}

TEST(GarbledLine, NestedOrLongWithoutEnd) {
  EXPECT_FALSE(read_and_explain(std::string(900'000, '[')));
  std::string deep = sample_texts()[0];
  deep.insert(deep.find("\"via\":") + 6, std::string(400'000, '[') + std::string(400'000, ']'));
  EXPECT_FALSE(read_and_explain(deep));
  std::string in_text = sample_texts()[0];
  in_text.insert(1, "\"run\":\"[[[[[[[[[[[[\\\"[[[\",");
  EXPECT_TRUE(read_and_explain(in_text)) << "brackets in a text nest nothing";
  EXPECT_FALSE(read_and_explain(std::string(record::kLineMax + 1, ' ')));
}

}  // namespace
}  // namespace vouch::testing
