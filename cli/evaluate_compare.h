#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "evaluate.h"

namespace vouch::cli {

/// One setting of one detector on one link.
struct CurvePoint {
  double setting = 0;
  double agility = 0;  ///< This and the next of the adaptive detector.
  bool memory = true;
  double silence_ms = 0;
  double detection_ms = 0;
  double mistake_rate = 0;  ///< Per second.
  std::uint64_t mistakes = 0;
  double query_accuracy = 1;
  Interval mistake_rate_ci;
};

/// Detection time against mistake rate: what one detector can do on one link.
struct Curve {
  DetectorKind kind{};
  double ratio = 1;                ///< As Verdict::ratio and cross_ratio have it, for this
  double cross_ratio = 1;          ///< detector.
  std::vector<CurvePoint> points;  ///< By rising detection time.

  /// The fewest mistakes per second at a mean detection time of at most `detection_ms`, by straight
  /// lines between the settings of one shape; infinite where it cannot be so quick.
  [[nodiscard]] double rate_at(double detection_ms) const;
};

/// How the recommended detector stands against the front on one link.
struct Verdict {
  double low_ms = 0;   ///< Detection times that are compared: from where the front makes a mistake
  double high_ms = 0;  ///< at fewer than one heartbeat of 100, to where it makes its fewest.
  double share = 0;    ///< Part of these detection times at which it makes no more mistakes.
  double ratio = 1;    ///< Its mistakes over the front's: geometric mean over them.
  Interval ratio_ci;   ///< By the bootstrap.

  /// The same where both are what they would be in practice: for each detection time the setting
  /// that does best on one half of the recording (of the front: the detector, too), counted on the
  /// other half, both ways. The front above is chosen in hindsight: the least of five noisy curves
  /// at each time, which is less than any of the five can be expected to do again.
  double cross_ratio = 1;

  /// On or beyond the front, by the figures themselves.
  [[nodiscard]] bool holds() const { return ratio <= 1.0; }
  [[nodiscard]] bool cross_holds() const { return cross_ratio <= 1.0; }
  /// The same unless the recording shows that it is behind.
  [[nodiscard]] bool may_hold() const { return ratio_ci.low <= 1.0; }
};

/// One link under all detectors.
struct LinkComparison {
  std::string name;
  double interval_ms = 0;
  double observed_s = 0;
  std::uint64_t heartbeats = 0;
  std::vector<Curve> curves;
  Verdict verdict;
};

/// The detectors that make up the front.
inline constexpr DetectorKind kFrontKinds[] = {DetectorKind::kFixedTimeout, DetectorKind::kChen,
                                               DetectorKind::kBertier, DetectorKind::kPhiAccrual,
                                               DetectorKind::kTwoWindow};
[[nodiscard]] bool is_in_front(DetectorKind kind);

/// What the recommended detector is swept over besides its margin.
struct Shape {
  double agility;
  bool memory;
  bool operator==(const Shape&) const = default;
};
inline constexpr Shape kShapes[] = {{0.0, true}, {0.25, true}, {0.5, true}, {0.75, true},
                                    {1.0, true}, {0.0, false}, {0.5, false}};

/// `vouch evaluate --compare`: prints a table per link and the summary over all.
[[nodiscard]] Outcome compare(const EvaluateOptions& options, std::ostream& out);

/// The curves of every link as a table.
[[nodiscard]] std::string csv_of(const std::vector<LinkComparison>& links);

/// The curves of every link as one picture, SVG; as a page if `path` ends in .html.
[[nodiscard]] std::string picture_of(const std::vector<LinkComparison>& links,
                                     const std::string& path);

}  // namespace vouch::cli
