#include "vouch/sim/paxos_log.h"

#include <gtest/gtest.h>

#include <vector>

namespace vouch::sim {
namespace {

using Phase = PaxosLog::Phase;
using Kind = PaxosMessage::Kind;

/// Three logs that talk without a network.
struct Group {
  std::vector<PaxosLog> logs{PaxosLog(0, 3), PaxosLog(1, 3), PaxosLog(2, 3)};

  /// `leader` leads at `ballot` with the promise of `voter`, however often it must ask.
  void lead(NodeIndex leader, Term ballot, NodeIndex voter) {
    logs[leader].prepare(ballot);
    for (int round = 0; round < 100 && logs[leader].wants_promise(voter); ++round) {
      logs[leader].on_promise(voter,
                              logs[voter].answer_prepare(leader, logs[leader].prepare_for(voter)));
    }
    ASSERT_TRUE(logs[leader].is_prepared());
    logs[leader].lead();
  }
  void replicate(NodeIndex leader, NodeIndex to) {
    for (int round = 0; round < 1000; ++round) {
      const PaxosMessage answer = logs[to].answer_accept(leader, logs[leader].accept_for(to));
      if (!logs[leader].on_accepted(to, answer) &&
          logs[to].log().last() == logs[leader].log().last()) {
        break;
      }
    }
  }
};

TEST(PaxosLog, CommitsWhatAMajorityAccepts) {
  Group group;
  group.lead(0, Term{1}, 1);
  group.logs[0].append();
  EXPECT_EQ(group.logs[0].commit(), 0U);
  group.replicate(0, 1);
  EXPECT_EQ(group.logs[0].commit(), 2U);
  group.replicate(0, 1);
  EXPECT_EQ(group.logs[1].commit(), 2U);
}

TEST(PaxosLog, PromisesEachNumberToOneCandidate) {
  Group group;
  group.logs[0].prepare(Term{1});
  group.logs[1].prepare(Term{1});
  PaxosLog& third = group.logs[2];
  EXPECT_EQ(third.answer_prepare(0, group.logs[0].prepare_for(2)).kind, Kind::kPromise);
  EXPECT_EQ(third.answer_prepare(1, group.logs[1].prepare_for(2)).kind, Kind::kReject);
  EXPECT_EQ(third.answer_prepare(0, group.logs[0].prepare_for(2)).kind, Kind::kPromise);
}

TEST(PaxosLog, AHigherBallotEndsALeadership) {
  Group group;
  group.lead(0, Term{1}, 1);
  group.lead(2, Term{5}, 1);
  const PaxosMessage answer = group.logs[1].answer_accept(0, group.logs[0].accept_for(1));
  EXPECT_EQ(answer.kind, Kind::kReject);
  EXPECT_EQ(answer.ballot, Term{5});
  EXPECT_EQ(group.logs[0].phase(), Phase::kLeading);
  EXPECT_EQ(group.logs[0].answer_accept(2, group.logs[2].accept_for(0)).kind, Kind::kAccepted);
  EXPECT_EQ(group.logs[0].phase(), Phase::kIdle);
}

// The constrained election: the candidate has nothing, and gets what was committed without it.
TEST(PaxosLog, ANewLeaderTakesOverTheBestLog) {
  Group group;
  group.lead(0, Term{1}, 1);
  for (int i = 0; i < 9; ++i)
    group.logs[0].append();
  group.replicate(0, 1);
  ASSERT_EQ(group.logs[0].commit(), 10U);
  group.lead(2, Term{2}, 1);
  EXPECT_EQ(group.logs[2].log().last(), (LogPosition{Term{2}, 11}));
  EXPECT_EQ(group.logs[2].log().term_at(10), Term{1});
}

// A difference of more terms than a message holds is fetched in pieces, and adopted as a whole.
TEST(PaxosLog, ALongDifferenceTravelsInPieces) {
  Group group;
  for (std::uint64_t ballot = 1; ballot <= 40; ++ballot) {
    group.lead(ballot % 2, Term{ballot}, (ballot + 1) % 2);
    group.replicate(ballot % 2, (ballot + 1) % 2);
  }
  group.logs[2].prepare(Term{41});
  group.logs[2].on_promise(1, group.logs[1].answer_prepare(2, group.logs[2].prepare_for(1)));
  EXPECT_FALSE(group.logs[2].is_prepared());
  EXPECT_TRUE(group.logs[2].wants_promise(1));
  EXPECT_EQ(group.logs[2].log().last().index, 0U);
  group.lead(2, Term{42}, 1);
  EXPECT_EQ(group.logs[2].log().last(), (LogPosition{Term{42}, 41}));
  for (std::uint64_t index = 1; index <= 40; ++index) {
    EXPECT_EQ(group.logs[2].log().term_at(index), Term{index});
  }
}

// What an old leader has added by itself is replaced.
TEST(PaxosLog, AnUncommittedTailIsReplaced) {
  Group group;
  group.lead(0, Term{1}, 1);
  group.replicate(0, 1);
  for (int i = 0; i < 5; ++i)
    group.logs[0].append();
  group.lead(2, Term{2}, 1);
  group.replicate(2, 1);
  group.replicate(2, 0);
  EXPECT_EQ(group.logs[0].log().last(), (LogPosition{Term{2}, 2}));
}

// An entry of an earlier ballot is not committed by counting (it could still be replaced).
TEST(PaxosLog, OnlyOwnEntriesAreCounted) {
  Group group;
  group.lead(0, Term{1}, 1);
  EXPECT_EQ(group.logs[0].commit(), 0U);
  group.logs[0].stop();
  group.lead(0, Term{3}, 1);
  const PaxosMessage first = group.logs[0].accept_for(1);
  EXPECT_EQ(first.entries.after.index, 1U);  // It thinks that entry 1 is everywhere.
  const PaxosMessage answer = group.logs[1].answer_accept(0, first);
  ASSERT_TRUE(answer.is_mismatch);
  EXPECT_TRUE(group.logs[0].on_accepted(1, answer));
  group.replicate(0, 1);
  EXPECT_EQ(group.logs[0].commit(), 2U);
}

}  // namespace
}  // namespace vouch::sim
