#include "vouch/quorum_check/loss_odds.h"

#include <bit>
#include <cstdint>

namespace vouch {
namespace {

constexpr unsigned kFraction = 20;  ///< Bits behind the point.

/// n log2 n, with kFraction bits behind the point.
std::int64_t n_log_n(std::uint64_t n) {
  if (n <= 1) return 0;
  const unsigned whole = static_cast<unsigned>(std::bit_width(n)) - 1;
  std::uint64_t log = whole;
  // Of the mantissa, in [1, 2): squaring it gives one more bit of its logarithm each time.
  std::uint64_t mantissa = n << (31U - whole);
  for (unsigned bit = 0; bit < kFraction; ++bit) {
    mantissa = mantissa * mantissa >> 31U;
    const std::uint64_t carry = mantissa >> 32U;
    mantissa >>= carry;
    log = log << 1U | carry;
  }
  return static_cast<std::int64_t>(n * log);
}

}  // namespace

unsigned clarity(LossCount here, LossCount elsewhere) {
  if (here.lost * elsewhere.sent <= elsewhere.lost * here.sent) return 0;
  const unsigned lost = here.lost + elsewhere.lost;
  const unsigned sent = here.sent + elsewhere.sent;
  const std::int64_t cells = n_log_n(here.lost) + n_log_n(here.sent - here.lost) +
                             n_log_n(elsewhere.lost) + n_log_n(elsewhere.sent - elsewhere.lost);
  const std::int64_t margins =
      n_log_n(here.sent) + n_log_n(elsewhere.sent) + n_log_n(lost) + n_log_n(sent - lost);
  const std::int64_t bits = cells - margins + n_log_n(sent);
  return bits <= 0 ? 0 : static_cast<unsigned>(bits >> kFraction);
}

}  // namespace vouch
