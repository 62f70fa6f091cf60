#include "swarm.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <thread>

#include "atlas.h"
#include "interrupt.h"
#include "parallel.h"

namespace vouch::cli {
namespace {

constexpr std::uint64_t kSwarmRunsMax = 1'000'000'000;
constexpr std::uint64_t kHoursMax = 1'000'000;
constexpr std::int64_t kHourMs = 3'600'000;

/// Runs that making one failure smaller may take.
constexpr std::uint64_t kShrinkRuns = 500;

struct SwarmRequest {
  SwarmSettings settings;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  std::string out = ".";
  bool json = false;
};

Status check(const SwarmRequest& request) {
  const SwarmSettings& settings = request.settings;
  if ((settings.runs == 0) == (settings.hours == 0)) {
    return Error{Errc::kBadInput, "--runs, --hours: exactly one must be given"};
  }
  if (Status status = check_range("--runs", settings.runs, 0, kSwarmRunsMax); !status)
    return status;
  if (Status status = check_range("--hours", settings.hours, 0, kHoursMax); !status) return status;
  if (Status status = check_range("--jobs", request.jobs, 1, kJobsMax); !status) return status;
  const auto policy = sim::make_policy(settings.policy, {});
  if (!policy) return Error{Errc::kBadInput, "--policy: " + policy.error().message};
  return Done{};
}

sim::ProtocolMaker maker_of(const std::string& policy) {
  return [policy](const sim::PolicySettings& settings) {
    auto protocol = sim::make_policy(policy, settings);
    // The names were checked, and the settings are drawn within the rules.
    VOUCH_ASSERT(protocol.has_value());
    return *std::move(protocol);
  };
}

/// Makes the first failure of each rule smaller, and writes each to a file.
Status shrink_failures(const SwarmRequest& request, SwarmReport& report) {
  std::array<bool, sim::kRuleCount> is_shrunk{};
  const sim::ProtocolMaker make = maker_of(request.settings.policy);
  for (const auto& failure : report.summary.failures) {
    bool& is_done = is_shrunk[static_cast<std::size_t>(failure.violation.rule)];
    if (is_done || Interrupt::is_asked()) continue;
    is_done = true;
    const sim::SwarmCase swarm = sim::draw_case(failure.seed);
    ShrunkFailure smaller;
    smaller.incidents_before = swarm.incidents.size();
    smaller.shrunk = sim::shrink(make, swarm, failure.violation.rule, kShrinkRuns);
    const auto text =
        scenario::write_scenario(scenario_of(smaller.shrunk.swarm, request.settings.policy));
    if (!text) return text.error();
    smaller.file = request.out + "/swarm-" + std::to_string(failure.seed) + ".json";
    std::ofstream file(smaller.file, std::ios::binary | std::ios::trunc);
    file << *text;
    file.close();
    if (!file) return Error{Errc::kUnavailable, "--out: cannot write " + smaller.file};
    report.shrunk.push_back(std::move(smaller));
  }
  return Done{};
}

/// Runs seed after seed; returns the first that was not run.
std::uint64_t run_seeds(const SwarmRequest& request, SwarmReport& report) {
  const SwarmSettings& settings = request.settings;
  const std::int64_t wanted_ms = static_cast<std::int64_t>(settings.hours) * kHourMs;
  std::atomic<bool> is_enough = false;
  const sim::ProtocolMaker make = maker_of(settings.policy);
  OrderedWork<sim::SwarmOutcome> work(
      [&](std::uint64_t seed) { return sim::try_case(make, sim::draw_case(seed)); },
      [&] { return Interrupt::is_asked() || is_enough; });
  Progress progress("swarm", settings.runs > 0 ? settings.runs : settings.hours * 60);
  std::uint64_t next = settings.seed;
  const std::uint64_t runs = settings.runs > 0 ? settings.runs : kSwarmRunsMax;
  work.run(settings.seed, settings.seed + runs, request.jobs,
           [&](std::uint64_t seed, const sim::SwarmOutcome& outcome) {
             if (is_enough) return;
             report.summary.add(outcome);
             next = seed + 1;
             const std::int64_t ms = report.summary.simulated_ms;
             if (settings.runs == 0 && ms >= wanted_ms) is_enough = true;
             progress.update(settings.runs > 0 ? report.summary.cases
                                               : static_cast<std::uint64_t>(ms / 60'000));
           });
  return next;
}

/// The command that goes on with what is left.
std::string rest_of(const SwarmRequest& request, const SwarmReport& report, std::uint64_t next) {
  const SwarmSettings& settings = request.settings;
  std::string command = "vouch swarm --seed " + std::to_string(next);
  if (settings.runs > 0) {
    command += " --runs " + std::to_string(settings.runs - report.summary.cases);
  } else {
    const auto done = static_cast<std::uint64_t>(report.summary.simulated_ms / kHourMs);
    command += " --hours " + std::to_string(settings.hours - done);
  }
  if (settings.policy != "vouch") command += " --policy " + settings.policy;
  return command + (request.json ? " --json" : "");
}

Outcome swarm(const SwarmRequest& request) {
  if (Status status = check(request); !status) return status.error();
  SwarmReport report{request.settings, {}, {}};
  const Interrupt interrupt;
  const auto began = std::chrono::steady_clock::now();
  const std::uint64_t next = run_seeds(request, report);
  const bool is_stopped = Interrupt::is_asked();
  Interrupt::forget();  // A second one stops the shrinking.
  if (Status status = shrink_failures(request, report); !status) return status.error();
  request.json ? print_swarm_json(report, std::cout) : print_swarm(report, std::cout);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
  std::cerr << grouped(report.summary.cases) << " seeds in " << fixed_text(wall.count(), 1)
            << " s with " << request.jobs << " jobs\n";
  if (is_stopped) {
    std::cerr << "stopped before seed " << next
              << "; to continue: " << rest_of(request, report, next) << '\n';
  }
  if (report.summary.failing > 0) return ExitCode::kMissed;
  return is_stopped ? ExitCode::kInterrupted : ExitCode::kSuccess;
}

}  // namespace

scenario::Scenario scenario_of(const sim::SwarmCase& swarm, const std::string& policy) {
  scenario::Scenario scenario;
  scenario.name = "swarm-" + std::to_string(swarm.seed);
  scenario.title = "random faults of seed " + std::to_string(swarm.seed);
  scenario.note = "Run it with --seed " + std::to_string(swarm.seed) + ". A core heals at " +
                  std::to_string((swarm.core_from - sim::kStart) / std::chrono::milliseconds(1)) +
                  " ms and must have a leader at fault_until_ms, when the rest heals.";
  scenario.plan = sim::plan_of(swarm);
  scenario.settings = swarm.settings;
  scenario.liveness_bound = swarm.liveness_bound;
  const sim::NodeSet all = sim::all_nodes(swarm.replicas());
  scenario.expectations.push_back({policy, {}, all, all});
  return scenario;
}

void register_swarm(CLI::App& app, Outcome& outcome) {
  auto request = std::make_shared<SwarmRequest>();
  CLI::App* command =
      app.add_subcommand("swarm", "Random options and random faults, seed after seed");
  command->footer(
      "Each seed draws a group and its options, then faults; the rules of safety are checked "
      "after\n"
      "every event. Then a core of a majority heals and must come to a leader, then all.\n"
      "Exit code 1 when a rule was broken; the first failure of each rule is made smaller and\n"
      "written to DIR/swarm-SEED.json. The output depends only on --seed, --runs, --hours and\n"
      "--policy.");
  SwarmSettings& settings = request->settings;
  auto* runs = command->add_option("--runs", settings.runs, "So many seeds");
  command->add_option("--hours", settings.hours, "Seeds until so many hours are simulated")
      ->excludes(runs);
  command->add_option("--seed", settings.seed, "The first seed")->capture_default_str();
  command->add_option("--jobs", request->jobs, "Threads (default: one per processor)");
  command->add_option("--policy", settings.policy, "Policy under test")->capture_default_str();
  command->add_option("--out", request->out, "Directory for failures")->capture_default_str();
  command->add_flag("--json", request->json, "Print JSON");
  command->callback([request, &outcome] { outcome = swarm(*request); });
}

}  // namespace vouch::cli
