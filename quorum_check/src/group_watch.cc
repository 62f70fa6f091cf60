#include "vouch/quorum_check/group_watch.h"

#include <algorithm>

namespace vouch {
namespace {

/// With six strikes a node is held off for 32 times hold_off: more would be for ever.
constexpr std::uint8_t kStrikesMax = 6;

/// The order of candidates (rule L4). Only electable ones are compared.
///
/// Modification: strikes come before the log. Electable are only those whose log is at least as
/// long as those of a quorum, so what is committed is safe with any of them; and a node that flaps
/// is as a rule the one with the longest log, because it led a moment ago.
bool better(const Candidacy& a, std::uint64_t a_rank, const Candidacy& b, std::uint64_t b_rank) {
  if (a.strikes != b.strikes) return a.strikes < b.strikes;
  if (a.log != b.log) return a.log > b.log;
  if (a.priority != b.priority) return a.priority > b.priority;
  if (a.consenters != b.consenters) return a.consenters > b.consenters;
  return a_rank < b_rank;
}

}  // namespace

GroupWatch::GroupWatch(const Core& core, const GroupConfig& config, const Members& members)
    : id_(config.id),
      epoch_(config.epoch),
      members_(members),
      priority_(config.priority),
      may_lead_(config.may_lead),
      term_(config.term) {
  self_ = members_.slot_of(core.roster.self());
  for (NodeId voter : config.voters)
    voters_.current.insert(slot_of(core, voter));
  for (NodeId voter : config.joint_voters)
    voters_.joint.insert(slot_of(core, voter));
  support_.fill(kLongAgo);
  // Who was just started has heard nobody yet: peers get the time of a few heartbeats to speak.
  grace_until_ = core.now + 3 * core.config.heartbeat_interval;
}

void GroupWatch::handle_record(Core& core, Slot from, const Heartbeat& heartbeat,
                               const GroupRecord& record, bool echo_fresh) {
  PeerView& view = views_[from];
  view.claim = record.claim;
  view.candidacy = record.candidacy;
  if (record.abdicated > view.abdicated) {
    view.abdicated = record.abdicated;
    release(from, record.abdicated);
    next_attempt_ = std::min(next_attempt_, core.now);
  }
  learn_leader(core, record.term, record.claim.value() != 0 ? from : slot_of(core, record.leader));
  withheld_.erase(from);
  if (record.claim.value() == 0) {
    if (leader_ == from && record.term == term_) set_leader(core, kNoSlot);
    return;
  }
  if (!accepts_claim(core, from, record) || !echo_fresh) {
    withheld_.insert(from);
    return;
  }
  if (leader_ != from) set_leader(core, from);
  make_promise(core, from, record.claim, core.now + core.config.promise());
  // The lease is counted from our own sending that this heartbeat echoes, which is surely before
  // the leader wrote the rest: evidence by time of arrival would believe a backlog.
  const Instant written_after{Duration(heartbeat.echo.value())};
  evidence_ =
      LeaderEvidence{from, record.claim, written_after + core.shrink(from_wire(record.lease))};
}

bool GroupWatch::accepts_claim(const Core& core, Slot from, const GroupRecord& record) const {
  if (record.lease.value() == 0) return false;  // Shows no quorum: earns no promise.
  const Duration limit = core.config.progress_timeout;
  if (limit > Duration::zero() && from_wire(record.pending_age) > limit) return false;
  return fits_claim(core, from, record.claim);
}

bool GroupWatch::fits_claim(const Core& core, Slot from, Term claim) const {
  if (claim < term_) return false;
  if (leads_ || (leader_ != kNoSlot && leader_ != from && views_[leader_].claim == term_)) {
    return false;  // Two claims of one term: a fault of a host. The first one stands.
  }
  if (core.now < core.promises_nothing_until) return false;
  return core.now >= hold_.until || hold_.candidate == from;
}

void GroupWatch::handle_support(Core& core, Slot from, const GroupRecord& record,
                                Instant promised_at) {
  if (!leads_ || record.withheld || promised_at < claim_made_) return;
  // Who cannot be sent a log supports nothing.
  if (!core.carries_large(peer_of(core, from))) return;
  const Instant until = promised_at + core.config.lease;
  if (until <= support_[from]) return;
  support_[from] = until;
  refresh_lease();
}

void GroupWatch::refresh_lease() {
  if (!leads_) {
    lease_until_ = kLongAgo;
    return;
  }
  std::array<Instant, kMaxNodes> until = support_;
  until[self_] = kNever;
  lease_until_ = voters_.quorum_until(until);
}

/// A node that speaks for `term` names its leader: its own claim, or what it knows.
void GroupWatch::learn_leader(Core& core, Term term, Slot leader) {
  const bool believable = leader != kNoSlot && leader != self_ && views_[leader].abdicated < term;
  if (term > term_) {
    adopt_term(core, term, believable ? leader : kNoSlot);
  } else if (term == term_ && leader_ == kNoSlot && believable && !leads_) {
    set_leader(core, leader);
    if (round_.active()) end_round(core);  // The question is about somebody now.
  }
}

void GroupWatch::handle_process_end(Core& core, Slot from) {
  if (promise_.to == from) promise_ = Promise{};
  if (hold_.candidate == from) hold_ = Hold{};
  if (evidence_.leader == from) evidence_ = LeaderEvidence{};
  views_[from] = PeerView{};
  round_.forget(from);
  if (leader_ == from) {
    set_leader(core, kNoSlot);
    grace_until_ = kLongAgo;
  }
  next_attempt_ = std::min(next_attempt_, core.now);
}

void GroupWatch::release(Slot from, Term up_to) {
  if (promise_.to == from && promise_.term <= up_to) promise_ = Promise{};
  if (evidence_.leader == from && evidence_.term <= up_to) evidence_ = LeaderEvidence{};
}

void GroupWatch::adopt_term(Core& core, Term term, Slot leader) {
  VOUCH_ASSERT(term > term_);
  if (leads_) stand_down(core, StandDownReason::kDeposed);
  term_ = term;
  campaigning_ = false;
  if (round_.active()) {
    DecisionInput input = decision_input(core);
    input.newer_term_known = true;
    record_decision(core, input, decide(input));
    end_round(core);
  }
  // Told even if nobody leads before and after: the host must not forget a term (rule S6).
  leader_ = leader;
  supported_ = false;
  core.out.push(LeaderChanged{id_, term_, node_of(core, leader)});
  // The winner of that term gets the time of a heartbeat or two to speak for itself.
  grace_until_ = core.now + 2 * core.config.heartbeat_interval;
}

void GroupWatch::set_leader(Core& core, Slot leader) {
  if (leader_ == leader) return;
  leader_ = leader;
  supported_ = false;
  core.out.push(LeaderChanged{id_, term_, node_of(core, leader)});
}

void GroupWatch::stand_down(Core& core, StandDownReason reason) {
  VOUCH_ASSERT(leads_);
  leads_ = false;
  refresh_lease();
  const bool against_its_will = reason == StandDownReason::kLeaseLapsed ||
                                reason == StandDownReason::kNoProgress ||
                                reason == StandDownReason::kStalling;
  if (against_its_will) add_strike(core);
  abdicated_ = std::max(abdicated_, term_);
  release(self_, term_);
  support_.fill(kLongAgo);
  supporters_.clear();
  lease_from_ = kLongAgo;
  claim_made_ = kLongAgo;
  core.out.push(StandDown{id_, term_, reason});
  set_leader(core, kNoSlot);
  grace_until_ = kLongAgo;
  core.announce = true;
}

void GroupWatch::handle(Core& core, const Elected& event) {
  if (event.term < term_ || leads_) return;
  if (event.term > term_) adopt_term(core, event.term, kNoSlot);
  campaigning_ = false;
  if (round_.active()) end_round(core);
  leads_ = true;
  claim_made_ = core.now;
  lease_from_ = core.now + event.bound;
  support_.fill(kLongAgo);
  for (NodeId voter : event.voters) {
    const Slot slot = slot_of(core, voter);
    if (slot != kNoSlot) support_[slot] = event.requested_at + core.config.lease;
  }
  refresh_lease();
  make_promise(core, self_, term_, kLongAgo);
  set_leader(core, self_);
  core.announce = true;
}

void GroupWatch::handle(Core& core, const CandidacyEnded& event) {
  abdicated_ = std::max(abdicated_, event.term);
  release(self_, event.term);
  if (campaigning_) {
    campaigning_ = false;
    hold_ = Hold{};
    add_strike(core);
  }
  grace_until_ = core.now;
  core.announce = true;
}

void GroupWatch::handle(Core& core, const VoteGranted& event) {
  const Slot candidate = slot_of(core, event.candidate);
  if (candidate == kNoSlot) return;
  const bool own = candidate == self_;
  const bool was_campaigning = campaigning_;
  if (event.term > term_) adopt_term(core, event.term, kNoSlot);
  if (event.term < term_) return;
  if (own && was_campaigning) {
    campaigning_ = true;
    campaign_until_ = core.now + core.config.consent_hold_max();  // The host concludes by then.
  }
  // The vote is the first support of the new leader and binds like an acknowledged heartbeat.
  make_promise(core, candidate, event.term, core.now + core.config.promise());
  grace_until_ = std::max(grace_until_, core.now + 2 * core.config.heartbeat_interval);
}

void GroupWatch::handle(Core& core, const TermObserved& event) {
  if (event.term > term_) adopt_term(core, event.term, kNoSlot);
}

void GroupWatch::handle(Core& core, const LogAdvanced& event) {
  log_ = event.log;
  if (reports_commits_ && pending_since_ == kNever && log_.index > commit_) {
    pending_since_ = core.now;
  }
}

void GroupWatch::handle(Core& core, const EligibilityChanged& event) {
  if (may_lead_ == event.may_lead) return;
  may_lead_ = event.may_lead;
  core.announce = true;  // A drained leader stands down as soon as there is a successor: see step.
}

void GroupWatch::handle(Core& core, const Resigned& event) {
  if (leads_ && event.term == term_) stand_down(core, StandDownReason::kResigned);
}

void GroupWatch::handle(Core& core, const ProgressReported& event) {
  reported_at_ = core.now;
  pending_since_ = event.oldest_pending == Duration::zero()
                       ? kNever
                       : saturating_add(core.now, -event.oldest_pending);
}

void GroupWatch::handle(Core& core, const CommitReported& event) {
  reported_at_ = core.now;
  const bool moved = event.index > commit_ || !reports_commits_;
  reports_commits_ = true;
  commit_ = std::max(commit_, event.index);
  if (log_.index <= commit_) {
    pending_since_ = kNever;
  } else if (moved || pending_since_ == kNever) {
    pending_since_ = core.now;
  }
}

void GroupWatch::handle(Core& core, const MembershipChanged& event) {
  const auto insert = [&](SlotSet& set, Members& members, NodeId node) {
    const PeerIndex index = core.roster.index_of(node);
    Slot slot = members.slot_of(index);
    if (slot == kNoSlot && index != kNoPeer && core.is_digest() && members.count < kMaxNodes) {
      slot = members.count++;
      members.at[slot] = index;
    }
    set.insert(slot);
  };
  Voters voters;
  Members members = members_;
  for (const NodeId node : event.voters)
    insert(voters.current, members, node);
  for (const NodeId node : event.joint)
    insert(voters.joint, members, node);
  const bool all_known = voters.current.size() == event.voters.count &&
                         voters.joint.size() == event.joint.count && !voters.current.empty();
  if (event.epoch <= epoch_ || !all_known || !set_voters(core, voters, members)) {
    ++core.counters.dropped_bad_field;
    return;
  }
  epoch_ = event.epoch;
  refresh_lease();
  // What was asked under the old configuration is no quorum of the new one.
  if (round_.active()) end_round(core);
  core.announce = true;
}

void GroupWatch::add_strike(const Core& core) {
  const Duration hold_off = core.config.hold_off;
  if (hold_off == Duration::zero()) return;
  // Steady for as long as the last strikes counted: they are forgotten.
  const Duration counted = hold_off * (std::int64_t{1} << strikes_) / 2;
  if (steady_at_ == kLongAgo || core.now >= saturating_add(steady_at_, counted)) strikes_ = 0;
  if (strikes_ < kStrikesMax) ++strikes_;
  steady_at_ = saturating_add(core.now, hold_off * (std::int64_t{1} << (strikes_ - 1)));
}

void GroupWatch::extend_promises(Instant since, Duration gap) {
  if (earlier_until_ > since) earlier_until_ = saturating_add(earlier_until_, gap);
  if (promise_.until > since) promise_.until = saturating_add(promise_.until, gap);
  if (hold_.until > since) hold_.until = saturating_add(hold_.until, gap);
}

bool GroupWatch::leader_is_fine(const Core& core) const {
  if (leads_) return true;
  if (leader_ == kNoSlot || leader_ == self_) return false;
  return peer_of(core, leader_).state == PeerState::kTrusted && views_[leader_].claim == term_;
}

/// The age of the oldest work that does not move, as an instant; kNever when all moves.
Instant GroupWatch::stuck_since(const Core& core) const {
  if (core.config.worker_interval == Duration::zero()) return pending_since_;
  return std::min(pending_since_, reported_at_);
}

/// When this node is of no use as a leader, because its work does not move.
Instant GroupWatch::stuck_at(const Core& core) const {
  const Duration limit = core.config.progress_timeout;
  return limit == Duration::zero() ? kNever : saturating_add(stuck_since(core), limit);
}

Candidacy GroupWatch::own_candidacy(const Core& core) const {
  Candidacy own{.log = log_, .priority = priority_, .strikes = strikes(core)};
  own.may_lead = may_lead_ && voters_.contains(self_) && !core.sick() && core.now < stuck_at(core);
  SlotSet reached;
  SlotSet consenters;
  voters_.all().for_each([&](Slot slot) {
    const bool other = slot != self_;
    if (other && (!core.two_way(members_.at[slot]) || !core.carries_large(peer_of(core, slot))))
      return;
    reached.insert(slot);
    if (other && (peer_of(core, slot).sick || views_[slot].candidacy.log > log_)) return;
    consenters.insert(slot);
  });
  own.consenters = static_cast<std::uint8_t>(consenters.size());
  own.reaches_quorum = voters_.is_quorum(reached);
  own.electable = own.may_lead && voters_.is_quorum(consenters);
  return own;
}

/// The best electable candidate known here. `asking` has just spoken, so it counts as reached.
Slot GroupWatch::best_candidate(const Core& core, Slot asking) const {
  Slot best = kNoSlot;
  Candidacy best_candidacy{};
  for (Slot slot = 0; slot < members_.count; ++slot) {
    if (!voters_.contains(slot)) continue;
    if (slot != self_ && slot != asking && !core.two_way(members_.at[slot])) continue;
    if (slot != self_ && peer_of(core, slot).sick) continue;
    const Candidacy candidacy = slot == self_ ? own_candidacy(core) : views_[slot].candidacy;
    if (!candidacy.may_lead || !candidacy.electable) continue;
    if (best == kNoSlot ||
        better(candidacy, rank_of(core, slot), best_candidacy, rank_of(core, best))) {
      best = slot;
      best_candidacy = candidacy;
    }
  }
  return best;
}

bool GroupWatch::bound_to_other(const Core& core, Slot candidate) const {
  if (earlier_until_ > core.now) return true;
  return promise_.to != kNoSlot && promise_.to != candidate && promise_.until > core.now;
}

/// Replaces the promise. Who still holds a lease by the old one is not forgotten.
void GroupWatch::make_promise(const Core& core, Slot to, Term term, Instant until) {
  if (core.config.lease_mode == LeaseMode::kWaitOut && promise_.to != to) {
    earlier_until_ = std::max(earlier_until_, promise_.until);
  }
  promise_ = Promise{to, term, until};
}

Instant GroupWatch::promised_until() const {
  return std::max({promise_.until, hold_.until, earlier_until_});
}

Instant GroupWatch::bound_until(const Core& core, Slot candidate) const {
  Instant until = std::max(core.silent_until, earlier_until_);
  if (promise_.to != kNoSlot && promise_.to != candidate) until = std::max(until, promise_.until);
  if (hold_.candidate != candidate) until = std::max(until, hold_.until);
  if (leads_ && candidate != self_) until = std::max(until, lease_until_);
  return until;
}

VoteVerdict GroupWatch::may_vote(const Core& core, Slot candidate, Instant now) const {
  if (candidate == kNoSlot || !voters_.contains(candidate) || !voters_.contains(self_)) {
    return VoteVerdict::kNotVoter;
  }
  const bool refuse = core.config.lease_mode == LeaseMode::kRefuse;
  if (refuse && now < core.silent_until) return VoteVerdict::kJustStarted;
  if (hold_.candidate != candidate && now < hold_.until) return VoteVerdict::kHeld;
  if (!refuse) return VoteVerdict::kMay;
  if (candidate != self_ && lease_held(now)) return VoteVerdict::kPromised;
  if (promise_.to != kNoSlot && promise_.to != candidate && promise_.until > now) {
    return VoteVerdict::kPromised;
  }
  return VoteVerdict::kMay;
}

GroupRecord GroupWatch::record(const Core& core) const {
  GroupRecord record{.group = id_, .epoch = epoch_, .term = term_};
  record.leader = node_of(core, leader_);
  record.abdicated = abdicated_;
  record.candidacy = own_candidacy(core);
  if (leads_) {
    record.claim = term_;
    record.lease = to_wire(remaining(lease_until_, core.now));
    const Instant since = stuck_since(core);
    record.pending_age = to_wire(since < core.now ? core.now - since : Duration::zero());
  }
  return record;
}

GroupStatus GroupWatch::status(const Core& core, Instant now) const {
  GroupStatus status{.term = term_, .leader = node_of(core, leader_)};
  status.leads = lease_held(now);
  status.suspects = round_.active();
  status.lease_until = lease_until_;
  status.promised_until = promise_.until;
  status.promised_to = node_of(core, promise_.to);
  status.candidacy = own_candidacy(core);
  status.verdict = verdict_;
  return status;
}

}  // namespace vouch
