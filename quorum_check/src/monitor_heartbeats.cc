// The part of Monitor that writes heartbeats and takes them in.

#include <algorithm>

#include "vouch/quorum_check/monitor.h"

namespace vouch {

/// Takes the parts that every heartbeat has. False: it is a duplicate, or was overtaken.
template <typename H>
bool Monitor::take_heartbeat(PeerIndex from, const H& heartbeat) {
  Peer& peer = core_.peers[from];
  if (heartbeat.seq <= peer.last_seq) {
    health_.overtaken(matrix_index(from), heartbeat.seq);
    ++core_.counters.dropped_stale_sequence;
    return false;
  }
  ++core_.counters.heartbeats_received;
  peer.last_seq = heartbeat.seq;
  peer.newest = heartbeat.sent_at;
  peer.sick = heartbeat.sick;
  return true;
}

/// When this node sent the newest heartbeat for which `peer` promises support, or kLongAgo.
template <typename H>
Instant Monitor::take_promise(Peer& peer, const H& heartbeat) const {
  if (heartbeat.echo_incarnation != core_.config.incarnation) return kLongAgo;
  if (heartbeat.promised.value() == 0) return kLongAgo;
  const Instant promised_at{Duration(heartbeat.promised.value())};
  // Nobody can have heard us in the future, or before this life began.
  if (promised_at > core_.now || promised_at < core_.began) return kLongAgo;
  peer.support_until = std::max(peer.support_until, promised_at + core_.config.lease);
  return promised_at;
}

template <typename H>
void Monitor::take_padded_echo(Peer& peer, const H& heartbeat) {
  if (heartbeat.padded) peer.newest_padded = heartbeat.sent_at;
  if (core_.config.padded_every == 0) return;
  // Until the first one can have come back, big messages are taken to pass.
  if (peer.large_echoed == kLongAgo) peer.large_echoed = core_.now;
  if (heartbeat.echo_incarnation != core_.config.incarnation) return;
  const Instant echo{Duration(heartbeat.echo_padded.value())};
  if (echo <= core_.now && echo >= core_.began) {
    peer.large_echoed = std::max(peer.large_echoed, echo);
  }
}

/// The echo-age gate: whether this heartbeat proves that its sender heard us lately. Old traffic
/// that trickles out of a queue carries old echoes, and a sender that does not hear us can carry
/// no new one; neither may refresh anything. `age`: see echo_age.
bool Monitor::take_echo(Peer& peer, Duration age) {
  if (age < Duration::zero()) return false;
  const Instant echo = core_.now - age;
  if (echo > peer.echoed) {
    peer.echoed = echo;
    peer.round_trip = peer.round_trip_known ? peer.round_trip + (age - peer.round_trip) / 8 : age;
    peer.round_trip_known = true;
  }
  return age <= core_.config.lease - core_.config.heartbeat_interval;
}

/// How long ago this node sent what is echoed; negative if nothing of this life is.
Duration Monitor::echo_age(Incarnation incarnation, ClockStamp echo) const {
  if (incarnation != core_.config.incarnation || echo.value() == 0) return Duration(-1);
  const Instant sent_at{Duration(echo.value())};
  return sent_at > core_.now || sent_at < core_.began ? Duration(-1) : core_.now - sent_at;
}

/// A node that is itself slow or has just slept learns nothing from how late heartbeats are.
Sampling Monitor::sampling() const {
  return core_.sick() || core_.now < no_suspicion_before_ ? Sampling::kOff : Sampling::kOn;
}

void Monitor::handle(PeerIndex from, const Heartbeat& heartbeat) {
  Peer& peer = core_.peers[from];
  if (fleet_ || heartbeat.report_count > kMaxNodes - 1 ||
      heartbeat.group_count > kMaxGroupsPerHeartbeat) {
    ++core_.counters.dropped_bad_field;
    return;
  }
  if (!take_heartbeat(from, heartbeat)) return;
  if (must_answer(peer, heartbeat)) core_.answer = from;
  const Duration age = echo_age(heartbeat.echo_incarnation, heartbeat.echo);
  const bool echo_fresh = take_echo(peer, age);
  take_padded_echo(peer, heartbeat);
  health_.heard(core_.now, matrix_index(from), heartbeat, age, core_.sick());
  if (echo_fresh) {
    peer.promised = heartbeat.sent_at;
    peer.detector.heartbeat(core_.now, heartbeat.seq, sampling());
    peer.proof_due = kNever;
    move_to(from, PeerState::kTrusted);
  } else {
    ++core_.counters.dropped_stale_echo;
  }
  const Instant promised_at = take_promise(peer, heartbeat);
  for (std::size_t i = 0; i < heartbeat.group_count; ++i) {
    const GroupRecord& record = heartbeat.groups[i];
    GroupWatch* group = find(record.group);
    if (group == nullptr) {
      ++core_.counters.dropped_unknown_group;
      continue;
    }
    group->handle_record(core_, slot_of(from), heartbeat, record, echo_fresh);
    if (promised_at != kLongAgo) {
      group->handle_support(core_, slot_of(from), record, promised_at);
    }
  }
  if (!relays_.is_on()) return;
  pass_on(from, heartbeat);
  if (echo_fresh && core_.config.relay == RelayMode::kAll) promise_over_peer(from, heartbeat);
}

void Monitor::handle(PeerIndex from, const NodeHeartbeat& heartbeat) {
  Peer& peer = core_.peers[from];
  if (!fleet_ || heartbeat.report_count > kMaxNodes - 1) {
    ++core_.counters.dropped_bad_field;
    return;
  }
  const bool was_reached = core_.two_way(from) && !peer.sick;
  if (!take_heartbeat(from, heartbeat)) return;
  // Both may be short of the other's support: answers to answers must not go on for ever.
  const Instant again_at =
      saturating_add(core_.links[from].heartbeat_at, core_.config.heartbeat_interval / 4);
  if (core_.now >= again_at && must_answer(peer, heartbeat)) core_.answer = from;
  const Duration age = echo_age(heartbeat.echo_incarnation, heartbeat.echo);
  const bool echo_fresh = take_echo(peer, age);
  take_padded_echo(peer, heartbeat);
  hear_links(heartbeat, age);
  fleet_->handle_digest(core_, from, heartbeat, echo_fresh);
  PeerLink& link = core_.links[from];
  const bool knows = link.in.applied >= link.in.removed;
  if (echo_fresh) {
    // Who has not heard which claims were taken back would promise to what is no more; who may have
    // consented in an earlier life promises nothing yet (rule S7).
    if (knows && core_.now >= core_.promises_nothing_until) {
      peer.promised = heartbeat.sent_at;
      link.promised_until = std::max(link.promised_until, core_.now + core_.config.promise());
    }
    peer.detector.heartbeat(core_.now, heartbeat.seq, sampling());
    peer.proof_due = kNever;
    peers_at_ = std::min(peers_at_, peer.detector.suspect_at());
    move_to(from, PeerState::kTrusted);
  } else {
    ++core_.counters.dropped_stale_echo;
  }
  // A promise counts only for groups that the peer supports; which these are must be known as of
  // when it promised, or a group that it has left would count on.
  if (knows && core_.carries_large(peer) && take_promise(peer, heartbeat) != kLongAgo) {
    fleet_->handle_support(core_, from);
  }
  if ((core_.two_way(from) && !peer.sick) != was_reached) fleet_->handle_reach_changed(core_, from);
}

/// What a heartbeat of either kind says to one peer.
template <typename H>
void Monitor::address(H& heartbeat, PeerIndex to) {
  Peer& peer = core_.peers[to];
  peer.sent_seq = peer.sent_seq.next();
  heartbeat.seq = peer.sent_seq;
  if (heartbeat.padded) peer.padded_seq = peer.sent_seq;
  const std::uint64_t behind = peer.sent_seq.value() - peer.padded_seq.value();
  const bool has_any = peer.padded_seq.value() != 0 && behind <= 255;
  heartbeat.padded_behind = has_any ? static_cast<std::uint8_t>(behind) : std::uint8_t{0};
  heartbeat.echo_incarnation = peer.incarnation;
  heartbeat.echo = peer.newest;
  heartbeat.promised = peer.promised;
  heartbeat.echo_padded = peer.newest_padded;
  ++core_.counters.heartbeats_sent;
}

/// To one peer, or to all (kNoPeer).
void Monitor::send_heartbeats(PeerIndex to, bool padded) {
  Heartbeat heartbeat{.from = {core_.roster.self_id(), core_.config.incarnation}};
  heartbeat.sent_at = Core::stamp(core_.now);
  heartbeat.sick = core_.sick();
  heartbeat.padded = padded;
  for (PeerIndex index = 0; index < core_.roster.size(); ++index) {
    if (index == core_.roster.self()) continue;
    heartbeat.reports[heartbeat.report_count++] = report_on(index);
  }
  health_.fill(heartbeat);
  for (const GroupWatch& group : groups_) {
    heartbeat.groups[heartbeat.group_count++] = group.record(core_);
  }
  for (PeerIndex index = 0; index < core_.roster.size(); ++index) {
    if (index == core_.roster.self() || (to != kNoPeer && index != to)) continue;
    address(heartbeat, index);
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      heartbeat.groups[i].withheld = groups_[i].withholds(slot_of(index));
    }
    core_.out.push().emplace<Send>(core_.roster.node(index), heartbeat);
  }
}

