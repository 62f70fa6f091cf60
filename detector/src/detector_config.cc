#include "vouch/detector/detector_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>

namespace vouch {
namespace {

std::string milliseconds_text(Duration value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.6g ms", static_cast<double>(value.count()) / 1e6);
  return text.data();
}

Error broken(const char* field, const char* rule, const std::string& value) {
  return Error{Errc::kBadConfig, std::string(field) + " " + rule + ", but is " + value};
}

/// Whether the bound itself is allowed.
enum class Zero { kAllowed, kForbidden };

Status check_duration(const char* field, Duration value, Zero zero) {
  const bool too_small =
      zero == Zero::kAllowed ? value < Duration::zero() : value <= Duration::zero();
  if (!too_small && value <= kDetectorDurationMax) return Done{};
  return broken(field,
                zero == Zero::kAllowed ? "must be at least 0 and at most 24 h"
                                       : "must be above 0 and at most 24 h",
                milliseconds_text(value));
}

Status check_window(std::uint32_t window_size) {
  if (window_size >= 1 && window_size <= kDetectorWindowMax) return Done{};
  return broken("window_size", "must be between 1 and 65535", std::to_string(window_size));
}

Status check_threshold(double threshold) {
  if (threshold > 0.0 && threshold <= 300.0) return Done{};  // False for NaN, as it should be.
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%g", threshold);
  return broken("threshold", "must be above 0 and at most 300", text.data());
}

/// The ends of a sweep, and how densely it lies: the settings are low + (high - low) x^bend.
struct Sweep {
  double low;
  double high;
  double bend;
};

/// In heartbeat intervals where the knob is a duration.
Sweep sweep_of(DetectorKind kind) {
  switch (kind) {
    case DetectorKind::kFixedTimeout:
      return {1.0, 20.0, 3.0};
    case DetectorKind::kChen:
      return {0.0, 20.0, 3.0};
    case DetectorKind::kPhiAccrual:
      return {0.05, 300.0, 3.0};
  }
  return {};
}

double milliseconds_of(Duration value) {
  return static_cast<double>(value.count()) / 1e6;
}

Status first_error(std::initializer_list<Status> checks) {
  for (const Status& check : checks) {
    if (!check) return check;
  }
  return Done{};
}

}  // namespace

const char* to_string(DetectorKind kind) {
  switch (kind) {
    case DetectorKind::kFixedTimeout:
      return "fixed";
    case DetectorKind::kChen:
      return "chen";
    case DetectorKind::kPhiAccrual:
      return "phi";
  }
  return "unknown";
}

std::optional<DetectorKind> detector_kind_named(std::string_view name) {
  for (const DetectorKind kind : kDetectorKinds) {
    if (name == to_string(kind)) return kind;
  }
  return std::nullopt;
}

DetectorKnob knob_of(DetectorKind kind) {
  switch (kind) {
    case DetectorKind::kFixedTimeout:
      return {"timeout", true, "silence that makes suspect"};
    case DetectorKind::kChen:
      return {"safety_margin", true, "how late after its expected arrival a heartbeat may come"};
    case DetectorKind::kPhiAccrual:
      return {"threshold", false, "how improbable a silence must be: phi = -log10 of its chance"};
  }
  return {"kind", false, ""};
}

void set_knob(DetectorConfig& config, double setting) {
  const DetectorKnob knob = knob_of(config.kind);
  if (!knob.is_duration) {
    config.threshold = setting;
    return;
  }
  // What is out of range, or no number, is left to validate().
  const double bounded = std::isnan(setting) ? -1.0 : std::clamp(setting, -1e9, 1e9);
  const Duration value(std::llround(bounded * 1e6));
  (config.kind == DetectorKind::kFixedTimeout ? config.timeout : config.safety_margin) = value;
}

double knob_setting(const DetectorConfig& config) {
  switch (config.kind) {
    case DetectorKind::kFixedTimeout:
      return milliseconds_of(config.timeout);
    case DetectorKind::kChen:
      return milliseconds_of(config.safety_margin);
    case DetectorKind::kPhiAccrual:
      return config.threshold;
  }
  return 0.0;
}

std::vector<double> sweep_settings(DetectorKind kind, Duration heartbeat_interval,
                                   std::size_t count) {
  const Sweep sweep = sweep_of(kind);
  const double unit = knob_of(kind).is_duration ? milliseconds_of(heartbeat_interval) : 1.0;
  std::vector<double> settings(std::max<std::size_t>(count, 2));
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const double x = static_cast<double>(i) / static_cast<double>(settings.size() - 1);
    settings[i] = unit * (sweep.low + (sweep.high - sweep.low) * std::pow(x, sweep.bend));
  }
  return settings;
}

Status validate(const DetectorConfig& config) {
  switch (config.kind) {
    case DetectorKind::kFixedTimeout:
      return check_duration("timeout", config.timeout, Zero::kForbidden);
    case DetectorKind::kChen:
      return first_error({
          check_duration("heartbeat_interval", config.heartbeat_interval, Zero::kForbidden),
          check_duration("safety_margin", config.safety_margin, Zero::kAllowed),
          check_window(config.window_size),
      });
    case DetectorKind::kPhiAccrual:
      return first_error({
          check_duration("heartbeat_interval", config.heartbeat_interval, Zero::kForbidden),
          check_threshold(config.threshold),
          check_window(config.window_size),
          check_duration("stddev_min", config.stddev_min, Zero::kAllowed),
          check_duration("acceptable_pause", config.acceptable_pause, Zero::kAllowed),
      });
  }
  return Error{Errc::kBadConfig, "kind must be one of fixed, chen, phi"};
}

}  // namespace vouch
