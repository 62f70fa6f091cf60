// The part of GroupFleet that deals with many groups at once: leaders that are gone, leases that
// lapse.

#include <algorithm>
#include <array>

#include "vouch/quorum_check/group_fleet.h"

namespace vouch {

void GroupFleet::handle_peer_changed(Core& core, PeerIndex peer) {
  const bool is_trusted = core.peers[peer].state == PeerState::kTrusted;
  const auto found = std::find(suspects_.begin(), suspects_.end(), peer);
  if (is_trusted && found != suspects_.end()) {
    suspects_.erase(found);
    // It is back: what it has not acknowledged it hears now.
    StreamOut& out = core.links[peer].out;
    out.sent = out.acked;
    out.next = out.acked;
    out.patience = Duration::zero();
    mark_lagging(core, peer);
  } else if (!is_trusted && found == suspects_.end()) {
    suspects_.push_back(peer);
    split(core, peer, core.now + core.config.lease + core.config.heartbeat_interval);
  }
  touch_all(core, peer);
}

void GroupFleet::handle_reach_changed(Core& core, PeerIndex peer) {
  touch_all(core, peer);
}

void GroupFleet::handle_support(Core& core, PeerIndex peer) {
  core.links[peer].has_lapsed = false;
  lapse_at_ = std::min(lapse_at_, core.peers[peer].support_until);
}

/// Whether groups of that list are looked after by nobody.
bool GroupFleet::is_waiting(const Core& core, std::uint32_t list) const {
  if (table_.length(list) == 0) return false;
  if (list == table_.no_leader() && core.now < orphans_at_) return false;
  return passes_[list].first > 0 || core.now >= passes_[list].second_at;
}

std::uint32_t GroupFleet::waiting(const Core& core) const {
  std::uint32_t count = 0;
  for (const PeerIndex peer : suspects_) {
    if (is_waiting(core, peer)) count += table_.length(peer);
  }
  if (is_waiting(core, table_.no_leader())) count += table_.length(table_.no_leader());
  return count;
}

/// Takes up the groups of a list in two passes, if they cannot all be taken up at once. Everybody
/// does so: each group is taken up by its best candidate first, and by the others only if that did
/// not help. Otherwise every group would be asked about by all its members, and the limits of two
/// nodes could wait for each other.
void GroupFleet::split(const Core& core, std::uint32_t list, Instant second_at) {
  const std::uint32_t length = table_.length(list);
  const bool is_long = length > limits_.rounds_max;
  passes_[list] = Pass{is_long ? length : 0, is_long ? second_at : core.now};
}

bool GroupFleet::is_likely_best(const Core& core, GroupIndex index) const {
  const GroupState& state = table_[index];
  if (!state.is(GroupState::kMayLead) || state.is(GroupState::kNoVote)) return false;
  const std::uint64_t own = candidate_rank(state.id, core.roster.self_id());
  for (const PeerIndex peer : table_.members(index)) {
    if (peer == core.roster.self() || !core.two_way(peer) || core.peers[peer].sick) continue;
    if (candidate_rank(state.id, core.roster.node(peer)) < own) return false;
  }
  return true;
}

/// Takes up the next group of the list. False: there was none, or no room.
bool GroupFleet::start_one(Core& core, std::uint32_t list) {
  const GroupIndex index = table_.first(list);
  Pass& pass = passes_[list];
  if (pass.first > 0) {
    --pass.first;
    if (!is_likely_best(core, index)) {
      table_.remove(index, list);
      table_.append(index, list);
      return true;
    }
  }
  return with_group(core, index, Origin::kNetwork, [](GroupWatch&) { return true; });
}

void GroupFleet::start_rounds(Core& core) {
  // A few questions to each other voter fit one datagram; what would find no room is not begun.
  constexpr std::uint32_t rounds_per_packet = 4;
  std::uint32_t room = core.packets_left * rounds_per_packet;
  const auto lists = static_cast<std::uint32_t>(suspects_.size()) + 1;
  for (std::uint32_t tried = 0; tried < lists; ++tried) {
    const std::uint32_t turn = (turn_ + tried) % lists;
    const std::uint32_t list = turn < suspects_.size() ? suspects_[turn] : table_.no_leader();
    // Each group of the list at most once.
    for (std::uint32_t left = table_.length(list); left > 0 && is_waiting(core, list); --left) {
      // Half of the places are for what others ask, and for leaders that are new.
      const bool is_busy = active() >= limits_.active_max / 2;
      if (room == 0 || is_busy || in_flight_ >= limits_.rounds_max || !core.has_room()) {
        turn_ = turn;
        return;
      }
      const std::uint32_t before = in_flight_;
      if (!start_one(core, list)) return;
      if (in_flight_ > before) --room;
    }
  }
}

void GroupFleet::advise(Core& core) {
  advises_until_ = core.now + 2 * core.config.heartbeat_interval;
  if (core.config.transfer_cooldown == Duration::zero()) return;
  if (advice_left_ > 0 || core.now < advises_again_at_) return;
  // Whom the last pass has not found a successor, for want of an answer, the next one asks about.
  // Whoever was advised to hand over waits for the whole cool-down.
  advice_left_ = table_.length(core.roster.self());
  advises_again_at_ =
      saturating_add(core.now, std::max(4 * core.config.lease, core.config.transfer_cooldown / 8));
  for (const std::uint32_t number : heap_) {
    if (!may_seek_more(core)) return;
    Active& active = pool_[number];
    if (active.is_seeking || !active.watch.may_seek(core)) continue;
    active.watch.seek(core);
    active.is_seeking = true;
    ++seeking_;
  }
}

bool GroupFleet::may_seek_more(const Core& core) const {
  const bool is_busy = active() >= limits_.active_max / 2;
  return !is_busy && seeking_ < limits_.rounds_max && core.packets_left > 0 && core.has_room();
}

/// Takes up the next groups of the pass, as there is room.
void GroupFleet::give_advice(Core& core) {
  if (advice_left_ == 0) return;
  if (core.now >= advises_until_) advice_left_ = 0;
  const std::uint32_t own = core.roster.self();
  constexpr std::uint32_t looks_per_call = 256;
  for (std::uint32_t looks = 0; looks < looks_per_call && advice_left_ > 0; ++looks) {
    const GroupIndex index = table_.first(own);
    if (index == kNoGroup) advice_left_ = 0;
    if (advice_left_ == 0 || !may_seek_more(core)) return;
    // A settled group goes to the end of the list again.
    const bool done = with_group(core, index, Origin::kNetwork, [&](GroupWatch& watch) {
      watch.seek(core);
      return false;
    });
    if (!done) return;
    --advice_left_;
  }
}

/// When the quorum lease of an idle group ends; kLongAgo when this node does not lead it.
Instant GroupFleet::idle_lease(const Core& core, GroupIndex index) const {
  const GroupState& state = table_[index];
  if (!state.is(GroupState::kLeads)) return kLongAgo;
  const std::span<const PeerIndex> members = table_.members(index);
  std::array<Instant, kMaxNodes> until{};
  Voters voters;
  for (Slot slot = 0; slot < static_cast<Slot>(members.size()); ++slot) {
    const bool is_self = members[slot] == core.roster.self();
    if (!is_self || !state.is(GroupState::kNoVote)) voters.current.insert(slot);
    const bool supports = (state.supporters >> slot & 1U) != 0;
    until[slot] = is_self ? kNever : supports ? core.peers[members[slot]].support_until : kLongAgo;
  }
  return voters.quorum_until(until);
}

/// A quorum lease ends when the support of one of its nodes does. So there is one timer for all
/// groups, and the groups are looked at when a node's support has run out.
void GroupFleet::check_lapses(Core& core) {
  if (core.now < lapse_at_) return;
  if (core.now < core.drain_until) {
    lapse_at_ = core.drain_until;
    return;
  }
  lapse_at_ = kNever;
  for (PeerIndex peer = 0; peer < static_cast<PeerIndex>(core.links.size()); ++peer) {
    if (core.links[peer].has_lapsed) continue;
    const Instant until = core.peers[peer].support_until;
    if (until > core.now) {
      lapse_at_ = std::min(lapse_at_, until);
      continue;
    }
    core.links[peer].has_lapsed = true;
    is_sweeping_ = true;
    sweep_at_ = kNoGroup;
  }
}

void GroupFleet::hand_over(StandDownReason reason) {
  is_sweeping_ = true;
  sweep_all_ = true;
  sweep_reason_ = reason;
  sweep_at_ = kNoGroup;
}

/// Goes through the groups that this node leads and gives up those whose lease is over, as many as
/// this call has room for.
void GroupFleet::sweep(Core& core) {
  if (!is_sweeping_) return;
  if (sweep_all_) {
    for (std::size_t at = heap_.size(); at > 0; --at) {
      const std::uint32_t number = heap_[at - 1];
      pool_[number].watch.hand_over(core, sweep_reason_);
      pool_[number].due = core.now;
    }
    heap_rebuild();
  }
  const std::uint32_t own = core.roster.self();
  const bool goes_on =
      sweep_at_ != kNoGroup && !is_active(sweep_at_) && table_[sweep_at_].is(GroupState::kLeads);
  GroupIndex index = goes_on ? sweep_at_ : table_.first(own);
  while (index != kNoGroup) {
    const GroupIndex next = table_.after(index);
    if (sweep_all_ || idle_lease(core, index) <= core.now) {
      const bool done =
          core.has_room() && with_group(core, index, Origin::kHost, [&](GroupWatch& watch) {
            if (sweep_all_) watch.hand_over(core, sweep_reason_);
            return false;
          });
      if (!done) {
        sweep_at_ = index;
        return;
      }
    }
    index = next;
  }
  is_sweeping_ = false;
  sweep_all_ = false;
  sweep_at_ = kNoGroup;
}

}  // namespace vouch
