// The reading of the matrix: from who hears whom to what is broken.

#include <algorithm>
#include <bit>

#include "vouch/quorum_check/diagnosis.h"
#include "vouch/quorum_check/loss_odds.h"

namespace vouch {
namespace {

/// On its most lossy side a node must have lost so many heartbeats in all, of the last 32 of each
/// link: four links of a loss of 30 % have that after 8 heartbeats. At 1 % they lose 1.3 of 128,
/// and 9 or more with a chance of 8.2e-6, which no others may share (below).
constexpr unsigned kLossyNodeLost = 9;

/// The links of a lossy node must lose more than those of the others so clearly (clarity(), in
/// bits): by chance once in 750,000 windows of 32 heartbeats. With four links of which nobody else
/// loses anything that is 8 lost. Without its worst neighbour it must still be clear enough (once
/// in 2,000), or it is one bad link and what the others lose by chance.
constexpr unsigned kNodeIsClear = 16;
constexpr unsigned kRestIsClear = 8;

/// Of a pair of nodes so many are lost of the last 32 of each direction: a lossy link, although
/// neither direction says so alone. At a loss of 1 % that comes with each heartbeat with a chance
/// of C(63,8) 0.01^9 = 3.9e-9, once in five months of one link; of a loss of 50 % it tells after 12
/// heartbeats as a rule, where one direction alone needs 14.
constexpr unsigned kPairLost = 9;

/// A link must lose so much more clearly than the other links of its ends, or it may be the node:
/// of three nodes, 9 of 64 and not one of the others' 64. If both links of a node lose 40 % that
/// comes by chance in one of 10,000 cases.
constexpr unsigned kLinkIsClear = 8;

/// One direction must lose so much more clearly than the other to be named alone: 7 of 32 and none.
constexpr unsigned kSideIsClear = 7;

constexpr unsigned kLossReported = 32;  ///< Heartbeats that LinkReport::lost is about.

/// Directed links as sets: to[i] has j when the link from i to j is meant, from[j] then has i.
struct LinkSet {
  std::array<NodeMask, kMaxMatrixNodes> to{};
  std::array<NodeMask, kMaxMatrixNodes> from{};
  bool is_empty = true;

  void add(std::size_t i, std::size_t j) {
    to[i] |= mask_of(j);
    from[j] |= mask_of(i);
    is_empty = false;
  }
};

std::uint8_t lowest(NodeMask mask) {
  return mask == 0 ? Finding::kNone : static_cast<std::uint8_t>(std::countr_zero(mask));
}

std::uint8_t narrow(std::size_t index) {
  return static_cast<std::uint8_t>(index);
}

/// One reading. The members are what its steps find out, in this order.
class Reading {
 public:
  explicit Reading(const MatrixView& view)
      : view_(view), all_(static_cast<NodeMask>((1U << view.count) - 1)) {
    findings_.fresh = view.fresh;
  }

  Findings read() {
    if (has(view_.limps, view_.self)) {
      findings_.judges_others = false;
      find_own_state();
      return findings_;
    }
    find_alive();
    find_silent_hosts();
    find_own_state();
    if (alive_ == mask_of(view_.self)) return findings_;
    // What a node that limps says of others, and what it costs them, is its own trouble.
    judges_ = without(static_cast<NodeMask>(view_.rows | view_.relayed), view_.limps);
    judged_ = without(alive_, view_.limps);
    find_lossy_node();
    find_cuts();
    find_flapping();
    find_large_lost();
    find_hung();
    find_lossy_links();
    find_slow();
    return findings_;
  }

 private:
  /// Everybody who is heard by somebody who is heard here, this node included.
  void find_alive() {
    const NodeMask rows = view_.rows | view_.relayed;
    alive_ = rows;
    each(rows, [&](std::size_t j) {
      // A link that comes and goes will come: its node is not gone.
      alive_ |= without(all_, without(view_.silent[j], view_.flapping[j]));
    });
    // A row says nothing of nodes that its owner does not know; nobody is lost by that.
    knows_all_ = without(alive_, rows) == 0;
  }

