#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/quorum.h"
#include "vouch/quorum_check/roster.h"

namespace vouch {

/// Index of a group in the table of one Monitor, in the order of MonitorConfig::groups.
using GroupIndex = std::uint32_t;
inline constexpr GroupIndex kNoGroup = 0xffffffff;

/// A group about which nothing is going on: it has a leader, known and supported, or nobody is
/// asking yet. What else may be true of a group needs a GroupWatch; see GroupWatch::store.
struct GroupState {
  enum Flag : std::uint8_t {
    kLeads = 1,            ///< This node leads it.
    kClaimed = 2,          ///< `leader` claims it at `term`,
    kSupported = 4,        ///< and this node accepts the claim.
    kMayLead = 8,          ///< This node is eligible.
    kReportsCommits = 16,  ///< The host reports commits; nothing is pending.
    kNoVote = 32,          ///< This node is a member, but no voter.
    kAbdicated = 64,       ///< This node has given up `term` for good.
    kOrphaned = 128,       ///< Its leader's process has ended; the host has not been told.
  };

  GroupId id{};
  Term term{};
  std::uint64_t log_index = 0;
  std::uint32_t log_lag = 0;  ///< `term` less the term of the log.
  std::uint32_t epoch = 0;
  GroupIndex next = kNoGroup;  ///< In its list; of an active group, the number of its GroupWatch.
  GroupIndex previous = kNoGroup;
  std::uint16_t supporters = 0;  ///< kLeads: who accepts the claim, by slot.
  std::uint16_t priority = 0;
  Slot leader = kNoSlot;
  std::uint8_t flags = 0;
  std::uint8_t members = 0;
  /// No advice to hand over before: see GroupWatch::store. 0: at any time.
  std::uint8_t advises_at = 0;

  [[nodiscard]] bool is(Flag flag) const { return (flags & flag) != 0; }
};
static_assert(sizeof(GroupState) == 48, "100,000 of them are kept");

/// All groups of one Monitor: compact states, found by id in O(1), listed by leader. Allocates in
/// the constructor only. Not thread-safe: give it one owner.
class GroupTable {
 public:
  /// Groups are listed by leader, those of each peer in one list; one more list is for groups
  /// without a known leader.
  GroupTable(const Roster& roster, const MonitorConfig& config, std::uint32_t members_max);

  [[nodiscard]] GroupIndex size() const { return static_cast<GroupIndex>(states_.size()); }
  [[nodiscard]] GroupState& operator[](GroupIndex index) { return states_[index]; }
  [[nodiscard]] const GroupState& operator[](GroupIndex index) const { return states_[index]; }

  /// The group of that id, or kNoGroup.
  [[nodiscard]] GroupIndex find(GroupId id) const;

  /// The members of a group, in ascending order of NodeId.
  [[nodiscard]] std::span<const PeerIndex> members(GroupIndex index) const {
    return {members_.data() + std::size_t{index} * stride_, states_[index].members};
  }
  /// False: there is no room for so many.
  bool set_members(GroupIndex index, std::span<const PeerIndex> members);

  /// The slot of `peer` in a group, or kNoSlot.
  [[nodiscard]] Slot slot_of(GroupIndex index, PeerIndex peer) const;

  // Lists. `list` is the leader's PeerIndex, or no_leader(). An active group is in none.
  [[nodiscard]] std::uint32_t no_leader() const { return lists_ - 1; }
  [[nodiscard]] GroupIndex first(std::uint32_t list) const { return after(size() + list); }
  /// The group after `index` in its list, or kNoGroup at the end.
  [[nodiscard]] GroupIndex after(GroupIndex index) const;
  [[nodiscard]] std::uint32_t length(std::uint32_t list) const { return heads_[list].length; }
  void append(GroupIndex index, std::uint32_t list);
  void remove(GroupIndex index, std::uint32_t list);
  /// Moves all groups of `list` to the end of `to`.
  void splice(std::uint32_t list, std::uint32_t to);

  /// Bytes that a group takes here, its share of the tables included.
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Head {
    GroupIndex next = kNoGroup;
    GroupIndex previous = kNoGroup;
    std::uint32_t length = 0;
  };

  [[nodiscard]] GroupIndex& next_of(GroupIndex node) {
    return node < size() ? states_[node].next : heads_[node - size()].next;
  }
  [[nodiscard]] GroupIndex& previous_of(GroupIndex node) {
    return node < size() ? states_[node].previous : heads_[node - size()].previous;
  }
  [[nodiscard]] std::size_t place_of(GroupId id) const;

  std::vector<GroupState> states_;
  std::vector<PeerIndex> members_;  ///< stride_ of them for each group.
  std::vector<GroupIndex> places_;  ///< Open addressing by id; kNoGroup: free.
  std::vector<Head> heads_;         ///< Sentinels of the circular lists.
  std::uint32_t stride_;
  std::uint32_t lists_;
};

}  // namespace vouch
