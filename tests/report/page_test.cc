#include "vouch/report/page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "vouch/sim/policies.h"

namespace vouch::report {
namespace {

constexpr const char* kHostile =
    "</script><script>alert(1)</script><!-- & ]]> \" \\ \n \xe2\x80\xa8 \xc3\xa9 \xff";

Report small_report(const std::string& title, std::uint64_t seed = 1) {
  Report report{.version = "1.2.3", .command = "vouch simulate " + title, .scenarios = {}};
  ScenarioReport& scenario = report.scenarios.emplace_back();
  scenario.scenario = *scenario::load_scenario("s10");
  scenario.scenario.title = title;
  scenario.scenario.note = title;
  for (const char* policy : {"vouch", "raft"}) {
    const auto protocol = sim::make_policy(policy, scenario.scenario.settings);
    Recorder recorder(scenario.scenario.plan, {.seed = seed, .messages_max = 50});
    sim::RunOptions options = scenario::run_options(scenario.scenario, policy, seed);
    options.observers.push_back(&recorder);
    PolicyReport& runs = scenario.policies.emplace_back();
    runs.policy = policy;
    runs.misses = {title};
    runs.results.push_back(sim::run(**protocol, scenario.scenario.plan, options));
    runs.recording = recorder.finish();
  }
  return report;
}

TEST(ReportJson, NoTextOfAScenarioCanLeaveItsElement) {
  const std::string text = report_json(small_report(kHostile));
  EXPECT_EQ(text.find_first_of("<>&"), std::string::npos);
  EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
  const auto json = nlohmann::json::parse(text);
  // The byte that is no UTF-8 is replaced, everything else comes out as it went in.
  std::string expected = kHostile;
  expected.replace(expected.find('\xff'), 1, "\xef\xbf\xbd");
  EXPECT_EQ(json["scenarios"][0]["title"], expected);
  EXPECT_EQ(json["scenarios"][0]["policies"][1]["misses"][0], expected);
}

TEST(ReportJson, HasIntegersOnlyAndRepeatsToTheByte) {
  const std::string text = report_json(small_report("a title"));
  EXPECT_EQ(text, report_json(small_report("a title")));
  EXPECT_NE(text, report_json(small_report("a title", 2)));
  const auto json = nlohmann::json::parse(text).flatten();
  for (const auto& [key, value] : json.items())
    EXPECT_FALSE(value.is_number_float()) << key;
}

TEST(ReportJson, ThePackedMessagesUnpackToTheRecording) {
  const Report report = small_report("a title");
  const Recording& recording = report.scenarios[0].policies[0].recording;
  const auto json = nlohmann::json::parse(report_json(report));
  const auto& packed = json["scenarios"][0]["policies"][0]["recording"]["messages"];
  ASSERT_EQ(packed["flat"].size(), recording.messages.size() * 6);
  std::int64_t sent = 0;
  for (std::size_t i = 0; i < recording.messages.size(); ++i) {
    const SentMessage& message = recording.messages[i];
    sent += packed["flat"][i * 6].get<std::int64_t>();
    EXPECT_EQ(sent, (message.sent - sim::kStart).count() / 1000);
    EXPECT_EQ(packed["flat"][i * 6 + 2], message.from);
    EXPECT_EQ(packed["flat"][i * 6 + 3], message.to);
    EXPECT_EQ(packed["flat"][i * 6 + 1] == -1, message.fate != sim::Fate::kDelivered);
  }
}

TEST(ReportPage, MessagesArePlentyForOneRunAndSomeForMany) {
  EXPECT_GE(messages_per_recording(1), 10'000U);
  EXPECT_GT(messages_per_recording(3), messages_per_recording(100));
  EXPECT_GE(messages_per_recording(100'000), 500U);
}

TEST(ReportPage, HoldsTheDataOnceAndLoadsNothing) {
  if (!has_page()) GTEST_SKIP() << "this build has no page: npm was not there";
  const Report report = small_report(kHostile);
  const std::string page = report_page(report);
  const std::string data = report_json(report);
  const std::size_t at = page.find(data);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(page.find(kDataMark), std::string::npos);
  EXPECT_EQ(page.compare(at + data.size(), 9, "</script>"), 0);
  EXPECT_EQ(page.find("src="), std::string::npos);
  EXPECT_EQ(page.find("@import"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(page.find("MIT License"), std::string::npos) << "the licence of what is bundled";
}

}  // namespace
}  // namespace vouch::report
