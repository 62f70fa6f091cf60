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
  return peers * (4 + 2 * groups) + 16 * groups + 16 + 4 * Findings::kMax + front_ends;
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
  for (Slot slot = 0; slot < core.roster.size(); ++slot) {
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
      front_ends_(core_.config, core_.roster.size()) {
  groups_.reserve(core_.config.groups.size());
  for (const GroupConfig& group : core_.config.groups)
    groups_.emplace_back(core_, group);
  for (Slot slot = 0; slot < core_.roster.size(); ++slot) {
    if (slot != core_.roster.self()) everybody_.insert(slot);
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
  for (GroupWatch& group : groups_)
    group.step(core_);
  if (core_.announce) {
    send_heartbeats(everybody_, pad_);
  } else if (!core_.answer.empty()) {
    send_heartbeats(core_.answer, false);
  }
  core_.announce = false;
  core_.answer.clear();
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
  const Slot slot = core_.roster.slot_of(from);
  const Sender& sender = sender_of(message);
  if (slot == kNoSlot || slot == core_.roster.self() || sender.node != from) {
    ++core_.counters.dropped_unknown_sender;
  } else if (!take_sender(slot, sender)) {
    ++core_.counters.dropped_old_incarnation;
  } else {
    std::visit([&](const auto& m) { handle(slot, m); }, message);
  }
  leave();
}

void Monitor::handle_timeout(Instant now) {
  enter(now);
  if (core_.now >= next_heartbeat_) {
    core_.announce = true;
    notice_late_timer(core_.now - next_heartbeat_);
    pad_ = core_.config.padded_every != 0 && ++ticks_ % core_.config.padded_every == 0;
    check_links();
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
          if (GroupWatch* group = find(e.group)) {
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
  const Slot slot = core_.roster.slot_of(event.node);
  if (slot == kNoSlot || slot == core_.roster.self()) {
    ++core_.counters.dropped_unknown_sender;
    return;
  }
  Peer& peer = core_.peers[slot];
  // An obituary of an earlier life says nothing about this one.
  if (event.incarnation < peer.incarnation) {
    ++core_.counters.dropped_old_incarnation;
    return;
  }
  peer.dead_incarnation = event.incarnation;
  peer.incarnation = event.incarnation;
  health_.process_ended(core_.now, health_.index_of(event.node), true);
  handle_process_end(slot);
  move_to(slot, PeerState::kSuspect);
}

void Monitor::handle_node_event(const Hint& event) {
  const Slot slot = core_.roster.slot_of(event.node);
  if (slot == kNoSlot || slot == core_.roster.self()) return;
  health_.refused(core_.now, health_.index_of(event.node));
  // As if its freshness point had come: the question goes out at once, and the next heartbeat ends
  // it. What refuses the question to the peer itself is no second hint.
  if (core_.peers[slot].state == PeerState::kTrusted) move_to(slot, PeerState::kSuspect);
}

/// Follows the sender's incarnation. False: the message is from before its restart.
bool Monitor::take_sender(Slot from, const Sender& sender) {
  Peer& peer = core_.peers[from];
  if (sender.incarnation < peer.incarnation || sender.incarnation <= peer.dead_incarnation) {
    return false;
  }
  if (sender.incarnation > peer.incarnation) {
    // The new life is proof that the old one has ended: its claims and promises are void.
    health_.process_ended(core_.now, health_.index_of(sender.node), false);
    if (peer.incarnation.value() != 0) handle_process_end(from);
    peer.incarnation = sender.incarnation;
  }
  return true;
}

void Monitor::handle_process_end(Slot slot) {
  Peer& peer = core_.peers[slot];
  peer.detector.reset();
  peer.last_seq = Seq{};
  peer.newest = ClockStamp{};
  peer.promised = ClockStamp{};
  peer.newest_padded = ClockStamp{};
  peer.large_echoed = kLongAgo;
  peer.echoed = kLongAgo;
  peer.round_trip_known = false;
  peer.sick = false;
  for (GroupWatch& group : groups_)
    group.handle_process_end(core_, slot);
}

void Monitor::handle(Slot from, const Heartbeat& heartbeat) {
  Peer& peer = core_.peers[from];
  if (heartbeat.report_count > kMaxNodes - 1 || heartbeat.group_count > kMaxGroupsPerHeartbeat) {
    ++core_.counters.dropped_bad_field;
    return;
  }
  const std::size_t index = health_.index_of(heartbeat.from.node);
  if (heartbeat.seq <= peer.last_seq) {
    health_.overtaken(index, heartbeat.seq);
    ++core_.counters.dropped_stale_sequence;
    return;
  }
  ++core_.counters.heartbeats_received;
  peer.last_seq = heartbeat.seq;
  peer.newest = heartbeat.sent_at;
  peer.sick = heartbeat.sick;
  if (must_answer(peer, heartbeat)) core_.answer.insert(from);
  const bool echo_fresh = take_echo(peer, heartbeat);
  take_padded_echo(peer, heartbeat);
  health_.heard(core_.now, index, heartbeat, echo_age(heartbeat), core_.sick());
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
    group->handle_record(core_, from, heartbeat, record, echo_fresh);
    if (promised_at != kLongAgo) group->handle_support(core_, from, record, promised_at);
  }
}

/// When this node sent the newest heartbeat for which `peer` promises support, or kLongAgo.
Instant Monitor::take_promise(Peer& peer, const Heartbeat& heartbeat) const {
  if (heartbeat.echo_incarnation != core_.config.incarnation) return kLongAgo;
  if (heartbeat.promised.value() == 0) return kLongAgo;
  const Instant promised_at{Duration(heartbeat.promised.value())};
  // Nobody can have heard us in the future, or before this life began.
  if (promised_at > core_.now || promised_at < core_.began) return kLongAgo;
  peer.support_until = std::max(peer.support_until, promised_at + core_.config.lease);
  return promised_at;
}

void Monitor::take_padded_echo(Peer& peer, const Heartbeat& heartbeat) {
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
bool Monitor::take_echo(Peer& peer, const Heartbeat& heartbeat) {
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

/// How long ago this node sent what the heartbeat echoes; negative if it echoes nothing of its.
Duration Monitor::echo_age(const Heartbeat& heartbeat) const {
  if (heartbeat.echo_incarnation != core_.config.incarnation || heartbeat.echo.value() == 0) {
    return Duration(-1);
  }
  const Instant echo{Duration(heartbeat.echo.value())};
  return echo > core_.now || echo < core_.began ? Duration(-1) : core_.now - echo;
}

void Monitor::handle(Slot from, const ConfirmRequest& request) {
  ++core_.counters.confirm_requests_received;
  if (GroupWatch* group = find(request.group)) {
    group->handle_request(core_, from, request);
  } else {
    ++core_.counters.dropped_unknown_group;
  }
}

void Monitor::handle(Slot from, const ConfirmReply& reply) {
  ++core_.counters.confirm_replies_received;
  if (GroupWatch* group = find(reply.group)) {
    group->handle_reply(core_, from, reply);
  } else {
    ++core_.counters.dropped_unknown_group;
  }
}

void Monitor::move_to(Slot slot, PeerState to) {
  Peer& peer = core_.peers[slot];
  if (peer.state == to) return;
  core_.out.push(PeerChanged{core_.roster.node(slot), peer.state, to});
  peer.state = to;
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
  const Duration allowed = allowance();
  for (Slot slot = 0; slot < core_.roster.size(); ++slot) {
    if (slot == core_.roster.self()) continue;
    if (core_.now >= peer_due(core_.peers[slot], allowed)) move_to(slot, PeerState::kSuspect);
  }
}

std::uint8_t Monitor::padded_behind(Slot slot) const {
  const std::uint64_t behind = heartbeat_seq_[slot].value() - padded_seq_[slot].value();
  const bool has_any = padded_seq_[slot].value() != 0 && behind <= 255;
  return has_any ? static_cast<std::uint8_t>(behind) : std::uint8_t{0};
}

/// Measures the links and reads the matrix, once per heartbeat interval.
void Monitor::check_links() {
  if (core_.config.padded_every != 0) {
    for (Slot slot = 0; slot < core_.roster.size(); ++slot) {
      if (slot == core_.roster.self()) continue;
      health_.set_carries_large(health_.index_of(core_.roster.node(slot)),
                                core_.carries_large(core_.peers[slot]));
    }
  }
  bool is_stuck = false;
  for (const GroupWatch& group : groups_)
    is_stuck |= group.is_stuck(core_);
  health_.tick(core_.now, core_.sick(), is_stuck,
               [this](const Diagnosis& diagnosis) { core_.out.push(diagnosis); });
  const std::optional<TransferReason> reason = health_.own_trouble(core_.now);
  if (reason) advise(*reason);
  if (!front_ends_.empty()) check_front_ends();
}

void Monitor::advise(TransferReason reason) {
  advise(reason, SlotSet{});
}

void Monitor::advise(TransferReason reason, SlotSet unfit) {
  const NodeMask blamed = health_.unfit();
  for (std::size_t index = 0; index < health_.matrix().size(); ++index) {
    if (has(blamed, index)) unfit.insert(core_.roster.slot_of(health_.matrix().node(index)));
  }
  for (GroupWatch& group : groups_)
    group.advise(core_, reason, unfit);
}

void Monitor::send_heartbeats(SlotSet to, bool padded) {
  Heartbeat heartbeat{.from = {core_.roster.self_id(), core_.config.incarnation}};
  heartbeat.sent_at = Core::stamp(core_.now);
  heartbeat.sick = core_.sick();
  heartbeat.padded = padded;
  for (Slot slot = 0; slot < core_.roster.size(); ++slot) {
    if (slot == core_.roster.self()) continue;
    const Peer& peer = core_.peers[slot];
    PeerReport& report = heartbeat.reports[heartbeat.report_count++];
    report.peer = core_.roster.node(slot);
    report.support = to_wire(remaining(peer.support_until, core_.now));
    report.hears = peer.state == PeerState::kTrusted;
    report.is_heard = core_.is_heard(peer);
  }
  health_.fill(heartbeat);
  for (const GroupWatch& group : groups_) {
    heartbeat.groups[heartbeat.group_count++] = group.record(core_);
  }
  for (Slot slot = 0; slot < core_.roster.size(); ++slot) {
    if (!to.contains(slot)) continue;
    const Peer& peer = core_.peers[slot];
    heartbeat_seq_[slot] = heartbeat_seq_[slot].next();
    heartbeat.seq = heartbeat_seq_[slot];
    if (padded) padded_seq_[slot] = heartbeat.seq;
    heartbeat.padded_behind = padded_behind(slot);
    heartbeat.echo_incarnation = peer.incarnation;
    heartbeat.echo = peer.newest;
    heartbeat.promised = peer.promised;
    heartbeat.echo_padded = peer.newest_padded;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      heartbeat.groups[i].withheld = groups_[i].withholds(slot);
    }
    ++core_.counters.heartbeats_sent;
    core_.out.push().emplace<Send>(core_.roster.node(slot), heartbeat);
  }
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
  Instant at = next_heartbeat_;
  const Duration allowed = allowance();
  for (Slot slot = 0; slot < core_.roster.size(); ++slot) {
    if (slot != core_.roster.self()) at = std::min(at, peer_due(core_.peers[slot], allowed));
  }
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

VoteVerdict Monitor::may_vote(GroupId group, NodeId candidate, Instant now) const {
  const GroupWatch* watch = find(group);
  if (watch == nullptr) return VoteVerdict::kNotVoter;
  return watch->may_vote(core_, core_.roster.slot_of(candidate), now);
}

bool Monitor::lease_held(GroupId group, Instant now) const {
  const GroupWatch* watch = find(group);
  return watch != nullptr && watch->lease_held(now);
}

Instant Monitor::guard(GroupId group, Term term) const {
  const GroupWatch* watch = find(group);
  if (watch == nullptr) return kLongAgo;
  return watch->guard(term);
}

Duration Monitor::bound(GroupId group, NodeId candidate, Instant now) const {
  const GroupWatch* watch = find(group);
  if (watch == nullptr) return Duration::zero();
  return remaining(watch->bound_until(core_, core_.roster.slot_of(candidate)), now);
}

Instant Monitor::promised_until() const {
  Instant until = core_.silent_until;
  for (const GroupWatch& group : groups_)
    until = std::max(until, group.promised_until());
  return until;
}

GroupStatus Monitor::status(GroupId group, Instant now) const {
  const GroupWatch* watch = find(group);
  return watch == nullptr ? GroupStatus{} : watch->status(core_, now);
}

PeerStatus Monitor::peer(NodeId node) const {
  const Slot slot = core_.roster.slot_of(node);
  if (slot == kNoSlot || slot == core_.roster.self()) return PeerStatus{};
  const Peer& peer = core_.peers[slot];
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
