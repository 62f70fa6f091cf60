#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "vouch/detector/ids.h"
#include "vouch/sim/network.h"

namespace vouch::sim {

/// Counts split votes: terms in which two nodes or more stood for election and of which no
/// leadership came (Raft, section 3.4 of the thesis). It looks at the last terms only, of which
/// there are as many as can be contested at a time; older ones are settled.
class SplitVotes {
 public:
  /// `node` stands for election in `term`.
  void campaigned(Term term, NodeIndex node) {
    Contest& contest = contest_of(term);
    contest.candidates |= node_bit(node);
  }

  /// Somebody leads `term`.
  void elected(Term term) {
    for (Contest& contest : contests_) {
      if (contest.term == term) contest.is_won = true;
    }
  }

  /// Split votes up to now; of a contest that still runs it is not known yet that it is none.
  [[nodiscard]] std::uint32_t count() const {
    std::uint32_t count = settled_;
    for (const Contest& contest : contests_)
      count += contest.is_split() ? 1U : 0U;
    return count;
  }

 private:
  struct Contest {
    Term term{};
    NodeSet candidates = 0;
    bool is_won = false;

    [[nodiscard]] bool is_split() const { return !is_won && (candidates & (candidates - 1)) != 0; }
  };

  Contest& contest_of(Term term) {
    for (Contest& contest : contests_) {
      if (contest.candidates != 0 && contest.term == term) return contest;
    }
    Contest& oldest = contests_[next_];
    next_ = (next_ + 1) % contests_.size();
    settled_ += oldest.is_split() ? 1U : 0U;
    oldest = {.term = term};
    return oldest;
  }

  std::array<Contest, 32> contests_{};
  std::size_t next_ = 0;
  std::uint32_t settled_ = 0;
};

}  // namespace vouch::sim
