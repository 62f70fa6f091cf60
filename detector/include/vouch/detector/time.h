#pragma once

#include <chrono>
#include <cstdint>

namespace vouch {

/// The clock of the core: monotonic, counts suspend (CLOCK_BOOTTIME on Linux), nanoseconds.
///
/// It has no `now()` on purpose. Time is an argument of every call into the core, so that the
/// simulator, a test and a daemon drive the same code; only the edges read a real clock.
struct CoreClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<CoreClock, duration>;
  static constexpr bool is_steady = true;
};

/// A span of time in integer nanoseconds.
using Duration = CoreClock::duration;

/// A point on one node's own monotonic clock. Instants of two nodes are never compared.
using Instant = CoreClock::time_point;

/// Later than every instant that occurs: "no timer".
inline constexpr Instant kNever = Instant::max();

/// Earlier than every instant that occurs: "has not happened".
inline constexpr Instant kLongAgo = Instant::min();

/// `at + by`, staying at kNever and kLongAgo instead of wrapping.
[[nodiscard]] constexpr Instant saturating_add(Instant at, Duration by) {
  if (at == kNever || at == kLongAgo) return at;
  if (by > Duration::zero() && at > kNever - by) return kNever;
  if (by < Duration::zero() && at < kLongAgo - by) return kLongAgo;
  return at + by;
}

/// `to - from`, staying within what a Duration can hold.
[[nodiscard]] constexpr Duration saturating_difference(Instant to, Instant from) {
  const Duration since = to.time_since_epoch();
  const Duration before = from.time_since_epoch();
  if (before < Duration::zero() && since > Duration::max() + before) return Duration::max();
  if (before > Duration::zero() && since < Duration::min() + before) return Duration::min();
  return since - before;
}

/// `until - now`, at least zero; zero for kLongAgo, Duration::max() for kNever.
[[nodiscard]] constexpr Duration remaining(Instant until, Instant now) {
  if (until <= now) return Duration::zero();
  if (until == kNever) return Duration::max();
  return until - now;
}

}  // namespace vouch
