#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "vouch/detector/time.h"

namespace vouch {

/// The earliest of many freshness points that stand side by side, in nanoseconds as `Instant`
/// counts them; kNever if there is none. For a host with so many peers that one array of deadlines,
/// apart from the detectors, is what fits into cache: eight bytes per peer are read instead of a
/// detector.
[[nodiscard]] inline Instant earliest_of(std::span<const std::int64_t> suspect_at) {
  // Eight minima that do not wait for each other: the compiler keeps them in wide registers.
  constexpr std::size_t kLanes = 8;
  std::int64_t least[kLanes];
  std::fill_n(least, kLanes, kNever.time_since_epoch().count());
  const std::size_t whole = suspect_at.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      least[lane] = std::min(least[lane], suspect_at[i + lane]);
  }
  for (std::size_t i = whole; i < suspect_at.size(); ++i)
    least[0] = std::min(least[0], suspect_at[i]);
  return Instant(Duration(*std::min_element(least, least + kLanes)));
}

}  // namespace vouch
