#include "vouch/quorum_check/confirmation.h"

#include <algorithm>

namespace vouch {

void Confirmation::start(Instant now, Nonce nonce, Slot subject, Incarnation incarnation,
                         Term term) {
  *this = Confirmation{};
  active_ = true;
  nonce_ = nonce;
  subject_ = subject;
  subject_incarnation_ = incarnation;
  term_ = term;
  started_ = now;
}

void Confirmation::next_attempt(Instant now, Duration hold) {
  ++attempt_;
  attempts_[attempt_ % kAttemptsKept] = Attempt{attempt_, now, hold};
}

bool Confirmation::take(const Core& core, Slot from, NodeId subject, const ConfirmReply& reply) {
  if (!active_ || reply.round != nonce_ || reply.term != term_) return false;
  if (reply.subject != subject) return false;
  if (reply.subject_incarnation != subject_incarnation_) return false;
  const Attempt& asked = attempts_[reply.attempt % kAttemptsKept];
  if (reply.attempt == 0 || asked.number != reply.attempt) return false;
  ConfirmAnswer& stored = answers_[from];
  if (reply.attempt < stored.attempt) return false;  // Reordered: the newer answer stands.
  // A duplicate of the same attempt proves nothing new, and must not take a consent back.
  if (reply.attempt == stored.attempt) return false;

  round_trip_ = core.now - asked.sent_at;
  stored.attempt = reply.attempt;
  stored.answer = reply.answer;
  stored.sick = reply.sick || reply.answer == Answer::kSick;
  stored.asked_at = asked.sent_at;
  stored.consent_until =
      asked.sent_at + core.shrink(std::min(asked.hold, from_wire(reply.promise)));
  // The answer was given after the question was sent, so what it proves to remain is counted from
  // there: passed on, evidence is only ever aged.
  stored.evidence_until = reply.evidence.value() == 0
                              ? kLongAgo
                              : asked.sent_at + core.shrink(from_wire(reply.evidence));
  stored.bound_until = core.now + from_wire(reply.promise);
  stored.incarnation = reply.from.incarnation;
  stored.term = reply.term;
  stored.leader = reply.leader;
  stored.endorses = reply.endorses;
  stored.log = reply.log;
  return true;
}

}  // namespace vouch
