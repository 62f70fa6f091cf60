#include "vouch/runtime/node_config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "vouch/quorum_check/lint.h"

namespace vouch::runtime {
namespace {

using Json = nlohmann::json;

Json good() {
  return Json::parse(R"({
    "node_id": 1,
    "listen": "127.0.0.1:7001",
    "peers": [{"id": 2, "address": "127.0.0.1:7002"}, {"id": 3, "address": "127.0.0.1:7003"}],
    "state_dir": "state"
  })");
}

/// The error that the good configuration gives with `patch` merged into it (RFC 7396).
std::string error_with(const char* patch) {
  Json json = good();
  json.merge_patch(Json::parse(patch));
  const auto config = parse_node_config(json.dump(), "/etc/vouch");
  return config ? "accepted" : config.error().message;
}

TEST(NodeConfig, AGoodOneHasTheDefaultsOfTheCore) {
  const auto config = parse_node_config(good().dump(), "/etc/vouch");
  ASSERT_TRUE(config) << config.error().message;
  const MonitorConfig& monitor = config->replica.monitor;
  EXPECT_EQ(monitor.self, NodeId{1});
  EXPECT_EQ(monitor.peers, (std::vector<NodeId>{NodeId{2}, NodeId{3}}));
  ASSERT_EQ(monitor.groups.size(), 1U) << "without groups all nodes vote in group 1";
  EXPECT_EQ(monitor.groups[0].id, GroupId{1});
  EXPECT_EQ(monitor.groups[0].voters, (std::vector<NodeId>{NodeId{1}, NodeId{2}, NodeId{3}}));
  EXPECT_EQ(monitor.lease, MonitorConfig{}.lease);
  EXPECT_EQ(config->state_dir, "/etc/vouch/state") << "relative to the file";
  EXPECT_FALSE(config->allow_drills);
  EXPECT_FALSE(config->seed);
}

// What a newcomer copies from docs/CONFIG.md is a configuration, and a good one.
TEST(NodeConfig, TheExampleOfTheDocumentationIsGood) {
  std::ifstream file(VOUCH_SOURCE_DIR "/docs/CONFIG.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = text.find("```json\n") + 8;
  const std::size_t end = text.find("```", begin);
  ASSERT_NE(end, std::string::npos);
  const auto config = parse_node_config(text.substr(begin, end - begin), "/etc/vouch");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->replica.monitor.groups[0].voters.size(), 3U);
  EXPECT_LT(worst(lint(config->replica.monitor)), Judgement::kWarning);
}

TEST(NodeConfig, EveryKeyArrives) {
  Json json = good();
  json.merge_patch(Json::parse(R"({
    "$schema": "node.schema.json", "cluster": "orders", "control": "/run/vouch.sock",
    "heartbeat_interval_ms": 50, "lease_ms": 1000, "clock_drift_ppm": 500, "guard_ms": 2,
    "confirm_interval_ms": 40, "consent_hold_ms": 120, "suppress_cap_ms": 5000,
    "stall_limit_ms": 250, "progress_timeout_ms": 900, "lease_mode": "wait_out",
    "detector": {"kind": "chen", "safety_margin_ms": 200, "window_size": 50},
    "election": {"retry_interval_ms": 30, "vote_window_ms": 200},
    "groups": [{"id": 4, "epoch": 2, "voters": [1, 2], "joint_voters": [1, 3], "priority": 7,
                "may_lead": false}],
    "allow_drills": true, "seed": 42})"));
  const auto config = parse_node_config(json.dump(), "/etc/vouch");
  ASSERT_TRUE(config) << config.error().message;
  using std::chrono::milliseconds;
  const MonitorConfig& monitor = config->replica.monitor;
  EXPECT_EQ(config->cluster, "orders");
  EXPECT_EQ(config->control, "/run/vouch.sock");
  EXPECT_EQ(monitor.heartbeat_interval, milliseconds(50));
  EXPECT_EQ(monitor.lease, milliseconds(1000));
  EXPECT_EQ(monitor.clock_drift_ppm, 500U);
  EXPECT_EQ(monitor.guard, milliseconds(2));
  EXPECT_EQ(monitor.confirm_interval, milliseconds(40));
  EXPECT_EQ(monitor.consent_hold, milliseconds(120));
  EXPECT_EQ(monitor.suppress_cap, milliseconds(5000));
  EXPECT_EQ(monitor.stall_limit, milliseconds(250));
  EXPECT_EQ(monitor.progress_timeout, milliseconds(900));
  EXPECT_EQ(monitor.lease_mode, LeaseMode::kWaitOut);
  EXPECT_EQ(monitor.detector.kind, DetectorKind::kChen);
  EXPECT_EQ(monitor.detector.safety_margin, milliseconds(200));
  EXPECT_EQ(monitor.detector.window_size, 50U);
  EXPECT_EQ(config->replica.election.retry_interval, milliseconds(30));
  EXPECT_EQ(config->replica.election.vote_window, milliseconds(200));
  EXPECT_EQ(monitor.groups[0].id, GroupId{4});
  EXPECT_EQ(monitor.groups[0].epoch, ConfigEpoch{2});
  EXPECT_EQ(monitor.groups[0].joint_voters, (std::vector<NodeId>{NodeId{1}, NodeId{3}}));
  EXPECT_EQ(monitor.groups[0].priority, 7);
  EXPECT_FALSE(monitor.groups[0].may_lead);
  EXPECT_TRUE(config->allow_drills);
  EXPECT_EQ(config->seed, 42U);
}

TEST(NodeConfig, FrontEndsHaveAPlaceAndAZone) {
  Json json = good();
  json.merge_patch(Json::parse(R"({
    "front_ends": [{"id": 101, "address": "127.0.0.1:8001", "zone": "east"},
                   {"id": 102, "address": "127.0.0.1:8002", "zone": "west"},
                   {"id": 103, "address": "127.0.0.1:8003", "zone": "east"}],
    "front_end_interval_ms": 200, "front_end_window_ms": 4000, "front_end_zones": 1})"));
  const auto config = parse_node_config(json.dump(), "/etc/vouch");
  ASSERT_TRUE(config) << config.error().message;
  const MonitorConfig& monitor = config->replica.monitor;
  ASSERT_EQ(monitor.front_ends.size(), 3U);
  EXPECT_EQ(monitor.front_ends[2].id, NodeId{103});
  EXPECT_EQ(monitor.front_ends[2].zone, monitor.front_ends[0].zone);
  EXPECT_NE(monitor.front_ends[1].zone, monitor.front_ends[0].zone);
  EXPECT_EQ(config->front_ends[1].address, "127.0.0.1:8002");
  EXPECT_EQ(monitor.front_end_interval, std::chrono::milliseconds(200));
  EXPECT_EQ(monitor.front_end_window, std::chrono::milliseconds(4000));
  EXPECT_EQ(monitor.front_end_zones, 1U);
  EXPECT_EQ(error_with(R"({"front_ends": [{"id": 2, "address": "127.0.0.1:8001"}]})"),
            "/front_ends/0/id: must name each node once and not this one, but it is 2");
  EXPECT_EQ(error_with(R"({"front_ends": [{"id": 9, "address": "127.0.0.1:7002"}]})"),
            "/front_ends/0/address: must differ from that of node 2, but it is \"127.0.0.1:7002\"");
  EXPECT_EQ(error_with(R"({"front_end_zones": 0})").find("/front_end_zones: must be"), 0U);
  const std::string window = error_with(
      R"({"front_ends": [{"id": 9, "address": "127.0.0.1:8001"}], "front_end_window_ms": 10})");
  EXPECT_EQ(window.find("/front_end_window_ms: "), 0U) << window;
}

TEST(NodeConfig, AProfileIsWhatTheFileLeavesOut) {
  Json json = good();
  json.merge_patch(Json::parse(
      R"({"profile": "wan", "lease_ms": 4000, "follower_lease_ms": 4100, "round_trip_ms": 380,
          "election": {"vote_window_ms": 1000}})"));
  const auto config = parse_node_config(json.dump(), "/etc/vouch");
  ASSERT_TRUE(config) << config.error().message;
  using std::chrono::milliseconds;
  MonitorConfig wan;
  apply_profile(Profile::kWan, wan);
  const MonitorConfig& monitor = config->replica.monitor;
  EXPECT_EQ(config->profile, Profile::kWan);
  EXPECT_EQ(monitor.heartbeat_interval, wan.heartbeat_interval);
  EXPECT_EQ(monitor.detector.timeout, wan.detector.timeout);
  EXPECT_EQ(monitor.lease, milliseconds(4000));
  EXPECT_EQ(monitor.promise(), milliseconds(4100));
  EXPECT_EQ(monitor.round_trip, milliseconds(380));
  EXPECT_EQ(config->replica.election.retry_interval, milliseconds(400));
  EXPECT_EQ(config->replica.election.vote_window, milliseconds(1000));
}

TEST(NodeConfig, ALinterGetsWhatADaemonRefuses) {
  Json json = good();
  json["heartbeat_interval_ms"] = 300;
  EXPECT_FALSE(parse_node_config(json.dump(), "/etc/vouch"));
  const auto config = parse_node_config(json.dump(), "/etc/vouch", NodeCheck::kMembers);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(worst(lint(config->replica.monitor)), Judgement::kUnsafe);
  json["groups"] = Json::parse(R"([{"id": 1, "voters": [1, 9]}])");
  EXPECT_FALSE(parse_node_config(json.dump(), "/etc/vouch", NodeCheck::kMembers))
      << "strange nodes are no matter of knobs";
}

TEST(NodeConfig, EachBadFieldIsOneLineWithPointerRuleAndValue) {
  const struct {
    const char* patch;
    const char* error;
  } rows[] = {
      {R"({"colour": 1})", "/colour: is not a known key"},
      {R"({"node_id": null})", "/node_id: is missing"},
      {R"({"node_id": 0})", "/node_id: must be a whole number in [1, 4294967295], but it is 0"},
      {R"({"node_id": "1"})",
       "/node_id: must be a whole number in [1, 4294967295], but it is \"1\""},
      {R"({"listen": "localhost:7001"})",
       "/listen: must be IP:PORT or [IPv6]:PORT, but it is \"localhost:7001\""},
      {R"({"listen": "127.0.0.1:70001"})",
       "/listen: must be IP:PORT or [IPv6]:PORT, but it is \"127.0.0.1:70001\""},
      {R"({"peers": 7})", "/peers: must be an array, but it is 7"},
      {R"({"peers": [{"id": 2, "address": "127.0.0.1"}]})",
       "/peers/0/address: must be IP:PORT or [IPv6]:PORT with a port in [1, 65535], but it is "
       "\"127.0.0.1\""},
      {R"({"peers": [{"id": 1, "address": "127.0.0.1:7002"}]})",
       "/peers/0/id: must name each node once and not this one, but it is 1"},
      {R"({"peers": [{"id": 2, "address": "127.0.0.1:7001"}]})",
       "/peers/0/address: must differ from that of node 1, but it is \"127.0.0.1:7001\""},
      {R"({"peers": [{"id": 2, "address": "[::1]:7002"}]})",
       "/peers/0/address: must be of the address family of listen (127.0.0.1:7001), but it is "
       "\"[::1]:7002\""},
      {R"({"peers": [{"id": 2, "address": "127.0.0.1:7002", "port": 1}]})",
       "/peers/0/port: is not a known key"},
      {R"({"lease_ms": -1})", "/lease_ms: must be a whole number in [0, 86400000], but it is -1"},
      {R"({"lease_ms": 0.5})", "/lease_ms: must be a whole number in [0, 86400000], but it is 0.5"},
      {R"({"heartbeat_interval_ms": 300})",
       "/heartbeat_interval_ms: in [0.1 ms, lease / 4 = 200 ms], but it is 300 ms"},
      {R"({"detector": {"timeout_ms": 0}})",
       "/detector/timeout_ms must be above 0 and at most 24 h, but is 0 ms"},
      {R"({"follower_lease_ms": 802})",
       "/follower_lease_ms: lease (1+r)/(1-r) + guard at most follower_lease = 802 ms, but it is "
       "802.601602 ms"},
      {R"({"round_trip_ms": 601})",
       "/lease_ms: round_trip + 2 heartbeat_interval at most lease = 800 ms, but it is 801 ms"},
      {R"({"round_trip_ms": 300, "election": {"vote_window_ms": 290}})",
       "/election: election.vote_window: round_trip at most election.vote_window = 290 ms, but it "
       "is 300 ms"},
      {R"({"profile": "moon"})", "/profile: must be one of lan, multi-az, wan, but it is \"moon\""},
      {R"({"lease_mode": "maybe"})",
       "/lease_mode: must be one of refuse, wait_out, but it is \"maybe\""},
      {R"({"detector": {"kind": "chen", "margin_ms": 1}})",
       "/detector/margin_ms: is not a known key"},
      {R"({"groups": []})", "/groups: must hold at least one group"},
      {R"({"groups": [{"id": 1, "voters": [1, 9]}]})",
       "/groups/voters: each voter is self or one of peers, but it is 9"},
      {R"({"allow_drills": "yes"})", "/allow_drills: must be true or false, but it is \"yes\""},
      {R"({"state_dir": ""})", "/state_dir: must be a text that is not empty, but it is \"\""},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(error_with(row.patch), row.error) << row.patch;
  }
}

TEST(NodeConfig, WhatIsNoJsonNamesLineAndColumn) {
  const auto broken = parse_node_config("{\n  \"node_id\": 1,\n}", "");
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("at line 3, column 1"), std::string::npos)
      << broken.error().message;
  const auto twice = parse_node_config(R"({"node_id": 1, "node_id": 2})", "");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message, "the key \"node_id\" stands twice");
  EXPECT_FALSE(parse_node_config("[]", ""));
  EXPECT_FALSE(parse_node_config("", ""));
}

TEST(NodeConfig, AControlPathThatTheSystemCannotHoldIsRefused) {
  const std::string patch = R"({"control": "/)" + std::string(120, 'x') + R"("})";
  EXPECT_NE(error_with(patch.c_str()).find("/control: must be shorter than 108 bytes"),
            std::string::npos);
}

TEST(NodeConfig, AFileThatIsNotThereIsNamed) {
  const auto config = load_node_config("/nonexistent/node.json");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message, "/nonexistent/node.json: cannot be read");
}

}  // namespace
}  // namespace vouch::runtime
