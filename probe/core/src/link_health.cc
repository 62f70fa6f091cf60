#include "vouch/probe/link_health.h"

#include <algorithm>
#include <bit>

namespace vouch {
namespace {

constexpr std::uint64_t kLast32 = (std::uint64_t{1} << 32U) - 1;
constexpr std::uint8_t kLast6 = (1U << 6U) - 1;

constexpr Duration kFlapWindow = std::chrono::seconds(15);
constexpr Duration kQuietLeast = std::chrono::seconds(3);

/// Between two outages of a link that flaps it carries at least so many intervals' heartbeats.
constexpr std::int64_t kUpLeast = 4;

/// More than two clocks within the usual drift bound part from each other.
constexpr std::int64_t kOffsetRisePpm = 2000;

/// Offsets come from what a peer wrote: anything may be in them.
Duration wrapping_sum(Duration a, Duration b) {
  return Duration(static_cast<std::int64_t>(static_cast<std::uint64_t>(a.count()) +
                                            static_cast<std::uint64_t>(b.count())));
}
Duration wrapping_minus(Duration d) {
  return Duration(static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(d.count())));
}

/// Of so many of the newest heartbeats so many are lost: lossy.
[[nodiscard]] bool is_lossy_count(std::uint64_t lost) {
  const int all = std::popcount(lost);
  if (all < kLossyCounts[0].lost) return false;
  for (const LossyCount& count : kLossyCounts) {
    const std::uint64_t newest = ~std::uint64_t{0} >> (64U - count.of);
    if (std::popcount(lost & newest) >= count.lost) return true;
  }
  return false;
}

/// n with d in [2^(n-1), 2^n) ms.
std::uint8_t latency_class(Duration d) {
  const std::int64_t ms = d.count() / 1'000'000;
  if (ms <= 0) return 0;
  return static_cast<std::uint8_t>(std::bit_width(static_cast<std::uint64_t>(ms)));
}

}  // namespace

void LinkHealth::start(Instant now, const LinkLimits& limits) {
  *this = LinkHealth{};
  heard_at_ = now + limits.silence;
}

void LinkHealth::resume(Instant now) {
  heard_at_ = std::max(heard_at_, now);
  follows_gap_ = true;
}

Duration LinkHealth::silence_limit(const LinkLimits& limits) const {
  if (lost_ == 0) return limits.silence;
  if (lossy_) return 4 * limits.silence;
  if (flapping_) return limits.silence;
  return std::popcount(lost_ & kLast32) >= 2 ? 2 * limits.silence : limits.silence;
}

void LinkHealth::end_outage(Instant now, const LinkLimits& limits) {
  silent_ = false;
  changed_at_ = now;
  outage_period_ = kFlapWindow + kFlapWindow;
  if (last_outage_end_ != kLongAgo) {
    outage_period_ = now - last_outage_end_;
    // What loses has runs of losses; what flaps carries nearly all between two outages.
    const std::int64_t up = (heard_at_ - last_outage_end_ + limits.interval / 2) / limits.interval;
    const std::uint64_t newest =
        up < 62 ? (std::uint64_t{1} << (up < 0 ? 0 : up + 2)) - 1 : ~std::uint64_t{0};
    const bool was_up = up >= kUpLeast && std::int64_t{std::popcount(lost_ & newest)} * 8 <= up;
    if (outage_period_ <= kFlapWindow && was_up) flapping_ = true;
  }
  last_outage_end_ = now;
}

void LinkHealth::heard(Instant now, const Arrival& arrival, const LinkLimits& limits) {
  count_missing(now, arrival, limits);
  if (!arrival.is_excused && arrival.round_trip >= Duration::zero()) {
    compare_times(now, arrival, limits);
  }
  newest_ = arrival.seq;
  follows_gap_ = false;
  heard_at_ = now;
}

