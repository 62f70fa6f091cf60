#include "vouch/sim/atlas.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "vouch/sim/policies.h"
#include "vouch/sim/split_votes.h"

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

AtlasOptions options_of(std::string_view policy, std::size_t replicas) {
  const PolicySettings settings{.replicas = replicas};
  AtlasOptions options;
  options.replicas = replicas;
  options.run.liveness_bound = liveness_bound(settings.vouch);
  if (policy == "vouch") options.run.consent_limit = consent_limit(settings.vouch);
  return options;
}

AtlasSummary atlas_of(std::string_view policy, std::size_t replicas, Duration graph_for,
                      Duration heal_for) {
  const auto protocol = make_policy(policy, {.replicas = replicas});
  AtlasOptions options = options_of(policy, replicas);
  options.graph_for = graph_for;
  options.heal_for = heal_for;
  return run_atlas(**protocol, options);
}

void expect_clean(const AtlasSummary& summary, std::size_t replicas) {
  EXPECT_EQ(summary.deposed, 0U);
  EXPECT_EQ(summary.stuck, 0U);
  EXPECT_EQ(summary.churning, 0U);
  EXPECT_EQ(summary.late, 0U);
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

// Every 300th class here, every 20th in the check, all of them by `vouch atlas --replicas 5`.
TEST(Atlas, VouchIsRightInASampleOfTheGraphsOfFive) {
  const auto protocol = make_policy("vouch", {.replicas = 5});
  const AtlasOptions options = options_of("vouch", 5);
  const auto classes = graph_classes(5);
  AtlasSummary summary;
  for (std::size_t i = 0; i < classes.size(); i += 300)
    summary.add(try_graph(**protocol, classes[i], options));
  EXPECT_GT(summary.kept, 200U);
  EXPECT_GT(summary.recoverable, 200U);
  EXPECT_GT(summary.hopeless, 200U);
  expect_clean(summary, 5);
  // One lease, two confirmation windows and two round trips (rule L2).
  const MonitorConfig config{};
  EXPECT_LE(summary.recovery_quantile(990), config.lease + 2 * config.confirm_interval + 2 * 1ms);
}

TEST(Atlas, VouchIsRightInRandomGraphsOfSeven) {
  const auto protocol = make_policy("vouch", {.replicas = 7});
  const AtlasOptions options = options_of("vouch", 7);
  AtlasSummary summary;
  for (const GraphClass& graph : sample_graphs(7, 40, 1))
    summary.add(try_graph(**protocol, graph, options));
  EXPECT_GT(summary.kept, 2U);
  EXPECT_GT(summary.recoverable, 2U);
  EXPECT_GT(summary.hopeless, 2U);
  expect_clean(summary, 7);
}

TEST(Atlas, GraphsAreReadAsTheyAreWritten) {
  for (std::size_t replicas = 2; replicas <= kMaxGraphReplicas; ++replicas) {
    for (const GraphClass& c : sample_graphs(replicas, 50, replicas)) {
      const auto read = parse_graph(replicas, describe(replicas, c.graph));
      ASSERT_TRUE(read) << describe(replicas, c.graph);
      EXPECT_EQ(*read, c.graph);
    }
  }
  EXPECT_EQ(*parse_graph(3, "none"), 0U);
  EXPECT_EQ(*parse_graph(3, "  2->0  0->1 2->0"), link_bit(3, 0, 1) | link_bit(3, 2, 0));
  for (const char* wrong : {"", " ", "0", "0->", "->1", "0->0", "0->3", "3->0", "0-1", "0->1,1->0",
                            "0->1x", "0->-1", "none 0->1", "0 -> 1", "99999999999->1"}) {
    EXPECT_FALSE(parse_graph(3, wrong)) << wrong;
  }
}

// Which graphs a sample has, and with which chance each is met, must not change unnoticed: the
// commands that repeat a failure rely on it.
TEST(Atlas, EveryGraphHasASeedOfItsOwn) {
  AtlasOptions options;
  options.run.seed = 5;
  const std::uint64_t one = run_options_of(1, options).seed;
  EXPECT_EQ(run_options_of(1, options).seed, one);
  EXPECT_NE(run_options_of(2, options).seed, one);
  options.run.seed = 6;
  EXPECT_NE(run_options_of(1, options).seed, one);
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
  // Measured by vouch's bound, which check-quorum exceeds: it recovers once and for good, but late.
  EXPECT_GT(etcd.late, 0U);
  EXPECT_EQ(etcd.churning, 0U);
}

// Every follower of Raft times out at random: in some graphs two do so at the same time.
TEST(Atlas, SplitVotesAreCountedAndNotJudged) {
  EXPECT_EQ(atlas_of("vouch", 3, 6s, 4s).split_votes, 0U);
  EXPECT_GT(atlas_of("raft", 3, 30s, 10s).split_votes, 0U);
  AtlasSummary summary;
  summary.add({.graph = {1, 6}, .split_votes = 2});
  EXPECT_EQ(summary.split_votes, 12U);
  EXPECT_TRUE(summary.is_clean());
  summary.add({.graph = {1, 6}, .is_late = true});
  EXPECT_FALSE(summary.is_clean());
}

TEST(SplitVotes, AreTermsOfSeveralCandidatesAndNoLeader) {
  SplitVotes votes;
  votes.campaigned(Term{2}, 1);
  votes.campaigned(Term{2}, 1);
  EXPECT_EQ(votes.count(), 0U) << "one candidate, asking twice";
  votes.campaigned(Term{3}, 1);
  votes.campaigned(Term{2}, 2);
  EXPECT_EQ(votes.count(), 1U);
  votes.campaigned(Term{3}, 4);
  EXPECT_EQ(votes.count(), 2U);
  votes.elected(Term{3});
  EXPECT_EQ(votes.count(), 1U) << "somebody won";
  for (std::uint64_t term = 4; term < 200; ++term)
    votes.campaigned(Term{term}, 0);
  EXPECT_EQ(votes.count(), 1U) << "what is long settled stays counted";
}

}  // namespace
}  // namespace vouch::sim
