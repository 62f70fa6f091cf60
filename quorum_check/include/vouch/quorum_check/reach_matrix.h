#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/message.h"

namespace vouch {

/// Most nodes whose links one node keeps track of. Of a larger roster those that share a group.
inline constexpr std::size_t kMaxMatrixNodes = 16;

/// A set of rows or columns of a ReachMatrix, one bit each.
using NodeMask = std::uint16_t;

[[nodiscard]] constexpr NodeMask mask_of(std::size_t index) {
  return static_cast<NodeMask>(1U << index);
}
[[nodiscard]] constexpr bool has(NodeMask mask, std::size_t index) {
  return (unsigned{mask} >> index & 1U) != 0;
}
[[nodiscard]] constexpr std::size_t size_of(NodeMask mask) {
  std::size_t count = 0;
  for (unsigned rest = mask; rest != 0; rest &= rest - 1)
    ++count;
  return count;
}
[[nodiscard]] constexpr NodeMask without(NodeMask from, NodeMask what) {
  return static_cast<NodeMask>(from & ~unsigned{what});
}

/// How much is known of a cell.
enum class CellKnown : std::uint8_t {
  kNot,      ///< Nobody who is heard says anything about it.
  kHearsay,  ///< A peer passed on whether the link is silent, and nothing else.
  kFirst,    ///< The node at its end said so itself, or it is this node's own.
};

/// The link from `subject` to `observer` as the observer sees it.
struct MatrixCell {
  CellKnown known = CellKnown::kNot;
  LinkReport link{};
  Duration age{};  ///< Of what is known.
};

/// What is wrong in a ReachMatrix, as sets: what the reading of it (read_matrix) works on. Index j
/// of an array: what node j says about the others.
struct MatrixView {
  std::uint8_t count = 0;
  std::uint8_t self = 0;
  NodeMask rows = 0;     ///< Whose row is known first-hand, this node included.
  NodeMask relayed = 0;  ///< Whose row is known by hearsay only: silent[] alone.
  NodeMask limps = 0;    ///< Say of themselves that they were slow a moment ago.
  NodeMask stuck = 0;    ///< Say of themselves that their work does not move.
  NodeMask exited = 0;   ///< Somebody knows that their process has ended.
  /// Who has spoken since the last reading, or whose teller has; this node included.
  NodeMask fresh = 0xffff;
  std::array<NodeMask, kMaxMatrixNodes> silent{};
  std::array<NodeMask, kMaxMatrixNodes>
      just_silent{};  ///< So short that it may be a run of losses.
  std::array<NodeMask, kMaxMatrixNodes> lossy{};
  std::array<NodeMask, kMaxMatrixNodes> maybe_lossy{};  ///< At least two of the last 32 lost.
  std::array<NodeMask, kMaxMatrixNodes> flapping{};
  std::array<NodeMask, kMaxMatrixNodes> slow{};
  std::array<NodeMask, kMaxMatrixNodes> loses_large{};  ///< From node j to these.
  std::array<std::array<std::uint8_t, kMaxMatrixNodes>, kMaxMatrixNodes> lost{};
};

/// Who hears whom: the group's N x N directed matrix as everybody reports it in heartbeats. A row
/// is what one node says of the links to it, its age that of its newest heartbeat here.
///
/// The row of a node that this node does not hear is filled from hearsay, as far as a peer heard
/// here hears it: only whether a link is silent, and only one step. Sized when it is made.
/// Not thread-safe: give it one owner.
class ReachMatrix {
 public:
  /// `nodes` in ascending order, at most kMaxMatrixNodes, `self` among them.
  ReachMatrix(const std::vector<NodeId>& nodes, NodeId self);

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::size_t self() const { return self_; }
  [[nodiscard]] NodeId node(std::size_t index) const { return nodes_[index]; }
  /// size() for a stranger.
  [[nodiscard]] std::size_t index_of(NodeId node) const;

  /// What `from` reported, received `now`. The counts have been checked. `is_late`: it was long on
  /// its way, so that silences in it may be over.
  void take(Instant now, std::size_t from, const Heartbeat& heartbeat, bool is_late);

  /// What this node itself sees of `subject`.
  void set_own(std::size_t subject, const LinkReport& link) { own_[subject] = link; }
  /// What this node says of itself.
  void set_self(Instant now, bool limps, bool stuck) {
    rows_[self_].at = now;
    rows_[self_].limps = limps;
    rows_[self_].stuck = stuck;
  }

  /// The process of `index` has ended: its row is void.
  void forget(std::size_t index) { rows_[index] = Row{}; }

  /// Writes this node's row and what it passes on of others into the reports of `heartbeat`.
  void fill(Heartbeat& heartbeat) const;

  /// Whether anything at all is out of order, or enough was lost: there is something to read.
  [[nodiscard]] bool is_troubled() const;

  /// `since`: what was heard after that is fresh.
  [[nodiscard]] MatrixView view(Instant since) const;

  /// The cell of observer and subject (not the same), as of `now`.
  [[nodiscard]] MatrixCell cell(std::size_t observer, std::size_t subject, Instant now) const;

  /// `observer` says that it and `subject` hear each other.
  [[nodiscard]] bool joins(std::size_t observer, std::size_t subject) const {
    const PeerReport* const report = find(observer, subject);
    return report != nullptr && report->hears && report->is_heard;
  }

  /// Heartbeats lost on the way over `via` between this node and `to`, as far as this node and
  /// `via` see them: of three of the four links, of the last 32 of each.
  [[nodiscard]] unsigned lost_over(std::size_t via, std::size_t to) const {
    unsigned lost = own_[via].lost;
    if (const PeerReport* const report = find(via, self_)) lost += report->link.lost;
    if (const PeerReport* const report = find(via, to)) lost += report->link.lost;
    return lost;
  }

 private:
  /// What one node said last. The reports are kept as they came: reading them is rare.
  struct Row {
    Instant at = kLongAgo;
    bool limps = false;
    bool stuck = false;
    bool is_troubled = false;
    std::uint8_t count = 0;
    std::uint16_t lost = 0;  ///< Heartbeats, on links that lost more than one of 32.
    NodeMask silent = 0;     ///< Who it does not hear, by index here.
    std::array<PeerReport, kMaxMatrixNodes - 1> reports{};
  };

  [[nodiscard]] const PeerReport* find(std::size_t observer, std::size_t subject) const;
  [[nodiscard]] NodeMask unheard_by(const Row& teller, std::size_t whom) const;
  [[nodiscard]] std::size_t teller_of(std::size_t index) const;
  void view_own(MatrixView& view) const;
  void view_row(MatrixView& view, std::size_t index) const;

  std::array<NodeId, kMaxMatrixNodes> nodes_{};
  std::uint8_t count_ = 0;
  std::uint8_t self_ = 0;
  std::array<LinkReport, kMaxMatrixNodes> own_{};
  std::vector<Row> rows_;
};

}  // namespace vouch