  void find_silent_hosts() {
    // Who is heard only by a node whose own row is unknown may well live.
    if (!knows_all_) return;
    const NodeMask gone = without(all_, alive_);
    const NodeMask exited = gone & view_.exited;
    const NodeMask members = without(all_, exited);
    const NodeMask silent = without(gone, exited);
    const NodeMask witnesses = alive_ & view_.rows;
    each(exited, [&](std::size_t x) {
      push({.kind = DiagnosisKind::kProcessExit, .node = narrow(x), .witnesses = witnesses});
    });
    if (silent == 0) return;
    const bool is_minority = 2 * size_of(alive_) <= size_of(members);
    if (is_minority && size_of(silent) > 1) {
      push({.kind = DiagnosisKind::kIsolated,
            .node = view_.self,
            .others = silent,
            .witnesses = witnesses});
      return;
    }
    each(silent, [&](std::size_t x) {
      push({.kind = DiagnosisKind::kHostSilent, .node = narrow(x), .witnesses = witnesses});
    });
  }

  void find_own_state() {
    const NodeMask limps = has(view_.limps, view_.self) ? mask_of(view_.self) : view_.limps;
    each(limps, [&](std::size_t x) {
      push({.kind = DiagnosisKind::kSickNode, .node = narrow(x), .witnesses = mask_of(x)});
    });
  }

  /// The link from i to j carries nothing, as far as j or hearsay of it tells.
  [[nodiscard]] bool is_cut(std::size_t i, std::size_t j) const {
    if (!has(view_.silent[j], i) || has(view_.flapping[j], i) || has(view_.flapping[i], j)) {
      return false;
    }
    return !(has(view_.just_silent[j], i) && is_lossy(i, j));
  }

  /// The link belongs to a node that loses: it loses some in a row, and again.
  [[nodiscard]] bool is_lossy(std::size_t i, std::size_t j) const {
    return has(lossy_nodes_, i) || has(lossy_nodes_, j);
  }

  void find_cuts() {
    LinkSet pairs;
    LinkSet one_way;
    each(judges_ & judged_, [&](std::size_t j) {
      each(static_cast<NodeMask>(view_.silent[j] & judged_), [&](std::size_t i) {
        if (!is_cut(i, j)) return;
        // Of a node whose row is unknown no direction can be told from the other.
        const bool both = !has(judges_, i) || is_cut(j, i);
        if (both) {
          pairs.add(i, j);
          pairs.add(j, i);
        } else {
          one_way.add(i, j);
        }
      });
    });
    if (!pairs.is_empty) read_pairs(pairs);
    if (!one_way.is_empty) read_one_way(one_way);
  }

  void read_pairs(const LinkSet& pairs) {
    NodeMask involved = 0;
    for (std::size_t i = 0; i < view_.count; ++i) {
      if (pairs.to[i] != 0) involved |= mask_of(i);
    }
    const NodeMask witnesses = involved & view_.rows;
    if (find_hub(pairs, witnesses)) return;
    if (size_of(involved) == 2) {
      const std::uint8_t low = lowest(involved);
      push({.kind = DiagnosisKind::kPartialPartition,
            .path = Path::kBoth,
            .node = low,
            .peer = lowest(without(involved, mask_of(low))),
            .witnesses = witnesses});
      return;
    }
    // To blame is who has a part in every pair.
    std::uint8_t culprit = Finding::kNone;
    each(involved, [&](std::size_t i) {
      bool covers = true;
      each(without(involved, mask_of(i)),
           [&](std::size_t k) { covers &= without(pairs.to[k], mask_of(i)) == 0; });
      if (covers) culprit = narrow(i);
    });
    const NodeMask others =
        culprit == Finding::kNone ? involved : without(involved, mask_of(culprit));
    push({.kind = DiagnosisKind::kPartialPartition,
          .path = Path::kBoth,
          .node = culprit,
          .others = others,
          .witnesses = witnesses});
  }

