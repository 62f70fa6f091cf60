// The part of GroupWatch that keeps a leader which this node does not hear, over a peer that does.

#include <algorithm>

#include "vouch/quorum_check/group_watch.h"

namespace vouch {

/// How lately `slot` and the leader have heard each other, as an instant to compare: what is left
/// of its promise tells when it has heard the leader, what is left of its evidence when it was
/// heard itself (by the echo that proves its age). Both links are needed.
Instant GroupWatch::joined_with_leader(Slot slot) const {
  const ConfirmAnswer& answer = round_.answers()[slot];
  if (answer.answer != Answer::kPromised || answer.evidence_until == kLongAgo) return kLongAgo;
  return saturating_add(answer.bound_until, answer.evidence_until - round_.started());
}

/// Of those that vouch for the leader, the one that is joined with it most lately: a peer that has
/// lost it as well, in one direction or both, vouches for a while.
Slot GroupWatch::best_relayer(const DecisionOutput& decided, Slot but) const {
  Slot best = kNoSlot;
  decided.via.for_each([&](Slot slot) {
    if (slot == self_ || slot == round_.subject() || slot == but) return;
    if (best == kNoSlot || joined_with_leader(slot) > joined_with_leader(best)) best = slot;
  });
  return best;
}

/// While peers vouch for the leader, asks one of them to pass on its heartbeats, and stays with it
/// as long as they come. Needs no timer of its own: whatever wakes this node does.
void GroupWatch::tend_relay(Core& core, const DecisionOutput& decided) {
  const bool is_bound = relayer_.promised_over != kNoSlot && promise_.to == round_.subject() &&
                        promise_.until > core.now;
  // Who is still bound over a peer hears over it as well when the leader gives up.
  const bool wants_one = decided.verdict == Verdict::kSuppress || is_bound;
  if (!round_.active() || round_.subject() == kNoSlot || !wants_one) {
    relayer_ = {};
    return;
  }
  const Duration interval = core.config.heartbeat_interval;
  const bool has_one = relayer_.via != kNoSlot && (decided.via.contains(relayer_.via) || is_bound);
  bool is_silent = false;
  bool is_bettered = false;
  Slot best = best_relayer(decided, kNoSlot);
  if (best == kNoSlot && has_one) best = relayer_.via;
  if (has_one) {
    is_silent =
        core.now - std::max(relayer_.since, relayer_.heard) > patience_with(core, relayer_.via);
    is_bettered = is_bettered_by(core, best);
    if (is_silent) {
      best = best_relayer(decided, relayer_.via);
      if (best == kNoSlot) {
        best = relayer_.via;  // Who else could? That is asked at once.
        next_attempt_ = std::min(next_attempt_, core.now + std::chrono::microseconds(1));
      }
    }
  }
  if (best == kNoSlot) return;
  if (!has_one || is_silent || is_bettered) {
    relayer_ = Relayer{.via = best,
                       .since = core.now,
                       .renew_at = core.now,
                       .promised_over = relayer_.promised_over};
  }
  if (core.now < relayer_.renew_at) return;
  relayer_.renew_at = core.now + interval;
  RelayRequest request{.from = {core.roster.self_id(), core.config.incarnation}};
  request.origin = node_of(core, round_.subject());
  request.origin_incarnation = peer_of(core, round_.subject()).incarnation;
  request.wants_heartbeats = true;
  core.out.push(Send{node_of(core, relayer_.via), request});
  if (is_bound && relayer_.promised_over != relayer_.via) {
    core.out.push(Send{node_of(core, relayer_.promised_over), request});
  }
}

/// Whether `best` is to be asked although the one in use is not silent. The answers come one after
/// the other, and the first may be that of a peer that cannot help. One whom the leader no longer
/// hears is of no use for long, but only answers to one question can be compared.
bool GroupWatch::is_bettered_by(const Core& core, Slot best) const {
  const auto attempt = [&](Slot slot) { return round_.answers()[slot].attempt; };
  const bool is_unheard = relayer_.is_unheard && attempt(relayer_.via) >= attempt(best);
  if (relayer_.heard != kLongAgo && !is_unheard) return false;
  return joined_with_leader(best) >
         saturating_add(joined_with_leader(relayer_.via), core.config.heartbeat_interval);
}

Duration GroupWatch::patience_with(const Core& core, Slot via) const {
  return relay_patience(core.config.heartbeat_interval, peer_of(core, via).round_trip);
}

bool GroupWatch::handle_relayed(Core& core, Slot via, const RelayedHeartbeat& relayed,
                                const GroupRecord& record, Instant proved_until) {
  const Slot from = slot_of(core, relayed.origin.node);
  // Nobody relays unasked, and only the one that was chosen.
  if (!round_.active() || from != round_.subject() || via != relayer_.via) {
    handle_relayed_abdication(core, via, from, record);
    ++core.counters.dropped_stale_answer;
    return false;
  }
  if (relayed.sent_at <= relayer_.newest) {
    ++core.counters.dropped_stale_sequence;
    return false;
  }
  relayer_.newest = relayed.sent_at;
  relayer_.heard = core.now;
  relayer_.is_unheard = core.stretch(from_wire(relayed.age)) > patience_with(core, via);
  PeerView& view = views_[from];
  view.candidacy = record.candidacy;
  handle_relayed_abdication(core, via, from, record);
  learn_leader(core, record.term, named_leader(core, from, record));
  const bool is_claimed = record.claim.value() != 0 && record.claim == term_ && leader_ == from &&
                          view.abdicated < record.claim;
  if (!is_claimed || !round_.active()) return false;
  const Duration limit = core.config.progress_timeout;
  if (limit > Duration::zero() && from_wire(record.pending_age) > limit) return false;
  round_.renew_evidence(via, proved_until);  // Unless it is over already.
  if (relayer_.is_unheard) {
    // Promises over it would be lost. Who else has the leader now? Once in an interval.
    const Instant again_at = last_attempt_ + core.config.heartbeat_interval;
    next_attempt_ = std::min(next_attempt_, std::max(again_at, core.now));
  } else {
    // No question is due while the relay flows.
    const Instant ahead = proved_until - 2 * core.config.confirm_interval - round_.round_trip();
    next_attempt_ = std::max(next_attempt_, ahead);
  }
  if (core.config.relay != RelayMode::kAll || relayer_.is_unheard) return false;
  if (!accepts_claim(core, from, record)) return false;
  make_promise(core, from, record.claim, core.now + core.config.promise());
  relayer_.promised_over = via;
  relayer_.renew_at = core.now + core.config.heartbeat_interval;  // The promise asks for more.
  return true;
}

/// What the leader has given up is hearsay here. It frees the promise that went the same way, and
/// no other: for that the leader speaks itself, or time does. True at any age.
void GroupWatch::handle_relayed_abdication(Core& core, Slot via, Slot from,
                                           const GroupRecord& record) {
  const bool is_of_relay = via == relayer_.promised_over && promise_.to == from;
  if (!is_of_relay || record.abdicated < promise_.term) return;
  release(from, promise_.term);
  relayer_.promised_over = kNoSlot;
  next_attempt_ = std::min(next_attempt_, core.now + std::chrono::microseconds(1));
}

void GroupWatch::handle_relayed_promise(const Core& core, Slot promiser, Slot via,
                                        Instant promised_at) {
  if (!leads_ || promised_at < claim_made_) return;
  // What is to become of the log goes the same way.
  if (!core.carries_large(peer_of(core, via))) return;
  const Instant until = promised_at + core.config.lease;
  if (until <= support_[promiser]) return;
  support_[promiser] = until;
  refresh_lease();
}

}  // namespace vouch
