#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "command.h"
#include "vouch/sim/atlas.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/transitions.h"

namespace vouch::cli {

/// Adds `vouch atlas`: every directed graph of links, policies side by side.
void register_atlas(CLI::App& app, Outcome& outcome);

/// What an atlas is of: with these the outcome is the same to the byte, however it is run.
struct AtlasSettings {
  std::size_t replicas = 3;
  std::vector<std::string> policies;
  std::uint64_t every = 1;        ///< One class of graphs out of so many in a row.
  std::uint64_t sample = 0;       ///< Not 0: so many graphs drawn at random instead.
  std::uint64_t transitions = 0;  ///< Not 0: sequences of so many random graphs instead.
  std::uint64_t seed = 1;
  bool digests = false;  ///< vouch: groups travel apart from heartbeats (ClaimMode::kDigest).

  friend bool operator==(const AtlasSettings&, const AtlasSettings&) = default;
};

/// An atlas as far as it has come. Items are graphs or sequences, one policy after the other.
struct AtlasState {
  AtlasSettings settings;
  std::uint64_t done = 0;                           ///< Items.
  std::vector<sim::AtlasSummary> graphs;            ///< By policy.
  std::vector<sim::TransitionSummary> transitions;  ///< By policy, when settings.transitions.
};

/// Transitions of one sequence; each sequence has a seed of its own.
inline constexpr std::uint64_t kTransitionsPerSequence = 50;

[[nodiscard]] AtlasState begin_atlas(const AtlasSettings& settings);

[[nodiscard]] sim::PolicySettings policy_settings(const AtlasSettings& settings);

/// How a policy is tried: what is asked of its liveness depends on what it promises.
[[nodiscard]] sim::AtlasOptions atlas_options(const AtlasSettings& settings,
                                              std::string_view policy);
[[nodiscard]] sim::TransitionOptions transition_options(const AtlasSettings& settings,
                                                        std::string_view policy);

/// How an atlas is run; none of it changes its outcome.
struct AtlasControl {
  unsigned jobs = 1;
  std::uint64_t stop_after = UINT64_MAX;  ///< Items, then it stops as if interrupted.
  std::function<bool()> is_stopped;       ///< Asked by all threads.
  /// After each item, in the calling thread.
  std::function<void(const AtlasState& state, std::uint64_t total)> progress;
};

/// Goes on from `state` until all is done or it is stopped. The result is the number of all items.
[[nodiscard]] Result<std::uint64_t> run_atlas(AtlasState& state, const AtlasControl& control);

/// The file by which an interrupted atlas is continued.
[[nodiscard]] Status write_state(const std::string& path, const AtlasState& state);
[[nodiscard]] Result<AtlasState> read_state(const std::string& path);

/// Whether `vouch` broke a rule in it.
[[nodiscard]] bool is_violated(const AtlasState& state);

/// Tables, and below them what failed, with the commands that repeat it.
void print_atlas(const AtlasState& state, std::ostream& out);
/// The same as one JSON document.
void print_atlas_json(const AtlasState& state, std::ostream& out);

/// The command that tries one graph or one sequence again.
[[nodiscard]] std::string graph_command(const AtlasSettings& settings, std::string_view policy,
                                        sim::Graph graph);
[[nodiscard]] std::string sequence_command(const AtlasSettings& settings, std::string_view policy,
                                           std::uint64_t seed, std::uint64_t transitions);

/// What went wrong in a graph, in words of the table's columns; empty: nothing.
[[nodiscard]] std::vector<std::string_view> faults_of(const sim::GraphOutcome& outcome);

/// 1048576 as `1,048,576`.
[[nodiscard]] std::string grouped(std::uint64_t value);

}  // namespace vouch::cli
