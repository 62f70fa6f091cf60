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

Status check_count(const char* field, const char* rule, std::uint32_t value, std::uint32_t most) {
  if (value >= 1 && value <= most) return Done{};
  return broken(field, rule, std::to_string(value));
}

Status check_weight(double weight) {
  if (weight >= 0.0 && weight <= 1000.0) return Done{};  // False for NaN, as it should be.
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%g", weight);
  return broken("deviation_weight", "must be at least 0 and at most 1000", text.data());
}

Status check_agility(double agility) {
  if (agility >= 0.0 && agility <= 1.0) return Done{};  // False for NaN, as it should be.
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%g", agility);
  return broken("agility", "must be at least 0 and at most 1", text.data());
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
    case DetectorKind::kChenNfdS:
    case DetectorKind::kTwoWindow:
    case DetectorKind::kQuantile:
    case DetectorKind::kAdaptiveMargin:
      return {0.0, 20.0, 3.0};
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic:
      return {0.05, 300.0, 3.0};
    case DetectorKind::kPhiExponential:
      return {0.3, 10.0, 3.0};  // 0.7 to 23 mean gaps.
    case DetectorKind::kBertier:
      return {0.0, 200.0, 3.0};
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
    case DetectorKind::kChenNfdS:
      return "nfd-s";
    case DetectorKind::kBertier:
      return "bertier";
    case DetectorKind::kPhiAccrual:
      return "phi";
    case DetectorKind::kPhiLogistic:
      return "phi-logistic";
    case DetectorKind::kPhiExponential:
      return "phi-exponential";
    case DetectorKind::kTwoWindow:
      return "two-window";
    case DetectorKind::kQuantile:
      return "quantile";
    case DetectorKind::kAdaptiveMargin:
      return "adaptive";
  }
  return "unknown";
}

const char* detector_kind_names() {
  return "fixed, chen, nfd-s, bertier, phi, phi-logistic, phi-exponential, two-window, quantile, "
         "adaptive";
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
    case DetectorKind::kTwoWindow:
      return {"safety_margin", true, "how late after its expected arrival a heartbeat may come"};
    case DetectorKind::kChenNfdS:
      return {"safety_margin", true, "how much slower than the fastest a heartbeat may be"};
    case DetectorKind::kBertier:
      return {"deviation_weight", false, "how many smoothed deviations late a heartbeat may come"};
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic:
    case DetectorKind::kPhiExponential:
      return {"threshold", false, "how improbable a silence must be: phi = -log10 of its chance"};
    case DetectorKind::kQuantile:
      return {"safety_margin", true, "by how much a silence must exceed the usual longest gap"};
    case DetectorKind::kAdaptiveMargin:
      return {"safety_margin", true,
              "how late a heartbeat may come on a link without jitter; more where there is some"};
  }
  return {"kind", false, ""};
}

void set_knob(DetectorConfig& config, double setting) {
  // What is out of range, or no number, is left to validate().
  const double bounded = std::isnan(setting) ? -1.0 : std::clamp(setting, -1e9, 1e9);
  const Duration value(std::llround(bounded * 1e6));
  switch (config.kind) {
    case DetectorKind::kFixedTimeout:
      config.timeout = value;
      return;
    case DetectorKind::kChen:
    case DetectorKind::kChenNfdS:
    case DetectorKind::kTwoWindow:
    case DetectorKind::kQuantile:
    case DetectorKind::kAdaptiveMargin:
      config.safety_margin = value;
      return;
    case DetectorKind::kBertier:
      config.deviation_weight = setting;
      return;
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic:
    case DetectorKind::kPhiExponential:
      config.threshold = setting;
      return;
  }
}

double knob_setting(const DetectorConfig& config) {
  switch (config.kind) {
    case DetectorKind::kFixedTimeout:
      return milliseconds_of(config.timeout);
    case DetectorKind::kChen:
    case DetectorKind::kChenNfdS:
    case DetectorKind::kTwoWindow:
    case DetectorKind::kQuantile:
    case DetectorKind::kAdaptiveMargin:
      return milliseconds_of(config.safety_margin);
    case DetectorKind::kBertier:
      return config.deviation_weight;
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic:
    case DetectorKind::kPhiExponential:
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
  const Status interval =
      check_duration("heartbeat_interval", config.heartbeat_interval, Zero::kForbidden);
  const Status margin = check_duration("safety_margin", config.safety_margin, Zero::kAllowed);
  const Status window = check_window(config.window_size);
  const Status pause = check_duration("acceptable_pause", config.acceptable_pause, Zero::kAllowed);
  switch (config.kind) {
    case DetectorKind::kFixedTimeout:
      return check_duration("timeout", config.timeout, Zero::kForbidden);
    case DetectorKind::kChen:
    case DetectorKind::kChenNfdS:
      return first_error({interval, margin, window});
    case DetectorKind::kTwoWindow:
      return first_error({interval, margin, window,
                          check_count("short_window_size", "must be between 1 and 16",
                                      config.short_window_size, 16)});
    case DetectorKind::kBertier:
      return first_error({interval, check_weight(config.deviation_weight), window});
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic:
      return first_error({interval, check_threshold(config.threshold), window,
                          check_duration("stddev_min", config.stddev_min, Zero::kAllowed), pause});
    case DetectorKind::kPhiExponential:
      return first_error({interval, check_threshold(config.threshold), window, pause});
    case DetectorKind::kQuantile:
      return first_error({interval, margin, window,
                          check_count("quantile_per_thousand", "must be between 1 and 1000",
                                      config.quantile_per_thousand, 1000)});
    case DetectorKind::kAdaptiveMargin:
      return first_error({interval, margin, check_agility(config.agility)});
  }
  return Error{Errc::kBadConfig, std::string("kind must be one of ") + detector_kind_names()};
}

}  // namespace vouch
