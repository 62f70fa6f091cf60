#include "vouch/host/builtin_election.h"

#include <algorithm>
#include <string>

#include "vouch/host/election_lint.h"

namespace vouch::host {
namespace {

std::string in_ms(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()) + " ms";
}

Error bad(std::string message) {
  return Error{Errc::kBadConfig, std::move(message)};
}

/// A refusal of which nothing that the voter may learn within a candidacy makes a vote.
bool is_final(VoteAnswer answer) {
  switch (answer) {
    case VoteAnswer::kNotVoter:
    case VoteAnswer::kOldTerm:
    case VoteAnswer::kVotedOther:
    case VoteAnswer::kShorterLog:
      return true;
    case VoteAnswer::kGranted:
    case VoteAnswer::kPromised:
    case VoteAnswer::kHeld:
    case VoteAnswer::kJustStarted:
      return false;
  }
  return false;
}

/// Rounded up: who waits for it must not stop a microsecond early.
WireMicros to_wire_up(Duration d) {
  return d <= Duration::zero() ? WireMicros{0} : to_wire(d + std::chrono::nanoseconds(999));
}

SlotSet slots_of(const Roster& roster, const std::vector<NodeId>& nodes) {
  SlotSet slots;
  for (NodeId node : nodes)
    slots.insert(roster.slot_of(node));
  return slots;
}

}  // namespace

Status validate(const ElectionConfig& config, const MonitorConfig& monitor) {
  if (config.vote_window <= Duration::zero()) {
    return bad("vote_window must be above 0, not " + in_ms(config.vote_window));
  }
  if (config.retry_interval <= Duration::zero() || config.retry_interval > config.vote_window) {
    return bad("retry_interval must be above 0 and at most vote_window (" +
               in_ms(config.vote_window) + "), not " + in_ms(config.retry_interval));
  }
  for (const LintRow& row : lint(config, monitor)) {
    if (row.judgement() == Judgement::kUnsafe) return bad(row.message());
  }
  for (auto ballot = config.ballots.begin(); ballot != config.ballots.end(); ++ballot) {
    const std::string name = "group " + std::to_string(ballot->group.value());
    const auto is_same = [&](const auto& other) { return other.group == ballot->group; };
    if (std::find_if(config.ballots.begin(), ballot, is_same) != ballot) {
      return bad("ballots must name each group once, but " + name + " comes twice");
    }
    const auto is_group = [&](const GroupConfig& group) { return group.id == ballot->group; };
    if (std::none_of(monitor.groups.begin(), monitor.groups.end(), is_group)) {
      return bad("ballots must be of configured groups, but " + name + " is none");
    }
  }
  return Done{};
}

Result<BuiltinElection> BuiltinElection::create(const MonitorConfig& monitor,
                                                const ElectionConfig& config) {
  if (const Status valid = validate(config, monitor); !valid) return valid.error();
  return BuiltinElection(monitor, config);
}

BuiltinElection::BuiltinElection(const MonitorConfig& monitor, const ElectionConfig& config)
    : roster_(monitor.self, monitor.peers),
      self_{monitor.self, monitor.incarnation},
      lease_mode_(monitor.lease_mode),
      retry_interval_(config.retry_interval),
      // Votes support a lease that counts from the first request. A majority that is complete only
      // after it would name a leader that cannot lead, maybe after one of a newer term (rule S6).
      vote_window_(std::min(config.vote_window, monitor.lease)),
      out_(monitor.groups.size() * (monitor.peers.size() + 4)) {
  for (const GroupConfig& group : monitor.groups) {
    VOUCH_ASSERT(race_count_ < races_.size());
    Race& race = races_[race_count_++];
    race.id = group.id;
    race.epoch = group.epoch;
    race.voters.current = slots_of(roster_, group.voters);
    race.voters.joint = slots_of(roster_, group.joint_voters);
    race.term = group.term;
    for (const Ballot& ballot : config.ballots) {
      if (ballot.group != group.id || ballot.term < race.term) continue;
      race.term = ballot.term;
      race.voted_for = ballot.voted_for;
    }
  }
}

void BuiltinElection::handle_campaign(Instant now, const Campaign& campaign, Duration own_bound) {
  Race* race = find(campaign.group);
  if (race == nullptr) {
    ++counters_.dropped_unknown_group;
    return;
  }
  if (race->standing) end_candidacy(*race, counters_.candidacies_expired);
  const bool may_stand = race->voters.contains(roster_.self_slot());
  if (now > campaign.valid_until || !may_stand) {
    out_.push(LocalEvent{CandidacyEnded{race->id, std::max(campaign.after, race->term)}});
    return;
  }

  adopt_term(*race, std::max(campaign.after, race->term).next());
  race->voted_for = self_.node;
  race->standing = true;
  race->requested_at = now;
  race->ends_at = saturating_add(now, vote_window_);
  // Who has not voted may be bound for ever, for all that is known.
  race->bound_until.fill(kNever);
  race->bound_until[roster_.self_slot()] = saturating_add(now, own_bound);
  race->yes.clear();
  race->no.clear();
  race->yes.insert(roster_.self_slot());
  ++counters_.candidacies;
  out_.push(Persist{{race->id, race->term, race->voted_for}});
  // The candidate's own vote binds it like any other, until this candidacy ends.
  out_.push(LocalEvent{VoteGranted{race->id, self_.node, race->term}});
  ask_voters(*race, now);
  conclude(*race, now);
}

