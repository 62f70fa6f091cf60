#include "evaluate_compare.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

namespace vouch::cli {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr std::size_t kCoarseSettings = 24;
constexpr std::size_t kFineSettings = 64;
constexpr std::size_t kGridPoints = 60;

/// The recommended detector has as many settings in all as the five of the front together.
constexpr std::size_t kFineSettingsOfShape =
    kFineSettings * std::size(kFrontKinds) / std::size(kShapes);

/// No detection times are compared that are more than so many intervals apart.
constexpr double kIntervalsMax = 20.0;

/// Detection time and mistake rate of one setting.
struct RatePoint {
  double detection_ms;
  double rate;
};
using RateCurve = std::vector<RatePoint>;

/// Makes a curve of points: by rising detection time, and the rate never rises, since a quicker
/// setting with fewer mistakes may be used instead.
void tidy_curve(RateCurve& curve) {
  std::sort(curve.begin(), curve.end(), [](const RatePoint& a, const RatePoint& b) {
    return a.detection_ms != b.detection_ms ? a.detection_ms < b.detection_ms : a.rate < b.rate;
  });
  double best = kInfinite;
  for (RatePoint& point : curve)
    point.rate = best = std::min(best, point.rate);
}

double rate_at(const RateCurve& curve, double detection_ms) {
  if (curve.empty() || detection_ms < curve.front().detection_ms) return kInfinite;
  const auto above = std::upper_bound(
      curve.begin(), curve.end(), detection_ms,
      [](double value, const RatePoint& point) { return value < point.detection_ms; });
  if (above == curve.end()) return curve.back().rate;
  const RatePoint& a = *(above - 1);
  const double part = (detection_ms - a.detection_ms) / (above->detection_ms - a.detection_ms);
  return a.rate + part * (above->rate - a.rate);
}

/// Straight lines are drawn within one sweep of a knob, and of several curves the least is taken:
/// for the five of the front and for the shapes of one detector alike. Lines between the points of
/// all shapes, as if they were one sweep, would let a further shape make a detector worse: its poor
/// points stand between two good ones of another.
double least_at(const std::vector<RateCurve>& curves, double detection_ms) {
  double best = kInfinite;
  for (const RateCurve& curve : curves)
    best = std::min(best, rate_at(curve, detection_ms));
  return best;
}

/// The detection times at which detectors are compared.
std::vector<double> grid_of(const std::vector<RateCurve>& front, double interval_ms) {
  std::vector<double> times;
  double fewest = kInfinite;
  for (const RateCurve& curve : front) {
    for (const RatePoint& point : curve)
      times.push_back(point.detection_ms);
    if (!curve.empty()) fewest = std::min(fewest, curve.back().rate);
  }
  std::sort(times.begin(), times.end());
  double low = -1;
  double high = -1;
  for (const double time : times) {
    const double rate = least_at(front, time);
    if (low < 0 && rate * interval_ms < 10.0) low = time;  // One in 100, with a rate per second.
    if (high < 0 && rate <= fewest) high = time;
  }
  if (low < 0) low = times.front();
  high = std::clamp(high, low + 0.02 * interval_ms, low + kIntervalsMax * interval_ms);
  std::vector<double> grid;
  for (std::size_t i = 0; i < kGridPoints; ++i) {
    const double x = (static_cast<double>(i) + 0.5) / kGridPoints;
    grid.push_back(low + (high - low) * x * x);
  }
  return grid;
}

/// The geometric mean of the recommended detector's mistakes over the front's. Half a mistake is
/// added to both, so that none against none is one.
double ratio_of(const std::vector<RateCurve>& recommended, const std::vector<RateCurve>& front,
                const std::vector<double>& grid, double half_mistake, double interval_ms) {
  double sum = 0;
  std::size_t count = 0;
  for (const double time : grid) {
    const double best = least_at(front, time);
    if (!std::isfinite(best)) continue;
    // Where it cannot be so quick it counts as suspecting at every heartbeat.
    const double rate = std::min(least_at(recommended, time), 1000.0 / interval_ms);
    sum += std::log((rate + half_mistake) / (best + half_mistake));
    ++count;
  }
  return count == 0 ? 1.0 : std::exp(sum / static_cast<double>(count));
}

Shape shape_of(const DetectorConfig& config) {
  return {config.agility, config.memory};
}

/// The curves of the recommended detector's shapes and of the front, from sums over blocks.
struct Standing {
  std::vector<RateCurve> recommended;
  std::vector<RateCurve> front;
};

template <typename SumOf>
Standing standing_of(const LinkResult& link, SumOf sum_of) {
  Standing standing;
  std::map<std::tuple<DetectorKind, double, bool>, RateCurve> curves;
  for (const SettingResult& setting : link.settings) {
    const DetectorKind kind = setting.config.kind;
    if (!is_in_front(kind) && kind != kRecommendedDetector) continue;
    const QosBlock sum = sum_of(setting.replay.blocks());
    const Shape shape = shape_of(setting.config);
    curves[{kind, shape.agility, shape.memory}].push_back(
        {detection_ms_of(sum), mistake_rate_of(sum)});
  }
  for (auto& [key, curve] : curves) {
    tidy_curve(curve);
    const bool is_own = std::get<DetectorKind>(key) == kRecommendedDetector;
    (is_own ? standing.recommended : standing.front).push_back(std::move(curve));
  }
  return standing;
}

QosBlock sum_of_all(std::span<const QosBlock> blocks) {
  QosBlock sum;
  for (const QosBlock& block : blocks)
    sum += block;
  return sum;
}

Verdict verdict_of(const LinkResult& link, const Resamples& resamples, double interval_ms,
                   double observed_s) {
  const Standing standing = standing_of(link, sum_of_all);
  const std::vector<double> grid = grid_of(standing.front, interval_ms);
  const double half_mistake = 0.5 / observed_s;
  Verdict verdict;
  verdict.low_ms = grid.front();
  verdict.high_ms = grid.back();
  for (const double time : grid) {
    const double best = least_at(standing.front, time);
    if (least_at(standing.recommended, time) <= best) verdict.share += 1.0 / kGridPoints;
  }
  verdict.ratio = ratio_of(standing.recommended, standing.front, grid, half_mistake, interval_ms);
  std::vector<double> ratios;
  for (std::size_t draw = 0; draw < resamples.count(); ++draw) {
    const Standing drawn = standing_of(
        link, [&](std::span<const QosBlock> blocks) { return resamples.sum(blocks, draw); });
    ratios.push_back(ratio_of(drawn.recommended, drawn.front, grid, half_mistake, interval_ms));
  }
  verdict.ratio_ci = middle_95(ratios);
  return verdict;
}

/// What one setting did on either half of the recording.
struct HalvedPoint {
  DetectorKind kind;
  RatePoint half[2];
};

std::vector<HalvedPoint> halved_points_of(const LinkResult& link) {
  std::vector<HalvedPoint> points;
  for (const SettingResult& setting : link.settings) {
    const std::span<const QosBlock> blocks = setting.replay.blocks();
    const std::size_t middle = blocks.size() / 2;
    HalvedPoint point{setting.config.kind, {}};
    for (const std::size_t half : {0U, 1U}) {
      const QosBlock sum =
          sum_of_all(half == 0 ? blocks.subspan(0, middle) : blocks.subspan(middle));
      point.half[half] = {detection_ms_of(sum), mistake_rate_of(sum)};
    }
    points.push_back(point);
  }
  return points;
}

/// Of those that are quick enough on half `from` the one with the fewest mistakes there; the
/// slowest of equals, as in practice. Null: none is quick enough.
template <typename IsAmong>
const HalvedPoint* chosen_on(std::size_t from, const std::vector<HalvedPoint>& points,
                             double detection_ms, IsAmong is_among) {
  const HalvedPoint* best = nullptr;
  for (const HalvedPoint& point : points) {
    const RatePoint& here = point.half[from];
    if (!is_among(point.kind) || here.detection_ms > detection_ms) continue;
    if (best == nullptr || here.rate < best->half[from].rate ||
        (here.rate == best->half[from].rate && here.detection_ms > best->half[from].detection_ms)) {
      best = &point;
    }
  }
  return best;
}

/// Mistakes of `kind` over those of the front, where both are chosen on one half and counted on the
/// other.
double cross_ratio_of(const std::vector<HalvedPoint>& points, DetectorKind kind,
                      const std::vector<double>& grid, double half_mistake, double interval_ms) {
  double sum = 0;
  std::size_t count = 0;
  for (const std::size_t from : {0U, 1U}) {
    for (const double time : grid) {
      const HalvedPoint* const front = chosen_on(from, points, time, is_in_front);
      if (front == nullptr) continue;
      const HalvedPoint* const own =
          chosen_on(from, points, time, [&](DetectorKind each) { return each == kind; });
      const double rate = own != nullptr ? own->half[1 - from].rate : 1000.0 / interval_ms;
      sum += std::log((rate + half_mistake) / (front->half[1 - from].rate + half_mistake));
      ++count;
    }
  }
  return count == 0 ? 1.0 : std::exp(sum / static_cast<double>(count));
}

/// The detector with each of its settings but the knob: more than one for the recommended.
std::vector<EvaluateOptions> shapes_of(DetectorKind kind, const EvaluateOptions& options) {
  std::vector<EvaluateOptions> shapes;
  for (const Shape& shape : kShapes) {
    shapes.push_back(options);
    if (kind != kRecommendedDetector) break;
    shapes.back().agility = shape.agility;
    shapes.back().memory = shape.memory;
  }
  return shapes;
}

/// Settings of the second pass: as many again where the detection times of interest are.
std::vector<DetectorConfig> finer(const LinkResult& coarse, const EvaluateOptions& options) {
  const double interval_ms = static_cast<double>(coarse.heartbeat_interval.count()) / 1e6;
  const std::vector<double> grid = grid_of(standing_of(coarse, sum_of_all).front, interval_ms);
  std::vector<DetectorConfig> configs;
  const auto add = [&](DetectorKind kind, const EvaluateOptions& shape) {
    std::vector<std::pair<double, double>> known;  // Setting and detection time.
    for (const SettingResult& setting : coarse.settings) {
      if (setting.config.kind != kind) continue;
      if (shape_of(setting.config) != Shape{shape.agility, shape.memory}) continue;
      known.emplace_back(knob_setting(setting.config),
                         detection_ms_of(sum_of_all(setting.replay.blocks())));
    }
    std::size_t first = 0;
    while (first + 1 < known.size() && known[first + 1].second < grid.front())
      ++first;
    std::size_t last = first + 1;
    while (last + 1 < known.size() && known[last].second < grid.back())
      ++last;
    // One more on both sides: curves between coarse settings are only guessed.
    const double low = known[first > 0 ? first - 1 : 0].first;
    const double high = known[std::min(last + 1, known.size() - 1)].first;
    const std::size_t count = kind == kRecommendedDetector ? kFineSettingsOfShape : kFineSettings;
    for (std::size_t i = 0; i < count; ++i) {
      const double x = static_cast<double>(i) / static_cast<double>(count - 1);
      configs.push_back(
          detector_for(kind, low + (high - low) * x * x, shape, coarse.heartbeat_interval));
    }
  };
  for (const DetectorKind kind : kDetectorKinds) {
    for (const EvaluateOptions& shape : shapes_of(kind, options))
      add(kind, shape);
  }
  return configs;
}

std::vector<Curve> curves_of(const LinkResult& link, const Resamples& resamples) {
  std::vector<Curve> curves;
  for (const SettingResult& setting : link.settings) {
    if (curves.empty() || curves.back().kind != setting.config.kind) {
      curves.push_back({.kind = setting.config.kind, .points = {}});
    }
    const QosBlock sum = sum_of_all(setting.replay.blocks());
    CurvePoint point;
    point.setting = knob_setting(setting.config);
    point.agility = setting.config.agility;
    point.memory = setting.config.memory;
    point.silence_ms = sum.cuts > 0 ? sum.silence / static_cast<double>(sum.cuts) / 1e6 : 0;
    point.detection_ms = detection_ms_of(sum);
    point.mistake_rate = mistake_rate_of(sum);
    point.mistakes = sum.mistakes;
    point.query_accuracy = query_accuracy_of(sum);
    point.mistake_rate_ci = intervals_of(setting.replay.blocks(), resamples).mistake_rate;
    curves.back().points.push_back(point);
  }
  for (Curve& curve : curves) {
    std::stable_sort(
        curve.points.begin(), curve.points.end(),
        [](const CurvePoint& a, const CurvePoint& b) { return a.detection_ms < b.detection_ms; });
  }
  return curves;
}

/// One curve per shape of a detector.
std::vector<RateCurve> rates_of(const Curve& curve) {
  std::map<std::pair<double, bool>, RateCurve> shapes;
  for (const CurvePoint& point : curve.points)
    shapes[{point.agility, point.memory}].push_back({point.detection_ms, point.mistake_rate});
  std::vector<RateCurve> rates;
  for (auto& [shape, points] : shapes) {
    tidy_curve(points);
    rates.push_back(std::move(points));
  }
  return rates;
}

/// Every detector against the front, those in it too.
void set_ratios(const std::vector<HalvedPoint>& halves, LinkComparison& link) {
  std::vector<RateCurve> front;
  for (const Curve& curve : link.curves) {
    if (is_in_front(curve.kind)) front.push_back(rates_of(curve).front());
  }
  const std::vector<double> grid = grid_of(front, link.interval_ms);
  for (Curve& curve : link.curves) {
    const double half_mistake = 0.5 / link.observed_s;
    curve.ratio = ratio_of(rates_of(curve), front, grid, half_mistake, link.interval_ms);
    curve.cross_ratio =
        cross_ratio_of(halves, curve.kind, grid, 2 * half_mistake, link.interval_ms);
    if (curve.kind == kRecommendedDetector) link.verdict.cross_ratio = curve.cross_ratio;
  }
}

LinkComparison comparison_of(const LinkResult& link, const EvaluateOptions& options) {
  LinkComparison comparison;
  const std::string file = std::filesystem::path(link.trace).filename().string();
  comparison.name = file.substr(0, file.find(".csv"));
  if (!link.link.empty()) comparison.name += " " + link.link;
  comparison.interval_ms = static_cast<double>(link.heartbeat_interval.count()) / 1e6;
  comparison.heartbeats = link.heartbeats;
  const auto blocks = link.settings.front().replay.blocks();
  comparison.observed_s = sum_of_all(blocks).observed / 1e9;
  const Resamples resamples(blocks.size(), options.bootstrap, Rng(options.seed));
  comparison.curves = curves_of(link, resamples);
  comparison.verdict = verdict_of(link, resamples, comparison.interval_ms, comparison.observed_s);
  set_ratios(halved_points_of(link), comparison);
  return comparison;
}

/// Two passes over one file: a coarse sweep, then a fine one where it matters.
Status compare_trace(const std::string& path, const EvaluateOptions& options,
                     std::vector<LinkComparison>& links, std::vector<std::string>& notes) {
  EvaluateReport coarse;
  const Planner sweep = [&](const LinkResult& link, std::size_t) {
    std::vector<DetectorConfig> configs;
    for (const DetectorKind kind : kDetectorKinds) {
      for (const EvaluateOptions& shape : shapes_of(kind, options)) {
        for (const double setting :
             sweep_settings(kind, link.heartbeat_interval, kCoarseSettings)) {
          configs.push_back(detector_for(kind, setting, shape, link.heartbeat_interval));
        }
      }
    }
    return Result<std::vector<DetectorConfig>>(std::move(configs));
  };
  Status status = evaluate_trace(path, options, sweep, DetectionTimes::kMean, coarse);
  if (!status) return status.error();

  EvaluateReport fine;
  const Planner finer_sweep = [&](const LinkResult& link,
                                  std::size_t) -> Result<std::vector<DetectorConfig>> {
    for (const LinkResult& known : coarse.links) {
      if (known.link == link.link) return finer(known, options);
    }
    return Error{Errc::kBadInput, path + ": changed while it was read"};
  };
  status = evaluate_trace(path, options, finer_sweep, DetectionTimes::kMean, fine);
  if (!status) return status.error();
  for (const LinkResult& link : fine.links) {
    if (link.settings.front().replay.mistakes().observed == Duration::zero()) {
      notes.push_back(path + " " + link.link +
                      ": left out, as no two heartbeats are in one segment");
      continue;
    }
    links.push_back(comparison_of(link, options));
  }
  notes.insert(notes.end(), fine.notes.begin(), fine.notes.end());
  return Done{};
}

void print_link(const LinkComparison& link, std::ostream& out) {
  out << link.name << "\n  " << link.heartbeats << " heartbeats, every "
      << short_text(link.interval_ms, 4) << " ms, " << short_text(link.observed_s, 6)
      << " s; mistakes per second at equal mean detection time\n\n";
  std::vector<Table::Column> columns = {{"T_D ms"}};
  for (const Curve& curve : link.curves)
    columns.push_back({to_string(curve.kind)});
  Table table(columns);
  constexpr int kRows = 8;
  const Verdict& verdict = link.verdict;
  for (int row = 0; row < kRows; ++row) {
    const double x = static_cast<double>(row) / (kRows - 1);
    const double time = verdict.low_ms + (verdict.high_ms - verdict.low_ms) * x * x;
    std::vector<std::string> cells = {fixed_text(time, 1)};
    for (const Curve& curve : link.curves) {
      const double rate = curve.rate_at(time);
      cells.push_back(std::isfinite(rate) ? short_text(rate, 3) : "-");
    }
    table.add_row(std::move(cells));
  }
  table.print(out);
  out << '\n';
}

const char* word_of(const Verdict& verdict) {
  if (verdict.ratio_ci.high < 1.0) return "beyond";
  if (verdict.holds()) return "on or beyond";
  return verdict.may_hold() ? "within chance" : "behind";
}

/// Every detector over all links: a front of five is nobody's curve, so this is what to compare.
void print_detectors(const std::vector<LinkComparison>& links, std::ostream& out) {
  Table table({{"detector", Align::kLeft},
               {"on or beyond the front"},
               {"within 15 %"},
               {"mean ratio"},
               {"worst ratio"},
               {"chosen on the other half: on or beyond"},
               {"within 15 %"},
               {"mean"},
               {"worst"}});
  for (std::size_t kind = 0; !links.empty() && kind < links.front().curves.size(); ++kind) {
    std::vector<std::string> cells = {to_string(links.front().curves[kind].kind)};
    for (double Curve::*const ratio_of_curve : {&Curve::ratio, &Curve::cross_ratio}) {
      std::size_t holding = 0;
      std::size_t near = 0;
      double logs = 0;
      double worst = 0;
      for (const LinkComparison& link : links) {
        const double ratio = link.curves[kind].*ratio_of_curve;
        if (ratio <= 1.0) ++holding;
        if (ratio <= 1.15) ++near;
        logs += std::log(ratio);
        worst = std::max(worst, ratio);
      }
      cells.push_back(std::to_string(holding));
      cells.push_back(std::to_string(near));
      cells.push_back(fixed_text(std::exp(logs / static_cast<double>(links.size())), 2));
      cells.push_back(fixed_text(worst, 2));
    }
    table.add_row(std::move(cells));
  }
  table.print(out);
  out << '\n';
}

void print_summary(const std::vector<LinkComparison>& links, const EvaluateOptions& options,
                   std::ostream& out) {
  const std::string name = to_string(kRecommendedDetector);
  out << "Recommended: " << name << ". The front: the best of fixed, chen, bertier, phi and "
      << "two-window at each detection time.\n\n";
  Table table({{"link", Align::kLeft},
               {"T_D ms"},
               {"no more mistakes at"},
               {"mistakes / front's"},
               {"95 %"},
               {"", Align::kLeft},
               {"chosen on the other half"}});
  std::size_t crossing = 0;
  std::size_t holding = 0;
  std::size_t maybe = 0;
  for (const LinkComparison& link : links) {
    const Verdict& verdict = link.verdict;
    if (verdict.holds()) ++holding;
    if (verdict.cross_holds()) ++crossing;
    if (verdict.holds() || verdict.may_hold()) ++maybe;
    table.add_row(
        {link.name, fixed_text(verdict.low_ms, 1) + ".." + fixed_text(verdict.high_ms, 1),
         fixed_text(100 * verdict.share, 0) + " %", fixed_text(verdict.ratio, 2),
         fixed_text(verdict.ratio_ci.low, 2) + ".." + fixed_text(verdict.ratio_ci.high, 2),
         word_of(verdict), fixed_text(verdict.cross_ratio, 2)});
  }
  table.print(out);
  out << '\n';
  print_detectors(links, out);
  out << name << " lies on or beyond the front on " << holding << " of " << links.size()
      << " links by the mean ratio; on " << maybe
      << " the recording does not show it behind (95 %).\n"
      << "Where the settings of both, and the detector of the front, are chosen on one half of the "
         "recording and counted on the other: on "
      << crossing << " of " << links.size() << ".\n"
      << name << " is swept in " << std::size(kShapes)
      << " shapes (agility, and with memory or without) of " << kFineSettingsOfShape
      << " settings: no more than the front's detectors have together.\n"
      << "T_D: from where the front makes a mistake at fewer than one heartbeat of 100 to where it "
         "makes its fewest. Ratio: geometric mean over "
      << kGridPoints << " detection times, half a mistake added to both.\n95 %: block bootstrap, "
      << options.bootstrap << " draws, seed " << options.seed << ", the same draws for all.\n";
}

void print_json(const std::vector<LinkComparison>& links, const std::vector<std::string>& notes,
                const EvaluateOptions& options, std::ostream& out) {
  using Json = nlohmann::ordered_json;
  Json all = Json::array();
  for (const LinkComparison& link : links) {
    const Verdict& verdict = link.verdict;
    Json json = {{"link", link.name},
                 {"heartbeats", link.heartbeats},
                 {"observed_s", link.observed_s},
                 {"heartbeat_interval_ms", link.interval_ms},
                 {"detection_time_ms", {verdict.low_ms, verdict.high_ms}},
                 {"share", verdict.share},
                 {"ratio", verdict.ratio},
                 {"ratio_ci95", {verdict.ratio_ci.low, verdict.ratio_ci.high}},
                 {"verdict", word_of(verdict)},
                 {"cross_ratio", verdict.cross_ratio}};
    for (const Curve& curve : link.curves) {
      Json points = Json::array();
      for (const CurvePoint& point : curve.points) {
        points.push_back({point.setting, point.detection_ms, point.mistake_rate});
        if (curve.kind == kRecommendedDetector) {
          points.back().push_back(point.agility);
          points.back().push_back(point.memory);
        }
      }
      json["curves"][to_string(curve.kind)] = std::move(points);
      json["ratios"][to_string(curve.kind)] = curve.ratio;
      json["cross_ratios"][to_string(curve.kind)] = curve.cross_ratio;
    }
    all.push_back(std::move(json));
  }
  out << Json{{"recommended", to_string(kRecommendedDetector)},
              {"links", std::move(all)},
              {"notes", notes},
              {"bootstrap", options.bootstrap},
              {"seed", options.seed}}
             .dump(2)
      << '\n';
}

Status write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return file ? Status(Done{}) : Error{Errc::kBadInput, path + ": cannot be written"};
}

