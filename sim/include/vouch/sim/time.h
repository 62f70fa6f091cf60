#pragma once

#include <chrono>
#include <cstdint>

#include "vouch/detector/time.h"

namespace vouch::sim {

/// The true time of a simulation, which no node can read: integer nanoseconds from its start.
struct TrueClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<TrueClock, duration>;
  static constexpr bool is_steady = true;
};

/// A point in true time. A node sees only Instants of its own LocalClock; the two types do not mix.
using TrueTime = TrueClock::time_point;

inline constexpr TrueTime kStart{};
inline constexpr TrueTime kEndOfTime = TrueTime::max();

/// The clock of one node: runs `rate_ppm` parts per million fast (or slow, when negative) from an
/// offset of its own. Converts exactly, in integers, in both directions.
///
/// Properties: `local` never goes back when true time does not; `when(i)` is the first true time at
/// which the clock shows `i` or later, so `local(when(i)) >= i` and `local(when(i) - 1ns) < i`.
class LocalClock {
 public:
  LocalClock() = default;

  /// Shows `shown` at `at` and runs on from there. `rate_ppm` in (-1'000'000, 1'000'000].
  LocalClock(TrueTime at, Instant shown, std::int32_t rate_ppm)
      : anchor_(at), shown_(shown), rate_(kMillion + rate_ppm) {}

  /// What the clock shows at `at`, which must not be before the latest change of its rate.
  [[nodiscard]] Instant local(TrueTime at) const {
    const std::int64_t elapsed = (at - anchor_).count();
    if (rate_ == kMillion) return shown_ + Duration(elapsed);
    // Split so that the product fits: elapsed * rate_ / kMillion, rounded down.
    const std::int64_t millions = elapsed / kMillion;
    return shown_ + Duration(millions * rate_ + elapsed % kMillion * rate_ / kMillion);
  }

  /// The first true time at which the clock shows `shown` or later; kEndOfTime for kNever. An
  /// instant that the clock showed before the latest change of its rate gives the time of that
  /// change.
  [[nodiscard]] TrueTime when(Instant shown) const {
    if (shown <= shown_) return anchor_;
    if (shown >= kNever - std::chrono::hours(24 * 365)) return kEndOfTime;
    const std::int64_t span = (shown - shown_).count();
    if (rate_ == kMillion) return anchor_ + Duration(span);
    const std::int64_t whole = span / rate_;
    const std::int64_t rest = span % rate_;
    return anchor_ + Duration(whole * kMillion + (rest * kMillion + rate_ - 1) / rate_);
  }

  /// From `at` on the clock runs at another rate. What it shows does not jump.
  void set_rate(TrueTime at, std::int32_t rate_ppm) { *this = LocalClock(at, local(at), rate_ppm); }

 private:
  static constexpr std::int64_t kMillion = 1'000'000;

  TrueTime anchor_{};
  Instant shown_{};
  std::int64_t rate_ = kMillion;  ///< Local nanoseconds per million true ones.
};

}  // namespace vouch::sim
