#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/report/recording.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/run.h"

namespace vouch::report {

/// The runs of one policy, by consecutive seeds, and the picture of the first of them.
struct PolicyReport {
  std::string policy;
  std::uint64_t first_seed = 1;
  bool is_expected = false;             ///< The scenario says something about this policy.
  bool is_judged = true;                ///< By what it says: not with other times than its own.
  std::vector<std::string> misses;      ///< What the runs missed of it, each in words.
  std::vector<sim::RunResult> results;  ///< At least one.
  Recording recording;
};

struct ScenarioReport {
  scenario::Scenario scenario;
  std::vector<PolicyReport> policies;
};

struct Report {
  std::string version;  ///< Of the program.
  std::string command;  ///< That repeats it.
  std::vector<ScenarioReport> scenarios;
};

/// Messages to keep per recording so that the page of so many recordings stays readable by a
/// browser: a few megabytes in all.
[[nodiscard]] std::size_t messages_per_recording(std::size_t recordings);

/// The report as one JSON document of pure ASCII without <, > and &: it can stand in a <script>
/// element, whatever the texts of a scenario contain. Integers only, times in microseconds.
[[nodiscard]] std::string report_json(const Report& report);

/// Whether this build has the page (npm was there when it was made).
[[nodiscard]] bool has_page();

/// The page with the report in it: one HTML file that loads nothing. Needs has_page().
[[nodiscard]] std::string report_page(const Report& report);

/// Where the page takes its data.
inline constexpr std::string_view kDataMark = "@VOUCH_REPORT_DATA@";

/// The page as it was bundled, in pieces: some compilers limit the length of a literal. Empty: this
/// build has none.
[[nodiscard]] const std::vector<std::string_view>& page_pieces();

}  // namespace vouch::report
