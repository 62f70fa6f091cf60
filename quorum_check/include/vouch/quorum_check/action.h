#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/front_end_message.h"
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
/// Legal transitions: kUnknown -> kTrusted -> kSuspect -> kTrusted ...; a new incarnation begins
/// with what the one before it was, and keeps trust only if it soon proves that it hears this node.
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
  kTransferred,  ///< The host followed an advice, or wanted it by itself (HandOver).
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

/// Deliver `message` to the front-end or the replica `to`, now or never.
struct SendFrontEnd {
  NodeId to{};
  FrontEndMessage message{};
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

/// What is wrong with a node or a link, as the matrix of everybody's reports reads.
/// docs/DIAGNOSIS.md says what each means and what an operator does.
enum class DiagnosisKind : std::uint8_t {
  kProcessExit,       ///< The process has ended: an obituary, or its host refuses what is sent.
  kHostSilent,        ///< Nobody here hears the node: it is down, or cut off.
  kIsolated,          ///< This node, with few others, hears no majority: it is the sick one.
  kSickNode,          ///< The node says of itself that it is slow or stood still.
  kOneWayCut,         ///< A direction carries nothing, the other does.
  kPartialPartition,  ///< Two nodes that others reach do not reach each other.
  kHubOnly,           ///< All reach the hub, and nobody reaches anybody else.
  kFlappingLink,      ///< It comes and goes.
  kLargeLost,         ///< Small messages pass, big ones do not.
  kHungWorker,        ///< Heartbeats go on, the host's work does not move.
  kLossyNode,         ///< Most links of the node lose messages.
  kLossyLink,         ///< One link loses messages.
  kSlowNode,          ///< Most links of the node have become slow.
  kSlowLink,          ///< One link has become slow.
  kFrontEndPath,      ///< Front-ends do not reach the leader, replicas do.
};
inline constexpr std::uint8_t kDiagnosisKindCount = 15;

enum class DiagnosisChange : std::uint8_t { kRaised, kCleared };

/// Which part of a node or link a diagnosis is about.
enum class Path : std::uint8_t {
  kNode,  ///< The node itself.
  kOut,   ///< From `node` to `peer`, or to others.
  kIn,    ///< From `peer`, or others, to `node`.
  kBoth,  ///< Between `node` and `peer`, or others.
};

/// A diagnosis was raised or cleared. Each change comes once.
///
/// The culprit is `node`; without a `peer` it is the node, or all its links in the direction of
/// `path`; with one it is that link only, and then `node` is the lower end of it. kNobody: no
/// single node is to blame; `others` are concerned.
struct Diagnosis {
  Instant at{};
  Instant since{};  ///< When the evidence for it was there first.
  DiagnosisKind kind{};
  DiagnosisChange change{};
  Path path = Path::kNode;
  NodeId node{};
  NodeId peer{};
  std::uint16_t lost_per_mille = 0;  ///< kLossy*: of the last 32 heartbeats of each link.
  NodeList others{};                 ///< The other nodes concerned.
  NodeList witnesses{};              ///< Who reports what this rests on.

  friend bool operator==(const Diagnosis&, const Diagnosis&) = default;
};

/// Why another node should lead.
enum class TransferReason : std::uint8_t {
  kDrained,    ///< The host made the leader ineligible. Reserved: it stands down without advice.
  kLossy,      ///< Most of the leader's links lose messages.
  kSlow,       ///< Most of them have become slow.
  kSick,       ///< The leader's own timers have been late for long.
  kFrontEnds,  ///< Most front-ends of several zones have not reached it for long.
};

/// This node leads, and `to` would do it better: it is electable, no follower has a longer log, and
/// its links are clean. The lease runs on; the host may hand over (HandOver) or not. Comes at most
/// once per transfer_cooldown, and not while a change of leader is as young.
struct TransferAdvice {
  GroupId group{};
  Term term{};
  NodeId to{};
  TransferReason reason{};
};

/// Everything that a Monitor wants done, in the order in which it comes out.
using Action = std::variant<Send, Campaign, StandDown, Vouched, LeaderChanged, PeerChanged,
                            Decision, SuppressAlert, Diagnosis, TransferAdvice, SendFrontEnd>;

static_assert(std::is_trivially_copyable_v<Action>);

/// The names of the enumerators as logs, traces and the CLI print them (`SUPPRESS`,
/// `lease_lapsed`, ...). Never empty.
[[nodiscard]] std::string_view to_string(Verdict verdict);
[[nodiscard]] std::string_view to_string(StandDownReason reason);
[[nodiscard]] std::string_view to_string(PeerState state);
[[nodiscard]] std::string_view to_string(Answer answer);
[[nodiscard]] std::string_view to_string(DiagnosisKind kind);
[[nodiscard]] std::string_view to_string(DiagnosisChange change);
[[nodiscard]] std::string_view to_string(TransferReason reason);

}  // namespace vouch
