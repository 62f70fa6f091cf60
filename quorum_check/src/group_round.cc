// The part of GroupWatch that deals with suspicion: asking, answering, deciding.

#include <algorithm>

#include "vouch/quorum_check/group_watch.h"

namespace vouch {
namespace {

/// For how long a consent to `request` binds: what was asked for, within our own limit.
Duration granted_hold(const Core& core, const ConfirmRequest& request) {
  return std::min(from_wire(request.hold), core.config.consent_hold_max());
}

}  // namespace

void GroupWatch::step(Core& core) {
  if (leads_) {
    if (core.now >= lease_until_) {
      // Right after an own pause acknowledgements may still wait in a buffer. Until they are read
      // the lease is not held, but not given up either.
      if (core.now < core.drain_until) return;
      stand_down(core, StandDownReason::kLeaseLapsed);
    } else if (core.now >= stuck_at(core)) {
      stand_down(core, StandDownReason::kNoProgress);
    } else if (!may_lead_ && best_candidate(core, kNoSlot) != kNoSlot) {
      stand_down(core, StandDownReason::kDraining);
    } else {
      if (!may_lead_ && core.is_digest()) look_for_successor(core);
      return;
    }
  }
  if (campaigning_) {
    if (core.now < campaign_until_) return;
    campaigning_ = false;  // The host let the consents lapse: ask anew.
  }
  if (leader_is_fine(core)) {
    if (round_.active()) {
      const DecisionInput input = decision_input(core);
      DecisionOutput trust = decide(input);
      trust.verdict = Verdict::kTrust;
      trust.until = kLongAgo;
      record_decision(core, input, trust);
      end_round(core);
    }
    return;
  }
  if (!round_.active()) {
    if (core.now < grace_until_ || !core.may_start_round) return;
    start_round(core);
  }
  evaluate(core);
}

void GroupWatch::start_round(Core& core) {
  const Incarnation incarnation =
      leader_ == kNoSlot ? Incarnation{} : peer_of(core, leader_).incarnation;
  round_.start(core.now, Nonce{core.rng.next()}, leader_, incarnation, term_);
  next_attempt_ = core.now;
  backoff_ = core.config.confirm_interval;
  verdict_ = Verdict::kTrust;
  last_best_ = kNoSlot;
  last_until_ = kLongAgo;
  wanted_consent_ = false;
  suppressed_since_ = kNever;
  next_alert_ = kNever;
}

void GroupWatch::end_round(Core&) {
  round_.stop();
  next_attempt_ = kNever;
}

Duration GroupWatch::hold_for(const Core& core) const {
  Duration round_trip = round_.round_trip();
  for (Slot slot = 0; slot < members_.count; ++slot) {
    if (slot != self_ && core.two_way(members_.at[slot])) {
      round_trip = std::max(round_trip, peer_of(core, slot).round_trip);
    }
  }
  // A consent must outlive its way back, or a slow network would never conclude.
  return std::min(std::max(core.config.consent_hold, 2 * round_trip),
                  core.config.consent_hold_max());
}

Duration GroupWatch::answer_window(const Core& core) const {
  return std::max(hold_for(core), core.config.lease);
}

/// The first question about a leader asks only what others know: consents bind, so they are asked
/// for when nothing speaks against a campaign but their absence.
bool GroupWatch::wants_consent(const Core& core, const Candidacy& own, Verdict verdict) const {
  if (!own.electable || best_candidate(core, kNoSlot) != self_) return false;
  if (bound_until(core, self_) > core.now) return false;
  // Whom nobody's heartbeats tell who else could lead asks for that first.
  if (round_.subject() == kNoSlot && !core.is_digest()) return true;
  return round_.attempt() > 0 && verdict != Verdict::kSuppress;
}

void GroupWatch::send_attempt(Core& core, Verdict verdict) {
  const Duration hold = hold_for(core);
  const Candidacy own = own_candidacy(core);
  wanted_consent_ = wants_consent(core, own, verdict);
  if (wanted_consent_) hold_ = Hold{self_, core.now + core.stretch(hold) + core.config.guard};
  round_.next_attempt(core.now, hold);
  last_attempt_ = core.now;
  ConfirmRequest request{.from = {core.roster.self_id(), core.config.incarnation}};
  request.group = id_;
  request.epoch = epoch_;
  request.round = round_.nonce();
  request.attempt = round_.attempt();
  request.subject = node_of(core, round_.subject());
  request.subject_incarnation = round_.subject_incarnation();
  request.term = term_;
  request.hold = to_wire(hold);
  request.wants_consent = wanted_consent_;
  request.sick = core.sick();
  request.candidacy = own;
  for (Slot slot = 0; slot < members_.count; ++slot) {
    if (slot == self_ || !voters_.contains(slot)) continue;
    ask(core, slot, request);
  }
}

void GroupWatch::handle_request(Core& core, Slot from, const ConfirmRequest& request) {
  if (request.term > term_) adopt_term(core, request.term, kNoSlot);
  views_[from].candidacy = request.candidacy;
  const Slot best = best_candidate(core, from);
  ConfirmReply reply{.from = {core.roster.self_id(), core.config.incarnation}};
  reply.group = id_;
  reply.epoch = epoch_;
  reply.round = request.round;
  reply.attempt = request.attempt;
  reply.subject = request.subject;
  reply.subject_incarnation = request.subject_incarnation;
  reply.answer = judge(core, from, request, best);
  reply.term = term_;
  reply.leader = node_of(core, leader_);
  if (leader_ != kNoSlot && leader_ != self_) {
    reply.leader_incarnation = peer_of(core, leader_).incarnation;
  }
  if (lease_held(core.now)) {
    reply.evidence = to_wire(remaining(lease_until_, core.now));
    reply.leader_incarnation = core.config.incarnation;
  } else if (evidence_.leader != kNoSlot && evidence_.leader == leader_ &&
             evidence_.term == term_ && evidence_.leader != from) {
    reply.evidence = to_wire(remaining(evidence_.until, core.now));
  }
  // With a consent, `promise` is for how long it binds; otherwise until when we are bound
  // elsewhere.
  const Instant bound = reply.answer == Answer::kConsent ? core.now + granted_hold(core, request)
                                                         : bound_until(core, from);
  reply.promise = to_wire(remaining(bound, core.now));
  reply.endorses = node_of(core, best);
  reply.sick = core.sick();
  reply.log = log_;
  answer(core, from, reply);
}

void GroupWatch::ask(Core& core, Slot to, const ConfirmRequest& request) {
  ++core.counters.confirm_requests_sent;
  if (core.is_digest()) {
    // What finds no room is lost, as anything may be: the next attempt asks again.
    static_cast<void>(core.append(members_.at[to], request));
  } else {
    core.out.push(Send{node_of(core, to), request});
  }
}

void GroupWatch::answer(Core& core, Slot to, const ConfirmReply& reply) {
  ++core.counters.confirm_replies_sent;
  if (core.is_digest()) {
    static_cast<void>(core.append(members_.at[to], reply, own_candidacy(core)));
  } else {
    core.out.push(Send{node_of(core, to), reply});
  }
}

Answer GroupWatch::judge(Core& core, Slot from, const ConfirmRequest& request, Slot best) {
  // The asker counts the answers by its own configuration. A newer one than ours decides itself who
  // votes in it; an older one that we know to be replaced elects nobody any more.
  const bool both_vote = voters_.contains(self_) && voters_.contains(from);
  if (request.epoch < epoch_ || (request.epoch == epoch_ && !both_vote)) return Answer::kNotVoter;
  if (lease_held(core.now)) return Answer::kLeading;
  if (request.term < term_) return Answer::kNewerTerm;
  if (core.sick()) return Answer::kSick;
  if (core.now < core.silent_until) return Answer::kJustStarted;
  if (bound_to_other(core, from)) return Answer::kPromised;
  if (evidence_.leader != kNoSlot && evidence_.leader != from && evidence_.until > core.now) {
    return Answer::kPromised;
  }
  if (!request.wants_consent) return Answer::kNotAsked;
  if (hold_.candidate != from && core.now < hold_.until) return Answer::kHeld;
  if (best != from || request.sick) return Answer::kEndorseOther;
  Instant until = core.now + core.stretch(granted_hold(core, request)) + core.config.guard;
  // An older question that comes late, with a shorter hold, takes nothing back: the candidate may
  // rely on what it was promised before.
  if (hold_.candidate == from) until = std::max(until, hold_.until);
  hold_ = Hold{from, until};
  return Answer::kConsent;
}

void GroupWatch::handle_reply(Core& core, Slot from, const ConfirmReply& reply) {
  ConfirmReply believed = reply;
  if (proves_nothing(core, reply)) believed.evidence = WireMicros{0};
  const bool taken =
      !campaigning_ && round_.take(core, from, node_of(core, round_.subject()), believed);
  if (!taken) ++core.counters.dropped_stale_answer;
  if (reply.term > term_ || (taken && believed.evidence.value() != 0)) {
    learn_leader(core, reply.term, slot_of(core, reply.leader));
  }
}

/// Evidence about a claim that is known to be over: given up, or of a process that has ended.
bool GroupWatch::proves_nothing(const Core& core, const ConfirmReply& reply) const {
  const Slot leader = slot_of(core, reply.leader);
  if (leader == kNoSlot || leader == self_) return true;
  const Peer& peer = peer_of(core, leader);
  return reply.term < term_ || views_[leader].abdicated >= reply.term ||
         reply.leader_incarnation < peer.incarnation ||
         reply.leader_incarnation <= peer.dead_incarnation;
}

DecisionInput GroupWatch::decision_input(const Core& core) const {
  DecisionInput input{.now = core.now, .voters = voters_, .self = self_};
  input.self_sick = core.sick();
  input.self_is_voter = voters_.contains(self_);
  input.self_bound_until = bound_until(core, self_);
  input.self_free = input.self_bound_until <= core.now;
  if (evidence_.leader != kNoSlot && evidence_.leader == round_.subject() &&
      evidence_.term == term_) {
    input.self_evidence_until = evidence_.until;
    if (evidence_.until > core.now) input.self_free = false;
  }
  input.first_window_over = core.now - round_.started() >= hold_for(core);
  input.best = best_candidate(core, kNoSlot);
  round_.view(core, members_.count, answer_window(core), input.answers);
  return input;
}

void GroupWatch::evaluate(Core& core) {
  DecisionInput input = decision_input(core);
  DecisionOutput decided = decide(input);
  const bool ready = decided.verdict == Verdict::kWait && input.best == self_ && !wanted_consent_ &&
                     decided.until != kLongAgo && decided.until <= core.now && round_.attempt() > 0;
  if (core.now >= next_attempt_ || ready) {
    send_attempt(core, decided.verdict);
    input = decision_input(core);
    decided = decide(input);
    record_decision(core, input, decided);
    plan_next_attempt(core, input, decided);
  } else {
    const bool changed = decided.verdict != verdict_ || input.best != last_best_;
    record_decision(core, input, decided);
    if (changed) backoff_ = core.config.confirm_interval;
    if (changed || decided.verdict == Verdict::kWait) plan_next_attempt(core, input, decided);
  }
  check_suppress_cap(core, decided.verdict);
  if (decided.verdict == Verdict::kCampaign) campaign(core, decided);
}

void GroupWatch::plan_next_attempt(Core& core, const DecisionInput& input,
                                   const DecisionOutput& decided) {
  const Duration interval = core.config.confirm_interval;
  const Instant soonest = core.now + interval;
  switch (decided.verdict) {
    case Verdict::kSuppress: {
      // Ask again while the evidence still runs, so that the host keeps an unbroken view.
      const Instant ahead = decided.until - 2 * interval - round_.round_trip();
      next_attempt_ = std::max(soonest, ahead);
      backoff_ = interval;
      return;
    }
    case Verdict::kWait:
      if (input.best == self_ && decided.until != kLongAgo && decided.until != kNever &&
          decided.until > core.now) {
        // Somebody is still bound: the question comes again as soon as a quorum may be free, and
        // before that now and then, because a promise can also be released early.
        const Instant regular = last_attempt_ + 2 * interval;
        next_attempt_ = std::min(decided.until + std::chrono::microseconds(1),
                                 std::max(regular, core.now + interval / 8));
        return;
      }
      next_attempt_ = std::min(std::max(next_attempt_, core.now), soonest);
      if (next_attempt_ <= core.now) next_attempt_ = soonest;
      return;
    case Verdict::kCampaign:
    case Verdict::kTrust:
    case Verdict::kSuperseded:
      return;
    case Verdict::kQuiesceSelf:
    case Verdict::kIsolatedSelf:
    case Verdict::kNoElectableCandidate:
    case Verdict::kEndorse:
      next_attempt_ = core.now + backoff_;
      backoff_ = std::min(2 * backoff_, core.config.consent_hold_max());
      return;
  }
}

void GroupWatch::campaign(Core& core, const DecisionOutput& decided) {
  campaigning_ = true;
  campaign_until_ = round_.consents_until(core, self_, decided.consenting);
  if (campaign_until_ == kNever) campaign_until_ = core.now + hold_for(core);
  ++core.counters.campaigns;
  core.out.push(Campaign{id_, term_, round_.nonce(), campaign_until_});
  // Answers that come from now on are stale: a second campaign needs a new question.
  end_round(core);
}

void GroupWatch::check_suppress_cap(Core& core, Verdict verdict) {
  if (verdict != Verdict::kSuppress) {
    suppressed_since_ = kNever;
    return;
  }
  if (suppressed_since_ == kNever) {
    suppressed_since_ = core.now;
    next_alert_ = core.now + core.config.suppress_cap;
  } else if (core.now >= next_alert_) {
    core.out.push(SuppressAlert{id_, node_of(core, leader_), core.now - suppressed_since_});
    next_alert_ = core.now + core.config.suppress_cap;
  }
}

void GroupWatch::record_decision(Core& core, const DecisionInput& input,
                                 const DecisionOutput& decided) {
  // Evidence is renewed with every question; it is news when it carries well beyond what was said,
  // or when what was said is about to end.
  const Instant soon = core.now + 2 * core.config.confirm_interval + core.config.heartbeat_interval;
  const Duration step = core.config.confirm_interval;
  const bool extended =
      decided.verdict == Verdict::kSuppress && decided.until > saturating_add(last_until_, step) &&
      (last_until_ < soon || decided.until > saturating_add(last_until_, core.config.lease / 2));
  const bool other_best = decided.verdict == Verdict::kEndorse && input.best != last_best_;
  last_best_ = input.best;
  if (decided.verdict == verdict_ && !extended && !other_best &&
      decided.verdict != Verdict::kCampaign) {
    return;
  }
  verdict_ = decided.verdict;
  last_until_ = decided.until;
  Decision decision{.at = core.now, .group = id_, .verdict = decided.verdict};
  decision.subject = node_of(core, round_.subject());
  decision.term = term_;
  decision.round = round_.nonce();
  decision.attempt = round_.attempt();
  decision.answers = static_cast<std::uint8_t>(decided.answered.size());
  decision.consents = static_cast<std::uint8_t>(decided.consenting.size());
  decision.quorum = static_cast<std::uint8_t>(voters_.current.size() / 2 + 1);
  decision.until = decided.until;
  decision.best = node_of(core, input.best);
  const SlotSet named = decided.verdict == Verdict::kSuppress ? decided.via : decided.answered;
  for (Slot slot = 0; slot < members_.count; ++slot) {
    if (named.contains(slot)) decision.via.push(node_of(core, slot));
  }
  if (decided.verdict == Verdict::kNoElectableCandidate) name_obstacles(core, decision);
  ++core.counters.decisions;
  core.out.push(decision);
  if (decided.verdict != Verdict::kSuppress || round_.subject() == kNoSlot) return;
  Vouched vouched{id_, decision.subject, term_, decided.until, {}};
  for (NodeId node : decision.via) {
    if (node != core.roster.self_id()) vouched.via.push(node);
  }
  if (vouched.via.count > 0) core.out.push(vouched);
}

/// Why nobody is electable: those with a quorum and those with the log are not the same (the
/// constrained election), or may not lead.
void GroupWatch::name_obstacles(const Core& core, Decision& decision) const {
  LogPosition longest = log_;
  voters_.all().for_each([&](Slot slot) {
    if (slot != self_) longest = std::max(longest, views_[slot].candidacy.log);
  });
  voters_.all().for_each([&](Slot slot) {
    const Candidacy known = slot == self_ ? own_candidacy(core) : views_[slot].candidacy;
    const bool is_heard = slot == self_ || peer_of(core, slot).state == PeerState::kTrusted;
    if (known.reaches_quorum && is_heard) decision.with_quorum.push(node_of(core, slot));
    if (known.log == longest) decision.with_log.push(node_of(core, slot));
  });
}

Instant GroupWatch::next_timeout(const Core& core) const {
  if (leads_) {
    // A lapsed lease that may still be renewed by what waits in a buffer is looked at when that has
    // been read, whatever else is due.
    const Instant lease = lease_until_;
    const Instant end = core.now >= lease ? core.drain_until : std::min(lease, stuck_at(core));
    return !may_lead_ && core.is_digest() ? std::min(end, next_attempt_) : end;
  }
  if (campaigning_) return campaign_until_;
  if (round_.active()) return std::max(next_attempt_, core.now);
  if (leader_is_fine(core)) return kNever;
  return std::max(grace_until_, core.now);
}

}  // namespace vouch
