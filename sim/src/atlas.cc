#include "vouch/sim/atlas.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

#include "vouch/detector/assert.h"

namespace vouch::sim {
namespace {

/// The stream of chance of which sampled graphs are drawn.
constexpr std::uint64_t kSampleStream = 7;

/// One renaming of the followers, as a table: where the row of a node's outgoing links goes.
struct Renaming {
  std::array<std::array<Graph, 16>, kMaxAtlasReplicas> rows{};
};

std::vector<Renaming> renamings(std::size_t replicas) {
  std::vector<NodeIndex> name(replicas);
  std::iota(name.begin(), name.end(), NodeIndex{0});
  std::vector<Renaming> result;
  do {
    Renaming renaming;
    for (NodeIndex from = 0; from < replicas; ++from) {
      for (Graph row = 0; row < (Graph{1} << (replicas - 1)); ++row) {
        Graph& mapped = renaming.rows[from][row];
        for (NodeIndex to = 0; to < replicas; ++to) {
          if (to == from) continue;
          const Graph column = link_bit(replicas, 0, to < from ? to + 1 : to);
          if ((row & column) != 0) mapped |= link_bit(replicas, name[from], name[to]);
        }
      }
    }
    result.push_back(renaming);
  } while (std::next_permutation(name.begin() + 1, name.end()));
  return result;
}

Graph rename(std::size_t replicas, Graph graph, const Renaming& renaming) {
  const std::size_t width = replicas - 1;
  const Graph mask = (Graph{1} << width) - 1;
  Graph result = 0;
  for (std::size_t from = 0; from < replicas; ++from) {
    result |= renaming.rows[from][(graph >> (from * width)) & mask];
  }
  return result;
}

/// The bit of the link that `word` names; 0 if it names none.
Graph parse_link(std::size_t replicas, std::string_view word) {
  NodeIndex from = 0;
  NodeIndex to = 0;
  const char* const end = word.data() + word.size();
  const auto [arrow, from_error] = std::from_chars(word.data(), end, from);
  if (from_error != std::errc{} || !std::string_view(arrow, end).starts_with("->")) return 0;
  const auto [rest, to_error] = std::from_chars(arrow + 2, end, to);
  if (to_error != std::errc{} || rest != end) return 0;
  return from < replicas && to < replicas && from != to ? link_bit(replicas, from, to) : 0;
}

template <typename Visit>
void for_each_link(std::size_t replicas, Visit visit) {
  for (NodeIndex from = 0; from < replicas; ++from) {
    for (NodeIndex to = 0; to < replicas; ++to) {
      if (from != to) visit(from, to);
    }
  }
}

}  // namespace

std::vector<GraphClass> graph_classes(std::size_t replicas) {
  VOUCH_ASSERT(replicas >= 1 && replicas <= kMaxAtlasReplicas);
  if (replicas == 1) return {{0, 1}};
  const std::vector<Renaming> all = renamings(replicas);
  std::vector<GraphClass> classes;
  std::vector<Graph> orbit(all.size());
  for (std::uint64_t number = 0; number < graph_count(replicas); ++number) {
    const auto graph = static_cast<Graph>(number);
    bool is_least = true;
    for (std::size_t i = 0; i < all.size() && is_least; ++i) {
      orbit[i] = rename(replicas, graph, all[i]);
      is_least = orbit[i] >= graph;
    }
    if (!is_least) continue;
    std::sort(orbit.begin(), orbit.end());
    const auto end = std::unique(orbit.begin(), orbit.end());
    classes.push_back({graph, static_cast<std::uint32_t>(end - orbit.begin())});
  }
  return classes;
}

std::string describe(std::size_t replicas, Graph graph) {
  std::string text;
  for_each_link(replicas, [&](NodeIndex from, NodeIndex to) {
    if ((graph & link_bit(replicas, from, to)) == 0) return;
    if (!text.empty()) text += ' ';
    text += std::to_string(from) + "->" + std::to_string(to);
  });
  return text.empty() ? "none" : text;
}

Result<Graph> parse_graph(std::size_t replicas, std::string_view text) {
  VOUCH_ASSERT(replicas >= 2 && replicas <= kMaxGraphReplicas);
  if (text == "none") return Graph{0};
  Graph graph = 0;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    if (word.empty()) continue;
    const Graph link = parse_link(replicas, word);
    if (link == 0) {
      return Error{Errc::kBadInput,
                   "graph: a link must be FROM->TO between two different nodes of [0, " +
                       std::to_string(replicas - 1) + "], is '" + std::string(word) + "'"};
    }
    graph |= link;
  }
  if (graph == 0) return Error{Errc::kBadInput, "graph: must name links or be none, is empty"};
  return graph;
}

Graph random_graph(std::size_t replicas, Rng& rng) {
  const auto carries = static_cast<std::uint32_t>(rng.between(100'000, 990'000));
  Graph graph = 0;
  for_each_link(replicas, [&](NodeIndex from, NodeIndex to) {
    if (rng.chance(carries)) graph |= link_bit(replicas, from, to);
  });
  return graph;
}

