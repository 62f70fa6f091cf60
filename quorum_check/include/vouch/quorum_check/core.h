#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "vouch/detector/detector.h"
#include "vouch/detector/ring.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/probe/self_health.h"
#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/candidates.h"
#include "vouch/quorum_check/config.h"
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
};

/// What one node knows first-hand of one peer, whatever groups they share.
struct Peer {
  explicit Peer(Detector d) : detector(std::move(d)) {}

  Detector detector;
  Incarnation incarnation{};
  Incarnation dead_incarnation{};  ///< Known by an obituary to have exited.
  Seq last_seq{};
  PeerState state = PeerState::kUnknown;
  bool sick = false;
  bool round_trip_known = false;
  ClockStamp newest{};               ///< Its newest heartbeat, by its clock: what we echo.
  ClockStamp promised{};             ///< Its newest heartbeat that passed the echo-age gate.
  ClockStamp newest_padded{};        ///< Its newest padded heartbeat, by its clock.
  Instant large_echoed = kLongAgo;   ///< Our newest padded sending that it has echoed.
  Instant echoed = kLongAgo;         ///< Our newest sending that it has proved to have received.
  Instant support_until = kLongAgo;  ///< Its promise to this node, counted from our sending.
  Duration round_trip{};             ///< Smoothed; includes its wait for its next heartbeat.
};

/// What the parts of a Monitor share: configuration, peers, the way out. Plain data with one owner.
struct Core {
  MonitorConfig config;
  Roster roster;
  std::vector<Peer> peers;  ///< By slot. The one of this node itself is unused.
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
  SlotSet answer{};       ///< Peers that get a heartbeat at the end of this call, if not all do.

  SelfHealth health{};  ///< How late this node's own timers are.

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

  /// This node hears the peer and the peer hears this node, as of now.
  [[nodiscard]] bool two_way(Slot slot) const {
    const Peer& peer = peers[slot];
    return peer.state == PeerState::kTrusted && is_heard(peer);
  }
};

/// PeerFacts in place: what the rank of candidates reads, without a copy.
struct LivePeer {
  const Core& core;
  Slot slot;
  const Candidacy& candidacy;

  [[nodiscard]] bool two_way() const { return core.two_way(slot); }
  [[nodiscard]] bool takes_large() const { return core.carries_large(core.peers[slot]); }
  [[nodiscard]] bool is_sick() const { return core.peers[slot].sick; }
};

}  // namespace vouch