void BuiltinElection::handle_stand_down(Instant, const StandDown& stand_down) {
  Race* race = find(stand_down.group);
  if (race == nullptr || !race->standing || race->term > stand_down.term) return;
  end_candidacy(*race, counters_.candidacies_lost);
}

void BuiltinElection::handle_request(Instant, NodeId from, const VoteRequest& request,
                                     VotePermission permission) {
  const Slot slot = slot_of_sender(from, request.from);
  if (slot == kNoSlot) return;
  Race* race = find(request.group);
  if (race == nullptr) {
    ++counters_.dropped_unknown_group;
    return;
  }

  VoteReply reply{.from = self_, .group = race->id, .epoch = request.epoch, .term = request.term};
  reply.answer = judge(*race, slot, request, permission);
  if (reply.answer == VoteAnswer::kGranted) {
    if (lease_mode_ == LeaseMode::kWaitOut) reply.bound = to_wire_up(permission.bound);
    const bool is_repetition = race->term == request.term && race->voted_for == from;
    if (!is_repetition) {
      if (race->standing) end_candidacy(*race, counters_.candidacies_lost);
      adopt_term(*race, request.term);
      race->voted_for = from;
      ++counters_.votes_granted;
      out_.push(Persist{{race->id, race->term, race->voted_for}});
      // The Monitor promises its support before the vote is on its way.
      out_.push(LocalEvent{VoteGranted{race->id, from, race->term}});
    }
  } else {
    ++counters_.votes_refused;
  }
  reply.newest = race->term;
  out_.push(SendVote{from, reply});
}

void BuiltinElection::handle_reply(Instant now, NodeId from, const VoteReply& reply) {
  const Slot slot = slot_of_sender(from, reply.from);
  if (slot == kNoSlot) return;
  Race* race = find(reply.group);
  if (race == nullptr) {
    ++counters_.dropped_unknown_group;
    return;
  }
  if (reply.newest > race->term) {
    observe_term(now, race->id, reply.newest);
    out_.push(LocalEvent{TermObserved{race->id, reply.newest}});
    return;
  }
  // Votes that waited in a buffer while this node slept come too late: others may lead by now.
  if (race->standing && now >= race->ends_at) end_candidacy(*race, counters_.candidacies_expired);
  if (!race->standing || reply.term != race->term || reply.epoch != race->epoch ||
      !race->voters.contains(slot) || race->yes.contains(slot) || race->no.contains(slot)) {
    ++counters_.dropped_stale_reply;
    return;
  }
  if (reply.answer == VoteAnswer::kGranted) {
    race->yes.insert(slot);
    race->bound_until[slot] = saturating_add(now, from_wire(reply.bound));
  } else if (is_final(reply.answer)) {
    race->no.insert(slot);
  }
  conclude(*race, now);
}

void BuiltinElection::observe_term(Instant, GroupId group, Term term) {
  Race* race = find(group);
  if (race == nullptr || term <= race->term) return;
  if (race->standing) end_candidacy(*race, counters_.candidacies_lost);
  adopt_term(*race, term);
  // A term that was reported once is not forgotten over a crash (rule S6).
  out_.push(Persist{{race->id, race->term, race->voted_for}});
}

void BuiltinElection::set_log(GroupId group, LogPosition log) {
  if (Race* race = find(group)) race->log = log;
}

void BuiltinElection::set_membership(const MembershipChanged& event) {
  Race* race = find(event.group);
  if (race == nullptr || event.epoch <= race->epoch) return;
  if (race->standing) end_candidacy(*race, counters_.candidacies_lost);
  race->epoch = event.epoch;
  race->voters = {};
  for (const NodeId node : event.voters)
    race->voters.current.insert(roster_.slot_of(node));
  for (const NodeId node : event.joint)
    race->voters.joint.insert(roster_.slot_of(node));
}

void BuiltinElection::handle_timeout(Instant now) {
  for (std::size_t i = 0; i < race_count_; ++i) {
    Race& race = races_[i];
    if (!race.standing) continue;
    if (now >= race.ends_at) {
      end_candidacy(race, counters_.candidacies_expired);
    } else if (now >= race.retry_at) {
      ask_voters(race, now);
    }
  }
}

