#include "simulate.h"

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <utility>

#include "decision_file.h"
#include "simulate_output.h"
#include "vouch/report/page.h"
#include "vouch/sim/policies.h"

namespace vouch::cli {
namespace {

constexpr std::uint64_t kRunsMax = 100'000;

struct Request {
  std::vector<std::string> scenarios;
  std::vector<std::string> policies;
  std::uint64_t seed = 1;
  std::uint64_t runs = 1;
  bool json = false;
  bool list = false;
  bool all = false;
  bool equal_timeouts = false;
  std::string decisions;
  OutputRequest output;
};

/// What a run did that no scenario needs to forbid: vouch must keep its rules in every run.
void add_broken_rules(const scenario::Scenario& scenario, const sim::RunResult& result,
                      const std::string& seed, std::vector<std::string>& misses) {
  for (const sim::Violation& violation : result.violations) {
    if (!scenario.judges(violation.rule)) continue;
    misses.push_back("rule " + std::string(to_string(violation.rule)) + " at " +
                     std::to_string((violation.at - sim::kStart).count() / 1'000'000) +
                     " ms: " + violation.text + seed);
  }
  if (result.violation_count > result.violations.size() && !scenario.assumption_violated) {
    misses.push_back("broken rules in all: " + std::to_string(result.violation_count) + seed);
  }
}

PolicyRuns run_policy(const scenario::Scenario& scenario, sim::Protocol& protocol,
                      const Request& request, const RunOutput& output, DecisionFile& decisions,
                      std::size_t messages_max, const std::function<void()>& ran) {
  PolicyRuns runs;
  runs.policy = protocol.name();
  runs.first_seed = request.seed;
  // What a scenario expects holds for its own settings.
  const scenario::Expectation* const expectation =
      request.equal_timeouts ? nullptr : scenario.expected_of(runs.policy);
  runs.is_expected = expectation != nullptr;
  for (std::uint64_t i = 0; i < request.runs; ++i) {
    const std::uint64_t seed = request.seed + i;
    sim::RunOptions options = scenario::run_options(scenario, runs.policy, seed);
    options.observers = output.observers();
    decisions.begin_run(protocol, scenario.label() + " seed " + std::to_string(seed),
                        options.observers);
    std::optional<report::Recorder> recorder;
    if (i == 0 && !request.output.report.empty()) {
      recorder.emplace(scenario.plan,
                       report::Recorder::Options{.seed = seed, .messages_max = messages_max});
      options.observers.push_back(&*recorder);
    }
    sim::RunResult result = sim::run(protocol, scenario.plan, options);
    if (recorder) runs.recording = recorder->finish();
    const std::string place = " (seed " + std::to_string(seed) + ")";
    if (!result.began_led) {
      runs.misses.push_back("the initial leader did not lead when the faults began" + place);
    }
    if (expectation != nullptr) {
      for (const std::string& miss :
           scenario::misses(*expectation, result, scenario.plan.replicas)) {
        runs.misses.push_back(miss + place);
      }
    }
    if (runs.policy == "vouch") add_broken_rules(scenario, result, place, runs.misses);
    ran();
    runs.results.push_back(std::move(result));
  }
  return runs;
}

Result<std::vector<std::string>> policies_of(const Request& request) {
  if (!request.policies.empty()) {
    for (const std::string& name : request.policies) {
      const auto policy = sim::make_policy(name, {});
      if (!policy) return Error{Errc::kBadInput, "--policy: " + policy.error().message};
    }
    return request.policies;
  }
  if (request.output.is_of_one_run() || request.all) return std::vector<std::string>{"vouch"};
  return std::vector<std::string>{"vouch", "raft", "raft+prevote+checkquorum"};
}

Status check(const Request& request, const std::vector<std::string>& names,
             const std::vector<std::string>& policies) {
  if (names.empty()) {
    return Error{Errc::kBadInput,
                 "SCENARIO: at least one file or name (see --list), or --all, is needed"};
  }
  if (request.runs < 1 || request.runs > kRunsMax) {
    return Error{Errc::kBadInput, "--runs: must be in [1, " + std::to_string(kRunsMax) + "], is " +
                                      std::to_string(request.runs)};
  }
  if (!request.decisions.empty() &&
      std::find(policies.begin(), policies.end(), "vouch") == policies.end()) {
    return Error{Errc::kBadInput, "--decisions: only the policy vouch records its decisions"};
  }
  return check(request.output, names.size() * policies.size() * request.runs);
}

/// The scenario's heartbeat interval and election timeout for every policy.
Status equalise(scenario::Scenario& scenario) {
  sim::PolicySettings& settings = scenario.settings;
  settings.equalise(settings.raft.heartbeat_interval, settings.raft.election_timeout);
  for (const std::string_view name : sim::policy_names()) {
    const auto policy = sim::make_policy(name, settings);
    if (policy) continue;
    return Error{Errc::kBadInput, "--equal-timeouts: scenario " + scenario.name +
                                      " has times that do not suit " + std::string(name) + ": " +
                                      policy.error().message};
  }
  return Done{};
}

void print_list(std::ostream& out) {
  Table table({{"scenario", Align::kLeft}, {"class", Align::kLeft}, {"title", Align::kLeft}});
  for (const scenario::Shipped& shipped : scenario::shipped_scenarios()) {
    const auto scenario = scenario::load_scenario(std::string(shipped.name));
    if (!scenario) continue;
    const std::string outcome(to_string(scenario->outcome));
    table.add_row({scenario->name, scenario->pending.empty() ? outcome : outcome + ", pending",
                   scenario->title});
  }
  table.print(out);
}

/// The command that repeats the runs.
std::string command_of(const Request& request, const std::vector<std::string>& policies) {
  std::string command = "vouch simulate";
  for (const std::string& name : request.scenarios)
    command += " " + name;
  for (const std::string& name : policies)
    command += " --policy " + name;
  return command + " --seed " + std::to_string(request.seed) + " --runs " +
         std::to_string(request.runs);
}

Outcome simulate(const Request& request) {
  if (request.list) {
    print_list(std::cout);
    return ExitCode::kSuccess;
  }
  const auto policies = policies_of(request);
  if (!policies) return policies.error();
  std::vector<std::string> names = request.scenarios;
  if (request.all) {
    for (const scenario::Shipped& shipped : scenario::shipped_scenarios())
      names.emplace_back(shipped.name);
  }
  if (const Status status = check(request, names, *policies); !status) return status.error();
  // Everything is read before anything runs: a bad file in the end costs no waiting.
  std::vector<ScenarioRuns> all;
  for (const std::string& name : names) {
    Result<std::vector<scenario::Scenario>> scenarios = scenario::load_scenarios(name);
    if (!scenarios) return scenarios.error();
    for (scenario::Scenario& scenario : *scenarios) {
      if (request.equal_timeouts) {
        if (const Status status = equalise(scenario); !status) return status.error();
      }
      all.push_back({std::move(scenario), {}});
    }
  }
  const std::size_t messages_max = report::messages_per_recording(all.size() * policies->size());
  DecisionFile decisions(request.decisions);
  if (const Status status = decisions.status(); !status) return status.error();
  bool is_missed = false;
  {
    const std::uint64_t total = all.size() * policies->size() * request.runs;
    Progress progress("simulating", request.output.watch ? 0 : total);
    std::uint64_t done = 0;
    for (ScenarioRuns& scenario_runs : all) {
      for (const std::string& name : *policies) {
        const auto protocol = sim::make_policy(name, scenario_runs.scenario.settings);
        if (!protocol) return protocol.error();
        const auto output = RunOutput::create(request.output, scenario_runs.scenario, name);
        if (!output) return output.error();
        scenario_runs.policies.push_back(run_policy(scenario_runs.scenario, **protocol, request,
                                                    **output, decisions, messages_max,
                                                    [&] { progress.update(++done); }));
        if (const Status status = (*output)->finish(scenario_runs.scenario.plan.end); !status) {
          return status.error();
        }
        const PolicyRuns& runs = scenario_runs.policies.back();
        const bool is_pending = !scenario_runs.scenario.pending.empty();
        is_missed |= name == "vouch" && !is_pending && !runs.misses.empty();
      }
    }
  }
  if (const Status status = decisions.finish(); !status) return status.error();
  const Status written = write_report(request.output, all, command_of(request, *policies));
  if (!written) return written.error();
  request.json ? print_simulation_json(all, std::cout) : print_simulation(all, std::cout);
  return is_missed ? ExitCode::kMissed : ExitCode::kSuccess;
}

}  // namespace

void register_simulate(CLI::App& app, Outcome& outcome) {
  auto request = std::make_shared<Request>();
  CLI::App* command =
      app.add_subcommand("simulate", "Run fault scenarios in virtual time, policies side by side");
  command->footer(
      "Exit code 1 when vouch misses what a scenario expects, or breaks one of its rules; what a\n"
      "pending scenario misses is reported only.\n"
      "Equal seeds give equal runs, on every machine.");
  command->add_option("SCENARIO", request->scenarios,
                      "Scenario files, or names of shipped scenarios (see --list)");
  std::string policies;
  for (const std::string_view name : sim::policy_names()) {
    policies += (policies.empty() ? "" : ", ") + std::string(name);
  }
  command
      ->add_option("--policy", request->policies,
                   "Policy; repeat it for several. One of: " + policies +
                       " (default: vouch, raft, raft+prevote+checkquorum)")
      ->allow_extra_args(false);
  command->add_option("--seed", request->seed, "Seed of the first run")->capture_default_str();
  command->add_option("--runs", request->runs, "Runs, with consecutive seeds")
      ->capture_default_str();
  command->add_flag("--json", request->json, "Print JSON");
  command->add_flag("--list", request->list, "List the shipped scenarios");
  command->add_flag("--all", request->all,
                    "Run every shipped scenario (default policy: vouch alone)");
  command->add_flag("--equal-timeouts", request->equal_timeouts,
                    "Give all policies the scenario's heartbeat_interval_ms, and its\n"
                    "election_timeout_ms as the silence on which they may act: vouch suspects no\n"
                    "earlier and its lease lasts as long, Sentinel pings as often as the others\n"
                    "send. What a policy adds of its own (random parts, rounds, votes) stays.\n"
                    "Expectations are not judged: they hold for the scenario's own settings");
  command->add_option("--decisions", request->decisions,
                      "Write the decisions of vouch with their inputs to this file, one JSON line\n"
                      "each, for vouch explain and vouch replay (docs/DECISIONS.md)");
  add_output_options(*command, request->output);
  command->callback([request, &outcome] { outcome = simulate(*request); });
}

}  // namespace vouch::cli