Status check_plot(const std::string& path) {
  if (path.empty() || path.ends_with(".svg") || path.ends_with(".html")) return Done{};
  return Error{Errc::kBadConfig, "--plot must end in .svg or .html, but is " + path};
}

}  // namespace

bool is_in_front(DetectorKind kind) {
  return std::find(std::begin(kFrontKinds), std::end(kFrontKinds), kind) != std::end(kFrontKinds);
}

double Curve::rate_at(double detection_ms) const {
  return least_at(rates_of(*this), detection_ms);
}

Outcome compare(const EvaluateOptions& options, std::ostream& out) {
  if (Status status = check_plot(options.plot); !status) return status.error();
  if (!options.detectors.empty()) {
    return Error{Errc::kBadConfig,
                 "--detector cannot be combined with --compare, which sweeps all"};
  }
  std::vector<LinkComparison> links;
  std::vector<std::string> notes;
  for (const std::string& path : options.traces) {
    if (Status status = compare_trace(path, options, links, notes); !status) return status.error();
  }
  drop_repeated(notes);
  if (!options.csv.empty()) {
    if (Status status = write_file(options.csv, csv_of(links)); !status) return status.error();
  }
  if (!options.plot.empty()) {
    Status status = write_file(options.plot, picture_of(links, options.plot));
    if (!status) return status.error();
  }
  if (options.json) {
    print_json(links, notes, options, out);
    return ExitCode::kSuccess;
  }
  for (const LinkComparison& link : links)
    print_link(link, out);
  print_summary(links, options, out);
  for (const std::string& note : notes)
    out << "note: " << note << ".\n";
  return ExitCode::kSuccess;
}

}  // namespace vouch::cli
