#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "fields.h"
#include "vouch/detector/detector_config.h"

namespace vouch::scenario {

/// A number of the detector as it stands in `config`: an integer of the unit that its key names.
struct DetectorField {
  std::string_view key;
  /// Milliseconds, thousandths or a count.
  std::variant<Duration DetectorConfig::*, double DetectorConfig::*,
               std::uint32_t DetectorConfig::*>
      at;
  Limits limits;
};

/// Every number of a DetectorConfig but the heartbeat interval, which is the group's (`memory`, of
/// the adaptive kind, is no number). The reader and the writer go through these, so that a file
/// holds whatever detector can be configured.
inline constexpr DetectorField kDetectorFields[] = {
    {"suspect_after_ms", &DetectorConfig::timeout, {1, 3'600'000}},
    {"safety_margin_ms", &DetectorConfig::safety_margin, {0, 3'600'000}},
    {"threshold_per_mille", &DetectorConfig::threshold, {1, 300'000}},
    {"deviation_weight_per_mille", &DetectorConfig::deviation_weight, {0, 1'000'000}},
    {"agility_per_mille", &DetectorConfig::agility, {0, 1000}},
    {"window_size", &DetectorConfig::window_size, {1, kDetectorWindowMax}},
    {"short_window_size", &DetectorConfig::short_window_size, {1, 16}},
    {"quantile_per_thousand", &DetectorConfig::quantile_per_thousand, {1, 1000}},
    {"stddev_min_ms", &DetectorConfig::stddev_min, {0, 3'600'000}},
    {"acceptable_pause_ms", &DetectorConfig::acceptable_pause, {0, 3'600'000}},
};

/// Sets a field to what stands in a file.
inline void set_field(const DetectorField& field, DetectorConfig& config, std::int64_t value) {
  if (const auto* span = std::get_if<Duration DetectorConfig::*>(&field.at)) {
    config.*(*span) = std::chrono::milliseconds(value);
  } else if (const auto* real = std::get_if<double DetectorConfig::*>(&field.at)) {
    config.*(*real) = static_cast<double>(value) / 1000;
  } else {
    config.*std::get<std::uint32_t DetectorConfig::*>(field.at) = static_cast<std::uint32_t>(value);
  }
}

/// The value of a field in the unit of its key.
inline double exact_value(const DetectorField& field, const DetectorConfig& config) {
  if (const auto* span = std::get_if<Duration DetectorConfig::*>(&field.at)) {
    return static_cast<double>((config.*(*span)).count()) / 1e6;
  }
  if (const auto* real = std::get_if<double DetectorConfig::*>(&field.at)) {
    return config.*(*real) * 1000;
  }
  return config.*std::get<std::uint32_t DetectorConfig::*>(field.at);
}

/// What a file says for a field; nothing if its value lies between two that a file can hold.
inline std::optional<std::int64_t> value_of(const DetectorField& field,
                                            const DetectorConfig& config) {
  const std::int64_t value = std::llround(exact_value(field, config));
  DetectorConfig read = config;
  set_field(field, read, value);
  const bool is_same = std::visit([&](auto at) { return read.*at == config.*at; }, field.at);
  return is_same ? std::optional(value) : std::nullopt;
}

}  // namespace vouch::scenario
