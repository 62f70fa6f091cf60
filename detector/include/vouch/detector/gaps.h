#pragma once

#include <algorithm>
#include <cstdint>

#include "vouch/detector/time.h"
#include "vouch/detector/window.h"

namespace vouch {

/// What the detectors have in common that look at the gaps between heartbeats: phi accrual in its
/// variants and the windowed quantile.
///
/// `Estimator` derives from `OnGaps<Estimator>` and offers `restart()`, `sample(gap)` and
/// `silence()`, the silence that makes suspect.
///
/// Modification (to all of them): the gap that ended a suspicion is not a sample: one outage must
/// not stretch the next detection. But eight such gaps in a row are not outages, the sender has
/// become slower, and from then on they count.
template <typename Estimator>
class OnGaps {
 public:
  /// The freshness point that follows from a heartbeat at `now`. `last` is the arrival of the one
  /// before and `suspect_at` its freshness point (kNever for the first heartbeat).
  ///
  /// Inline, as it runs per heartbeat and peer.
  [[nodiscard]] Instant heartbeat(Instant now, Instant last, Instant suspect_at,
                                  Sampling sampling) {
    Estimator& self = static_cast<Estimator&>(*this);
    if (suspect_at == kNever) [[unlikely]] {
      unsampled_ = 0;
      skips_next_ = false;
      self.restart();
    } else if (sampling == Sampling::kOff) [[unlikely]] {
      // As before: the silence that the samples so far ask for. The next gap begins here, where the
      // observer was late, so it is no sample either.
      skips_next_ = true;
    } else if (skips_next_) [[unlikely]] {
      skips_next_ = false;
    } else if (now <= suspect_at) [[likely]] {
      unsampled_ = 0;
      self.sample(now - last);
    } else if (unsampled_ < kOutagesMax) {
      ++unsampled_;
    } else {
      self.sample(now - last);
    }
    return saturating_add(now, self.silence());
  }

 private:
  static constexpr std::uint8_t kOutagesMax = 8;
  std::uint8_t unsampled_ = 0;
  bool skips_next_ = false;
};

/// A gap in units of 2^shift nanoseconds; one too long for 32 bits counts as the longest.
[[nodiscard]] inline std::uint32_t gap_units(Duration gap, std::uint8_t shift) {
  const std::uint64_t units = static_cast<std::uint64_t>(gap.count()) >> shift;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(units, UINT32_MAX));
}

}  // namespace vouch
