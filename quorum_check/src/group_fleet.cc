// The part of GroupFleet that keeps groups: idle ones compact, active ones in a pool by due time.

#include "vouch/quorum_check/group_fleet.h"

#include <algorithm>
#include <array>

namespace vouch {
namespace {

/// Places of the pool that only the host's own events take.
constexpr std::size_t kHostPlaces = 32;

/// Changes that are remembered; who has missed more of them is told everything anew.
constexpr std::size_t kLogLeast = 1024;

/// Datagrams that overtook earlier ones and are kept, of all peers together.
constexpr std::size_t kHeldBatches = 256;

}  // namespace

GroupFleet::GroupFleet(Core& core)
    : table_(core.roster, core.config, core.config.completed_limits().members_max),
      limits_(core.config.completed_limits()),
      passes_(core.roster.size() + 1U),
      held_(kHeldBatches),
      log_(std::max<std::size_t>(kLogLeast, 4 * std::size_t{limits_.active_max}), kNoGroup) {
  core.members_max = limits_.members_max;
  core.links.resize(core.roster.size());
  core.dirty.reserve(core.roster.size());
  lagging_.reserve(core.roster.size());
  suspects_.reserve(core.roster.size());
  pool_.resize(limits_.active_max + kHostPlaces);
  free_.reserve(pool_.size());
  heap_.reserve(pool_.size());
  for (std::size_t number = pool_.size(); number > 0; --number)
    free_.push_back(static_cast<std::uint32_t>(number - 1));
  for (GroupIndex index = 0; index < table_.size(); ++index) {
    const GroupConfig& group = core.config.groups[index];
    Members members;
    const auto add = [&](NodeId node) {
      const PeerIndex peer = core.roster.index_of(node);
      if (members.slot_of(peer) == kNoSlot) members.at[members.count++] = peer;
    };
    for (const NodeId node : group.voters)
      add(node);
    const std::size_t voters = members.count;
    add(core.config.self);
    if (members.count > voters) table_[index].flags |= GroupState::kNoVote;
    for (const NodeId node : group.joint_voters)
      add(node);
    std::sort(members.at.begin(), members.at.begin() + members.count);
    VOUCH_ASSERT(table_.set_members(index, members.all()));
    if (group.joint_voters.empty()) continue;
    // In the middle of a change of its members: active from the start, until the change ends.
    const std::uint32_t number = activate(core, index, Origin::kHost);
    VOUCH_ASSERT(number != kNoGroup);
    pool_[number].watch = GroupWatch(core, group, members);
    heap_set(number, core.now);
  }
  for (PeerIndex peer = 0; peer < core.roster.size(); ++peer) {
    if (peer == core.roster.self()) continue;
    suspects_.push_back(peer);
    restart_stream(core, peer);
  }
  pace_ = std::max(core.config.heartbeat_interval / 25, Duration(1000));
  paced_at_ = core.now;
  core.packets_left = limits_.packets_max / 2;
  orphans_at_ = core.now + 3 * core.config.heartbeat_interval;
  split(core, table_.no_leader(), orphans_at_ + core.config.lease);
}

/// The list in which an idle group stands.
std::uint32_t GroupFleet::list_of(GroupIndex index) const {
  const GroupState& state = table_[index];
  return state.leader == kNoSlot ? table_.no_leader() : table_.members(index)[state.leader];
}

/// The number of the group's GroupWatch, made if there was none; kNoGroup: there is no room.
std::uint32_t GroupFleet::activate(Core& core, GroupIndex index, Origin origin) {
  if (is_active(index)) return table_[index].next;
  const bool may = free_.size() > (origin == Origin::kHost ? 0 : kHostPlaces);
  if (!may || !core.has_room()) {
    ++core.counters.dropped_no_room;
    return kNoGroup;
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  Active& active = pool_[number];
  GroupState& state = table_[index];
  table_.remove(index, list_of(index));
  active.watch.load(core, state, table_.members(index));
  active.told = active.watch.told();
  active.index = index;
  active.in_flight = active.is_seeking = active.is_stuck = false;
  state.previous = kActiveMark;
  state.next = number;
  active.heap_at = static_cast<std::uint32_t>(heap_.size());
  heap_.push_back(number);
  active.due = kNever;
  if (state.is(GroupState::kOrphaned)) {
    core.out.push(LeaderChanged{state.id, state.term, kNobody});
    state.flags &= static_cast<std::uint8_t>(~GroupState::kOrphaned);
  }
  return number;
}

/// Lets the group notice what time and the work on it have changed, and settles it if nothing goes
/// on any more. `may_start`: it may begin a round, if there is room for one.
void GroupFleet::conclude(Core& core, std::uint32_t number, bool may_start) {
  Active& active = pool_[number];
  GroupWatch& watch = active.watch;
  if (active.in_flight) --in_flight_;
  core.may_start_round =
      (may_start || active.in_flight) && in_flight_ < limits_.rounds_max + limits_.rounds_max / 2;
  watch.settle_claim(core);
  watch.step(core);
  watch.settle_claim(core);
  core.may_start_round = true;
  const auto count = [](bool& was, bool is, std::uint32_t& number_of) {
    number_of += static_cast<std::uint32_t>(is) - static_cast<std::uint32_t>(was);
    was = is;
  };
  active.in_flight = watch.is_in_flight();
  if (active.in_flight) ++in_flight_;
  count(active.is_seeking, watch.is_seeking(core.now), seeking_);
  count(active.is_stuck, watch.is_stuck(core), stuck_);
  const Told told = watch.told();
  if (told != active.told) {
    account(core, active.index, active.told, told);
    active.told = told;
  }
  GroupState& state = table_[active.index];
  if (watch.store(core, state)) {
    const GroupIndex index = active.index;
    count(active.is_stuck, false, stuck_);
    VOUCH_ASSERT(table_.set_members(index, watch.members().all()));
    heap_remove(number);
    free_.push_back(number);
    table_.append(index, list_of(index));
    return;
  }
  // What cannot be known beforehand is looked at once per interval: when a heartbeat takes over
  // what a vote promised, for one.
  const Duration interval = core.config.heartbeat_interval;
  const Instant look_again = core.now + interval;
  Instant due = look_again;
  if (!watch.wants_round(core)) {
    due = watch.next_timeout(core);
  } else if (may_begin(core, active)) {
    due = core.now + interval / 8;  // Not at once: a round that has just yielded lets others begin.
  }
  heap_set(number, std::min(due, look_again));
}

void GroupFleet::heap_put(std::uint32_t at, std::uint32_t number) {
  heap_[at] = number;
  pool_[number].heap_at = at;
}

void GroupFleet::heap_sift(std::uint32_t at) {
  const std::uint32_t number = heap_[at];
  const Instant due = pool_[number].due;
  while (at > 0 && due < pool_[heap_[(at - 1) / 2]].due) {
    heap_put(at, heap_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  for (;;) {
    std::uint32_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && pool_[heap_[child + 1]].due < pool_[heap_[child]].due) ++child;
    if (pool_[heap_[child]].due >= due) break;
    heap_put(at, heap_[child]);
    at = child;
  }
  heap_put(at, number);
}

/// Puts everything in order again after many have become due at once.
void GroupFleet::heap_rebuild() {
  for (std::size_t at = heap_.size() / 2; at > 0; --at)
    heap_sift(static_cast<std::uint32_t>(at - 1));
}

void GroupFleet::heap_set(std::uint32_t number, Instant due) {
  pool_[number].due = due;
  heap_sift(pool_[number].heap_at);
}

void GroupFleet::heap_remove(std::uint32_t number) {
  const std::uint32_t at = pool_[number].heap_at;
  const std::uint32_t last = heap_.back();
  heap_.pop_back();
  if (last == number) return;
  heap_put(at, last);
  heap_sift(at);
}

void GroupFleet::run_due(Core& core) {
  // Each at most once: what is due again at once waits for the next call.
  for (std::size_t left = heap_.size(); left > 0 && !heap_.empty(); --left) {
    const std::uint32_t number = heap_.front();
    if (pool_[number].due > core.now || !core.has_room()) return;
    Active& active = pool_[number];
    active.watch.refresh(core);
    const bool yields =
        in_flight_ >= limits_.rounds_max && active.watch.may_yield(core) && waiting(core) > 0;
    if (yields) active.watch.yield(core);
    if (yields && active.in_flight) {
      active.in_flight = false;
      --in_flight_;
    }
    conclude(core, number, !yields && may_begin(core, active));
  }
}

/// Whether an active group may begin a round by itself. It stands in no list, and what keeps it
/// active may last: for what this node lost lately, many leases. Who has consented to another
/// candidate waits for that one.
bool GroupFleet::may_begin(const Core& core, const Active& active) const {
  return in_flight_ < limits_.rounds_max && core.packets_left > 0 && !active.watch.awaits(core.now);
}

/// Every active group with that member looks again.
void GroupFleet::touch_all(Core& core, PeerIndex peer) {
  for (const std::uint32_t number : heap_) {
    if (pool_[number].watch.members().slot_of(peer) != kNoSlot) pool_[number].due = core.now;
  }
  heap_rebuild();
}

bool GroupFleet::handle_idle(Core&, GroupIndex index, const LogAdvanced& event) {
  GroupState& state = table_[index];
  const bool may_pend = state.is(GroupState::kReportsCommits) && state.is(GroupState::kLeads);
  if (is_active(index) || event.log.term > state.term || may_pend) return false;
  const std::uint64_t lag = state.term.value() - event.log.term.value();
  if (lag > 0xffffffffU) return false;
  state.log_index = event.log.index;
  state.log_lag = static_cast<std::uint32_t>(lag);
  return true;
}

bool GroupFleet::handle_idle(Core& core, GroupIndex index, const ProgressReported& event) {
  return !is_active(index) && event.oldest_pending == Duration::zero() &&
         core.config.worker_interval == Duration::zero();
}

bool GroupFleet::handle_idle(Core& core, GroupIndex index, const CommitReported& event) {
  GroupState& state = table_[index];
  const bool may_pend = state.is(GroupState::kLeads) && event.index < state.log_index;
  if (is_active(index) || may_pend || core.config.worker_interval != Duration::zero()) {
    return false;
  }
  state.flags |= GroupState::kReportsCommits;
  return true;
}

bool GroupFleet::handle_idle(Core&, GroupIndex index, const EligibilityChanged& event) {
  GroupState& state = table_[index];
  if (is_active(index) || state.is(GroupState::kLeads)) return false;
  state.flags = static_cast<std::uint8_t>(event.may_lead ? state.flags | GroupState::kMayLead
                                                         : state.flags & ~GroupState::kMayLead);
  return true;
}

/// A vote binds. If its group finds no room, this node is bound as after a restart: it consents to
/// nothing in any group until the vote is over (rule S7).
void GroupFleet::handle_no_room(Core& core, const VoteGranted&) {
  core.silent_until = std::max(core.silent_until, core.now + core.config.promise());
}

void GroupFleet::handle_process_end(Core& core, PeerIndex peer) {
  PeerLink& link = core.links[peer];
  link.promised_until = kLongAgo;
  link.floor = SupportFloor{};
  for (std::size_t at = heap_.size(); at > 0; --at) {
    const std::uint32_t number = heap_[at - 1];
    const Slot slot = pool_[number].watch.members().slot_of(peer);
    if (slot == kNoSlot) continue;
    pool_[number].watch.refresh(core);
    pool_[number].watch.handle_process_end(core, slot);
    const Told told = pool_[number].watch.told();
    account(core, pool_[number].index, pool_[number].told, told);
    pool_[number].told = told;
    pool_[number].due = core.now;
  }
  heap_rebuild();
  for (GroupIndex index = table_.first(peer); index != kNoGroup; index = table_.after(index)) {
    GroupState& state = table_[index];
    Told told{.claimed = true, .supported = state.is(GroupState::kSupported)};
    told.leader = state.leader;
    told.term = state.term;
    told.members.count = state.members;
    std::ranges::copy(table_.members(index), told.members.at.begin());
    sum_up(core, state.id, told, -1);
    state.leader = kNoSlot;
    state.flags &= static_cast<std::uint8_t>(~(GroupState::kClaimed | GroupState::kSupported));
    state.flags |= GroupState::kOrphaned;
  }
  const bool any = table_.length(peer) > 0;
  table_.splice(peer, table_.no_leader());
  if (any) {
    orphans_at_ = std::min(orphans_at_, core.now);
    split(core, table_.no_leader(), core.now + core.config.lease + core.config.heartbeat_interval);
  }
  for (Held& held : held_) {
    if (held.peer == peer) held.peer = kNoPeer;
  }
  link.held = 0;
  link.in.stream = 0;
  link.in.applied = 0;
  link.in.removed = 1;
  restart_stream(core, peer);
}

void GroupFleet::extend_promises(Core& core, Instant since, Duration gap) {
  for (PeerLink& link : core.links) {
    if (link.promised_until > since) link.promised_until = saturating_add(link.promised_until, gap);
  }
  for (const std::uint32_t number : heap_) {
    // What runs by the node was just prolonged, what runs by the group alone is here.
    pool_[number].watch.extend_promises(since, gap);
  }
}

GroupWatch GroupFleet::watch(const Core& core, GroupId id) const {
  const GroupIndex index = table_.find(id);
  GroupWatch watch;
  if (is_active(index)) {
    watch = pool_[table_[index].next].watch;
    watch.refresh(core);
  } else {
    watch.load(core, table_[index], table_.members(index));
  }
  return watch;
}

bool GroupFleet::lease_held(const Core& core, GroupId id, Instant now) const {
  const GroupIndex index = table_.find(id);
  if (index == kNoGroup) return false;
  // A lease that has yet to begin keeps its group active.
  if (!is_active(index)) return now < idle_lease(core, index);
  return pool_[table_[index].next].watch.leads() && watch(core, id).lease_held(now);
}

Instant GroupFleet::guard(const Core& core, GroupId id, Term term) const {
  const GroupIndex index = table_.find(id);
  if (index == kNoGroup) return kLongAgo;
  if (is_active(index)) return watch(core, id).guard(term);
  return table_[index].term == term ? idle_lease(core, index) : kLongAgo;
}

Instant GroupFleet::promised_until(const Core& core) const {
  Instant until = kLongAgo;
  for (PeerIndex peer = 0; peer < static_cast<PeerIndex>(core.links.size()); ++peer) {
    if (table_.length(peer) > 0) until = std::max(until, core.links[peer].promised_until);
  }
  for (const std::uint32_t number : heap_) {
    GroupWatch watch = pool_[number].watch;
    watch.refresh(core);
    until = std::max(until, watch.promised_until());
  }
  return until;
}

void GroupFleet::tick(Core& core) {
  const Duration least = core.config.heartbeat_interval * 3 / 2;
  constexpr int intervals_most = 64;
  for (PeerIndex peer = 0; peer < static_cast<PeerIndex>(core.links.size()); ++peer) {
    StreamOut& out = core.links[peer].out;
    if (peer == core.roster.self() || out.sent == out.acked) continue;
    // Who does not answer, though it may hear, is told again, but ever more seldom.
    out.patience = std::max(out.patience, least);
    if (core.now - out.waits_since < out.patience) continue;
    out.patience = std::min(2 * out.patience, intervals_most * core.config.heartbeat_interval);
    ++core.counters.resends;
    out.sent = out.acked;
    out.next = out.acked;
    out.waits_since = core.now;
    mark_lagging(core, peer);
  }
}

void GroupFleet::leave(Core& core) {
  refill(core);
  check_lapses(core);
  sweep(core);
  run_due(core);
  start_rounds(core);
  give_advice(core);
  flush(core);
}

Instant GroupFleet::next_timeout(const Core& core) const {
  Instant at = std::min(lapse_at_, pace_at_);
  if (!heap_.empty()) at = std::min(at, pool_[heap_.front()].due);
  if (is_sweeping_) at = core.now;
  if (table_.length(table_.no_leader()) > 0 && core.now < orphans_at_) {
    at = std::min(at, orphans_at_);
  }
  return at;
}

}  // namespace vouch
