// A storage node with very many groups among a thousand nodes: what it sends and when it wakes up
// while nothing changes.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <vector>

#include "tests/support/allocation_counter.h"
#include "tests/support/sample.h"
#include "vouch/probe/codec.h"
#include "vouch/quorum_check/monitor.h"

namespace vouch {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kNodes = 1000;

/// A peer of the storage node as far as its Monitor can see: it hears everything at once, promises
/// all that is asked, and supports each claim. A Monitor in its place would say the same.
class SupportingPeer {
 public:
  explicit SupportingPeer(NodeId id) : id_(id) {}

  [[nodiscard]] NodeHeartbeat heartbeat(Instant now) {
    NodeHeartbeat heartbeat{.from = {id_, Incarnation{1}}};
    heartbeat.seq = seq_ = seq_.next();
    heartbeat.sent_at = ClockStamp{now.time_since_epoch().count()};
    heartbeat.echo_incarnation = Incarnation{1};
    heartbeat.echo = heartbeat.promised = newest_;
    heartbeat.digest = {.stream = 1, .count = count_, .hash = hash_, .head = told_};
    heartbeat.digest.ack_stream = stream_;
    heartbeat.digest.ack = applied_;
    return heartbeat;
  }

  void hear(const NodeHeartbeat& heartbeat) { newest_ = heartbeat.sent_at; }

  /// The statements of `batch`, answered: empty if there are none.
  [[nodiscard]] GroupBatch answer(const GroupBatch& batch) {
    GroupBatch answer{.from = {id_, Incarnation{1}}, .begin = told_, .end = told_, .stream = 1};
    if (batch.end == 0) return answer;
    EXPECT_TRUE(batch.stream == stream_ ? batch.begin <= applied_ : batch.begin == 0U);
    stream_ = batch.stream;
    applied_ = std::max(applied_, batch.end);
    EntryReader reader(batch);
    GroupEntry entry;
    while (reader.next(entry)) {
      if (entry.kind != EntryKind::kClaim) continue;
      const Statement support{EntryKind::kSupport, entry.statement.group, entry.statement.term, {}};
      EXPECT_TRUE(EntryWriter(answer).append(support));
      if (!supported_.insert(support.group).second) continue;  // It was told again.
      ++count_;
      hash_ += statement_hash(support.kind, support.group, support.term);
    }
    if (answer.size > 0) answer.end = ++told_;
    return answer;
  }

 private:
  NodeId id_;
  Seq seq_{};
  ClockStamp newest_{};
  std::uint32_t stream_ = 0;
  std::uint64_t applied_ = 0;
  std::uint64_t told_ = 0;
  std::set<GroupId> supported_;
  std::uint32_t count_ = 0;
  std::uint64_t hash_ = 0;
};

/// What the storage node did.
struct Work {
  std::uint64_t heartbeats = 0;
  std::uint64_t batches = 0;
  std::uint64_t bytes = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t allocations = 0;
};

/// Node 1 of a thousand, which leads all its groups; each has two more voters, all over the roster.
class StorageNode {
 public:
  explicit StorageNode(std::uint32_t groups)
      : groups_(groups), monitor_(Monitor::create(config_of(groups), now_, Rng(1)).value()) {
    for (std::uint32_t id = 2; id <= kNodes; ++id)
      peers_.emplace_back(NodeId{id});
    run(1s);
    for (std::uint32_t number = 0; number < groups; ++number) {
      Elected elected{group(number), Term{1}, now_, {}, {}};
      elected.voters.push(NodeId{1});
      elected.voters.push(voter(number, 0));
      monitor_.handle_local(now_, elected);
      carry();
      // Each claim goes to two other peers: no faster than datagrams may go out.
      if (number % 100 == 99) run(100ms);
    }
    run(5s);
  }

  void run(Duration time) {
    for (const Instant end = now_ + time; now_ < end;) {
      const Instant tick = next_tick_;
      const Instant due = std::max(monitor_.next_timeout(), now_);
      now_ = std::min({end, tick, due});
      if (now_ == tick) {
        next_tick_ += 100ms;
        for (SupportingPeer& peer : peers_)
          deliver(peer.heartbeat(now_));
      }
      if (now_ >= monitor_.next_timeout()) {
        ++work_.timeouts;
        monitor_.handle_timeout(now_);
        carry();
      }
    }
  }

