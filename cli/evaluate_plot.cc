#include <algorithm>
#include <cmath>
#include <limits>

#include "evaluate_compare.h"
#include "svg.h"

namespace vouch::cli {
namespace {

constexpr double kPanelWidth = 400;
constexpr double kPanelHeight = 280;
constexpr double kLeft = 62;
constexpr double kRight = 12;
constexpr double kTop = 34;
constexpr double kBottom = 40;
constexpr std::size_t kPanelColumns = 3;

/// Colours that differ for the colour-blind too (Okabe and Ito), and dashes where these end.
struct Stroke {
  const char* colour;
  const char* dash;
  double width;
};

Stroke stroke_of(DetectorKind kind) {
  switch (kind) {
    case DetectorKind::kFixedTimeout:
      return {"#000000", "", 1.3};
    case DetectorKind::kChen:
      return {"#0072b2", "", 1.3};
    case DetectorKind::kChenNfdS:
      return {"#0072b2", "2 3", 1.3};
    case DetectorKind::kBertier:
      return {"#009e73", "", 1.3};
    case DetectorKind::kPhiAccrual:
      return {"#e69f00", "", 1.3};
    case DetectorKind::kPhiLogistic:
      return {"#e69f00", "6 3", 1.3};
    case DetectorKind::kPhiExponential:
      return {"#e69f00", "2 3", 1.3};
    case DetectorKind::kTwoWindow:
      return {"#56b4e9", "", 1.3};
    case DetectorKind::kQuantile:
      return {"#cc79a7", "", 1.3};
    case DetectorKind::kAdaptiveMargin:
      return {"#d55e00", "", 2.6};
  }
  return {"#888888", "", 1.0};
}

std::string style_of(const Stroke& stroke) {
  std::string style = std::string("stroke=\"") + stroke.colour + "\" stroke-width=\"" +
                      svg_number(stroke.width) + "\" fill=\"none\"";
  if (*stroke.dash != '\0') style += std::string(" stroke-dasharray=\"") + stroke.dash + "\"";
  return style;
}

/// One link: detection time to the right, mistakes per second upwards by powers of ten. The axis at
/// the bottom is "none seen": half a mistake in the whole recording.
class Panel {
 public:
  Panel(const LinkComparison& link, double x, double y) : link_(link), x_(x), y_(y) {
    const Verdict& verdict = link.verdict;
    const double span = verdict.high_ms - verdict.low_ms;
    low_ms_ = verdict.low_ms - 0.05 * span;
    high_ms_ = verdict.high_ms + 0.05 * span;
    least_ = 0.5 / link.observed_s;
    most_ = least_ * 10;
    for (const Curve& curve : link.curves) {
      const double rate = curve.rate_at(verdict.low_ms);
      if (std::isfinite(rate)) most_ = std::max(most_, rate);
    }
    // Whoever suspects nearly every heartbeat need not be seen.
    most_ = std::min(most_ * 1.5, std::max(least_ * 10, 300.0 / link.interval_ms));
  }

  [[nodiscard]] std::string draw() const {
    std::string svg = svg_text(x_ + kLeft, y_ + 18, link_.name, "start", "12");
    svg += axes();
    for (const Curve& curve : link_.curves) {
      if (curve.kind != kRecommendedDetector) svg += path(curve);
    }
    for (const Curve& curve : link_.curves) {
      if (curve.kind == kRecommendedDetector) svg += path(curve);
    }
    return svg;
  }

 private:
  [[nodiscard]] double right() const { return x_ + kPanelWidth - kRight; }
  [[nodiscard]] double bottom() const { return y_ + kPanelHeight - kBottom; }

  [[nodiscard]] double across(double detection_ms) const {
    const double part = (detection_ms - low_ms_) / (high_ms_ - low_ms_);
    return x_ + kLeft + part * (right() - x_ - kLeft);
  }
  [[nodiscard]] double up(double rate) const {
    const double shown = std::clamp(rate, least_, most_);
    const double part = std::log(shown / least_) / std::log(most_ / least_);
    return bottom() - part * (bottom() - y_ - kTop);
  }

  [[nodiscard]] std::string axes() const {
    std::string svg;
    for (int power = -9; power <= 4; ++power) {
      const double rate = std::pow(10.0, power);
      if (rate < least_ * 1.2 || rate > most_) continue;
      svg += svg_line(x_ + kLeft, up(rate), right(), up(rate), "stroke=\"#dddddd\"");
      svg += svg_text(x_ + kLeft - 5, up(rate) + 4, short_text(rate, 3) + "/s", "end", "10");
    }
    svg += svg_line(x_ + kLeft, bottom(), right(), bottom(), "stroke=\"#555555\"");
    svg += svg_line(x_ + kLeft, y_ + kTop, x_ + kLeft, bottom(), "stroke=\"#555555\"");
    svg += svg_text(x_ + kLeft - 5, bottom() + 4, "none", "end", "10");
    for (int tick = 0; tick <= 4; ++tick) {
      const double time = low_ms_ + (high_ms_ - low_ms_) * tick / 4;
      svg += svg_line(across(time), bottom(), across(time), bottom() + 4, "stroke=\"#555555\"");
      svg += svg_text(across(time), bottom() + 16, short_text(time, 4), "middle", "10");
    }
    svg += svg_text((x_ + kLeft + right()) / 2, bottom() + 31, "mean detection time, ms", "middle",
                    "10");
    return svg;
  }

