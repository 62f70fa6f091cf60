#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "svg.h"
#include "tune.h"

namespace vouch::cli {
namespace {

// The picture, in its own units.
constexpr double kWidth = 760;
constexpr double kHeight = 440;
constexpr double kLeftEdge = 90;
constexpr double kRightEdge = 730;
constexpr double kTopEdge = 50;
constexpr double kBottomEdge = 350;
constexpr double kZeroRow = 380;  ///< Below the logarithmic axis: none was seen.

/// One simulated setting.
struct Dot {
  double failover_ms = 0;
  double rate = 0;
  bool is_on_front = false;
  bool is_recommended = false;
  std::string title;
};

std::vector<Dot> dots_of(const TuneReport& report) {
  std::vector<Dot> dots;
  const tune::Tuning& tuning = report.tuning;
  for (std::size_t i = 0; i < tuning.candidates.size(); ++i) {
    const tune::Candidate& each = tuning.candidates[i];
    if (each.failovers.empty()) continue;
    const MonitorConfig config = report.inputs.space.configure(each.point);
    Dot dot;
    dot.failover_ms = static_cast<double>(each.failover().count()) / 1e6;
    dot.rate = needless_rate(each);
    dot.is_on_front = std::find(tuning.front.begin(), tuning.front.end(), i) != tuning.front.end();
    dot.is_recommended = i == tuning.recommended;
    dot.title = "lease " + time_text(config.lease) + ", heartbeat " +
                time_text(config.heartbeat_interval) + ", " + detector_text(config.detector) +
                ": failover " + time_text(each.failover()) + ", needless " + rate_text(dot.rate) +
                " a year";
    dots.push_back(std::move(dot));
  }
  // The recommended one on top.
  std::stable_sort(dots.begin(), dots.end(),
                   [](const Dot& a, const Dot& b) { return a.is_recommended < b.is_recommended; });
  return dots;
}

/// Both axes: time is linear, the rate logarithmic.
class Axes {
 public:
  Axes(const std::vector<Dot>& dots, double goal_ms, double bound) {
    most_ms_ = goal_ms;
    low_ = std::floor(std::log10(bound));
    high_ = low_ + 1;
    for (const Dot& dot : dots) {
      most_ms_ = std::max(most_ms_, dot.failover_ms);
      if (dot.rate <= 0) continue;
      low_ = std::min(low_, std::floor(std::log10(dot.rate)));
      high_ = std::max(high_, std::ceil(std::log10(dot.rate)));
    }
    most_ms_ *= 1.05;
  }

  [[nodiscard]] double x(double ms) const {
    return kLeftEdge + (kRightEdge - kLeftEdge) * ms / most_ms_;
  }
  [[nodiscard]] double y(double rate) const {
    if (rate <= 0) return kZeroRow;
    const double share = (std::log10(rate) - low_) / (high_ - low_);
    return kBottomEdge - (kBottomEdge - kTopEdge) * share;
  }

  void draw(std::ostream& out) const {
    for (double power = low_; power <= high_; power += 1) {
      const double at = y(std::pow(10, power));
      out << svg_line(kLeftEdge, at, kRightEdge, at, "stroke=\"#ddd\"");
      out << svg_text(kLeftEdge - 8, at + 4, rate_text(std::pow(10, power)), "end", "12");
    }
    out << svg_line(kLeftEdge, kZeroRow, kRightEdge, kZeroRow, "stroke=\"#999\"");
    out << svg_text(kLeftEdge - 8, kZeroRow + 4, "none seen", "end", "12");
    const double step = std::pow(10, std::floor(std::log10(most_ms_))) / 2;
    for (double ms = 0; ms <= most_ms_; ms += step) {
      out << svg_line(x(ms), kTopEdge, x(ms), kZeroRow, "stroke=\"#eee\"");
      out << svg_text(x(ms), kZeroRow + 20, short_text(ms, 4), "middle", "12");
    }
  }

 private:
  double most_ms_ = 0;
  double low_ = 0;  ///< Powers of ten.
  double high_ = 0;
};

std::string svg_of(const TuneReport& report) {
  const std::vector<Dot> dots = dots_of(report);
  const double goal_ms = static_cast<double>(report.settings.search.failover.count()) / 1e6;
  const double bound = tune::rate_bound_per_year(0, report.reach.observed);
  const Axes axes(dots, goal_ms, bound);
  std::ostringstream out;
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << kWidth << ' ' << kHeight
      << "\" font-family=\"sans-serif\" font-size=\"12\">\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  out << svg_text(kWidth / 2, 24,
                  "Needless elections a year against failover time (ms, 95 of 100 crashes)",
                  "middle", "12");
  axes.draw(out);
  out << svg_line(axes.x(goal_ms), kTopEdge, axes.x(goal_ms), kZeroRow, "stroke=\"#c60\"");
  out << svg_text(axes.x(goal_ms), kTopEdge - 6, "goal", "middle", "12");
  out << svg_line(kLeftEdge, axes.y(bound), kRightEdge, axes.y(bound), "stroke=\"#06c\"");
  out << svg_text(kRightEdge, axes.y(bound) - 5,
                  "the data excludes no rate below " + rate_text(bound), "end", "12");
  for (const Dot& dot : dots) {
    const char* const colour = dot.is_recommended ? "#c00" : dot.is_on_front ? "#06c" : "#bbb";
    out << "<circle cx=\"" << fixed_text(axes.x(dot.failover_ms), 1) << "\" cy=\""
        << fixed_text(axes.y(dot.rate), 1) << "\" r=\"" << (dot.is_recommended ? 7 : 4)
        << "\" fill=\"" << colour << "\"><title>" << svg_escaped(dot.title)
        << "</title></circle>\n";
  }
  out << svg_text(
      kLeftEdge, kHeight - 12,
      "red: recommended; blue: Pareto front; grey: other settings that the linter accepts", "start",
      "12");
  out << "</svg>\n";
  return out.str();
}

}  // namespace

Status write_front(const std::string& path, const TuneReport& report) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << svg_for_file(path, svg_of(report), "vouch tune");
  file.close();
  if (!file) return Error{Errc::kUnavailable, "--plot: cannot write " + path};
  return Done{};
}

}  // namespace vouch::cli
