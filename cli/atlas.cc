#include "atlas.h"

#include <chrono>
#include <ctime>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>

#include "interrupt.h"
#include "vouch/scenario/trace.h"

namespace vouch::cli {
namespace {

constexpr std::uint64_t kSampleMax = 10'000'000;
constexpr std::uint64_t kTransitionsMax = 100'000'000;
constexpr const char* kDefaultState = "vouch_atlas.state.json";

struct AtlasRequest {
  AtlasSettings settings;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t stop_after = UINT64_MAX;
  bool json = false;
  std::string state;
  std::string resume;
  std::string graph;
  std::string trace;
};

Error bad(const std::string& field, const std::string& rule, const std::string& value) {
  return Error{Errc::kBadInput, field + ": must be " + rule + ", is " + value};
}

/// Of what the command line or a state file asks for.
Status check(const AtlasSettings& settings, bool is_one_graph) {
  const bool is_enumerated = settings.transitions == 0 && settings.sample == 0 && !is_one_graph;
  const std::size_t most = is_enumerated ? sim::kMaxAtlasReplicas : sim::kMaxGraphReplicas;
  if (settings.replicas < 3 || settings.replicas > most) {
    return bad("--replicas",
               is_enumerated ? "in [3, 5], or up to 8 with --sample or --transitions" : "in [3, 8]",
               std::to_string(settings.replicas));
  }
  if (Status status = check_range("--every", settings.every, 1, 1'000'000); !status) return status;
  if (Status status = check_range("--sample", settings.sample, 0, kSampleMax); !status) {
    return status;
  }
  if (Status status = check_range("--transitions", settings.transitions, 0, kTransitionsMax);
      !status) {
    return status;
  }
  if (settings.policies.empty()) return bad("--policy", "given at least once", "not given");
  for (const std::string& name : settings.policies) {
    const auto policy = sim::make_policy(name, {.replicas = settings.replicas});
    if (!policy) return Error{Errc::kBadInput, "--policy: " + policy.error().message};
  }
  return Done{};
}

Status write_trace(const std::string& path, scenario::JsonlTrace& trace) {
  trace.finish();
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << trace.take();
  file.close();
  if (!file) return Error{Errc::kUnavailable, "--trace: cannot write " + path};
  return Done{};
}

/// What broke a rule, as the checker said it.
void print_violations(const std::string& policy, const sim::RunResult& result, std::ostream& out) {
  for (const sim::Violation& violation : result.violations) {
    out << policy << ": " << to_string(violation.rule) << " at "
        << (violation.at - sim::kStart).count() / 1'000'000 << " ms: " << violation.text << '\n';
  }
  if (result.violation_count > result.violations.size()) {
    out << policy << ": " << result.violation_count - result.violations.size() << " more\n";
  }
}

/// One run under every policy, for the reader of a failure: everything that the checker saw.
template <typename PlanOf, typename RunOptionsOf>
Outcome run_one(const AtlasRequest& request, PlanOf plan_for, RunOptionsOf options_for) {
  bool is_violated = false;
  scenario::JsonlTrace trace;
  for (const std::string& name : request.settings.policies) {
    const auto policy = sim::make_policy(name, policy_settings(request.settings));
    if (!policy) return policy.error();
    sim::RunOptions options = options_for(name);
    if (!request.trace.empty()) options.observers.push_back(&trace);
    const sim::RunResult result = sim::run(**policy, plan_for(name), options);
    std::cout << name << ": " << result.during.elections << " elections and "
              << result.during.leader_changes << " leaders while links were cut, "
              << result.after.elections << " and " << result.after.leader_changes
              << " after the heal; " << result.violation_count << " broken rules\n";
    print_violations(name, result, std::cout);
    is_violated |= sim::is_vouch(name) && result.violation_count > 0;
  }
  if (!request.trace.empty()) {
    if (Status status = write_trace(request.trace, trace); !status) return status.error();
  }
  return is_violated ? ExitCode::kMissed : ExitCode::kSuccess;
}

Outcome try_one_graph(const AtlasRequest& request) {
  const auto graph = sim::parse_graph(request.settings.replicas, request.graph);
  if (!graph) return Error{graph.error().code, "--" + graph.error().message};
  return run_one(
      request,
      [&](const std::string& policy) {
        return sim::plan_of(*graph, atlas_options(request.settings, policy));
      },
      [&](const std::string& policy) {
        return sim::run_options_of(*graph, atlas_options(request.settings, policy));
      });
}

Outcome trace_one_sequence(const AtlasRequest& request) {
  return run_one(
      request,
      [&](const std::string& policy) {
        return sim::plan_of(transition_options(request.settings, policy));
      },
      [&](const std::string& policy) { return transition_options(request.settings, policy).run; });
}

/// Keeps the user informed, and the state on disk every now and then.
class Reporter {
 public:
  Reporter(const AtlasState& state, std::uint64_t first, std::uint64_t total,
           std::string state_path)
      : bar_(state.settings.transitions > 0 ? "transitions" : "atlas", total),
        first_(first),
        state_path_(std::move(state_path)) {}

