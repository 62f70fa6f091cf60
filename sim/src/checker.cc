#include "vouch/sim/checker.h"

#include <algorithm>
#include <string>
#include <utility>

namespace vouch::sim {
namespace {

std::string name_of(NodeIndex node) {
  return "n" + std::to_string(node);
}

std::string nanoseconds(TrueTime::duration span) {
  return std::to_string(span.count()) + " ns";
}

}  // namespace

std::string_view to_string(Rule rule) {
  switch (rule) {
    case Rule::kS1:
      return "S1";
    case Rule::kS2:
      return "S2";
    case Rule::kS3:
      return "S3";
    case Rule::kS6:
      return "S6";
    case Rule::kL1:
      return "L1";
    case Rule::kL2:
      return "L2";
    case Rule::kL3:
      return "L3";
    case Rule::kL6:
      return "L6";
  }
  return "unknown";
}

void Checker::report(Rule rule, TrueTime at, NodeIndex node, std::string text) {
  ++violation_count_;
  if (violations_.size() < options_.violations_kept) {
    violations_.push_back({rule, at, node, std::move(text)});
  }
}

void Checker::stepped(const Engine& engine, NodeIndex node, const ReplicaStatus& status) {
  Watched& watched = nodes_[node];
  if (status.term < watched.term) {
    report(Rule::kS6, engine.now(), node,
           "term of " + name_of(node) + " went from " + std::to_string(watched.term.value()) +
               " back to " + std::to_string(status.term.value()));
  }
  watched.term = status.term;
  if (watched.is_awaiting && status.role == Role::kLeader) check_leadership(engine, node);
  if (status.lease_until != watched.lease_until) set_lease(engine, node, status.lease_until);
}

void Checker::noted(const Engine& engine, NodeIndex node, const Note& note) {
  switch (note.kind) {
    case NoteKind::kCampaign:
      check_campaign(engine, node, note);
      break;
    case NoteKind::kConsent: {
      const NodeIndex candidate = note.node.value() - 1;
      nodes_[candidate].consents[node].add(note.round, engine.now());
      break;
    }
    case NoteKind::kElected:
      check_elected(engine, node, note.term);
      break;
    case NoteKind::kSteppedDown:
      nodes_[node].is_awaiting = false;
      break;
    case NoteKind::kFollows:
    case NoteKind::kDecision:
    case NoteKind::kSuspects:
    case NoteKind::kTrusts:
    case NoteKind::kOther:
    case NoteKind::kDiagnosis:
    case NoteKind::kAdvice:
      break;
  }
}

void Checker::check_elected(const Engine& engine, NodeIndex node, Term term) {
  for (NodeIndex other = 0; other < engine.size(); ++other) {
    if (nodes_[other].elected != term) continue;
    report(Rule::kS6, engine.now(), node,
           name_of(node) + " is elected at term " + std::to_string(term.value()) + ", at which " +
               name_of(other) + " was");
  }
  nodes_[node].elected = term;
  nodes_[node].is_awaiting = true;
}

void Checker::check_leadership(const Engine& engine, NodeIndex node) {
  const Term term = nodes_[node].elected;
  nodes_[node].is_awaiting = false;
  if (term < newest_leadership_) {
    report(Rule::kS6, engine.now(), node,
           name_of(node) + " leads at term " + std::to_string(term.value()) +
               " after a leadership at " + std::to_string(newest_leadership_.value()));
  }
  newest_leadership_ = std::max(newest_leadership_, term);
}

void Checker::check_campaign(const Engine& engine, NodeIndex node, const Note& note) {
  for (NodeIndex other = 0; other < engine.size(); ++other) {
    if (other == node || nodes_[other].lease_ends <= engine.now()) continue;
    const bool is_endless = nodes_[other].lease_ends == kEndOfTime;
    report(
        Rule::kS1, engine.now(), node,
        name_of(node) + " campaigns while the lease of " + name_of(other) + " runs " +
            (is_endless ? "on" : nanoseconds(nodes_[other].lease_ends - engine.now()) + " more"));
  }
  if (options_.consent_limit > Duration::zero()) check_consents(engine, node, note);
}

void Checker::Consents::add(std::uint64_t round, TrueTime at) {
  for (Consent& consent : kept) {
    if (!consent.is_given || consent.round != round) continue;
    consent.at = at;
    return;
  }
  kept[next] = {round, at, true};
  next = (next + 1) % kept.size();
}

const Checker::Consent* Checker::Consents::of(std::uint64_t round) const {
  for (const Consent& consent : kept) {
    if (consent.is_given && consent.round == round) return &consent;
  }
  return nullptr;
}

void Checker::check_consents(const Engine& engine, NodeIndex node, const Note& note) {
  std::size_t fresh = 1;  // The candidate itself.
  std::size_t stale = 0;
  for (NodeIndex responder = 0; responder < engine.size(); ++responder) {
    const Consent* const consent = nodes_[node].consents[responder].of(note.round);
    if (responder == node || consent == nullptr) continue;
    (engine.now() - consent->at <= options_.consent_limit ? fresh : stale) += 1;
  }
  if (fresh > engine.size() / 2) return;
  report(Rule::kS3, engine.now(), node,
         name_of(node) + " campaigns with " + std::to_string(fresh) + " fresh and " +
             std::to_string(stale) + " stale consents of its round, of " +
             std::to_string(engine.size()) + " voters");
}

void Checker::faulted(const Engine& engine, const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kCrash:
      set_lease(engine, fault.a, kLongAgo);
      nodes_[fault.a].is_awaiting = false;
      break;
    case FaultKind::kRestart:
      if (fault.value != 0) nodes_[fault.a].term = Term{};
      break;
    case FaultKind::kClock:
      set_lease(engine, fault.a, nodes_[fault.a].lease_until);
      break;
    case FaultKind::kCut:
    case FaultKind::kHeal:
    case FaultKind::kLoss:
    case FaultKind::kDelay:
    case FaultKind::kPause:
    case FaultKind::kResume:
    case FaultKind::kBurstLoss:
    case FaultKind::kLognormal:
    case FaultKind::kPareto:
    case FaultKind::kDelayTrace:
    case FaultKind::kDelayJump:
    case FaultKind::kReorder:
    case FaultKind::kDuplicate:
    case FaultKind::kCorrupt:
    case FaultKind::kMtu:
    case FaultKind::kRate:
    case FaultKind::kTrickle:
    case FaultKind::kExit:
    case FaultKind::kSuspend:
    case FaultKind::kFreeze:
    case FaultKind::kSlow:
    case FaultKind::kFlood:
    case FaultKind::kWorkerStall:
    case FaultKind::kDiskStall:
    case FaultKind::kDrain:
    case FaultKind::kWallStep:
      break;
  }
}

