#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "vouch/detector/assert.h"
#include "vouch/quorum_check/quorum.h"

namespace vouch {

/// All nodes that one Monitor knows, itself included, each with its slot. Fixed at creation.
class Roster {
 public:
  /// `peers` without duplicates and without `self`; at most kMaxNodes - 1. Checked by validate().
  Roster(NodeId self, const std::vector<NodeId>& peers) {
    VOUCH_ASSERT(peers.size() < kMaxNodes);
    for (NodeId peer : peers)
      nodes_[count_++] = peer;
    nodes_[count_++] = self;
    std::sort(nodes_.begin(), nodes_.begin() + count_);
    self_ = slot_of(self);
  }

  [[nodiscard]] Slot size() const { return count_; }
  [[nodiscard]] Slot self() const { return self_; }
  [[nodiscard]] NodeId self_id() const { return nodes_[self_]; }

  /// The node in `slot`, or kNobody for kNoSlot.
  [[nodiscard]] NodeId node(Slot slot) const { return slot < count_ ? nodes_[slot] : kNobody; }

  /// The slot of `node`, or kNoSlot for a stranger and for kNobody.
  [[nodiscard]] Slot slot_of(NodeId node) const {
    for (Slot slot = 0; slot < count_; ++slot) {
      if (nodes_[slot] == node) return slot;
    }
    return kNoSlot;
  }

 private:
  std::array<NodeId, kMaxNodes> nodes_{};
  Slot count_ = 0;
  Slot self_ = kNoSlot;
};

}  // namespace vouch
