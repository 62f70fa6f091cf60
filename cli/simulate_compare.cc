#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "simulate.h"
#include "simulate_statistics.h"

namespace vouch::cli {
namespace {

using scenario::Measure;

/// What one policy came to in the scenarios, for the rows below them.
struct Total {
  std::int64_t changes = 0;
  std::int64_t down_ms = 0;
  std::int64_t after_ms = 0;
  std::size_t needless = 0;    ///< Scenarios in which a run had a needless election.
  std::size_t leaderless = 0;  ///< Scenarios in which a run ended without a usable leader.
};

std::string seconds(std::int64_t ms) {
  return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100);
}

std::string cell(std::int64_t changes, std::int64_t down_ms, std::int64_t after_ms) {
  return std::to_string(changes) + " / " + seconds(down_ms) + " / " + seconds(after_ms);
}

/// The cell of one policy in one scenario; it counts in `total` too.
std::string add(const PolicyRuns& runs, std::size_t replicas, Total& total) {
  const auto median = [&](Measure measure) {
    return median_of(sorted_values(measure, runs, replicas));
  };
  const std::int64_t changes = median(Measure::kLeaderChanges);
  const std::int64_t down = median(Measure::kClientUnavailable);
  const std::int64_t after = median(Measure::kClientUnavailableAfter);
  total.changes += changes;
  total.down_ms += down;
  total.after_ms += after;
  const bool is_needless = sorted_values(Measure::kUnnecessaryElections, runs, replicas).back() > 0;
  total.needless += is_needless ? 1U : 0U;
  const bool is_leaderless =
      std::any_of(runs.results.begin(), runs.results.end(),
                  [](const sim::RunResult& result) { return result.final_leaders == 0; });
  total.leaderless += is_leaderless ? 1U : 0U;
  return cell(changes, down, after);
}

}  // namespace

void print_comparison(const std::vector<ScenarioRuns>& all, std::ostream& out) {
  if (all.empty()) return;
  std::vector<Table::Column> columns = {{"scenario", Align::kLeft}, {"class", Align::kLeft}};
  for (const PolicyRuns& runs : all.front().policies)
    columns.push_back({runs.policy});
  Table table(columns);
  std::vector<Total> totals(all.front().policies.size());
  for (const ScenarioRuns& runs : all) {
    std::vector<std::string> cells = {runs.scenario.label(),
                                      std::string(to_string(runs.scenario.outcome))};
    for (std::size_t i = 0; i < totals.size(); ++i)
      cells.push_back(add(runs.policies[i], runs.scenario.plan.replicas, totals[i]));
    table.add_row(std::move(cells));
  }
  std::vector<std::string> sums = {"all: sum", ""};
  std::vector<std::string> needless = {"all: needless elections in", ""};
  std::vector<std::string> leaderless = {"all: no leader at the end in", ""};
  for (const Total& total : totals) {
    sums.push_back(cell(total.changes, total.down_ms, total.after_ms));
    needless.push_back(std::to_string(total.needless));
    leaderless.push_back(std::to_string(total.leaderless));
  }
  for (auto* row : {&sums, &needless, &leaderless})
    table.add_row(std::move(*row));
  table.print(out);
  const PolicyRuns& sample = all.front().policies.front();
  out << "\nLeader changes / seconds without a successful write of the worse client while the "
         "fault "
         "lasts / and\nafter the heal: medians of "
      << sample.results.size() << " runs, from seed " << sample.first_seed
      << " on. Below: sums of them, and in how many scenarios a\nrun had an election although "
         "there "
         "was a usable leader, or ended without one.\n";
}

}  // namespace vouch::cli
