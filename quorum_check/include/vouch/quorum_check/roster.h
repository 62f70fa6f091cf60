#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "vouch/detector/assert.h"
#include "vouch/quorum_check/quorum.h"

namespace vouch {

/// All nodes that one Monitor knows, itself included, each with its index. Fixed at creation.
class Roster {
 public:
  /// `peers` without duplicates and without `self`; at most kMaxRoster - 1. Checked by validate().
  Roster(NodeId self, const std::vector<NodeId>& peers) : nodes_(peers) {
    VOUCH_ASSERT(peers.size() < kMaxRoster);
    nodes_.push_back(self);
    std::sort(nodes_.begin(), nodes_.end());
    self_ = index_of(self);
  }

  [[nodiscard]] PeerIndex size() const { return static_cast<PeerIndex>(nodes_.size()); }
  [[nodiscard]] PeerIndex self() const { return self_; }
  [[nodiscard]] Slot self_slot() const { return slot_of(self_id()); }
  [[nodiscard]] NodeId self_id() const { return nodes_[self_]; }

  /// The node at `index`, or kNobody for kNoPeer.
  [[nodiscard]] NodeId node(PeerIndex index) const {
    return index < nodes_.size() ? nodes_[index] : kNobody;
  }

  /// The index of `node`, or kNoPeer for a stranger and for kNobody.
  [[nodiscard]] PeerIndex index_of(NodeId node) const {
    if (nodes_.size() > kMaxNodes) return search(node);
    for (PeerIndex index = 0; index < size(); ++index) {
      if (nodes_[index] == node) return index;
    }
    return kNoPeer;
  }

  /// The same as a slot, in a roster of at most kMaxNodes; beyond it kNoSlot.
  [[nodiscard]] Slot slot_of(NodeId node) const {
    const PeerIndex index = index_of(node);
    return index < kMaxNodes ? static_cast<Slot>(index) : kNoSlot;
  }

 private:
  [[nodiscard]] PeerIndex search(NodeId node) const {
    const auto found = std::lower_bound(nodes_.begin(), nodes_.end(), node);
    if (found == nodes_.end() || *found != node) return kNoPeer;
    return static_cast<PeerIndex>(found - nodes_.begin());
  }

  std::vector<NodeId> nodes_;
  PeerIndex self_ = kNoPeer;
};

}  // namespace vouch
