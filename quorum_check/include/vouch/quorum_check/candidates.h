#pragma once

#include <cstdint>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/quorum.h"

namespace vouch {

/// What a node knows first-hand of one node of its roster when it ranks candidates. The entry of
/// the node itself holds its name and incarnation only.
struct PeerFacts {
  NodeId node{};
  Incarnation incarnation{};
  bool trusted = false;           ///< Its heartbeats arrive in time.
  bool is_heard = false;          ///< Its echoes prove that it hears this node.
  bool carries_large = false;     ///< Big messages reach it, as far as this node knows.
  bool sick = false;              ///< It says that it is itself slow.
  bool answers_late = false;      ///< What it answers comes when no consent can bind any more.
  Candidacy candidacy{};          ///< As it said last.
  Instant suspect_at = kLongAgo;  ///< Its freshness point. For the record only: no rule reads it.

  [[nodiscard]] NodeId name() const { return node; }
  [[nodiscard]] bool two_way() const { return trusted && is_heard; }
  [[nodiscard]] bool takes_large() const { return carries_large; }
  [[nodiscard]] bool is_sick() const { return sick; }
  [[nodiscard]] bool is_late() const { return answers_late; }
};

/// What a node brings to its own candidacy, before it looks at its peers.
struct OwnFacts {
  LogPosition log{};
  std::uint16_t priority = 0;
  std::uint8_t strikes = 0;
  bool may_lead = false;        ///< As the host says: not drained, not a witness.
  bool sick = false;            ///< This node is itself slow (rule S4).
  Instant stuck_at = kNever;    ///< From then on its work does not move.
  bool ranks_by_group = false;  ///< See LastWord.
  // Why it is slow. For the record only: no rule reads it.
  Instant sick_until = kLongAgo;  ///< After an own stall.
  std::uint8_t late_timers = 0;   ///< SelfHealth::score.
};

/// The last word among equal candidates of a group when there are many groups: lower is better.
[[nodiscard]] constexpr std::uint64_t candidate_rank(GroupId group, NodeId node) {
  std::uint64_t z = (group.value() ^ (std::uint64_t{node.value()} << 40)) + 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// The last word among equal candidates: the lower id. With many groups (ClaimMode::kDigest) it
/// differs from group to group, so that the node with the lowest id does not inherit them all; it
/// is the same on every node.
struct LastWord {
  GroupId group{};
  bool by_group = false;

  /// Slots are in the order of ids.
  template <typename PeerOf>
  [[nodiscard]] constexpr std::uint64_t rank(Slot slot, const PeerOf& peer) const {
    return by_group ? candidate_rank(group, peer(slot).name()) : slot;
  }
};

/// The order of candidates (rule L4). Only electable ones are compared.
///
/// Modification: strikes come before the log. Electable are only those whose log is at least as
/// long as those of a quorum, so what is committed is safe with any of them; and a node that flaps
/// is as a rule the one with the longest log, because it led a moment ago.
[[nodiscard]] constexpr bool is_better(const Candidacy& a, std::uint64_t a_rank, const Candidacy& b,
                                       std::uint64_t b_rank) {
  if (a.strikes != b.strikes) return a.strikes < b.strikes;
  if (a.log != b.log) return a.log > b.log;
  if (a.priority != b.priority) return a.priority > b.priority;
  if (a.consenters != b.consenters) return a.consenters > b.consenters;
  return a_rank < b_rank;
}

/// A node's own candidacy. Consenters are those reached voters whose logs are not longer and whose
/// consents would come back in time: a candidate behind a delay longer than the longest hold never
/// collects a quorum of them, and would keep all others from an election by asking for ever.
/// `peer(slot)` yields PeerFacts or something that answers like it: the
/// running core looks at its peers in place, a replay at what was recorded, by the same code.
template <typename PeerOf>
[[nodiscard]] Candidacy candidacy_of(const OwnFacts& own, Instant now, const Voters& voters,
                                     Slot self, const PeerOf& peer) {
  Candidacy result{.log = own.log, .priority = own.priority, .strikes = own.strikes};
  result.may_lead = own.may_lead && voters.contains(self) && !own.sick && now < own.stuck_at;
  SlotSet reached;
  SlotSet consenters;
  voters.all().for_each([&](Slot slot) {
    if (slot == self) {
      reached.insert(slot);
      consenters.insert(slot);
      return;
    }
    const auto& facts = peer(slot);
    if (!facts.two_way() || !facts.takes_large()) return;
    reached.insert(slot);
    if (facts.is_sick() || facts.is_late() || facts.candidacy.log > own.log) return;
    consenters.insert(slot);
  });
  result.consenters = static_cast<std::uint8_t>(consenters.size());
  result.reaches_quorum = voters.is_quorum(reached);
  result.electable = result.may_lead && voters.is_quorum(consenters);
  return result;
}

/// The best electable candidate among the voters of `count` nodes, or kNoSlot. `own` is
/// the candidacy of `self`; `asking` has just spoken, so it counts as reached. Nobody among
/// `unfit`.
template <typename PeerOf>
[[nodiscard]] Slot best_candidate(const Candidacy& own, const Voters& voters, Slot self, Slot count,
                                  Slot asking, const PeerOf& peer, const LastWord& last_word,
                                  SlotSet unfit = {}) {
  Slot best = kNoSlot;
  std::uint64_t best_rank = 0;
  Candidacy best_candidacy{};
  for (Slot slot = 0; slot < count; ++slot) {
    if (!voters.contains(slot) || unfit.contains(slot)) continue;
    Candidacy candidacy = own;
    if (slot != self) {
      const auto& facts = peer(slot);
      if (slot != asking && !facts.two_way()) continue;
      if (facts.is_sick()) continue;
      candidacy = facts.candidacy;
    }
    if (!candidacy.may_lead || !candidacy.electable) continue;
    const std::uint64_t rank = last_word.rank(slot, peer);
    if (best == kNoSlot || is_better(candidacy, rank, best_candidacy, best_rank)) {
      best = slot;
      best_rank = rank;
      best_candidacy = candidacy;
    }
  }
  return best;
}

}  // namespace vouch
