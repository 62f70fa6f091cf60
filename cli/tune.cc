#include "tune.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "interrupt.h"
#include "parallel.h"
#include "tune_machines.h"
#include "vouch/tune/knob_texts.h"

namespace vouch::cli {
namespace {

using tune::Trial;
using tune::TrialOutcome;

constexpr const char* kDefaultTuneState = "vouch_tune.state.json";
constexpr std::size_t kTuneReplicasMax = 9;

struct TuneRequest {
  TuneSettings settings;
  std::string failover;
  std::string needless = "1/year";
  std::string profile = "lan";
  std::string crashes = "12/year";
  std::string election_cost;
  std::string round_trip;
  std::string interval;
  std::string gap;
  std::string explain;
  std::string config_out;
  std::string plot;
  std::string state;
  std::string resume;
  std::uint64_t stop_after = UINT64_MAX;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  bool json = false;
  bool extrapolate = false;
};

Error bad_option(const std::string& option, const std::string& rule, const std::string& value) {
  return Error{Errc::kBadInput, option + ": must be " + rule + ", is '" + value + "'"};
}

/// A number with a unit behind it: "500ms". Empty unit: the first of `units`.
template <typename Units>
std::optional<double> number_with_unit(const std::string& text, const Units& units) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || !std::isfinite(value)) return std::nullopt;
  const std::string unit = end;
  for (const auto& [name, factor] : units) {
    if (unit == name || (unit.empty() && &name == &units.begin()->first)) return value * factor;
  }
  return std::nullopt;
}

/// Zero stays what it is where the option was not given.
Status read_time(const std::string& option, const std::string& text, Duration least, Duration most,
                 Duration& time) {
  if (text.empty()) return Done{};
  constexpr std::array<std::pair<const char*, double>, 5> units = {
      {{"ms", 1e6}, {"us", 1e3}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}}};
  const std::optional<double> value = number_with_unit(text, units);
  const bool is_in_range = value && *value >= static_cast<double>(least.count()) &&
                           *value <= static_cast<double>(most.count());
  if (!is_in_range) {
    return bad_option(
        option, "a time such as 500ms or 2s in [" + time_text(least) + ", " + time_text(most) + "]",
        text);
  }
  time = Duration(static_cast<std::int64_t>(std::llround(*value)));
  return Done{};
}

Status read_rate(const std::string& option, const std::string& text, double& per_year) {
  constexpr std::array<std::pair<const char*, double>, 5> units = {{{"/year", 1.0},
                                                                    {"/month", 12.0},
                                                                    {"/week", 365.25 / 7},
                                                                    {"/day", 365.25},
                                                                    {"/hour", 365.25 * 24}}};
  const std::optional<double> value = number_with_unit(text, units);
  if (!value || !(*value >= 0 && *value <= 1e9)) {
    return bad_option(option,
                      "a rate of at least 0 such as 1/year, 2/month, 3/week, 4/day or "
                      "5/hour",
                      text);
  }
  per_year = *value;
  return Done{};
}

