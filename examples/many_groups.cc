// A storage node has one Monitor for all its replica groups. Four nodes in memory share some
// thousands of groups; the host's part is what is marked: which groups there are (1), how much may
// go on at once (2), the votes of each group (3), and one question before each effect (4).

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "vouch/quorum_check/monitor.h"

using namespace vouch;  // NOLINT: an example

namespace {
using std::chrono::milliseconds;

constexpr std::uint32_t kNodes = 4;
constexpr std::uint64_t kGroups = 3000;

/// A vote of one group, as the host's own protocol would carry it.
struct Vote {
  GroupId group;
  Term term;
  bool is_reply = false;
};
struct Packet {
  NodeId from, to;
  std::variant<Message, Vote> body;
};

/// Each group on three of the four nodes.
std::vector<NodeId> voters_of(std::uint64_t group) {
  std::vector<NodeId> voters;
  for (std::uint32_t id = 1; id <= kNodes; ++id) {
    if (group % kNodes + 1 != id) voters.emplace_back(id);
  }
  return voters;
}

class StorageNode {
 public:
  StorageNode(NodeId id, Instant now, std::deque<Packet>& network)
      : id_(id), network_(network), monitor_(create(id, now)) {}

  void tick(Instant now) {
    if (now >= monitor_.next_timeout()) monitor_.handle_timeout(now);
    act(now);
  }

  void receive(Instant now, const Packet& packet) {
    if (const auto* message = std::get_if<Message>(&packet.body)) {
      monitor_.handle_message(now, packet.from, *message);
    } else {
      take(now, packet.from, std::get<Vote>(packet.body));
    }
    act(now);
  }

  /// (4) Right before each effect of leadership, whatever was told before.
  [[nodiscard]] bool may_write(GroupId group, Instant now) const {
    return monitor_.lease_held(group, now);
  }

  [[nodiscard]] const Monitor& monitor() const { return monitor_; }

 private:
  static Monitor create(NodeId id, Instant now) {
    MonitorConfig config{.self = id, .incarnation = Incarnation{1}};
    config.boot = BootMode::kFirstBoot;
    for (std::uint32_t peer = 1; peer <= kNodes; ++peer) {
      if (NodeId{peer} != id) config.peers.emplace_back(peer);
    }
    // (1) All groups of this node. Those that it does not vote in need not be named.
    for (std::uint64_t group = 1; group <= kGroups; ++group) {
      const std::vector<NodeId> voters = voters_of(group);
      if (std::find(voters.begin(), voters.end(), id) == voters.end()) continue;
      config.groups.push_back({.id = GroupId{group}, .voters = voters});
    }
    // (2) The same way on every node. So many rounds at once, so many datagrams per interval.
    config.group_limits = {
        .claims = ClaimMode::kDigest, .active_max = 2048, .rounds_max = 256, .packets_max = 1000};
    return Monitor::create(config, now, Rng(id.value())).value();
  }

  void act(Instant now) {
    while (const std::optional<Action> action = monitor_.poll_action()) {
      if (const auto* send = std::get_if<Send>(&*action)) {
        network_.push_back({id_, send->to, send->message});
      } else if (const auto* campaign = std::get_if<Campaign>(&*action)) {
        stand(now, *campaign);
      } else if (const auto* changed = std::get_if<LeaderChanged>(&*action)) {
        Term& term = terms_[changed->group];
        term = std::max(term, changed->term);
      }
    }
  }

  // (3) A vote binds, so the Monitor is told of each, of one's own as well.
  void stand(Instant now, const Campaign& campaign) {
    Term& term = terms_[campaign.group];
    term = std::max(term, campaign.after).next();
    asked_at_[campaign.group] = now;
    monitor_.handle_local(now, VoteGranted{campaign.group, id_, term});
    for (const NodeId voter : voters_of(campaign.group.value())) {
      if (voter != id_) network_.push_back({id_, voter, Vote{campaign.group, term}});
    }
  }

  void take(Instant now, NodeId from, const Vote& vote) {
    Term& term = terms_[vote.group];
    if (vote.is_reply) {
      // Two of three: this one and who answered first.
      const auto asked = asked_at_.find(vote.group);
      if (vote.term != term || asked == asked_at_.end()) return;
      Elected elected{vote.group, term, asked->second, {}, {}};
      elected.voters.push(id_);
      elected.voters.push(from);
      asked_at_.erase(asked);
      monitor_.handle_local(now, elected);
    } else if (vote.term > term && monitor_.may_vote(vote.group, from, now) == VoteVerdict::kMay) {
      term = vote.term;
      monitor_.handle_local(now, VoteGranted{vote.group, from, term});
      network_.push_back({id_, from, Vote{vote.group, term, true}});
    }
  }

  NodeId id_;
  std::deque<Packet>& network_;
  Monitor monitor_;
  std::map<GroupId, Term> terms_;
  std::map<GroupId, Instant> asked_at_;  ///< Candidacies of this node.
};

/// The nodes, and what is on its way between them: one tick is a millisecond.
class Cluster {
 public:
  Cluster() {
    for (std::uint32_t id = 1; id <= kNodes; ++id)
      nodes_.emplace(NodeId{id}, StorageNode(NodeId{id}, now_, network_));
  }

  /// Until every group has a leader: how long that took.
  long run_until_led() {
    long ticks = 0;
    while (led() < kGroups && ticks < 60'000) {
      for (int i = 0; i < 50; ++i, ++ticks)
        tick();
    }
    return ticks;
  }

  void run(long ticks) {
    for (long i = 0; i < ticks; ++i)
      tick();
  }

  void kill(NodeId id) { nodes_.erase(id); }

  [[nodiscard]] std::uint64_t led() const {
    std::uint64_t count = 0;
    for (std::uint64_t group = 1; group <= kGroups; ++group) {
      for (const auto& [id, node] : nodes_)
        count += node.may_write(GroupId{group}, now_) ? 1U : 0U;
    }
    return count;
  }

  [[nodiscard]] std::uint64_t datagrams() const { return datagrams_; }
  [[nodiscard]] const std::map<NodeId, StorageNode>& nodes() const { return nodes_; }

 private:
  void tick() {
    now_ += milliseconds(1);
    std::deque<Packet> arriving;
    arriving.swap(network_);
    datagrams_ += arriving.size();
    for (const Packet& packet : arriving) {
      if (const auto found = nodes_.find(packet.to); found != nodes_.end()) {
        found->second.receive(now_, packet);
      }
    }
    for (auto& [id, node] : nodes_)
      node.tick(now_);
  }

  Instant now_{milliseconds(1000)};
  std::deque<Packet> network_;
  std::map<NodeId, StorageNode> nodes_;
  std::uint64_t datagrams_ = 0;
};

}  // namespace

int main() {
  Cluster cluster;
  std::printf("%llu groups have a leader after %ld ms\n", static_cast<unsigned long long>(kGroups),
              cluster.run_until_led());
  cluster.run(3000);
  const std::uint64_t before = cluster.datagrams();
  cluster.run(1000);
  std::printf("a second in which nothing changes: %llu datagrams, %u groups active on node 1\n",
              static_cast<unsigned long long>(cluster.datagrams() - before),
              cluster.nodes().at(NodeId{1}).monitor().fleet().active);
  cluster.kill(NodeId{1});
  std::printf("node 1 dies and leaves %llu groups without a leader:",
              static_cast<unsigned long long>(kGroups - cluster.led()));
  std::printf(" every group has one again after %ld ms\n", cluster.run_until_led());
  return cluster.led() == kGroups ? 0 : 1;
}
