#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "vouch/detector/detector.h"
#include "vouch/detector/ring.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/probe/group_entry.h"
#include "vouch/probe/self_health.h"
#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/candidates.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/peer_link.h"
#include "vouch/quorum_check/quorum.h"
#include "vouch/quorum_check/recorder.h"
#include "vouch/quorum_check/roster.h"

namespace vouch {

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
  std::uint64_t dropped_unknown_sender = 0;   ///< Not in the roster, or not who the transport says.
  std::uint64_t dropped_old_incarnation = 0;  ///< From before the sender's restart.
  std::uint64_t dropped_stale_sequence = 0;   ///< Duplicated or overtaken heartbeat.
  std::uint64_t dropped_stale_echo = 0;       ///< Failed the echo-age gate: refreshed nothing.
  std::uint64_t dropped_unknown_group = 0;
  std::uint64_t dropped_stale_answer = 0;       ///< Not this round, subject, attempt or term.
  std::uint64_t dropped_bad_field = 0;          ///< A field outside its range.
  std::uint64_t front_end_probes = 0;           ///< Taken and answered.
  std::uint64_t dropped_unknown_front_end = 0;  ///< Not configured, or not who the transport says.
  std::uint64_t dropped_stale_front_end = 0;    ///< Probe or tally: overtaken, or another list.
  std::uint64_t dropped_front_end_flood = 0;    ///< More probes than a front-end may send.
  std::uint64_t clock_backwards = 0;            ///< `now` went back; clamped.
  std::uint64_t stalls = 0;                     ///< Own pauses noticed.
  std::uint64_t batches_sent = 0;               ///< Datagrams about groups (kDigest).
  std::uint64_t batches_received = 0;
  std::uint64_t dropped_no_room = 0;  ///< Found no room within GroupLimits: comes later, or never.
  std::uint64_t resyncs = 0;          ///< A peer's statements were found to differ: begun anew.
  std::uint64_t heartbeats_relayed = 0;  ///< Passed on to who does not hear their sender.
  std::uint64_t promises_relayed = 0;    ///< Passed on to whom they are made.
  std::uint64_t relayed_heartbeats_received = 0;
  std::uint64_t relayed_promises_received = 0;  ///< That counted.
  std::uint64_t resends = 0;  ///< Statements sent again, for want of an acknowledgement.
};

/// What one node knows first-hand of one peer, whatever groups they share.
struct Peer {
  explicit Peer(Detector d) : detector(std::move(d)) {}

  Detector detector;
  Incarnation incarnation{};
  Incarnation dead_incarnation{};  ///< Known by an obituary to have exited.
  Seq last_seq{};                  ///< Newest heartbeat that arrived,
  Seq sent_seq{};                  ///< and newest that was sent,
  Seq padded_seq{};                ///< the newest padded one among them.
  PeerState state = PeerState::kUnknown;
  bool sick = false;
  bool round_trip_known = false;
  /// A new life is trusted as the one before it was, and suspected from here on unless it has
  /// proved by then that it hears this node. kNever: it has, or there was none before it.
  Instant proof_due = kNever;
  ClockStamp newest{};               ///< Its newest heartbeat, by its clock: what we echo.
  ClockStamp promised{};             ///< Its newest heartbeat that passed the echo-age gate.
  ClockStamp newest_padded{};        ///< Its newest padded heartbeat, by its clock.
  Instant large_echoed = kLongAgo;   ///< Our newest padded sending that it has echoed.
  Instant echoed = kLongAgo;         ///< Our newest sending that it has proved to have received.
  Instant support_until = kLongAgo;  ///< Its promise to this node, counted from our sending.
  Instant late_until = kLongAgo;     ///< Its answers come too late to bind, as far as known.
  Duration round_trip{};             ///< Smoothed; includes its wait for its next heartbeat.
};

/// What the parts of a Monitor share: configuration, peers, the way out. Plain data with one owner.
struct Core {
  MonitorConfig config;
  Roster roster;
  std::vector<Peer> peers;  ///< By index. The one of this node itself is unused.
  Ring<Action> out;
  Rng rng;
  MonitorCounters counters{};
  Instant began{};                  ///< This incarnation has sent nothing before.
  Instant now{};                    ///< The greatest `now` seen.
  Instant sick_until = kLongAgo;    ///< After an own stall (rule S4).
  Instant drain_until = kLongAgo;   ///< After an own stall: what waited in buffers is read first.
  Instant silent_until = kLongAgo;  ///< Consents to nothing before (rule S7).
  Instant promises_nothing_until = kLongAgo;  ///< An earlier life may have consented (rule S7).
  bool announce = false;  ///< Something changed: heartbeats go out at the end of this call.
  /// Who gets a heartbeat at the end of this call, if not all do.
  PeerIndex answer = kNoPeer;

  SelfHealth health{};  ///< How late this node's own timers are.

  // Groups travel apart from heartbeats (ClaimMode::kDigest).
  std::vector<PeerLink> links;     ///< By index; empty otherwise.
  std::vector<PeerIndex> dirty;    ///< Whose `open` holds something.
  std::uint32_t packets_left = 0;  ///< Datagrams that may go out now.
  std::size_t members_max = kMaxNodes;
  bool may_start_round = true;  ///< The group in hand may begin to ask.
  // Why this node had better not lead, and who else had not.
  TransferReason trouble{};
  std::uint8_t unfit_count = 0;
  std::array<PeerIndex, kMaxNodes> unfit{};

