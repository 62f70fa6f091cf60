#include "vouch/sim/dynamodb.h"

#include <gtest/gtest.h>

#include <chrono>

#include "fault_plan.h"

// What the paper claims, and what peer confirmation cannot do without evidence.

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

constexpr const char* kBoth[] = {"dynamodb", "dynamodb+leaderquorum"};

std::uint64_t count(const RunResult& result, Rule rule) {
  std::uint64_t found = 0;
  for (const Violation& violation : result.violations)
    found += violation.rule == rule ? 1U : 0U;
  return found;
}

TEST(DynamoDb, ACrashedLeaderIsReplacedOnceItsLeaseIsOver) {
  const FaultPlan plan = FaultPlan().crash(0);
  for (const char* policy : kBoth) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const RunResult result = plan.run(policy, seed);
      EXPECT_TRUE(result.began_led) << policy << ", seed " << seed;
      EXPECT_EQ(result.during.leader_changes, 1U) << policy << ", seed " << seed;
      EXPECT_EQ(result.split_lease, 0ms) << policy << ", seed " << seed;
      // One second of silence, less the age of the last heartbeat; several may try at once.
      EXPECT_GE(result.during.unavailable, 800ms) << policy << ", seed " << seed;
      EXPECT_LE(result.during.unavailable, 8s) << policy << ", seed " << seed;
    }
  }
}

// The gray failures that peer confirmation was built for cost no election.
TEST(DynamoDb, AFollowerThatLosesOnlyItsLeaderIsTalkedOutOfIt) {
  FaultPlan from_leader;  // s03
  from_leader.cut(0, 1);
  FaultPlan both;  // s05
  both.cut_both(0, 1);
  FaultPlan two_followers;  // Two of four followers.
  two_followers.cut_both(0, 1).cut_both(0, 2);
  FaultPlan chained(3);  // s12
  chained.cut_both(0, 1);
  for (const FaultPlan& plan : {from_leader, both, two_followers, chained}) {
    for (const char* policy : kBoth) {
      for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const RunResult result = plan.run(policy, seed);
        EXPECT_EQ(result.during.elections + result.after.elections, 0U)
            << policy << ", seed " << seed;
        EXPECT_EQ(result.during.unavailable, 0ms) << policy << ", seed " << seed;
      }
    }
  }
}

// s10 and its twin: to a boolean both look alike. In s10 the hub hears the leader, says so to each
// that asks, and nobody ever replaces a leader that can commit nothing.
TEST(DynamoDb, QuorumLossIsForEverWithoutTheLeadersOwnCheck) {
  const FaultPlan s10 = FaultPlan().only_hub(1);
  FaultPlan twin;
  twin.cut_both(2, 0).cut_both(2, 3).cut_both(2, 4);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RunResult stuck = s10.run("dynamodb", seed);
    EXPECT_EQ(stuck.during.elections, 0U) << "seed " << seed;
    EXPECT_EQ(stuck.during.unavailable, 30s) << "seed " << seed;
    EXPECT_EQ(stuck.after.elections, 0U) << "seed " << seed;
    const RunResult checked = s10.run("dynamodb+leaderquorum", seed);
    EXPECT_EQ(checked.leaders_at_heal, node_bit(1)) << "seed " << seed;
    EXPECT_LE(checked.failover(), 15s) << "seed " << seed;
    EXPECT_EQ(checked.split_lease, 0ms) << "seed " << seed;
    for (const char* policy : kBoth) {
      const RunResult kept = twin.run(policy, seed);
      EXPECT_EQ(kept.during.elections + kept.after.elections, 0U) << policy << ", seed " << seed;
    }
  }
}

// s14: only the leader's own check finds out that it is deaf. s15: a mute one everybody misses.
TEST(DynamoDb, DeafAndMuteLeaders) {
  const FaultPlan deaf = FaultPlan().deaf(0);
  const FaultPlan mute = FaultPlan().mute(0);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RunResult stuck = deaf.run("dynamodb", seed);
    EXPECT_EQ(stuck.during.leader_changes, 0U) << "seed " << seed;
    EXPECT_EQ(stuck.during.unavailable, 30s) << "seed " << seed;
    EXPECT_GE(deaf.run("dynamodb+leaderquorum", seed).during.leader_changes, 1U) << "seed " << seed;
    for (const char* policy : kBoth) {
      const RunResult result = mute.run(policy, seed);
      EXPECT_GE(result.during.leader_changes, 1U) << policy << ", seed " << seed;
      EXPECT_NE(result.final_leaders, 0U) << policy << ", seed " << seed;
    }
  }
}

