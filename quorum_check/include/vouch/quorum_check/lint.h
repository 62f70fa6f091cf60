#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/detector/time.h"
#include "vouch/quorum_check/config.h"

namespace vouch {

/// What became of one inequality between the knobs of a configuration.
enum class Judgement : std::uint8_t {
  kOk,
  kOff,        ///< A knob that is zero switches off what the inequality is about.
  kNotJudged,  ///< It needs the round trip, and that is not known (MonitorConfig::round_trip).
  kWarning,    ///< Broken; it costs time or messages, never a rule.
  kUnsafe,     ///< Broken; Monitor::create refuses such a configuration.
};

/// `ok`, `off`, `not judged`, `warning`, `UNSAFE`.
[[nodiscard]] std::string_view to_string(Judgement judgement);

/// A number of a configuration under its name: a term of a LintSide.
struct LintTerm {
  enum class Kind : std::uint8_t { kKnob, kConstant, kUnknown };

  std::string_view name;   ///< The field as documented; of a constant its text ("1 h").
  std::int64_t value = 0;  ///< Nanoseconds, or a bare number.
  std::int32_t factor = 1;
  std::int32_t divisor = 1;
  Kind kind = Kind::kKnob;
};

/// One side of an inequality: a sum of up to three terms, in integers.
class LintSide {
 public:
  enum class Unit : std::uint8_t { kTime, kNumber };

  LintSide() = default;

  /// A span of time. What is beyond three years counts as three years, so that no sum overflows.
  LintSide(std::string_view name, Duration value, LintTerm::Kind kind = LintTerm::Kind::kKnob);

  /// A bare number.
  LintSide(std::string_view name, std::uint32_t value, LintTerm::Kind kind = LintTerm::Kind::kKnob);

  friend LintSide operator*(std::int32_t factor, LintSide side);
  friend LintSide operator/(LintSide side, std::int32_t divisor);
  friend LintSide operator+(LintSide left, const LintSide& right);

  /// The sum; each term is rounded down.
  [[nodiscard]] std::int64_t value() const;
  [[nodiscard]] Unit unit() const { return unit_; }
  [[nodiscard]] bool is_known() const;
  [[nodiscard]] bool is_constant() const;

  /// `round_trip + 2 heartbeat_interval`.
  [[nodiscard]] std::string formula() const;
  /// The formula with its numbers: `round_trip + 2 heartbeat_interval = 20 ms + 2 x 100 ms = 220
  /// ms`.
  [[nodiscard]] std::string arithmetic() const;
  /// `220 ms`; `?` where a term is unknown.
  [[nodiscard]] std::string value_text() const;

 private:
  std::array<LintTerm, 3> terms_{};
  std::uint8_t count_ = 0;
  Unit unit_ = Unit::kTime;
};

/// One inequality, `left <= right`, and what became of it. Equality is enough: slack 0 passes.
struct LintRow {
  /// A bound of a field's range, or a relation between several.
  enum class Kind : std::uint8_t { kMin, kMax, kRelation };

  std::string_view name;   ///< `echo_gate`: stable, for scripts and documentation.
  std::string_view field;  ///< The one to change first; names the error of Monitor::create.
  LintSide left;
  LintSide right;
  Judgement if_broken = Judgement::kUnsafe;
  std::string_view why;  ///< What happens when it is broken.
  Kind kind = Kind::kRelation;
  LintSide other;     ///< kMin, kMax: the other bound of the range.
  bool is_on = true;  ///< False: what it is about is switched off.

  [[nodiscard]] Judgement judgement() const;
  /// `right - left`; what is missing if negative. Meaningless unless both sides are known.
  [[nodiscard]] std::int64_t slack() const { return right.value() - left.value(); }
  /// `12.5 ms`, `-3`; `?` where it cannot be told.
  [[nodiscard]] std::string slack_text() const;
  /// Whether it relates knobs to each other, not one knob to a constant.
  [[nodiscard]] bool is_between_knobs() const {
    return !left.is_constant() && !right.is_constant();
  }
  /// Field, rule and value, as an error of a configuration reads.
  [[nodiscard]] std::string message() const;
};

/// Appends the two rows of a field's range, `low` <= `field` <= `high`. `name_min` is the field's
/// name and "_min".
void add_range(std::vector<LintRow>& rows, std::string_view name_min, std::string_view name_max,
               const LintSide& low, const LintSide& field, const LintSide& high);

/// Every inequality that a Monitor's knobs must or should keep, judged, in a fixed order: first the
/// range of each field, then the relations. `validate` refuses what has an unsafe row, so a linter
/// and Monitor::create cannot disagree. Any values may be in `config`; nodes and groups are not
/// looked at. docs/CONFIG.md derives each.
[[nodiscard]] std::vector<LintRow> lint(const MonitorConfig& config);

/// What must hold between two nodes of one cluster when `leader` leads and `follower` promises:
/// with equal configurations it follows from lint().
[[nodiscard]] std::vector<LintRow> lint_pair(const MonitorConfig& leader,
                                             const MonitorConfig& follower);

/// The worst judgement of `rows`; kOk of none.
[[nodiscard]] Judgement worst(const std::vector<LintRow>& rows);

/// The shortest silence after which `config.detector` can suspect a peer whose heartbeats are
/// steady: the timeout (fixed), interval + margin (Chen), interval + z stddev_min + pause (phi).
/// Zero if the detector's configuration is not valid.
[[nodiscard]] Duration suspicion_silence(const MonitorConfig& config);

}  // namespace vouch
