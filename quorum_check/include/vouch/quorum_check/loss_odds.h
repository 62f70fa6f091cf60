#pragma once

namespace vouch {

/// Losses counted somewhere: `lost` of `sent` heartbeats.
struct LossCount {
  unsigned lost = 0;
  unsigned sent = 0;

  LossCount& operator+=(const LossCount& other) {
    lost += other.lost;
    sent += other.sent;
    return *this;
  }
};

/// How clearly more is lost `here` than `elsewhere`, in bits: the logarithm to base 2 of the
/// likelihood ratio between "each loses at its own rate" and "all lose at the same" (the G-test;
/// by Wilks, 1938, twice its natural logarithm is about chi-squared with one
/// degree of freedom). 0 when not more is lost here.
///
/// If all lose alike, each at random, b bits come by chance in about one of 1/Q(sqrt(2 ln 2 b))
/// independent windows, Q being the upper tail of the normal distribution: 8 bits in one of 2,300,
/// 16 in one of 750,000, 32 in one of 4e10. Losses that come in bursts tell less: where m of them
/// come at once, b bits are worth about b/m.
///
/// At most 8,192 of each are meant to be counted. Integers only, rounded down.
[[nodiscard]] unsigned clarity(LossCount here, LossCount elsewhere);

}  // namespace vouch
