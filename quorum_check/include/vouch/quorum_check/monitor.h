#pragma once

#include <memory>
#include <optional>

#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/event.h"

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
  NodeId leader{};          ///< As this node knows it, or kNobody.
  bool leads = false;       ///< This node leads and holds the lease at the instant asked for.
  bool suspects = false;    ///< A confirmation round runs.
  Instant lease_until{};    ///< Of this node's own lease; kLongAgo when it does not lead.
  Instant promised_until{}; ///< Until when this node is bound to `promised_to`.
  NodeId promised_to{};
  Candidacy candidacy{};    ///< Of this node.
  Verdict verdict{};        ///< Newest decision of this node; kTrust before the first.
};

/// What is known first-hand of one peer.
struct PeerStatus {
  PeerState state{};
  Incarnation incarnation{};
  bool is_heard = false;     ///< The peer proves that it hears this node.
  Duration round_trip{};     ///< Smoothed; includes the peer's wait for its next heartbeat.
  Instant support_until{};   ///< Until when the peer supports this node.
};

/// Counters since creation, for metrics and for tests of what was dropped and why.
struct MonitorCounters {
  std::uint64_t heartbeats_sent = 0;
  std::uint64_t heartbeats_received = 0;
  std::uint64_t confirm_requests_sent = 0;
  std::uint64_t confirm_requests_received = 0;
  std::uint64_t confirm_replies_sent = 0;
  std::uint64_t confirm_replies_received = 0;
  std::uint64_t decisions = 0;
  std::uint64_t campaigns = 0;
  std::uint64_t dropped_unknown_sender = 0;  ///< Not in the roster, or not who the transport says.
  std::uint64_t dropped_old_incarnation = 0;
  std::uint64_t dropped_stale_sequence = 0;  ///< Duplicated or overtaken heartbeat.
  std::uint64_t dropped_stale_echo = 0;      ///< Heartbeat that failed the echo-age gate.
  std::uint64_t dropped_unknown_group = 0;
  std::uint64_t dropped_stale_answer = 0;    ///< Not this round, subject, attempt or incarnation.
  std::uint64_t dropped_clock_backwards = 0; ///< `now` went back; clamped.
  std::uint64_t stalls = 0;                  ///< Own pauses noticed.
};

/// Decides when a replica group should replace its leader: at once when the leader has lost its
/// quorum, and never while a quorum vouches for it. The sans-I/O core.
///
/// Order of calls. Feed it every message from a peer's Monitor (`handle_message`), call
/// `handle_timeout` at the latest at `next_timeout()`, tell it what the host does (`handle_local`).
/// After each of the three, take actions with `poll_action()` until it yields nothing, and look at
/// `next_timeout()` again. Before a vote ask `may_vote`; before each effect that needs leadership
/// ask `lease_held(now)`. `now` never goes back; should it, it is clamped and counted.
///
/// Reads no clock and no entropy, starts nothing, does not allocate after `create()`. Equal
/// (config, seed, inputs) give equal actions on every compiler.
/// Not thread-safe: give it one owner.
class Monitor {
 public:
  /// Checks `config` (Errc::kBadConfig names field, rule and value) and makes all memory that will
  /// ever be needed. `rng` draws the phase of the heartbeats and the round numbers.
  static Result<Monitor> create(const MonitorConfig& config, Instant now, Rng rng);

  Monitor(Monitor&&) noexcept;
  Monitor& operator=(Monitor&&) noexcept;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  ~Monitor();

  /// A message that the transport delivered from `from`. Anything may be in it: what does not fit is
  /// dropped and counted.
  void handle_message(Instant now, NodeId from, const Message& message);

  /// Time has passed. Calling it early or often is harmless.
  void handle_timeout(Instant now);

  /// The host did or learned something. Events of unknown groups are dropped and counted.
  void handle_local(Instant now, const LocalEvent& event);

  /// The next thing to do, if any. Take all of them after each handle_* call.
  [[nodiscard]] std::optional<Action> poll_action();

  /// When `handle_timeout` is due at the latest. Valid until the next handle_* call.
  [[nodiscard]] Instant next_timeout() const;

  /// Whether the host may vote for `candidate` now. Does not change anything.
  [[nodiscard]] VoteVerdict may_vote(GroupId group, NodeId candidate, Instant now) const;

  /// Whether this node leads `group` and its quorum lease runs at `now`, whatever callbacks have
  /// run. Ask right before each effect.
  [[nodiscard]] bool lease_held(GroupId group, Instant now) const;

  /// The instant before which an effect of leadership at `term` must have happened; kLongAgo when
  /// this node does not lead the group at that term.
  [[nodiscard]] Instant guard(GroupId group, Term term) const;

  /// How long this node is still bound to somebody other than `candidate` (LeaseMode::kWaitOut:
  /// goes into the vote).
  [[nodiscard]] Duration bound(GroupId group, NodeId candidate, Instant now) const;

  [[nodiscard]] GroupStatus status(GroupId group, Instant now) const;
  [[nodiscard]] PeerStatus peer(NodeId node) const;
  [[nodiscard]] const MonitorCounters& counters() const;
  [[nodiscard]] const MonitorConfig& config() const;

 private:
  class Impl;
  explicit Monitor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch
