#include "vouch/sim/omnipaxos.h"

#include <gtest/gtest.h>

#include <chrono>

#include "fault_plan.h"

// Known outcomes: Ng, Haridi, Carbone, EuroSys 2023, table 1 and the evaluation of partial
// connectivity: with one quorum-connected server Omni-Paxos recovers from quorum loss and from a
// constrained election in a constant number of timeouts, and a chained group settles.
//
// Here at most five: a leader notices at the end of its next round but one that it has lost the
// quorum (the answers of the running one may have come before), the hub asks in the round after
// that, raises its ballot at its end, and is seen as the highest at the end of the next.

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTimeout = 1s;

TEST(OmniPaxos, ACrashedLeaderIsReplacedWithinThreeRounds) {
  const FaultPlan plan = FaultPlan().crash(0);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RunResult result = plan.run("omnipaxos", seed);
    EXPECT_TRUE(result.began_led) << "seed " << seed;
    EXPECT_GE(result.during.leader_changes, 1U) << "seed " << seed;
    EXPECT_LE(result.failover(), 3 * kTimeout + 200ms) << "seed " << seed;
    EXPECT_GE(result.failover(), kTimeout) << "seed " << seed;
  }
}

TEST(OmniPaxos, QuorumLossIsOverWithinFiveTimeouts) {
  const FaultPlan plan = FaultPlan().only_hub(1);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RunResult result = plan.run("omnipaxos", seed);
    EXPECT_NE(result.leaders_at_heal & node_bit(1), 0U) << "seed " << seed;
    EXPECT_EQ(result.during.leader_changes, 1U) << "seed " << seed;
    EXPECT_LE(result.failover(), 5 * kTimeout + 100ms) << "seed " << seed;
  }
}

// The only quorum-connected server lacks the log, and fetches it from the promises.
TEST(OmniPaxos, AConstrainedElectionIsOverWithinFiveTimeouts) {
  const FaultPlan plan = FaultPlan().constrained();
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CommitsAgree<OmniPaxosReplica> commits;
    const RunResult result = plan.run("omnipaxos", seed, {}, {&commits});
    EXPECT_NE(result.leaders_at_heal & node_bit(1), 0U) << "seed " << seed;
    EXPECT_LE(result.failover(), 5 * kTimeout + 600ms) << "seed " << seed;
    EXPECT_EQ(commits.conflicts(), 0U) << "seed " << seed;
    EXPECT_GT(commits.most(), 300U) << "seed " << seed;
  }
}

// Each end of the chain sees the middle only. The end without the leader takes over once; the old
// leader does not hear of that ballot, so that they do not compete: it stays so.
TEST(OmniPaxos, AChainSettlesAfterOneChange) {
  FaultPlan plan(3);
  plan.cut_both(0, 1);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RunResult result = plan.run("omnipaxos", seed);
    EXPECT_EQ(result.during.leader_changes, 1U) << "seed " << seed;
    EXPECT_EQ(result.during.elections, 1U) << "seed " << seed;
    EXPECT_NE(result.leaders_at_heal & node_bit(1), 0U) << "seed " << seed;
  }
}

TEST(OmniPaxos, ServersWithoutAQuorumStayQuiet) {
  FaultPlan plan;
  for (NodeIndex node = 0; node < 5; ++node)
    plan.isolate(node);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RunResult result = plan.run("omnipaxos", seed);
    EXPECT_EQ(result.during.elections, 0U) << "seed " << seed;
    EXPECT_EQ(result.during.term_growth, 0U) << "seed " << seed;
    EXPECT_NE(result.final_leaders, 0U) << "seed " << seed;
  }
}

// A deaf or a mute leader is not quorum-connected: heartbeats are round trips.
TEST(OmniPaxos, OneWayCutsCountAsTwoWayOnes) {
  const FaultPlan deaf = FaultPlan().deaf(0);
  const FaultPlan mute = FaultPlan().mute(0);
  for (const FaultPlan& plan : {deaf, mute}) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const RunResult result = plan.run("omnipaxos", seed);
      EXPECT_GE(result.during.leader_changes, 1U) << "seed " << seed;
      EXPECT_NE(result.leaders_at_heal & ~node_bit(0), 0U) << "seed " << seed;
      EXPECT_LE(result.failover(), 5 * kTimeout + 100ms) << "seed " << seed;
    }
  }
}

TEST(OmniPaxos, NothingCommittedChangesInStorms) {
  std::uint64_t changes = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Plan plan = random_faults(seed);
    const auto protocol = make_policy("omnipaxos", {.replicas = plan.replicas});
    CommitsAgree<OmniPaxosReplica> commits;
    const RunResult result = run(**protocol, plan, {.seed = seed, .observers = {&commits}});
    changes += result.during.leader_changes;
    EXPECT_EQ(commits.conflicts(), 0U) << "seed " << seed;
    EXPECT_GT(commits.most(), 20U) << "seed " << seed;
    EXPECT_NE(result.final_leaders, 0U) << "seed " << seed;
  }
  EXPECT_GT(changes, 100U);
}

}  // namespace
}  // namespace vouch::sim