void Checker::set_lease(const Engine& engine, NodeIndex node, Instant until) {
  const TrueTime now = engine.now();
  account(now);
  Watched& watched = nodes_[node];
  watched.lease_until = until;
  watched.lease_ends = until == kLongAgo ? kStart : engine.clock(node).when(until);
  const bool was_split = overlap_ends_ > now;
  TrueTime latest = kStart;
  TrueTime second = kStart;
  NodeIndex other = node;
  for (NodeIndex index = 0; index < engine.size(); ++index) {
    const TrueTime ends = nodes_[index].lease_ends;
    if (ends > now && index != node) other = index;
    if (ends > latest) {
      second = std::exchange(latest, ends);
    } else if (ends > second) {
      second = ends;
    }
  }
  overlap_ends_ = second;
  if (overlap_ends_ > now && !was_split) {
    report(Rule::kS2, now, node,
           name_of(node) + " and " + name_of(other) + " both believe that they hold the lease");
  }
}

void Checker::account(TrueTime now) {
  const TrueTime end = std::min(now, overlap_ends_);
  if (end > accounted_) split_lease_ += end - accounted_;
  accounted_ = now;
}

Duration Checker::split_lease(TrueTime until) const {
  const TrueTime end = std::min(until, overlap_ends_);
  return end > accounted_ ? split_lease_ + (end - accounted_) : split_lease_;
}

}  // namespace vouch::sim
