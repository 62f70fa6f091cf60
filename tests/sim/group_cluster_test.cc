// Many groups: what they cost while nothing changes, and what a node's death costs.

#include "vouch/sim/group_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "tests/support/allocation_counter.h"
#include "tests/support/sample.h"
#include "vouch/probe/codec.h"

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

GroupCluster cluster_of(std::uint32_t nodes, std::uint32_t groups,
                        std::uint32_t loss_per_million = 0) {
  GroupClusterOptions options{.nodes = nodes, .groups = groups, .voters = std::min(nodes, 3U)};
  options.loss_per_million = loss_per_million;
  options.measure_bytes = true;
  options.monitor.group_limits.claims = ClaimMode::kDigest;
  return GroupCluster::create(options).value();
}

/// Until every group has a leader and nothing goes on any more.
void settle(GroupCluster& cluster, Duration most) {
  for (Duration waited{}; waited < most && cluster.leaderless() > 0; waited += 500ms)
    cluster.run(500ms);
  ASSERT_EQ(cluster.leaderless(), 0U);
  cluster.run(2s);
  ASSERT_EQ(cluster.leaderless(), 0U);
}

GroupTraffic idle_traffic(std::uint32_t groups) {
  GroupCluster cluster = cluster_of(3, groups);
  settle(cluster, 60s);
  EXPECT_EQ(cluster.monitor(NodeId{1}).fleet().active, 0U);
  EXPECT_LE(cluster.monitor(NodeId{1}).fleet().bytes_per_idle_group, groups < 100 ? 128U : 64U);
  cluster.reset_counts();
  cluster.reset_traffic();
  cluster.run(10s);
  EXPECT_EQ(cluster.counts().elected + cluster.counts().stood_down, 0U);
  EXPECT_EQ(cluster.leaderless(), 0U);
  return cluster.traffic();
}

// Nothing on the wire and no timer grows with the number of groups while nothing changes.
TEST(ManyGroups, IdleTheyCostWhatOneCosts) {
  const GroupTraffic one = idle_traffic(1);
  const GroupTraffic many = idle_traffic(3000);
  EXPECT_EQ(one.batches, 0U);
  EXPECT_EQ(many.batches, 0U);
  EXPECT_EQ(many.heartbeats, one.heartbeats);
  EXPECT_EQ(many.bytes, one.bytes);
  // Both look at the clock once per interval, and now and then at whom they hear and who supports.
  EXPECT_LE(many.timeouts, one.timeouts + one.timeouts / 10);
}

// A node with thousands of groups dies: each has a leader within lease + 1 s, after about one
// campaign, and the cap on datagrams is kept.
TEST(ManyGroups, ANodesDeathCostsOneCampaignPerGroup) {
  GroupCluster cluster = cluster_of(5, 5000);
  settle(cluster, 60s);
  const std::vector<std::uint32_t> orphans = cluster.groups_of(NodeId{1});
  ASSERT_GT(orphans.size(), 500U);
  cluster.reset_counts();
  cluster.reset_traffic();
  const Instant died_at = cluster.now();
  cluster.crash(NodeId{1});
  const MonitorConfig config{};
  cluster.run(config.lease + 1s);
  EXPECT_EQ(cluster.leaderless(), 0U);
  for (const std::uint32_t number : orphans)
    EXPECT_GT(cluster.elected_at(number), died_at) << number;
  EXPECT_LE(cluster.counts().campaigns * 100, orphans.size() * 105);
  EXPECT_EQ(cluster.counts().violations, 0U);
  EXPECT_EQ(cluster.counts().stood_down, 0U) << "the other groups are not disturbed";
  EXPECT_LE(cluster.traffic().batches_most, config.group_limits.packets_max);
  // Nobody inherits them all.
  const auto inherited = [&](NodeId node) {
    return std::ranges::count_if(orphans,
                                 [&](auto number) { return cluster.leader(number) == node; });
  };
  for (std::uint32_t id = 2; id <= 5; ++id)
    EXPECT_GT(inherited(NodeId{id}), static_cast<std::ptrdiff_t>(orphans.size() / 10)) << id;
  // It comes back and disturbs nothing (rule L6).
  cluster.reset_counts();
  cluster.restart(NodeId{1});
  cluster.run(3s);
  EXPECT_EQ(cluster.leaderless(), 0U);
  EXPECT_EQ(cluster.counts().campaigns, 0U);
}

