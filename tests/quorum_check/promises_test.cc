// Claims of the core that are tests: it does not allocate in steady state, and equal inputs give
// equal outputs.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "tests/support/allocation_counter.h"
#include "vouch/host/replica.h"

namespace vouch {
namespace {

constexpr GroupId kGroup{1};

/// Three replicas, one queue with room made beforehand, and a hash of everything that comes out.
class Trio {
 public:
  explicit Trio(std::uint64_t seed) : queue_(4096) {
    for (std::uint32_t id = 1; id <= 3; ++id) {
      host::ReplicaConfig config;
      config.monitor.self = NodeId{id};
      config.monitor.incarnation = Incarnation{1};
      for (std::uint32_t peer = 1; peer <= 3; ++peer) {
        if (peer != id) config.monitor.peers.push_back(NodeId{peer});
      }
      config.monitor.groups = {
          GroupConfig{.id = kGroup, .voters = {NodeId{1}, NodeId{2}, NodeId{3}}}};
      replicas_.push_back(
          host::Replica::create(config, Instant(std::chrono::seconds(id)), Rng(seed + id)).value());
    }
  }

  /// One millisecond: deliver what was sent in the last one, then let time pass. The link from
  /// replica 0 to replica 1 is up only when `link` says so.
  void step(bool link) {
    now_ += std::chrono::milliseconds(1);
    for (std::size_t left = queue_.size(); left > 0; --left) {
      const Item item = queue_.front();
      queue_.pop();
      if (!link && item.from == NodeId{1} && item.to == NodeId{2}) continue;
      host::Replica& to = replicas_[item.to.value() - 1];
      if (item.is_vote) {
        to.handle_message(local(item.to), item.from, item.vote);
      } else {
        to.handle_message(local(item.to), item.from, item.message);
      }
      drain(item.to);
    }
    for (std::uint32_t id = 1; id <= 3; ++id) {
      host::Replica& replica = replicas_[id - 1];
      if (replica.next_timeout() > local(NodeId{id})) continue;
      replica.handle_timeout(local(NodeId{id}));
      drain(NodeId{id});
    }
  }

  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t decisions() const { return decisions_; }
  [[nodiscard]] std::uint64_t diagnoses() const { return diagnoses_; }
  [[nodiscard]] bool leads(std::uint32_t id) const {
    return replicas_[id - 1].monitor().lease_held(kGroup, local(NodeId{id}));
  }

 private:
  struct Item {
    NodeId from{};
    NodeId to{};
    bool is_vote = false;
    Message message{};
    host::VoteMessage vote{};
  };

  [[nodiscard]] Instant local(NodeId id) const {
    return Instant(now_ + std::chrono::seconds(id.value()));
  }

  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3ULL; }

  void drain(NodeId id) {
    replicas_[id.value() - 1].drain(local(id), [&](const auto& output) {
      using Output = std::decay_t<decltype(output)>;
      if constexpr (std::is_same_v<Output, Send>) {
        Item& item = queue_.push();
        item = Item{.from = id, .to = output.to, .message = output.message};
        mix(output.to.value());
        if (const auto* heartbeat = std::get_if<Heartbeat>(&output.message)) {
          mix(static_cast<std::uint64_t>(heartbeat->sent_at.value()));
          mix(static_cast<std::uint64_t>(heartbeat->echo.value()));
        }
      } else if constexpr (std::is_same_v<Output, host::SendVote>) {
        Item& item = queue_.push();
        item = Item{.from = id, .to = output.to, .is_vote = true, .vote = output.message};
      } else if constexpr (std::is_same_v<Output, Decision>) {
        ++decisions_;
        mix(static_cast<std::uint64_t>(output.verdict));
        mix(output.round.value());
      } else if constexpr (std::is_same_v<Output, Diagnosis>) {
        ++diagnoses_;
        mix(static_cast<std::uint64_t>(output.kind));
      }
    });
  }

  std::vector<host::Replica> replicas_;
  Ring<Item> queue_;
  Duration now_{};
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
  std::uint64_t decisions_ = 0;
  std::uint64_t diagnoses_ = 0;
};

TEST(CorePromises, DoesNotAllocateInSteadyState) {
  Trio trio(7);
  for (int i = 0; i < 2000; ++i)
    trio.step(true);
  ASSERT_TRUE(trio.leads(1));
  const std::uint64_t before = test::allocations();
  // A flapping link keeps rounds, evidence, decisions and diagnoses busy as well.
  for (int i = 0; i < 100'000; ++i)
    trio.step(i / 1500 % 2 == 0);
  EXPECT_EQ(test::allocations(), before);
  EXPECT_GT(trio.decisions(), 100U);
  EXPECT_GT(trio.diagnoses(), 3U);
}

TEST(CorePromises, TheCounterSeesAnAllocation) {
  const std::uint64_t before = test::allocations();
  const Ring<int> grown(1000);
  EXPECT_GT(test::allocations(), before) << grown.capacity();
}

TEST(CorePromises, EqualInputsGiveEqualOutputs) {
  std::vector<std::uint64_t> hashes;
  for (int run = 0; run < 2; ++run) {
    Trio trio(42);
    for (int i = 0; i < 20'000; ++i)
      trio.step(i / 700 % 3 != 0);
    hashes.push_back(trio.hash());
  }
  EXPECT_EQ(hashes[0], hashes[1]);
  Trio other(43);
  for (int i = 0; i < 20'000; ++i)
    other.step(i / 700 % 3 != 0);
  EXPECT_NE(hashes[0], other.hash()) << "the hash must see a difference";
}

}  // namespace
}  // namespace vouch
