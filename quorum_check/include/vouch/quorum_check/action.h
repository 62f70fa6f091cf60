#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/message.h"

namespace vouch {

/// A short list of nodes, in ascending order.
struct NodeList {
  std::uint8_t count = 0;
  std::array<NodeId, kMaxNodes> nodes{};

  void push(NodeId node) {
    if (count < nodes.size()) nodes[count++] = node;
  }
  [[nodiscard]] const NodeId* begin() const { return nodes.data(); }
  [[nodiscard]] const NodeId* end() const { return nodes.data() + count; }
  friend bool operator==(const NodeList&, const NodeList&) = default;
};

/// One node's belief about one peer.
///
/// Legal transitions: kUnknown -> kTrusted -> kSuspect -> kTrusted ...; a new incarnation starts
/// again at kTrusted.
enum class PeerState : std::uint8_t {
  kUnknown,  ///< Never heard.
  kTrusted,  ///< Heartbeats arrive in time and prove that the peer hears this node.
  kSuspect,  ///< The freshness point has passed. A question, not a verdict.
};

/// What a confirmation came to: why a node does, or does not, campaign. In the order in which the
/// rules are tried (first match).
enum class Verdict : std::uint8_t {
  kQuiesceSelf,           ///< This node is itself slow: it neither judges nor campaigns.
  kSuperseded,            ///< A newer term is known: follow it.
  kSuppress,              ///< A peer has valid evidence that the leader holds its quorum.
  kIsolatedSelf,          ///< Fewer than a quorum, this node included, answer. No term is spent.
  kNoElectableCandidate,  ///< Nobody who may lead reaches a quorum whose logs are not longer.
  kCampaign,              ///< A quorum consents to this node.
  kEndorse,               ///< Another candidate is better, or has the consents.
  kWait,                  ///< A quorum answers, but promises still run or answers are missing.
  kTrust,                 ///< The suspicion ended: the leader is heard again.
};
inline constexpr std::uint8_t kVerdictCount = 9;

/// Why a leader must stop.
enum class StandDownReason : std::uint8_t {
  kLeaseLapsed,  ///< No quorum acknowledged within the lease.
  kDeposed,      ///< A newer term is known.
  kNoProgress,   ///< Uncommitted work is older than progress_timeout.
  kDraining,     ///< The host made it ineligible.
  kResigned,     ///< The host gave leadership up by itself.
  kStalling,     ///< Own pauses added up to a lease: better handed over than limping on.
};

/// Deliver `message` to `to`, now or never: a late datagram is worth nothing.
struct Send {
  NodeId to{};
  Message message{};

  Send() = default;
  /// Writes `m`, one of the alternatives of Message, in place: nothing is copied twice.
  template <typename M>
  Send(NodeId node, const M& m) : to(node), message(std::in_place_type<M>, m) {}
  Send(NodeId node, const Message& m) : to(node), message(m) {}
};

/// Begin an election at a term above `after`. Comes only when a quorum consented in this round.
///
/// The host asks for votes at once; `valid_until` is the instant by which it must have begun.
struct Campaign {
  GroupId group{};
  Term after{};
  Nonce round{};
  Instant valid_until{};
};

/// The host's leader must stop now: its lease is over, or will not be renewed. The lease is not
/// held any more when this comes out; the term is given up for good (abdication).
struct StandDown {
  GroupId group{};
  Term term{};
  StandDownReason reason{};
};

/// The leader is fine, this node's link to it is not: the peers in `via` reach both. A host may
/// fetch its log or forward its clients through them.
struct Vouched {
  GroupId group{};
  NodeId leader{};
  Term term{};
  Instant until{};
  NodeList via{};
};

/// The leader of a group, as this node knows it, changed. kNobody: none is known.
struct LeaderChanged {
  GroupId group{};
  Term term{};
  NodeId leader{};
};

/// The belief about one peer changed.
struct PeerChanged {
  NodeId peer{};
  PeerState from{};
  PeerState to{};
};

/// One decision with its inputs: the answer to "why did it (not) elect?".
struct Decision {
  Instant at{};
  GroupId group{};
  Verdict verdict{};
  NodeId subject{};  ///< The suspected leader, or kNobody.
  Term term{};       ///< Newest known term.
  Nonce round{};
  std::uint32_t attempt = 0;
  std::uint8_t answers = 0;   ///< Voters that answered freshly, this node included.
  std::uint8_t consents = 0;  ///< Of these, consenting.
  std::uint8_t quorum = 0;    ///< Voters needed.
  Instant until{};            ///< kSuppress, kWait: when the reason ends by itself. Else kLongAgo.
  NodeId best{};              ///< The best candidate known, or kNobody.
  NodeList via{};             ///< kSuppress: who gave the evidence. kIsolatedSelf: who answered.
  /// kNoElectableCandidate: who reaches a quorum both ways, and who has the longest log known.
  NodeList with_quorum{};
  NodeList with_log{};
};

/// Suppression has lasted longer than suppress_cap: somebody should look at the network. Repeats
/// once per suppress_cap while it lasts.
struct SuppressAlert {
  GroupId group{};
  NodeId leader{};
  Duration lasting{};
};

/// Everything that a Monitor wants done, in the order in which it comes out.
using Action = std::variant<Send, Campaign, StandDown, Vouched, LeaderChanged, PeerChanged,
                            Decision, SuppressAlert>;

static_assert(std::is_trivially_copyable_v<Action>);

/// The names of the enumerators as logs, traces and the CLI print them (`SUPPRESS`,
/// `lease_lapsed`, ...). Never empty.
[[nodiscard]] std::string_view to_string(Verdict verdict);
[[nodiscard]] std::string_view to_string(StandDownReason reason);
[[nodiscard]] std::string_view to_string(PeerState state);
[[nodiscard]] std::string_view to_string(Answer answer);

}  // namespace vouch
