#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>

#include "evaluate.h"

namespace vouch::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double milliseconds_of(Duration value) {
  return static_cast<double>(value.count()) / 1e6;
}
double seconds_of(Duration value) {
  return static_cast<double>(value.count()) / 1e9;
}

std::string setting_text(const DetectorConfig& config) {
  const DetectorKnob knob = knob_of(config.kind);
  std::string name = knob.field;
  if (name == "safety_margin") name = "margin";
  if (name == "deviation_weight") name = "weight";
  return name + " " + short_text(knob_setting(config), 4) + (knob.is_duration ? " ms" : "");
}

/// After how long a silence it suspected, on average: what a threshold of phi comes to.
double silence_ms(const SettingResult& setting) {
  QosBlock sum;
  for (const QosBlock& block : setting.replay.blocks())
    sum += block;
  return sum.cuts > 0 ? sum.silence / static_cast<double>(sum.cuts) / 1e6 : kNone;
}

std::string interval_text(Interval interval, int digits) {
  return fixed_text(interval.low, digits) + ".." + fixed_text(interval.high, digits);
}

void add_row(Table& table, const SettingResult& setting, const Resamples& resamples) {
  const QosSummary qos = setting.replay.mistakes();
  const DurationHistogram& detection = setting.replay.detection_times();
  const QosIntervals intervals = intervals_of(setting.replay.blocks(), resamples);
  table.add_row({
      to_string(setting.config.kind),
      setting_text(setting.config),
      fixed_text(silence_ms(setting), 1),
      fixed_text(milliseconds_of(detection.mean()), 1),
      interval_text(intervals.detection_ms, 1),
      fixed_text(milliseconds_of(detection.quantile(990)), 1),
      std::to_string(qos.mistakes),
      fixed_text(qos.mistake_recurrence ? seconds_of(*qos.mistake_recurrence) : kNone, 2),
      fixed_text(qos.mistake_duration ? milliseconds_of(*qos.mistake_duration) : kNone, 1),
      fixed_text(qos.mistake_rate(), 4),
      interval_text(intervals.mistake_rate, 4),
      fixed_text(qos.query_accuracy(), 6),
  });
}

/// The same draws for all detectors of a link.
Resamples resamples_of(const LinkResult& link, const EvaluateOptions& options) {
  const std::size_t blocks =
      link.settings.empty() ? 0 : link.settings.front().replay.blocks().size();
  return {blocks, options.bootstrap, Rng(options.seed)};
}

Json interval_json(Interval interval) {
  return Json::array({interval.low, interval.high});
}

Json optional_json(const std::optional<Duration>& value, double (*unit)(Duration)) {
  return value ? Json(unit(*value)) : Json(nullptr);
}

Json setting_json(const SettingResult& setting, const Resamples& resamples) {
  const DetectorConfig& config = setting.config;
  Json json = {{"detector", to_string(config.kind)}};
  const DetectorKnob knob = knob_of(config.kind);
  json[std::string(knob.field) + (knob.is_duration ? "_ms" : "")] = knob_setting(config);
  if (config.kind != DetectorKind::kFixedTimeout && config.kind != DetectorKind::kAdaptiveMargin) {
    json["window_size"] = config.window_size;
  }
  if (config.kind == DetectorKind::kAdaptiveMargin) {
    json["agility"] = config.agility;
    json["memory"] = config.memory;
  }
  if (config.kind == DetectorKind::kPhiAccrual || config.kind == DetectorKind::kPhiLogistic) {
    json["stddev_ms_min"] = milliseconds_of(config.stddev_min);
  }
  if (std::string_view(knob.field) == "threshold") {
    json["acceptable_pause_ms"] = milliseconds_of(config.acceptable_pause);
  }
  const QosSummary qos = setting.replay.mistakes();
  const DurationHistogram& detection = setting.replay.detection_times();
  const QosIntervals intervals = intervals_of(setting.replay.blocks(), resamples);
  json["silence_ms_mean"] = silence_ms(setting);
  json["detection_time_ms_mean"] = milliseconds_of(detection.mean());
  json["detection_time_ms_p99"] = milliseconds_of(detection.quantile(990));
  json["detection_time_ms_max"] = milliseconds_of(detection.max());
  json["detection_times"] = detection.count();
  json["mistakes"] = qos.mistakes;
  json["mistake_recurrence_s_mean"] = optional_json(qos.mistake_recurrence, seconds_of);
  json["mistake_duration_ms_mean"] = optional_json(qos.mistake_duration, milliseconds_of);
  json["good_period_s_mean"] = optional_json(qos.good_period, seconds_of);
  json["mistake_rate_per_s"] = qos.mistake_rate();
  json["query_accuracy"] = qos.query_accuracy();
  json["detection_time_ms_mean_ci95"] = interval_json(intervals.detection_ms);
  json["mistake_rate_per_s_ci95"] = interval_json(intervals.mistake_rate);
  json["query_accuracy_ci95"] = interval_json(intervals.query_accuracy);
  return json;
}