  [[nodiscard]] std::string path(const Curve& curve) const {
    std::string points;
    double best = std::numeric_limits<double>::infinity();
    for (const CurvePoint& point : curve.points) {
      best = std::min(best, point.mistake_rate);
      if (point.detection_ms < low_ms_ || point.detection_ms > high_ms_) continue;
      points += svg_number(across(point.detection_ms)) + "," + svg_number(up(best)) + " ";
    }
    if (points.empty()) return "";
    // Without a slower setting in the picture it stays as it is.
    points += svg_number(right()) + "," + svg_number(up(curve.rate_at(high_ms_)));
    return "<polyline points=\"" + points + "\" " + style_of(stroke_of(curve.kind)) + "/>\n";
  }

  const LinkComparison& link_;
  double x_;
  double y_;
  double low_ms_ = 0;
  double high_ms_ = 1;
  double least_ = 1;
  double most_ = 10;
};

/// As many names in a row as fit; so high is one row.
constexpr double kLegendRow = 20;
constexpr double kLegendEntry = 124;

std::size_t legend_columns(double width) {
  return static_cast<std::size_t>((width - kLeft) / kLegendEntry);
}

std::string legend(double width) {
  std::string svg =
      svg_text(kLeft, 16, "Mistakes per second against mean detection time", "start", "14");
  svg += svg_text(kLeft, 31, "nearer to the lower left is better", "start");
  const std::size_t columns = legend_columns(width);
  for (std::size_t i = 0; i < kDetectorKinds.size(); ++i) {
    const double x = kLeft + kLegendEntry * static_cast<double>(i % columns);
    const double y = 48 + kLegendRow * static_cast<double>(i / columns);
    svg += svg_line(x, y, x + 24, y, style_of(stroke_of(kDetectorKinds[i])));
    svg += svg_text(x + 29, y + 4, to_string(kDetectorKinds[i]), "start");
  }
  return svg;
}

}  // namespace

std::string csv_of(const std::vector<LinkComparison>& links) {
  std::string text =
      "link,detector,knob,setting,silence_ms_mean,detection_time_ms_mean,mistakes,"
      "mistake_rate_per_s,mistake_rate_per_s_ci95_low,mistake_rate_per_s_ci95_high,"
      "query_accuracy,agility,memory\n";
  for (const LinkComparison& link : links) {
    for (const Curve& curve : link.curves) {
      for (const CurvePoint& point : curve.points) {
        text += link.name + "," + to_string(curve.kind) + "," + knob_of(curve.kind).field;
        for (const double value :
             {point.setting, point.silence_ms, point.detection_ms,
              static_cast<double>(point.mistakes), point.mistake_rate, point.mistake_rate_ci.low,
              point.mistake_rate_ci.high, point.query_accuracy}) {
          text += "," + short_text(value, 9);
        }
        text += ",";
        if (curve.kind == kRecommendedDetector) {
          text += short_text(point.agility, 3) + (point.memory ? ",1" : ",0");
        } else {
          text += ",";
        }
        text += "\n";
      }
    }
  }
  return text;
}

std::string picture_of(const std::vector<LinkComparison>& links, const std::string& path) {
  // No wider than the links need: one alone makes a picture of one panel.
  const std::size_t columns = std::clamp<std::size_t>(links.size(), 1, kPanelColumns);
  const std::size_t rows = (links.size() + columns - 1) / columns;
  const double width = kPanelWidth * static_cast<double>(columns) + 20;
  const std::size_t names = legend_columns(width);
  const double top =
      44 + kLegendRow * static_cast<double>((kDetectorKinds.size() + names - 1) / names);
  const double height = top + kPanelHeight * static_cast<double>(rows);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + svg_number(width) +
                    " " + svg_number(height) + "\" width=\"" + svg_number(width) + "\" height=\"" +
                    svg_number(height) + "\" font-family=\"sans-serif\" fill=\"#222222\">\n" +
                    "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" + legend(width);
  for (std::size_t i = 0; i < links.size(); ++i) {
    const Panel panel(links[i], kPanelWidth * static_cast<double>(i % columns),
                      top + kPanelHeight * static_cast<double>(i / columns));
    svg += panel.draw();
  }
  svg += "</svg>\n";
  return svg_for_file(path, svg, "vouch evaluate --compare");
}

}  // namespace vouch::cli
