#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"

namespace vouch {

/// Most nodes that one group deals with, the node itself included, and most that a roster may hold
/// whose groups travel within heartbeats (Heartbeat). Fixed at compile time so that a message is
/// one trivially copyable object and always fits one datagram (kMaxDatagram).
inline constexpr std::size_t kMaxNodes = 16;

/// Most nodes of a roster whose groups travel apart from heartbeats (NodeHeartbeat, GroupBatch).
inline constexpr std::size_t kMaxRoster = 4096;

/// Most groups of one Monitor whose groups travel apart from heartbeats.
inline constexpr std::size_t kMaxGroups = std::size_t{1} << 20;

/// Most groups whose records travel in one heartbeat.
inline constexpr std::size_t kMaxGroupsPerHeartbeat = 2;

/// An instant of some node's clock as it travels. Only the node that wrote it can read it: nobody
/// compares the clocks of two nodes. 0 means "none".
using ClockStamp = Strong<struct ClockStampTag, std::int64_t>;

/// A duration as it travels: microseconds, saturating at about 71 minutes.
using WireMicros = Strong<struct WireMicrosTag, std::uint32_t>;

/// `d` in whole microseconds, rounded down (a remaining time may be understated, never overstated),
/// clamped to what the wire holds.
[[nodiscard]] constexpr WireMicros to_wire(Duration d) {
  const std::int64_t micros = d.count() / 1000;
  if (micros <= 0) return WireMicros{0};
  if (micros >= 0xffffffffLL) return WireMicros{0xffffffffU};
  return WireMicros{static_cast<std::uint32_t>(micros)};
}

[[nodiscard]] constexpr Duration from_wire(WireMicros micros) {
  return std::chrono::microseconds(micros.value());
}

/// Who speaks. Every message starts with it.
struct Sender {
  NodeId node{};
  Incarnation incarnation{};

  friend bool operator==(const Sender&, const Sender&) = default;
};

/// What is wrong with a directed link, as the node at one end of it sees it. Bits of
/// LinkReport::flags; all but kLosesLarge are about the direction to the reporter.
enum class LinkFlag : std::uint8_t {
  kSilent = 1,       ///< No heartbeat arrives.
  kLossy = 2,        ///< Many are lost.
  kFlapping = 4,     ///< It falls silent and comes back again and again.
  kSlow = 8,         ///< What arrives is much older than it used to be.
  kLosesLarge = 16,  ///< From the reporter: small messages arrive, padded ones do not.
  kExited = 32,      ///< The process at the other end has exited, or is refused by its host.
};
inline constexpr std::uint8_t kLinkFlagBits = 6;

/// One cell of the group's directed reachability matrix: how the link from a peer to the reporter
/// does (LinkHealth).
struct LinkReport {
  std::uint8_t flags = 0;    ///< Of LinkFlag.
  std::uint8_t lost = 0;     ///< Of the last 32 heartbeats, without outages.
  std::uint8_t latency = 0;  ///< Round trip in [2^(n-1), 2^n) ms; 0: below one, or unknown.
  std::uint8_t silence = 0;  ///< Since the newest heartbeat, in whole heartbeat intervals.

  [[nodiscard]] constexpr bool has(LinkFlag flag) const {
    return (flags & static_cast<std::uint8_t>(flag)) != 0;
  }
  constexpr void set(LinkFlag flag) { flags |= static_cast<std::uint8_t>(flag); }
  friend bool operator==(const LinkReport&, const LinkReport&) = default;
};

/// What the sender of a heartbeat knows first-hand of one other node: one cell of its row in the
/// group's directed reachability matrix, and one entry of its support vector.
struct PeerReport {
  NodeId peer{};
  WireMicros support{};   ///< How long the peer's promise to the sender still runs.
  bool hears = false;     ///< The sender hears the peer: its detector trusts it.
  bool is_heard = false;  ///< The peer's echoes prove that it hears the sender.
  /// Hearsay, for who does not hear the peer itself: to whom it is silent. Bit n: the node of the
  /// n-th report of this heartbeat is not heard by the peer; the sender has bit kSenderBit.
  std::uint16_t unheard = 0;
  LinkReport link{};
  static constexpr unsigned kSenderBit = 15;

