#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "vouch/detector/time.h"
#include "vouch/probe/message.h"

namespace vouch {

/// Index of a node in the roster of one Monitor, in ascending order of NodeId.
using PeerIndex = std::uint16_t;
inline constexpr PeerIndex kNoPeer = 0xffff;

/// Index of a node among those that one group deals with: 0 .. kMaxNodes - 1, in ascending order of
/// NodeId. In a roster of at most kMaxNodes every group deals with all, and a slot is a PeerIndex.
using Slot = std::uint8_t;
inline constexpr Slot kNoSlot = 0xff;

/// A set of slots.
class SlotSet {
 public:
  constexpr SlotSet() = default;

  constexpr void insert(Slot slot) { bits_ |= bit(slot); }
  constexpr void erase(Slot slot) { bits_ &= ~bit(slot); }
  constexpr void clear() { bits_ = 0; }
  [[nodiscard]] constexpr bool contains(Slot slot) const { return (bits_ & bit(slot)) != 0; }
  /// Without -mpopcnt std::popcount is a library call, and this is asked all the time.
  [[nodiscard]] constexpr int size() const {
    std::uint32_t x = bits_;
    x -= (x >> 1) & 0x55555555U;
    x = (x & 0x33333333U) + ((x >> 2) & 0x33333333U);
    x = (x + (x >> 4)) & 0x0f0f0f0fU;
    return static_cast<int>((x * 0x01010101U) >> 24);
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr std::uint32_t bits() const { return bits_; }
  [[nodiscard]] static constexpr SlotSet of_bits(std::uint32_t bits) { return SlotSet(bits); }

  /// Calls `visit(slot)` for each slot in ascending order.
  template <typename Visit>
  constexpr void for_each(Visit&& visit) const {
    for (std::uint32_t rest = bits_; rest != 0; rest &= rest - 1) {
      visit(static_cast<Slot>(std::countr_zero(rest)));
    }
  }

  friend constexpr SlotSet operator&(SlotSet a, SlotSet b) { return SlotSet(a.bits_ & b.bits_); }
  friend constexpr SlotSet operator|(SlotSet a, SlotSet b) { return SlotSet(a.bits_ | b.bits_); }
  friend constexpr bool operator==(SlotSet, SlotSet) = default;

 private:
  constexpr explicit SlotSet(std::uint32_t bits) : bits_(bits) {}
  static constexpr std::uint32_t bit(Slot slot) { return slot < 32 ? 1U << slot : 0U; }

  std::uint32_t bits_ = 0;
};

/// What is known of a majority decision.
enum class QuorumOutcome {
  kPending,  ///< Neither is certain yet.
  kWon,      ///< A majority said yes.
  kLost,     ///< A majority can no longer be reached.
};

/// The voters of a group: one majority, or two while the membership changes (joint configuration,
/// Raft section 6: both majorities must agree). Learners, witnesses and observers: a witness is a
/// voter that may not lead, a learner or observer is in neither set.
struct Voters {
  SlotSet current{};
  SlotSet joint{};  ///< The other half of a joint configuration; empty outside a change.

  [[nodiscard]] constexpr SlotSet all() const { return current | joint; }
  [[nodiscard]] constexpr bool contains(Slot slot) const { return all().contains(slot); }

  /// Whether `yes` holds a majority of the voters (of both sets in a joint configuration). An empty
  /// `current` has no majority.
  [[nodiscard]] constexpr bool is_quorum(SlotSet yes) const {
    return majority_of(current, yes) && (joint.empty() || majority_of(joint, yes));
  }

  /// The state of a ballot in which `yes` and `no` have answered.
  [[nodiscard]] constexpr QuorumOutcome outcome(SlotSet yes, SlotSet no) const {
    if (is_quorum(yes)) return QuorumOutcome::kWon;
    SlotSet open = all();
    for (Slot slot = 0; slot < kMaxNodes; ++slot) {
      if (no.contains(slot) && !yes.contains(slot)) open.erase(slot);
    }
    return is_quorum(open) ? QuorumOutcome::kPending : QuorumOutcome::kLost;
  }

  /// The instant until which a quorum is covered, given until when each slot is: the majority-th
  /// latest of `until` (the earlier of both in a joint configuration). kLongAgo without voters.
  [[nodiscard]] constexpr Instant quorum_until(const std::array<Instant, kMaxNodes>& until) const {
    const Instant first = majority_th_latest(current, until);
    if (joint.empty()) return first;
    const Instant second = majority_th_latest(joint, until);
    return first < second ? first : second;
  }

 private:
  static constexpr bool majority_of(SlotSet set, SlotSet yes) {
    return !set.empty() && (set & yes).size() > set.size() / 2;
  }

  static constexpr Instant majority_th_latest(SlotSet set,
                                              const std::array<Instant, kMaxNodes>& until) {
    std::array<Instant, kMaxNodes> sorted;
    std::size_t count = 0;
    set.for_each([&](Slot slot) {
      std::size_t at = count++;
      while (at > 0 && sorted[at - 1] < until[slot]) {
        sorted[at] = sorted[at - 1];
        --at;
      }
      sorted[at] = until[slot];
    });
    return count == 0 ? kLongAgo : sorted[count / 2];
  }
};

}  // namespace vouch
