// Lines of a decision record: what is written is read and decided again; what was changed shows.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/record/sample_lines.h"
#include "vouch/record/line.h"

namespace vouch::testing {
namespace {

using Json = nlohmann::ordered_json;
using record::Strictness;

/// The first sample with `value` at `pointer`.
std::string with(const std::string& text, const std::string& pointer, const Json& value) {
  Json json = Json::parse(text);
  json[Json::json_pointer(pointer)] = value;
  return json.dump();
}

std::string without(const std::string& text, const std::string& parent, const std::string& key) {
  Json json = Json::parse(text);
  json[Json::json_pointer(parent)].erase(key);
  return json.dump();
}

std::string error_of(const std::string& text, Strictness strictness = Strictness::kExact) {
  const auto reading = record::read(text, strictness);
  return reading ? "" : reading.error().message;
}

std::vector<std::string> differences_of(const std::string& text) {
  const auto reading = record::read(text, Strictness::kExact);
  EXPECT_TRUE(reading) << reading.error().message;
  return reading && *reading ? (*reading)->differences : std::vector<std::string>{};
}

TEST(RecordLine, WhatIsWrittenIsReadAndDecidedTheSame) {
  for (const std::string& text : sample_texts()) {
    const auto reading = record::read(text, Strictness::kExact);
    ASSERT_TRUE(reading) << reading.error().message << "\n" << text;
    ASSERT_TRUE(*reading) << text;
    EXPECT_EQ((*reading)->differences, std::vector<std::string>{});
    EXPECT_EQ(record::write((*reading)->line), text);
  }
}

TEST(RecordLine, HoldsTheQuorumArithmeticOfAJointConfiguration) {
  const Json line = Json::parse(record::write(sample_decision()));
  EXPECT_EQ(line["verdict"], "CAMPAIGN");
  EXPECT_EQ(line["rule"], "quorum_consents");
  EXPECT_EQ(line["round"], UINT64_MAX);
  ASSERT_EQ(line["quorums"].size(), 2U);
  EXPECT_EQ(line["quorums"][0]["needed"], 3);
  EXPECT_EQ(line["quorums"][0]["consenting"], (Json{2, 3, 4}));
  EXPECT_EQ(line["quorums"][1]["voters"], (Json{2, 3, 4}));
  EXPECT_EQ(line["quorums"][1]["needed"], 2);
  EXPECT_EQ(line["consents_until_ns"], 2'140'000'000);
}

TEST(RecordLine, AChangedOutcomeIsADifference) {
  const std::string text = sample_texts()[0];
  EXPECT_EQ(differences_of(with(text, "/verdict", "WAIT")),
            std::vector<std::string>{"/verdict: recorded \"WAIT\", replayed \"CAMPAIGN\""});
  EXPECT_EQ(differences_of(with(text, "/quorums/1/needed", 3)),
            std::vector<std::string>{"/quorums/1/needed: recorded 3, replayed 2"});
  EXPECT_EQ(differences_of(with(text, "/candidacy/consenters", 5)).size(), 1U);
  EXPECT_EQ(differences_of(with(sample_texts()[1], "/reason", "draining")),
            std::vector<std::string>{"/reason: recorded \"draining\", replayed \"lease_lapsed\""});
  EXPECT_EQ(differences_of(with(sample_texts()[2], "/answer", "consent")).size(), 1U);
  EXPECT_EQ(differences_of(with(sample_texts()[3], "/verdict", "may")),
            std::vector<std::string>{"/verdict: recorded \"may\", replayed \"held\""});
}

// Each input matters: another one gives another decision.
TEST(RecordLine, AChangedInputChangesTheDecision) {
  const std::string text = sample_texts()[0];
  const auto verdict_with = [&](const std::string& pointer, const Json& value) {
    const auto reading = record::read(with(text, pointer, value), Strictness::kExact);
    EXPECT_TRUE(reading) << reading.error().message;
    const auto* what = std::get_if<record::DecisionCase>(&(*reading)->line.what);
    return what->output.verdict;
  };
  EXPECT_EQ(verdict_with("/inputs/own/sick", true), Verdict::kQuiesceSelf);
  EXPECT_EQ(verdict_with("/term", 4), Verdict::kSuperseded);
  EXPECT_EQ(verdict_with("/inputs/leader_heard", true), Verdict::kTrust);
  EXPECT_EQ(verdict_with("/inputs/answers/0/evidence_until_ns", 2'000'000'001), Verdict::kSuppress);
  EXPECT_EQ(verdict_with("/inputs/answers/0/answer", "held"), Verdict::kWait);
  EXPECT_EQ(verdict_with("/inputs/answers/0/sick", true), Verdict::kWait);
  EXPECT_EQ(verdict_with("/inputs/answers/0/consent_until_ns", 1'999'999'999), Verdict::kWait);
  EXPECT_EQ(verdict_with("/inputs/answers/0/asked_at_ns", 1'000'000'000), Verdict::kIsolatedSelf);
  EXPECT_EQ(verdict_with("/inputs/bindings/promised_until_ns", 2'000'000'001), Verdict::kWait);
  EXPECT_EQ(verdict_with("/inputs/nodes/2/candidacy/log/index", 13), Verdict::kEndorse);
  EXPECT_EQ(verdict_with("/inputs/own/may_lead", false), Verdict::kEndorse);
}

TEST(RecordLine, EachBadFieldIsNamedWithItsRuleAndValue) {
  const std::string text = sample_texts()[0];
  const auto expect = [&](const std::string& pointer, const Json& value, const std::string& part) {
    const std::string message = error_of(with(text, pointer, value));
    EXPECT_NE(message.find(pointer + ": "), std::string::npos) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect("/inputs/hold_ns", -1, "must be a whole number in [0, 2305843009213693952], is -1");
  expect("/inputs/hold_ns", "x", "is \"x\"");
  expect("/inputs/own/sick", 1, "must be true or false, is 1");
  expect("/inputs/round_started_ns", INT64_MIN, "must be nanoseconds");
  expect("/inputs/round_started_ns", UINT64_MAX, "must be nanoseconds");
  expect("/inputs/round_started_ns", "soon", "or \"never\"");
  expect("/inputs/round_subject", 6, "must be 0 (nobody) or a node of /inputs/nodes, is 6");
  expect("/inputs/voters", Json{1, 1}, "each once");
  expect("/inputs/voters", 3, "must list nodes");
  expect("/inputs/answers/0/answer", "yes", "must be one of consent, not_asked");
  expect("/inputs/answers/0/attempt", 4'294'967'296, "[0, 4294967295], is 4294967296");
  expect("/inputs/answers/0/attempt", 0, "must be above 0");
  expect("/inputs/answers/1/node", 3, "has no answer above");
  expect("/inputs/nodes/1/node", 1, "must be above 0 and above the one before");
  expect("/inputs/nodes/1", 5, "must be an object");
  expect("/inputs", Json::array(), "must be an object");
  expect("/at_ns", nullptr, "must be nanoseconds");
  expect("/node", 6, "a node of /inputs/nodes");
  expect("/node", 0, "must be a node of /inputs/nodes");
  expect("/schema", 2, "must be 1 or below");
  expect("/schema", 0, "must be a whole number above 0");
  expect("/event", "vouching", "must be one of decision, stand_down, answer, vote");
  expect("/event", 7, "must be a text");
  expect("/sim_ns", -(std::int64_t{1} << 62), "must be nanoseconds");
  const Json too_many(std::vector<Json>(17, Json::object()));
  expect("/inputs/nodes", too_many, "must be a list of at most 16");
}

TEST(RecordLine, MissingAndUnknownFieldsAreRefusedByReplay) {
  const std::string text = sample_texts()[0];
  EXPECT_EQ(error_of(without(text, "/inputs", "window_ns")), "/inputs/window_ns: is missing");
  EXPECT_EQ(error_of(without(text, "/inputs/nodes/4/candidacy", "log")),
            "/inputs/nodes/4/candidacy/log: is missing");
  EXPECT_EQ(error_of(without(text, "", "quorums")), "/quorums: is missing");
  EXPECT_EQ(error_of(with(text, "/inputs/moon", "full")),
            "/inputs/moon: is no field of schema 1, and may have been an input");
}

TEST(RecordLine, ATolerantReaderListsWhatItDoesNotKnow) {
  std::string text = with(sample_texts()[0], "/inputs/moon", "full");
  text = with(text, "/schema", 2);
  const auto reading = record::read(text, Strictness::kTolerant);
  ASSERT_TRUE(reading) << reading.error().message;
  ASSERT_TRUE(*reading);
  EXPECT_EQ((*reading)->schema, 2U);
  EXPECT_EQ((*reading)->unknown_fields, std::vector<std::string>{"/inputs/moon"});
  EXPECT_EQ((*reading)->differences, std::vector<std::string>{});
}

TEST(RecordLine, OtherLinesOfALogAreLeftOut) {
  for (const char* text : {R"({"event":"started","node":1})", R"({"event":"campaign"})"}) {
    const auto reading = record::read(text, Strictness::kExact);
    ASSERT_TRUE(reading) << reading.error().message;
    EXPECT_FALSE(*reading);
  }
  EXPECT_EQ(error_of("[]"), "must be a JSON object");
  EXPECT_EQ(error_of("{}"), "/event: is missing");
  EXPECT_EQ(error_of(""), "is no complete JSON value");
}

}  // namespace
}  // namespace vouch::testing