  friend bool operator==(const PeerReport&, const PeerReport&) = default;
};

/// What makes a candidate better than another, in this order (rule L4): electable, fewer strikes,
/// log position, priority, number of consenters, lower id.
struct Candidacy {
  LogPosition log{};
  std::uint16_t priority = 0;
  std::uint8_t consenters =
      0;  ///< Voters, itself included, that it reaches both ways and whose log is not longer.
  /// Leaderships and candidacies that it lost lately (MonitorConfig::hold_off).
  std::uint8_t strikes = 0;
  bool may_lead = false;        ///< Eligible: not drained, not a witness, work moves.
  bool electable = false;       ///< May lead, and its consenters are a quorum.
  bool reaches_quorum = false;  ///< Reaches a quorum both ways, whatever their logs.

  friend bool operator==(const Candidacy&, const Candidacy&) = default;
};

/// What the sender of a heartbeat says about one group.
struct GroupRecord {
  GroupId group{};
  ConfigEpoch epoch{};
  Term term{};         ///< Newest term that the sender knows.
  NodeId leader{};     ///< Leader of that term as far as the sender knows, or kNobody.
  Term claim{};        ///< Not 0: "I lead at this term" (the claim).
  WireMicros lease{};  ///< With a claim: how long its quorum lease still runs.
  WireMicros
      pending_age{};  ///< With a claim: age of the oldest uncommitted work; 0 = nothing pending.
  Term abdicated{};   ///< Newest term that the sender led or stood for and has given up for good.
  Candidacy candidacy{};
  bool withheld = false;  ///< The sender makes the receiver no promise for this group.

