#include "simulate_output.h"

#include <utility>

#include "vouch/report/page.h"

namespace vouch::cli {
namespace {

/// The trace is written in pieces of about this size.
constexpr std::size_t kPiece = std::size_t{1} << 16U;

constexpr std::uint64_t kSpeedMax = 1'000'000;

}  // namespace

/// Writes a trace to a file while the run goes on.
class RunOutput::TraceFile final : public sim::Observer {
 public:
  TraceFile(std::string path, std::unique_ptr<report::Trace> trace)
      : path_(std::move(path)),
        trace_(std::move(trace)),
        file_(path_, std::ios::binary | std::ios::trunc) {}

  [[nodiscard]] Status status() {
    if (!file_) return Error{Errc::kUnavailable, "--trace: cannot write " + path_};
    return Done{};
  }

  void moved(const sim::Engine& engine, sim::NodeIndex from, sim::NodeIndex to,
             const sim::Payload& payload, sim::Fate fate) override {
    trace_->moved(engine, from, to, payload, fate);
    write();
  }
  void stepped(const sim::Engine& engine, sim::NodeIndex node,
               const sim::ReplicaStatus& status) override {
    trace_->stepped(engine, node, status);
    write();
  }
  void noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) override {
    trace_->noted(engine, node, note);
    write();
  }
  void faulted(const sim::Engine& engine, const sim::Fault& fault) override {
    trace_->faulted(engine, fault);
    write();
  }

  [[nodiscard]] Status finish(sim::TrueTime end) {
    trace_->finish(end);
    file_ << trace_->take();
    file_.close();
    return status();
  }

 private:
  void write() {
    if (trace_->waiting() >= kPiece) file_ << trace_->take();
  }

  std::string path_;
  std::unique_ptr<report::Trace> trace_;
  std::ofstream file_;
};

void add_output_options(CLI::App& command, OutputRequest& request) {
  command.add_option("--trace", request.trace, "Write every event of the run to this file");
  command
      .add_option("--trace-format", request.trace_format,
                  "jsonl (one JSON object per line), chrome (for ui.perfetto.dev) or shiviz "
                  "(vector clocks)")
      ->capture_default_str();
  command.add_option("--report", request.report,
                     "Write one HTML page that shows the first seed's runs, and compares policies");
  command.add_flag("--watch", request.watch, "Draw the run in the terminal as it goes on");
  command
      .add_option("--speed", request.watch_speed,
                  "Of --watch on a terminal: simulated seconds per second; 0: do not wait")
      ->capture_default_str();
}

Status check(const OutputRequest& request, std::uint64_t runs) {
  const auto format = report::trace_format(request.trace_format);
  if (!format) return Error{Errc::kBadInput, "--trace-format: " + format.error().message};
  if (!request.trace.empty() && runs != 1) {
    return Error{Errc::kBadInput, "--trace: needs exactly one scenario, one policy and one run"};
  }
  if (request.watch && runs != 1) {
    return Error{Errc::kBadInput, "--watch: needs exactly one scenario, one policy and one run"};
  }
  if (request.watch_speed > kSpeedMax) {
    return Error{Errc::kBadInput, "--speed: must be in [0, " + std::to_string(kSpeedMax) +
                                      "], is " + std::to_string(request.watch_speed)};
  }
  if (!request.report.empty() && !report::has_page()) {
    return Error{Errc::kUnavailable,
                 "--report: this program was built without the page; install npm, configure and "
                 "build it again"};
  }
  return Done{};
}

Result<std::unique_ptr<RunOutput>> RunOutput::create(const OutputRequest& request,
                                                     const scenario::Scenario& scenario,
                                                     const std::string& policy) {
  std::unique_ptr<RunOutput> output(new RunOutput);
  if (!request.trace.empty()) {
    const auto format = report::trace_format(request.trace_format);
    if (!format) return format.error();
    output->trace_ = std::make_shared<TraceFile>(request.trace, report::make_trace(*format));
    if (const Status status = output->trace_->status(); !status) return status.error();
    output->observers_.push_back(output->trace_.get());
  }
  if (request.watch) {
    output->watch_ = std::make_unique<Watch>(scenario, policy, request.watch_speed);
    output->observers_.push_back(output->watch_.get());
  }
  return output;
}

Status RunOutput::finish(sim::TrueTime end) {
  if (watch_ != nullptr) watch_->finish(end);
  if (trace_ != nullptr) return trace_->finish(end);
  return Done{};
}

Status write_report(const OutputRequest& request, std::vector<ScenarioRuns>& all,
                    const std::string& command) {
  if (request.report.empty()) return Done{};
  report::Report report{.version = VOUCH_VERSION, .command = command, .scenarios = {}};
  for (ScenarioRuns& runs : all) {
    report::ScenarioReport& scenario = report.scenarios.emplace_back();
    scenario.scenario = runs.scenario;
    for (PolicyRuns& policy : runs.policies) {
      if (!policy.recording) continue;
      scenario.policies.push_back({.policy = policy.policy,
                                   .first_seed = policy.first_seed,
                                   .is_expected = policy.is_expected,
                                   .is_judged = policy.is_judged,
                                   .misses = policy.misses,
                                   .results = policy.results,
                                   .recording = *std::move(policy.recording)});
    }
  }
  std::ofstream file(request.report, std::ios::binary | std::ios::trunc);
  file << report::report_page(report);
  file.close();
  if (!file) return Error{Errc::kUnavailable, "--report: cannot write " + request.report};
  return Done{};
}

}  // namespace vouch::cli
