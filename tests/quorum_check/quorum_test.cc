// Majorities, checked against counting, over every set of up to seven voters.

#include "vouch/quorum_check/quorum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace vouch {
namespace {

SlotSet set_of(unsigned bits) {
  SlotSet set;
  for (Slot slot = 0; slot < kMaxNodes; ++slot) {
    if ((bits >> slot & 1U) != 0) set.insert(slot);
  }
  return set;
}

bool counted_majority(unsigned set, unsigned yes) {
  return set != 0 && 2 * std::popcount(set & yes) > std::popcount(set);
}

TEST(Quorum, IsAMajorityOfEachSet) {
  for (unsigned current = 0; current < 64; ++current) {
    for (unsigned joint = 0; joint < 64; joint += 7) {
      const Voters voters{set_of(current), set_of(joint)};
      for (unsigned yes = 0; yes < 64; ++yes) {
        const bool expected =
            counted_majority(current, yes) && (joint == 0 || counted_majority(joint, yes));
        ASSERT_EQ(voters.is_quorum(set_of(yes)), expected) << current << " " << joint << " " << yes;
      }
    }
  }
}

TEST(Quorum, TwoQuorumsShareAVoter) {
  for (unsigned current = 1; current < 128; ++current) {
    const Voters voters{set_of(current), {}};
    for (unsigned a = 0; a < 128; ++a) {
      if (!voters.is_quorum(set_of(a))) continue;
      ASSERT_FALSE(voters.is_quorum(set_of(current & ~a))) << current << " " << a;
    }
  }
}

TEST(Quorum, BallotIsLostOnlyWhenNoMajorityIsLeft) {
  const Voters voters{set_of(0b11111), {}};
  for (unsigned yes = 0; yes < 32; ++yes) {
    for (unsigned no = 0; no < 32; ++no) {
      if ((yes & no) != 0) continue;
      const QuorumOutcome outcome = voters.outcome(set_of(yes), set_of(no));
      if (std::popcount(yes) >= 3) {
        ASSERT_EQ(outcome, QuorumOutcome::kWon);
      } else {
        ASSERT_EQ(outcome, std::popcount(no) >= 3 ? QuorumOutcome::kLost : QuorumOutcome::kPending);
      }
    }
  }
}

TEST(Quorum, UntilIsTheMajorityThLatest) {
  std::array<int, 5> order{1, 2, 3, 4, 5};
  do {
    for (unsigned current = 1; current < 32; ++current) {
      std::array<Instant, kMaxNodes> until{};
      std::vector<int> mine;
      for (std::size_t i = 0; i < order.size(); ++i) {
        until[i] = Instant(std::chrono::seconds(order[i]));
        if ((current >> i & 1U) != 0) mine.push_back(order[i]);
      }
      std::sort(mine.rbegin(), mine.rend());
      const Instant expected{std::chrono::seconds(mine[mine.size() / 2])};
      ASSERT_EQ((Voters{set_of(current), {}}.quorum_until(until)), expected);
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Quorum, JointUntilIsTheEarlierOfBoth) {
  std::array<Instant, kMaxNodes> until{};
  for (Slot slot = 0; slot < 6; ++slot)
    until[slot] = Instant(std::chrono::seconds(slot + 1));
  const Voters voters{set_of(0b000111), set_of(0b111000)};
  EXPECT_EQ(voters.quorum_until(until), Instant(std::chrono::seconds(2)));
  EXPECT_EQ((Voters{{}, {}}.quorum_until(until)), kLongAgo);
}

}  // namespace
}  // namespace vouch
