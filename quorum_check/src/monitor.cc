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
  const std::size_t front_ends = 2 * config.front_ends.size() + 2;
  if (config.claim_mode() == ClaimMode::kDigest) {
    // Each group about which something goes on may have a word or two to say; see GroupFleet for
    // what else is spread over several calls.
    const GroupLimits limits = config.completed_limits();
    return front_ends + 3 * peers + 3 * std::size_t{limits.active_max} + limits.packets_max / 2 +
           2048 + 4 * Findings::kMax;
  }
  // A heartbeat may be passed on to each peer, and each group may ask two peers for one.
  const std::size_t relays = config.relay == RelayMode::kOff ? 0 : peers + 3 * groups;
  return peers * (4 + 2 * groups) + 16 * groups + 16 + relays + 4 * Findings::kMax + front_ends;
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

Monitor::Monitor(Core core)
    : core_(std::move(core)),
      health_(core_.config, core_.now),
      front_ends_(core_.config, core_.roster.size()),
      relays_(core_.config.relay, core_.roster.size()) {
  for (std::size_t at = 0; at < health_.matrix().size(); ++at)
    matrix_at_[at] = core_.roster.index_of(health_.matrix().node(at));
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
  health_.stalled(core_.now);
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
    check_links();
    if (relays_.is_on()) update_routes();
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
  health_.process_ended(core_.now, matrix_index(index), true);
  handle_process_end(index);
  move_to(index, PeerState::kSuspect);
}

void Monitor::handle_node_event(const Hint& event) {
  const PeerIndex index = core_.roster.index_of(event.node);
  if (index == kNoPeer || index == core_.roster.self()) return;
  health_.refused(core_.now, matrix_index(index));
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
    health_.process_ended(core_.now, matrix_index(from), false);
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
  peer.late_until = kLongAgo;
  peer.sick = false;
  // Its detector knows nothing of the new life, and would trust it for ever if what this one says
  // never proves that it hears us. It gets as long as an echo may be old (see take_echo).
  peer.proof_due = core_.now + core_.config.lease - core_.config.heartbeat_interval;
  peers_at_ = std::min(peers_at_, peer.proof_due);
  relays_.forget(index);
  if (fleet_) return fleet_->handle_process_end(core_, index);
  for (GroupWatch& group : groups_)
    group.handle_process_end(core_, slot_of(index));
}

void Monitor::handle(PeerIndex from, const GroupBatch& batch) {
  if (fleet_) {
    fleet_->handle_batch(core_, from, batch);
  } else {
    ++core_.counters.dropped_bad_field;
  }
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
  const Instant at = std::min(peer.detector.suspect_at(), peer.proof_due);
  return std::max(saturating_add(at, allowed), no_suspicion_before_);
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
  if (fleet_) return fleet_->lease_held(core_, group, now);
  const GroupWatch* watch = find(group);
  return watch != nullptr && watch->lease_held(now);
}

Instant Monitor::guard(GroupId group, Term term) const {
  if (fleet_) return fleet_->guard(core_, group, term);
  const GroupWatch* watch = find(group);
  return watch == nullptr ? kLongAgo : watch->guard(term);
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

LeaderKnown Monitor::leader_known(GroupId group) const {
  return query(group, LeaderKnown{},
               [&](const GroupWatch& watch) { return watch.leader_known(core_); });
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
