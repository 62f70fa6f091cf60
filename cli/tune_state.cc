#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "state_file.h"
#include "tune.h"
#include "vouch/host/election_lint.h"
#include "vouch/quorum_check/lint.h"
#include "vouch/runtime/node_config.h"

namespace vouch::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr StateKind kTuneState = {"vouch_tune_state", 2, "search", "trials"};

Json json_of(const TuneSettings& settings) {
  return {{"traces", settings.traces},
          {"replicas", settings.replicas},
          {"profile", to_string(settings.profile)},
          {"failover_ns", settings.search.failover.count()},
          {"needless_per_year", settings.search.needless_per_year},
          {"crashes_per_year", settings.search.crashes_per_year},
          {"election_cost_ns", settings.search.election_cost.count()},
          {"effort", settings.search.effort},
          {"round_trip_ns", settings.round_trip.count()},
          {"interval_ns", settings.interval.count()},
          {"gap_ns", settings.gap.count()},
          {"seed", settings.seed},
          {"validate", settings.validate}};
}

TuneSettings tune_settings_of(const Json& json) {
  TuneSettings settings;
  const auto time = [&](const char* name) {
    return Duration(state_number<std::int64_t>(json, name, 0, kDetectorDurationMax.count()));
  };
  const auto rate = [&](const char* name) { return state_field<double>(json, name, "a number"); };
  settings.traces = state_field<std::vector<std::string>>(json, "traces", "a list of files");
  settings.replicas = state_number<std::size_t>(json, "replicas", 1);
  const auto name = state_field<std::string>(json, "profile", "a text");
  const auto profile = profile_named(name);
  const Json given = name;
  if (!profile) bad_state_field("profile", "one of lan, multi-az, wan", &given);
  settings.profile = *profile;
  settings.search.failover = time("failover_ns");
  settings.search.needless_per_year = rate("needless_per_year");
  settings.search.crashes_per_year = rate("crashes_per_year");
  settings.search.election_cost = time("election_cost_ns");
  settings.search.effort = state_number<std::uint32_t>(json, "effort", 1);
  settings.round_trip = time("round_trip_ns");
  settings.interval = time("interval_ns");
  settings.gap = time("gap_ns");
  settings.seed = state_number<std::uint64_t>(json, "seed", 0);
  settings.validate = state_field<bool>(json, "validate", "true or false");
  return settings;
}

Json json_of(const tune::TrialOutcome& o) {
  return {o.observed,  o.mistakes, o.elections, o.unavailable, o.time,
          o.time_high, o.time_max, o.phases,    o.dispersion};
}

tune::TrialOutcome outcome_of(const Json& row) {
  constexpr std::size_t numbers = 9;
  if (!row.is_array() || row.size() != numbers ||
      !std::all_of(row.begin(), row.end(), [](const Json& n) { return n.is_number_integer(); })) {
    bad_state_field("outcomes", "lists of 9 whole numbers", &row);
  }
  const auto at = [&](std::size_t i) { return row.at(i).get<std::int64_t>(); };
  return {at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8)};
}

/// Files take whole ones only; a Space makes no others.
std::int64_t milliseconds_in(Duration duration) {
  return duration.count() / 1'000'000;
}

/// As the file's reader takes it. What a kind does not read stays out.
Json detector_json(const DetectorConfig& config) {
  const DetectorKnob knob = knob_of(config.kind);
  Json json = {{"kind", to_string(config.kind)}};
  if (knob.is_duration) {
    json[std::string(knob.field) + "_ms"] = std::llround(knob_setting(config));
  } else {
    json[knob.field] = knob_setting(config);
  }
  const DetectorConfig usual;
  if (config.agility != usual.agility) json["agility"] = config.agility;
  if (config.memory != usual.memory) json["memory"] = config.memory;
  if (config.window_size != usual.window_size) json["window_size"] = config.window_size;
  if (config.kind == DetectorKind::kPhiAccrual || config.kind == DetectorKind::kPhiLogistic) {
    json["stddev_min_ms"] = milliseconds_in(config.stddev_min);
  }
  return json;
}