PeerReport Monitor::report_on(PeerIndex index) const {
  const Peer& peer = core_.peers[index];
  PeerReport report{.peer = core_.roster.node(index)};
  report.support = to_wire(remaining(peer.support_until, core_.now));
  report.hears = peer.state == PeerState::kTrusted;
  report.is_heard = core_.is_heard(peer);
  return report;
}

void Monitor::send_node_heartbeats(PeerIndex to, bool padded) {
  NodeHeartbeat heartbeat{.from = {core_.roster.self_id(), core_.config.incarnation}};
  heartbeat.sent_at = Core::stamp(core_.now);
  heartbeat.sick = core_.sick();
  heartbeat.padded = padded;
  name_links(heartbeat);
  sum_up_support(heartbeat);
  for (PeerIndex index = 0; index < core_.roster.size(); ++index) {
    if (index == core_.roster.self() || (to != kNoPeer && index != to)) continue;
    address(heartbeat, index);
    core_.links[index].heartbeat_at = core_.now;
    heartbeat.digest = fleet_->digest_for(core_, index);
    core_.out.push().emplace<Send>(core_.roster.node(index), heartbeat);
  }
}

bool Monitor::must_answer(const Peer& peer, const NodeHeartbeat& heartbeat) const {
  if (heartbeat.digest.count == 0) return false;
  if (peer.state == PeerState::kSuspect) return true;
  for (std::uint8_t i = 0; i < heartbeat.report_count; ++i) {
    const PeerReport& report = heartbeat.reports[i];
    if (report.peer != core_.roster.self_id()) continue;
    return from_wire(report.support) < core_.config.lease / 2;
  }
  return false;
}

/// A leader whose lease is short of acknowledgements (it slept, or some were lost) must not wait
/// for this node's next interval: a lease that ends meanwhile would cost an election.
bool Monitor::must_answer(const Peer& peer, const Heartbeat& heartbeat) const {
  for (std::size_t i = 0; i < heartbeat.group_count; ++i) {
    const GroupRecord& record = heartbeat.groups[i];
    if (record.claim.value() == 0) continue;
    if (peer.state == PeerState::kSuspect || from_wire(record.lease) < core_.config.lease / 2) {
      return true;
    }
  }
  return false;
}

}  // namespace vouch
