#include "vouch/quorum_check/group_watch.h"

#include <algorithm>

#include "vouch/probe/link_health.h"

namespace vouch {
namespace {

/// From six strikes on a node is held off for 32 times hold_off: more would be for ever.
constexpr std::uint8_t kLongestStrikes = 6;

/// The most that are counted; one more, that of a hand-over, must fit into the field of a
/// candidacy. Those beyond kLongestStrikes hold nobody off longer, but tell apart who failed more
/// often: were they not counted, two nodes with as many would rank by their logs, and the one that
/// fails at once would be elected again and again while the other could lead.
constexpr std::uint8_t kStrikesMax = 254;

/// For how long `strikes` count, at least one.
Duration steady_time(Duration hold_off, std::uint8_t strikes) {
  return hold_off * (std::int64_t{1} << (std::min(strikes, kLongestStrikes) - 1));
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
  if (record.claim.value() != 0) view.ended = Term{};
  learn_leader(core, record.term, named_leader(core, from, record));
  withheld_.erase(from);
  if (record.claim.value() == 0) {
    if (leader_ == from && record.term == term_) {
      view.ended = term_;  // It knows better than who names it.
      set_leader(core, kNoSlot);
    }
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
  lease_until_ = lease_end(voters_, self_, support_);
}

/// A node that speaks for `term` names its leader: its own claim, or what it knows.
void GroupWatch::learn_leader(Core& core, Term term, Slot leader) {
  const bool believable = leader != kNoSlot && leader != self_ && views_[leader].abdicated < term;
  if (term > term_) {
    adopt_term(core, term, believable ? leader : kNoSlot);
  } else if (term == term_ && leader_ == kNoSlot && believable && !leads_) {
    set_leader(core, leader);
    // The question is about somebody now; if it was about just that one, it goes on (rule L5).
    // Peers that disagree on who led may name it and take it back for ever, and answers that take
    // longer than from one to the next would find no round.
    const bool asks_about_it = round_.subject() == leader &&
                               round_.subject_incarnation() == peer_of(core, leader).incarnation;
    if (round_.active() && !asks_about_it) end_round(core);
  }
}

/// Whom `from` names as the leader of record.term: itself, or by hearsay another. Hearsay about one
/// whose process has ended, or that says itself that it does not lead, is old: peers that learn of
/// that at different times would tell each other again and again, and their hosts, that it leads
/// and that it does not.
Slot GroupWatch::named_leader(const Core& core, Slot from, const GroupRecord& record) const {
  if (record.claim.value() != 0) return from;
  const Slot named = slot_of(core, record.leader);
  return named == kNoSlot || views_[named].ended < record.term ? named : kNoSlot;
}

void GroupWatch::handle_process_end(Core& core, Slot from) {
  if (promise_.to == from) promise_ = Promise{};
  if (hold_.candidate == from) hold_ = Hold{};
  if (evidence_.leader == from) evidence_ = LeaderEvidence{};
  views_[from] = PeerView{.ended = term_};
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
  if (leads_) stand_down(core, StandDownReason::kDeposed, term);
  term_ = term;
  campaigning_ = false;
  if (round_.active()) {
    const DecisionInput input = decision_input(core);
    record_decision(core, input, decide(input));  // The question was asked in an older term.
    end_round(core);
  }
  // Told even if nobody leads before and after: the host must not forget a term (rule S6).
  leader_ = leader;
  supported_ = false;
  notice_leader(core);
  core.out.push(LeaderChanged{id_, term_, node_of(core, leader)});
  // The winner of that term gets the time of a heartbeat or two to speak for itself.
  grace_until_ = core.now + 2 * core.config.heartbeat_interval;
}

void GroupWatch::set_leader(Core& core, Slot leader) {
  if (leader_ == leader) return;
  leader_ = leader;
  supported_ = false;
  notice_leader(core);
  core.out.push(LeaderChanged{id_, term_, node_of(core, leader)});
}

/// After a change of leader, not after the first one, nobody advises another for a while.
void GroupWatch::notice_leader(const Core& core) {
  if (leader_ == kNoSlot || leader_ == last_leader_) return;
  if (last_leader_ != kNoSlot) {
    advises_from_ = saturating_add(core.now, core.config.transfer_cooldown);
  }
  last_leader_ = leader_;
}

void GroupWatch::stand_down(Core& core, StandDownReason reason, Term newer) {
  VOUCH_ASSERT(leads_);
  if (core.recorder != nullptr) record_stand_down(core, reason, newer);
  leads_ = false;
  // What was not committed for want of a quorum must not make this node unfit when it is back. A
  // worker that hangs has cost it a strike.
  if (reports_commits_) pending_since_ = kNever;
  refresh_lease();
  const bool against_its_will = reason == StandDownReason::kLeaseLapsed ||
                                reason == StandDownReason::kNoProgress ||
                                reason == StandDownReason::kStalling;
  if (against_its_will) add_strike(core);
  hands_over_until_ = kLongAgo;
  seeks_until_ = kLongAgo;
  if (reason == StandDownReason::kTransferred) {
    behind_until_ = saturating_add(core.now, std::max(core.config.hold_off, 4 * core.config.lease));
  }
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
  if (reports_commits_ && log_.index > commit_) pending_since_ = core.now;
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
  // What its links lost before it led is no reason to hand over: first all numbers that count for
  // loss must be of this leadership.
  advises_from_ = std::max(advises_from_,
                           saturating_add(core.now, kLossWindow * core.config.heartbeat_interval));
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
  if (leads_ && reports_commits_ && pending_since_ == kNever && log_.index > commit_) {
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
  // Only a leader can commit: the end of a follower's log waits for somebody else.
  if (!leads_ || log_.index <= commit_) {
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

void GroupWatch::handle(Core& core, const HandOver& event) {
  if (leads_ && event.term == term_) hands_over_until_ = core.now + core.config.lease;
}

void GroupWatch::advise(Core& core, TransferReason reason, SlotSet unfit) {
  if (!leads_ || core.now < advises_from_) return;
  if (core.config.transfer_cooldown == Duration::zero()) return;
  const Slot to = best_candidate(core, kNoSlot, unfit | own_slot());
  if (to == kNoSlot) return;
  advises_from_ = saturating_add(core.now, core.config.transfer_cooldown);
  seeks_until_ = kLongAgo;
  core.out.push(TransferAdvice{id_, term_, node_of(core, to), reason});
}

void GroupWatch::add_strike(const Core& core) {
  const Duration hold_off = core.config.hold_off;
  if (hold_off == Duration::zero()) return;
  // Steady for as long as the last strikes counted: they are forgotten.
  if (strikes_ > 0 && core.now >= saturating_add(steady_at_, steady_time(hold_off, strikes_))) {
    strikes_ = 0;
  }
  if (strikes_ < kStrikesMax) ++strikes_;
  steady_at_ = saturating_add(core.now, steady_time(hold_off, strikes_));
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

WorkFacts GroupWatch::work(const Core& core) const {
  return {.pending_since = pending_since_,
          .reported_at = reported_at_,
          .progress_timeout = core.config.progress_timeout,
          .worker_interval = core.config.worker_interval};
}

OwnFacts GroupWatch::own_facts(const Core& core) const {
  return {.log = log_,
          .priority = priority_,
          .strikes = strikes(core),
          .may_lead = may_lead_,
          .sick = core.sick(),
          .stuck_at = stuck_at(core),
          .ranks_by_group = core.is_digest(),
          .sick_until = core.sick_until,
          .late_timers = core.health.score()};
}

Candidacy GroupWatch::own_candidacy(const Core& core) const {
  return candidacy_of(own_facts(core), core.now, voters_, self_, [&](Slot slot) {
    return LivePeer{core, members_.at[slot], views_[slot].candidacy};
  });
}

/// The best electable candidate known here. `asking` has just spoken, so it counts as reached.
Slot GroupWatch::best_candidate(const Core& core, Slot asking, SlotSet unfit) const {
  return vouch::best_candidate(
      own_candidacy(core), voters_, self_, members_.count, asking,
      [&](Slot slot) {
        return LivePeer{core, members_.at[slot], views_[slot].candidacy};
      },
      {id_, core.is_digest()}, unfit);
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

Bindings GroupWatch::bindings(const Core& core) const {
  return {.promise = promise_,
          .hold = hold_,
          .earlier_until = earlier_until_,
          .silent_until = core.silent_until,
          .evidence = evidence_,
          .leads = leads_,
          .lease_from = lease_from_,
          .lease_until = lease_until_};
}

Instant GroupWatch::bound_until(const Core& core, Slot candidate) const {
  return vouch::bound_until(bindings(core), self_, candidate);
}

VoteVerdict GroupWatch::may_vote(const Core& core, Slot candidate, Instant now) const {
  VoteInput input{.now = now, .group = id_, .term = term_, .voters = voters_, .self = self_};
  input.candidate = candidate;
  input.lease_mode = core.config.lease_mode;
  input.bindings = bindings(core);
  const VoteVerdict verdict = judge(input);
  if (core.recorder != nullptr) {
    PeerRoom room;
    input.peers = gather_peers(core, room);
    core.recorder->judged_vote(input, verdict);
  }
  return verdict;
}

GroupRecord GroupWatch::record(const Core& core) const {
  GroupRecord record{.group = id_, .epoch = epoch_, .term = term_};
  record.leader = node_of(core, leader_);
  record.abdicated = abdicated_;
  record.candidacy = own_candidacy(core);
  if (leads_) {
    record.claim = term_;
    record.lease = to_wire(remaining(lease_until_, core.now));
    const Instant since = work(core).stuck_since();
    record.pending_age = to_wire(since < core.now ? core.now - since : Duration::zero());
  }
  return record;
}

LeaderKnown GroupWatch::leader_known(const Core& core) const {
  LeaderKnown known{.term = term_, .leader = node_of(core, leader_)};
  if (leader_ == kNoSlot) return known;
  known.view = LeaderView::kLost;
  if (leader_ == self_) {
    if (!lease_held(core.now)) return known;
    known.view = LeaderView::kLeading;
    known.lease = remaining(lease_until_, core.now);
  } else if (evidence_.leader == leader_ && evidence_.term == term_ && evidence_.until > core.now) {
    known.view = core.two_way(members_.at[leader_]) ? LeaderView::kReached : LeaderView::kProved;
    known.lease = remaining(evidence_.until, core.now);
    known.age = core.now - peer_of(core, leader_).echoed;
  }
  return known;
}

GroupStatus GroupWatch::status(const Core& core, Instant now) const {
  GroupStatus status{.term = term_, .leader = node_of(core, leader_)};
  status.leads = lease_held(now);
  status.suspects = round_.active();
  status.lease_until = lease_until_;
  status.promised_until = promise_.until;
  status.promised_to = node_of(core, promise_.to);
  if (evidence_.leader == leader_ && evidence_.term == term_) status.proved_until = evidence_.until;
  if (round_.active() && round_.subject() == leader_ && leader_ != kNoSlot) {
    for (const ConfirmAnswer& answer : round_.answers())
      status.proved_until = std::max(status.proved_until, answer.evidence_until);
  }
  status.relayer = node_of(core, relayer_.via);
  status.candidacy = own_candidacy(core);
  status.verdict = verdict_;
  return status;
}

}  // namespace vouch