// The worst case: the node led every one of its groups.
TEST(ManyGroups, ANodeThatLedAllItsGroupsDies) {
  const auto groups = static_cast<std::uint32_t>(testing::sampled(1000));
  GroupClusterOptions options{.nodes = 5, .groups = groups, .voters = 3, .around_first = 5};
  options.first_leads = true;
  options.monitor.group_limits.claims = ClaimMode::kDigest;
  GroupCluster cluster = GroupCluster::create(options).value();
  settle(cluster, 60s);
  ASSERT_EQ(cluster.led_by(NodeId{1}), groups);
  cluster.make_eligible();
  cluster.run(500ms);
  cluster.reset_counts();
  cluster.reset_traffic();
  cluster.crash(NodeId{1});
  const MonitorConfig config{};
  cluster.run(config.lease + 1s);
  EXPECT_EQ(cluster.leaderless(), 0U);
  EXPECT_LE(cluster.counts().campaigns * 100, std::uint64_t{groups} * 105);
  EXPECT_LE(cluster.traffic().batches_most, config.group_limits.packets_max);
  EXPECT_EQ(cluster.counts().violations, 0U);
  EXPECT_EQ(cluster.counts().stood_down, 0U);
}

TEST(ManyGroups, LossDelaysThemAndDisturbsNone) {
  GroupCluster cluster = cluster_of(5, 500, 50'000);
  settle(cluster, 60s);
  cluster.reset_counts();
  cluster.run(20s);
  EXPECT_EQ(cluster.counts().stood_down, 0U);
  EXPECT_EQ(cluster.counts().campaigns, 0U);
  cluster.crash(NodeId{2});
  cluster.run(4s);
  EXPECT_EQ(cluster.leaderless(), 0U);
  EXPECT_EQ(cluster.counts().violations, 0U);
}

// Cut off, a leader gives its groups up by its own clock; the others elect, and the heal disturbs
// nothing.
TEST(ManyGroups, AnIsolatedLeaderGivesItsGroupsUp) {
  GroupCluster cluster = cluster_of(5, 500);
  settle(cluster, 60s);
  const std::vector<std::uint32_t> led = cluster.groups_of(NodeId{3});
  ASSERT_FALSE(led.empty());
  cluster.reset_counts();
  for (std::uint32_t id = 1; id <= 5; ++id) {
    cluster.cut(NodeId{3}, NodeId{id});
    cluster.cut(NodeId{id}, NodeId{3});
  }
  cluster.run(2s);
  EXPECT_EQ(cluster.leaderless(), 0U);
  EXPECT_EQ(cluster.led_by(NodeId{3}), 0U);
  EXPECT_EQ(cluster.counts().stood_down, led.size());
  EXPECT_EQ(cluster.counts().violations, 0U);
  cluster.reset_counts();
  for (std::uint32_t id = 1; id <= 5; ++id) {
    cluster.heal(NodeId{3}, NodeId{id});
    cluster.heal(NodeId{id}, NodeId{3});
  }
  cluster.run(3s);
  EXPECT_EQ(cluster.leaderless(), 0U);
  EXPECT_EQ(cluster.counts().campaigns, 0U);
}

// One way only: followers that lose a leader's heartbeats ask, are told that others support it, and
// leave it alone (rules S1, L1), for all its groups.
TEST(ManyGroups, AOneWayCutDisturbsNoGroupThatKeepsItsQuorum) {
  GroupCluster cluster = cluster_of(5, 300);
  settle(cluster, 60s);
  cluster.reset_counts();
  cluster.cut(NodeId{1}, NodeId{2});
  cluster.run(10s);
  EXPECT_EQ(cluster.counts().campaigns, 0U);
  EXPECT_EQ(cluster.counts().stood_down, 0U);
  EXPECT_EQ(cluster.leaderless(), 0U);
}

// In a roster of a thousand: an index of a node has more than eight bits, and the support vector
// does not fit a datagram.
TEST(ManyGroups, AThousandNodes) {
  GroupClusterOptions options{.nodes = 1000, .groups = 200, .voters = 3, .around_first = 6};
  options.monitor.group_limits = {.claims = ClaimMode::kDigest,
                                  .active_max = 200,
                                  .rounds_max = 50,
                                  .packets_max = 200,
                                  .members_max = 5};
  options.measure_bytes = true;
  GroupCluster cluster = GroupCluster::create(options).value();
  cluster.run(4s);
  ASSERT_EQ(cluster.leaderless(), 0U);
  cluster.reset_counts();
  cluster.reset_traffic();
  cluster.run(1s);
  EXPECT_EQ(cluster.traffic().batches, 0U);
  EXPECT_EQ(cluster.traffic().heartbeats, 6U * 999U * 10U);
  EXPECT_LE(cluster.traffic().bytes / cluster.traffic().heartbeats, kMaxDatagram);
  const auto orphans = static_cast<std::uint64_t>(cluster.led_by(NodeId{1}));
  cluster.crash(NodeId{1});
  cluster.run(1800ms);
  EXPECT_EQ(cluster.leaderless(), 0U);
  EXPECT_LE(cluster.counts().campaigns * 100, orphans * 105);
  EXPECT_EQ(cluster.counts().violations, 0U);
}

// A drained leader asks who could lead instead, and hands over.
TEST(ManyGroups, ADrainedLeaderHandsOver) {
  GroupCluster cluster = cluster_of(3, 20);
  settle(cluster, 20s);
  const std::vector<std::uint32_t> led = cluster.groups_of(NodeId{1});
  ASSERT_FALSE(led.empty());
  for (std::uint32_t number = 0; number < cluster.groups(); ++number)
    cluster.tell(NodeId{1}, EligibilityChanged{GroupCluster::group(number), false});
  cluster.run(2s);
  EXPECT_EQ(cluster.led_by(NodeId{1}), 0U);
  EXPECT_EQ(cluster.leaderless(), 0U);
}

// Certain knowledge releases all its groups at once.
TEST(ManyGroups, AnObituaryFreesEveryGroupOfTheNode) {
  GroupCluster cluster = cluster_of(5, 500);
  settle(cluster, 60s);
  const Instant died_at = cluster.now();
  const std::vector<std::uint32_t> orphans = cluster.groups_of(NodeId{1});
  cluster.crash(NodeId{1});
  for (std::uint32_t id = 2; id <= 5; ++id)
    cluster.tell(NodeId{id}, Obituary{NodeId{1}, Incarnation{1}});
  cluster.run(300ms);
  EXPECT_EQ(cluster.leaderless(), 0U);
  for (const std::uint32_t number : orphans)
    EXPECT_LT(cluster.elected_at(number) - died_at, 300ms);
}

// A voter leaves and another comes, while the group is led.
TEST(ManyGroups, MembershipChangesWhileAGroupIsLed) {
  GroupClusterOptions options{.nodes = 5, .groups = 10, .voters = 3};
  options.monitor.group_limits = {.claims = ClaimMode::kDigest, .members_max = 5};
  GroupCluster cluster = GroupCluster::create(options).value();
  settle(cluster, 20s);
  const GroupId group = GroupCluster::group(0);
  const std::vector<NodeId>& voters = cluster.voters(0);
  const NodeId leader = cluster.leader(0);
  NodeList fewer;
  for (const NodeId voter : voters) {
    if (voter == leader || fewer.count == 0 || (fewer.count == 1 && fewer.nodes[0] != leader)) {
      if (fewer.count < 2) fewer.push(voter);
    }
  }
  if (std::ranges::find(fewer, leader) == fewer.end()) {
    fewer = {};
    fewer.push(voters[0]);
    fewer.push(leader);
  }
  for (const NodeId voter : voters)
    cluster.tell(voter, MembershipChanged{group, ConfigEpoch{2}, fewer, {}});
  cluster.run(3s);
  EXPECT_EQ(cluster.leader(0), leader);
  EXPECT_EQ(cluster.monitor(leader).counters().dropped_bad_field, 0U);
  // The one that is out cannot be counted on any more; with both others alive all is well.
  for (const NodeId voter : voters) {
    if (std::ranges::find(fewer, voter) == fewer.end()) cluster.crash(voter);
  }
  cluster.run(3s);
  EXPECT_EQ(cluster.leader(0), leader);
}

TEST(ManyGroups, EqualOptionsGiveEqualRuns) {
  const auto run = [] {
    GroupCluster cluster = cluster_of(4, 60, 20'000);
    cluster.run(3s);
    cluster.crash(NodeId{4});
    cluster.run(2s);
    return std::pair(cluster.traffic().bytes, cluster.counts().campaigns);
  };
  EXPECT_EQ(run(), run());
}

/// Hands what one Monitor sends to the other, without a host: allocates nothing itself.
void exchange(Monitor& a, Monitor& b, NodeId a_id, Instant now) {
  while (const Action* action = a.front_action()) {
    if (const auto* send = std::get_if<Send>(action)) b.handle_message(now, a_id, send->message);
    a.pop_action();
  }
}

// After create() a Monitor of many groups allocates nothing, whatever goes on.
TEST(ManyGroups, NothingIsAllocatedInSteadyState) {
  const auto make = [](std::uint32_t self) {
    MonitorConfig config{.self = NodeId{self}, .incarnation = Incarnation{1}};
    config.boot = BootMode::kFirstBoot;
    config.peers = {NodeId{3 - self}};
    for (std::uint64_t id = 1; id <= 300; ++id)
      config.groups.push_back({.id = GroupId{id}, .voters = {NodeId{1}, NodeId{2}}});
    return Monitor::create(config, Instant(1s), Rng(self)).value();
  };
  Monitor one = make(1);
  Monitor two = make(2);
  const std::uint64_t before = test::allocations();
  std::uint64_t led = 0;
  for (Instant now(1s); now < Instant(6s); now += 1ms) {
    one.handle_timeout(now);
    exchange(one, two, NodeId{1}, now);
    two.handle_timeout(now);
    exchange(two, one, NodeId{2}, now);
    if (now == Instant(2s)) {
      for (std::uint64_t id = 1; id <= 300; ++id) {
        two.handle_local(now, VoteGranted{GroupId{id}, NodeId{1}, Term{1}});
        Elected elected{GroupId{id}, Term{1}, now, {}, {}};
        elected.voters.push(NodeId{1});
        elected.voters.push(NodeId{2});
        one.handle_local(now, elected);
        exchange(one, two, NodeId{1}, now);
        exchange(two, one, NodeId{2}, now);
      }
    }
    if (now == Instant(5s)) {
      for (std::uint64_t id = 1; id <= 300; ++id) {
        led += one.lease_held(GroupId{id}, now) ? 1U : 0U;
        one.handle_local(now, Resigned{GroupId{id}, Term{1}});
        exchange(one, two, NodeId{1}, now);
      }
    }
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(led, 300U);
}

/// Three nodes without hosts, which vote for whoever asks: nothing allocates but the Monitors, if
/// they do.
class BareCluster {
 public:
  explicit BareCluster(std::uint64_t groups) : groups_(groups) {
    for (std::uint32_t self = 1; self <= 3; ++self) {
      MonitorConfig config{.self = NodeId{self}, .incarnation = Incarnation{1}};
      config.boot = BootMode::kFirstBoot;
      for (std::uint32_t peer = 1; peer <= 3; ++peer) {
        if (peer != self) config.peers.push_back(NodeId{peer});
      }
      for (std::uint64_t id = 1; id <= groups; ++id) {
        config.groups.push_back({.id = GroupId{id}, .voters = {NodeId{1}, NodeId{2}, NodeId{3}}});
      }
      monitors_.push_back(Monitor::create(config, now_, Rng(self)).value());
    }
    pending_.reserve(100'000);
    next_.reserve(100'000);
  }

  void run(Duration time) {
    for (const Instant end = now_ + time; now_ < end; now_ += 1ms) {
      pending_.swap(next_);
      for (const auto& [from, to, message] : pending_) {
        if (is_up_[from - 1] && is_up_[to - 1]) {
          monitors_[to - 1].handle_message(now_, NodeId{from}, message);
        }
      }
      pending_.clear();
      for (std::uint32_t self = 1; self <= 3; ++self) {
        if (!is_up_[self - 1]) continue;
        if (now_ >= monitors_[self - 1].next_timeout()) monitors_[self - 1].handle_timeout(now_);
        act(self);
      }
    }
  }

  void kill(std::uint32_t self) { is_up_[self - 1] = false; }

  [[nodiscard]] std::uint64_t led() const {
    std::uint64_t count = 0;
    for (std::uint64_t id = 1; id <= groups_; ++id) {
      for (std::uint32_t self = 1; self <= 3; ++self) {
        if (is_up_[self - 1] && monitors_[self - 1].lease_held(GroupId{id}, now_)) ++count;
      }
    }
    return count;
  }

 private:
  struct Packet {
    std::uint32_t from;
    std::uint32_t to;
    Message message;
  };

  void act(std::uint32_t self) {
    Monitor& monitor = monitors_[self - 1];
    while (const Action* front = monitor.front_action()) {
      if (const auto* send = std::get_if<Send>(front)) {
        ASSERT_LT(next_.size(), next_.capacity());
        next_.push_back({self, send->to.value(), send->message});
      }
      const auto* found = std::get_if<Campaign>(front);
      const std::optional<Campaign> campaign = found ? std::optional(*found) : std::nullopt;
      monitor.pop_action();
      if (campaign) elect(self, *campaign);
    }
  }

  void elect(std::uint32_t self, const Campaign& campaign) {
    Elected elected{campaign.group, campaign.after.next(), now_, {}, {}};
    for (std::uint32_t voter = 1; voter <= 3; ++voter) {
      Monitor& monitor = monitors_[voter - 1];
      if (!is_up_[voter - 1]) continue;
      if (monitor.may_vote(elected.group, NodeId{self}, now_) != VoteVerdict::kMay) continue;
      monitor.handle_local(now_, VoteGranted{elected.group, NodeId{self}, elected.term});
      elected.voters.push(NodeId{voter});
    }
    if (elected.voters.count >= 2) monitors_[self - 1].handle_local(now_, elected);
  }

  std::uint64_t groups_;
  Instant now_{1s};
  std::vector<Monitor> monitors_;
  std::array<bool, 3> is_up_{true, true, true};
  std::vector<Packet> pending_;
  std::vector<Packet> next_;
};

// From the first start over idle hours to a node's death and the elections after it, with health,
// diagnosis and the decisions of every group: nothing is allocated.
TEST(ManyGroups, ElectionsAndANodesDeathAllocateNothing) {
  BareCluster cluster(500);
  const std::uint64_t before = test::allocations();
  cluster.run(5s);
  ASSERT_EQ(cluster.led(), 500U);
  cluster.kill(1);
  cluster.run(500ms);
  EXPECT_LT(cluster.led(), 500U);
  cluster.run(4s);
  EXPECT_EQ(cluster.led(), 500U);
  EXPECT_EQ(test::allocations(), before);
}

/// Whatever is in a batch, nothing is believed that does not fit and nothing breaks.
TEST(ManyGroups, GarbageIsDroppedAndCounted) {
  MonitorConfig config{.self = NodeId{1}, .incarnation = Incarnation{1}};
  config.boot = BootMode::kFirstBoot;
  config.peers = {NodeId{2}, NodeId{3}};
  for (std::uint64_t id = 1; id <= 20; ++id)
    config.groups.push_back({.id = GroupId{id}, .voters = {NodeId{1}, NodeId{2}, NodeId{3}}});
  Monitor monitor = Monitor::create(config, Instant(1s), Rng(1)).value();
  Rng rng(7);
  Instant now(1s);
  for (int round = 0; round < 20'000; ++round) {
    now += Duration(rng.between(0, 3'000'000));
    GroupBatch batch{.from = {NodeId{round % 2 == 0 ? 2U : 3U}, Incarnation{1}}};
    batch.stream = static_cast<std::uint32_t>(rng.below(3));
    batch.begin = rng.below(40);
    batch.end = rng.below(60);
    batch.size = static_cast<std::uint16_t>(rng.below(kBatchBytes + 1));
    for (std::uint8_t& byte : batch.entries)
      byte = static_cast<std::uint8_t>(rng.chance(700'000) ? rng.below(22) : rng.below(256));
    monitor.handle_message(now, batch.from.node, batch);
    if (now >= monitor.next_timeout()) monitor.handle_timeout(now);
    Term last{};
    while (const Action* action = monitor.front_action()) {
      if (const auto* changed = std::get_if<LeaderChanged>(action)) last = changed->term;
      EXPECT_FALSE(std::holds_alternative<Campaign>(*action)) << "nobody is heard";
      monitor.pop_action();
    }
    static_cast<void>(last);
  }
  EXPECT_GT(monitor.counters().dropped_bad_field, 1000U);
  for (std::uint64_t id = 1; id <= 20; ++id)
    EXPECT_FALSE(monitor.lease_held(GroupId{id}, now));
}

}  // namespace
}  // namespace vouch::sim