  [[nodiscard]] bool is_digest() const { return !links.empty(); }

  /// Whether what one more group can cause finds room, besides every datagram that may go out. What
  /// does not is left for the next call.
  [[nodiscard]] bool has_room() const {
    constexpr std::size_t actions_per_group = 16;
    return out.size() + actions_per_group + packets_left < out.capacity();
  }

  /// Adds an entry to the datagram that is being filled for `peer`; sends that first when it is
  /// full. False: the datagrams of this interval are used up.
  template <typename... Entry>
  bool append(PeerIndex peer, const Entry&... entry) {
    PeerLink& link = links[peer];
    if (!EntryWriter(link.open).append(entry...)) {
      if (!send_open(peer) || !EntryWriter(link.open).append(entry...)) {
        ++counters.dropped_no_room;
        return false;
      }
    }
    mark_dirty(peer);
    return true;
  }

  void mark_dirty(PeerIndex peer) {
    if (links[peer].is_dirty) return;
    links[peer].is_dirty = true;
    dirty.push_back(peer);  // Room for every peer was made at the start.
  }

  /// Sends what has been filled for `peer`, if a datagram may go out.
  bool send_open(PeerIndex peer) {
    if (packets_left == 0 || out.full()) return false;
    --packets_left;
    ++counters.batches_sent;
    GroupBatch& open = links[peer].open;
    open.from = {roster.self_id(), config.incarnation};
    out.push().emplace<Send>(roster.node(peer), open);
    open.size = 0;
    open.begin = 0;
    open.end = 0;
    return true;
  }
  DecisionRecorder* recorder = nullptr;      ///< Sees each decision with its inputs, if anybody.
  std::array<PeerFacts, kMaxNodes> facts{};  ///< Room for what the current decision reads.

  [[nodiscard]] bool sick() const { return now < sick_until || health.is_sick(); }

  /// An instant of this node's clock as it travels. Never 0, which means "none".
  [[nodiscard]] static ClockStamp stamp(Instant at) {
    const auto count = at.time_since_epoch().count();
    return ClockStamp{count == 0 ? 1 : count};
  }

  /// A duration measured on a peer's clock, as short as the drift bound allows on ours.
  [[nodiscard]] Duration shrink(Duration d) const {
    return d - Duration(d.count() / 1'000'000 * 2 * config.clock_drift_ppm) -
           Duration(d.count() % 1'000'000 * 2 * config.clock_drift_ppm / 1'000'000);
  }

  /// A duration that must have passed on any clock within the drift bound when it has passed on
  /// ours: d (1 + r) / (1 - r), rounded up.
  [[nodiscard]] Duration stretch(Duration d) const {
    const std::int64_t million = 1'000'000;
    const std::int64_t above = million + config.clock_drift_ppm;
    const std::int64_t below = million - config.clock_drift_ppm;
    return Duration(d.count() / below * above + (d.count() % below * above + below - 1) / below);
  }

  /// Oldest echo that still proves that `peer` hears this node: a few heartbeats and the round
  /// trip.
  [[nodiscard]] Duration heard_limit(const Peer& peer) const {
    const Duration limit = config.heartbeat_interval * 7 / 2 + 2 * peer.round_trip;
    const Duration gate = config.lease - config.heartbeat_interval;
    return limit < gate ? limit : gate;
  }

  [[nodiscard]] bool is_heard(const Peer& peer) const {
    return peer.echoed != kLongAgo && now - peer.echoed <= heard_limit(peer);
  }

  /// Big messages reach `peer`, as far as padded heartbeats tell. Never tighter than a lease, so
  /// that an own pause does not look like a hole in the network.
  [[nodiscard]] bool carries_large(const Peer& peer) const {
    if (config.padded_every == 0 || peer.large_echoed == kLongAgo) return true;
    const Duration period = config.heartbeat_interval * config.padded_every;
    return now - peer.large_echoed <= std::max(period * 7 / 2 + 2 * peer.round_trip, config.lease);
  }

  /// A consent of `peer` would be over before it is here. One late answer counts for a lease: as
  /// long as the consents take to run out that were given meanwhile, and as long again for others
  /// to be elected, whom an earlier return would hold off.
  [[nodiscard]] bool answers_late(const Peer& peer) const { return now < peer.late_until; }

  /// An answer of `peer` took `round_trip`. Who was stalled itself, or answers that it was,
  /// measures that stall and not the way.
  void note_answer(Peer& peer, Duration round_trip, bool is_peer_sick) const {
    if (is_peer_sick || sick() || round_trip < shrink(config.consent_hold_max())) return;
    peer.late_until = saturating_add(now, config.lease);
  }

  /// This node hears the peer and the peer hears this node, as of now.
  [[nodiscard]] bool two_way(PeerIndex index) const {
    const Peer& peer = peers[index];
    return peer.state == PeerState::kTrusted && is_heard(peer);
  }
};

/// PeerFacts in place: what the rank of candidates reads, without a copy.
struct LivePeer {
  const Core& core;
  PeerIndex index;
  const Candidacy& candidacy;

  [[nodiscard]] NodeId name() const { return core.roster.node(index); }
  [[nodiscard]] bool two_way() const { return core.two_way(index); }
  [[nodiscard]] bool takes_large() const { return core.carries_large(core.peers[index]); }
  [[nodiscard]] bool is_sick() const { return core.peers[index].sick; }
  [[nodiscard]] bool is_late() const { return core.answers_late(core.peers[index]); }
};

}  // namespace vouch
