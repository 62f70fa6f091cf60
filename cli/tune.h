#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "command.h"
#include "vouch/quorum_check/profile.h"
#include "vouch/tune/search.h"

namespace vouch::cli {

/// Adds `vouch tune`: from recorded heartbeats to a configuration.
void register_tune(CLI::App& app, Outcome& outcome);

/// What a search is about: with these and the same traces the outcome is the same to the byte,
/// however it is run.
struct TuneSettings {
  std::vector<std::string> traces;
  std::size_t replicas = 3;
  Profile profile = Profile::kLan;
  tune::SearchOptions search;
  Duration round_trip{};  ///< Zero: as recorded, or the profile's.
  Duration interval{};    ///< Zero: estimated for each link.
  Duration gap{};         ///< Zero: default_gap.
  std::uint64_t seed = 1;
  bool validate = false;
};

/// Everything about a search that is done, for whoever prints it.
struct TuneReport {
  const TuneSettings& settings;
  const tune::Inputs& inputs;
  const tune::Tuning& tuning;
  tune::Reach reach;
  std::vector<std::string> notes;  ///< Assumptions that were made.
  bool extrapolate = false;
};

/// What was done so far: the outcomes of all trials, in their order, over all stages.
struct TuneState {
  TuneSettings settings;
  std::uint64_t fingerprint = 0;  ///< Of the recordings.
  std::vector<tune::TrialOutcome> outcomes;
};

[[nodiscard]] Status write_tune_state(const std::string& path, const TuneState& state);
[[nodiscard]] Result<TuneState> read_tune_state(const std::string& path);

/// The configuration of a point as the file of node 1 of `replicas` on this machine: addresses and
/// paths are to be replaced.
[[nodiscard]] std::string tuned_config(const tune::Space& space, const tune::Point& point,
                                       std::size_t replicas);

/// Whether a configuration file can ask for this kind of detector.
[[nodiscard]] bool is_configurable(DetectorKind kind);

/// What the linter says to a configuration file: its verdict, and one line for each broken rule.
[[nodiscard]] Result<std::vector<std::string>> lint_tuned(const std::string& text);

enum class TuneForm : std::uint8_t { kText, kJson };

void print_tuning(const TuneReport& report, std::ostream& out);
void print_tuning_json(const TuneReport& report, std::ostream& out);
/// Instead of both when the linter accepts nothing near the goal.
void print_nothing_accepted(const TuneReport& report, TuneForm form, std::ostream& out);

/// The Pareto front as a picture: SVG, or a page around it if `path` ends with .html.
[[nodiscard]] Status write_front(const std::string& path, const TuneReport& report);

/// What the tails of the recordings' silences say about longer ones: an extrapolation.
struct Extrapolation {
  std::string recording;
  tune::Tail tail;
  double silences_per_year = 0;     ///< Longer than the lease less a round trip.
  double independent_per_year = 0;  ///< The leader loses its majority: links on their own,
  double common_per_year = 0;       ///< or all at the same time.
};
[[nodiscard]] std::vector<Extrapolation> extrapolate(const TuneReport& report,
                                                     const tune::Point& point);

/// What a reader must know, in sentences: does it meet the goals, and how far does the data reach?
[[nodiscard]] std::vector<std::string> verdicts_of(const TuneReport& report);

/// "420 ms", "1.5 s", "3.2 h".
[[nodiscard]] std::string time_text(Duration duration);
/// 1314871.2 as "1,314,871", 0.25 as "0.25".
[[nodiscard]] std::string rate_text(double per_year);
/// "fixed 350 ms", "phi 8".
[[nodiscard]] std::string detector_text(const DetectorConfig& config);

}  // namespace vouch::cli
