#pragma once

#include <cstdint>

#include "vouch/detector/strong.h"

namespace vouch {

/// A process that takes part, chosen by the operator and stable over restarts. 0 means "nobody".
using NodeId = Strong<struct NodeIdTag, std::uint32_t>;

/// The replicas of one partition. A node may be a member of many groups.
using GroupId = Strong<struct GroupIdTag, std::uint64_t>;

/// Leadership number of a group: grows with each election (Paxos ballot, VSR view, ZAB epoch).
/// 0 means "before the first election".
using Term = Strong<struct TermTag, std::uint64_t>;

/// Restart counter of a node: higher after each restart (SWIM section 4.2). 0 means "unknown".
using Incarnation = Strong<struct IncarnationTag, std::uint64_t>;

/// Number of a heartbeat within one incarnation of its sender. The first one is 1.
using Seq = Strong<struct SeqTag, std::uint64_t>;

/// Names one confirmation round: a random number, so that an answer cannot be guessed or replayed.
using Nonce = Strong<struct NonceTag, std::uint64_t>;

/// Version of a group's membership: grows with each change of its voters.
using ConfigEpoch = Strong<struct ConfigEpochTag, std::uint64_t>;

inline constexpr NodeId kNobody{0};

/// Position of the last entry of a replicated log. Ordered as Raft compares logs (Raft section
/// 5.4.1): the later term wins, then the longer log.
struct LogPosition {
  Term term{};
  std::uint64_t index = 0;

  friend constexpr auto operator<=>(const LogPosition&, const LogPosition&) = default;
};

}  // namespace vouch