  /// At least three who reach nobody but one in the middle.
  bool find_hub(const LinkSet& pairs, NodeMask witnesses) {
    if (size_of(judged_) < 4) return false;
    bool found = false;
    each(judged_, [&](std::size_t hub) {
      if (found || pairs.to[hub] != 0) return;
      bool is_hub = true;
      const NodeMask rim = without(judged_, mask_of(hub));
      each(rim, [&](std::size_t i) { is_hub &= pairs.to[i] == without(rim, mask_of(i)); });
      if (!is_hub) return;
      found = true;
      push({.kind = DiagnosisKind::kHubOnly,
            .node = narrow(hub),
            .others = rim,
            .witnesses = witnesses});
    });
    return found;
  }

  /// Blames the end with the most complaints first, until every link is explained.
  void read_one_way(LinkSet links) {
    while (findings_.count < Findings::kMax) {
      std::size_t best = 0;
      std::size_t node = 0;
      Path path = Path::kOut;
      for (std::size_t i = 0; i < view_.count; ++i) {
        if (size_of(links.to[i]) > best) {
          best = size_of(links.to[i]);
          node = i;
          path = Path::kOut;
        }
        if (size_of(links.from[i]) > best) {
          best = size_of(links.from[i]);
          node = i;
          path = Path::kIn;
        }
      }
      if (best == 0) return;
      const NodeMask others = path == Path::kOut ? links.to[node] : links.from[node];
      Finding finding{.kind = DiagnosisKind::kOneWayCut, .path = path, .node = narrow(node)};
      finding.witnesses = path == Path::kOut ? others : mask_of(node);
      if (best == 1) {
        const std::size_t other = lowest(others);
        path == Path::kOut ? set_link(finding, node, other) : set_link(finding, other, node);
      } else {
        finding.others = others;
      }
      push(finding);
      each(others, [&](std::size_t k) {
        auto& sources = path == Path::kOut ? links.from[k] : links.to[k];
        sources = without(sources, mask_of(node));
      });
      (path == Path::kOut ? links.to : links.from)[node] = 0;
    }
  }

  /// Names the link from `from` to `to` by its lower end.
  static void set_link(Finding& finding, std::size_t from, std::size_t to) {
    finding.node = narrow(std::min(from, to));
    finding.peer = narrow(std::max(from, to));
    finding.path = from < to ? Path::kOut : Path::kIn;
  }

  void find_flapping() {
    LinkSet bad;
    each(judges_ & view_.rows, [&](std::size_t j) {
      each(static_cast<NodeMask>(view_.flapping[j] & all_), [&](std::size_t i) {
        // A node some of whose links lose may lose on this one too, some in a row and again.
        const NodeMask near = static_cast<NodeMask>(mask_of(i) | mask_of(j));
        const NodeMask lossy =
            static_cast<NodeMask>(lossy_.to[i] | lossy_.from[i] | lossy_.to[j] | lossy_.from[j]);
        if (!is_lossy(i, j) && without(lossy, near) == 0) bad.add(i, j);
      });
    });
    // All links of a node that come and go do so for one reason.
    blame(DiagnosisKind::kFlappingLink, DiagnosisKind::kFlappingLink, bad);
  }

  void find_large_lost() {
    LinkSet bad;
    each(judges_ & view_.rows, [&](std::size_t j) {
      each(static_cast<NodeMask>(view_.loses_large[j] & judged_), [&](std::size_t i) {
        if (!has(view_.silent[i], j)) bad.add(j, i);
      });
    });
    for (std::size_t j = 0; j < view_.count; ++j)
      loses_large_[j] = bad.to[j];
    blame(DiagnosisKind::kLargeLost, DiagnosisKind::kLargeLost, bad);
  }

  /// Work that waits for big messages which do not pass does not hang.
  void find_hung() {
    each(view_.stuck & alive_, [&](std::size_t x) {
      if (2 * size_of(loses_large_[x]) >= size_of(judged_)) return;
      push({.kind = DiagnosisKind::kHungWorker, .node = narrow(x), .witnesses = mask_of(x)});
    });
  }

  void find_lossy_node() {
    take(view_.lossy, lossy_);
    take(view_.maybe_lossy, maybe_lossy_);
    if (maybe_lossy_.is_empty) return;
    add_lossy_pairs(maybe_lossy_, lossy_);
    blame_lossy_node();
  }