  void update(const AtlasState& state) {
    bar_.update(state.done);
    const auto now = std::chrono::steady_clock::now();
    if (state_path_.empty() || now - saved_ < std::chrono::seconds(10)) return;
    saved_ = now;
    // A failure shows when the state is written at the end; until then the work goes on.
    if (write_state(state_path_, state)) is_saved_ = true;
  }

  [[nodiscard]] bool is_saved() const { return is_saved_; }

  /// How fast it went: not part of the output, which repeats to the byte.
  void print_speed(const AtlasState& state, unsigned jobs) const {
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began_;
    const double cpu = static_cast<double>(std::clock() - cpu_began_) / CLOCKS_PER_SEC;
    std::cerr << grouped(state.done - first_)
              << (state.settings.transitions > 0 ? " sequences" : " graphs") << " in "
              << fixed_text(wall.count(), 1) << " s with " << jobs << " jobs ("
              << fixed_text(cpu, 1) << " s of CPU)\n";
  }

 private:
  Progress bar_;
  std::uint64_t first_;
  std::string state_path_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point saved_ = began_;
  std::clock_t cpu_began_ = std::clock();
  bool is_saved_ = false;
};

Outcome run_all(const AtlasRequest& request, AtlasState state) {
  const std::string& own_path = request.resume.empty() ? request.state : request.resume;
  const Interrupt interrupt;
  std::optional<Reporter> reporter;
  const std::uint64_t first = state.done;
  const AtlasControl control{.jobs = request.jobs,
                             .stop_after = request.stop_after,
                             .is_stopped = &Interrupt::is_asked,
                             .progress = [&](const AtlasState& now, std::uint64_t total) {
                               if (!reporter) reporter.emplace(now, first, total, own_path);
                               reporter->update(now);
                             }};
  const auto total = run_atlas(state, control);
  if (!total) {
    return Error{total.error().code,
                 (request.resume.empty() ? "" : "--resume: ") + total.error().message};
  }
  if (state.done < *total) {
    const std::string path = own_path.empty() ? kDefaultState : own_path;
    reporter.reset();  // Takes the bar away.
    if (Status status = write_state(path, state); !status) return status.error();
    std::cerr << "stopped after " << grouped(state.done) << " of " << grouped(*total)
              << "; to continue: vouch atlas --resume " << path << (request.json ? " --json" : "")
              << '\n';
    return ExitCode::kInterrupted;
  }
  if (reporter) reporter->print_speed(state, request.jobs);
  request.json ? print_atlas_json(state, std::cout) : print_atlas(state, std::cout);
  // Nothing is left to be continued.
  if (!request.resume.empty() || (reporter && reporter->is_saved())) std::remove(own_path.c_str());
  return is_violated(state) ? ExitCode::kMissed : ExitCode::kSuccess;
}

Outcome atlas(const AtlasRequest& request) {
  if (Status status = check_range("--jobs", request.jobs, 1, kJobsMax); !status) {
    return status.error();
  }
  if (!request.resume.empty()) {
    Result<AtlasState> state = read_state(request.resume);
    if (!state) return state.error();
    if (Status status = check(state->settings, false); !status) {
      return Error{Errc::kBadInput, "--resume: " + status.error().message};
    }
    return run_all(request, *std::move(state));
  }
  const bool is_one_graph = !request.graph.empty();
  if (Status status = check(request.settings, is_one_graph); !status) return status.error();
  const bool is_one_sequence =
      request.settings.transitions > 0 && request.settings.transitions <= kTransitionsPerSequence;
  if (!request.trace.empty() &&
      ((!is_one_graph && !is_one_sequence) || request.settings.policies.size() != 1)) {
    return Error{Errc::kBadInput,
                 "--trace: needs one policy and --graph, or --transitions of at most " +
                     std::to_string(kTransitionsPerSequence)};
  }
  if (is_one_graph) return try_one_graph(request);
  if (!request.trace.empty()) return trace_one_sequence(request);
  return run_all(request, begin_atlas(request.settings));
}

void add_options(CLI::App& command, AtlasRequest& request) {
  AtlasSettings& settings = request.settings;
  auto* replicas = command.add_option("--replicas", settings.replicas,
                                      "Replicas: 3, 4 or 5; up to 8 where graphs are drawn");
  replicas->capture_default_str();
  std::string names;
  for (const std::string_view name : sim::policy_names()) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  auto* policy =
      command.add_option("--policy", settings.policies,
                         "Policy; repeat it for several. One of: " + names + " (default: vouch)");
  policy->allow_extra_args(false);
  auto* every = command.add_option("--every", settings.every,
                                   "Only one class of graphs out of K, for a quick look");
  every->capture_default_str();
  auto* sample =
      command.add_option("--sample", settings.sample, "N graphs drawn at random instead of all");
  auto* transitions = command.add_option(
      "--transitions", settings.transitions,
      "N random graphs one after the other instead, some seconds each, with loss, pauses and\n"
      "clocks at the drift bound");
  auto* seed = command.add_option("--seed", settings.seed, "Seed of all chance");
  seed->capture_default_str();
  auto* digests = command.add_flag("--digests", settings.digests,
                                   "vouch: groups travel apart from heartbeats, as many do");
  command.add_option("--jobs", request.jobs, "Threads; the outcome does not depend on it")
      ->capture_default_str();
  auto* json = command.add_flag("--json", request.json, "Print JSON");
  auto* state =
      command.add_option("--state", request.state,
                         "File to save into now and then, and when interrupted (default then: " +
                             std::string(kDefaultState) + ")");
  auto* stop_after =
      command.add_option("--stop-after", request.stop_after,
                         "Stop after so many graphs or sequences, as if interrupted");
  auto* resume = command.add_option("--resume", request.resume,
                                    "Go on with what was saved in this file; removed at the end");
  auto* graph = command.add_option("--graph", request.graph,
                                   "Only this graph: its links, as \"0->1 1->0\", or none");
  auto* trace = command.add_option(
      "--trace", request.trace,
      "With one graph or one sequence: every event to this file, one JSON object per line");
  for (auto* other :
       {replicas, policy, every, sample, transitions, seed, digests, state, graph, trace})
    resume->excludes(other);
  for (auto* other : {every, sample, transitions, state, stop_after, json})
    graph->excludes(other);
  sample->excludes(every)->excludes(transitions);
  transitions->excludes(every);
  trace->excludes(json);
}

}  // namespace

void register_atlas(CLI::App& app, Outcome& outcome) {
  auto request = std::make_shared<AtlasRequest>();
  CLI::App* command =
      app.add_subcommand("atlas", "Try every directed graph of links, policies side by side");
  command->footer(
      "Each graph stays for 30 s after a leader with all links, then all links are back for 10 s.\n"
      "Exit code 1 when vouch breaks a rule: every count of it but split votes must be zero.\n"
      "130 when interrupted. The output depends only on --replicas, --policy, --every, --sample,\n"
      "--transitions, --seed and --digests.");
  add_options(*command, *request);
  command->callback([request, &outcome] {
    if (request->settings.policies.empty()) request->settings.policies = {"vouch"};
    outcome = atlas(*request);
  });
}

}  // namespace vouch::cli
