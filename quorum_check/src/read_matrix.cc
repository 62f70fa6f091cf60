// The reading of the matrix: from who hears whom to what is broken.

#include <algorithm>
#include <bit>

#include "vouch/quorum_check/diagnosis.h"

namespace vouch {
namespace {

/// On its most lossy side a node must have lost so many heartbeats in all, of the last 32 of each
/// link: four links of a loss of 30 % have that after 7 heartbeats.
constexpr unsigned kLossyNodeLost = 8;

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
      : view_(view), all_(static_cast<NodeMask>((1U << view.count) - 1)) {}

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
    find_cuts();
    find_flapping();
    find_large_lost();
    find_hung();
    find_lossy();
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
    return has(view_.silent[j], i) && !has(view_.flapping[j], i) && !has(view_.flapping[i], j);
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
      each(static_cast<NodeMask>(view_.flapping[j] & all_), [&](std::size_t i) { bad.add(i, j); });
    });
    // All links of a node that come and go do so for one reason.
    blame(DiagnosisKind::kFlappingLink, DiagnosisKind::kFlappingLink, bad, bad);
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
    blame(DiagnosisKind::kLargeLost, DiagnosisKind::kLargeLost, bad, bad);
  }

  /// Work that waits for big messages which do not pass does not hang.
  void find_hung() {
    each(view_.stuck & alive_, [&](std::size_t x) {
      if (2 * size_of(loses_large_[x]) >= size_of(judged_)) return;
      push({.kind = DiagnosisKind::kHungWorker, .node = narrow(x), .witnesses = mask_of(x)});
    });
  }

  void find_lossy() {
    LinkSet bad;
    LinkSet maybe;
    take(view_.lossy, bad);
    take(view_.maybe_lossy, maybe);
    blame(DiagnosisKind::kLossyNode, DiagnosisKind::kLossyLink, bad, maybe);
  }

  void find_slow() {
    LinkSet bad;
    take(view_.slow, bad);
    blame(DiagnosisKind::kSlowNode, DiagnosisKind::kSlowLink, bad, bad);
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

  [[nodiscard]] unsigned lost_from(std::size_t i, NodeMask to) const {
    unsigned sum = 0;
    each(to, [&](std::size_t j) { sum += view_.lost[j][i]; });
    return sum;
  }
  [[nodiscard]] unsigned lost_to(std::size_t j, NodeMask from) const {
    unsigned sum = 0;
    each(from, [&](std::size_t i) { sum += view_.lost[j][i]; });
    return sum;
  }

  /// The nodes most of whose links are bad on one side, then the single links that remain. `maybe`
  /// holds `bad` and what may soon be; while links beside a bad one are in doubt nothing is said.
  void blame(DiagnosisKind of_node, DiagnosisKind of_link, const LinkSet& bad,
             const LinkSet& maybe) {
    if (maybe.is_empty) return;
    const NodeMask blamed = blame_nodes(of_node, bad, maybe);
    for (std::size_t i = 0; i < view_.count; ++i) {
      if (has(blamed, i)) continue;
      each(without(bad.to[i], blamed), [&](std::size_t j) {
        const bool back = has(maybe.to[j], i);
        if (back && has(bad.to[j], i) && i > j) return;  // Said from the other end.
        if (is_in_doubt(bad, maybe, i, j)) return;
        Finding finding{.kind = of_link};
        set_link(finding, i, j);
        if (back) finding.path = Path::kBoth;
        finding.witnesses = static_cast<NodeMask>(mask_of(j) | (back ? mask_of(i) : 0U));
        if (of_link == DiagnosisKind::kLossyLink) {
          finding.lost_per_mille = per_mille(lost_from(i, mask_of(j)), 1);
        }
        push(finding);
      });
    }
  }

  NodeMask blame_nodes(DiagnosisKind kind, const LinkSet& bad, const LinkSet& maybe) {
    std::size_t most = 0;
    NodeMask culprits = 0;
    each(all_, [&](std::size_t x) {
      const std::size_t complaints =
          (is_bad_side(kind, bad, maybe, x, Path::kOut) ? size_of(maybe.to[x]) : 0) +
          (is_bad_side(kind, bad, maybe, x, Path::kIn) ? size_of(maybe.from[x]) : 0);
      if (complaints == 0 || complaints < most) return;
      culprits = complaints > most ? mask_of(x) : static_cast<NodeMask>(culprits | mask_of(x));
      most = complaints;
    });
    if (culprits == 0) return 0;
    Finding finding{.kind = kind};
    NodeMask concerned = 0;
    bool any_out = false;
    bool any_in = false;
    unsigned lost = 0;
    unsigned links = 0;
    each(culprits, [&](std::size_t x) {
      const bool out = is_bad_side(kind, bad, maybe, x, Path::kOut);
      const bool in = is_bad_side(kind, bad, maybe, x, Path::kIn);
      const NodeMask to = out ? maybe.to[x] : NodeMask{0};
      const NodeMask from = in ? maybe.from[x] : NodeMask{0};
      concerned |= to | from;
      any_out |= out;
      any_in |= in;
      finding.witnesses |= static_cast<NodeMask>(to | (in ? mask_of(x) : 0U));
      lost += lost_from(x, to) + lost_to(x, from);
      links += static_cast<unsigned>(size_of(to) + size_of(from));
    });
    finding.path = any_out && any_in ? Path::kBoth : any_out ? Path::kOut : Path::kIn;
    const bool is_one = size_of(culprits) == 1 && (kind != DiagnosisKind::kLossyNode ||
                                                   stands_out(lowest(culprits), lost, links));
    if (kind == DiagnosisKind::kLossyNode && !is_one && !is_lossy_everywhere()) return 0;
    if (is_one) finding.node = lowest(culprits);
    finding.others = is_one ? concerned : static_cast<NodeMask>(concerned | culprits);
    if (kind == DiagnosisKind::kLossyNode) finding.lost_per_mille = per_mille(lost, links);
    push(finding);
    // No single one: the links are explained all the same.
    return is_one ? culprits : all_;
  }

  /// The links of `x` lose three times what those between all others do, and clearly so.
  [[nodiscard]] bool stands_out(std::size_t x, unsigned lost, unsigned links) const {
    const NodeMask others = without(judged_, mask_of(x));
    unsigned lost_elsewhere = 0;
    unsigned links_elsewhere = 0;
    each(others & judges_ & view_.rows, [&](std::size_t j) {
      const NodeMask from = without(others, mask_of(j));
      lost_elsewhere += lost_to(j, from);
      links_elsewhere += static_cast<unsigned>(size_of(from));
    });
    return lost * links_elsewhere >= 3 * lost_elsewhere * links + kLossyNodeLost * links_elsewhere;
  }

  /// All links together lose at least 1.5 of 32.
  [[nodiscard]] bool is_lossy_everywhere() const {
    unsigned lost = 0;
    unsigned links = 0;
    each(judged_ & judges_ & view_.rows, [&](std::size_t j) {
      const NodeMask from = without(judged_, mask_of(j));
      lost += lost_to(j, from);
      links += static_cast<unsigned>(size_of(from));
    });
    return 2 * lost >= 3 * links;
  }

  [[nodiscard]] bool is_bad_side(DiagnosisKind kind, const LinkSet& bad, const LinkSet& maybe,
                                 std::size_t x, Path side) const {
    const bool out = side == Path::kOut;
    const NodeMask links = out ? maybe.to[x] : maybe.from[x];
    const NodeMask surely = out ? bad.to[x] : bad.from[x];
    const std::size_t peers = size_of(without(judged_, mask_of(x)));
    if (size_of(links) < 2 || 2 * size_of(links) <= peers) return false;
    if (kind != DiagnosisKind::kLossyNode) return surely != 0;
    // Many links in doubt make up for one that is sure.
    if (surely == 0 && size_of(links) < 3) return false;
    return (out ? lost_from(x, links) : lost_to(x, links)) >= kLossyNodeLost;
  }

  /// Another link of the same two nodes may be bad too: it is too early to blame this one alone.
  [[nodiscard]] bool is_in_doubt(const LinkSet& bad, const LinkSet& maybe, std::size_t i,
                                 std::size_t j) const {
    const auto open = [&](std::size_t x, std::size_t other) {
      const NodeMask near = static_cast<NodeMask>(maybe.to[x] | maybe.from[x]);
      const NodeMask sure = static_cast<NodeMask>(bad.to[x] | bad.from[x]);
      return without(near, static_cast<NodeMask>(sure | mask_of(other))) != 0;
    };
    return open(i, j) || open(j, i);
  }

  [[nodiscard]] static std::uint16_t per_mille(unsigned lost, unsigned links) {
    return links == 0 ? std::uint16_t{0}
                      : static_cast<std::uint16_t>(std::min(lost * 1000 / (32 * links), 1000U));
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
  NodeMask judges_ = 0;  ///< Whose complaints count.
  NodeMask judged_ = 0;  ///< Whose links are looked at.
  std::array<NodeMask, kMaxMatrixNodes> loses_large_{};
  Findings findings_{};
};

}  // namespace

Findings read_matrix(const MatrixView& view) {
  return Reading(view).read();
}

}  // namespace vouch
