// The part of Monitor that passes on, and takes in, what goes over a peer: docs/ROUTES.md.

#include <algorithm>

#include "vouch/quorum_check/monitor.h"

namespace vouch {

bool Monitor::is_way(std::size_t at) const {
  if (at == health_.matrix().self()) return false;
  const PeerIndex peer = matrix_at_[at];
  return core_.two_way(peer) && core_.carries_large(core_.peers[peer]);
}

std::optional<NodeId> Monitor::next_hop(NodeId to) const {
  const PeerIndex peer = core_.roster.index_of(to);
  if (peer == kNoPeer || peer == core_.roster.self()) return std::nullopt;
  const ReachMatrix& matrix = health_.matrix();
  const std::size_t at = matrix_index(peer);
  if (at >= matrix.size()) {  // Not kept track of.
    return core_.two_way(peer) ? std::optional(to) : std::nullopt;
  }
  const std::optional<std::size_t> hop =
      routes_.next_hop(matrix, at, [this](std::size_t node) { return is_way(node); });
  return hop ? std::optional(matrix.node(*hop)) : std::nullopt;
}

void Monitor::update_routes() {
  routes_.update(health_.matrix(), [this](std::size_t node) { return is_way(node); });
}

/// Who asks has heard the peer's answer, so the way between the two carries.
void Monitor::handle(PeerIndex from, const RelayRequest& request) {
  const PeerIndex origin = core_.roster.index_of(request.origin);
  if (!relays_.is_on() || origin == kNoPeer || origin == core_.roster.self() || origin == from ||
      request.group_count > kMaxGroupsPerHeartbeat) {
    ++core_.counters.dropped_bad_field;
    return;
  }
  if (!is_alive(origin, request.origin_incarnation)) {
    ++core_.counters.dropped_old_incarnation;
    return;
  }
  if (request.wants_heartbeats) {
    relays_.ask(from, origin, core_.now + relay_term(core_.config.heartbeat_interval));
  }
  if (request.promised.value() == 0 || core_.config.relay != RelayMode::kAll) return;
  if (!hears_lately(core_.peers[origin], request.promised)) {
    ++core_.counters.dropped_stale_echo;
    return;
  }
  RelayedPromise promise{.from = {core_.roster.self_id(), core_.config.incarnation}};
  promise.promiser = request.from;
  promise.origin_incarnation = request.origin_incarnation;
  promise.promised = request.promised;
  promise.group_count = request.group_count;
  promise.groups = request.groups;
  ++core_.counters.promises_relayed;
  core_.out.push(Send{request.origin, promise});
}

/// Whether `origin` was heard here at most two heartbeats before it sent what earned a promise.
/// Both instants are of its clock. Who promises learns from this node's reports that this node has
/// lost `origin`, and until then would lengthen by a dead way the lease of a leader that is cut
/// off.
bool Monitor::hears_lately(const Peer& origin, ClockStamp promised) const {
  if (origin.newest.value() == 0) return false;
  const Instant newest{Duration(origin.newest.value())};
  return Instant(Duration(promised.value())) <=
         saturating_add(newest, relay_patience(core_.config.heartbeat_interval, {}));
}

/// Passes a heartbeat on, with its age. Old ones too: what a leader has given up stays given up.
void Monitor::pass_on(PeerIndex from, const Heartbeat& heartbeat) {
  RelayedHeartbeat relayed{.from = {core_.roster.self_id(), core_.config.incarnation}};
  relayed.origin = heartbeat.from;
  relayed.sent_at = heartbeat.sent_at;
  // Rounded up: of an age the wire may say too much, never too little.
  const Duration age = echo_age(heartbeat.echo_incarnation, heartbeat.echo);
  if (age < Duration::zero()) return;  // Nothing proves any age.
  relayed.age = to_wire(age + std::chrono::microseconds(1));
  relayed.group_count = heartbeat.group_count;
  relayed.groups = heartbeat.groups;
  for (GroupRecord& record : relayed.groups)
    record.withheld = false;  // Said to this node, not to them.
  relays_.for_each(from, core_.now, [&](PeerIndex asker) {
    const Peer& peer = core_.peers[asker];
    if (peer.newest.value() == 0) return;
    relayed.echo_incarnation = peer.incarnation;
    relayed.echo = peer.newest;
    ++core_.counters.heartbeats_relayed;
    core_.out.push().emplace<Send>(core_.roster.node(asker), relayed);
  });
}

/// A leader that this node hears, and that says that it does not hear this node, gets its promise
/// over a peer that reaches both. Comes when `heartbeat` has earned what it earns.
void Monitor::promise_over_peer(PeerIndex to, const Heartbeat& heartbeat) {
  bool is_unheard = false;
  for (std::size_t i = 0; i < heartbeat.report_count; ++i) {
    const PeerReport& report = heartbeat.reports[i];
    if (report.peer == core_.roster.self_id()) is_unheard = !report.hears;
  }
  if (!is_unheard) return;
  RelayRequest promise{.from = {core_.roster.self_id(), core_.config.incarnation}};
  promise.origin = heartbeat.from.node;
  promise.origin_incarnation = heartbeat.from.incarnation;
  promise.promised = heartbeat.sent_at;
  for (std::size_t i = 0; i < heartbeat.group_count; ++i) {
    const GroupRecord& record = heartbeat.groups[i];
    const GroupWatch* group = find(record.group);
    if (group == nullptr || record.claim.value() == 0 || group->withholds(slot_of(to))) continue;
    promise.groups[promise.group_count++] = record.group;
  }
  if (promise.group_count == 0) return;
  const ReachMatrix& matrix = health_.matrix();
  const std::size_t at = matrix_index(to);
  // Whom the leader hears it says itself, in this very heartbeat: sooner than a peer that is no
  // longer heard there finds out. That the peer hears this node must be as new.
  const auto carries = [&](std::size_t node) {
    if (node == at || !is_way(node) || !matrix.joins(at, node)) return false;
    const Peer& via = core_.peers[matrix_at_[node]];
    return core_.now - via.echoed <=
           relay_patience(core_.config.heartbeat_interval, via.round_trip);
  };
  const std::optional<std::size_t> hop = routes_.next_hop(matrix, at, carries);
  if (hop) core_.out.push(Send{matrix.node(*hop), promise});
}

/// The echo-age gate of the way over a peer: `from` heard this node's heartbeat at `echo` before it
/// passed this on, and the origin heard `from`'s at most `age` before that. Two round trips, each
/// on one clock; passed on, the age only grows.
void Monitor::handle(PeerIndex from, const RelayedHeartbeat& relayed) {
  const PeerIndex origin = core_.roster.index_of(relayed.origin.node);
  if (!relays_.is_on() || origin == kNoPeer || origin == core_.roster.self() || origin == from ||
      relayed.group_count > kMaxGroupsPerHeartbeat) {
    ++core_.counters.dropped_bad_field;
    return;
  }
  // Only a life that has spoken to this node itself: what a relayer says of incarnations is
  // believed neither way.
  if (!is_alive(origin, relayed.origin.incarnation)) {
    ++core_.counters.dropped_old_incarnation;
    return;
  }
  const Duration echoed = echo_age(relayed.echo_incarnation, relayed.echo);
  const Duration age = core_.stretch(from_wire(relayed.age));
  if (echoed < Duration::zero() ||
      echoed + age > core_.config.lease - core_.config.heartbeat_interval) {
    ++core_.counters.dropped_stale_echo;
    for (std::size_t i = 0; i < relayed.group_count; ++i) {
      if (GroupWatch* group = find(relayed.groups[i].group)) {
        group->handle_relayed_abdication(core_, slot_of(from), slot_of(origin), relayed.groups[i]);
      }
    }
    return;
  }
  ++core_.counters.relayed_heartbeats_received;
  RelayRequest promise{.from = {core_.roster.self_id(), core_.config.incarnation}};
  promise.origin = relayed.origin.node;
  promise.origin_incarnation = relayed.origin.incarnation;
  promise.wants_heartbeats = true;
  promise.promised = relayed.sent_at;
  for (std::size_t i = 0; i < relayed.group_count; ++i) {
    const GroupRecord& record = relayed.groups[i];
    GroupWatch* group = find(record.group);
    if (group == nullptr) {
      ++core_.counters.dropped_unknown_group;
      continue;
    }
    const Duration left = core_.shrink(from_wire(record.lease)) - age;
    const Instant proved_until = core_.now - echoed + core_.shrink(left);
    if (group->handle_relayed(core_, slot_of(from), relayed, record, proved_until)) {
      promise.groups[promise.group_count++] = record.group;
    }
  }
  if (promise.group_count > 0) {
    core_.out.push(Send{core_.roster.node(from), promise});
  }
}

/// Counted as one that comes straight, from when this node sent what earned it: whatever way it
/// took, it was made after that.
void Monitor::handle(PeerIndex from, const RelayedPromise& promise) {
  const PeerIndex promiser = core_.roster.index_of(promise.promiser.node);
  if (core_.config.relay != RelayMode::kAll || promiser == kNoPeer ||
      promiser == core_.roster.self() || promiser == from ||
      promise.group_count > kMaxGroupsPerHeartbeat) {
    ++core_.counters.dropped_bad_field;
    return;
  }
  const bool is_of_this_life = promise.origin_incarnation == core_.config.incarnation;
  if (!is_of_this_life || !is_alive(promiser, promise.promiser.incarnation)) {
    ++core_.counters.dropped_old_incarnation;
    return;
  }
  const Instant promised_at{Duration(promise.promised.value())};
  if (promised_at > core_.now || promised_at < core_.began) {
    ++core_.counters.dropped_bad_field;
    return;
  }
  ++core_.counters.relayed_promises_received;
  Peer& peer = core_.peers[promiser];
  peer.support_until = std::max(peer.support_until, promised_at + core_.config.lease);
  for (std::size_t i = 0; i < promise.group_count; ++i) {
    if (GroupWatch* group = find(promise.groups[i])) {
      group->handle_relayed_promise(core_, slot_of(promiser), slot_of(from), promised_at);
    } else {
      ++core_.counters.dropped_unknown_group;
    }
  }
}

}  // namespace vouch
