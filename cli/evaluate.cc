#include "evaluate.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <iostream>
#include <memory>
#include <set>

#include "evaluate_compare.h"
#include "vouch/trace/link_timing.h"

namespace vouch::cli {
namespace {

/// So many records per link are held back to estimate the heartbeat interval.
constexpr std::size_t kRecordsForInterval = 4096;

/// A detector as asked for on the command line. Without settings the usual ones are taken.
struct DetectorRequest {
  DetectorKind kind;
  std::vector<double> settings;  ///< Milliseconds; for phi the thresholds.
};

Duration milliseconds_of(double value) {
  return Duration(static_cast<std::int64_t>(std::llround(value * 1e6)));
}

Error bad_detector(const std::string& text, const std::string& why) {
  return Error{Errc::kBadConfig, "--detector " + text + ": " + why};
}

Result<DetectorRequest> parse_detector(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const std::optional<DetectorKind> kind = detector_kind_named(name);
  if (!kind) {
    return bad_detector(text, std::string("the name must be one of ") + detector_kind_names());
  }
  DetectorRequest request{*kind, {}};
  if (colon == std::string::npos) return request;

  std::string rest = text.substr(colon + 1);
  for (;;) {
    const std::size_t comma = rest.find(',');
    const std::string setting = rest.substr(0, comma);
    char* end = nullptr;
    const double value = std::strtod(setting.c_str(), &end);
    if (setting.empty() || *end != '\0' || !(value >= 0 && value <= 1e12)) {
      return bad_detector(text,
                          "a setting must be a number of at least 0, but is \"" + setting + "\"");
    }
    request.settings.push_back(value);
    if (comma == std::string::npos) return request;
    rest.erase(0, comma + 1);
  }
}

/// Settings that span what people use, in heartbeat intervals where they are times.
std::vector<double> usual_settings(DetectorKind kind, double interval_ms) {
  switch (kind) {
    case DetectorKind::kFixedTimeout:
      return {2 * interval_ms, 3 * interval_ms, 5 * interval_ms};
    case DetectorKind::kChen:
    case DetectorKind::kChenNfdS:
    case DetectorKind::kTwoWindow:
      return {1 * interval_ms, 2 * interval_ms, 4 * interval_ms};
    case DetectorKind::kQuantile:
    case DetectorKind::kAdaptiveMargin:
      return {0.5 * interval_ms, 1 * interval_ms, 2 * interval_ms};
    case DetectorKind::kBertier:
      return {2, 4, 8};
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic:
      return {3, 8, 12};
    case DetectorKind::kPhiExponential:
      return {1, 2, 8};
  }
  return {};
}

/// Feeds one link: holds records back until the interval is known, then passes them on.
class LinkEvaluation {
 public:
  LinkEvaluation(LinkResult result, const EvaluateOptions& options, const Planner& planner,
                 std::size_t index, DetectionTimes keep)
      : result_(std::move(result)),
        options_(options),
        planner_(planner),
        index_(index),
        keep_(keep) {}

  Status take(const TraceRecord& record) {
    if (started_) {
      replay(record);
      return Done{};
    }
    held_.push_back(record);
    return held_.size() < kRecordsForInterval ? Status(Done{}) : start();
  }

  /// Ends the link. False if it is too short to say anything.
  Result<bool> finish() {
    if (!started_) {
      if (held_.size() < 2) return false;
      if (Status status = start(); !status) return status.error();
    }
    end_segment();
    return true;
  }

  LinkResult& result() { return result_; }

 private:
  Status start() {
    result_.interval_estimated = !options_.heartbeat_interval_ms;
    result_.heartbeat_interval = options_.heartbeat_interval_ms
                                     ? milliseconds_of(*options_.heartbeat_interval_ms)
                                     : estimate_interval(held_);
    if (result_.heartbeat_interval <= Duration::zero()) {
      return Error{Errc::kBadInput, result_.trace +
                                        ": the heartbeat interval cannot be estimated; state it "
                                        "with --heartbeat-interval"};
    }
    result_.gap = options_.gap_s ? milliseconds_of(*options_.gap_s * 1000)
                                 : default_gap(result_.heartbeat_interval);
    numbers_ = NumberInference(result_.heartbeat_interval);
    const Result<std::vector<DetectorConfig>> configs = planner_(result_, index_);
    if (!configs) return configs.error();
    for (const DetectorConfig& config : *configs) {
      Result<Detector> detector = make_detector(config);
      if (!detector) {
        return Error{Errc::kBadConfig, std::string("--detector ") + to_string(config.kind) + ": " +
                                           detector.error().message};
      }
      result_.settings.push_back({config, Replay(*std::move(detector), keep_)});
    }
    started_ = true;
    for (const TraceRecord& record : held_)
      replay(record);
    held_ = {};
    return Done{};
  }

