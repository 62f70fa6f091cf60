#include "vouch/quorum_check/group_table.h"

#include <algorithm>
#include <bit>

#include "vouch/detector/assert.h"

namespace vouch {

GroupTable::GroupTable(const Roster& roster, const MonitorConfig& config, std::uint32_t members_max)
    : states_(config.groups.size()),
      members_(config.groups.size() * members_max, kNoPeer),
      // A quarter more than groups: searches stay short, and a group costs five bytes.
      places_(config.groups.size() + config.groups.size() / 4 + 1, kNoGroup),
      heads_(roster.size() + 1U),
      stride_(members_max),
      lists_(roster.size() + 1U) {
  for (std::uint32_t list = 0; list < lists_; ++list)
    heads_[list].next = heads_[list].previous = size() + list;
  for (GroupIndex index = 0; index < size(); ++index) {
    const GroupConfig& group = config.groups[index];
    GroupState& state = states_[index];
    state.id = group.id;
    state.term = group.term;
    state.log_lag = 0;
    state.epoch = static_cast<std::uint32_t>(group.epoch.value());
    state.priority = group.priority;
    if (group.may_lead) state.flags |= GroupState::kMayLead;
    places_[place_of(group.id)] = index;
    append(index, no_leader());
  }
}

/// Where `id` stands, or would.
std::size_t GroupTable::place_of(GroupId id) const {
  // Fibonacci hashing, scaled to the table by the upper half of a product (Lemire 2016): ids that
  // count up and ids that are hashes spread alike.
  const std::uint64_t hash = (id.value() ^ (id.value() >> 32)) * 0x9e3779b97f4a7c15ULL;
  auto at = static_cast<std::size_t>((hash >> 32) * places_.size() >> 32);
  while (places_[at] != kNoGroup && states_[places_[at]].id != id) {
    if (++at == places_.size()) at = 0;
  }
  return at;
}

GroupIndex GroupTable::find(GroupId id) const {
  return places_[place_of(id)];
}

bool GroupTable::set_members(GroupIndex index, std::span<const PeerIndex> members) {
  if (members.size() > stride_) return false;
  std::copy(members.begin(), members.end(), members_.begin() + std::ptrdiff_t{index} * stride_);
  states_[index].members = static_cast<std::uint8_t>(members.size());
  return true;
}

Slot GroupTable::slot_of(GroupIndex index, PeerIndex peer) const {
  const std::span<const PeerIndex> all = members(index);
  for (std::size_t slot = 0; slot < all.size(); ++slot) {
    if (all[slot] == peer) return static_cast<Slot>(slot);
  }
  return kNoSlot;
}

GroupIndex GroupTable::after(GroupIndex index) const {
  const GroupIndex next = index < size() ? states_[index].next : heads_[index - size()].next;
  return next < size() ? next : kNoGroup;
}

void GroupTable::append(GroupIndex index, std::uint32_t list) {
  const GroupIndex head = size() + list;
  const GroupIndex last = previous_of(head);
  states_[index].next = head;
  states_[index].previous = last;
  next_of(last) = index;
  previous_of(head) = index;
  ++heads_[list].length;
}

void GroupTable::remove(GroupIndex index, std::uint32_t list) {
  VOUCH_ASSERT(heads_[list].length > 0);
  const GroupIndex next = states_[index].next;
  const GroupIndex previous = states_[index].previous;
  next_of(previous) = next;
  previous_of(next) = previous;
  --heads_[list].length;
}

void GroupTable::splice(std::uint32_t list, std::uint32_t to) {
  Head& from = heads_[list];
  if (from.length == 0) return;
  const GroupIndex head = size() + to;
  const GroupIndex last = previous_of(head);
  next_of(last) = from.next;
  previous_of(from.next) = last;
  next_of(from.previous) = head;
  previous_of(head) = from.previous;
  heads_[to].length += from.length;
  from = Head{size() + list, size() + list, 0};
}

std::size_t GroupTable::bytes() const {
  const std::size_t all = states_.capacity() * sizeof(GroupState) +
                          members_.capacity() * sizeof(PeerIndex) +
                          places_.capacity() * sizeof(GroupIndex);
  return (all + states_.size() - 1) / states_.size();
}

}  // namespace vouch