std::optional<ElectionOutput> BuiltinElection::poll_output() {
  if (out_.empty()) return std::nullopt;
  const ElectionOutput output = out_.front();
  out_.pop();
  return output;
}

Instant BuiltinElection::next_timeout() const {
  Instant next = kNever;
  for (std::size_t i = 0; i < race_count_; ++i) {
    if (races_[i].standing) next = std::min({next, races_[i].retry_at, races_[i].ends_at});
  }
  return next;
}

Ballot BuiltinElection::ballot(GroupId group) const {
  const Race* race = find(group);
  return race == nullptr ? Ballot{.group = group} : Ballot{group, race->term, race->voted_for};
}

bool BuiltinElection::is_candidate(GroupId group) const {
  const Race* race = find(group);
  return race != nullptr && race->standing;
}

BuiltinElection::Race* BuiltinElection::find(GroupId group) {
  for (std::size_t i = 0; i < race_count_; ++i) {
    if (races_[i].id == group) return &races_[i];
  }
  return nullptr;
}

const BuiltinElection::Race* BuiltinElection::find(GroupId group) const {
  for (std::size_t i = 0; i < race_count_; ++i) {
    if (races_[i].id == group) return &races_[i];
  }
  return nullptr;
}

Slot BuiltinElection::slot_of_sender(NodeId from, const Sender& sender) {
  const Slot slot = roster_.slot_of(from);
  if (slot != kNoSlot && slot != roster_.self_slot() && sender.node == from) return slot;
  ++counters_.dropped_unknown_sender;
  return kNoSlot;
}

VoteAnswer BuiltinElection::judge(const Race& race, Slot from, const VoteRequest& request,
                                  VotePermission permission) const {
  // A newer configuration than ours says itself who votes in it.
  const bool both_vote = race.voters.contains(from) && race.voters.contains(roster_.self_slot());
  if (request.epoch < race.epoch || (request.epoch == race.epoch && !both_vote)) {
    return VoteAnswer::kNotVoter;
  }
  if (request.term < race.term) return VoteAnswer::kOldTerm;
  if (request.term == race.term && race.voted_for != kNobody &&
      race.voted_for != request.from.node) {
    return VoteAnswer::kVotedOther;
  }
  switch (permission.verdict) {
    case VoteVerdict::kPromised:
      return VoteAnswer::kPromised;
    case VoteVerdict::kHeld:
      return VoteAnswer::kHeld;
    case VoteVerdict::kJustStarted:
      return VoteAnswer::kJustStarted;
    case VoteVerdict::kNotVoter:
      return VoteAnswer::kNotVoter;
    case VoteVerdict::kMay:
      break;
  }
  return request.log < race.log ? VoteAnswer::kShorterLog : VoteAnswer::kGranted;
}

void BuiltinElection::adopt_term(Race& race, Term term) {
  VOUCH_ASSERT(term >= race.term);
  VOUCH_ASSERT(!race.standing);
  if (term == race.term) return;
  race.term = term;
  race.voted_for = kNobody;
}

void BuiltinElection::ask_voters(Race& race, Instant now) {
  const VoteRequest request{self_, race.id, race.epoch, race.term, race.log};
  for (Slot slot = 0; slot < static_cast<Slot>(roster_.size()); ++slot) {
    if (!race.voters.contains(slot) || race.yes.contains(slot) || race.no.contains(slot)) continue;
    ++counters_.requests_sent;
    out_.push(SendVote{roster_.node(slot), request});
  }
  race.retry_at = saturating_add(now, retry_interval_);
}

void BuiltinElection::conclude(Race& race, Instant now) {
  switch (race.voters.outcome(race.yes, race.no)) {
    case QuorumOutcome::kPending:
      return;
    case QuorumOutcome::kLost:
      end_candidacy(race, counters_.candidacies_lost);
      return;
    case QuorumOutcome::kWon:
      break;
  }
  race.standing = false;
  ++counters_.candidacies_won;
  Elected elected{.group = race.id, .term = race.term, .requested_at = race.requested_at};
  for (Slot slot = 0; slot < static_cast<Slot>(roster_.size()); ++slot) {
    if (race.yes.contains(slot)) elected.voters.push(roster_.node(slot));
  }
  // Rule S8: an earlier lease rests on a majority of promises, whoever holds it. It is over when so
  // many have ended that the rest, with all those who did not vote, are no majority any more.
  elected.bound = remaining(race.voters.quorum_until(race.bound_until), now);
  out_.push(LocalEvent{elected});
}

void BuiltinElection::end_candidacy(Race& race, std::uint64_t& counter) {
  race.standing = false;
  ++counter;
  out_.push(LocalEvent{CandidacyEnded{race.id, race.term}});
}

}  // namespace vouch::host
