#pragma once

#include <cstddef>
#include <cstdint>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/front_end_message.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/action.h"

namespace vouch {

/// Whether the host may vote.
enum class VoteVerdict : std::uint8_t {
  kMay,          ///< Vote, if the host's own rules agree, and then tell VoteGranted.
  kPromised,     ///< A promise to another leader still runs (LeaseMode::kRefuse).
  kHeld,         ///< A consent given to another candidate a moment ago still binds.
  kJustStarted,  ///< This node restarted and may have promised before (rule S7).
  kNotVoter,     ///< This node or the candidate has no vote in the group.
};

/// What a host may ask about a group at any time.
struct GroupStatus {
  Term term{};
  NodeId leader{};           ///< As this node knows it, or kNobody.
  bool leads = false;        ///< This node leads and holds the lease at the instant asked for.
  bool suspects = false;     ///< A confirmation round runs.
  Instant lease_until{};     ///< Of this node's own lease; kLongAgo when it does not lead.
  Instant promised_until{};  ///< Until when this node is bound to `promised_to`.
  NodeId promised_to{};
  /// Until when the leader's lease is proved to this node: by itself, or by those who vouch for it.
  Instant proved_until = kLongAgo;
  NodeId relayer{};  ///< Who passes on the heartbeats of a leader that is not heard, or kNobody.
  Candidacy candidacy{};  ///< Of this node.
  Verdict verdict{};      ///< Newest decision of this node; kTrust before the first.
};

/// What a node can tell a front-end of a group's leader, first-hand.
struct LeaderKnown {
  Term term{};
  NodeId leader{};
  LeaderView view{};
  Duration lease{};  ///< How long its quorum lease is proved to run.
  Duration age{};    ///< Since what the proof was made from.
};

/// What the groups of a Monitor use of GroupLimits (ClaimMode::kDigest; all zero inline).
struct FleetStatus {
  std::uint32_t active = 0;              ///< Groups about which something is going on.
  std::uint32_t in_flight = 0;           ///< Of these, with a round or a candidacy of this node.
  std::size_t bytes_per_idle_group = 0;  ///< Memory, its share of the tables included.
};

/// What is known first-hand of one peer.
struct PeerStatus {
  PeerState state{};
  Incarnation incarnation{};
  bool is_heard = false;    ///< The peer proves that it hears this node.
  Duration round_trip{};    ///< Smoothed; includes the peer's wait for its next heartbeat.
  Instant support_until{};  ///< Until when the peer supports this node.
};

}  // namespace vouch
