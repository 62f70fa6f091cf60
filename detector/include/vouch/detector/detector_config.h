#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"

namespace vouch {

/// The ways to turn arrivals into a freshness point. A closed set.
enum class DetectorKind : std::uint8_t {
  kFixedTimeout,    ///< Last arrival plus `timeout`.
  kChen,            ///< NFD-E: expected arrival plus `safety_margin` (Chen et al. 2002, section 6).
  kPhiAccrual,      ///< Normal quantile of the gaps at `threshold` (Hayashibara et al. 2004).
  kChenNfdS,        ///< NFD-S: sending time plus a constant (Chen et al. 2002, section 3).
  kBertier,         ///< NFD-E with Jacobson's margin (Bertier et al. 2002).
  kPhiLogistic,     ///< Phi accrual by Akka's logistic approximation.
  kPhiExponential,  ///< Phi as Cassandra has it: exponential gaps.
  kTwoWindow,       ///< 2W-FD: the later of two expected arrivals (Tomsic et al. 2015).
  kQuantile,        ///< Empirical quantile of the gaps plus `safety_margin`.
  kAdaptiveMargin,  ///< Learns how long a delay lasts, and scales its margin by the jitter
                    ///< expected.
};

/// Every kind, in the order of tables: whatever sweeps or lists detectors goes through this.
inline constexpr std::array kDetectorKinds = {
    DetectorKind::kFixedTimeout,   DetectorKind::kChen,       DetectorKind::kChenNfdS,
    DetectorKind::kBertier,        DetectorKind::kPhiAccrual, DetectorKind::kPhiLogistic,
    DetectorKind::kPhiExponential, DetectorKind::kTwoWindow,  DetectorKind::kQuantile,
    DetectorKind::kAdaptiveMargin,
};

/// The detector that vouch recommends; docs/DETECTORS.md says on what evidence.
inline constexpr DetectorKind kRecommendedDetector = DetectorKind::kAdaptiveMargin;

/// The name of a kind as it stands in configuration files and tables: `fixed`, `chen`, `nfd-s`,
/// `bertier`, `phi`, `phi-logistic`, `phi-exponential`, `two-window`, `quantile`, `adaptive`.
[[nodiscard]] const char* to_string(DetectorKind kind);

/// The kind of that name; nothing if there is none.
[[nodiscard]] std::optional<DetectorKind> detector_kind_named(std::string_view name);

/// All names, for messages: `fixed, chen, ...`.
[[nodiscard]] const char* detector_kind_names();

/// No field of a detector may be longer than this: it keeps every sum inside 64 bits.
inline constexpr Duration kDetectorDurationMax = std::chrono::hours(24);

/// No window may be longer than this, for the same reason.
inline constexpr std::uint32_t kDetectorWindowMax = 65'535;

/// What a detector is made from. Each field says which kinds read it; the others ignore it.
struct DetectorConfig {
  DetectorKind kind = DetectorKind::kFixedTimeout;

  /// Time between two heartbeats of the subject (Chen's eta). Above zero. Read by every kind but
  /// the fixed timeout. Those that keep a schedule (chen, nfd-s, bertier, two-window, adaptive)
  /// need the sender's true interval; the phi kinds seed their window with it, and the quantile
  /// counts in it.
  Duration heartbeat_interval = std::chrono::milliseconds(100);

  /// Fixed timeout: silence that makes suspect. Above zero; several heartbeat intervals, or one
  /// lost heartbeat makes a mistake.
  Duration timeout = std::chrono::milliseconds(500);

  /// Chen, NFD-S, two-window, quantile and adaptive: what is added to the expected arrival, the
  /// sending time or the quantile (Chen's alpha and delta). At least zero. Detection time is about
  /// `heartbeat_interval + safety_margin`; a margin below one interval makes a mistake of every
  /// lost heartbeat. The adaptive detector multiplies it by 1 on a link without jitter and by more
  /// on others, unless its agility is 0.
  Duration safety_margin = std::chrono::milliseconds(300);

  /// The phi kinds: suspect when phi reaches this. In (0, 300]; 8 means that a heartbeat is later
  /// than this once in 10^8, if the gaps are distributed as assumed, which they seldom are.
  double threshold = 8.0;

  /// Bertier: how many smoothed deviations the margin is (the paper's phi, 4 there). In [0, 1000].
  double deviation_weight = 4.0;

  /// Adaptive: how strongly the margin follows the jitter that is expected. In [0, 1]: 0 not at
  /// all, 1 in proportion.
  double agility = 0.75;

  /// Adaptive: whether a delay is expected to last as long as the link has taught. Without, the
  /// mean offset is expected whatever the newest heartbeat did, as NFD-E has it.
  bool memory = true;

  /// Every kind but fixed and adaptive: how many of the newest samples count. In [1, 65535]. A long
  /// window is steady, a short one follows a changing network.
  std::uint32_t window_size = 100;

  /// Two-window: how many samples the short window holds. In [1, 16].
  std::uint32_t short_window_size = 1;

  /// Quantile: which one, in thousandths. In [1, 1000]; 1000 is the longest gap of the window.
  std::uint32_t quantile_per_thousand = 990;

  /// Phi and phi-logistic: the standard deviation is never taken as less. At least zero; zero on a
  /// steady link means suspecting at the first late microsecond.
  Duration stddev_min = std::chrono::milliseconds(10);

  /// The phi kinds: silence that is tolerated on top of the quantile. At least zero.
  Duration acceptable_pause = Duration::zero();
};

/// The one field of a kind that trades detection time against mistakes.
struct DetectorKnob {
  const char* field;    ///< As the field is called in DetectorConfig: `timeout`, `threshold`.
  bool is_duration;     ///< A setting is in milliseconds; otherwise it is a plain number.
  const char* meaning;  ///< In plain words; greater is always slower and surer.
};

/// The knob of a kind.
[[nodiscard]] DetectorKnob knob_of(DetectorKind kind);

/// Sets the knob of `config.kind`, in milliseconds if it is a duration (rounded to nanoseconds).
void set_knob(DetectorConfig& config, double setting);

/// What the knob of `config.kind` is set to, as `set_knob` takes it.
[[nodiscard]] double knob_setting(const DetectorConfig& config);

/// `count` settings of the knob, rising, from "suspects at the first late heartbeat" to "sits out
/// a score of lost ones": the grid that comparisons and searches share. Durations are in
/// milliseconds and grow with the heartbeat interval. At least two settings. For configuration time
/// only.
[[nodiscard]] std::vector<double> sweep_settings(DetectorKind kind, Duration heartbeat_interval,
                                                 std::size_t count);

/// Checks the fields that `config.kind` reads. The error names the field, its rule and its value.
[[nodiscard]] Status validate(const DetectorConfig& config);

}  // namespace vouch
