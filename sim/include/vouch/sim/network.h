#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vouch/detector/assert.h"
#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"

namespace vouch::sim {

/// Index of a node in a simulation: 0 .. node_count - 1. Its NodeId is the index plus one, because
/// NodeId 0 means nobody. Scenario files and traces print the index.
using NodeIndex = std::uint32_t;

[[nodiscard]] constexpr NodeId id_of(NodeIndex index) {
  return NodeId{index + 1};
}

/// Most nodes of one simulation: a set of nodes is one 32-bit word.
inline constexpr std::size_t kMaxSimNodes = 32;

/// A set of nodes, one bit per index.
using NodeSet = std::uint32_t;

[[nodiscard]] constexpr NodeSet node_bit(NodeIndex node) {
  return NodeSet{1} << node;
}
[[nodiscard]] constexpr NodeSet all_nodes(std::size_t count) {
  return count >= 32 ? ~NodeSet{0} : (NodeSet{1} << count) - 1;
}

/// One direction of the way from a node to another.
struct Link {
  bool is_cut = false;                 ///< Nothing that is sent now arrives.
  bool has_model = false;              ///< More can go wrong on it: see LinkModel.
  std::uint32_t loss_per_million = 0;  ///< Chance that a message is lost, each on its own.
  Duration delay = std::chrono::microseconds(200);   ///< Least delay.
  Duration jitter = std::chrono::microseconds(300);  ///< Added: uniform in [0, jitter].

  friend bool operator==(const Link&, const Link&) = default;
};

/// Every directed link between `count` nodes. A node reaches itself without one.
class Links {
 public:
  explicit Links(std::size_t count, const Link& initial = {})
      : count_(count), links_(count * count, initial) {
    VOUCH_ASSERT(count > 0 && count <= kMaxSimNodes);
  }

  [[nodiscard]] Link& at(NodeIndex from, NodeIndex to) { return links_[from * count_ + to]; }
  [[nodiscard]] const Link& at(NodeIndex from, NodeIndex to) const {
    return links_[from * count_ + to];
  }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::size_t count_;
  std::vector<Link> links_;
};

/// Who can reach whom at one moment: the ground truth by which outcomes are judged. A link that is
/// cut, or loses everything, or loses what is as long as the host's work, does not count; nor does
/// a node that is down or paused.
struct Reachability {
  std::size_t count = 0;
  NodeSet working{};               ///< Nodes that are neither crashed nor paused.
  NodeSet serving = ~NodeSet{0};   ///< Nodes whose worker and disk do not stand still.
  NodeSet eligible = ~NodeSet{0};  ///< Nodes that are not drained.
  std::vector<NodeSet> two_way{};  ///< Per node: whom it reaches both ways, itself included.
  /// The same over at most one other node. Only of a protocol whose work takes such ways
  /// (Protocol::routes_work); else empty.
  std::vector<NodeSet> routed{};

  /// Whom the work of `node` reaches both ways.
  [[nodiscard]] NodeSet reached(NodeIndex node) const {
    return routed.empty() ? two_way[node] : routed[node];
  }

  /// Whether `node` works, serves and reaches a majority both ways, itself included: could commit.
  [[nodiscard]] bool has_majority(NodeIndex node) const {
    return is_majority(reached(node)) && (serving & node_bit(node)) != 0;
  }

  /// The nodes that may lead, serve, and reach a majority without anybody's help: who has it only
  /// over others may keep a leadership, but questions and votes are not routed.
  [[nodiscard]] NodeSet with_majority() const {
    NodeSet set = 0;
    for (NodeIndex node = 0; node < count; ++node) {
      if (is_majority(two_way[node])) set |= node_bit(node);
    }
    return set & eligible & serving;
  }

 private:
  [[nodiscard]] bool is_majority(NodeSet nodes) const {
    return static_cast<std::size_t>(std::popcount(nodes)) > count / 2;
  }
};

}  // namespace vouch::sim
