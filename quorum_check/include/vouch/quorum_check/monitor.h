#pragma once

#include <optional>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/probe/front_end_message.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/core.h"
#include "vouch/quorum_check/event.h"
#include "vouch/quorum_check/front_end_table.h"
#include "vouch/quorum_check/group_fleet.h"
#include "vouch/quorum_check/group_watch.h"
#include "vouch/quorum_check/health_watch.h"
#include "vouch/quorum_check/relay.h"
#include "vouch/quorum_check/routes.h"
#include "vouch/quorum_check/status.h"

namespace vouch {

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

  /// A message that the transport delivered from `from`. Anything may be in it: what does not fit
  /// is dropped and counted.
  void handle_message(Instant now, NodeId from, const Message& message);

  /// The same of a front-end, or of a peer about front-ends (docs/FRONT_ENDS.md).
  void handle_message(Instant now, NodeId from, const FrontEndMessage& message);

  /// Time has passed. Calling it early or often is harmless.
  void handle_timeout(Instant now);

  /// The host did or learned something. Events of unknown groups are dropped and counted.
  void handle_local(Instant now, const LocalEvent& event);

  /// The next thing to do, if any. Take all of them after each handle_* call.
  [[nodiscard]] std::optional<Action> poll_action();

  /// The same without a copy: look at the next thing to do (nullptr: none), then drop it. The
  /// pointer is valid until the next call of anything but a query.
  [[nodiscard]] const Action* front_action() const {
    return core_.out.empty() ? nullptr : &core_.out.front();
  }
  void pop_action() { core_.out.pop(); }

  /// From now on `recorder` sees each decision with everything that it depends on (nullptr: nobody
  /// does). It must outlive this object or be taken out before. What is decided does not change.
  void set_recorder(DecisionRecorder* recorder) { core_.recorder = recorder; }

  /// When `handle_timeout` is due at the latest. Valid until the next handle_* call.
  [[nodiscard]] Instant next_timeout() const { return due_; }

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

  /// The latest instant until which this node is bound to anybody in any group. A host that stores
  /// it when it stops need not be silent for a whole promise after its restart
  /// (BootMode::kPersisted). kLongAgo: bound to nobody.
  [[nodiscard]] Instant promised_until() const;

  [[nodiscard]] GroupStatus status(GroupId group, Instant now) const;

  [[nodiscard]] FleetStatus fleet() const;

  [[nodiscard]] PeerStatus peer(NodeId node) const;

  /// To whom to give what is meant for `to`: itself, if the link works both ways and carries big
  /// messages; else the peer that reaches both; nobody, if none does or `to` is a stranger. Who
  /// gets something for another hands it to that node itself, two hops at most, and does so even if
  /// it suspects that node at that moment: the suspicion may be a mistake.
  [[nodiscard]] std::optional<NodeId> next_hop(NodeId to) const;

  /// Links, the matrix of everybody's reports, and what is diagnosed now.
  [[nodiscard]] const HealthWatch& health() const { return health_; }
  /// What front-ends report, and what is diagnosed of their paths.
  [[nodiscard]] const FrontEndTable& front_ends() const { return front_ends_; }
  [[nodiscard]] const MonitorCounters& counters() const;
  [[nodiscard]] const MonitorConfig& config() const;

 private:
  explicit Monitor(Core core);