  void find_lossy_links() {
    if (lossy_.is_empty) return;
    // A link that fell silent a moment ago may be one that loses.
    LinkSet open = maybe_lossy_;
    each(judges_ & view_.rows & judged_, [&](std::size_t j) {
      each(static_cast<NodeMask>(view_.just_silent[j] & judged_),
           [&](std::size_t i) { open.add(i, j); });
    });
    blame_links(DiagnosisKind::kLossyLink, lossy_, maybe_lossy_, open, lossy_nodes_);
  }

  /// Pairs of nodes whose two directions together lose too much.
  void add_lossy_pairs(const LinkSet& maybe, LinkSet& bad) const {
    for (std::size_t i = 0; i < view_.count; ++i) {
      each(static_cast<NodeMask>(maybe.to[i] & maybe.from[i]), [&](std::size_t j) {
        if (unsigned{view_.lost[j][i]} + view_.lost[i][j] >= kPairLost) bad.add(i, j);
      });
    }
  }

  void find_slow() {
    LinkSet bad;
    take(view_.slow, bad);
    blame(DiagnosisKind::kSlowNode, DiagnosisKind::kSlowLink, bad);
  }

  /// The links of `said` between nodes that live, without those that carry nothing or flap.
  void take(const std::array<NodeMask, kMaxMatrixNodes>& said, LinkSet& links) const {
    each(judges_ & view_.rows & judged_, [&](std::size_t j) {
      each(static_cast<NodeMask>(said[j] & judged_), [&](std::size_t i) {
        const bool is_other =
            has(view_.silent[j], i) || has(view_.flapping[j], i) || has(view_.flapping[i], j);
        if (!is_other) links.add(i, j);
      });
    });
  }

  /// What the link from `i` to `j` has lost.
  [[nodiscard]] LossCount lost(std::size_t i, std::size_t j) const {
    return {view_.lost[j][i], kLossReported};
  }
  [[nodiscard]] LossCount lost_from(std::size_t i, NodeMask to) const {
    LossCount sum;
    each(to, [&](std::size_t j) { sum += lost(i, j); });
    return sum;
  }
  [[nodiscard]] LossCount lost_to(std::size_t j, NodeMask from) const {
    LossCount sum;
    each(from, [&](std::size_t i) { sum += lost(i, j); });
    return sum;
  }

  /// The nodes most of whose links are bad on one side, then the single links that remain.
  void blame(DiagnosisKind of_node, DiagnosisKind of_link, const LinkSet& bad) {
    if (bad.is_empty) return;
    blame_links(of_link, bad, bad, bad, blame_nodes(of_node, bad));
  }

  /// The bad links between others than `blamed`. `maybe` holds `bad` and what may soon be; while
  /// links beside a bad one are `open` nothing is said.
  void blame_links(DiagnosisKind kind, const LinkSet& bad, const LinkSet& maybe,
                   const LinkSet& open, NodeMask blamed) {
    const bool is_loss = kind == DiagnosisKind::kLossyLink;
    for (std::size_t i = 0; i < view_.count; ++i) {
      if (has(blamed, i)) continue;
      each(without(bad.to[i], blamed), [&](std::size_t j) {
        // One direction alone is named when it is clear that the other one is better.
        const bool back =
            has(maybe.to[j], i) || (is_loss && clarity(lost(i, j), lost(j, i)) < kSideIsClear);
        if (back && has(bad.to[j], i) && i > j) return;  // Said from the other end.
        if (is_in_doubt(bad, open, i, j)) return;
        if (is_loss && !(is_link_clear(i, j, back) && is_link_clear(j, i, back))) return;
        Finding finding{.kind = kind};
        set_link(finding, i, j);
        if (back) finding.path = Path::kBoth;
        finding.witnesses = static_cast<NodeMask>(mask_of(j) | (back ? mask_of(i) : 0U));
        if (is_loss) finding.lost_per_mille = per_mille(lost(i, j));
        push(finding);
      });
    }
  }

  /// The nodes whose links are explained.
  NodeMask blame_nodes(DiagnosisKind kind, const LinkSet& bad) {
    std::size_t most = 0;
    NodeMask culprits = 0;
    each(all_, [&](std::size_t x) {
      const std::size_t complaints = (is_bad_side(bad.to[x], x) ? size_of(bad.to[x]) : 0) +
                                     (is_bad_side(bad.from[x], x) ? size_of(bad.from[x]) : 0);
      if (complaints == 0 || complaints < most) return;
      culprits = complaints > most ? mask_of(x) : static_cast<NodeMask>(culprits | mask_of(x));
      most = complaints;
    });
    if (culprits == 0) return 0;
    Finding finding{.kind = kind};
    NodeMask concerned = 0;
    bool any_out = false;
    bool any_in = false;
    each(culprits, [&](std::size_t x) {
      const bool out = is_bad_side(bad.to[x], x);
      const bool in = is_bad_side(bad.from[x], x);
      const NodeMask to = out ? bad.to[x] : NodeMask{0};
      const NodeMask from = in ? bad.from[x] : NodeMask{0};
      concerned |= to | from;
      any_out |= out;
      any_in |= in;
      finding.witnesses |= static_cast<NodeMask>(to | (in ? mask_of(x) : 0U));
    });
    finding.path = any_out && any_in ? Path::kBoth : any_out ? Path::kOut : Path::kIn;
    const bool is_one = size_of(culprits) == 1;
    if (is_one) finding.node = lowest(culprits);
    finding.others = is_one ? concerned : static_cast<NodeMask>(concerned | culprits);
    push(finding);
    // No single one: the links are explained all the same.
    return is_one ? culprits : all_;
  }

  /// Most of the links of `x` on one side.
  [[nodiscard]] bool is_bad_side(NodeMask links, std::size_t x) const {
    return size_of(links) >= 2 && 2 * size_of(links) > size_of(without(judged_, mask_of(x)));
  }

  /// Names the node whose links lose more than all others, or all, or nobody.
  void blame_lossy_node() {
    Finding best{.kind = DiagnosisKind::kLossyNode};
    each(judged_, [&](std::size_t x) {
      const bool out = is_lossy_side(x, Path::kOut);
      const bool in = is_lossy_side(x, Path::kIn);
      if (out || in) lossy_nodes_ |= mask_of(x);
      if (out) weigh(best, x, Path::kOut);
      if (in) weigh(best, x, Path::kIn);
      if (out && in) weigh(best, x, Path::kBoth);
    });
    if (lossy_nodes_ == 0) return;
    if (best.clarity >= kNodeIsClear) {
      lossy_nodes_ = mask_of(best.node);
      push(best);
    } else if (is_lossy_everywhere()) {
      best = {.kind = DiagnosisKind::kLossyNode, .path = Path::kBoth};
      for (std::size_t j = 0; j < view_.count; ++j) {
        best.others |= static_cast<NodeMask>(maybe_lossy_.to[j] | maybe_lossy_.from[j]);
        if (maybe_lossy_.from[j] != 0) best.witnesses |= mask_of(j);
      }
      best.lost_per_mille = per_mille(lost_between(judged_));
      push(best);
      lossy_nodes_ = all_;
    }
    // Else it may be one of these nodes, or chance: too early to name one or any of its links.
  }

  /// Most of the links of `x` on one side may be lossy. Many in doubt make up for one that is sure.
  [[nodiscard]] bool is_lossy_side(std::size_t x, Path side) const {
    const bool out = side == Path::kOut;
    const NodeMask links = out ? maybe_lossy_.to[x] : maybe_lossy_.from[x];
    const NodeMask surely = out ? lossy_.to[x] : lossy_.from[x];
    if (!is_bad_side(links, x) || (surely == 0 && size_of(links) < 3)) return false;
    return (out ? lost_from(x, links) : lost_to(x, links)).lost >= kLossyNodeLost;
  }

