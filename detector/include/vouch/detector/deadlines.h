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
///
/// The instants must lie after -2^62 ns (146 years before zero). A block of eight is looked at
/// closely only if the sign of a difference says that it may hold an earlier one: a subtraction and
/// an "or" per peer, which two peers share in a register of any machine.
[[nodiscard]] inline Instant earliest_of(std::span<const std::int64_t> suspect_at) {
  constexpr std::size_t kBlock = 8;
  constexpr std::int64_t kLatest = std::int64_t{1} << 62;
  std::int64_t least = kLatest;
  std::size_t at = 0;
  for (; at + kBlock <= suspect_at.size(); at += kBlock) {
    std::uint64_t signs = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      signs |= static_cast<std::uint64_t>(suspect_at[at + i]) - static_cast<std::uint64_t>(least);
    }
    if ((signs >> 63) == 0) [[likely]]
      continue;
    for (std::size_t i = 0; i < kBlock; ++i)
      least = std::min(least, suspect_at[at + i]);
  }
  for (; at < suspect_at.size(); ++at)
    least = std::min(least, suspect_at[at]);
  return least == kLatest ? kNever : Instant(Duration(least));
}

}  // namespace vouch
