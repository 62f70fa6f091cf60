// The knobs of the built-in election against those of the Monitor beside it.

#include "vouch/host/election_lint.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace vouch::host {
namespace {

using namespace std::chrono_literals;
using Names = std::set<std::string>;

MonitorConfig monitor() {
  MonitorConfig config{.self = NodeId{1}, .incarnation = Incarnation{1}};
  config.peers = {NodeId{2}, NodeId{3}};
  config.groups = {{.id = GroupId{1}, .voters = {NodeId{1}, NodeId{2}, NodeId{3}}}};
  config.round_trip = 20ms;
  return config;
}

Names broken(const ElectionConfig& election, const MonitorConfig& config) {
  Names names;
  for (const LintRow& row : lint(election, config)) {
    if (row.judgement() >= Judgement::kWarning) names.insert(std::string(row.name));
  }
  return names;
}

TEST(ElectionLint, EachRuleIsExactAtItsBoundary) {
  const MonitorConfig config = monitor();
  ElectionConfig election;
  EXPECT_EQ(broken(election, config), Names{});

  election.retry_interval = election.vote_window;
  EXPECT_EQ(broken(election, config), Names{});
  election.retry_interval += 1ns;
  EXPECT_EQ(broken(election, config), Names{"vote_retry"});
  EXPECT_FALSE(validate(election, config));

  election = {.retry_interval = 10ms, .vote_window = 20ms};
  EXPECT_EQ(broken(election, config), Names{});
  EXPECT_TRUE(validate(election, config));
  election.vote_window -= 1ns;
  EXPECT_EQ(broken(election, config), Names{"vote_round_trip"});
  const Status refused = validate(election, config);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message.find("election.vote_window: round_trip at most "), 0U);

  election = {.vote_window = 800ms - 20ms - 100ms};
  EXPECT_EQ(broken(election, config), Names{});
  election.vote_window += 1ns;
  EXPECT_EQ(broken(election, config), Names{"vote_in_lease"});
  EXPECT_TRUE(validate(election, config)) << "a warning refuses nothing";
}

TEST(ElectionLint, WithoutTheRoundTripOnlyTheRetryIsJudged) {
  MonitorConfig config = monitor();
  config.round_trip = 0ms;
  for (const LintRow& row : lint(ElectionConfig{}, config)) {
    EXPECT_EQ(row.judgement(), row.name == "vote_retry" ? Judgement::kOk : Judgement::kNotJudged)
        << row.name;
  }
}

TEST(ElectionLint, EveryProfilePasses) {
  for (const Profile profile : kProfiles) {
    MonitorConfig config = monitor();
    apply_profile(profile, config);
    ElectionConfig election;
    apply_profile(profile, election);
    EXPECT_EQ(broken(election, config), Names{}) << to_string(profile);
    EXPECT_TRUE(validate(election, config));
  }
  ElectionConfig lan{.retry_interval = 1ms, .vote_window = 2ms};
  apply_profile(Profile::kLan, lan);
  EXPECT_EQ(lan.retry_interval, ElectionConfig{}.retry_interval);
  EXPECT_EQ(lan.vote_window, ElectionConfig{}.vote_window);
}

}  // namespace
}  // namespace vouch::host
