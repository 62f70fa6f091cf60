#include "vouch/sim/atlas.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "vouch/sim/policies.h"

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

AtlasSummary atlas_of(std::string_view policy, std::size_t replicas, Duration graph_for,
                      Duration heal_for) {
  const PolicySettings settings{.replicas = replicas};
  const auto protocol = make_policy(policy, settings);
  AtlasOptions options;
  options.replicas = replicas;
  options.graph_for = graph_for;
  options.heal_for = heal_for;
  options.run.liveness_bound = liveness_bound(settings.vouch);
  if (policy == "vouch") options.run.consent_limit = consent_limit(settings.vouch);
  return run_atlas(**protocol, options);
}

void expect_clean(const AtlasSummary& summary, std::size_t replicas) {
  EXPECT_EQ(summary.deposed, 0U);
  EXPECT_EQ(summary.stuck, 0U);
  EXPECT_EQ(summary.churning, 0U);
  EXPECT_EQ(summary.noisy, 0U);
  EXPECT_EQ(summary.disturbed, 0U);
  EXPECT_EQ(summary.split, 0U);
  EXPECT_EQ(summary.unsafe, 0U);
  for (const GraphOutcome& failure : summary.failures) {
    ADD_FAILURE() << "graph " << failure.graph.graph << ": "
                  << describe(replicas, failure.graph.graph);
  }
}

TEST(Atlas, ClassesCoverEveryGraphOnce) {
  for (std::size_t replicas = 1; replicas <= 4; ++replicas) {
    const auto classes = graph_classes(replicas);
    const auto total =
        std::accumulate(classes.begin(), classes.end(), std::uint64_t{0},
                        [](std::uint64_t sum, const GraphClass& c) { return sum + c.weight; });
    EXPECT_EQ(total, graph_count(replicas)) << replicas;
  }
  EXPECT_EQ(graph_classes(3).size(), 36U);   // By Burnside: (64 + 8) / 2.
  EXPECT_EQ(graph_classes(4).size(), 752U);  // (4096 + 3 * 128 + 2 * 16) / 6.
}

TEST(Atlas, FiveReplicasHave45960Classes) {
  const auto classes = graph_classes(5);
  EXPECT_EQ(classes.size(), 45'960U);
  std::uint64_t total = 0;
  for (const GraphClass& c : classes)
    total += c.weight;
  EXPECT_EQ(total, graph_count(5));
}

// L1, L2, L3, L6 and all of S in every directed graph.
TEST(Atlas, VouchIsRightInAll64GraphsOfThree) {
  const AtlasSummary summary = atlas_of("vouch", 3, 30s, 10s);
  EXPECT_EQ(summary.graphs, 64U);
  EXPECT_EQ(summary.kept, 28U);
  EXPECT_EQ(summary.recoverable, 9U);
  EXPECT_EQ(summary.hopeless, 27U);
  expect_clean(summary, 3);
}

TEST(Atlas, VouchIsRightInAll4096GraphsOfFour) {
  const AtlasSummary summary = atlas_of("vouch", 4, 6s, 4s);
  EXPECT_EQ(summary.graphs, 4096U);
  expect_clean(summary, 4);
}

// The atlas tells policies apart: what it finds in Raft is what Raft's own papers say.
TEST(Atlas, RaftIsDeposedAndWithoutCheckQuorumStuck) {
  const AtlasSummary plain = atlas_of("raft", 3, 30s, 10s);
  EXPECT_GT(plain.deposed, 0U);
  EXPECT_GT(plain.stuck, 0U);
  const AtlasSummary etcd = atlas_of("raft+prevote+checkquorum", 3, 30s, 10s);
  EXPECT_EQ(etcd.deposed, 0U);
  EXPECT_EQ(etcd.stuck, 0U);
  EXPECT_EQ(etcd.noisy, 0U);
}

}  // namespace
}  // namespace vouch::sim
