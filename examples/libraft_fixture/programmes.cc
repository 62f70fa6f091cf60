#include "programmes.h"

#include "vouch/detector/assert.h"

namespace vouch::libraft {
namespace {

constexpr unsigned kFaultMs = 10'000;
constexpr unsigned kAfterMs = 5'000;

/// The server that stands `steps` behind the leader in the circle of servers.
unsigned next(const Cluster& cluster, unsigned leader, unsigned steps = 1) {
  return (leader + steps) % cluster.size();
}

void cut_both(Cluster& cluster, unsigned a, unsigned b) {
  cluster.cut(a, b);
  cluster.cut(b, a);
}

void last_and_heal(Cluster& cluster, unsigned msecs = kFaultMs) {
  cluster.run_for(msecs);
  cluster.heal_all();
  cluster.run_for(kAfterMs);
}

void no_fault(Cluster& cluster, unsigned) {
  cluster.run_for(kFaultMs + kAfterMs);
}

void cut_to_follower(Cluster& cluster, unsigned leader) {
  cluster.cut(leader, next(cluster, leader));
  last_and_heal(cluster);
}

void cut_from_follower(Cluster& cluster, unsigned leader) {
  cluster.cut(next(cluster, leader), leader);
  last_and_heal(cluster);
}

void partial_partition(Cluster& cluster, unsigned leader) {
  cut_both(cluster, leader, next(cluster, leader));
  last_and_heal(cluster);
}

/// a - b - leader - c - d: each reaches its neighbours only.
void chained(Cluster& cluster, unsigned leader) {
  const unsigned chain[] = {next(cluster, leader, 1), next(cluster, leader, 2), leader,
                            next(cluster, leader, 3), next(cluster, leader, 4)};
  for (unsigned i = 0; i < 5; ++i) {
    for (unsigned j = i + 2; j < 5; ++j)
      cut_both(cluster, chain[i], chain[j]);
  }
  last_and_heal(cluster);
}

void flapping(Cluster& cluster, unsigned leader) {
  const unsigned follower = next(cluster, leader);
  for (int i = 0; i < 5; ++i) {
    cluster.cut(leader, follower);
    cluster.run_for(1'500);
    cluster.heal(leader, follower);
    cluster.run_for(500);
  }
  cluster.run_for(kAfterMs);
}

void leader_killed(Cluster& cluster, unsigned leader) {
  cluster.kill(leader);
  cluster.run_for(kFaultMs);
}

/// The leader and one other on one side, three on the other.
void quorum_lost(Cluster& cluster, unsigned leader) {
  const unsigned partner = next(cluster, leader);
  for (unsigned steps = 2; steps < 5; ++steps) {
    cut_both(cluster, leader, next(cluster, leader, steps));
    cut_both(cluster, partner, next(cluster, leader, steps));
  }
  last_and_heal(cluster);
}

/// Nobody reaches anybody.
void everybody_alone(Cluster& cluster, unsigned) {
  for (unsigned i = 0; i < cluster.size(); ++i) {
    for (unsigned j = i + 1; j < cluster.size(); ++j)
      cut_both(cluster, i, j);
  }
  last_and_heal(cluster);
}

}  // namespace

const std::vector<Programme>& programmes() {
  static const std::vector<Programme> all = {
      {"no_fault", "nothing happens for 15 s", 3, no_fault, true},
      {"cut_to_follower", "one follower does not hear the leader for 10 s", 3, cut_to_follower,
       true},
      {"cut_from_follower", "the leader does not hear one follower for 10 s", 3, cut_from_follower,
       true},
      {"partial_partition", "leader and one follower lose each other for 10 s", 3,
       partial_partition, true},
      {"chained", "each of five reaches its neighbours only, the leader is in the middle", 5,
       chained, true},
      {"flapping", "the link to a follower is cut for 1.5 s, five times", 3, flapping, true},
      {"leader_killed", "the leader's process ends", 3, leader_killed, false},
      {"quorum_lost", "the leader is left with one of four for 10 s", 5, quorum_lost, false},
      {"everybody_alone", "nobody reaches anybody for 10 s", 3, everybody_alone, false},
  };
  return all;
}

Outcome play(const Programme& programme, Mode mode, std::uint64_t seed) {
  Cluster cluster(programme.servers, mode, seed);
  const bool began = cluster.run_until_settled(10'000);
  VOUCH_ASSERT(began);
  cluster.run_for(2'000);
  cluster.mark();
  programme.run(cluster, cluster.leader());
  Outcome outcome{.seen = cluster.seen()};
  outcome.settled = cluster.run_until_settled(1'000);
  return outcome;
}

}  // namespace vouch::libraft
