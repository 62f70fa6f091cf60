#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "command.h"
#include "vouch/report/recording.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/run.h"

namespace vouch::cli {

/// Adds `vouch simulate`: scenarios in virtual time, policies side by side.
void register_simulate(CLI::App& app, Outcome& outcome);

/// The runs of one scenario under one policy, by consecutive seeds.
struct PolicyRuns {
  std::string policy;
  std::uint64_t first_seed = 1;
  std::vector<sim::RunResult> results;
  /// What the runs missed of what the scenario expects, each with its seed; empty: all is met.
  std::vector<std::string> misses;
  bool is_expected = false;  ///< The scenario says something about this policy.
  bool is_judged = true;     ///< By what it says; not with other times than its own.
  std::optional<report::Recording> recording;  ///< Of the first seed, if a report was asked for.
};

/// One scenario with the runs of every policy.
struct ScenarioRuns {
  scenario::Scenario scenario;
  std::vector<PolicyRuns> policies;
};

/// The table, and below it what was missed.
void print_simulation(const std::vector<ScenarioRuns>& all, std::ostream& out);

/// One row per scenario and one column per policy: what a whole catalogue comes to.
void print_comparison(const std::vector<ScenarioRuns>& all, std::ostream& out);

/// The same as one JSON document.
void print_simulation_json(const std::vector<ScenarioRuns>& all, std::ostream& out);

}  // namespace vouch::cli
