#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "simulate.h"
#include "simulate_statistics.h"
#include "vouch/sim/intervals.h"

namespace vouch::cli {
namespace {

using scenario::Measure;

/// The columns of the table; the JSON has all measures.
struct Column {
  Measure measure;
  const char* title;
  bool has_interval = false;  ///< Not all have one, or nobody could read the table.
};
constexpr Column kColumns[] = {
    {Measure::kElections, "elections"},
    {Measure::kUnnecessaryElections, "needless"},
    {Measure::kTermGrowth, "terms"},
    {Measure::kFailover, "failover ms", true},
    {Measure::kUnavailable, "down ms"},
    {Measure::kUnavailableAfter, "after heal ms"},
    {Measure::kSplitLease, "split lease ms"},
    {Measure::kMessages, "msg/node/s"},
    {Measure::kClientUnavailable, "client down ms", true},
    {Measure::kUselessFrontEnd, "useless ms"},
};

/// Misses printed per policy; the rest is counted.
constexpr std::size_t kMissesShown = 8;

/// With more scenarios than this only those are named below the table that have something to say.
constexpr std::size_t kTitlesShown = 12;

/// One value, or the median and the greatest of several that differ, and between them the interval
/// of the median if there are runs enough for one.
std::string cell(const std::vector<std::int64_t>& values, bool has_interval) {
  std::string text = std::to_string(median_of(values));
  if (values.front() == values.back()) return text;
  const auto interval = has_interval ? sim::median_interval(values) : std::nullopt;
  if (interval) {
    text += " [" + std::to_string(interval->low) + ", " + std::to_string(interval->high) + "]";
  }
  return text + " (" + std::to_string(values.back()) + ")";
}

/// What the cells mean.
std::string legend(std::size_t runs) {
  if (runs == 1) return "";
  if (runs < sim::kMedianSamplesMin) {
    return "Median (maximum) over the runs; fewer than " + std::to_string(sim::kMedianSamplesMin) +
           " runs give no interval of a median. Elected: runs with an election [95 %, Wilson]; ";
  }
  return "Median [95 %, order statistics] (maximum) over the runs; elected: runs with an election "
         "[95 %, Wilson]; ";
}

std::string verdict(const scenario::Scenario& scenario, const PolicyRuns& runs) {
  const bool is_vouch = sim::is_vouch(runs.policy);
  if (!runs.is_judged) {
    if (!runs.misses.empty()) return is_vouch ? "RULES BROKEN" : "DIFFERS";
    return is_vouch ? "rules kept" : "-";
  }
  if (scenario.is_pending(runs.policy)) {
    return runs.misses.empty() ? "pending, but PASSES" : "pending";
  }
  if (!runs.misses.empty()) return is_vouch ? "MISSED" : "DIFFERS";
  return runs.is_expected ? "as expected" : is_vouch ? "rules kept" : "-";
}

std::string seeds(const PolicyRuns& runs) {
  const std::string first = std::to_string(runs.first_seed);
  if (runs.results.size() == 1) return "seed " + first;
  return "seeds " + first + " to " +
         std::to_string(runs.first_seed + static_cast<std::uint64_t>(runs.results.size()) - 1);
}

nlohmann::ordered_json json_of(const scenario::Scenario& scenario, const PolicyRuns& runs) {
  const std::size_t replicas = scenario.plan.replicas;
  nlohmann::ordered_json json = {{"policy", runs.policy},
                                 {"first_seed", runs.first_seed},
                                 {"runs", runs.results.size()},
                                 {"is_expected", runs.is_expected},
                                 {"verdict", verdict(scenario, runs)},
                                 {"misses", runs.misses}};
  for (std::uint8_t i = 0; i < scenario::kMeasureCount; ++i) {
    const auto measure = static_cast<Measure>(i);
    json["measures"][std::string(to_string(measure))] =
        statistics_json(sorted_values(measure, runs, replicas));
  }
  json["proportions"] = proportions_json(runs, replicas);
  json["clients"] = clients_json(runs);
  return json;
}

/// vouch *misses* what is expected of it. Of another policy it is known what it does, so that one
/// that does not *differs* from what is published, and it is our model of it that may be wrong.
void print_misses(const PolicyRuns& runs, std::ostream& out) {
  const std::string who =
      "  " + runs.policy + (sim::is_vouch(runs.policy) ? " missed " : " differs: ");
  const std::size_t shown = std::min(runs.misses.size(), kMissesShown);
  for (std::size_t i = 0; i < shown; ++i)
    out << who << runs.misses[i] << '\n';
  if (shown < runs.misses.size()) out << who << runs.misses.size() - shown << " more\n";
}

}  // namespace

void print_simulation(const std::vector<ScenarioRuns>& all, std::ostream& out) {
  std::vector<Table::Column> columns = {{"scenario", Align::kLeft}, {"policy", Align::kLeft}};
  for (const Column& column : kColumns)
    columns.push_back({column.title, Align::kRight});
  const std::size_t count =
      all.empty() || all.front().policies.empty() ? 0 : all.front().policies.front().results.size();
  if (count > 1) columns.push_back({"elected", Align::kRight});
  columns.push_back({"outcome", Align::kLeft});
  Table table(columns);
  for (const ScenarioRuns& scenario_runs : all) {
    bool is_first = true;
    for (const PolicyRuns& runs : scenario_runs.policies) {
      std::vector<std::string> cells = {is_first ? scenario_runs.scenario.label() : "",
                                        runs.policy};
      const std::size_t replicas = scenario_runs.scenario.plan.replicas;
      for (const Column& column : kColumns) {
        cells.push_back(cell(sorted_values(column.measure, runs, replicas), column.has_interval));
      }
      if (count > 1) {
        cells.push_back(share_text(sorted_values(Measure::kElections, runs, replicas)));
      }
      cells.push_back(verdict(scenario_runs.scenario, runs));
      table.add_row(std::move(cells));
      is_first = false;
    }
  }
  table.print(out);
  out << '\n';
  for (const ScenarioRuns& scenario_runs : all) {
    const scenario::Scenario& scenario = scenario_runs.scenario;
    const bool is_quiet = scenario.pending.empty() &&
                          std::all_of(scenario_runs.policies.begin(), scenario_runs.policies.end(),
                                      [](const PolicyRuns& runs) { return runs.misses.empty(); });
    if (is_quiet && all.size() > kTitlesShown) continue;
    out << scenario.label() << ": " << scenario.title << '\n';
    if (!scenario.pending.empty()) out << "  pending: " << scenario.pending << '\n';
    for (const PolicyRuns& runs : scenario_runs.policies)
      print_misses(runs, out);
  }
  if (all.empty() || all.front().policies.empty()) return;
  const PolicyRuns& sample = all.front().policies.front();
  out << legend(sample.results.size()) << seeds(sample) << ".\n";
}

void print_simulation_json(const std::vector<ScenarioRuns>& all, std::ostream& out) {
  nlohmann::ordered_json document = nlohmann::ordered_json::array();
  for (const ScenarioRuns& scenario_runs : all) {
    nlohmann::ordered_json policies = nlohmann::ordered_json::array();
    for (const PolicyRuns& runs : scenario_runs.policies) {
      policies.push_back(json_of(scenario_runs.scenario, runs));
    }
    document.push_back({{"scenario", scenario_runs.scenario.name},
                        {"variant", scenario_runs.scenario.variant},
                        {"title", scenario_runs.scenario.title},
                        {"class", to_string(scenario_runs.scenario.outcome)},
                        {"pending", scenario_runs.scenario.pending},
                        {"replicas", scenario_runs.scenario.plan.replicas},
                        {"intervals", interval_methods()},
                        {"policies", policies}});
  }
  out << document.dump(2) << '\n';
}

}  // namespace vouch::cli
