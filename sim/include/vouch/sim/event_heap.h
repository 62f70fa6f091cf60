#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vouch/detector/assert.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// What is due when: a 4-ary heap ordered by (time, order of insertion), so that simultaneous
/// events keep a fixed order. An entry is 16 bytes: four children share one cache line.
///
/// Allocates only when it grows beyond everything it has held. Not thread-safe: give it one owner.
class EventHeap {
 public:
  /// Which timer or message: the caller's number, below kSlots.
  using SlotNumber = std::uint32_t;
  static constexpr unsigned kSlotBits = 24;
  static constexpr SlotNumber kSlots = 1U << kSlotBits;

  struct Entry {
    std::int64_t at = 0;
    std::uint64_t order = 0;  ///< Number of the insertion, then the slot in the low bits.

    [[nodiscard]] TrueTime time() const { return TrueTime(Duration(at)); }
    [[nodiscard]] SlotNumber slot() const { return static_cast<SlotNumber>(order & (kSlots - 1)); }
  };

  explicit EventHeap(std::size_t room = 256) { entries_.reserve(room); }

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] const Entry& top() const { return entries_.front(); }

  void push(TrueTime at, SlotNumber slot) {
    VOUCH_ASSERT(slot < kSlots);
    const Entry entry{at.time_since_epoch().count(), (++inserted_ << kSlotBits) | slot};
    entries_.push_back(entry);
    std::size_t hole = entries_.size() - 1;
    while (hole > 0) {
      const std::size_t parent = (hole - 1) / 4;
      if (!before(entry, entries_[parent])) break;
      entries_[hole] = entries_[parent];
      hole = parent;
    }
    entries_[hole] = entry;
  }

  /// Removes and returns the earliest entry. The heap must not be empty.
  Entry pop() {
    VOUCH_ASSERT(!entries_.empty());
    const Entry result = entries_.front();
    const Entry last = entries_.back();
    entries_.pop_back();
    if (!entries_.empty()) sink(last);
    return result;
  }

 private:
  static bool before(const Entry& a, const Entry& b) {
    return a.at != b.at ? a.at < b.at : a.order < b.order;
  }

  /// Puts `moved` in the place of the removed root: the hole sinks to where it fits.
  void sink(const Entry& moved) {
    const std::size_t size = entries_.size();
    Entry* const entries = entries_.data();
    std::size_t hole = 0;
    for (;;) {
      const std::size_t first = 4 * hole + 1;
      if (first >= size) break;
      const std::size_t end = first + 4 < size ? first + 4 : size;
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child) {
        if (before(entries[child], entries[least])) least = child;
      }
      if (!before(entries[least], moved)) break;
      entries[hole] = entries[least];
      hole = least;
    }
    entries[hole] = moved;
  }

  std::vector<Entry> entries_;
  std::uint64_t inserted_ = 0;
};

}  // namespace vouch::sim
