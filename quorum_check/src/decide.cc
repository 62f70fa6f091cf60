#include "vouch/quorum_check/decide.h"

#include <algorithm>

namespace vouch {
namespace {

void count_answers(const DecisionInput& in, DecisionOutput& out) {
  if (in.self_is_voter) {
    out.answered.insert(in.self);
    if (in.self_free) out.consenting.insert(in.self);
  }
  if (in.self_evidence_until > in.now) {
    out.via.insert(in.self);
    out.until = in.self_evidence_until;
  }
  for (Slot slot = 0; slot < kMaxNodes; ++slot) {
    const AnswerView& answer = in.answers[slot];
    if (answer.evidence_until > in.now) {
      out.via.insert(slot);
      out.until = std::max(out.until, answer.evidence_until);
    }
    if (!answer.fresh || !in.voters.contains(slot)) continue;
    out.answered.insert(slot);
    if (answer.consents && !answer.sick) out.consenting.insert(slot);
  }
}

/// When, as far as the answers tell, a quorum could consent: the quorum-th earliest instant at
/// which a voter is free. kNever if too few have answered.
Instant quorum_free_at(const DecisionInput& in, const DecisionOutput& out) {
  std::array<Instant, kMaxNodes> bound{};
  for (Slot slot = 0; slot < kMaxNodes; ++slot) {
    if (slot == in.self) {
      bound[slot] = in.self_free ? in.now : in.self_bound_until;
    } else if (out.consenting.contains(slot)) {
      bound[slot] = in.now;
    } else if (out.answered.contains(slot) && !in.answers[slot].sick) {
      bound[slot] = std::max(in.now, in.answers[slot].bound_until);
    } else {
      bound[slot] = kNever;
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

}  // namespace

DecisionOutput decide(const DecisionInput& input) {
  DecisionOutput out;
  count_answers(input, out);
  if (input.self_sick) {
    out.verdict = Verdict::kQuiesceSelf;
  } else if (input.newer_term_known) {
    out.verdict = Verdict::kSuperseded;
  } else if (!out.via.empty()) {
    out.verdict = Verdict::kSuppress;
  } else if (!input.voters.is_quorum(out.answered)) {
    // Before the first answers can be here, silence says nothing yet.
    out.verdict = input.first_window_over ? Verdict::kIsolatedSelf : Verdict::kWait;
  } else if (input.best == kNoSlot) {
    out.verdict = Verdict::kNoElectableCandidate;
  } else if (input.best != input.self) {
    out.verdict = Verdict::kEndorse;
  } else if (out.consenting.contains(input.self) && input.voters.is_quorum(out.consenting)) {
    out.verdict = Verdict::kCampaign;
  } else {
    out.verdict = Verdict::kWait;
    out.until = quorum_free_at(input, out);
  }
  return out;
}

}  // namespace vouch
