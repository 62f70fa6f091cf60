#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "vouch/detector/detector_config.h"
#include "vouch/detector/time.h"
#include "vouch/host/builtin_election.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/profile.h"

namespace vouch::tune {

/// The knobs that a search turns, in the order of its tables.
enum class Knob : std::uint8_t {
  kHeartbeat,     ///< heartbeat_interval
  kKind,          ///< detector.kind
  kMargin,        ///< The detector's one knob: timeout, safety_margin, threshold ...
  kLease,         ///< lease
  kConfirmation,  ///< consent_hold
  kProgress,      ///< progress_timeout
};
inline constexpr std::size_t kKnobCount = 6;

/// One combination of knobs: for each the place of its value in the Space's list.
struct Point {
  std::uint8_t heartbeat = 0;
  std::uint8_t kind = 0;
  std::uint8_t margin = 0;
  std::uint8_t lease = 0;
  std::uint8_t confirmation = 0;
  std::uint8_t progress = 0;

  friend auto operator<=>(const Point&, const Point&) = default;
};

/// A kind of detector, with what else of it is tried apart from its margin.
struct DetectorShape {
  DetectorKind kind{};
  double agility = DetectorConfig{}.agility;

  DetectorShape(DetectorKind of) : kind(of) {}  // NOLINT: a kind is its usual shape.
  DetectorShape(DetectorKind of, double with) : kind(of), agility(with) {}
};

/// What a Space is made from.
struct SpaceOptions {
  Duration failover{};  ///< The goal: values are tried around what could meet it.
  Duration interval{};  ///< The shortest heartbeat interval that the data can show.
  Profile profile = Profile::kLan;
  Duration round_trip{};  ///< Above zero.
  std::vector<DetectorShape> kinds;
};

/// Every value that a search may try. Combinations are far more; `is_accepted` says which of them
/// the linter passes without a warning.
class Space {
 public:
  explicit Space(const SpaceOptions& options);

  [[nodiscard]] const std::vector<Duration>& heartbeats() const { return heartbeats_; }
  [[nodiscard]] const std::vector<Duration>& leases() const { return leases_; }
  [[nodiscard]] const std::vector<DetectorShape>& kinds() const { return options_.kinds; }
  /// So many for each kind and heartbeat interval, rising.
  static constexpr std::uint8_t kMargins = 16;
  /// The share of the lease for which a consent binds, in eighths; and the progress timeout, in
  /// quarters of the lease.
  static constexpr std::uint8_t kConfirmations[] = {1, 2, 3, 4};
  static constexpr std::uint8_t kProgresses[] = {4, 6, 8, 12, 20};

  /// The detector of a point, with the heartbeat interval `interval` (of the data, or as it will be
  /// configured).
  [[nodiscard]] DetectorConfig detector(const Point& point, Duration interval) const;

  /// The whole configuration of a point, without nodes and groups. Knobs that are not searched
  /// follow the profile as far as the others leave them room.
  [[nodiscard]] MonitorConfig configure(const Point& point) const;
  [[nodiscard]] host::ElectionConfig election(const Point& point) const;

  /// Whether the linter has nothing against it: neither unsafe nor a warning.
  [[nodiscard]] bool is_accepted(const Point& point) const;

  /// The point with one knob a step up or down; nothing where the list ends. kKind has no order:
  /// nothing.
  [[nodiscard]] std::optional<Point> step(const Point& point, Knob knob, int direction) const;

 private:
  SpaceOptions options_;
  std::vector<Duration> heartbeats_;
  std::vector<Duration> leases_;
  std::vector<std::vector<std::vector<double>>> margins_;  ///< By heartbeat and kind.
};

/// What a knob is called in a configuration file.
[[nodiscard]] std::string_view to_string(Knob knob);

}  // namespace vouch::tune
