#pragma once

#include <cstdint>

namespace vouch::sim {

// Integer mathematics for the shapes of delays: tables with linear interpolation, so that equal
// seeds give equal delays with every compiler and every mathematical library.

/// -log2((u + 1) / 2^32) in [0, 32], times 2^16. For a uniform `u` it is exponentially distributed.
[[nodiscard]] std::int64_t negative_log2(std::uint32_t u);

/// value * 2^(exponent / 2^16) for a value in [0, 2^50], rounded down; at most 2^50.
[[nodiscard]] std::int64_t scale_by_exp2(std::int64_t value, std::int64_t exponent);

/// A standard normal variate, times 2^16, from 33 random bits: the lowest 32 choose how far out,
/// the next one on which side. At most about 6.2 either way.
[[nodiscard]] std::int64_t normal_quantile(std::uint64_t bits);

}  // namespace vouch::sim