  /// Makes `best` the links of `x` on the side of `path`, if they lose more clearly than others.
  void weigh(Finding& best, std::size_t x, Path path) const {
    const NodeMask others = without(judged_, mask_of(x));
    LossCount here;
    LossCount worst;
    each(others, [&](std::size_t y) {
      LossCount with_y;
      const bool tells = has(judges_ & view_.rows, y);
      if (path != Path::kIn && tells) with_y += lost(x, y);
      if (path != Path::kOut) with_y += lost(y, x);
      here += with_y;
      if (with_y.lost >= worst.lost) worst = with_y;
    });
    const LossCount elsewhere = lost_between(others);
    const LossCount rest{here.lost - worst.lost, here.sent - worst.sent};
    if (clarity(rest, elsewhere) < kRestIsClear) return;
    const unsigned bits = clarity(here, elsewhere);
    if (bits <= best.clarity) return;
    const NodeMask to = path == Path::kIn ? NodeMask{0} : maybe_lossy_.to[x];
    const NodeMask from = path == Path::kOut ? NodeMask{0} : maybe_lossy_.from[x];
    best.node = narrow(x);
    best.path = path;
    best.others = to | from;
    best.witnesses = static_cast<NodeMask>(to | (from != 0 ? mask_of(x) : 0U));
    best.lost_per_mille = per_mille(here);
    best.clarity = static_cast<std::uint16_t>(bits);
  }

  [[nodiscard]] LossCount lost_between(NodeMask nodes) const {
    LossCount sum;
    each(nodes & judges_ & view_.rows,
         [&](std::size_t j) { sum += lost_to(j, without(nodes, mask_of(j))); });
    return sum;
  }

  /// All links together lose at least 1.5 of 32, and whichever node is left out, the others 1.
  [[nodiscard]] bool is_lossy_everywhere() const {
    const LossCount all = lost_between(judged_);
    bool is_everywhere = all.lost * 64 >= all.sent * 3;
    each(judged_, [&](std::size_t x) {
      const LossCount others = lost_between(without(judged_, mask_of(x)));
      is_everywhere &= others.lost * 32 >= others.sent;
    });
    return is_everywhere;
  }

  /// Another link of the same two nodes may be bad too: it is too early to blame this one alone.
  [[nodiscard]] bool is_in_doubt(const LinkSet& bad, const LinkSet& open, std::size_t i,
                                 std::size_t j) const {
    const auto is_open = [&](std::size_t x, std::size_t other) {
      const NodeMask near = static_cast<NodeMask>(open.to[x] | open.from[x]);
      const NodeMask sure = static_cast<NodeMask>(bad.to[x] | bad.from[x]);
      return without(near, static_cast<NodeMask>(sure | mask_of(other))) != 0;
    };
    return is_open(i, j) || is_open(j, i);
  }

  /// The link between `x` and `other`, both ways or one, loses clearly more than others of `x`.
  [[nodiscard]] bool is_link_clear(std::size_t x, std::size_t other, bool both) const {
    const bool is_out = has(lossy_.to[x], other);
    LossCount here = both || is_out ? lost(x, other) : LossCount{};
    if (both || !is_out) here += lost(other, x);
    const NodeMask others = without(judged_, static_cast<NodeMask>(mask_of(x) | mask_of(other)));
    LossCount beside = lost_to(x, others);
    beside += lost_from(x, static_cast<NodeMask>(others & judges_ & view_.rows));
    return beside.sent == 0 || clarity(here, beside) >= kLinkIsClear;
  }

  [[nodiscard]] static std::uint16_t per_mille(LossCount count) {
    return count.sent == 0 ? std::uint16_t{0}
                           : static_cast<std::uint16_t>(count.lost * 1000 / count.sent);
  }

  template <typename Visit>
  static void each(unsigned mask, Visit&& visit) {
    for (; mask != 0; mask &= mask - 1)
      visit(static_cast<std::size_t>(std::countr_zero(mask)));
  }

  void push(const Finding& finding) { findings_.push(finding); }

  const MatrixView& view_;
  NodeMask all_;
  NodeMask alive_ = 0;
  bool knows_all_ = false;
  NodeMask judges_ = 0;       ///< Whose complaints count.
  NodeMask judged_ = 0;       ///< Whose links are looked at.
  LinkSet lossy_{};           ///< Said to be lossy, or lossy together with the way back.
  LinkSet maybe_lossy_{};     ///< Those, and what may soon be.
  NodeMask lossy_nodes_ = 0;  ///< Whose loss explains, or may explain, what their links do.
  std::array<NodeMask, kMaxMatrixNodes> loses_large_{};
  Findings findings_{};
};

}  // namespace

Findings read_matrix(const MatrixView& view) {
  return Reading(view).read();
}

}  // namespace vouch
