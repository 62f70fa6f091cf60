#include "vouch/sim/measures.h"

#include <algorithm>

namespace vouch::sim {

void Measures::stepped(const Engine& engine, NodeIndex node, const ReplicaStatus& status) {
  newest_term_ = std::max(newest_term_, status.term);
  Watched& watched = nodes_[node];
  const bool leads = status.role == Role::kLeader;
  if (leads == watched.leads && (!leads || status.lease_until == watched.lease_until)) return;
  if (leads != watched.leads) last_change_ = engine.now();
  watched.leads = leads;
  watched.lease_until = status.lease_until;
  account(engine.now());
  update(engine, node);
}

void Measures::noted(const Engine& engine, NodeIndex node, const Note& note) {
  if (!is_counting_) return;
  switch (note.kind) {
    case NoteKind::kCampaign:
      ++phase_.elections;
      split_votes_.campaigned(note.term, node);
      if ((usable_leaders(engine) & ~node_bit(node)) != 0) ++phase_.unnecessary_elections;
      break;
    case NoteKind::kElected:
      ++phase_.leader_changes;
      split_votes_.elected(note.term);
      break;
    case NoteKind::kSteppedDown:
    case NoteKind::kFollows:
    case NoteKind::kConsent:
    case NoteKind::kDecision:
    case NoteKind::kSuspects:
    case NoteKind::kTrusts:
    case NoteKind::kOther:
    case NoteKind::kDiagnosis:
    case NoteKind::kAdvice:
      break;
  }
}

void Measures::faulted(const Engine& engine, const Fault& fault) {
  account(engine.now());
  if (fault.kind == FaultKind::kCrash) nodes_[fault.a] = {};
  for (NodeIndex node = 0; node < engine.size(); ++node)
    update(engine, node);
}

void Measures::update(const Engine& engine, NodeIndex node) {
  Watched& watched = nodes_[node];
  watched.usable_until = kStart;
  if (watched.leads && engine.reachability().has_majority(node)) {
    watched.usable_until =
        engine.protocol().has_lease() ? engine.clock(node).when(watched.lease_until) : kEndOfTime;
  }
  usable_until_ = kStart;
  for (const Watched& other : nodes_)
    usable_until_ = std::max(usable_until_, other.usable_until);
}

void Measures::account(TrueTime now) {
  if (now <= accounted_) return;
  const TrueTime lapsed = std::clamp(usable_until_, accounted_, now);
  if (lapsed > accounted_) gap_began_ = lapsed;  // Usable at first: no gap ran.
  if (lapsed < now) {
    const TrueTime began = std::max(gap_began_, phase_began_);
    if (phase_.first_gap == Duration::zero()) first_gap_began_ = began;
    if (first_gap_began_ == began) phase_.first_gap = now - began;
    phase_.longest_gap = std::max(phase_.longest_gap, now - began);
    phase_.unavailable += now - lapsed;
    last_unusable_ = now;
  }
  accounted_ = now;
}

void Measures::start_phase(const Engine& engine) {
  account(engine.now());
  phase_ = {};
  split_votes_ = {};
  phase_began_ = engine.now();
  phase_term_ = newest_term_;
  phase_sent_ = engine.counters().sent;
  is_counting_ = true;
}

Outcome Measures::outcome(const Engine& engine) const {
  Measures now = *this;
  now.account(engine.now());
  Outcome result = now.phase_;
  result.length = engine.now() - phase_began_;
  result.split_votes = split_votes_.count();
  result.term_growth = newest_term_.value() - phase_term_.value();
  result.messages = engine.counters().sent - phase_sent_;
  return result;
}

NodeSet Measures::usable_leaders(const Engine& engine) const {
  NodeSet set = 0;
  for (NodeIndex node = 0; node < engine.size(); ++node) {
    if (nodes_[node].usable_until > engine.now()) set |= node_bit(node);
  }
  return set;
}

}  // namespace vouch::sim
