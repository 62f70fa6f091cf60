#include "vouch/quorum_check/decide.h"

#include <algorithm>
#include <array>

namespace vouch {
namespace {

/// What one voter's newest answer in this round is worth at the instant of the decision. A voter
/// that has not answered freshly counts for nothing, neither yes nor no (rule S5).
struct AnswerView {
  bool fresh = false;     ///< Answered an attempt that is young enough to count.
  bool consents = false;  ///< Consents, and the consent still binds it.
};

AnswerView view_of(const DecisionInput& in, Slot slot) {
  const ConfirmAnswer& answer = in.answers[slot];
  if (answer.attempt == 0) return {};
  return {.fresh = in.now <= saturating_add(answer.asked_at, in.window),
          .consents = answer.answer == Answer::kConsent && in.now <= answer.consent_until};
}

/// What this node itself proves of the suspected leader's lease.
Instant own_evidence_until(const DecisionInput& in) {
  const LeaderEvidence& evidence = in.bindings.evidence;
  const bool about_subject =
      evidence.leader != kNoSlot && evidence.leader == in.round.subject && evidence.term == in.term;
  return about_subject ? evidence.until : kLongAgo;
}

/// No promise, evidence or hold binds this node itself.
bool is_free(const DecisionInput& in) {
  return bound_until(in.bindings, in.self, in.self) <= in.now && own_evidence_until(in) <= in.now;
}

void count_answers(const DecisionInput& in, DecisionOutput& out) {
  if (in.voters.contains(in.self)) {
    out.answered.insert(in.self);
    if (is_free(in)) out.consenting.insert(in.self);
  }
  if (own_evidence_until(in) > in.now) {
    out.via.insert(in.self);
    out.until = own_evidence_until(in);
  }
  const auto count = static_cast<Slot>(in.answers.size());
  for (Slot slot = 0; slot < count; ++slot) {
    const ConfirmAnswer& answer = in.answers[slot];
    const AnswerView view = view_of(in, slot);
    if (answer.evidence_until > in.now) {
      out.via.insert(slot);
      out.until = std::max(out.until, answer.evidence_until);
    }
    if (!view.fresh || !in.voters.contains(slot)) continue;
    out.answered.insert(slot);
    if (view.consents && !answer.sick) out.consenting.insert(slot);
  }
}

/// When, as far as the answers tell, a quorum could consent: the quorum-th earliest instant at
/// which a voter is free. kNever if too few have answered.
Instant quorum_free_at(const DecisionInput& in, const DecisionOutput& out) {
  std::array<Instant, kMaxNodes> bound{};
  bound.fill(kNever);
  const auto count = static_cast<Slot>(in.answers.size());
  for (Slot slot = 0; slot < count; ++slot) {
    if (slot == in.self) {
      bound[slot] = is_free(in) ? in.now : bound_until(in.bindings, in.self, in.self);
    } else if (out.consenting.contains(slot)) {
      bound[slot] = in.now;
    } else if (out.answered.contains(slot) && !in.answers[slot].sick) {
      bound[slot] = std::max(in.now, in.answers[slot].bound_until);
    }
  }
  // quorum_until yields the majority-th latest; of the mirrored instants that is the earliest.
  std::array<Instant, kMaxNodes> mirrored{};
  for (Slot slot = 0; slot < kMaxNodes; ++slot) {
    mirrored[slot] = bound[slot] == kNever ? kLongAgo : Instant(-bound[slot].time_since_epoch());
  }
  const Instant mirrored_at = in.voters.quorum_until(mirrored);
  if (mirrored_at == kLongAgo) return kNever;
  return std::max(Instant(-mirrored_at.time_since_epoch()), bound[in.self]);
}

/// The instant until which the consents of all others that consent bind.
Instant consents_until(const DecisionInput& in, const DecisionOutput& out) {
  Instant until = kNever;
  out.consenting.for_each([&](Slot slot) {
    if (slot != in.self) until = std::min(until, in.answers[slot].consent_until);
  });
  return until == kNever ? in.now + in.hold : until;
}

/// Why nobody is electable: those with a quorum and those with the log are not the same (the
/// constrained election), or may not lead.
void name_obstacles(const DecisionInput& in, const DecisionOutput& out, Decision& decision) {
  LogPosition longest = in.own.log;
  in.voters.all().for_each([&](Slot slot) {
    if (slot != in.self) longest = std::max(longest, in.peers[slot].candidacy.log);
  });
  in.voters.all().for_each([&](Slot slot) {
    const bool is_self = slot == in.self;
    const Candidacy& known = is_self ? out.own : in.peers[slot].candidacy;
    const bool is_heard = is_self || in.peers[slot].trusted;
    if (known.reaches_quorum && is_heard) decision.with_quorum.push(in.node(slot));
    if (known.log == longest) decision.with_log.push(in.node(slot));
  });
}

}  // namespace

Instant bound_until(const Bindings& bindings, Slot self, Slot candidate) {
  Instant until = std::max(bindings.silent_until, bindings.earlier_until);
  const Promise& promise = bindings.promise;
  if (promise.to != kNoSlot && promise.to != candidate) until = std::max(until, promise.until);
  if (bindings.hold.candidate != candidate) until = std::max(until, bindings.hold.until);
  if (bindings.leads && candidate != self) until = std::max(until, bindings.lease_until);
  return until;
}

DecisionOutput decide(const DecisionInput& input) {
  DecisionOutput out;
  const auto peer = [&](Slot slot) -> const PeerFacts& { return input.peers[slot]; };
  out.own = candidacy_of(input.own, input.now, input.voters, input.self, peer);
  out.best =
      best_candidate(out.own, input.voters, input.self, static_cast<Slot>(input.peers.size()),
                     kNoSlot, peer, {input.group, input.own.ranks_by_group});
  count_answers(input, out);
  if (input.leader_heard) {
    out.verdict = Verdict::kTrust;
    out.until = kLongAgo;
  } else if (input.own.sick) {
    out.verdict = Verdict::kQuiesceSelf;
  } else if (input.round.term < input.term) {
    out.verdict = Verdict::kSuperseded;
  } else if (!out.via.empty()) {
    out.verdict = Verdict::kSuppress;
  } else if (!input.voters.is_quorum(out.answered)) {
    // Before the first answers can be here, silence says nothing yet.
    const bool is_too_soon = input.now < saturating_add(input.round.started, input.hold);
    out.verdict = is_too_soon ? Verdict::kWait : Verdict::kIsolatedSelf;
  } else if (out.best == kNoSlot) {
    out.verdict = Verdict::kNoElectableCandidate;
  } else if (out.best != input.self) {
    out.verdict = Verdict::kEndorse;
  } else if (out.consenting.contains(input.self) && input.voters.is_quorum(out.consenting)) {
    out.verdict = Verdict::kCampaign;
    out.consents_until = consents_until(input, out);
  } else {
    out.verdict = Verdict::kWait;
    out.until = quorum_free_at(input, out);
  }
  return out;
}

Decision conclude(const DecisionInput& input, const DecisionOutput& output) {
  Decision decision{.at = input.now, .group = input.group, .verdict = output.verdict};
  decision.subject = input.node(input.round.subject);
  decision.term = input.term;
  decision.round = input.round.nonce;
  decision.attempt = input.round.attempt;
  decision.answers = static_cast<std::uint8_t>(output.answered.size());
  decision.consents = static_cast<std::uint8_t>(output.consenting.size());
  decision.quorum = static_cast<std::uint8_t>(input.voters.current.size() / 2 + 1);
  decision.until = output.until;
  decision.best = input.node(output.best);
  const SlotSet named = output.verdict == Verdict::kSuppress ? output.via : output.answered;
  named.for_each([&](Slot slot) { decision.via.push(input.node(slot)); });
  if (output.verdict == Verdict::kNoElectableCandidate) name_obstacles(input, output, decision);
  return decision;
}

Answer judge(const AnswerInput& in) {
  const bool both_vote = in.voters.contains(in.self) && in.voters.contains(in.asker);
  if (in.asked_epoch < in.epoch || (in.asked_epoch == in.epoch && !both_vote)) {
    return Answer::kNotVoter;
  }
  const Bindings& bound = in.bindings;
  if (bound.lease_held(in.now)) return Answer::kLeading;
  if (in.asked_term < in.term) return Answer::kNewerTerm;
  if (in.own.sick) return Answer::kSick;
  if (in.now < bound.silent_until) return Answer::kJustStarted;
  if (bound.earlier_until > in.now) return Answer::kPromised;
  const Promise& promise = bound.promise;
  if (promise.to != kNoSlot && promise.to != in.asker && promise.until > in.now) {
    return Answer::kPromised;
  }
  const LeaderEvidence& evidence = bound.evidence;
  if (evidence.leader != kNoSlot && evidence.leader != in.asker && evidence.until > in.now) {
    return Answer::kPromised;
  }
  if (!in.wants_consent) return Answer::kNotAsked;
  if (bound.hold.candidate != in.asker && in.now < bound.hold.until) return Answer::kHeld;
  if (in.best != in.asker || in.asker_sick) return Answer::kEndorseOther;
  // The candidate counts on logs as it heard of them last, and may not know how long ours is: the
  // host would refuse it the vote.
  if (in.asker_log < in.own.log) return Answer::kEndorseOther;
  return Answer::kConsent;
}

VoteVerdict judge(const VoteInput& in) {
  if (in.candidate == kNoSlot || !in.voters.contains(in.candidate) ||
      !in.voters.contains(in.self)) {
    return VoteVerdict::kNotVoter;
  }
  const Bindings& bound = in.bindings;
  const bool refuse = in.lease_mode == LeaseMode::kRefuse;
  if (refuse && in.now < bound.silent_until) return VoteVerdict::kJustStarted;
  if (bound.hold.candidate != in.candidate && in.now < bound.hold.until) return VoteVerdict::kHeld;
  if (!refuse) return VoteVerdict::kMay;
  if (in.candidate != in.self && bound.lease_held(in.now)) return VoteVerdict::kPromised;
  const Promise& promise = bound.promise;
  if (promise.to != kNoSlot && promise.to != in.candidate && promise.until > in.now) {
    return VoteVerdict::kPromised;
  }
  return VoteVerdict::kMay;
}

}  // namespace vouch
