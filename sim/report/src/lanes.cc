#include "vouch/report/lanes.h"

#include <algorithm>

#include "vouch/quorum_check/monitor.h"
#include "vouch/sim/vouch_protocol.h"

namespace vouch::report {
namespace {

/// The only group of a simulation.
constexpr GroupId kGroup{1};

Activity activity_of(sim::Role role) {
  switch (role) {
    case sim::Role::kFollower:
      return Activity::kFollower;
    case sim::Role::kCandidate:
      return Activity::kCandidate;
    case sim::Role::kLeader:
      return Activity::kLeader;
  }
  return Activity::kFollower;
}

}  // namespace

std::string_view to_string(Activity activity) {
  switch (activity) {
    case Activity::kDown:
      return "down";
    case Activity::kPaused:
      return "paused";
    case Activity::kFollower:
      return "follower";
    case Activity::kCandidate:
      return "candidate";
    case Activity::kLeader:
      return "leader";
  }
  return "unknown";
}

Standing standing_of(const sim::Engine& engine, sim::NodeIndex node) {
  if (!engine.is_up(node)) return {};
  const sim::ReplicaStatus status = engine.status(node);
  const Activity activity = engine.is_paused(node) ? Activity::kPaused : activity_of(status.role);
  return {activity, status.term, status.leader};
}

bool Lanes::Tenure::set(sim::TrueTime now, sim::TrueTime until, Span& ended) {
  bool has_ended = false;
  if (is_held && (ends < now || until <= now)) {
    ended = {from, std::min(ends, now)};
    has_ended = ended.from < ended.until;
    is_held = false;
  }
  if (until > now) {
    if (!is_held) from = now;
    is_held = true;
    ends = until;
  }
  return has_ended;
}

void Lanes::stepped(const sim::Engine& engine, sim::NodeIndex node, const sim::ReplicaStatus&) {
  Watched& watched = nodes_[node];
  if (!watched.is_known) {
    watched.is_known = true;
    Span ended;
    if (engine.reachability().has_majority(node)) {
      watched.majority.set(engine.now(), sim::kEndOfTime, ended);
    }
  }
  update_standing(engine, node);
  update_lease(engine, node);
  update_promise(engine, node);
}

void Lanes::noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) {
  if (note.node == kNobody || note.node.value() > engine.size()) return;
  const sim::NodeIndex subject = note.node.value() - 1;
  if (note.kind == sim::NoteKind::kSuspects && !suspects(node, subject)) {
    nodes_[node].suspected |= sim::node_bit(subject);
    nodes_[node].suspected_since[subject] = engine.now();
  } else if (note.kind == sim::NoteKind::kTrusts) {
    end_suspicion(node, subject, engine.now());
  }
}

void Lanes::faulted(const sim::Engine& engine, const sim::Fault& fault) {
  for (sim::NodeIndex node = 0; node < engine.size(); ++node) {
    Watched& watched = nodes_[node];
    if (!watched.is_known) continue;  // What has not started has no status.
    Span ended;
    const sim::TrueTime reaches_until =
        engine.reachability().has_majority(node) ? sim::kEndOfTime : sim::kStart;
    if (watched.majority.set(engine.now(), reaches_until, ended)) {
      sink_.reached_majority(node, ended);
    }
    // What a restarting node says before it has started is what its former life said.
    if (fault.kind == sim::FaultKind::kRestart && node == fault.a) continue;
    if (!engine.is_up(node)) {
      for (sim::NodeIndex subject = 0; subject < engine.size(); ++subject)
        end_suspicion(node, subject, engine.now());
    }
    update_standing(engine, node);
    update_lease(engine, node);
    update_promise(engine, node);
  }
}

void Lanes::update_standing(const sim::Engine& engine, sim::NodeIndex node) {
  Watched& watched = nodes_[node];
  const Standing standing = standing_of(engine, node);
  if (standing == watched.standing) return;
  if (watched.stands_since < engine.now()) {
    sink_.stood(node, {watched.stands_since, engine.now()}, watched.standing);
  }
  watched.standing = standing;
  watched.stands_since = engine.now();
}

void Lanes::update_lease(const sim::Engine& engine, sim::NodeIndex node) {
  if (!engine.protocol().has_lease()) return;
  const sim::TrueTime until =
      engine.is_up(node) ? engine.clock(node).when(engine.status(node).lease_until) : sim::kStart;
  Span ended;
  if (nodes_[node].lease.set(engine.now(), until, ended)) sink_.held_lease(node, ended);
}

void Lanes::update_promise(const sim::Engine& engine, sim::NodeIndex node) {
  const auto* replica = dynamic_cast<const sim::VouchReplica*>(&engine.replica(node));
  if (replica == nullptr) return;
  Watched& watched = nodes_[node];
  sim::TrueTime until = sim::kStart;
  NodeId to = kNobody;
  if (engine.is_up(node)) {
    const GroupStatus status = replica->monitor().status(kGroup, engine.local_now(node));
    to = status.promised_to;
    // A node's word to itself is no news.
    if (to != kNobody && to != NodeId{node + 1}) {
      until = engine.clock(node).when(status.promised_until);
    }
  }
  Span ended;
  if (to != watched.promised_to && watched.promise.set(engine.now(), sim::kStart, ended)) {
    sink_.promised(node, ended, watched.promised_to);
  }
  if (watched.promise.set(engine.now(), until, ended)) {
    sink_.promised(node, ended, watched.promised_to);
  }
  watched.promised_to = to;
}

void Lanes::end_suspicion(sim::NodeIndex node, sim::NodeIndex subject, sim::TrueTime now) {
  if (!suspects(node, subject)) return;
  Watched& watched = nodes_[node];
  watched.suspected &= ~sim::node_bit(subject);
  const Span span{watched.suspected_since[subject], now};
  if (span.from < span.until) sink_.suspected(node, span, subject);
}

void Lanes::finish(sim::TrueTime end) {
  for (sim::NodeIndex node = 0; node < sim::kMaxSimNodes; ++node) {
    Watched& watched = nodes_[node];
    if (!watched.is_known) continue;
    if (watched.stands_since < end) {
      sink_.stood(node, {watched.stands_since, end}, watched.standing);
    }
    Span ended;
    if (watched.lease.set(end, sim::kStart, ended)) sink_.held_lease(node, ended);
    if (watched.promise.set(end, sim::kStart, ended)) {
      sink_.promised(node, ended, watched.promised_to);
    }
    if (watched.majority.set(end, sim::kStart, ended)) sink_.reached_majority(node, ended);
    for (sim::NodeIndex subject = 0; subject < sim::kMaxSimNodes; ++subject)
      end_suspicion(node, subject, end);
  }
}

}  // namespace vouch::report
