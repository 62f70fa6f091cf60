#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "command.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/swarm.h"

namespace vouch::cli {

/// Adds `vouch swarm`: random options and random faults, seed after seed.
void register_swarm(CLI::App& app, Outcome& outcome);

/// What a swarm is of: with these the outcome is the same to the byte, however it is run.
struct SwarmSettings {
  std::uint64_t seed = 1;
  std::uint64_t runs = 0;   ///< Seeds, or 0: as many as `hours` need.
  std::uint64_t hours = 0;  ///< Simulated time, when runs is 0.
  std::string policy = "vouch";
};

/// A failure, made smaller, and the file that holds it.
struct ShrunkFailure {
  sim::Shrunk shrunk;
  std::size_t incidents_before = 0;
  std::string file;
};

/// What came of a swarm.
struct SwarmReport {
  SwarmSettings settings;
  sim::SwarmSummary summary;
  std::vector<ShrunkFailure> shrunk;
};

/// A case as a scenario: judged by `vouch simulate` as the swarm judges it.
[[nodiscard]] scenario::Scenario scenario_of(const sim::SwarmCase& swarm,
                                             const std::string& policy);

/// Figures, what was reached, and what failed with the commands that repeat it.
void print_swarm(const SwarmReport& report, std::ostream& out);
/// The same as one JSON document.
void print_swarm_json(const SwarmReport& report, std::ostream& out);

}  // namespace vouch::cli
