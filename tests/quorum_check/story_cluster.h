#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vouch/host/replica.h"

namespace vouch::testing {

/// A few replicas on a table, for golden stories: constant delays, exact clocks, cuts, no chance
/// but the seed. It prints what a reader of the story wants to know, one line per event. The
/// simulator proper is sim/; this one is small enough to be believed by reading it.
class StoryCluster {
 public:
  /// Commands as the stories use them; the answer is what happened. See the stories.
  std::string play(const std::string& command, const std::vector<std::string>& args);

 private:
  struct Node {
    NodeId id{};
    Incarnation incarnation{1};
    std::optional<host::Replica> replica;
    host::Ballot ballot{};
    bool paused = false;
    bool watched = true;
    std::vector<std::pair<NodeId, std::variant<Message, host::VoteMessage>>> inbox;
  };
  struct Delivery {
    NodeId from{};
    NodeId to{};
    std::variant<Message, host::VoteMessage> message;
  };

  std::string start(const std::vector<std::string>& args);
  std::string run(const std::vector<std::string>& args);
  std::string link(const std::vector<std::string>& args, bool up);
  std::string delay(const std::vector<std::string>& args);
  std::string node_command(const std::string& command, const std::vector<std::string>& args);
  std::string local(const std::vector<std::string>& args);
  std::string status(const std::vector<std::string>& args);
  std::string traffic();
  std::string inject(const std::vector<std::string>& args);

  void boot(Node& node, BootMode mode);
  void step_to(std::int64_t at);
  void drain(Node& node);
  void send(NodeId from, NodeId to, std::variant<Message, host::VoteMessage> message);
  void deliver(const Delivery& delivery);
  void say(const Node& node, const std::string& what);
  [[nodiscard]] Instant local_time(const Node& node) const;
  [[nodiscard]] std::string relative(const Node& node, Instant at) const;
  Node& node(std::uint32_t id) { return nodes_.at(id - 1); }

  template <typename T>
  void show(Node&, const T&) {}
  void show(Node& node, const Decision& decision);
  void show(Node& node, const Campaign& campaign);
  void show(Node& node, const StandDown& stand_down);
  void show(Node& node, const LeaderChanged& changed);
  void show(Node& node, const Vouched& vouched);
  void show(Node& node, const SuppressAlert& alert);
  void show(Node& node, const Diagnosis& diagnosis);
  void show(Node& node, const TransferAdvice& advice);
  void show(Node& node, const PeerChanged& changed);
  void show(Node& node, const Elected& elected);
  void show(Node& node, const CandidacyEnded& ended);

  MonitorConfig base_{};
  std::vector<Node> nodes_;
  std::int64_t now_ = 0;  ///< Nanoseconds since the start of the story.
  std::int64_t link_delay_ = 500'000;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> delays_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, bool> cut_;
  std::multimap<std::int64_t, Delivery> in_flight_;
  std::map<std::uint32_t, std::uint64_t> sent_;
  bool show_peers_ = false;
  std::string said_;
};

}  // namespace vouch::testing