  friend bool operator==(const GroupRecord&, const GroupRecord&) = default;
};

/// "I am here", from one node to one other, once per heartbeat interval and when something changed.
///
/// It is an acknowledgement too: `echo` and `promised` answer the receiver's newest heartbeats. One
/// message carries both, so a node sends (peers) datagrams per interval whatever it leads.
struct Heartbeat {
  Sender from{};
  Seq seq{};
  ClockStamp sent_at{};            ///< The sender's clock when it sent this.
  Incarnation echo_incarnation{};  ///< Incarnation of the receiver to which the next two belong.
  ClockStamp echo{};               ///< `sent_at` of the receiver's newest heartbeat that arrived.
  ClockStamp promised{};  ///< `sent_at` of the receiver's newest heartbeat that earned a promise.
  /// `sent_at` of the receiver's newest padded heartbeat that arrived: big messages pass.
  ClockStamp echo_padded{};
  bool sick = false;    ///< The sender knows that it is itself slow: it does not judge others.
  bool padded = false;  ///< Fills a whole datagram (kMaxDatagram), to probe for big messages.
  bool limps = false;   ///< The sender was slow, or stood still, a moment ago.
  bool stuck = false;   ///< Its host's work does not move.
  /// So many numbers before this one the newest padded heartbeat was sent; 0: none that counts.
  /// What is lost for its size is no lossy link.
  std::uint8_t padded_behind = 0;
  std::uint8_t report_count = 0;
  std::uint8_t group_count = 0;
  std::array<PeerReport, kMaxNodes - 1> reports{};
  std::array<GroupRecord, kMaxGroupsPerHeartbeat> groups{};
};

/// Asks one peer about a leader that the sender suspects, or about a group without a leader.
///
/// `round` lives as long as the suspicion; a retry raises `attempt` (rule L5).
struct ConfirmRequest {
  Sender from{};
  GroupId group{};
  ConfigEpoch epoch{};
  Nonce round{};
  std::uint32_t attempt = 0;
  NodeId subject{};  ///< The suspected leader, or kNobody.
  Incarnation subject_incarnation{};
  Term term{};                 ///< Newest term that the asker knows.
  WireMicros hold{};           ///< For how long a consent is asked to bind.
  bool wants_consent = false;  ///< False: only evidence is asked for; the asker would not campaign.
  bool sick = false;
  Candidacy candidacy{};  ///< Of the asker.
};

/// Why a responder consents, or does not.
enum class Answer : std::uint8_t {
  kConsent,   ///< No promise binds me and you are the best candidate that I know; I am bound to you
              ///< for the hold.
  kNotAsked,  ///< The request did not ask for consent; this is what I know.
  kLeading,   ///< I am the leader and my quorum lease runs: evidence about myself.
  kPromised,  ///< My promise to a leader still runs (`promise` says how long).
  kEndorseOther,  ///< Another candidate is better (`endorses`).
  kHeld,  ///< I consented to another candidate a moment ago (`promise` says how long that binds).
  kNewerTerm,    ///< Your term is old.
  kJustStarted,  ///< I restarted and may have promised before; I consent to nothing yet
                 ///< (`promise`).
  kSick,         ///< I am slow myself; do not count my judgement.
  kNotVoter,     ///< One of us has no vote in this group, or our membership versions differ.
};
inline constexpr std::uint8_t kAnswerCount = 10;

/// The answer to a ConfirmRequest: consent, or what speaks against it.
struct ConfirmReply {
  Sender from{};
  GroupId group{};
  ConfigEpoch epoch{};
  Nonce round{};
  std::uint32_t attempt = 0;
  NodeId subject{};
  Incarnation subject_incarnation{};
  Term term{};      ///< Newest term that the responder knows.
  NodeId leader{};  ///< Leader of that term as far as it knows, or kNobody.
  Incarnation leader_incarnation{};
  Answer answer = Answer::kNotAsked;
  WireMicros
      evidence{};  ///< First-hand: that leader's quorum lease is proved to run this long. 0 = none.
  WireMicros promise{};  ///< How long a consent binds; otherwise, how long the responder is bound
                         ///< elsewhere.
  NodeId endorses{};     ///< The best candidate that the responder knows, or kNobody.
  bool sick = false;
  LogPosition log{};
};

/// Where the sender stands with its statements on groups to one receiver, and how far it has those
/// of the receiver. The same size whatever the number of groups is.
///
/// Statements form a stream of numbered positions (see GroupBatch). `count` and `hash` sum up, in
/// whatever order, what the sender states to this receiver: a receiver that has everything and sums
/// up something else has missed something, and begins anew.
struct StreamDigest {
  std::uint32_t stream = 0;   ///< The sender's stream to the receiver.
  std::uint32_t count = 0;    ///< Its statements that stand,
  std::uint64_t hash = 0;     ///< and the sum of their hashes.
  std::uint64_t head = 0;     ///< Behind its newest position.
  std::uint64_t removed = 0;  ///< Behind the newest position that took a statement back.
  std::uint32_t
      ack_stream{};       ///< The receiver's stream to the sender as it has it; 0: it has none.
  std::uint64_t ack = 0;  ///< Behind the newest position of it that the sender has applied.

