#pragma once

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "command.h"
#include "simulate.h"
#include "vouch/report/trace_format.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/observer.h"
#include "watch.h"

namespace vouch::cli {

/// What `vouch simulate` writes besides its table.
struct OutputRequest {
  std::string trace;                   ///< File; empty: no trace.
  std::string trace_format = "jsonl";  ///< As report::trace_format names them.
  std::string report;                  ///< File; empty: no report.
  bool watch = false;
  std::uint64_t watch_speed = 5;  ///< Simulated seconds per second on a terminal; 0: no waiting.

  /// A trace and a watched run are those of one run.
  [[nodiscard]] bool is_of_one_run() const { return watch || !trace.empty(); }
};

void add_output_options(CLI::App& command, OutputRequest& request);

/// Whether the request can be met at all: names, limits, files. `runs` is the number of all runs,
/// over scenarios, policies and seeds.
[[nodiscard]] Status check(const OutputRequest& request, std::uint64_t runs);

/// What follows the one run of a trace or of --watch. Does nothing when neither is asked for.
/// Not thread-safe: give it one owner.
class RunOutput {
 public:
  /// Opens the file of the trace.
  [[nodiscard]] static Result<std::unique_ptr<RunOutput>> create(const OutputRequest& request,
                                                                 const scenario::Scenario& scenario,
                                                                 const std::string& policy);

  /// Who is to observe the run.
  [[nodiscard]] const std::vector<sim::Observer*>& observers() const { return observers_; }

  /// The run is over.
  [[nodiscard]] Status finish(sim::TrueTime end);

 private:
  class TraceFile;

  RunOutput() = default;

  std::shared_ptr<TraceFile> trace_;
  std::unique_ptr<Watch> watch_;
  std::vector<sim::Observer*> observers_;
};

/// Writes the page. The recordings of `all` are moved out of it.
[[nodiscard]] Status write_report(const OutputRequest& request, std::vector<ScenarioRuns>& all,
                                  const std::string& command);

}  // namespace vouch::cli