Status check_settings(const TuneSettings& settings) {
  if (settings.traces.empty()) {
    return Error{Errc::kBadInput, "--trace: must be given at least once"};
  }
  for (const Status& status : {check_range("--replicas", settings.replicas, 3, kTuneReplicasMax),
                               check_range("--effort", settings.search.effort, 1, 10'000)}) {
    if (!status) return status;
  }
  if (settings.search.failover <= Duration::zero()) {
    return Error{Errc::kBadInput, "--failover: must be given, as in --failover 500ms"};
  }
  return Done{};
}

Status read_settings(const TuneRequest& request, TuneSettings& settings) {
  settings = request.settings;
  const std::optional<Profile> profile = profile_named(request.profile);
  if (!profile) return bad_option("--profile", "one of lan, multi-az, wan", request.profile);
  settings.profile = *profile;
  const Duration hour = std::chrono::hours(1);
  for (const Status& status : {
           read_time("--failover", request.failover, std::chrono::milliseconds(10), hour,
                     settings.search.failover),
           read_time("--election-cost", request.election_cost, std::chrono::microseconds(1), hour,
                     settings.search.election_cost),
           read_time("--round-trip", request.round_trip, std::chrono::microseconds(10), hour,
                     settings.round_trip),
           read_time("--heartbeat-interval", request.interval, std::chrono::microseconds(100), hour,
                     settings.interval),
           read_time("--gap", request.gap, std::chrono::milliseconds(1), 24 * hour, settings.gap),
           read_rate("--needless-elections", request.needless, settings.search.needless_per_year),
           read_rate("--crashes", request.crashes, settings.search.crashes_per_year),
       }) {
    if (!status) return status;
  }
  return check_settings(settings);
}

/// Where a recording does not say it: half of what a round trip usually takes.
Duration usual_one_way(Profile profile) {
  switch (profile) {
    case Profile::kLan:
      return std::chrono::microseconds(250);
    case Profile::kMultiAz:
      return std::chrono::milliseconds(1);
    case Profile::kWan:
      return std::chrono::milliseconds(50);
  }
  return {};
}

Result<std::vector<tune::Recording>> read_all(const TuneSettings& settings) {
  std::vector<tune::Recording> all;
  for (const std::string& path : settings.traces) {
    std::optional<Progress> bar;
    auto recordings =
        tune::read_recordings(path, {.interval = settings.interval,
                                     .gap = settings.gap,
                                     .progress = [&](std::uint64_t read, std::uint64_t total) {
                                       if (!bar) bar.emplace("tune: reading " + path, total);
                                       bar->update(read);
                                     }});
    if (!recordings) return recordings.error();
    for (tune::Recording& recording : *recordings)
      all.push_back(std::move(recording));
  }
  return all;
}

/// What was assumed, for the reader.
struct Assumptions {
  Duration round_trip{};
  Duration one_way{};
  std::vector<std::string> notes;
};

Assumptions assume(const TuneSettings& settings, const std::vector<tune::Recording>& recordings) {
  Assumptions result;
  MonitorConfig config;
  apply_profile(settings.profile, config);
  Duration recorded{};
  Duration one_way{};
  for (const tune::Recording& recording : recordings) {
    recorded = std::max(recorded, recording.round_trip);
    one_way = std::max(one_way, recording.one_way);
  }
  const std::string profile(to_string(settings.profile));
  const bool is_recorded = recorded > Duration::zero();
  result.round_trip = settings.round_trip > Duration::zero() ? settings.round_trip
                      : is_recorded                          ? recorded
                                                             : config.round_trip;
  // It stands in the configuration, which counts in whole milliseconds.
  result.round_trip = std::chrono::ceil<std::chrono::milliseconds>(result.round_trip);
  result.one_way =
      is_recorded ? one_way : std::min(usual_one_way(settings.profile), result.round_trip / 2);
  result.notes.push_back(
      "round trip " + time_text(result.round_trip) +
      (settings.round_trip > Duration::zero() ? " (--round-trip)"
       : is_recorded                          ? " (99 of 100 recorded ones are not longer)"
                                              : " (profile " + profile + ")") +
      ", least one-way delay " + time_text(result.one_way) +
      (is_recorded ? " (as recorded)"
                   : " (heartbeats do not show it; what they show is the delay on top)"));
  result.notes.push_back(
      "messages of the simulated group share the fate of the recorded heartbeat of their moment");
  if (is_recorded) {
    result.notes.push_back("probes: each way takes half of the round trip");
  }
  return result;
}

Result<tune::Inputs> prepare(const TuneSettings& settings, std::vector<tune::Recording> recordings,
                             const Assumptions& assumptions) {
  std::vector<tune::Recording> held_back;
  if (settings.validate) {
    for (tune::Recording& recording : recordings) {
      if (recording.beats.size() < 2 * tune::kBeatsMin) {
        return Error{Errc::kBadInput,
                     "--validate: " + recording.name + " is too short to be halved"};
      }
      held_back.push_back(half_of(recording, tune::Half::kSecond));
      recording = half_of(recording, tune::Half::kFirst);
    }
  }
  std::vector<tune::DetectorShape> kinds;
  for (const DetectorKind kind : kDetectorKinds) {
    if (is_configurable(kind)) kinds.emplace_back(kind);
  }
  // The recommended one also with a margin that stands still, and one in between.
  kinds.emplace_back(kRecommendedDetector, 0.375);
  kinds.emplace_back(kRecommendedDetector, 0.0);
  tune::Space space({.failover = settings.search.failover,
                     .interval = reach_of(recordings).interval,
                     .profile = settings.profile,
                     .round_trip = assumptions.round_trip,
                     .kinds = std::move(kinds)});
  return tune::Inputs{.recordings = std::move(recordings),
                      .held_back = std::move(held_back),
                      .space = std::move(space),
                      .replicas = settings.replicas,
                      .one_way = assumptions.one_way,
                      .seed = settings.seed};
}

/// Makes the trials of a stage, by threads here or by all processes.
std::size_t make_trials(const tune::Inputs& inputs, const std::vector<Trial>& trials,
                        std::size_t first, std::size_t end, unsigned jobs, Machines* machines,
                        const Machines::Take& take) {
  const auto compute = [&](const Trial& trial) { return make_trial(inputs, trial); };
  if (machines != nullptr) {
    return machines->run(trials, first, end, compute, &Interrupt::is_asked, take);
  }
  OrderedWork<TrialOutcome> work([&](std::uint64_t index) { return compute(trials[index]); },
                                 &Interrupt::is_asked);
  return work.run(first, end, jobs,
                  [&](std::uint64_t, const TrialOutcome& outcome) { take(outcome); });
}

/// Runs a search from what was done before, and keeps what it does.
class TuneRun {
 public:
  TuneRun(const TuneRequest& request, TuneState& state, const tune::Inputs& inputs,
          Machines* machines)
      : request_(request),
        state_(state),
        inputs_(inputs),
        machines_(machines),
        search_(inputs, state.settings.search) {}

  /// False: it was stopped.
  bool run() {
    std::size_t before = 0;  // Outcomes of earlier stages.
    while (!search_.stage().empty()) {
      const std::size_t count = search_.stage().size();
      if (!run_stage(before)) return false;
      const auto first = state_.outcomes.begin() + static_cast<std::ptrdiff_t>(before);
      search_.take({first, first + static_cast<std::ptrdiff_t>(count)});
      before += count;
    }
    return true;
  }

  [[nodiscard]] const tune::Tuning& result() const { return search_.result(); }
  [[nodiscard]] const char* stage_name() const { return search_.stage_name(); }
  [[nodiscard]] bool is_saved() const { return is_saved_; }

 private:
  bool run_stage(std::size_t before) {
    const std::vector<Trial>& trials = search_.stage();
    const std::size_t done = std::min(state_.outcomes.size() - before, trials.size());
    const std::uint64_t allowed = request_.stop_after - std::min(request_.stop_after, made_);
    const auto end =
        static_cast<std::size_t>(done + std::min<std::uint64_t>(allowed, trials.size() - done));
    Progress bar(std::string("tune: ") + search_.stage_name(), trials.size());
    make_trials(inputs_, trials, done, end, request_.jobs, machines_,
                [&](const TrialOutcome& outcome) {
                  state_.outcomes.push_back(outcome);
                  ++made_;
                  bar.update(state_.outcomes.size() - before);
                  save_now_and_then();
                });
    return state_.outcomes.size() - before >= trials.size();
  }

  void save_now_and_then() {
    const std::string& path = request_.resume.empty() ? request_.state : request_.resume;
    const auto now = std::chrono::steady_clock::now();
    if (path.empty() || now - saved_ < std::chrono::seconds(10)) return;
    saved_ = now;
    // A failure shows when the state is written at the end; until then the work goes on.
    if (write_tune_state(path, state_)) is_saved_ = true;
  }

  const TuneRequest& request_;
  TuneState& state_;
  const tune::Inputs& inputs_;
  Machines* machines_;
  tune::Search search_;
  std::uint64_t made_ = 0;
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
  bool is_saved_ = false;
};

/// The options of the output, which a state does not keep.
std::string output_options(const TuneRequest& request) {
  std::string text = request.json ? " --json" : "";
  if (request.extrapolate) text += " --extrapolate";
  if (!request.config_out.empty()) text += " --config-out " + request.config_out;
  if (!request.plot.empty()) text += " --plot " + request.plot;
  return text;
}

Status write_text(const std::string& option, const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return Error{Errc::kUnavailable, option + ": cannot write " + path};
  return Done{};
}

Outcome print_result(const TuneRequest& request, const TuneReport& report) {
  const tune::Tuning& tuning = report.tuning;
  if (tuning.candidates.empty()) {
    print_nothing_accepted(report, request.json ? TuneForm::kJson : TuneForm::kText, std::cout);
    return ExitCode::kMissed;
  }
  if (!request.config_out.empty()) {
    const std::string config = tuned_config(
        report.inputs.space, tuning.candidates[tuning.recommended].point, report.settings.replicas);
    if (Status status = write_text("--config-out", request.config_out, config); !status) {
      return status.error();
    }
  }
  if (!request.plot.empty()) {
    if (Status status = write_front(request.plot, report); !status) return status.error();
  }
  request.json ? print_tuning_json(report, std::cout) : print_tuning(report, std::cout);
  return tuning.meets_failover ? ExitCode::kSuccess : ExitCode::kMissed;
}

Outcome run_search(const TuneRequest& request, TuneState state, Machines* machines) {
  Result<std::vector<tune::Recording>> recordings = read_all(state.settings);
  const std::uint64_t fingerprint = recordings ? tune::fingerprint(*recordings) : 0;
  if (machines != nullptr && !machines->agree(fingerprint) && recordings) {
    return Error{Errc::kBadInput, "--trace: all machines must read the same files"};
  }
  if (!recordings) return recordings.error();
  if (!request.resume.empty() && fingerprint != state.fingerprint) {
    return Error{Errc::kBadInput,
                 "--resume: the traces are not those that " + request.resume + " was begun with"};
  }
  state.fingerprint = fingerprint;
  const Assumptions assumptions = assume(state.settings, *recordings);
  const auto inputs = prepare(state.settings, *std::move(recordings), assumptions);
  if (!inputs) return inputs.error();
  if (machines != nullptr && !machines->is_first()) {
    machines->serve([&](const Trial& trial) { return make_trial(*inputs, trial); });
    return ExitCode::kSuccess;
  }
  const Interrupt interrupt;
  TuneRun run(request, state, *inputs, machines);
  const std::string& own_path = request.resume.empty() ? request.state : request.resume;
  const bool is_done = run.run();
  if (machines != nullptr && !machines->report().empty()) {
    std::cerr << "vouch: " << machines->report() << '\n';
  }
  if (!is_done) {
    const std::string path = own_path.empty() ? kDefaultTuneState : own_path;
    if (Status status = write_tune_state(path, state); !status) return status.error();
    std::cerr << "stopped after " << state.outcomes.size() << " trials, in stage "
              << run.stage_name() << "; to continue: vouch tune --resume " << path
              << output_options(request) << '\n';
    return ExitCode::kInterrupted;
  }
  Outcome outcome = print_result(
      request, TuneReport{state.settings, *inputs, run.result(), reach_of(inputs->recordings),
                          assumptions.notes, request.extrapolate});
  // Nothing is left to be continued.
  if (outcome && (!request.resume.empty() || run.is_saved())) std::remove(own_path.c_str());
  return outcome;
}

/// How many processes mpirun has started, and which of them this is; 1 and 0 without it.
struct Launched {
  long size = 1;
  long rank = 0;
};

Launched launched() {
  const auto number = [](const char* name, long fallback) {
    const char* const text = std::getenv(name);
    return text == nullptr ? fallback : std::strtol(text, nullptr, 10);
  };
  return {number("OMPI_COMM_WORLD_SIZE", number("PMI_SIZE", 1)),
          number("OMPI_COMM_WORLD_RANK", number("PMI_RANK", 0))};
}

/// Goes on as the program that can speak to the others. Starting MPI costs a plain run more than
/// most commands take, so `vouch` itself is not linked with it.
Error become_mpi() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string path = (self.parent_path() / "vouch_mpi").string();
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');)
    arguments.push_back(argument);
  std::vector<char*> pointers;
  for (std::string& argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  if (!arguments.empty()) ::execv(path.c_str(), pointers.data());
  return Error{Errc::kUnavailable,
               "mpirun: this vouch was built without MPI (libopenmpi-dev): there is no " + path};
}

Outcome print_explanation(const std::string& name) {
  const std::vector<tune::KnobText> texts = tune::knob_texts();
  const tune::KnobText* const text = find_knob(texts, name);
  if (text == nullptr) {
    std::string known;
    for (const tune::KnobText& each : texts)
      known += (known.empty() ? "" : ", ") + each.name;
    return bad_option("--explain", "one of " + known, name);
  }
  std::cout << text->name << "\n  " << text->what << "\n  up:   " << text->up
            << "\n  down: " << text->down << '\n';
  return ExitCode::kSuccess;
}

Outcome tune_all(const TuneRequest& request) {
  if (!request.explain.empty()) return print_explanation(request.explain);
  if (Status status = check_range("--jobs", request.jobs, 1, kJobsMax); !status) {
    return status.error();
  }
  if (!request.plot.empty() && !request.plot.ends_with(".svg") &&
      !request.plot.ends_with(".html")) {
    return Error{Errc::kBadInput, "--plot: must end with .svg or .html, is '" + request.plot + "'"};
  }
  TuneState state;
  if (!request.resume.empty()) {
    Result<TuneState> saved = read_tune_state(request.resume);
    if (!saved) return saved.error();
    state = *std::move(saved);
    if (Status status = check_settings(state.settings); !status) {
      return Error{Errc::kBadInput, "--resume: " + status.error().message};
    }
  } else if (Status status = read_settings(request, state.settings); !status) {
    return status.error();
  }
  const Launched here = launched();
  if (here.size <= 1) return run_search(request, std::move(state), nullptr);
  if (open_machines == nullptr) return become_mpi();
  const std::unique_ptr<Machines> machines = open_machines();
  return run_search(request, std::move(state), machines.get());
}

void add_goal_options(CLI::App& command, TuneRequest& request,
                      std::vector<CLI::Option*>& settings) {
  TuneSettings& given = request.settings;
  const auto add = [&](CLI::Option* option) { settings.push_back(option); };
  add(command
          .add_option("--trace", given.traces,
                      "Recorded heartbeats (vouch record) or probes: CSV, plain or gzip; several "
                      "files if need be")
          ->allow_extra_args(true));
  add(command.add_option("--replicas", given.replicas, "Replicas of the group, 3 to 9")
          ->capture_default_str());
  add(command.add_option("--failover", request.failover,
                         "Goal: 95 of 100 crashed leaders are replaced within this, as in 500ms"));
  add(command
          .add_option("--needless-elections", request.needless,
                      "Goal: elections while no node has failed, as in 1/year")
          ->capture_default_str());
  add(command
          .add_option("--profile", request.profile,
                      "lan, multi-az or wan: the knobs that are not searched")
          ->capture_default_str());
  add(command.add_option("--crashes", request.crashes, "Real crashes of the leader")
          ->capture_default_str());
  add(command.add_option("--election-cost", request.election_cost,
                         "What a needless election costs (default: as seen, else a failover)"));
  add(command.add_option("--round-trip", request.round_trip,
                         "The longest round trip to expect (default: as recorded, else the "
                         "profile's)"));
  add(command.add_option("--heartbeat-interval", request.interval,
                         "Of the recordings (default: estimated for each link)"));
  add(command.add_option("--gap", request.gap,
                         "A longer step parts two runs of a recording (default: 100 heartbeat "
                         "intervals, at least 5 s)"));
  add(command
          .add_option("--effort", given.search.effort,
                      "Times the simulated time and crashes of the usual search")
          ->capture_default_str());
  add(command.add_option("--seed", given.seed, "Seed of all chance")->capture_default_str());
  add(command.add_flag("--validate", given.validate,
                       "Search on the first half of each recording, and check on the second"));
}

void add_options(CLI::App& command, TuneRequest& request) {
  std::vector<CLI::Option*> settings;
  add_goal_options(command, request, settings);
  command.add_option("--jobs", request.jobs, "Threads; the outcome does not depend on it")
      ->capture_default_str();
  command.add_flag("--json", request.json, "Print JSON");
  command.add_flag("--extrapolate", request.extrapolate,
                   "Also what the tails of the recordings say about silences longer than any seen");
  command.add_option("--config-out", request.config_out,
                     "File for the recommended configuration, as vouch node takes it");
  command.add_option("--plot", request.plot, "File for the Pareto front: .svg or .html");
  settings.push_back(
      command.add_option("--state", request.state,
                         "File to save into now and then, and when interrupted (default then: " +
                             std::string(kDefaultTuneState) + ")"));
  command.add_option("--stop-after", request.stop_after,
                     "Stop after so many trials, as if interrupted");
  auto* resume = command.add_option("--resume", request.resume,
                                    "Go on with what was saved in this file; removed at the end");
  for (CLI::Option* option : settings)
    resume->excludes(option);
  auto* explain =
      command.add_option("--explain", request.explain, "Say what a knob does, up and down");
  explain->excludes(resume);
}

}  // namespace

void register_tune(CLI::App& app, Outcome& outcome) {
  auto request = std::make_shared<TuneRequest>();
  CLI::App* command = app.add_subcommand(
      "tune", "From recorded heartbeats to a configuration, with what it promises");
  command->footer(
      "Detectors are replayed on the recordings; leases and heartbeat intervals are tried in the\n"
      "simulator with the recordings on its links. Exit code 1 when no setting meets --failover,\n"
      "130 when interrupted. Under mpirun the work is shared: mpirun -n 8 vouch tune ...\n"
      "docs/TUNING.md walks through an example.");
  add_options(*command, *request);
  command->callback([request, &outcome] {
    outcome = tune_all(*request);
    // Of many processes one speaks; what is wrong with the options is wrong for all.
    if (!outcome && launched().rank > 0 && open_machines == nullptr) outcome = ExitCode::kError;
  });
}

}  // namespace vouch::cli
