#include "vouch/quorum_check/monitor.h"

#include <algorithm>
#include <utility>

namespace vouch {
namespace {

/// Room for everything that one call can want done: a heartbeat and a question to each peer, one
/// reply, and for each peer and group a handful of notices.
std::size_t action_room(const MonitorConfig& config) {
  const std::size_t peers = config.peers.size() + 1;
  const std::size_t groups = config.groups.size();
  if (config.claim_mode() == ClaimMode::kDigest) {
    // Each group about which something goes on may have a word or two to say; see GroupFleet for
    // what else is spread over several calls.
    const GroupLimits limits = config.completed_limits();
    return 2 * peers + 3 * std::size_t{limits.active_max} + limits.packets_max / 2 + 2048;
  }
  return peers * (3 + 2 * groups) + 16 * groups + 16;
}

}  // namespace

Result<Monitor> Monitor::create(const MonitorConfig& config, Instant now, Rng rng) {
  Status checked = validate(config);
  if (!checked) return checked.error();
  Core core{.config = config,
            .roster = Roster(config.self, config.peers),
            .peers = {},
            .out = Ring<Action>(action_room(config)),
            .rng = rng,
            .began = now,
            .now = now};
  core.config.detector.heartbeat_interval = config.heartbeat_interval;
  core.peers.reserve(core.roster.size());
  for (PeerIndex index = 0; index < core.roster.size(); ++index) {
    Result<Detector> detector = make_detector(core.config.detector);
    if (!detector) return detector.error();
    core.peers.emplace_back(std::move(*detector));
  }
  if (config.boot == BootMode::kRestarted) {
    core.silent_until = now + config.promise();
    core.promises_nothing_until = now + core.stretch(config.consent_hold_max()) + config.guard;
  } else if (config.boot == BootMode::kPersisted) {
    core.silent_until = now + config.boot_promise;
    core.promises_nothing_until = core.silent_until;
  }
  return Monitor(std::move(core));
}

Monitor::Monitor(Core core) : core_(std::move(core)) {
  if (core_.config.claim_mode() == ClaimMode::kDigest) {
    fleet_.emplace(core_);
  } else {
    // The whole roster fits: every group deals with all nodes.
    Members members;
    for (PeerIndex index = 0; index < core_.roster.size(); ++index)
      members.at[members.count++] = index;
    groups_.reserve(core_.config.groups.size());
    for (const GroupConfig& group : core_.config.groups)
      groups_.emplace_back(core_, group, members);
  }
  const std::int64_t interval = core_.config.heartbeat_interval.count();
  // Nodes that start together shall not speak in chorus.
  next_heartbeat_ = core_.now + Duration(core_.rng.between(0, interval - 1));
  due_ = compute_due();
}

// Everything that enters passes here first: time is clamped, and an own pause is noticed before
// anything is answered or believed (rule S4).
void Monitor::enter(Instant now) {
  if (now < core_.now) {
    ++core_.counters.clock_backwards;
    now = core_.now;
  }
  const Instant last = core_.now;
  core_.now = now;
  if (due_ != kNever && now > due_ && now - due_ > core_.config.stall_limit) {
    handle_stall(last, now - last);
  }
}

void Monitor::leave() {
  if (fleet_) {
    fleet_->leave(core_);
    if (is_tick_) send_node_heartbeats(kNoPeer, pad_);
    if (!is_tick_ && core_.answer != kNoPeer) send_node_heartbeats(core_.answer, false);
  } else {
    for (GroupWatch& group : groups_)
      group.step(core_);
    if (core_.announce) {
      send_heartbeats(kNoPeer, pad_);
    } else if (core_.answer != kNoPeer) {
      send_heartbeats(core_.answer, false);
    }
  }
  core_.announce = false;
  core_.answer = kNoPeer;
  is_tick_ = false;
  pad_ = false;
  due_ = compute_due();
}

void Monitor::handle_stall(Instant last, Duration gap) {
  ++core_.counters.stalls;
  const Duration interval = core_.config.heartbeat_interval;
  core_.sick_until = core_.now + 2 * interval + core_.config.confirm_interval;
  core_.drain_until = core_.now + core_.config.confirm_interval;
  no_suspicion_before_ = core_.now + 3 * interval;
  for (GroupWatch& group : groups_)
    group.extend_promises(last, gap);
  if (fleet_) fleet_->extend_promises(core_, last, gap);
  core_.silent_until =
      core_.silent_until > last ? saturating_add(core_.silent_until, gap) : core_.silent_until;
  next_heartbeat_ = core_.now;
  spend_stall_budget(gap);
}

/// A leader that sleeps again and again serves nobody, although each sleep is shorter than its
/// lease: own stalls that add up to one lease within the window end its leadership.
void Monitor::spend_stall_budget(Duration gap) {
  // One that is longer than the lease ends it anyway.
  if (core_.config.stall_window == Duration::zero() || gap >= core_.config.lease) return;
  if (stalls_since_ == kLongAgo || core_.now - stalls_since_ > core_.config.stall_window) {
    stalls_since_ = core_.now;
    stalled_ = Duration::zero();
  }
  stalled_ = std::min(stalled_ + gap, core_.config.lease);
  if (stalled_ < core_.config.lease) return;
  for (GroupWatch& group : groups_)
    group.hand_over(core_, StandDownReason::kStalling);
  if (fleet_) fleet_->hand_over(StandDownReason::kStalling);
  stalls_since_ = kLongAgo;
}

/// A timer that fires late by a good part of an interval tells of this node, not of its peers.
void Monitor::notice_late_timer(Duration late) {
  if (late > core_.config.heartbeat_interval / 2) {
    core_.health.late();
  } else {
    core_.health.in_time();
  }
}

void Monitor::handle_message(Instant now, NodeId from, const Message& message) {
  enter(now);
  const PeerIndex index = core_.roster.index_of(from);
  const Sender& sender = sender_of(message);
  if (index == kNoPeer || index == core_.roster.self() || sender.node != from) {
    ++core_.counters.dropped_unknown_sender;
  } else if (!take_sender(index, sender)) {
    ++core_.counters.dropped_old_incarnation;
  } else {
    std::visit([&](const auto& m) { handle(index, m); }, message);
  }
  leave();
}

void Monitor::handle_timeout(Instant now) {
  enter(now);
  if (core_.now >= next_heartbeat_) {
    core_.announce = true;
    is_tick_ = true;
    if (fleet_) fleet_->tick(core_);
    notice_late_timer(core_.now - next_heartbeat_);
    pad_ = core_.config.padded_every != 0 && ++ticks_ % core_.config.padded_every == 0;
  }
  check_peers();
  leave();
  if (core_.now >= next_heartbeat_) {
    const Duration interval = core_.config.heartbeat_interval;
    const std::int64_t missed = (core_.now - next_heartbeat_) / interval;
    next_heartbeat_ += (missed + 1) * interval;
    // Right after an own stall the first heartbeats may echo what is too old to be believed. Those
    // that follow when the buffers have been read echo what waited in them.
    if (core_.drain_until > core_.now) {
      next_heartbeat_ = std::min(next_heartbeat_, core_.drain_until);
    }
    due_ = compute_due();
  }
}

void Monitor::handle_local(Instant now, const LocalEvent& event) {
  enter(now);
  std::visit(
      [&](const auto& e) {
        if constexpr (requires { e.group; }) {
          if (fleet_) {
            fleet_->handle(core_, e);
          } else if (GroupWatch* group = find(e.group)) {
            group->handle(core_, e);
          } else {
            ++core_.counters.dropped_unknown_group;
          }
        } else {
          handle_node_event(e);
        }
      },
      event);
  leave();
}

void Monitor::handle_node_event(const Obituary& event) {
  const PeerIndex index = core_.roster.index_of(event.node);
  if (index == kNoPeer || index == core_.roster.self()) {
    ++core_.counters.dropped_unknown_sender;
    return;
  }
  Peer& peer = core_.peers[index];
  // An obituary of an earlier life says nothing about this one.
  if (event.incarnation < peer.incarnation) {
    ++core_.counters.dropped_old_incarnation;
    return;
  }
  peer.dead_incarnation = event.incarnation;
  peer.incarnation = event.incarnation;
  handle_process_end(index);
  move_to(index, PeerState::kSuspect);
}

void Monitor::handle_node_event(const Hint& event) {
  const PeerIndex index = core_.roster.index_of(event.node);
  if (index == kNoPeer || index == core_.roster.self()) return;
  // As if its freshness point had come: the question goes out at once, and the next heartbeat ends
  // it. What refuses the question to the peer itself is no second hint.
  if (core_.peers[index].state == PeerState::kTrusted) move_to(index, PeerState::kSuspect);
}

/// Follows the sender's incarnation. False: the message is from before its restart.
bool Monitor::take_sender(PeerIndex from, const Sender& sender) {
  Peer& peer = core_.peers[from];
  if (sender.incarnation < peer.incarnation || sender.incarnation <= peer.dead_incarnation) {
    return false;
  }
  if (sender.incarnation > peer.incarnation) {
    // The new life is proof that the old one has ended: its claims and promises are void.
    if (peer.incarnation.value() != 0) handle_process_end(from);
    peer.incarnation = sender.incarnation;
    if (fleet_) fleet_->handle_heard(core_, from);
  }
  return true;
}

void Monitor::handle_process_end(PeerIndex index) {
  Peer& peer = core_.peers[index];
  peer.detector.reset();
  peer.last_seq = Seq{};
  peer.newest = ClockStamp{};
  peer.promised = ClockStamp{};
  peer.newest_padded = ClockStamp{};
  peer.large_echoed = kLongAgo;
  peer.echoed = kLongAgo;
  peer.round_trip_known = false;
  peer.sick = false;
  if (fleet_) return fleet_->handle_process_end(core_, index);
  for (GroupWatch& group : groups_)
    group.handle_process_end(core_, slot_of(index));
}

void Monitor::handle(PeerIndex from, const Heartbeat& heartbeat) {
  Peer& peer = core_.peers[from];
  if (fleet_ || heartbeat.report_count > kMaxNodes - 1 ||
      heartbeat.group_count > kMaxGroupsPerHeartbeat) {
    ++core_.counters.dropped_bad_field;
    return;
  }
  if (!take_heartbeat(peer, heartbeat)) return;
  if (must_answer(peer, heartbeat)) core_.answer = from;
  const bool echo_fresh = take_echo(peer, heartbeat);
  take_padded_echo(peer, heartbeat);
  if (echo_fresh) {
    peer.promised = heartbeat.sent_at;
    peer.detector.heartbeat(core_.now, heartbeat.seq);
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
}

void Monitor::handle(PeerIndex from, const NodeHeartbeat& heartbeat) {
  Peer& peer = core_.peers[from];
  if (!fleet_ || heartbeat.report_count > kMaxNodes - 1) {
    ++core_.counters.dropped_bad_field;
    return;
  }
  const bool was_reached = core_.two_way(from) && !peer.sick;
  if (!take_heartbeat(peer, heartbeat)) return;
  // Both may be short of the other's support: answers to answers must not go on for ever.
  const Instant again_at =
      saturating_add(core_.links[from].heartbeat_at, core_.config.heartbeat_interval / 4);
  if (core_.now >= again_at && must_answer(peer, heartbeat)) core_.answer = from;
  const bool echo_fresh = take_echo(peer, heartbeat);
  take_padded_echo(peer, heartbeat);
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
    peer.detector.heartbeat(core_.now, heartbeat.seq);
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

void Monitor::handle(PeerIndex from, const GroupBatch& batch) {
  if (fleet_) {
    fleet_->handle_batch(core_, from, batch);
  } else {
    ++core_.counters.dropped_bad_field;
  }
}

/// Takes the parts that every heartbeat has. False: it is a duplicate, or was overtaken.
template <typename H>
bool Monitor::take_heartbeat(Peer& peer, const H& heartbeat) {
  if (heartbeat.seq <= peer.last_seq) {
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
/// no new one; neither may refresh anything.
template <typename H>
bool Monitor::take_echo(Peer& peer, const H& heartbeat) {
  if (heartbeat.echo_incarnation != core_.config.incarnation || heartbeat.echo.value() == 0) {
    return false;
  }
  const Instant echo{Duration(heartbeat.echo.value())};
  if (echo > core_.now || echo < core_.began) return false;
  if (echo > peer.echoed) {
    peer.echoed = echo;
    const Duration sample = core_.now - echo;
    peer.round_trip =
        peer.round_trip_known ? peer.round_trip + (sample - peer.round_trip) / 8 : sample;
    peer.round_trip_known = true;
  }
  return core_.now - echo <= core_.config.lease - core_.config.heartbeat_interval;
}

void Monitor::handle(PeerIndex from, const ConfirmRequest& request) {
  ++core_.counters.confirm_requests_received;
  if (GroupWatch* group = find(request.group)) {
    group->handle_request(core_, slot_of(from), request);
  } else {
    ++core_.counters.dropped_unknown_group;
  }
}

void Monitor::handle(PeerIndex from, const ConfirmReply& reply) {
  ++core_.counters.confirm_replies_received;
  if (GroupWatch* group = find(reply.group)) {
    group->handle_reply(core_, slot_of(from), reply);
  } else {
    ++core_.counters.dropped_unknown_group;
  }
}

void Monitor::move_to(PeerIndex index, PeerState to) {
  Peer& peer = core_.peers[index];
  if (peer.state == to) return;
  core_.out.push(PeerChanged{core_.roster.node(index), peer.state, to});
  peer.state = to;
  if (fleet_) fleet_->handle_peer_changed(core_, index);
}

/// A node that is itself late gives its peers that much longer.
Duration Monitor::allowance() const {
  return core_.config.heartbeat_interval * core_.health.score() / 2;
}

Instant Monitor::peer_due(const Peer& peer, Duration allowed) const {
  if (peer.state != PeerState::kTrusted) return kNever;
  return std::max(saturating_add(peer.detector.suspect_at(), allowed), no_suspicion_before_);
}

void Monitor::check_peers() {
  if (core_.now < peers_at_) return;
  const Duration allowed = allowance();
  for (PeerIndex index = 0; index < core_.roster.size(); ++index) {
    if (index == core_.roster.self()) continue;
    if (core_.now >= peer_due(core_.peers[index], allowed)) move_to(index, PeerState::kSuspect);
  }
  // With few peers the exact instant is looked for after each call, with many it is bounded.
  if (fleet_) peers_at_ = peers_due();
}

/// When the next peer is due to be suspected.
Instant Monitor::peers_due() const {
  Instant at = kNever;
  const Duration allowed = allowance();
  for (PeerIndex index = 0; index < core_.roster.size(); ++index) {
    if (index != core_.roster.self()) at = std::min(at, peer_due(core_.peers[index], allowed));
  }
  return at;
}

/// What a heartbeat of either kind says to one peer.
template <typename H>
void Monitor::address(H& heartbeat, PeerIndex to) {
  Peer& peer = core_.peers[to];
  peer.sent_seq = peer.sent_seq.next();
  heartbeat.seq = peer.sent_seq;
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
  sum_up_support(heartbeat);
  for (PeerIndex index = 0; index < core_.roster.size(); ++index) {
    if (index == core_.roster.self() || (to != kNoPeer && index != to)) continue;
    address(heartbeat, index);
    core_.links[index].heartbeat_at = core_.now;
    heartbeat.digest = fleet_->digest_for(core_, index);
    core_.out.push().emplace<Send>(core_.roster.node(index), heartbeat);
  }
}

/// The support vector in a fixed number of bytes: see NodeHeartbeat. A promise that is not renewed
/// any more stands apart, or it would drag the floor of all others down while it runs out.
void Monitor::sum_up_support(NodeHeartbeat& heartbeat) const {
  const Instant apart = core_.now + core_.config.lease / 2;
  Instant running = kNever;
  Instant renewed = kNever;
  std::size_t others = 0;
  for (PeerIndex index = 0; index < core_.roster.size(); ++index) {
    if (index == core_.roster.self()) continue;
    const Instant until = core_.peers[index].support_until;
    if (until > core_.now) running = std::min(running, until);
    if (until >= apart) {
      renewed = std::min(renewed, until);
    } else if (++others <= heartbeat.reports.size()) {
      heartbeat.reports[others - 1] = report_on(index);
    }
  }
  const bool fits = others <= heartbeat.reports.size();
  heartbeat.report_count = static_cast<std::uint8_t>(fits ? others : 0);
  const Instant floor = fits ? renewed : running;
  heartbeat.lease_floor = to_wire(floor == kNever ? Duration::zero() : floor - core_.now);
}

bool Monitor::must_answer(const Peer& peer, const NodeHeartbeat& heartbeat) const {
  if (heartbeat.digest.count == 0) return false;
  if (peer.state == PeerState::kSuspect) return true;
  for (std::uint8_t i = 0; i < heartbeat.report_count; ++i) {
    if (heartbeat.reports[i].peer == core_.roster.self_id()) return true;
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

std::optional<Action> Monitor::poll_action() {
  if (core_.out.empty()) return std::nullopt;
  std::optional<Action> action = core_.out.front();
  core_.out.pop();
  return action;
}

Instant Monitor::compute_due() const {
  if (fleet_) {
    const Instant at = std::min({next_heartbeat_, peers_at_, fleet_->next_timeout(core_)});
    // What found no room in this call is done in the next.
    return std::max(at, core_.now + Duration(1));
  }
  Instant at = std::min(next_heartbeat_, peers_due());
  for (const GroupWatch& group : groups_)
    at = std::min(at, group.next_timeout(core_));
  return at;
}

GroupWatch* Monitor::find(GroupId id) {
  for (GroupWatch& group : groups_) {
    if (group.id() == id) return &group;
  }
  return nullptr;
}

const GroupWatch* Monitor::find(GroupId id) const {
  return const_cast<Monitor*>(this)->find(id);
}

/// What `ask` says of the group, or `otherwise` when there is no such group.
template <typename Ask, typename T>
T Monitor::query(GroupId id, T otherwise, Ask&& ask) const {
  if (fleet_) return fleet_->knows(id) ? ask(fleet_->watch(core_, id)) : otherwise;
  const GroupWatch* watch = find(id);
  return watch == nullptr ? otherwise : ask(*watch);
}

VoteVerdict Monitor::may_vote(GroupId group, NodeId candidate, Instant now) const {
  return query(group, VoteVerdict::kNotVoter, [&](const GroupWatch& watch) {
    return watch.may_vote(core_, watch.slot_of(core_, candidate), now);
  });
}

bool Monitor::lease_held(GroupId group, Instant now) const {
  return query(group, false, [&](const GroupWatch& watch) { return watch.lease_held(now); });
}

Instant Monitor::guard(GroupId group, Term term) const {
  return query(group, kLongAgo, [&](const GroupWatch& watch) { return watch.guard(term); });
}

Duration Monitor::bound(GroupId group, NodeId candidate, Instant now) const {
  return query(group, Duration::zero(), [&](const GroupWatch& watch) {
    return remaining(watch.bound_until(core_, watch.slot_of(core_, candidate)), now);
  });
}

Instant Monitor::promised_until() const {
  Instant until = core_.silent_until;
  for (const GroupWatch& group : groups_)
    until = std::max(until, group.promised_until());
  return fleet_ ? std::max(until, fleet_->promised_until(core_)) : until;
}

GroupStatus Monitor::status(GroupId group, Instant now) const {
  return query(group, GroupStatus{},
               [&](const GroupWatch& watch) { return watch.status(core_, now); });
}

FleetStatus Monitor::fleet() const {
  if (!fleet_) return {};
  return {fleet_->active(), fleet_->in_flight(), fleet_->bytes_per_idle_group()};
}

PeerStatus Monitor::peer(NodeId node) const {
  const PeerIndex index = core_.roster.index_of(node);
  if (index == kNoPeer || index == core_.roster.self()) return PeerStatus{};
  const Peer& peer = core_.peers[index];
  return PeerStatus{peer.state, peer.incarnation, core_.is_heard(peer), peer.round_trip,
                    peer.support_until};
}

const MonitorCounters& Monitor::counters() const {
  return core_.counters;
}
const MonitorConfig& Monitor::config() const {
  return core_.config;
}

}  // namespace vouch
