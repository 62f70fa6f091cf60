// Bad configurations: one clear error that names the field, the rule and the value.

#include "vouch/quorum_check/config.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "vouch/quorum_check/monitor.h"

namespace vouch {
namespace {

using std::chrono::milliseconds;

MonitorConfig good() {
  MonitorConfig config{.self = NodeId{1}, .incarnation = Incarnation{1}};
  config.peers = {NodeId{2}, NodeId{3}};
  config.groups = {GroupConfig{.id = GroupId{1}, .voters = {NodeId{1}, NodeId{2}, NodeId{3}}}};
  return config;
}

struct BadConfig {
  const char* name;
  std::function<void(MonitorConfig&)> spoil;
  const char* message;
};

class ConfigError : public ::testing::TestWithParam<BadConfig> {};

TEST_P(ConfigError, NamesFieldRuleAndValue) {
  MonitorConfig config = good();
  ASSERT_TRUE(validate(config));
  GetParam().spoil(config);
  const auto made = Monitor::create(config, Instant{}, Rng(1));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::kBadConfig);
  EXPECT_EQ(made.error().message, GetParam().message);
}

const BadConfig kBad[] = {
    {"NoSelf", [](auto& c) { c.self = kNobody; }, "self: must not be 0, but it is 0"},
    {"NoIncarnation", [](auto& c) { c.incarnation = Incarnation{}; },
     "incarnation: must not be 0, but it is 0"},
    {"PeerIsSelf", [](auto& c) { c.peers.push_back(NodeId{1}); },
     "peers: must not name self, but it is 1"},
    {"PeerTwice", [](auto& c) { c.peers.push_back(NodeId{2}); },
     "peers: each peer once, but it is 2 twice"},
    {"PeerNobody", [](auto& c) { c.peers.push_back(kNobody); },
     "peers: a peer's id must not be 0, but it is 0"},
    {"TooManyPeers",
     [](auto& c) {
       c.group_limits.claims = ClaimMode::kInline;
       for (std::uint32_t id = 4; id < 20; ++id)
         c.peers.push_back(NodeId{id});
     },
     "peers: at most 15 peers, but it is 18"},
    {"NoGroup", [](auto& c) { c.groups.clear(); }, "groups: 1 to 2 groups, but it is 0"},
    {"GroupTwice", [](auto& c) { c.groups.push_back(c.groups[0]); },
     "groups.id: each group once, but it is 1 twice"},
    {"NoVoters", [](auto& c) { c.groups[0].voters.clear(); },
     "groups.voters: at least one voter, but it is empty"},
    {"StrangeVoter", [](auto& c) { c.groups[0].voters.push_back(NodeId{9}); },
     "groups.voters: each voter is self or one of peers, but it is 9"},
    {"VoterTwice", [](auto& c) { c.groups[0].voters.push_back(NodeId{3}); },
     "groups.voters: each voter once, but it is 3 twice"},
    {"StrangeJointVoter", [](auto& c) { c.groups[0].joint_voters.push_back(NodeId{9}); },
     "groups.joint_voters: each voter is self or one of peers, but it is 9"},
    {"HeartbeatTooLong", [](auto& c) { c.heartbeat_interval = milliseconds(300); },
     "heartbeat_interval: in [0.1 ms, lease / 4 = 200 ms], but it is 300 ms"},
    {"HeartbeatZero", [](auto& c) { c.heartbeat_interval = Duration::zero(); },
     "heartbeat_interval: in [0.1 ms, lease / 4 = 200 ms], but it is 0 ms"},
    {"LeaseZero", [](auto& c) { c.lease = Duration::zero(); },
     "lease: in [1 ms, 1 h], but it is 0 ms"},
    {"DriftTooLarge", [](auto& c) { c.clock_drift_ppm = 100'001; },
     "clock_drift_ppm: in [0, 100000], but it is 100001"},
    {"GuardNegative", [](auto& c) { c.guard = -milliseconds(1); },
     "guard: in [0, lease = 800 ms], but it is -1 ms"},
    {"HoldTooLong", [](auto& c) { c.consent_hold = milliseconds(401); },
     "consent_hold: in [0.1 ms, lease / 2 = 400 ms], but it is 401 ms"},
    {"CapTooShort", [](auto& c) { c.suppress_cap = milliseconds(10); },
     "suppress_cap: in [lease = 800 ms, 24 h], but it is 10 ms"},
    {"StallTooShort", [](auto& c) { c.stall_limit = milliseconds(10); },
     "stall_limit: in [heartbeat_interval = 100 ms, 1 h], but it is 10 ms"},
};

INSTANTIATE_TEST_SUITE_P(Monitor, ConfigError, ::testing::ValuesIn(kBad),
                         [](const auto& bad) { return std::string(bad.param.name); });

TEST(Config, DetectorErrorsNameTheDetector) {
  MonitorConfig config = good();
  config.detector.timeout = Duration::zero();
  const auto made = Monitor::create(config, Instant{}, Rng(1));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message.find("detector."), 0U) << made.error().message;
}

TEST(Config, PromiseOutlastsTheLeaseOnAnyClockWithinTheBound) {
  for (const std::uint32_t ppm : {0U, 1U, 1000U, 20'000U, 100'000U}) {
    for (const Duration lease :
         {Duration(1'000'000), Duration(800'000'000), Duration(3'599'999'999'999)}) {
      MonitorConfig config = good();
      config.clock_drift_ppm = ppm;
      config.lease = lease;
      config.guard = Duration::zero();
      // The leader's clock runs slow: its lease lasts lease / (1 - r) in true time. The follower's
      // runs fast: its promise lasts promise / (1 + r). In integers, without rounding:
      const std::int64_t leader = lease.count() * (1'000'000 + ppm);
      const std::int64_t follower = config.promise().count() * (1'000'000 - ppm);
      EXPECT_GE(follower, leader) << ppm << " " << lease.count();
      EXPECT_LT(follower - leader, 2'000'000) << "no more than rounding";
    }
  }
}

}  // namespace
}  // namespace vouch
