#include "vouch/probe/link_health.h"

#include <algorithm>
#include <bit>

namespace vouch {
namespace {

constexpr std::uint64_t kLast20 = (std::uint64_t{1} << 20U) - 1;
constexpr std::uint64_t kLast32 = (std::uint64_t{1} << 32U) - 1;
constexpr std::uint8_t kLast6 = (1U << 6U) - 1;

constexpr Duration kFlapWindow = std::chrono::seconds(15);
constexpr Duration kQuietLeast = std::chrono::seconds(3);

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
  if (flapping_ || lost_ == 0) return limits.silence;
  if (lossy_) return 4 * limits.silence;
  return std::popcount(lost_ & kLast32) >= 2 ? 2 * limits.silence : limits.silence;
}

void LinkHealth::end_outage(Instant now) {
  silent_ = false;
  changed_at_ = now;
  outage_period_ =
      last_outage_end_ == kLongAgo ? kFlapWindow + kFlapWindow : now - last_outage_end_;
  last_outage_end_ = now;
  if (outage_period_ <= kFlapWindow) flapping_ = true;
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
    lost_ = missing == 0 ? lost_ << 1U : lost_ << 2U | 2U;
    end_outage(now);
  } else if (missing >= 63) {
    lost_ = ~std::uint64_t{1};
  } else {
    lost_ = lost_ << (missing + 1) | ((std::uint64_t{1} << missing) - 1) << 1U;
    const std::uint64_t padded = arrival.padded_behind;
    if (padded > 0 && padded <= missing) lost_ &= ~(std::uint64_t{1} << padded);
  }
  // Where messages overtake each other, what is missing may still come.
  if (lost_ != 0 && !lossy_ && (late_ & kLast6) == 0) {
    lossy_ = std::popcount(lost_ & kLast20) >= 5 || std::popcount(lost_) >= 10;
  }
  if (lossy_ && std::popcount(lost_ & kLast32) <= 1) lossy_ = false;
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
