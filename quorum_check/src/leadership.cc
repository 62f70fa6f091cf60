#include "vouch/quorum_check/leadership.h"

namespace vouch {

LeadershipOutput judge_leadership(const LeadershipInput& input) {
  const auto peer = [&](Slot slot) -> const PeerFacts& { return input.peers[slot]; };
  const Candidacy own = candidacy_of(input.own, input.now, input.voters, input.self, peer);
  const Slot best =
      best_candidate(own, input.voters, input.self, static_cast<Slot>(input.peers.size()), kNoSlot,
                     peer, {input.group, input.own.ranks_by_group});
  LeadershipOutput out;
  out.lease_until = lease_end(input.voters, input.self, input.support);
  out.stuck_at = input.work.stuck_at();
  if (best != input.self) out.successor = best;
  if (input.newer_term > input.term) {
    out.reason = StandDownReason::kDeposed;
    return out;
  }
  if (input.demanded) {
    out.reason = input.demanded;
    return out;
  }
  switch (judge_lease({.now = input.now,
                       .lease_until = out.lease_until,
                       .drain_until = input.drain_until,
                       .stuck_at = out.stuck_at,
                       .may_lead = input.own.may_lead,
                       .has_successor = best != kNoSlot})) {
    case LeaseVerdict::kKeep:
    case LeaseVerdict::kReadFirst:
      break;
    case LeaseVerdict::kLapsed:
      out.reason = StandDownReason::kLeaseLapsed;
      break;
    case LeaseVerdict::kNoProgress:
      out.reason = StandDownReason::kNoProgress;
      break;
    case LeaseVerdict::kHandOver:
      out.reason = StandDownReason::kDraining;
      break;
  }
  return out;
}

}  // namespace vouch