void LinkHealth::count_missing(Instant now, const Arrival& arrival, const LinkLimits& limits) {
  const std::uint64_t missing = arrival.seq.value() - newest_.value() - 1;
  const bool was_silent = silent_ || now - heard_at_ > silence_limit(limits);
  silent_ = false;
  if (follows_gap_ || arrival.is_excused) {
    lost_ <<= 1U;
  } else if (was_silent) {
    lost_ <<= 1U;
    end_outage(now, limits);
  } else if (missing >= 63) {
    lost_ = ~std::uint64_t{1};
  } else {
    lost_ = lost_ << (missing + 1) | ((std::uint64_t{1} << missing) - 1) << 1U;
    const std::uint64_t padded = arrival.padded_behind;
    if (padded > 0 && padded <= missing) lost_ &= ~(std::uint64_t{1} << padded);
  }
  if (lossy_) {
    if (std::popcount(lost_ & kLast32) <= 1) lossy_ = false;
    return;
  }
  // Only a loss can make it lossy. Where messages overtake each other, what is missing may still
  // come.
  if (missing == 0 || (late_ & kLast6) != 0 || !is_lossy_count(lost_)) return;
  lossy_ = true;
  // What loses between its outages had runs of losses, and no outages.
  flapping_ = false;
  last_outage_end_ = kLongAgo;
}

void LinkHealth::compare_times(Instant now, const Arrival& arrival, const LinkLimits& limits) {
  if (!offset_known_ || arrival.offset < least_offset_) {
    least_offset_ = arrival.offset;
    offset_known_ = true;
  } else if (now > heard_at_) {
    const std::int64_t rise = (now - heard_at_).count() / 1'000'000 * kOffsetRisePpm;
    least_offset_ = wrapping_sum(least_offset_, Duration(rise));
  }
  const Duration growth = wrapping_sum(arrival.offset, wrapping_minus(least_offset_));
  const bool is_late = growth >= limits.late && arrival.round_trip >= limits.late;
  late_ = static_cast<std::uint8_t>(unsigned{late_} << 1U | (is_late ? 1U : 0U));
  if (late_ != 0 || slow_) {
    const int late = std::popcount(static_cast<unsigned>(late_ & kLast6));
    slow_ = slow_ ? late >= 2 : late >= 5;
  }
  latency_ = latency_class(arrival.round_trip);
}

void LinkHealth::overtaken(Seq seq) {
  if (seq >= newest_) return;
  const std::uint64_t behind = newest_.value() - seq.value();
  if (behind >= 64 || (lost_ >> behind & 1U) == 0) return;
  lost_ &= ~(std::uint64_t{1} << behind);
  if (behind >= 2) late_ |= 1U;
}

void LinkHealth::tick(Instant now, const LinkLimits& limits) {
  if (!silent_ && now - heard_at_ > silence_limit(limits)) {
    silent_ = true;
    changed_at_ = now;
  }
  if (flapping_) {
    const Duration quiet = std::max(outage_period_ * 3 / 2, kQuietLeast);
    if (now - changed_at_ > quiet) flapping_ = false;
  }
}

LinkReport LinkHealth::report(Instant now, const LinkLimits& limits) const {
  LinkReport report;
  if (silent_) report.set(LinkFlag::kSilent);
  if (lossy_) report.set(LinkFlag::kLossy);
  if (flapping_) report.set(LinkFlag::kFlapping);
  if (slow_) report.set(LinkFlag::kSlow);
  if (lost_ != 0) {
    // Right after a slow link has become quick again, newer heartbeats overtake older ones.
    const bool is_settled = lossy_ || late_ == 0;
    const int lost = std::popcount(lost_ & kLast32);
    report.lost = static_cast<std::uint8_t>(is_settled ? lost : std::min(lost, 1));
  }
  report.latency = latency_;
  // As a rule less than one interval: a division saved.
  const Duration silence = now - heard_at_;
  if (silence >= limits.interval) {
    report.silence =
        static_cast<std::uint8_t>(std::min<std::int64_t>(silence / limits.interval, 255));
  }
  return report;
}

}  // namespace vouch
