// The part of GroupWatch that deals with suspicion: asking, answering, deciding.

#include <algorithm>
#include <optional>
#include <span>

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
    const std::optional<StandDownReason> reason = due_to_stand_down(core);
    if (!reason) {
      if (!core.is_digest() || !wants_successor(core)) return;
      look_for_successor(core);
      return advise_found(core);
    }
    stand_down(core, *reason);
  }
  if (campaigning_) {
    if (core.now < campaign_until_) return;
    campaigning_ = false;  // The host let the consents lapse: ask anew.
  }
  if (leader_is_fine(core)) {
    if (round_.active()) {
      DecisionInput input = decision_input(core);
      input.leader_heard = true;
      record_decision(core, input, decide(input));
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

std::optional<StandDownReason> GroupWatch::due_to_stand_down(const Core& core) const {
  switch (judge_lease({.now = core.now,
                       .lease_until = lease_until_,
                       .drain_until = core.drain_until,
                       .stuck_at = stuck_at(core),
                       .may_lead = may_lead_,
                       .has_successor = !may_lead_ && best_candidate(core, kNoSlot) != kNoSlot})) {
    case LeaseVerdict::kKeep:
      if (core.now < hands_over_until_ && best_candidate(core, kNoSlot, own_slot()) != kNoSlot) {
        return StandDownReason::kTransferred;
      }
      return std::nullopt;
    case LeaseVerdict::kReadFirst:
      return std::nullopt;
    case LeaseVerdict::kLapsed:
      return StandDownReason::kLeaseLapsed;
    case LeaseVerdict::kNoProgress:
      return StandDownReason::kNoProgress;
    case LeaseVerdict::kHandOver:
      return StandDownReason::kDraining;
  }
  return std::nullopt;
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
  relayer_ = {};
}

void GroupWatch::end_round(Core&) {
  round_.stop();
  relayer_ = {};
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

/// What the asker says of itself counts unless the question was overtaken on its way. That one is
/// answered too, since the answer to the newer one may be lost, but without a consent: what the
/// asker has asked for since may be less. Over a way that was slow until a moment ago such
/// questions keep coming for as long as it was late; if they counted, who is electable would seem
/// to change with each of them, and consents would go to the one and the other.
bool GroupWatch::take_question(Slot from, const ConfirmRequest& request) {
  PeerView& view = views_[from];
  if (request.round == view.round && request.attempt < view.attempt) return false;
  view.round = request.round;
  view.attempt = request.attempt;
  view.candidacy = request.candidacy;
  return true;
}

void GroupWatch::handle_request(Core& core, Slot from, const ConfirmRequest& received) {
  ConfirmRequest request = received;
  if (request.term > term_) adopt_term(core, request.term, kNoSlot);
  if (!take_question(from, request)) request.wants_consent = false;
  const Slot best = best_candidate(core, from);
  ConfirmReply reply{.from = {core.roster.self_id(), core.config.incarnation}};
  reply.group = id_;
  reply.epoch = epoch_;
  reply.round = request.round;
  reply.attempt = request.attempt;
  reply.subject = request.subject;
  reply.subject_incarnation = request.subject_incarnation;
  reply.answer = answer_to(core, from, request, best);
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

Answer GroupWatch::answer_to(Core& core, Slot from, const ConfirmRequest& request, Slot best) {
  AnswerInput input{.now = core.now, .group = id_, .epoch = epoch_, .term = term_};
  input.voters = voters_;
  input.self = self_;
  input.own = own_facts(core);
  input.bindings = bindings(core);
  input.asker = from;
  input.round = request.round;
  input.attempt = request.attempt;
  input.subject = request.subject;
  input.asked_epoch = request.epoch;
  input.asked_term = request.term;
  input.wants_consent = request.wants_consent;
  input.asker_sick = request.sick;
  input.asker_log = request.candidacy.log;
  input.hold = granted_hold(core, request);
  input.best = best;
  const Answer answer = judge(input);
  if (answer == Answer::kConsent) {
    Instant until = core.now + core.stretch(input.hold) + core.config.guard;
    // An older question that comes late, with a shorter hold, takes nothing back: the candidate may
    // rely on what it was promised before.
    if (hold_.candidate == from) until = std::max(until, hold_.until);
    hold_ = Hold{from, until};
  }
  if (core.recorder != nullptr) {
    input.peers = gather_peers(core, core.facts);
    core.recorder->answered(input, answer, answer == Answer::kConsent ? hold_.until : kLongAgo);
  }
  return answer;
}

void GroupWatch::handle_reply(Core& core, Slot from, const ConfirmReply& reply) {
  ConfirmReply believed = reply;
  if (proves_nothing(core, reply)) believed.evidence = WireMicros{0};
  const bool taken =
      !campaigning_ && round_.take(core, from, node_of(core, round_.subject()), believed);
  if (taken) {
    core.note_answer(core.peers[members_.at[from]], round_.round_trip(), reply.sick);
  } else {
    ++core.counters.dropped_stale_answer;
  }
  if (reply.term > term_ || (taken && believed.evidence.value() != 0)) {
    learn_leader(core, reply.term, slot_of(core, reply.leader));
  }
}

/// An answer that was overtaken on its way says what was, as an overtaken question does: it does
/// not count. Of no round are the answers to who looks for a successor.
void GroupWatch::note_candidacy(Slot from, const ConfirmReply& reply, const Candidacy& candidacy) {
  const bool is_newest = round_.active() ? reply.round == round_.nonce() &&
                                               reply.attempt >= round_.answers()[from].attempt
                                         : reply.round == Nonce{};
  if (is_newest) views_[from].candidacy = candidacy;
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

DecisionInput GroupWatch::decision_input(Core& core) const {
  DecisionInput input{.now = core.now, .group = id_, .epoch = epoch_, .term = term_};
  input.voters = voters_;
  input.self = self_;
  input.own = own_facts(core);
  input.bindings = bindings(core);
  input.round = {.nonce = round_.nonce(),
                 .attempt = round_.attempt(),
                 .subject = round_.subject(),
                 .subject_incarnation = round_.subject_incarnation(),
                 .term = round_.term(),
                 .started = round_.started()};
  input.leader = leader_;
  input.hold = hold_for(core);
  input.window = std::max(input.hold, core.config.lease);
  input.peers = gather_peers(core, core.facts);
  input.answers = std::span(round_.answers()).first(members_.count);
  return input;
}

void GroupWatch::evaluate(Core& core) {
  DecisionInput input = decision_input(core);
  DecisionOutput decided = decide(input);
  const bool ready = decided.verdict == Verdict::kWait && decided.best == self_ &&
                     !wanted_consent_ && decided.until != kLongAgo && decided.until <= core.now &&
                     round_.attempt() > 0;
  if (core.now >= next_attempt_ || ready) {
    send_attempt(core, decided.verdict);
    input = decision_input(core);
    decided = decide(input);
    record_decision(core, input, decided);
    plan_next_attempt(core, decided);
  } else {
    const bool changed = decided.verdict != verdict_ || decided.best != last_best_;
    record_decision(core, input, decided);
    if (changed) backoff_ = core.config.confirm_interval;
    if (changed || decided.verdict == Verdict::kWait) plan_next_attempt(core, decided);
  }
  check_suppress_cap(core, decided.verdict);
  if (core.config.relay != RelayMode::kOff) tend_relay(core, decided);
  if (decided.verdict == Verdict::kCampaign) campaign(core, decided);
}

void GroupWatch::plan_next_attempt(Core& core, const DecisionOutput& decided) {
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
      if (decided.best == self_ && decided.until != kLongAgo && decided.until != kNever &&
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
  campaign_until_ = decided.consents_until;
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
  const bool other_best = decided.verdict == Verdict::kEndorse && decided.best != last_best_;
  last_best_ = decided.best;
  if (decided.verdict == verdict_ && !extended && !other_best &&
      decided.verdict != Verdict::kCampaign) {
    return;
  }
  verdict_ = decided.verdict;
  last_until_ = decided.until;
  const Decision decision = conclude(input, decided);
  if (core.recorder != nullptr) core.recorder->decided(input, decided, decision);
  ++core.counters.decisions;
  core.out.push(decision);
  if (decided.verdict != Verdict::kSuppress || round_.subject() == kNoSlot) return;
  Vouched vouched{id_, decision.subject, term_, decided.until, {}};
  for (NodeId node : decision.via) {
    if (node != core.roster.self_id()) vouched.via.push(node);
  }
  if (vouched.via.count > 0) core.out.push(vouched);
}

Instant GroupWatch::next_timeout(const Core& core) const {
  if (leads_) {
    // A lapsed lease that may still be renewed by what waits in a buffer is looked at when that has
    // been read, whatever else is due.
    const Instant lease = lease_until_;
    const Instant end = core.now >= lease ? core.drain_until : std::min(lease, stuck_at(core));
    return core.is_digest() && wants_successor(core) ? std::min(end, next_attempt_) : end;
  }
  if (campaigning_) return campaign_until_;
  if (round_.active()) return std::max(next_attempt_, core.now);
  if (leader_is_fine(core)) return kNever;
  return std::max(grace_until_, core.now);
}

std::span<const PeerFacts> GroupWatch::gather_peers(const Core& core, PeerRoom& room) const {
  const bool is_recorded = core.recorder != nullptr;
  for (Slot slot = 0; slot < members_.count; ++slot) {
    if (slot == self_) {
      room[slot] = {.node = core.roster.self_id(), .incarnation = core.config.incarnation};
      continue;
    }
    const Peer& peer = peer_of(core, slot);
    room[slot] = {.node = node_of(core, slot),
                  .incarnation = peer.incarnation,
                  .trusted = peer.state == PeerState::kTrusted,
                  .is_heard = core.is_heard(peer),
                  .carries_large = core.carries_large(peer),
                  .sick = peer.sick,
                  .answers_late = core.answers_late(peer),
                  .candidacy = views_[slot].candidacy};
    if (is_recorded) room[slot].suspect_at = std::min(peer.detector.suspect_at(), peer.proof_due);
  }
  return std::span(room).first(members_.count);
}

void GroupWatch::record_stand_down(const Core& core, StandDownReason reason, Term newer) const {
  LeadershipInput input{.now = core.now, .group = id_, .epoch = epoch_, .term = term_};
  input.voters = voters_;
  input.self = self_;
  input.own = own_facts(core);
  input.work = work(core);
  input.support = support_;
  input.lease_from = lease_from_;
  input.drain_until = core.drain_until;
  input.newer_term = newer;
  const bool by_rule = reason == StandDownReason::kLeaseLapsed ||
                       reason == StandDownReason::kNoProgress ||
                       reason == StandDownReason::kDraining || reason == StandDownReason::kDeposed;
  if (!by_rule) input.demanded = reason;
  PeerRoom room;
  input.peers = gather_peers(core, room);
  core.recorder->stood_down(input, StandDown{id_, term_, reason});
}

}  // namespace vouch
