#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "command.h"
#include "evaluate_bootstrap.h"
#include "vouch/detector/replay.h"
#include "vouch/trace/trace_reader.h"

namespace vouch::cli {

/// `vouch evaluate TRACE...`: replays recorded heartbeats through several detectors.
void register_evaluate(CLI::App& app, Outcome& outcome);

/// What the user asked for.
struct EvaluateOptions {
  std::vector<std::string> traces;
  std::vector<std::string> detectors;  ///< `NAME` or `NAME:SETTING[,SETTING...]`.
  std::optional<double> gap_s;
  std::optional<double> heartbeat_interval_ms;
  std::optional<std::uint32_t> window_size;  ///< 100, and 1,000 to compare.
  double stddev_min_ms = 0;                  ///< 0 means a twentieth of the heartbeat interval.
  double acceptable_pause_ms = 0;
  double agility = DetectorConfig{}.agility;
  bool memory = DetectorConfig{}.memory;
  std::uint32_t bootstrap = 200;  ///< Draws for the confidence intervals.
  std::uint64_t seed = 1;
  bool json = false;
  bool compare = false;
  std::string csv;   ///< Where the curves go, if anywhere.
  std::string plot;  ///< Where their picture goes.
};

/// One detector with one setting, and what it did.
struct SettingResult {
  DetectorConfig config;
  Replay replay;
};

/// One link of one trace file under all detectors.
struct LinkResult {
  std::string trace;  ///< The file.
  std::string link;   ///< `subject->observer`; empty if the file has one unnamed link.
  TraceFormat format = TraceFormat::kArrivals;
  std::uint64_t heartbeats = 0;
  std::uint64_t lost_probes = 0;
  Duration heartbeat_interval{};
  bool interval_estimated = true;
  Duration gap{};
  std::vector<SettingResult> settings;
};

/// Everything that one run of the command found out.
struct EvaluateReport {
  std::vector<LinkResult> links;
  std::vector<std::string> notes;  ///< Assumptions that were made, each once.
};

/// Decides which detectors a link is replayed through, once its heartbeat interval is known.
/// `index` counts the links of the file.
using Planner =
    std::function<Result<std::vector<DetectorConfig>>(const LinkResult& link, std::size_t index)>;

/// Replays one trace file, in one pass and in bounded memory; appends its links and notes.
[[nodiscard]] Status evaluate_trace(const std::string& path, const EvaluateOptions& options,
                                    const Planner& planner, DetectionTimes keep,
                                    EvaluateReport& report);

/// The configuration of one detector as the options have it, with its knob at `setting`.
[[nodiscard]] DetectorConfig detector_for(DetectorKind kind, double setting,
                                          const EvaluateOptions& options, Duration interval);

/// Takes out what is said twice.
void drop_repeated(std::vector<std::string>& notes);

/// Runs the detectors over all traces; the first thing that is wrong ends it.
[[nodiscard]] Result<EvaluateReport> evaluate(const EvaluateOptions& options);

/// Prints a report for people or, with all digits, for programs.
void print_text(const EvaluateReport& report, const EvaluateOptions& options, std::ostream& out);
void print_json(const EvaluateReport& report, const EvaluateOptions& options, std::ostream& out);

}  // namespace vouch::cli
