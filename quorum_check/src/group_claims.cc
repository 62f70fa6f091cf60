// The part of GroupWatch for groups that travel apart from heartbeats (ClaimMode::kDigest): what it
// is while nothing goes on, and what single statements say.

#include <algorithm>
#include <limits>

#include "vouch/probe/link_health.h"
#include "vouch/quorum_check/group_watch.h"

namespace vouch {
namespace {

/// Somebody has led, nobody knows who.
constexpr Slot kSomebody = kNoSlot - 1;
static_assert(kSomebody >= kMaxNodes);

/// Half of the longest time for which advice waits: what one step of a coarse instant counts.
Duration coarse_step(const Core& core) {
  const Duration loss = kLossWindow * core.config.heartbeat_interval;
  return std::max(core.config.transfer_cooldown, loss) / 2 + Duration(1);
}

constexpr std::int64_t kCoarseSteps = 255;

/// An instant at most two steps ahead, in one byte and rounded up; 0 when it is over. In 3 of 255
/// steps an idle group of long ago looks as if it were new: its advice comes so much later.
std::uint8_t coarse(const Core& core, Instant at) {
  if (at <= core.now) return 0;
  const std::int64_t steps = (at - core.began) / coarse_step(core) + 1;
  return static_cast<std::uint8_t>(1 + steps % kCoarseSteps);
}

Instant from_coarse(const Core& core, std::uint8_t value) {
  if (value == 0) return kLongAgo;
  const std::int64_t steps = (core.now - core.began) / coarse_step(core);
  const std::int64_t ahead = (value - 1 - steps % kCoarseSteps + kCoarseSteps) % kCoarseSteps;
  return ahead < 1 || ahead > 3 ? kLongAgo : core.began + (steps + ahead) * coarse_step(core);
}

}  // namespace

Slot GroupWatch::slot_of(const Core& core, NodeId node) const {
  const PeerIndex index = core.roster.index_of(node);
  if (!core.is_digest()) return index == kNoPeer ? kNoSlot : static_cast<Slot>(index);
  return index == kNoPeer ? kNoSlot : members_.slot_of(index);
}

void GroupWatch::load(const Core& core, const GroupState& state,
                      std::span<const PeerIndex> members) {
  *this = GroupWatch{};
  id_ = state.id;
  epoch_ = ConfigEpoch{state.epoch};
  term_ = state.term;
  log_ = {Term{state.term.value() - state.log_lag}, state.log_index};
  priority_ = state.priority;
  may_lead_ = state.is(GroupState::kMayLead);
  members_.count = static_cast<Slot>(members.size());
  std::copy(members.begin(), members.end(), members_.at.begin());
  self_ = members_.slot_of(core.roster.self());
  for (Slot slot = 0; slot < members_.count; ++slot) {
    if (slot != self_ || !state.is(GroupState::kNoVote)) voters_.current.insert(slot);
  }
  support_.fill(kLongAgo);
  grace_until_ = kLongAgo;
  reports_commits_ = state.is(GroupState::kReportsCommits);
  if (reports_commits_) commit_ = state.log_index;
  if (state.is(GroupState::kAbdicated)) abdicated_ = term_;
  leader_ = state.leader;
  last_leader_ = leader_ != kNoSlot ? leader_ : term_.value() != 0 ? kSomebody : kNoSlot;
  leads_ = state.is(GroupState::kLeads);
  if (leads_) advises_from_ = from_coarse(core, state.advises_at);
  if (leads_) {
    supporters_ = SlotSet::of_bits(state.supporters);
    promise_ = Promise{self_, term_, kLongAgo};
  } else if (state.is(GroupState::kClaimed)) {
    views_[leader_].claim = term_;
    supported_ = state.is(GroupState::kSupported);
    if (supported_) promise_ = Promise{leader_, term_, kLongAgo};
  }
  refresh(core);
}

void GroupWatch::refresh(const Core& core) {
  if (leads_) {
    supporters_.for_each([&](Slot slot) {
      support_[slot] = std::max(support_[slot], peer_of(core, slot).support_until);
    });
    refresh_lease();
  } else if (supported_) {
    // Our promise to the leader's node is one to each of its claims that we accept.
    const PeerLink& link = core.links[members_.at[leader_]];
    promise_.until = std::max(promise_.until, link.promised_until);
    // Evidence by the leader's support vector. A claim that stands has a majority whose promises
    // run, so its lease runs for the floor, whoever they are.
    std::array<Instant, kMaxNodes> until{};
    for (Slot slot = 0; slot < members_.count; ++slot)
      until[slot] = link.floor.of(members_.at[slot]);
    until[leader_] = kNever;
    evidence_ = LeaderEvidence{leader_, term_, voters_.quorum_until(until)};
    // The only voter of its group needs nobody's support, but its evidence must age too.
    if (evidence_.until == kNever) evidence_.until = link.floor.until;
  }
}

void GroupWatch::handle_claim(Core& core, Slot from, const Statement& statement) {
  PeerView& view = views_[from];
  if (statement.term <= view.abdicated) return;  // It overtook what took it back.
  view.claim = statement.term;
  learn_leader(core, statement.term, from);
  supporters_.erase(from);
  if (!supported_ && fits_claim(core, from, statement.term)) set_leader(core, from);
}

void GroupWatch::settle_claim(Core& core) {
  const bool is_claimed =
      leader_ != kNoSlot && leader_ != self_ && views_[leader_].claim == term_ && !leads_;
  if (!is_claimed) {
    supported_ = false;
    return;
  }
  const bool is_held = core.now < hold_.until && hold_.candidate != leader_;
  if (supported_ && is_held) {
    supported_ = false;
  } else if (!supported_ && fits_claim(core, leader_, term_)) {
    supported_ = true;
    // From here on we are bound by what we have promised to the leader's node, which is at least
    // for as long as it can count on us: it counts no earlier than our statement reaches it.
    const Instant until = core.links[members_.at[leader_]].promised_until;
    make_promise(core, leader_, term_,
                 promise_.to == leader_ ? std::max(promise_.until, until) : until);
    refresh(core);
  }
}

void GroupWatch::handle_support(Core& core, Slot from, const Statement& statement) {
  views_[from].claim = Term{};
  learn_leader(core, statement.term, kNoSlot);
  if (!leads_ || statement.term != term_) return;
  supporters_.insert(from);
  refresh(core);
}

void GroupWatch::handle_nothing(Core& core, Slot from, const Statement& statement) {
  PeerView& view = views_[from];
  view.claim = Term{};
  supporters_.erase(from);
  if (statement.abdicated > view.abdicated) {
    view.abdicated = statement.abdicated;
    release(from, statement.abdicated);
    next_attempt_ = std::min(next_attempt_, core.now);
  }
  learn_leader(core, statement.term, kNoSlot);
  if (leader_ == from && statement.term == term_) set_leader(core, kNoSlot);
}

Told GroupWatch::told() const {
  Told told{.leads = leads_, .leader = leader_, .term = term_, .abdicated = abdicated_};
  told.members = members_;
  if (leads_) {
    told.supporters = supporters_;
  } else if (leader_ != kNoSlot && leader_ != self_) {
    told.claimed = views_[leader_].claim == term_;
    told.supported = told.claimed && supported_;
  }
  return told;
}

/// Who shall hand over asks who else could lead: no heartbeat tells it. The question is of no
/// round, so it asks for no consent and its answers count for none.
void GroupWatch::look_for_successor(Core& core) {
  if (core.now < next_attempt_ && next_attempt_ != kNever) return;
  next_attempt_ = core.now + core.config.heartbeat_interval;
  ConfirmRequest request{.from = {core.roster.self_id(), core.config.incarnation}};
  request.group = id_;
  request.epoch = epoch_;
  request.subject = core.roster.self_id();
  request.subject_incarnation = core.config.incarnation;
  request.term = term_;
  request.candidacy = own_candidacy(core);
  voters_.all().for_each([&](Slot slot) {
    if (slot != self_) ask(core, slot, request);
  });
}

/// Gives the advice for which this node has asked around, when those asked have had their time.
void GroupWatch::advise_found(Core& core) {
  if (core.now >= seeks_until_) return;
  const Instant asked_at = seeks_until_ - core.config.lease;
  if (core.now - asked_at < core.config.confirm_interval) return;
  SlotSet unfit;
  for (std::uint8_t i = 0; i < core.unfit_count; ++i) {
    const Slot slot = members_.slot_of(core.unfit[i]);
    if (slot != kNoSlot) unfit.insert(slot);
  }
  advise(core, core.trouble, unfit);
}

bool GroupWatch::may_yield(const Core& core) const {
  if (!round_.active() || core.now - round_.started() < core.config.lease) return false;
  return verdict_ != Verdict::kCampaign && verdict_ != Verdict::kTrust;
}

/// No lease of votes, nothing to stop: the lease is what nodes support, and its end shows there.
bool GroupWatch::is_settled_leader(const Core& core) const {
  if (core.now < lease_from_ || core.now >= lease_until_ || wants_successor(core)) return false;
  for (Slot slot = 0; slot < members_.count; ++slot) {
    if (slot == self_) continue;  // Its own vote supports it, and so does it always.
    const bool is_supporter = supporters_.contains(slot);
    if (support_[slot] <= core.now && !is_supporter) continue;
    if (!is_supporter || support_[slot] > peer_of(core, slot).support_until) return false;
  }
  return true;
}

bool GroupWatch::is_settled(const Core& core) const {
  if (round_.active() || campaigning_ || !voters_.joint.empty()) return false;
  const bool no_vote = !voters_.contains(self_);
  if (voters_.current.size() + (no_vote ? 1 : 0) != members_.count) return false;
  if (core.now < steady_at_ || earlier_until_ > core.now) return false;
  if (pending_since_ != kNever) return false;
  if (core.config.worker_interval > Duration::zero() && reported_at_ != kNever) return false;
  if (log_.term > term_ ||
      term_.value() - log_.term.value() > std::numeric_limits<std::uint32_t>::max()) {
    return false;
  }
  const Instant by_node = supported_ ? core.links[members_.at[leader_]].promised_until : kLongAgo;
  if (hold_.until > core.now && (hold_.candidate != leader_ || hold_.until > by_node)) return false;
  if (leads_) return is_settled_leader(core);
  if (promise_.until > core.now && (promise_.to != leader_ || promise_.until > by_node)) {
    return false;
  }
  const bool is_claimed = leader_ != kNoSlot && leader_ != self_ && views_[leader_].claim == term_;
  // Who has handed over is the last choice until a successor leads.
  return is_claimed ? supported_ : core.now >= std::max(grace_until_, behind_until_);
}

bool GroupWatch::store(const Core& core, GroupState& state) const {
  if (!is_settled(core)) return false;
  const Told known = told();
  state.advises_at = known.leads ? coarse(core, advises_from_) : std::uint8_t{0};
  state.id = id_;
  state.term = term_;
  state.log_index = log_.index;
  state.log_lag = static_cast<std::uint32_t>(term_.value() - log_.term.value());
  state.epoch = static_cast<std::uint32_t>(epoch_.value());
  state.priority = priority_;
  state.supporters = static_cast<std::uint16_t>(known.supporters.bits());
  state.leader = known.leads || known.claimed ? leader_ : kNoSlot;
  const auto flag = [](bool is, GroupState::Flag which) { return is ? unsigned{which} : 0U; };
  state.flags = static_cast<std::uint8_t>(
      flag(known.leads, GroupState::kLeads) | flag(known.claimed, GroupState::kClaimed) |
      flag(known.supported, GroupState::kSupported) | flag(may_lead_, GroupState::kMayLead) |
      flag(reports_commits_, GroupState::kReportsCommits) |
      flag(!voters_.contains(self_), GroupState::kNoVote) |
      flag(abdicated_ == term_ && term_.value() != 0, GroupState::kAbdicated));
  return true;
}

/// Takes new voters, among `members`. Who has no vote any more is forgotten, unless something still
/// binds this node to it. False: there are too many.
bool GroupWatch::set_voters(const Core& core, const Voters& voters, Members members) {
  if (!core.is_digest()) {
    voters_ = voters;
    return true;
  }
  SlotSet kept = voters.all();
  for (const Slot slot : {self_, leader_, promise_.to, hold_.candidate}) {
    if (slot != kNoSlot) kept.insert(slot);
  }
  if (static_cast<std::size_t>(kept.size()) > core.members_max) return false;
  const GroupWatch old = *this;
  // Slots stay in the order of ids.
  const auto moved = [&](Slot slot) {
    if (!kept.contains(slot)) return kNoSlot;
    Slot before = 0;
    kept.for_each([&](Slot other) {
      if (members.at[other] < members.at[slot]) ++before;
    });
    return before;
  };
  const auto moved_set = [&](SlotSet set) {
    SlotSet result;
    set.for_each([&](Slot slot) { result.insert(moved(slot)); });
    return result;
  };
  voters_ = Voters{moved_set(voters.current), moved_set(voters.joint)};
  members_ = Members{};
  views_ = {};
  support_.fill(kLongAgo);
  kept.for_each([&](Slot slot) {
    const Slot to = moved(slot);
    members_.at[to] = members.at[slot];
    views_[to] = old.views_[slot];
    support_[to] = old.support_[slot];
    ++members_.count;
  });
  self_ = moved(old.self_);
  leader_ = moved(old.leader_);
  promise_.to = moved(old.promise_.to);
  hold_.candidate = moved(old.hold_.candidate);
  evidence_.leader = moved(old.evidence_.leader);
  supporters_ = moved_set(old.supporters_);
  if (last_leader_ < kMaxNodes) {
    last_leader_ = kept.contains(last_leader_) ? moved(last_leader_) : kSomebody;
  }
  last_best_ = kNoSlot;
  return true;
}

}  // namespace vouch