  friend bool operator==(const StreamDigest&, const StreamDigest&) = default;
};

/// A Heartbeat between nodes that share many groups: what it says holds for all of them, and its
/// size depends on none.
///
/// Support vector: `lease_floor` is how long every running promise to the sender still runs at the
/// least, those of `reports` aside. Peers whose promise is shorter than the others', or has run
/// out, are in `reports`; if not all of them fit, the floor is that of all promises that run. As
/// the sender withdraws a claim when its quorum lease lapses, the quorum lease of a group that it
/// claims runs for the floor in any case.
///
/// Row of the matrix: whoever is not in `reports` is well, as far as the sender keeps track of it.
struct NodeHeartbeat {
  Sender from{};
  Seq seq{};
  ClockStamp sent_at{};  ///< As in Heartbeat, so are the next nine.
  Incarnation echo_incarnation{};
  ClockStamp echo{};
  ClockStamp promised{};
  ClockStamp echo_padded{};
  bool sick = false;
  bool padded = false;
  bool limps = false;
  bool stuck = false;
  std::uint8_t padded_behind = 0;
  std::uint8_t report_count = 0;
  WireMicros lease_floor{};
  StreamDigest digest{};
  std::array<PeerReport, kMaxNodes - 1> reports{};
};

/// Bytes of entries in one GroupBatch.
inline constexpr std::size_t kBatchBytes = 352;

/// Statements, questions and answers on many groups, from one node to one other: entries one after
/// the other as group_entry.h writes and reads them.
///
/// With statements (`end` above `begin`) it states everything that is new at the positions [begin,
/// end) of `stream`, as it stood when this was sent. A receiver applies it if it has everything up
/// to `begin` and not yet everything up to `end`.
struct GroupBatch {
  Sender from{};
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t stream = 0;
  std::uint16_t size = 0;  ///< Used bytes of `entries`.
  std::array<std::uint8_t, kBatchBytes> entries{};
};

/// Asks a peer that reaches `origin` to pass on its heartbeats (RelayedHeartbeat) for a few
/// heartbeat intervals, or to carry a promise to it (RelayedPromise), or both.
struct RelayRequest {
  Sender from{};
  NodeId origin{};
  Incarnation origin_incarnation{};
  bool wants_heartbeats = false;
  /// `sent_at` of the heartbeat of `origin` that earned a promise for `groups`, whatever way it
  /// came; 0: none did.
  ClockStamp promised{};
  std::uint8_t group_count = 0;
  std::array<GroupId, kMaxGroupsPerHeartbeat> groups{};

  friend bool operator==(const RelayRequest&, const RelayRequest&) = default;
};

/// A heartbeat of `origin` that `from` has heard, passed on to somebody who has not. It comes from
/// the node that heard it, and is never passed on again: a type of its own is its hop count.
///
/// It says what `origin` says of groups, but for `withheld`, which was not meant for the receiver.
/// The proof of its age is made of two round trips, each on one clock: `age` by the echo of
/// `from`'s own sending in it, `echo` of the receiver's newest heartbeat to `from`.
struct RelayedHeartbeat {
  Sender from{};
  Sender origin{};
  ClockStamp sent_at{};            ///< The clock of `origin` when it sent it.
  Incarnation echo_incarnation{};  ///< Incarnation of the receiver to which `echo` belongs.
  ClockStamp echo{};               ///< `sent_at` of the receiver's newest heartbeat to `from`.
  WireMicros age{};                ///< At the most this old when `from` passed it on, by its clock.
  std::uint8_t group_count = 0;
  std::array<GroupRecord, kMaxGroupsPerHeartbeat> groups{};

  friend bool operator==(const RelayedHeartbeat&, const RelayedHeartbeat&) = default;
};

/// The promise of `promiser` to the receiver, carried by `from`: the way back of a
/// RelayedHeartbeat. Counted like one that comes straight: from when the receiver sent the
/// heartbeat that earned it.
struct RelayedPromise {
  Sender from{};
  Sender promiser{};
  Incarnation origin_incarnation{};  ///< Of the receiver, to which `promised` belongs.
  ClockStamp promised{};             ///< `sent_at` of the receiver's heartbeat.
  std::uint8_t group_count = 0;
  std::array<GroupId, kMaxGroupsPerHeartbeat> groups{};

  friend bool operator==(const RelayedPromise&, const RelayedPromise&) = default;
};

/// Everything that the core sends to another node's core.
using Message = std::variant<Heartbeat, ConfirmRequest, ConfirmReply, NodeHeartbeat, GroupBatch,
                             RelayRequest, RelayedHeartbeat, RelayedPromise>;

static_assert(std::is_trivially_copyable_v<Message>);
static_assert(sizeof(NodeHeartbeat) <= sizeof(Heartbeat) && sizeof(GroupBatch) <= sizeof(Heartbeat),
              "who has one group does not pay for many");
static_assert(sizeof(Message) <= 512, "a message is copied on every hop of the simulator");

/// The sender that every message names.
[[nodiscard]] const Sender& sender_of(const Message& message);

}  // namespace vouch
