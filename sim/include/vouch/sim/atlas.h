#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/sim/network.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/run.h"

namespace vouch::sim {

/// A directed graph of links between up to eight replicas: one bit per ordered pair, set when the
/// link carries. Node 0 leads at first. See `link_bit`.
using Graph = std::uint64_t;

/// Most replicas of a graph.
inline constexpr std::size_t kMaxGraphReplicas = 8;

/// Most replicas whose graphs are enumerated: 2^20 of them.
inline constexpr std::size_t kMaxAtlasReplicas = 5;

/// The bit of the link from -> to in a graph of `replicas` nodes.
[[nodiscard]] constexpr Graph link_bit(std::size_t replicas, NodeIndex from, NodeIndex to) {
  const std::size_t column = to < from ? to : to - 1U;
  return Graph{1} << (from * (replicas - 1) + column);
}

/// The number of graphs: 2 ^ (replicas * (replicas - 1)).
[[nodiscard]] constexpr std::uint64_t graph_count(std::size_t replicas) {
  return std::uint64_t{1} << (replicas * (replicas - 1));
}

/// Graphs that differ only by the names of the followers, by one of them (the least number).
struct GraphClass {
  Graph graph = 0;
  std::uint32_t weight = 0;  ///< How many graphs it stands for.

  friend bool operator==(const GraphClass&, const GraphClass&) = default;
};

/// Every class of graphs, ascending; the weights add up to graph_count. 1 <= replicas <= 5.
[[nodiscard]] std::vector<GraphClass> graph_classes(std::size_t replicas);

/// `count` graphs drawn at random, each for itself: of few links, of many and of all between. For
/// groups too large to be enumerated. 2 <= replicas <= kMaxGraphReplicas.
[[nodiscard]] std::vector<GraphClass> sample_graphs(std::size_t replicas, std::uint64_t count,
                                                    std::uint64_t seed);

/// A random graph: each link carries by a chance that is itself drawn first.
[[nodiscard]] Graph random_graph(std::size_t replicas, Rng& rng);

/// The graph as scenario files write links: "0->1 1->0 ...", or "none".
[[nodiscard]] std::string describe(std::size_t replicas, Graph graph);

/// Reads what `describe` writes. The error names the link that is wrong.
[[nodiscard]] Result<Graph> parse_graph(std::size_t replicas, std::string_view text);

/// How each graph is tried: all links at first, then the graph, then all links again.
struct AtlasOptions {
  std::size_t replicas = 3;
  Duration warm_for = std::chrono::seconds(3);
  Duration graph_for = std::chrono::seconds(30);
  Duration heal_for = std::chrono::seconds(10);
  RunOptions run{};  ///< The seed, of which each graph has one of its own, and the limits.
};

/// What came of one graph.
struct GraphOutcome {
  GraphClass graph{};
  Situation situation{};
  bool is_deposed = false;   ///< The leader kept its quorum and was deposed (L1).
  bool is_stuck = false;     ///< Recoverable, and no usable leader at the end (L2).
  bool is_churning = false;  ///< Recoverable, and several leaderships, or elections after it (L2).
  bool is_late = false;      ///< Recovered for good, but later than the bound (L2).
  bool is_noisy = false;  ///< Nobody could lead, and terms grew or somebody went on leading (L3).
  bool is_disturbed =
      false;  ///< The heal disturbed a leader, or left none, or cost two elections (L6).
  bool is_split = false;                ///< Two leases at once (S2).
  std::uint64_t safety_violations = 0;  ///< S1, S3, S6.
  std::uint32_t split_votes = 0;        ///< While the graph stays and after the heal.
  Duration recovery{};  ///< Recoverable and not stuck: until a usable leader stood for good.

  [[nodiscard]] bool is_clean() const {
    return !is_deposed && !is_stuck && !is_churning && !is_late && !is_noisy && !is_disturbed &&
           !is_split && safety_violations == 0;
  }
  friend bool operator==(const GraphOutcome&, const GraphOutcome&) = default;
};

/// The plan by which a graph is tried: also what a failing one is replayed by.
[[nodiscard]] Plan plan_of(Graph graph, const AtlasOptions& options);

/// How `options` run this graph: with a seed of its own.
[[nodiscard]] RunOptions run_options_of(Graph graph, const AtlasOptions& options);

/// Tries one graph. Independent of every other call, so that a program may run them in parallel.
[[nodiscard]] GraphOutcome try_graph(const Protocol& protocol, const GraphClass& graph,
                                     const AtlasOptions& options);

/// The sum over graphs, each counted with its weight.
struct AtlasSummary {
  std::uint64_t graphs = 0;
  std::uint64_t kept = 0;
  std::uint64_t recoverable = 0;
  std::uint64_t hopeless = 0;
  std::uint64_t deposed = 0;
  std::uint64_t stuck = 0;
  std::uint64_t churning = 0;
  std::uint64_t late = 0;
  std::uint64_t noisy = 0;
  std::uint64_t disturbed = 0;
  std::uint64_t split = 0;
  std::uint64_t unsafe = 0;
  std::uint64_t split_votes = 0;  ///< Counted, not judged: a split vote is the exception (L4).
  std::vector<GraphOutcome>
      failures;  ///< The first ones that are not clean, at most kFailuresKept.
  /// Recovery times in milliseconds, rounded up, by how many graphs have them.
  std::vector<std::uint64_t> recovery_ms;

  static constexpr std::size_t kFailuresKept = 100;

  void add(const GraphOutcome& outcome);

  /// The recovery time that `per_mille` of a thousand recovered graphs do not exceed; zero when
  /// none recovered.
  [[nodiscard]] Duration recovery_quantile(std::uint32_t per_mille) const;

  /// Whether every graph was clean.
  [[nodiscard]] bool is_clean() const {
    return deposed + stuck + churning + late + noisy + disturbed + split + unsafe == 0;
  }
  friend bool operator==(const AtlasSummary&, const AtlasSummary&) = default;
};

/// Every class of graphs, one after the other.
[[nodiscard]] AtlasSummary run_atlas(const Protocol& protocol, const AtlasOptions& options);

}  // namespace vouch::sim
