#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command.h"
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
  std::uint32_t window_size = 100;
  double stddev_min_ms = 0;  ///< 0 means a twentieth of the heartbeat interval.
  double acceptable_pause_ms = 0;
  bool json = false;
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

/// Runs the detectors over all traces; the first thing that is wrong ends it.
[[nodiscard]] Result<EvaluateReport> evaluate(const EvaluateOptions& options);

/// Prints a report for people or, with all digits, for programs.
void print_text(const EvaluateReport& report, std::ostream& out);
void print_json(const EvaluateReport& report, std::ostream& out);

}  // namespace vouch::cli
