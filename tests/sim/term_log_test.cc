#include "vouch/sim/term_log.h"

#include <gtest/gtest.h>

#include <vector>

#include "vouch/detector/rng.h"

namespace vouch::sim {
namespace {

/// The log as one would write it first: the term of every entry. What TermLog must agree with.
struct PlainLog {
  std::vector<Term> entries;

  [[nodiscard]] Term term_at(std::uint64_t index) const {
    return index == 0 || index > entries.size() ? Term{} : entries[index - 1];
  }
};

TEST(TermLog, ComparesAsRaftDoes) {
  TermLog log;
  EXPECT_EQ(log.last(), (LogPosition{Term{0}, 0}));
  log.append(Term{1});
  log.append(Term{1});
  log.append(Term{3});
  EXPECT_EQ(log.last(), (LogPosition{Term{3}, 3}));
  EXPECT_EQ(log.term_at(2), Term{1});
  EXPECT_EQ(log.term_at(4), Term{0});
}

TEST(TermLog, RefusesEntriesBehindAHole) {
  TermLog leader;
  for (int i = 0; i < 5; ++i)
    leader.append(Term{1});
  TermLog follower;
  EXPECT_FALSE(follower.accept(leader.slice_after(3)));
  EXPECT_TRUE(follower.accept(leader.slice_after(0)));
  EXPECT_EQ(follower.last(), leader.last());
}

TEST(TermLog, AnOldMessageDoesNotShortenALog) {
  TermLog leader;
  leader.append(Term{1});
  const LogSlice old = leader.slice_after(0);
  leader.append(Term{1});
  TermLog follower;
  ASSERT_TRUE(follower.accept(leader.slice_after(0)));
  ASSERT_TRUE(follower.accept(old));
  EXPECT_EQ(follower.last(), leader.last());
}

TEST(TermLog, ReplacesWhatConflicts) {
  TermLog leader;
  leader.append(Term{1});
  TermLog follower = leader;
  follower.append(Term{2});
  follower.append(Term{2});
  leader.append(Term{3});
  ASSERT_TRUE(follower.accept(leader.slice_after(1)));
  EXPECT_EQ(follower.last(), (LogPosition{Term{3}, 2}));
}

TEST(TermLog, AgreesWithAPlainListOfTerms) {
  Rng rng(11);
  for (int round = 0; round < 500; ++round) {
    TermLog log;
    PlainLog plain;
    Term term{1};
    for (int step = 0; step < 60; ++step) {
      if (rng.below(5) == 0) term = term.next();
      log.append(term);
      plain.entries.push_back(term);
    }
    TermLog copy;
    std::uint64_t reached = 0;
    while (reached < plain.entries.size()) {
      const LogSlice slice = log.slice_after(reached);
      ASSERT_GT(slice.last, reached) << "round " << round;
      ASSERT_TRUE(copy.accept(slice)) << "round " << round;
      reached = slice.last;
    }
    for (std::uint64_t index = 0; index <= plain.entries.size() + 1; ++index) {
      ASSERT_EQ(copy.term_at(index), plain.term_at(index)) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace vouch::sim
