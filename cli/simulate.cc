#include "simulate.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "decision_file.h"
#include "interrupt.h"
#include "simulate_output.h"
#include "simulate_run.h"
#include "vouch/report/page.h"
#include "vouch/sim/policies.h"

namespace vouch::cli {
namespace {

constexpr std::uint64_t kSimulatedRunsMax = 100'000;

struct SimulateRequest {
  std::vector<std::string> scenarios;
  std::vector<std::string> policies;
  std::uint64_t seed = 1;
  std::uint64_t runs = 1;
  bool json = false;
  bool list = false;
  bool all = false;
  bool equal_timeouts = false;
  bool digests = false;
  bool is_strict = false;
  bool is_compared = false;
  std::string from;
  std::string decisions;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  OutputRequest output;
};

Result<std::vector<std::string>> policies_of(const SimulateRequest& request) {
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

Status check(const SimulateRequest& request, const std::vector<std::string>& names,
             const std::vector<std::string>& policies) {
  if (names.empty()) {
    return Error{Errc::kBadInput,
                 "SCENARIO: at least one file or name (see --list), or --all, is needed"};
  }
  if (Status status = check_range("--runs", request.runs, 1, kSimulatedRunsMax); !status) {
    return status;
  }
  if (Status status = check_range("--jobs", request.jobs, 1, kJobsMax); !status) return status;
  if (!request.decisions.empty() &&
      std::find(policies.begin(), policies.end(), "vouch") == policies.end()) {
    return Error{Errc::kBadInput, "--decisions: only the policy vouch records its decisions"};
  }
  return Done{};
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

/// The options of `request` that decide what comes of the runs, as a command.
std::string command_of(const SimulateRequest& request, const std::vector<std::string>& policies) {
  std::string command = "vouch simulate";
  for (const std::string& name : request.scenarios)
    command += " " + name;
  if (request.all) command += " --all";
  for (const std::string& name : policies)
    command += " --policy " + name;
  if (request.equal_timeouts) command += " --equal-timeouts";
  if (request.digests) command += " --digests";
  return command + " --seed " + std::to_string(request.seed) + " --runs " +
         std::to_string(request.runs);
}

/// The scenarios that are to be run, each variant for itself. Everything is read before anything
/// runs: a bad file in the end costs no waiting.
Result<std::vector<ScenarioRuns>> load(const SimulateRequest& request,
                                       const std::vector<std::string>& names) {
  std::vector<ScenarioRuns> all;
  bool is_begun = request.from.empty();
  for (const std::string& name : names) {
    Result<std::vector<scenario::Scenario>> scenarios = scenario::load_scenarios(name);
    if (!scenarios) return scenarios.error();
    for (scenario::Scenario& scenario : *scenarios) {
      is_begun |= scenario.name == request.from;
      if (!is_begun) continue;
      if (request.digests) scenario.settings.vouch.group_limits.claims = ClaimMode::kDigest;
      if (request.equal_timeouts) {
        if (const Status status = equalise(scenario); !status) return status.error();
      }
      all.push_back({std::move(scenario), {}});
    }
  }
  if (is_begun) return all;
  return Error{Errc::kBadInput,
               "--from: must be the name of one of the scenarios, is '" + request.from + "'"};
}

/// Takes away what is not complete; returns the name of the scenario with which to go on.
std::string cut_off(std::vector<ScenarioRuns>& all, std::size_t complete) {
  const std::string name = all[complete].scenario.name;
  // The variants of one scenario belong together.
  const auto first = std::find_if(
      all.begin(), all.end(), [&](const ScenarioRuns& runs) { return runs.scenario.name == name; });
  all.erase(first, all.end());
  return name;
}

/// Whether the exit code must say that something was missed.
bool is_missed(const SimulateRequest& request, const std::vector<ScenarioRuns>& all) {
  for (const ScenarioRuns& runs : all) {
    for (const PolicyRuns& policy : runs.policies) {
      const bool is_vouch = sim::is_vouch(policy.policy);
      if (policy.misses.empty() || runs.scenario.is_pending(policy.policy)) continue;
      if (is_vouch || request.is_strict) return true;
    }
  }
  return false;
}

Result<std::size_t> run_all(const SimulateRequest& request, const SimulationPlan& plan,
                            std::vector<ScenarioRuns>& all) {
  std::unique_ptr<RunOutput> output;
  std::optional<Interrupt> interrupt;  // A watched run ends at once, by itself.
  SimulationControl control{
      .jobs = request.jobs, .observers = {}, .is_stopped = &Interrupt::is_asked, .ran = {}};
  if (request.output.is_of_one_run()) {
    auto made = RunOutput::create(request.output, all.front().scenario, plan.policies.front());
    if (!made) return made.error();
    output = *std::move(made);
    control.observers = output->observers();
  } else {
    interrupt.emplace();
  }
  DecisionFile decisions(request.decisions);
  if (const Status status = decisions.status(); !status) return status.error();
  if (!request.decisions.empty()) {
    control.jobs = 1;  // The runs stand in the file one after the other.
    control.begin_run = [&](auto& protocol, const std::string& run, auto& observers) {
      decisions.begin_run(protocol, run, observers);
    };
  }
  Progress progress("simulating", request.output.watch ? 0 : runs_of(all, plan));
  control.ran = [&](std::uint64_t done) { progress.update(done); };
  const auto complete = run_simulation(all, plan, control);
  if (output != nullptr && complete) {
    if (const Status status = output->finish(all.front().scenario.plan.end); !status) {
      return status.error();
    }
  }
  if (const Status status = decisions.finish(); !status) return status.error();
  return complete;
}

void print(const SimulateRequest& request, const std::vector<ScenarioRuns>& all) {
  if (request.json) {
    print_simulation_json(all, std::cout);
  } else if (request.is_compared) {
    print_comparison(all, std::cout);
  } else {
    print_simulation(all, std::cout);
  }
}

Outcome simulate(const SimulateRequest& request) {
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
  auto all = load(request, names);
  if (!all) return all.error();
  const SimulationPlan plan{
      .policies = *policies,
      .seed = request.seed,
      .runs = request.runs,
      .is_judged = !request.equal_timeouts,
      .is_recorded = !request.output.report.empty(),
      .messages_max = report::messages_per_recording(all->size() * policies->size())};
  if (const Status status = check(request.output, runs_of(*all, plan)); !status) {
    return status.error();
  }
  const auto complete = run_all(request, plan, *all);
  if (!complete) return complete.error();
  const std::string command = command_of(request, *policies);
  const std::string next = *complete < all->size() ? cut_off(*all, *complete) : "";
  if (const Status status = write_report(request.output, *all, command); !status) {
    return status.error();
  }
  print(request, *all);
  if (!next.empty()) {
    std::cerr << "stopped before scenario " << next << "; to continue: " << command << " --from "
              << next
              << (request.json          ? " --json"
                  : request.is_compared ? " --compare"
                                        : "")
              << '\n';
    return ExitCode::kInterrupted;
  }
  return is_missed(request, *all) ? ExitCode::kMissed : ExitCode::kSuccess;
}

}  // namespace

void register_simulate(CLI::App& app, Outcome& outcome) {
  auto request = std::make_shared<SimulateRequest>();
  CLI::App* command =
      app.add_subcommand("simulate", "Run fault scenarios in virtual time, policies side by side");
  command->footer(
      "Exit code 1 when vouch misses what a scenario expects, or breaks one of its rules; what a\n"
      "pending scenario misses is reported only, and so is (DIFFERS) what another policy does not "
      "do\n"
      "although the scenario expects it. 130 when interrupted: the scenarios that are complete "
      "are\n"
      "printed, and the command that goes on.\n"
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
  auto* json = command->add_flag("--json", request->json, "Print JSON");
  command
      ->add_flag("--compare", request->is_compared,
                 "Print one row per scenario, one column per policy")
      ->excludes(json);
  command->add_flag("--list", request->list, "List the shipped scenarios");
  command->add_flag("--all", request->all,
                    "Run every shipped scenario (default policy: vouch alone)");
  command->add_flag(
      "--equal-timeouts", request->equal_timeouts,
      "Give all policies the scenario's heartbeat_interval_ms, and its\n"
      "election_timeout_ms as the silence on which they may act: vouch suspects no\n"
      "earlier and its lease lasts as long, Sentinel pings as often as the others\n"
      "send. What a policy adds of its own (random parts, rounds, votes) stays.\n"
      "Expectations are not judged: they hold for the scenario's own settings; vouch's\n"
      "rules are");
  command->add_flag("--digests", request->digests,
                    "vouch: groups travel apart from heartbeats, as many do. The same is\n"
                    "expected of it");
  command->add_flag("--strict", request->is_strict,
                    "Exit code 1 also when another policy does not do what is expected of it");
  command->add_option(
      "--decisions", request->decisions,
      "Write the decisions of vouch with their inputs to this file, one JSON line\n"
      "each, for vouch explain and vouch replay (docs/DECISIONS.md); on one thread");
  command->add_option("--from", request->from,
                      "Begin with this one of the scenarios: goes on after an interruption");
  command->add_option("--jobs", request->jobs, "Threads; the outcome does not depend on it")
      ->capture_default_str();
  add_output_options(*command, request->output);
  command->callback([request, &outcome] { outcome = simulate(*request); });
}

}  // namespace vouch::cli