  void replay(const TraceRecord& record) {
    const bool restarted = result_.heartbeats > 0 && record.incarnation != incarnation_;
    if (record.step > result_.gap || restarted) end_segment();
    incarnation_ = record.incarnation;
    ++result_.heartbeats;
    if (record.seq) {
      replay_numbered(record);
    } else if (const auto ready = numbers_.take(record)) {
      replay_numbered(*ready);
    }
  }

  void replay_numbered(const TraceRecord& record) {
    for (SettingResult& setting : result_.settings) {
      setting.replay.heartbeat(record.arrival, *record.seq, record.sent);
    }
  }

  void end_segment() {
    while (const auto ready = numbers_.next())
      replay_numbered(*ready);
    numbers_.restart();
    for (SettingResult& setting : result_.settings)
      setting.replay.end_segment();
  }

  LinkResult result_;
  const EvaluateOptions& options_;
  const Planner& planner_;
  std::size_t index_;
  DetectionTimes keep_;
  std::vector<TraceRecord> held_;
  NumberInference numbers_{Duration(1)};
  Incarnation incarnation_{};
  bool started_ = false;
};

/// What a reader of the figures has to know about a format.
std::vector<std::string> notes_of(TraceFormat format) {
  const std::string from_arrival =
      "detection times of heartbeats whose clocks differ count from the arrival of the last one; "
      "the one-way delay comes on top";
  switch (format) {
    case TraceFormat::kProbes:
      return {
          "round trips: arrival = send_s + rtt_ms / 2, which assumes that both directions take "
          "equally long",
          "detection times of round trips count from the sending of the last probe"};
    case TraceFormat::kArrivals:
      return {"arrival_s traces have no heartbeat numbers: they are inferred from the schedule",
              from_arrival};
    case TraceFormat::kNumbered:
    case TraceFormat::kRecorded:
      return {from_arrival};
  }
  return {};
}

Status check_number(const char* option, double value, double low, double high) {
  if (value >= low && value <= high) return Done{};
  return Error{Errc::kBadConfig, std::string(option) + " must be between " + short_text(low, 6) +
                                     " and " + short_text(high, 6) + ", but is " +
                                     short_text(value, 6)};
}

Status check(const EvaluateOptions& options) {
  for (const Status& status : {
           check_number("--gap", options.gap_s.value_or(1), 1e-3, 1e9),
           check_number("--heartbeat-interval", options.heartbeat_interval_ms.value_or(1), 1e-3,
                        86'400'000),
           check_number("--window", options.window_size.value_or(1), 1, kDetectorWindowMax),
           check_number("--bootstrap", options.bootstrap, 20, 100'000),
           check_number("--stddev-min", options.stddev_min_ms, 0, 86'400'000),
           check_number("--acceptable-pause", options.acceptable_pause_ms, 0, 86'400'000),
           check_number("--agility", options.agility, 0, 1),
       }) {
    if (!status) return status;
  }
  return Done{};
}

}  // namespace

DetectorConfig detector_for(DetectorKind kind, double setting, const EvaluateOptions& options,
                            Duration interval) {
  DetectorConfig config;
  config.kind = kind;
  config.heartbeat_interval = interval;
  config.window_size = options.window_size.value_or(options.compare ? 1000 : 100);
  config.stddev_min =
      options.stddev_min_ms > 0 ? milliseconds_of(options.stddev_min_ms) : interval / 20;
  config.acceptable_pause = milliseconds_of(options.acceptable_pause_ms);
  config.agility = options.agility;
  config.memory = options.memory;
  set_knob(config, setting);
  return config;
}

Status evaluate_trace(const std::string& path, const EvaluateOptions& options,
                      const Planner& planner, DetectionTimes keep, EvaluateReport& report) {
  Result<TraceReader> reader = TraceReader::open(path);
  if (!reader) return reader.error();
  Progress progress(path, reader->bytes_total());
  std::deque<LinkEvaluation> links;
  for (std::uint64_t count = 0;; ++count) {
    const auto record = reader->next();
    if (!record) return record.error();
    if (!*record) break;
    while (links.size() < reader->links().size()) {
      LinkResult result;
      result.trace = path;
      result.link = reader->links()[links.size()];
      result.format = reader->format();
      links.emplace_back(std::move(result), options, planner, links.size(), keep);
    }
    if (Status status = links[(*record)->link].take(**record); !status) return status;
    if (count % 4096 == 0) progress.update(reader->bytes_read());
  }

  bool any = false;
  for (LinkEvaluation& link : links) {
    const Result<bool> finished = link.finish();
    if (!finished) return finished.error();
    if (!*finished) {
      report.notes.push_back(path + " " + link.result().link +
                             ": left out, as it has fewer than two heartbeats");
      continue;
    }
    link.result().lost_probes = reader->lost_probes();
    report.links.push_back(std::move(link.result()));
    any = true;
  }
  if (!any) {
    return Error{Errc::kBadInput, path + ": a trace must hold at least two heartbeats of a link"};
  }
  for (std::string& note : notes_of(reader->format()))
    report.notes.push_back(std::move(note));
  return Done{};
}

void drop_repeated(std::vector<std::string>& notes) {
  std::set<std::string> seen;
  std::erase_if(notes, [&](const std::string& note) { return !seen.insert(note).second; });
}

Result<EvaluateReport> evaluate(const EvaluateOptions& options) {
  std::vector<DetectorRequest> requests;
  for (const std::string& text : options.detectors) {
    Result<DetectorRequest> request = parse_detector(text);
    if (!request) return request.error();
    requests.push_back(*std::move(request));
  }
  if (requests.empty()) {
    for (const DetectorKind kind : kDetectorKinds)
      requests.push_back({kind, {}});
  }
  const Planner planner = [&](const LinkResult& link, std::size_t) {
    const double interval_ms = static_cast<double>(link.heartbeat_interval.count()) / 1e6;
    std::vector<DetectorConfig> configs;
    for (const DetectorRequest& request : requests) {
      for (const double setting : request.settings.empty()
                                      ? usual_settings(request.kind, interval_ms)
                                      : request.settings) {
        configs.push_back(detector_for(request.kind, setting, options, link.heartbeat_interval));
      }
    }
    return Result<std::vector<DetectorConfig>>(std::move(configs));
  };

  EvaluateReport report;
  for (const std::string& path : options.traces) {
    Status status = evaluate_trace(path, options, planner, DetectionTimes::kDistribution, report);
    if (!status) return status.error();
  }
  drop_repeated(report.notes);
  return report;
}

namespace {

Outcome run(const EvaluateOptions& options) {
  if (Status status = check(options); !status) return status.error();
  if (options.compare) return compare(options, std::cout);
  if (!options.csv.empty() || !options.plot.empty()) {
    return Error{Errc::kBadConfig, "--csv and --plot are outputs of --compare"};
  }
  const Result<EvaluateReport> report = evaluate(options);
  if (!report) return report.error();
  (options.json ? print_json : print_text)(*report, options, std::cout);
  return ExitCode::kSuccess;
}

void add_options(CLI::App& command, EvaluateOptions& options) {
  command.add_option("TRACE", options.traces, "Trace files: CSV, plain or gzip")->required();
  command.add_option("--detector", options.detectors,
                     std::string("NAME[:SETTING,...], as fixed:300,500 or phi:8; may be given "
                                 "again; by default all, with usual settings. Names: ") +
                         detector_kind_names());
  command.add_option("--gap", options.gap_s,
                     "Seconds without a heartbeat that part two runs (default: 100 heartbeat "
                     "intervals, at least 5 s)");
  command.add_option("--heartbeat-interval", options.heartbeat_interval_ms,
                     "Milliseconds between heartbeats (default: estimated from the trace)");
  command.add_option("--window", options.window_size,
                     "Samples that detectors with a window keep (default: 100; 1000 with "
                     "--compare)");
  command.add_option("--stddev-min", options.stddev_min_ms,
                     "phi: least standard deviation in milliseconds (default: a twentieth of the "
                     "heartbeat interval)");
  command.add_option("--acceptable-pause", options.acceptable_pause_ms,
                     "phi: silence in milliseconds that is tolerated on top");
  command
      .add_option("--agility", options.agility,
                  "adaptive: how strongly its margin follows jitter, 0 to 1; --compare sweeps it")
      ->capture_default_str();
  command.add_flag("--memory,!--no-memory", options.memory,
                   "adaptive: whether it expects a delay to last as the link has taught (default: "
                   "yes); --compare tries both");
  command.add_option("--bootstrap", options.bootstrap, "Draws for the 95 % intervals")
      ->capture_default_str();
  command.add_option("--seed", options.seed, "Of the draws")->capture_default_str();
  command.add_flag("--json", options.json, "Print JSON");
  command.add_flag("--compare", options.compare,
                   "Sweep every detector and compare mistake rates at equal detection times; reads "
                   "each file twice");
  command.add_option("--csv", options.csv, "With --compare: write the curves to this file");
  command.add_option("--plot", options.plot,
                     "With --compare: draw the curves into this .svg or .html file");
}

}  // namespace

void register_evaluate(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app.add_subcommand(
      "evaluate", "Replay recorded heartbeats through failure detectors and compare them");
  add_options(*command, *options);
  command->callback([options, &outcome] { outcome = run(*options); });
}

}  // namespace vouch::cli