std::vector<GraphClass> sample_graphs(std::size_t replicas, std::uint64_t count,
                                      std::uint64_t seed) {
  VOUCH_ASSERT(replicas >= 2 && replicas <= kMaxGraphReplicas);
  Rng rng = Rng(seed).fork(kSampleStream);
  std::vector<GraphClass> graphs;
  graphs.reserve(count);
  while (graphs.size() < count)
    graphs.push_back({random_graph(replicas, rng), 1});
  return graphs;
}

Plan plan_of(Graph graph, const AtlasOptions& options) {
  Plan plan;
  plan.replicas = options.replicas;
  plan.fault_from = kStart + options.warm_for;
  plan.fault_until = plan.fault_from + options.graph_for;
  plan.end = plan.fault_until + options.heal_for;
  for_each_link(options.replicas, [&](NodeIndex from, NodeIndex to) {
    if ((graph & link_bit(options.replicas, from, to)) == 0) {
      plan.faults.push_back({plan.fault_from, {FaultKind::kCut, from, to, 0, 0}});
    }
  });
  const std::size_t cuts = plan.faults.size();
  for (std::size_t i = 0; i < cuts; ++i) {
    const Fault cut = plan.faults[i].fault;
    plan.faults.push_back({plan.fault_until, {FaultKind::kHeal, cut.a, cut.b, 0, 0}});
  }
  return plan;
}

RunOptions run_options_of(Graph graph, const AtlasOptions& options) {
  RunOptions result = options.run;
  // With one seed for all, every graph would meet the same phases and delays.
  result.seed = Rng(options.run.seed).fork(graph).next();
  return result;
}

GraphOutcome try_graph(const Protocol& protocol, const GraphClass& graph,
                       const AtlasOptions& options) {
  const RunResult result =
      run(protocol, plan_of(graph.graph, options), run_options_of(graph.graph, options));
  GraphOutcome outcome;
  outcome.graph = graph;
  outcome.is_split = result.split_lease > Duration::zero();
  for (const Violation& violation : result.violations) {
    const bool is_other = violation.rule <= Rule::kS6 && violation.rule != Rule::kS2;
    outcome.safety_violations += is_other ? 1U : 0U;
  }
  // Both phases are longer than the bound. Only where nobody could be elected, but one may go on
  // leading over others (Reachability::routed), is the first not judged.
  outcome.situation = Situation::kHopeless;
  if (result.periods.empty() || result.periods.front().began >= result.fault_until) return outcome;
  const Period& during = result.periods.front();
  outcome.situation = during.situation;
  outcome.is_deposed = during.is_disturbed;
  outcome.is_stuck = during.is_stuck;
  outcome.is_churning = during.is_churning;
  outcome.is_late = during.is_late && !during.is_churning;
  outcome.split_votes = result.during.split_votes + result.after.split_votes;
  outcome.is_noisy = during.is_noisy;
  if (during.situation == Situation::kRecoverable && !during.is_stuck) {
    outcome.recovery = during.recovery;
  }
  if (result.periods.size() > 1) {
    const Period& healed = result.periods.back();
    outcome.is_disturbed = !healed.is_clean() || healed.elections > 1;
  }
  return outcome;
}

void AtlasSummary::add(const GraphOutcome& outcome) {
  const std::uint64_t weight = outcome.graph.weight;
  graphs += weight;
  switch (outcome.situation) {
    case Situation::kKept:
      kept += weight;
      break;
    case Situation::kRecoverable:
      recoverable += weight;
      break;
    case Situation::kHopeless:
      hopeless += weight;
      break;
  }
  deposed += outcome.is_deposed ? weight : 0;
  stuck += outcome.is_stuck ? weight : 0;
  churning += outcome.is_churning ? weight : 0;
  late += outcome.is_late ? weight : 0;
  noisy += outcome.is_noisy ? weight : 0;
  disturbed += outcome.is_disturbed ? weight : 0;
  split += outcome.is_split ? weight : 0;
  unsafe += outcome.safety_violations > 0 ? weight : 0;
  split_votes += weight * outcome.split_votes;
  if (outcome.recovery > Duration::zero()) {
    const auto ms = static_cast<std::size_t>((outcome.recovery.count() + 999'999) / 1'000'000);
    if (recovery_ms.size() <= ms) recovery_ms.resize(ms + 1);
    recovery_ms[ms] += weight;
  }
  if (!outcome.is_clean() && failures.size() < kFailuresKept) failures.push_back(outcome);
}

Duration AtlasSummary::recovery_quantile(std::uint32_t per_mille) const {
  const std::uint64_t total =
      std::accumulate(recovery_ms.begin(), recovery_ms.end(), std::uint64_t{0});
  std::uint64_t seen = 0;
  for (std::size_t ms = 0; ms < recovery_ms.size(); ++ms) {
    seen += recovery_ms[ms];
    if (seen > 0 && seen * 1000 >= total * per_mille) {
      return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
    }
  }
  return Duration::zero();
}

AtlasSummary run_atlas(const Protocol& protocol, const AtlasOptions& options) {
  AtlasSummary summary;
  for (const GraphClass& graph : graph_classes(options.replicas)) {
    summary.add(try_graph(protocol, graph, options));
  }
  return summary;
}

}  // namespace vouch::sim
