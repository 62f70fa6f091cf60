#include <iostream>
#include <memory>
#include <optional>

#include "atlas.h"
#include "decision_file.h"
#include "explain.h"
#include "record_file.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"
#include "vouch/sim/swarm.h"
#include "vouch/sim/transitions.h"

namespace vouch::cli {
namespace {

constexpr std::uint64_t kReplayedRunsMax = 1'000'000;
/// Differences printed; the rest is counted.
constexpr std::uint64_t kShown = 50;

struct ReplayRequest {
  std::string file;
  std::uint64_t random = 0;
  std::uint64_t seed = 1;
};

/// What came of replaying many lines.
struct Replays {
  std::uint64_t decisions = 0;
  std::uint64_t different = 0;

  void take(const std::string& place, const record::Reading& reading) {
    ++decisions;
    if (reading.differences.empty()) return;
    ++different;
    if (different > kShown) return;
    for (const std::string& difference : reading.differences)
      std::cout << place << ": " << difference << "\n";
  }
};

Outcome replay_file(const std::string& file) {
  Replays replays;
  const auto counts = read_record(file, record::Strictness::kExact,
                                  [&](std::uint64_t number, const record::Reading& reading) {
                                    replays.take("line " + std::to_string(number), reading);
                                  });
  if (!counts) return counts.error();
  if (counts->decisions == 0) return Error{Errc::kBadInput, file + ": has no decisions"};
  std::cout << grouped(replays.decisions) << " decisions replayed, "
            << (replays.different == 0 ? "all the same" : grouped(replays.different) + " differ");
  if (counts->others > 0) std::cout << "; " << grouped(counts->others) << " other lines";
  std::cout << std::endl;
  return replays.different == 0 ? ExitCode::kSuccess : ExitCode::kMissed;
}

/// A random run: a swarm's case, or a sequence of graphs, by turns.
struct RandomRun {
  sim::PolicySettings settings;
  sim::Plan plan;
  sim::RunOptions options;
  std::string name;
};

RandomRun draw_run(std::uint64_t seed) {
  const std::string ending = " seed " + std::to_string(seed);
  if (seed % 2 == 0) {
    const sim::SwarmCase swarm = sim::draw_case(seed);
    return {swarm.settings, sim::plan_of(swarm), sim::run_options_of(swarm, "vouch"),
            "swarm" + ending};
  }
  sim::TransitionOptions options;
  options.replicas = 3 + seed / 2 % 5;
  options.transitions = 20;
  options.run.seed = seed;
  sim::PolicySettings settings;
  settings.replicas = options.replicas;
  settings.vouch.relay = static_cast<RelayMode>(seed / 10 % 3);
  return {settings, sim::plan_of(options), options.run, "transitions" + ending};
}

/// Runs random simulations, records them in memory and replays each line.
Outcome replay_random(const ReplayRequest& request) {
  Replays replays;
  std::uint64_t bytes = 0;
  std::optional<Error> error;
  std::string name;
  RunRecorder recorder([&](const record::Line& line) {
    const std::string text = record::write(line);
    bytes += text.size() + 1;
    const auto reading = record::read(text, record::Strictness::kExact);
    if (!reading) {
      error = Error{reading.error().code, name + ": " + reading.error().message};
    } else if (*reading) {
      replays.take(name, **reading);
    }
  });
  Progress progress("replaying", request.random);
  for (std::uint64_t i = 0; i < request.random && !error; ++i) {
    RandomRun random = draw_run(request.seed + i);
    name = random.name;
    const auto protocol = sim::make_policy("vouch", random.settings);
    if (!protocol) return protocol.error();
    random.options.is_checked = false;  // Other commands check the rules; here they only decide.
    recorder.begin_run(**protocol, name, random.options.observers);
    static_cast<void>(sim::run(**protocol, random.plan, random.options));
    progress.update(i + 1);
  }
  if (error) return *error;
  std::cout << grouped(request.random) << " random runs, " << grouped(replays.decisions)
            << " decisions (" << grouped(bytes) << " bytes) replayed, "
            << (replays.different == 0 ? "all the same" : grouped(replays.different) + " differ")
            << std::endl;
  return replays.different == 0 ? ExitCode::kSuccess : ExitCode::kMissed;
}

Outcome replay(const ReplayRequest& request) {
  if (request.file.empty() == (request.random == 0)) {
    return Error{Errc::kBadInput, "FILE: a decision record is needed, or --random RUNS instead"};
  }
  if (request.random > kReplayedRunsMax) {
    return Error{Errc::kBadInput, "--random: must be in [1, " + std::to_string(kReplayedRunsMax) +
                                      "], is " + std::to_string(request.random)};
  }
  return request.random == 0 ? replay_file(request.file) : replay_random(request);
}

}  // namespace

void register_replay(CLI::App& app, Outcome& outcome) {
  auto request = std::make_shared<ReplayRequest>();
  CLI::App* command = app.add_subcommand(
      "replay", "Feed recorded decisions back through the core, and compare bit for bit");
  command->footer("Exit code 1 when the core decides anything differently now.");
  command->add_option("FILE", request->file,
                      "Log of vouch node, or file of vouch simulate --decisions; - reads standard "
                      "input");
  command->add_option("--random", request->random,
                      "Record and replay so many random simulated runs instead");
  command->add_option("--seed", request->seed, "Seed of the first of them")->capture_default_str();
  command->callback([request, &outcome] { outcome = replay(*request); });
}

}  // namespace vouch::cli
