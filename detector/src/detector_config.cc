#include "vouch/detector/detector_config.h"

#include <array>
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
