#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vouch/detector/time.h"
#include "vouch/sim/checker.h"
#include "vouch/sim/liveness.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/run.h"

namespace vouch::sim {

/// A random sequence of graphs, each of which stays for a while: what is left in flight, half
/// decided or half forgotten when one graph follows another, the atlas does not see.
struct TransitionOptions {
  std::size_t replicas = 5;        ///< In [2, kMaxGraphReplicas].
  std::uint64_t transitions = 50;  ///< Graphs in this sequence.
  Duration stay_min = std::chrono::milliseconds(500);
  Duration stay_max = std::chrono::milliseconds(6000);
  std::uint32_t loss_per_million = 10'000;    ///< Of every link that carries, in half the graphs.
  std::uint32_t pause_per_million = 300'000;  ///< Chance that a node is paused during a graph.
  Duration pause_max = std::chrono::milliseconds(2500);
  std::int32_t drift_ppm = 1000;  ///< Each clock is so much fast or slow all the time.
  RunOptions run{};               ///< The seed draws everything.
};

/// What happens in the sequence of `options`: a pure function of it. The sequence with fewer
/// transitions is a prefix, up to the heal at its end.
[[nodiscard]] Plan plan_of(const TransitionOptions& options);

/// What came of one sequence.
struct SequenceOutcome {
  std::uint64_t seed = 0;
  std::uint64_t transitions = 0;
  /// Periods long enough and without loss, by what they demanded (see Situation).
  std::uint64_t kept = 0;
  std::uint64_t recoverable = 0;
  std::uint64_t hopeless = 0;
  std::uint64_t elections = 0;
  std::uint64_t leader_changes = 0;
  Duration split_lease{};
  std::uint64_t violation_count = 0;
  std::vector<Violation> violations;  ///< The first ones.
};

/// Runs the sequence. Independent of every other call, so that a program may run them in parallel.
[[nodiscard]] SequenceOutcome try_sequence(const Protocol& protocol,
                                           const TransitionOptions& options);

/// The sum over sequences.
struct TransitionSummary {
  std::uint64_t sequences = 0;
  std::uint64_t transitions = 0;
  std::uint64_t kept = 0;
  std::uint64_t recoverable = 0;
  std::uint64_t hopeless = 0;
  std::uint64_t elections = 0;
  std::uint64_t leader_changes = 0;
  std::uint64_t violations = 0;
  std::uint64_t failing = 0;  ///< Sequences with a violation.
  /// Sequences in which the rule is among the first violations.
  std::array<std::uint64_t, kRuleCount> by_rule{};

  /// A sequence that broke a rule, and its first violation.
  struct Failure {
    std::uint64_t seed = 0;
    std::uint64_t transitions = 0;
    Rule rule{};
    std::int64_t at_ms = 0;
    std::string text;

    friend bool operator==(const Failure&, const Failure&) = default;
  };
  std::vector<Failure> failures;  ///< The first ones, at most kFailuresKept.
  static constexpr std::size_t kFailuresKept = 100;

  void add(const SequenceOutcome& outcome);

  friend bool operator==(const TransitionSummary&, const TransitionSummary&) = default;
};

}  // namespace vouch::sim