// A deaf follower takes silence for consent, and its ballots depose a leader that is fine.
TEST(DynamoDb, ADeafFollowerDeposesAHealthyLeader) {
  const FaultPlan plan = FaultPlan().deaf(4);
  for (const char* policy : kBoth) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const RunResult result = plan.run(policy, seed);
      EXPECT_GE(result.during.unnecessary_elections, 1U) << policy << ", seed " << seed;
      EXPECT_GE(result.during.leader_changes, 1U) << policy << ", seed " << seed;
    }
  }
}

// s11: Paxos takes the log from the promises; that the hub lacks it does not matter. The leader
// that has been isolated is silent, so nobody calls it healthy.
TEST(DynamoDb, AConstrainedElectionIsWon) {
  const FaultPlan plan = FaultPlan().constrained();
  for (const char* policy : kBoth) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      CommitsAgree<DynamoReplica> commits;
      const RunResult result = plan.run(policy, seed, {}, {&commits});
      EXPECT_EQ(result.leaders_at_heal, node_bit(1)) << policy << ", seed " << seed;
      EXPECT_EQ(commits.conflicts(), 0U) << policy << ", seed " << seed;
    }
  }
}

// The new leader serves nothing while the old lease may run.
TEST(DynamoDb, ANewLeaderWaitsOutTheOldLease) {
  PolicySettings settings;
  settings.raft.election_timeout = 1s;
  DynamoOptions options;
  options.lease = 5s;  // Much longer than it takes to suspect and to elect.
  options.leader_quorum = true;
  const DynamoProtocol protocol(options);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RunResult result = sim::run(protocol, FaultPlan().crash(0).plan(), {.seed = seed});
    EXPECT_EQ(result.during.leader_changes, 1U) << "seed " << seed;
    EXPECT_GE(result.during.first_gap, 4800ms) << "seed " << seed;
    EXPECT_LE(result.during.first_gap, 12s) << "seed " << seed;
    EXPECT_EQ(result.split_lease, 0ms) << "seed " << seed;
  }
}

// The only acceptor behind the lease restarts and elects with one that has acknowledged nothing: it
// must still keep what it acknowledged before.
TEST(DynamoDb, ARestartedAcceptorRemembersThatItMayBeBound) {
  const DynamoProtocol protocol({.election_timeout = 300ms, .lease = 4s, .leader_quorum = true});
  Plan plan;
  plan.replicas = 3;
  plan.fault_from = kStart + 1s;
  plan.fault_until = kStart + 20s;
  plan.end = plan.fault_until;
  const TrueTime later = kStart + 8s;
  plan.faults = {
      {plan.fault_from, {FaultKind::kCut, 0, 2, 0, 0}},
      {plan.fault_from, {FaultKind::kCut, 2, 0, 0, 0}},
      {later, {FaultKind::kCrash, 1, 0, 0, 0}},
      {later, {FaultKind::kCut, 0, 1, 0, 0}},
      {later, {FaultKind::kCut, 1, 0, 0, 0}},
      {later + 10ms, {FaultKind::kRestart, 1, 0, 0, 0}},
  };
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RunResult result = sim::run(protocol, plan, {.seed = seed});
    EXPECT_EQ(result.during.leader_changes, 1U) << "seed " << seed;
    EXPECT_EQ(count(result, Rule::kS2), 0U) << "seed " << seed;
    EXPECT_EQ(result.split_lease, 0ms) << "seed " << seed;
  }
}

// What it claims: with the leader's own check no two leases overlap, ballots of leaders increase,
// and in either variant nothing that is committed changes. Leases that outlast several elections
// are the ones that a new leader has to wait for.
TEST(DynamoDb, IsSafeInStorms) {
  const DynamoProtocol protocols[] = {
      DynamoProtocol({}),
      DynamoProtocol({.leader_quorum = true}),
      DynamoProtocol({.election_timeout = 300ms, .lease = 4s, .leader_quorum = true}),
  };
  std::uint64_t changes = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Plan plan = random_faults(seed);
    for (const DynamoProtocol& protocol : protocols) {
      CommitsAgree<DynamoReplica> commits;
      const RunResult result = run(protocol, plan, {.seed = seed, .observers = {&commits}});
      changes += result.during.leader_changes;
      EXPECT_EQ(commits.conflicts(), 0U) << protocol.name() << ", seed " << seed;
      EXPECT_GT(commits.most(), 20U) << protocol.name() << ", seed " << seed;
      EXPECT_NE(result.final_leaders, 0U) << protocol.name() << ", seed " << seed;
      if (!protocol.has_lease()) continue;
      EXPECT_EQ(count(result, Rule::kS2), 0U) << "seed " << seed;
      EXPECT_EQ(count(result, Rule::kS6), 0U) << "seed " << seed;
      EXPECT_EQ(result.split_lease, 0ms) << "seed " << seed;
    }
  }
  EXPECT_GT(changes, 300U);
}

}  // namespace
}  // namespace vouch::sim
