#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "simulate.h"
#include "vouch/sim/observer.h"

namespace vouch::cli {

/// What is run of each scenario. The outcome depends on this alone.
struct SimulationPlan {
  std::vector<std::string> policies;
  std::uint64_t seed = 1;
  std::uint64_t runs = 1;        ///< With consecutive seeds.
  bool is_judged = true;         ///< By what the scenarios expect.
  bool is_recorded = false;      ///< The first seed's runs, for a report.
  std::size_t messages_max = 0;  ///< Of each recording.
};

/// How it is run; none of it changes the outcome.
struct SimulationControl {
  unsigned jobs = 1;
  std::vector<sim::Observer*> observers;  ///< Of the only run there is.
  /// Before each run, if there is one thread: what else watches it. `run` names scenario and seed.
  std::function<void(sim::Protocol& protocol, const std::string& run,
                     std::vector<sim::Observer*>& observers)>
      begin_run;
  std::function<bool()> is_stopped;             ///< Asked by all threads.
  std::function<void(std::uint64_t done)> ran;  ///< After each run, in the calling thread.
};

/// The number of runs.
[[nodiscard]] std::uint64_t runs_of(const std::vector<ScenarioRuns>& all,
                                    const SimulationPlan& plan);

/// Runs every scenario of `all` and fills in what came of it. Returns how many scenarios are
/// complete: all of them, unless it was stopped.
[[nodiscard]] Result<std::size_t> run_simulation(std::vector<ScenarioRuns>& all,
                                                 const SimulationPlan& plan,
                                                 const SimulationControl& control);

}  // namespace vouch::cli