Json node_json(const DetectorConfig& detector, std::size_t replicas) {
  Json json = {{"node_id", 1}, {"listen", "127.0.0.1:7401"}, {"peers", Json::array()}};
  for (std::size_t id = 2; id <= replicas; ++id) {
    json["peers"].push_back({{"id", id}, {"address", "127.0.0.1:" + std::to_string(7400 + id)}});
  }
  json["state_dir"] = "state1";
  json["control"] = "vouch1.sock";
  json["detector"] = detector_json(detector);
  return json;
}

}  // namespace

Status write_tune_state(const std::string& path, const TuneState& state) {
  Json document = {{"settings", json_of(state.settings)}, {"fingerprint", state.fingerprint}};
  Json outcomes = Json::array();
  for (const tune::TrialOutcome& outcome : state.outcomes)
    outcomes.push_back(json_of(outcome));
  document["outcomes"] = std::move(outcomes);
  return write_state_file(path, kTuneState, document);
}

Result<TuneState> read_tune_state(const std::string& path) {
  return state_from_file<TuneState>(path, kTuneState, [](const Json& document) {
    TuneState state;
    state.settings = tune_settings_of(state_field<Json>(document, "settings", "an object"));
    state.fingerprint = state_number<std::uint64_t>(document, "fingerprint", 0);
    for (const Json& row : state_field<std::vector<Json>>(document, "outcomes", "a list"))
      state.outcomes.push_back(outcome_of(row));
    return state;
  });
}

std::string tuned_config(const tune::Space& space, const tune::Point& point, std::size_t replicas) {
  const MonitorConfig config = space.configure(point);
  const host::ElectionConfig election = space.election(point);
  Json json = node_json(config.detector, replicas);
  // After the members, before the detector: as docs/CONFIG.md tells them.
  const Json detector = json["detector"];
  json.erase("detector");
  const auto add = [&](const char* name, Duration value) { json[name] = milliseconds_in(value); };
  add("round_trip_ms", config.round_trip);
  add("heartbeat_interval_ms", config.heartbeat_interval);
  add("lease_ms", config.lease);
  json["clock_drift_ppm"] = config.clock_drift_ppm;
  add("guard_ms", config.guard);
  add("confirm_interval_ms", config.confirm_interval);
  add("consent_hold_ms", config.consent_hold);
  add("suppress_cap_ms", config.suppress_cap);
  add("stall_limit_ms", config.stall_limit);
  add("progress_timeout_ms", config.progress_timeout);
  add("hold_off_ms", config.hold_off);
  add("stall_window_ms", config.stall_window);
  json["detector"] = detector;
  json["election"] = {{"retry_interval_ms", milliseconds_in(election.retry_interval)},
                      {"vote_window_ms", milliseconds_in(election.vote_window)}};
  return json.dump(2) + "\n";
}

bool is_configurable(DetectorKind kind) {
  DetectorConfig config;
  config.kind = kind;
  const std::string text = node_json(config, 3).dump();
  return static_cast<bool>(runtime::parse_node_config(text, ".", runtime::NodeCheck::kMembers));
}

Result<std::vector<std::string>> lint_tuned(const std::string& text) {
  const auto config = runtime::parse_node_config(text, ".");
  if (!config) return config.error();
  std::vector<LintRow> rows = lint(config->replica.monitor);
  for (const LintRow& row : host::lint(config->replica.election, config->replica.monitor))
    rows.push_back(row);
  std::vector<std::string> lines = {worst(rows) < Judgement::kWarning ? "accepted"
                                                                      : "not accepted"};
  for (const LintRow& row : rows) {
    if (row.judgement() >= Judgement::kWarning) {
      lines.push_back(std::string(to_string(row.judgement())) + ": " + row.message());
    }
  }
  return lines;
}

}  // namespace vouch::cli
