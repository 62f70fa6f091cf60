#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/candidates.h"
#include "vouch/quorum_check/quorum.h"

namespace vouch {

/// What a node knows of its host's work.
struct WorkFacts {
  Instant pending_since = kNever;  ///< kNever: nothing is pending.
  Instant reported_at = kNever;    ///< The worker's newest word; kNever before its first.
  Duration progress_timeout{};     ///< See MonitorConfig.
  Duration worker_interval{};      ///< See MonitorConfig.

  /// The age of the oldest work that does not move, as an instant; kNever when all moves.
  [[nodiscard]] Instant stuck_since() const {
    if (worker_interval == Duration::zero()) return pending_since;
    return std::min(pending_since, reported_at);
  }

  /// From when on this node is of no use as a leader, because its work does not move.
  [[nodiscard]] Instant stuck_at() const {
    const Duration limit = progress_timeout;
    return limit == Duration::zero() ? kNever : saturating_add(stuck_since(), limit);
  }
};

/// The end of a leader's quorum lease, given until when each voter supports it. Its own support
/// does not end.
[[nodiscard]] constexpr Instant lease_end(const Voters& voters, Slot self,
                                          std::array<Instant, kMaxNodes> support) {
  support[self] = kNever;
  return voters.quorum_until(support);
}

/// What becomes of a leader.
enum class LeaseVerdict : std::uint8_t {
  kKeep,
  kReadFirst,   ///< The lease is over, but acknowledgements may wait in a buffer: not given up yet.
  kLapsed,      ///< No quorum acknowledged within the lease.
  kNoProgress,  ///< Its work does not move.
  kHandOver,    ///< It is drained, and there is a successor.
};

/// What the lease rule reads, after each event. `has_successor` matters only if it may not lead.
struct LeaseFacts {
  Instant now{};
  Instant lease_until = kLongAgo;
  Instant drain_until = kLongAgo;  ///< After an own stall: what waited in buffers is read first.
  Instant stuck_at = kNever;
  bool may_lead = true;
  bool has_successor = false;
};

/// The rule by which a leader stands down by itself, a pure function.
[[nodiscard]] constexpr LeaseVerdict judge_lease(const LeaseFacts& facts) {
  if (facts.now >= facts.lease_until) {
    return facts.now < facts.drain_until ? LeaseVerdict::kReadFirst : LeaseVerdict::kLapsed;
  }
  if (facts.now >= facts.stuck_at) return LeaseVerdict::kNoProgress;
  if (!facts.may_lead && facts.has_successor) return LeaseVerdict::kHandOver;
  return LeaseVerdict::kKeep;
}

/// Everything that a leader's end depends on, when somebody records it.
struct LeadershipInput {
  Instant now{};
  GroupId group{};
  ConfigEpoch epoch{};
  Term term{};  ///< That it leads.
  Voters voters{};
  Slot self = kNoSlot;
  OwnFacts own{};
  WorkFacts work{};
  std::array<Instant, kMaxNodes> support{};  ///< By slot: until when it supports this leader.
  Instant lease_from = kLongAgo;
  Instant drain_until = kLongAgo;
  Term newer_term{};                        ///< Not 0: a newer term is known.
  std::optional<StandDownReason> demanded;  ///< kResigned, kStalling, kTransferred.
  std::span<const PeerFacts> peers{};
};

/// What `judge_leadership` concludes.
struct LeadershipOutput {
  std::optional<StandDownReason> reason;  ///< Nothing: it goes on leading.
  Instant lease_until = kLongAgo;
  Instant stuck_at = kNever;
  Slot successor = kNoSlot;  ///< The best electable candidate, if it is another node.
};

/// The same rule from the ground: the lease by the quorum's support, the successor by rank.
[[nodiscard]] LeadershipOutput judge_leadership(const LeadershipInput& input);

}  // namespace vouch
