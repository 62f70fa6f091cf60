// Canonical's libraft, unmodified, in its own fixture. Without vouch the faults cost it elections;
// with vouch none that is not needed, and the leases are sound.

#include <gtest/gtest.h>

#include <string>

#include "programmes.h"
#include "tests/support/sample.h"

namespace vouch::libraft {
namespace {

const Programme& programme(std::string_view name) {
  for (const Programme& each : programmes()) {
    if (each.name == name) return each;
  }
  ADD_FAILURE() << "no programme " << name;
  return programmes().front();
}

void expect_sound(const Outcome& outcome) {
  EXPECT_EQ(outcome.seen.leases_at_once, 0U) << "two servers held the lease";
  EXPECT_EQ(outcome.seen.leases_overtaken, 0U) << "a newer leader while the lease was held";
  EXPECT_TRUE(outcome.settled) << "no leader whom everybody follows";
}

class EachProgramme : public ::testing::TestWithParam<Programme> {};

TEST_P(EachProgramme, GuardedNoElectionIsNeedless) {
  const Programme& played = GetParam();
  for (std::uint64_t seed = 1; seed <= testing::sampled(5); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Outcome outcome = play(played, Mode::kGuarded, seed);
    expect_sound(outcome);
    // One election where the leader is lost, none where it is not.
    const unsigned needed = played.leader_keeps_quorum ? 0 : 1;
    EXPECT_EQ(outcome.seen.candidacies, needed);
    EXPECT_EQ(outcome.seen.terms, needed);
    EXPECT_EQ(outcome.seen.leaders, needed);
    if (played.leader_keeps_quorum) {
      EXPECT_GE(outcome.seen.writes + 1, outcome.seen.writes_offered) << "nor does a client notice";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Libraft, EachProgramme, ::testing::ValuesIn(programmes()),
                         [](const auto& each) { return std::string(each.param.name); });

/// What the faults are worth: unguarded the same programmes cost elections, and the leader that all
/// but one could hear is deposed when the link heals, because the lonely one brings a newer term.
TEST(Unguarded, AFollowerThatDoesNotHearTheLeaderDeposesIt) {
  for (const char* name : {"cut_to_follower", "partial_partition", "chained", "flapping"}) {
    SCOPED_TRACE(name);
    const Outcome outcome = play(programme(name), Mode::kUnguarded);
    EXPECT_GE(outcome.seen.candidacies, 5U);
    EXPECT_GE(outcome.seen.terms, 5U);
    EXPECT_GE(outcome.seen.leaders, 1U);
    EXPECT_LT(outcome.seen.writes + 5, outcome.seen.writes_offered) << "clients wait";
  }
}

/// A follower that hears the leader has no reason to stand, and the leader has its majority.
TEST(Unguarded, WhatTheLeaderDoesNotHearFromOneFollowerCostsNothing) {
  EXPECT_EQ(play(programme("cut_from_follower"), Mode::kUnguarded).seen.candidacies, 0U);
  EXPECT_EQ(play(programme("no_fault"), Mode::kUnguarded).seen.candidacies, 0U);
}

TEST(Guarded, ALeaderThatDiesIsReplacedInAboutALease) {
  const Outcome guarded = play(programme("leader_killed"), Mode::kGuarded);
  const Outcome unguarded = play(programme("leader_killed"), Mode::kUnguarded);
  constexpr std::uint64_t kLeaseMs = 800;
  EXPECT_LE(guarded.seen.first_leader_ms, kLeaseMs + 300);
  EXPECT_LT(guarded.seen.first_leader_ms, unguarded.seen.first_leader_ms);
}

/// L3: while nobody has a quorum no term is spent, and the lease is given up.
TEST(Guarded, WithoutAQuorumTheGroupIsQuietAndComesBack) {
  Cluster cluster(3, Mode::kGuarded);
  ASSERT_TRUE(cluster.run_until_settled(10'000));
  const unsigned leader = cluster.leader();
  EXPECT_TRUE(cluster.guard(leader).lease_held());
  cluster.mark();
  for (unsigned from = 0; from < 3; ++from) {
    for (unsigned to = 0; to < 3; ++to) {
      if (from != to) cluster.cut(from, to);
    }
  }
  cluster.run_for(1'000);
  EXPECT_FALSE(cluster.guard(leader).lease_held());
  EXPECT_EQ(cluster.leader(), cluster.size()) << "libraft has stepped down too";
  cluster.run_for(60'000);
  EXPECT_EQ(cluster.seen().terms, 0U);
  EXPECT_EQ(cluster.seen().candidacies, 0U);
  cluster.heal_all();
  ASSERT_TRUE(cluster.run_until_settled(1'000));
  EXPECT_EQ(cluster.seen().candidacies, 1U);
}

TEST(Guarded, EqualSeedsGiveEqualRuns) {
  const Outcome once = play(programme("quorum_lost"), Mode::kGuarded, 7);
  const Outcome again = play(programme("quorum_lost"), Mode::kGuarded, 7);
  EXPECT_EQ(once.seen.first_leader_ms, again.seen.first_leader_ms);
  EXPECT_EQ(once.seen.writes, again.seen.writes);
}

/// Links at random, cut and healed in one direction each: whatever happens, never two leases, and
/// a leader when all is well again.
TEST(Guarded, RandomCutsNeverGiveTwoLeases) {
  unsigned elections = 0;
  for (std::uint64_t seed = 1; seed <= testing::sampled(20); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    const auto servers = static_cast<unsigned>(rng.between(3, 5));
    Cluster cluster(servers, Mode::kGuarded, seed);
    ASSERT_TRUE(cluster.run_until_settled(10'000));
    cluster.mark();
    for (int i = 0; i < 60; ++i) {
      const auto from = static_cast<unsigned>(rng.below(servers));
      const auto to = static_cast<unsigned>(rng.below(servers));
      if (from == to) continue;
      rng.chance(550'000) ? cluster.cut(from, to) : cluster.heal(from, to);
      cluster.run_for(static_cast<unsigned>(rng.between(20, 900)));
    }
    cluster.heal_all();
    EXPECT_TRUE(cluster.run_until_settled(5'000));
    EXPECT_EQ(cluster.seen().leases_at_once, 0U);
    EXPECT_EQ(cluster.seen().leases_overtaken, 0U);
    elections += cluster.seen().leaders;
  }
  EXPECT_GT(elections, 0U) << "the cuts must be bad enough to matter";
}

}  // namespace
}  // namespace vouch::libraft
