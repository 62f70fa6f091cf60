#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "atlas.h"
#include "swarm.h"
#include "vouch/scenario/trace.h"

namespace vouch::cli {
namespace {

using nlohmann::ordered_json;

double hours_of(const sim::SwarmSummary& summary) {
  return static_cast<double>(summary.simulated_ms) / 3'600'000.0;
}

/// Of violations per simulated hour, with 95 % confidence when none was seen: 3 / T (the rule of
/// three; Jovanovic and Levy, "A look at the rule of three", 1997).
double upper_bound(const sim::SwarmSummary& summary) {
  return 3.0 / std::max(hours_of(summary), 1e-9);
}

/// What was reached, with zeros for what should have been. Only vouch has all of these names.
sim::Coverage coverage_of(const SwarmReport& report) {
  sim::Coverage coverage = report.summary.coverage;
  if (report.settings.policy != "vouch") return coverage;
  for (const std::string_view name : sim::expected_coverage())
    coverage.try_emplace(std::string(name), 0);
  return coverage;
}

std::int64_t milliseconds(sim::TrueTime at) {
  return (at - sim::kStart).count() / 1'000'000;
}

std::string repeat_command(const SwarmReport& report, std::uint64_t seed) {
  const std::string& policy = report.settings.policy;
  return "vouch swarm --seed " + std::to_string(seed) + " --runs 1" +
         (policy == "vouch" ? "" : " --policy " + policy);
}

std::string replay_command(const SwarmReport& report, const ShrunkFailure& failure) {
  return "vouch simulate " + failure.file + " --seed " + std::to_string(failure.shrunk.swarm.seed) +
         " --policy " + report.settings.policy;
}

void print_counts(const SwarmReport& report, std::ostream& out) {
  Table faults({{"fault", Align::kLeft}, {"times"}});
  for (std::size_t i = 0; i < report.summary.faults.size(); ++i) {
    if (report.summary.faults[i] == 0) continue;
    const auto kind = static_cast<sim::FaultKind>(i);
    faults.add_row({std::string(scenario::event_name(kind)), grouped(report.summary.faults[i])});
  }
  faults.print(out);
  out << '\n';
  Table reached({{"reached", Align::kLeft}, {"times"}});
  for (const auto& [name, count] : coverage_of(report))
    reached.add_row({name, grouped(count)});
  reached.print(out);
}

}  // namespace

void print_swarm(const SwarmReport& report, std::ostream& out) {
  const sim::SwarmSummary& summary = report.summary;
  print_counts(report, out);
  out << '\n'
      << report.settings.policy << ": " << grouped(summary.cases) << " seeds from "
      << report.settings.seed << ", " << fixed_text(hours_of(summary), 1) << " simulated hours, "
      << grouped(summary.elections) << " elections, " << grouped(summary.leader_changes)
      << " leaders, " << grouped(summary.confirmations) << " confirmations\n";
  if (summary.failing == 0) {
    out << "no rule broken: with 95 % confidence fewer than " << short_text(upper_bound(summary), 2)
        << " violations per simulated hour (3 / T)\n";
    return;
  }
  out << grouped(summary.failing) << " seeds broke a rule:";
  for (std::size_t i = 0; i < summary.by_rule.size(); ++i) {
    if (summary.by_rule[i] == 0) continue;
    out << ' ' << to_string(static_cast<sim::Rule>(i)) << ' ' << grouped(summary.by_rule[i]);
  }
  out << '\n';
  for (const auto& failure : summary.failures) {
    out << "\nseed " << failure.seed << ": " << to_string(failure.violation.rule) << " at "
        << milliseconds(failure.violation.at) << " ms: " << failure.violation.text << "\n  "
        << repeat_command(report, failure.seed) << '\n';
  }
  for (const ShrunkFailure& failure : report.shrunk) {
    const sim::SwarmCase& swarm = failure.shrunk.swarm;
    out << "\nseed " << swarm.seed << ", made smaller in " << failure.shrunk.runs
        << " runs: " << swarm.incidents.size() << " of " << failure.incidents_before << " faults, "
        << swarm.replicas() << " replicas: " << to_string(failure.shrunk.violation.rule) << " at "
        << milliseconds(failure.shrunk.violation.at) << " ms: " << failure.shrunk.violation.text
        << "\n  " << replay_command(report, failure) << '\n';
  }
}

void print_swarm_json(const SwarmReport& report, std::ostream& out) {
  const sim::SwarmSummary& summary = report.summary;
  ordered_json faults = ordered_json::object();
  for (std::size_t i = 0; i < summary.faults.size(); ++i) {
    if (summary.faults[i] == 0) continue;
    faults[std::string(scenario::event_name(static_cast<sim::FaultKind>(i)))] = summary.faults[i];
  }
  ordered_json json = {{"policy", report.settings.policy},
                       {"seed", report.settings.seed},
                       {"runs", summary.cases},
                       {"simulated_ms", summary.simulated_ms},
                       {"elections", summary.elections},
                       {"leader_changes", summary.leader_changes},
                       {"confirmations", summary.confirmations},
                       {"faults", std::move(faults)},
                       {"reached", coverage_of(report)},
                       {"failing", summary.failing}};
  if (summary.failing == 0) json["violations_per_hour_below"] = upper_bound(summary);
  json["failures"] = ordered_json::array();
  for (const auto& failure : summary.failures) {
    json["failures"].push_back({{"seed", failure.seed},
                                {"rule", to_string(failure.violation.rule)},
                                {"at_ms", milliseconds(failure.violation.at)},
                                {"text", failure.violation.text},
                                {"command", repeat_command(report, failure.seed)}});
  }
  json["shrunk"] = ordered_json::array();
  for (const ShrunkFailure& failure : report.shrunk) {
    json["shrunk"].push_back({{"seed", failure.shrunk.swarm.seed},
                              {"rule", to_string(failure.shrunk.violation.rule)},
                              {"faults_before", failure.incidents_before},
                              {"faults", failure.shrunk.swarm.incidents.size()},
                              {"replicas", failure.shrunk.swarm.replicas()},
                              {"file", failure.file},
                              {"command", replay_command(report, failure)}});
  }
  out << json.dump(2) << '\n';
}

}  // namespace vouch::cli
