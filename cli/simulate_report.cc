#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "simulate.h"

namespace vouch::cli {
namespace {

using scenario::Measure;

/// The columns of the table; the JSON has all measures.
struct Column {
  Measure measure;
  const char* title;
};
constexpr Column kColumns[] = {
    {Measure::kElections, "elections"},       {Measure::kUnnecessaryElections, "needless"},
    {Measure::kTermGrowth, "terms"},          {Measure::kFailover, "failover ms"},
    {Measure::kUnavailable, "down ms"},       {Measure::kUnavailableAfter, "after heal ms"},
    {Measure::kSplitLease, "split lease ms"}, {Measure::kMessages, "msg/node/s"},
};

/// Misses printed per policy; the rest is counted.
constexpr std::size_t kMissesShown = 8;

/// With more scenarios than this only those are named below the table that have something to say.
constexpr std::size_t kTitlesShown = 12;

std::vector<std::int64_t> values_of(Measure measure, const PolicyRuns& runs, std::size_t replicas) {
  std::vector<std::int64_t> values;
  for (const sim::RunResult& result : runs.results) {
    values.push_back(scenario::value_of(measure, result, replicas));
  }
  std::sort(values.begin(), values.end());
  return values;
}

/// One value, or the median and the greatest of several that differ. Of an even number of values
/// the lower of the middle two is taken: it did occur.
std::string cell(const std::vector<std::int64_t>& values) {
  const std::int64_t median = values[(values.size() - 1) / 2];
  if (values.front() == values.back()) return std::to_string(median);
  return std::to_string(median) + " (" + std::to_string(values.back()) + ")";
}

std::string verdict(const scenario::Scenario& scenario, const PolicyRuns& runs) {
  if (!scenario.pending.empty() && runs.policy == "vouch") {
    return runs.misses.empty() ? "pending, but PASSES" : "pending";
  }
  if (!runs.misses.empty()) return "MISSED";
  return runs.is_expected || runs.policy == "vouch" ? "as expected" : "-";
}

std::string seeds(const PolicyRuns& runs) {
  const std::string first = std::to_string(runs.first_seed);
  if (runs.results.size() == 1) return "seed " + first;
  return "seeds " + first + " to " +
         std::to_string(runs.first_seed + static_cast<std::uint64_t>(runs.results.size()) - 1);
}

nlohmann::ordered_json json_of(const PolicyRuns& runs, std::size_t replicas) {
  nlohmann::ordered_json json = {{"policy", runs.policy},
                                 {"first_seed", runs.first_seed},
                                 {"runs", runs.results.size()},
                                 {"is_expected", runs.is_expected},
                                 {"misses", runs.misses}};
  for (std::uint8_t i = 0; i < scenario::kMeasureCount; ++i) {
    const auto measure = static_cast<Measure>(i);
    const auto values = values_of(measure, runs, replicas);
    json["measures"][std::string(to_string(measure))] = {
        {"min", values.front()},
        {"median", values[(values.size() - 1) / 2]},
        {"max", values.back()}};
  }
  return json;
}

}  // namespace

void print_simulation(const std::vector<ScenarioRuns>& all, std::ostream& out) {
  std::vector<Table::Column> columns = {{"scenario", Align::kLeft}, {"policy", Align::kLeft}};
  for (const Column& column : kColumns)
    columns.push_back({column.title, Align::kRight});
  columns.push_back({"outcome", Align::kLeft});
  Table table(columns);
  for (const ScenarioRuns& scenario_runs : all) {
    bool is_first = true;
    for (const PolicyRuns& runs : scenario_runs.policies) {
      std::vector<std::string> cells = {is_first ? scenario_runs.scenario.label() : "",
                                        runs.policy};
      for (const Column& column : kColumns) {
        cells.push_back(
            cell(values_of(column.measure, runs, scenario_runs.scenario.plan.replicas)));
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
    for (const PolicyRuns& runs : scenario_runs.policies) {
      const std::size_t shown = std::min(runs.misses.size(), kMissesShown);
      for (std::size_t i = 0; i < shown; ++i) {
        out << "  " << runs.policy << " missed " << runs.misses[i] << '\n';
      }
      if (shown < runs.misses.size()) {
        out << "  " << runs.policy << " missed " << runs.misses.size() - shown << " more\n";
      }
    }
  }
  if (all.empty() || all.front().policies.empty()) return;
  const PolicyRuns& sample = all.front().policies.front();
  out << (sample.results.size() == 1 ? "" : "Median (maximum) over the runs; ") << seeds(sample)
      << ".\n";
}

void print_simulation_json(const std::vector<ScenarioRuns>& all, std::ostream& out) {
  nlohmann::ordered_json document = nlohmann::ordered_json::array();
  for (const ScenarioRuns& scenario_runs : all) {
    nlohmann::ordered_json policies = nlohmann::ordered_json::array();
    for (const PolicyRuns& runs : scenario_runs.policies) {
      policies.push_back(json_of(runs, scenario_runs.scenario.plan.replicas));
    }
    document.push_back({{"scenario", scenario_runs.scenario.name},
                        {"variant", scenario_runs.scenario.variant},
                        {"title", scenario_runs.scenario.title},
                        {"class", to_string(scenario_runs.scenario.outcome)},
                        {"pending", scenario_runs.scenario.pending},
                        {"replicas", scenario_runs.scenario.plan.replicas},
                        {"policies", policies}});
  }
  out << document.dump(2) << '\n';
}

}  // namespace vouch::cli