/// What all settings of a link have in common.
QosSummary common_of(const LinkResult& link) {
  return link.settings.empty() ? QosSummary{} : link.settings.front().replay.mistakes();
}

}  // namespace

void print_text(const EvaluateReport& report, const EvaluateOptions& options, std::ostream& out) {
  for (const LinkResult& link : report.links) {
    const QosSummary common = common_of(link);
    out << link.trace << (link.link.empty() ? "" : "  " + link.link) << '\n'
        << "  " << link.heartbeats << " heartbeats";
    if (link.format == TraceFormat::kProbes) out << " (" << link.lost_probes << " probes lost)";
    out << ", every " << short_text(milliseconds_of(link.heartbeat_interval), 4) << " ms"
        << (link.interval_estimated ? " (estimated)" : "") << ", "
        << short_text(seconds_of(common.observed), 6) << " s in " << common.segments
        << (common.segments == 1 ? " segment\n\n" : " segments\n\n");
    Table table({{"detector", Align::kLeft},
                 {"setting", Align::kLeft},
                 {"silence ms"},
                 {"T_D mean ms"},
                 {"95 %"},
                 {"T_D p99 ms"},
                 {"mistakes"},
                 {"T_MR s"},
                 {"T_M ms"},
                 {"mistakes/s"},
                 {"95 %"},
                 {"P_A"}});
    const Resamples resamples = resamples_of(link, options);
    for (const SettingResult& setting : link.settings)
      add_row(table, setting, resamples);
    table.print(out);
    out << '\n';
  }
  out << "T_D: from a crash right after a heartbeat until it is suspected. T_MR: between two "
         "mistakes. T_M: length of one. P_A: share of time without one. silence: after which it "
         "suspects.\n"
      << "95 %: block bootstrap, " << options.bootstrap << " draws, seed " << options.seed
      << "; where no mistake was seen, up to 3 / observed time.\n";
  for (const std::string& note : report.notes)
    out << "note: " << note << ".\n";
}

void print_json(const EvaluateReport& report, const EvaluateOptions& options, std::ostream& out) {
  Json links = Json::array();
  for (const LinkResult& link : report.links) {
    const QosSummary common = common_of(link);
    Json json = {
        {"trace", link.trace},
        {"link", link.link},
        {"format", trace_header(link.format)},
        {"heartbeats", link.heartbeats},
        {"lost_probes", link.lost_probes},
        {"segments", common.segments},
        {"observed_s", seconds_of(common.observed)},
        {"heartbeat_interval_ms", milliseconds_of(link.heartbeat_interval)},
        {"heartbeat_interval_estimated", link.interval_estimated},
        {"gap_s", seconds_of(link.gap)},
        {"results", Json::array()},
    };
    const Resamples resamples = resamples_of(link, options);
    for (const SettingResult& setting : link.settings) {
      json["results"].push_back(setting_json(setting, resamples));
    }
    links.push_back(std::move(json));
  }
  out << Json{{"links", std::move(links)},
              {"notes", report.notes},
              {"bootstrap", options.bootstrap},
              {"seed", options.seed}}
             .dump(2)
      << '\n';
}

}  // namespace vouch::cli
