#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>

#include "tune.h"

namespace vouch::cli {
namespace {

using nlohmann::ordered_json;

double ms_of(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

ordered_json number_of(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json link_json(const tune::LinkFigures& link) {
  return {{"mistakes", link.mistakes},
          {"observed_s", tune::seconds_of(link.observed)},
          {"mistakes_per_year_seen", tune::rate_per_year(link.mistakes, link.observed)},
          {"mistakes_per_year_bound", number_of(mistake_bound(link))},
          {"dispersion", link.dispersion},
          {"detection_time_ms_p50", ms_of(link.detection_median)},
          {"detection_time_ms_p99", ms_of(link.detection_p99)},
          {"detection_time_ms_max", ms_of(link.detection_max)}};
}

ordered_json group_json(const tune::GroupFigures& figures, const tune::LinkFigures& link,
                        const TuneReport& report) {
  const double mistakes = tune::mistakes_within(link, figures.observed, report.inputs.replicas);
  ordered_json json = {
      {"observed_s", tune::seconds_of(figures.observed)},
      {"single_link_mistakes", mistakes},
      {"suspicions", figures.mistakes},
      {"needless_elections", figures.elections},
      {"unavailable_s", tune::seconds_of(figures.unavailable)},
      {"needless_elections_per_year_seen",
       tune::rate_per_year(figures.elections, figures.observed)},
      {"needless_elections_per_year_bound", number_of(needless_bound(figures, report.reach))}};
  ordered_json ratio;
  if (figures.elections > 0) {
    ratio = mistakes / static_cast<double>(figures.elections);
  }
  json["mistakes_per_election"] = ratio;
  return json;
}

ordered_json candidate_json(const TuneReport& report, const tune::Candidate& each) {
  const MonitorConfig config = report.inputs.space.configure(each.point);
  ordered_json json = {{"lease_ms", ms_of(config.lease)},
                       {"heartbeat_interval_ms", ms_of(config.heartbeat_interval)},
                       {"detector", to_string(config.detector.kind)},
                       {"setting", knob_setting(config.detector)},
                       {"consent_hold_ms", ms_of(config.consent_hold)},
                       {"progress_timeout_ms", ms_of(config.progress_timeout)},
                       {"link", link_json(each.link)}};
  if (each.failovers.empty()) return json;
  json["failover_ms_p50"] = ms_of(tune::quantile_of(each.failovers, 50));
  json["failover_ms_p95"] = ms_of(each.failover());
  json["failover_ms_max"] = ms_of(each.failovers.back());
  json["crashes"] = each.failovers.size();
  if (!each.hangs.empty()) json["hung_leader_ms_p95"] = ms_of(tune::quantile_of(each.hangs, 95));
  json["not_counted"] = each.not_counted;
  json["independent"] = group_json(each.independent, each.link, report);
  json["common_cause"] = group_json(each.common, each.link, report);
  return json;
}

ordered_json rows_of(const TuneReport& report, const std::vector<std::size_t>& indices) {
  ordered_json rows = ordered_json::array();
  for (const std::size_t index : indices)
    rows.push_back(candidate_json(report, report.tuning.candidates[index]));
  return rows;
}

ordered_json data_json(const TuneReport& report) {
  const tune::Reach& reach = report.reach;
  ordered_json recordings = ordered_json::array();
  for (const tune::Recording& each : report.inputs.recordings) {
    recordings.push_back({{"recording", each.name},
                          {"heartbeats", each.beats.size()},
                          {"lost", each.lost},
                          {"heartbeat_interval_ms", ms_of(each.interval)},
                          {"observed_s", tune::seconds_of(each.observed)},
                          {"longest_silence_ms", ms_of(each.longest_silence)}});
  }
  return {{"recordings", recordings},
          {"observed_s", tune::seconds_of(reach.observed)},
          {"lowest_rate_per_year", number_of(tune::rate_bound_per_year(0, reach.observed))},
          {"assumed", report.notes}};
}

ordered_json sensitivity_json(const TuneReport& report) {
  ordered_json rows = ordered_json::array();
  for (const tune::Neighbour& each : report.tuning.neighbours) {
    rows.push_back({{"knob", to_string(each.knob)},
                    {"direction", each.direction},
                    {"from", candidate_json(report, each.base)},
                    {"to", candidate_json(report, each.candidate)}});
  }
  return rows;
}

ordered_json validation_json(const TuneReport& report) {
  ordered_json rows = ordered_json::array();
  for (const tune::Validation& each : report.tuning.validations) {
    rows.push_back({{"recording", each.recording},
                    {"first", link_json(each.first)},
                    {"promised_mistakes", each.promised()},
                    {"second", link_json(each.second)},
                    {"kept", each.is_kept()}});
  }
  tune::LinkFigures second;
  for (const tune::Validation& each : report.tuning.validations) {
    second.mistakes += each.second.mistakes;
    second.observed += each.second.observed;
  }
  return {{"recordings", rows},
          {"independent", group_json(report.tuning.validated_independent, second, report)},
          {"common_cause", group_json(report.tuning.validated_common, second, report)}};
}

ordered_json extrapolation_json(const TuneReport& report, const tune::Point& point) {
  ordered_json rows = ordered_json::array();
  for (const Extrapolation& each : extrapolate(report, point)) {
    rows.push_back(
        {{"recording", each.recording},
         {"silences", each.tail.count},
         {"shape", each.tail.shape},
         {"scale_ms", each.tail.scale_s * 1e3},
         {"from_ms", ms_of(each.tail.from)},
         {"longest_seen_ms", ms_of(each.tail.longest)},
         {"silences_per_year", number_of(each.silences_per_year)},
         {"needless_elections_per_year_independent", number_of(each.independent_per_year)},
         {"needless_elections_per_year_common_cause", number_of(each.common_per_year)}});
  }
  return rows;
}

}  // namespace

void print_tuning_json(const TuneReport& report, std::ostream& out) {
  const tune::Tuning& tuning = report.tuning;
  const tune::Candidate& chosen = tuning.candidates[tuning.recommended];
  const tune::SearchOptions& goal = report.settings.search;
  const tune::Unavailability sum = unavailability(chosen, report.reach, goal);
  const std::string config =
      tuned_config(report.inputs.space, chosen.point, report.inputs.replicas);
  const auto linted = lint_tuned(config);
  const double bound = needless_bound(chosen, report.reach);
  ordered_json document = {
      {"goal",
       {{"failover_ms", ms_of(goal.failover)},
        {"needless_elections_per_year", goal.needless_per_year},
        {"replicas", report.inputs.replicas}}},
      {"meets_failover", tuning.meets_failover},
      {"needless_elections", bound <= goal.needless_per_year                  ? "shown"
                             : needless_rate(chosen) > goal.needless_per_year ? "missed"
                                                                              : "not shown"},
      {"verdicts", verdicts_of(report)},
      {"data", data_json(report)},
      {"recommended", candidate_json(report, chosen)},
      {"config", ordered_json::parse(config)},
      {"lint", linted ? ordered_json(*linted) : ordered_json(linted.error().message)},
      {"unavailable_s_per_year",
       {{"crashes", sum.crashes_s},
        {"needless_elections_seen", sum.needless_s},
        {"needless_elections_bound", number_of(sum.needless_bound_s)},
        {"crashes_per_year", goal.crashes_per_year},
        {"election_cost_ms", ms_of(sum.election_cost)}}},
      {"front", rows_of(report, tuning.front)},
      {"proven", rows_of(report, tuning.proven)}};
  ordered_json kinds = ordered_json::array();
  for (const tune::Candidate& each : tuning.kinds)
    kinds.push_back(candidate_json(report, each));
  document["detectors"] = std::move(kinds);
  document["sensitivity"] = sensitivity_json(report);
  if (!tuning.validations.empty()) document["validation"] = validation_json(report);
  if (report.extrapolate) document["extrapolated"] = extrapolation_json(report, chosen.point);
  out << document.dump(2) << '\n';
}

void print_nothing_accepted(const TuneReport& report, TuneForm form, std::ostream& out) {
  const std::string verdict =
      "failover: NO setting near " + time_text(report.settings.search.failover) +
      " is accepted by the linter with heartbeats every " +
      time_text(report.inputs.space.heartbeats().front()) + "; " + report.notes.front();
  if (form == TuneForm::kText) {
    out << verdict << '\n';
    return;
  }
  const ordered_json document = {{"meets_failover", false},
                                 {"verdicts", ordered_json::array({verdict})},
                                 {"data", data_json(report)}};
  out << document.dump(2) << '\n';
}

}  // namespace vouch::cli
