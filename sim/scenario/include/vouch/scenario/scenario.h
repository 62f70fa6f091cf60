#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/sim/checker.h"
#include "vouch/sim/network.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"

namespace vouch::scenario {

/// What a scenario may expect a number of. The names are those of the files
/// (docs/scenario.schema.json) and of the JSON output. Counts and times are those of the fault
/// phase and after it together, unless the name says otherwise.
enum class Measure : std::uint8_t {
  kElections,             ///< `elections`: campaigns begun, each of which spends a term.
  kUnnecessaryElections,  ///< `unnecessary_elections`: while a usable leader was there.
  kElectionsAfter,        ///< `elections_after`: after the heal only.
  kLeaderChanges,         ///< `leader_changes`: leaderships won.
  kTermGrowth,            ///< `term_growth`.
  kFailover,              ///< `failover_ms`: the first time without a usable leader.
  kUnavailable,           ///< `unavailable_ms`: in the fault phase.
  kUnavailableAfter,      ///< `unavailable_after_ms`: after the heal.
  kLongestGap,            ///< `longest_gap_ms`: in either phase.
  kSplitLease,            ///< `split_lease_ms`: two nodes believed to hold the lease.
  kMessages,              ///< `messages_per_node_second`: in the fault phase.
  // Of the clients; of the worse one where it is about one.
  kClientUnavailable,       ///< `client_unavailable_ms`: in the fault phase.
  kClientUnavailableAfter,  ///< `client_unavailable_after_ms`: after the heal.
  kClientLongestGap,        ///< `client_longest_gap_ms`: in either phase.
  kUselessFrontEnd,         ///< `useless_front_end_ms`: endpoint-milliseconds in the fault phase.
  kWrongLeaderRequests,     ///< `wrong_leader_requests`: see sim::ClientOutcome.
  kNotLeaderRequests,       ///< `not_leader_requests`.
  kTransfersAdvised,        ///< `transfers_advised`: by leaders, in the whole run.
};
inline constexpr std::uint8_t kMeasureCount = 18;

[[nodiscard]] std::string_view to_string(Measure measure);

/// The value of a measure: times in whole milliseconds, rounded up.
[[nodiscard]] std::int64_t value_of(Measure measure, const sim::RunResult& result,
                                    std::size_t replicas);

/// A measure and what it must lie within.
struct Bound {
  Measure measure{};
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
};

/// A diagnosis that somebody is expected to raise, or may raise.
struct ExpectedDiagnosis {
  std::string code;     ///< As to_string(DiagnosisKind) names it.
  std::string culprit;  ///< As culprit_text() names it, nodes by index; empty: any.
  Duration after{};     ///< Counted from fault_from: when its cause begins.
  Duration within = std::chrono::seconds(2);
  bool is_optional = false;
  bool stays = false;  ///< Need not be cleared after the heal: its cause lasts.
};

/// What one policy is expected to do.
struct Expectation {
  std::string policy;
  std::vector<Bound> bounds;
  std::optional<sim::NodeSet>
      final_leader;  ///< Exactly one usable leader at the end, out of these; an empty set: none.
  std::optional<sim::NodeSet> leader_at_heal;  ///< The same, when the fault ends.
  /// All that is diagnosed must be among these, by whomever. An empty list: nothing is.
  std::optional<std::vector<ExpectedDiagnosis>> diagnosis;
};

/// What kind of outcome a scenario is about. The reader checks that what vouch is expected to do
/// says the same.
enum class OutcomeClass : std::uint8_t {
  kUnstated,
  kKeep,   ///< `keep`: no election.
  kMove,   ///< `move`: exactly the elections given.
  kStop,   ///< `stop`: nobody may lead when the fault phase ends.
  kBound,  ///< `bound`: no more elections than given.
};

[[nodiscard]] std::string_view to_string(OutcomeClass outcome);

/// One scenario as its file states it.
struct Scenario {
  std::string name;
  std::string variant;  ///< The values of swept parameters, "loss=100000"; usually empty.
  std::string title;
  std::string note;
  std::string pending;  ///< Why the outcome cannot be expected yet; usually empty.
  OutcomeClass outcome = OutcomeClass::kUnstated;
  /// The clocks break the bound that leases rely on: split leases are measured, not judged.
  bool assumption_violated = false;
  /// How soon a leader must stand where one can; usually what the settings promise.
  std::optional<Duration> liveness_bound;
  sim::Plan plan;
  sim::PolicySettings settings;
  std::vector<Expectation> expectations;

  /// What the policy is expected to do, or nullptr.
  [[nodiscard]] const Expectation* expected_of(std::string_view policy) const;

  /// The outcome cannot be expected yet of vouch, nor of a variant of it of which nothing is said.
  [[nodiscard]] bool is_pending(std::string_view policy) const;

  /// The name with the variant, for tables.
  [[nodiscard]] std::string label() const;

  /// Whether breaking this rule is a failure here.
  [[nodiscard]] bool judges(sim::Rule rule) const;
};

/// Reads a scenario: one, or one for each choice of the parameters that it sweeps. `file` names it
/// in errors, which are "file:line: field: rule, is value". Unknown keys are errors, and nothing is
/// ever read by half.
[[nodiscard]] Result<std::vector<Scenario>> read_scenarios(std::string_view text,
                                                           std::string_view file);

/// The first of them.
[[nodiscard]] Result<Scenario> read_scenario(std::string_view text, std::string_view file);

/// Reads the file at `path`, or the shipped scenario of that name when there is no such file.
[[nodiscard]] Result<std::vector<Scenario>> load_scenarios(const std::string& path_or_name);

/// The first of them.
[[nodiscard]] Result<Scenario> load_scenario(const std::string& path_or_name);

/// The text of a file that reads as this scenario: the same plan, settings and expectations, with
/// one event for each fault. Sweeps are not kept. The error names what a file cannot hold.
[[nodiscard]] Result<std::string> write_scenario(const Scenario& scenario);

/// A scenario that is part of the program.
struct Shipped {
  std::string_view name;
  std::string_view text;
};

/// Every shipped scenario, in the order of their names.
[[nodiscard]] const std::vector<Shipped>& shipped_scenarios();

/// What `result` misses of `expectation`, each in words; empty when it is met.
[[nodiscard]] std::vector<std::string> misses(const Expectation& expectation,
                                              const sim::RunResult& result, std::size_t replicas);

/// How the checks of a run are set for the policy in this scenario.
[[nodiscard]] sim::RunOptions run_options(const Scenario& scenario, std::string_view policy,
                                          std::uint64_t seed);

}  // namespace vouch::scenario
