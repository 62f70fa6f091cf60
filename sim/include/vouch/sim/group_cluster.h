#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/detector/rng.h"
#include "vouch/quorum_check/monitor.h"

namespace vouch::sim {

/// What a GroupCluster is made from.
struct GroupClusterOptions {
  std::uint32_t nodes = 5;  ///< NodeId 1 .. nodes.
  std::uint32_t groups = 1000;
  std::uint32_t voters = 3;  ///< Of each group, in [1, nodes].
  /// Not 0: only these first so many nodes share groups, and each group has node 1 among its
  /// voters. The others of the roster are there, but run no process.
  std::uint32_t around_first = 0;
  bool first_leads = false;  ///< Only node 1 may lead, until `make_eligible`.
  std::uint64_t seed = 1;
  Duration delay = std::chrono::microseconds(300);   ///< Of each message, plus up to
  Duration jitter = std::chrono::microseconds(400);  ///< this.
  std::uint32_t loss_per_million = 0;
  bool measure_bytes = false;  ///< Encodes each message, to know its size.
  /// `self`, `peers`, `groups` and `incarnation` are filled in.
  MonitorConfig monitor{};
};

/// What one node has sent, or all together, since the last `reset_traffic`.
struct GroupTraffic {
  std::uint64_t heartbeats = 0;
  std::uint64_t batches = 0;  ///< Datagrams about groups.
  std::uint64_t bytes = 0;    ///< Of both, as datagrams; 0 unless measured.
  std::uint64_t timeouts = 0;
  std::uint64_t batches_most = 0;  ///< The most of one node within one heartbeat interval.
};

/// What happened to groups since the last `reset_counts`.
struct GroupCounts {
  std::uint64_t campaigns = 0;
  std::uint64_t elected = 0;
  std::uint64_t stood_down = 0;
  std::uint64_t candidacies_failed = 0;
  /// A campaign began or an election was won while another node held the group's lease (rules S1
  /// and S2). Clocks here are exact, so it must stay 0.
  std::uint64_t violations = 0;
};

/// A cluster with many groups in virtual time: a Monitor on each node, hosts that do nothing but
/// vote, links with delay, jitter and loss. The Engine is for one group and everything that may
/// happen to it; this is for what many groups cost each other.
///
/// Equal options and calls give equal results. Not thread-safe: give it one owner.
class GroupCluster {
 public:
  static Result<GroupCluster> create(const GroupClusterOptions& options);

  /// Runs for `time`.
  void run(Duration time);

  void crash(NodeId id);
  void restart(NodeId id);
  void cut(NodeId from, NodeId to) { set_cut(from, to, true); }
  void heal(NodeId from, NodeId to) { set_cut(from, to, false); }
  void set_loss(std::uint32_t per_million) { options_.loss_per_million = per_million; }
  void tell(NodeId id, const LocalEvent& event);
  /// From now on every voter may lead.
  void make_eligible();

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] std::uint32_t groups() const { return options_.groups; }
  [[nodiscard]] static GroupId group(std::uint32_t number) { return GroupId{1000 + number}; }
  [[nodiscard]] const std::vector<NodeId>& voters(std::uint32_t number) const {
    return groups_[number].voters;
  }
  /// Who holds the lease of a group now, or kNobody.
  [[nodiscard]] NodeId leader(std::uint32_t number) const;
  [[nodiscard]] std::uint32_t leaderless() const;
  [[nodiscard]] std::uint32_t led_by(NodeId node) const;
  /// Numbers of the groups that `node` leads.
  [[nodiscard]] std::vector<std::uint32_t> groups_of(NodeId node) const;
  /// When the group's newest leader was elected.
  [[nodiscard]] Instant elected_at(std::uint32_t number) const {
    return groups_[number].elected_at;
  }
  [[nodiscard]] const Monitor& monitor(NodeId node) const { return *nodes_[node.value()].monitor; }
  [[nodiscard]] const GroupTraffic& traffic() const { return traffic_; }
  [[nodiscard]] const GroupCounts& counts() const { return counts_; }
  void reset_traffic();
  void reset_counts() { counts_ = {}; }

 private:
  struct Group {
    std::vector<NodeId> voters;
    NodeId leader = kNobody;  ///< Who was elected last, as its host knows.
    Term term{};
    Instant elected_at{};
  };
  struct Ballot {
    Term term{};
    NodeId voted_for = kNobody;
    std::uint32_t yes = 0;  ///< As a candidate: votes, by voter.
    std::uint32_t no = 0;
    bool stands = false;
    Instant requested_at{};
  };
  struct Node {
    std::optional<Monitor> monitor;
    bool is_up = false;
    Incarnation incarnation{};
    std::uint64_t timer = 0;  ///< The timer event that counts.
    Instant armed = kNever;
    std::vector<Ballot> ballots;  ///< By number of the group.
    Instant window{};             ///< Of batches_most.
    std::uint64_t in_window = 0;
  };
  enum class Kind : std::uint8_t { kTimer, kMessage, kVoteRequest, kVoteReply };
  struct Event {
    Instant at{};
    std::uint64_t order = 0;
    Kind kind{};
    bool granted = false;
    NodeId from{};
    NodeId to{};
    std::uint32_t number = 0;  ///< Of the message, or of the group.
    Term term{};

    friend bool operator>(const Event& a, const Event& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };

  explicit GroupCluster(const GroupClusterOptions& options);
  void boot(Node& node, NodeId id, BootMode mode);
  [[nodiscard]] MonitorConfig config_of(NodeId id) const;
  void set_cut(NodeId from, NodeId to, bool is_cut);
  void push(Event event);
  void handle(const Event& event);
  void settle(NodeId id);
  void take(NodeId id, const Send& send);
  void take(NodeId id, const Campaign& campaign);
  void take(NodeId id, const StandDown& down);
  void take(NodeId id, const LeaderChanged& changed);
  template <typename T>
  void take(NodeId, const T&) {}
  void handle_vote_request(const Event& event);
  void handle_vote_reply(const Event& event);
  void conclude(NodeId id, std::uint32_t number);
  void send_control(Kind kind, NodeId from, NodeId to, std::uint32_t number, Term term,
                    bool granted);
  void check_alone(NodeId id, std::uint32_t number);
  [[nodiscard]] bool is_carried(NodeId from, NodeId to);
  [[nodiscard]] Instant arrival();

  GroupClusterOptions options_;
  Rng rng_;
  Instant now_{};
  std::uint64_t order_ = 0;
  std::vector<Group> groups_;
  std::vector<Node> nodes_;  ///< By NodeId.
  std::vector<std::uint8_t> cut_;
  std::vector<Event> heap_;
  std::vector<Message> messages_;
  std::vector<std::uint32_t> free_messages_;
  GroupTraffic traffic_;
  GroupCounts counts_;
};

}  // namespace vouch::sim