  /// What it does in ten seconds in which nothing changes.
  [[nodiscard]] Work idle_work() {
    work_ = {};
    const std::uint64_t before = test::allocations();
    run(10s);
    work_.allocations = test::allocations() - before;
    return work_;
  }

  [[nodiscard]] std::uint32_t held() const {
    std::uint32_t count = 0;
    for (std::uint32_t number = 0; number < groups_; ++number)
      count += monitor_.lease_held(group(number), now_) ? 1U : 0U;
    return count;
  }
  [[nodiscard]] const Monitor& monitor() const { return monitor_; }

 private:
  static GroupId group(std::uint32_t number) { return GroupId{1 + std::uint64_t{number} * 7919}; }
  static NodeId voter(std::uint32_t number, std::uint32_t which) {
    const std::uint32_t first = number % (kNodes - 1);
    return NodeId{2 + (which == 0 ? first : (first + 1 + number / 1000) % (kNodes - 1))};
  }
  static MonitorConfig config_of(std::uint32_t groups) {
    MonitorConfig config{.self = NodeId{1}, .incarnation = Incarnation{1}};
    config.boot = BootMode::kFirstBoot;
    config.group_limits.claims = ClaimMode::kDigest;
    for (std::uint32_t id = 2; id <= kNodes; ++id)
      config.peers.push_back(NodeId{id});
    for (std::uint32_t number = 0; number < groups; ++number) {
      config.groups.push_back(
          {.id = group(number), .voters = {NodeId{1}, voter(number, 0), voter(number, 1)}});
    }
    return config;
  }

  void deliver(const Message& message) {
    monitor_.handle_message(now_, sender_of(message).node, message);
    carry();
  }

  void carry() {
    while (const Action* front = monitor_.front_action()) {
      const auto* send = std::get_if<Send>(front);
      if (send == nullptr) {
        monitor_.pop_action();
        continue;
      }
      work_.bytes += encode(send->message, ClusterHash{}, room_);
      SupportingPeer& peer = peers_[send->to.value() - 2];
      if (const auto* heartbeat = std::get_if<NodeHeartbeat>(&send->message)) {
        ++work_.heartbeats;
        peer.hear(*heartbeat);
        monitor_.pop_action();
        continue;
      }
      ++work_.batches;
      const GroupBatch answer = peer.answer(std::get<GroupBatch>(send->message));
      monitor_.pop_action();
      if (answer.size > 0) monitor_.handle_message(now_, answer.from.node, answer);
    }
  }

  std::uint32_t groups_;
  Instant now_{1s};
  Instant next_tick_{1s};
  Monitor monitor_;
  std::vector<SupportingPeer> peers_;
  std::array<std::byte, kMaxDatagram> room_{};
  Work work_{};
};

// The number of messages, of bytes and of timer events is the same to the last one, and so is the
// number of allocations: none.
TEST(StorageNode, NothingGrowsWithTheNumberOfGroupsWhileNothingChanges) {
  // Few enough to be quick under a sanitizer, never so few that a growth could hide.
  const auto many =
      std::max<std::uint32_t>(static_cast<std::uint32_t>(testing::sampled(100'000)), 10'000);
  StorageNode small(1000);
  StorageNode large(many);
  EXPECT_EQ(small.held(), 1000U);
  EXPECT_EQ(large.held(), many);
  const Work few = small.idle_work();
  const Work lots = large.idle_work();
  EXPECT_EQ(few.heartbeats, 100U * (kNodes - 1));
  EXPECT_EQ(lots.heartbeats, few.heartbeats);
  EXPECT_EQ(few.batches, 0U);
  EXPECT_EQ(lots.batches, 0U);
  EXPECT_EQ(lots.bytes, few.bytes);
  EXPECT_EQ(lots.timeouts, few.timeouts);
  EXPECT_EQ(few.allocations, 0U);
  EXPECT_EQ(lots.allocations, 0U);
  EXPECT_EQ(large.held(), many);
  EXPECT_EQ(large.monitor().fleet().active, 0U);
  EXPECT_EQ(large.monitor().fleet().in_flight, 0U);
  EXPECT_LE(large.monitor().fleet().bytes_per_idle_group, 64U);
  EXPECT_EQ(large.monitor().counters().resyncs, 0U);
}

}  // namespace
}  // namespace vouch