  void enter(Instant now);
  void leave();
  void handle_stall(Instant last, Duration gap);
  void spend_stall_budget(Duration gap);
  void notice_late_timer(Duration late);
  [[nodiscard]] Instant compute_due() const;
  [[nodiscard]] Instant peers_due() const;
  void move_to(PeerIndex index, PeerState to);
  void check_peers();
  template <typename H>
  void address(H& heartbeat, PeerIndex to);
  void send_heartbeats(PeerIndex to, bool padded);
  void send_node_heartbeats(PeerIndex to, bool padded);
  void sum_up_support(NodeHeartbeat& heartbeat) const;
  [[nodiscard]] bool stands_apart(PeerIndex index) const;
  void name_links(NodeHeartbeat& heartbeat) const;
  /// Of a whole roster, which a matrix of its size holds, the indices are the same.
  [[nodiscard]] std::size_t matrix_index(PeerIndex peer) const {
    if (core_.roster.size() <= kMaxMatrixNodes) return peer;
    return health_.index_of(core_.roster.node(peer));
  }
  void hear_links(const NodeHeartbeat& heartbeat, Duration round_trip);
  void check_links();
  void advise(TransferReason reason);
  void advise(TransferReason reason, SlotSet unfit);
  [[nodiscard]] LeaderKnown leader_known(GroupId group) const;
  void handle_front_end(NodeId from, const FrontEndProbe& probe);
  void handle_front_end(NodeId from, const FrontEndTally& tally);
  void check_front_ends();
  [[nodiscard]] PeerReport report_on(PeerIndex index) const;
  [[nodiscard]] bool must_answer(const Peer& peer, const Heartbeat& heartbeat) const;
  [[nodiscard]] bool must_answer(const Peer& peer, const NodeHeartbeat& heartbeat) const;
  void handle(PeerIndex from, const Heartbeat& heartbeat);
  void handle(PeerIndex from, const NodeHeartbeat& heartbeat);
  void handle(PeerIndex from, const GroupBatch& batch);
  void handle(PeerIndex from, const ConfirmRequest& request);
  void handle(PeerIndex from, const ConfirmReply& reply);
  void handle(PeerIndex from, const RelayRequest& request);
  void handle(PeerIndex from, const RelayedHeartbeat& relayed);
  void handle(PeerIndex from, const RelayedPromise& promise);
  void pass_on(PeerIndex from, const Heartbeat& heartbeat);
  [[nodiscard]] bool hears_lately(const Peer& origin, ClockStamp promised) const;
  void promise_over_peer(PeerIndex to, const Heartbeat& heartbeat);
  void update_routes();
  [[nodiscard]] bool is_way(std::size_t at) const;
  /// The process of `index` that has spoken to this node is that one, and not known to have ended.
  [[nodiscard]] bool is_alive(PeerIndex index, Incarnation incarnation) const {
    const Peer& peer = core_.peers[index];
    return incarnation == peer.incarnation && incarnation > peer.dead_incarnation;
  }
  bool take_sender(PeerIndex from, const Sender& sender);
  void handle_process_end(PeerIndex index);
  template <typename H>
  bool take_heartbeat(PeerIndex from, const H& heartbeat);
  [[nodiscard]] Duration echo_age(Incarnation incarnation, ClockStamp echo) const;
  bool take_echo(Peer& peer, Duration age);
  template <typename H>
  void take_padded_echo(Peer& peer, const H& heartbeat);
  template <typename H>
  [[nodiscard]] Instant take_promise(Peer& peer, const H& heartbeat) const;
  void handle_node_event(const Obituary& event);
  void handle_node_event(const Hint& event);
  [[nodiscard]] Duration allowance() const;
  [[nodiscard]] Sampling sampling() const;
  [[nodiscard]] Instant peer_due(const Peer& peer, Duration allowed) const;
  [[nodiscard]] GroupWatch* find(GroupId id);
  [[nodiscard]] const GroupWatch* find(GroupId id) const;
  template <typename Ask, typename T>
  [[nodiscard]] T query(GroupId id, T otherwise, Ask&& ask) const;
  /// Inline, a slot is the peer's index.
  [[nodiscard]] static Slot slot_of(PeerIndex index) { return static_cast<Slot>(index); }

  Core core_;
  HealthWatch health_;
  FrontEndTable front_ends_;
  std::array<PeerIndex, kMaxMatrixNodes> matrix_at_{};  ///< Who the nodes of its matrix are.
  std::vector<GroupWatch> groups_;                      ///< ClaimMode::kInline,
  std::optional<GroupFleet> fleet_;                     ///< or kDigest.
  Routes routes_{};
  RelayTable relays_;
  Instant next_heartbeat_{};
  Instant peers_at_ = kLongAgo;             ///< No peer is due to be suspected before.
  Instant due_ = kNever;                    ///< What next_timeout() promised after the last call.
  Instant no_suspicion_before_ = kLongAgo;  ///< After an own stall peers get time to be heard.
  Instant stalls_since_ = kLongAgo;         ///< When the running stall_window began.
  Duration stalled_{};                      ///< Own stalls in it, together.
  std::uint32_t ticks_ = 0;                 ///< Heartbeat intervals so far.
  bool is_tick_ = false;                    ///< A heartbeat interval is over.
  bool pad_ = false;                        ///< The next heartbeats to all are padded.
};

}  // namespace vouch
