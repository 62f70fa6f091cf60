#include "vouch/detector/qos.h"

#include <algorithm>
#include <bit>

#include "vouch/detector/assert.h"

namespace vouch {
namespace {

constexpr int kBitsKept = 7;
constexpr std::uint64_t kSubBuckets = std::uint64_t{1} << kBitsKept;
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

/// Numbers below 2 * kSubBuckets have a bucket each; above, each power of two has kSubBuckets.
std::size_t bucket_of(std::uint64_t value) {
  const int width = 64 - std::countl_zero(value | 1);
  const int shift = std::max(0, width - kBitsKept - 1);
  return static_cast<std::size_t>(static_cast<std::uint64_t>(shift) * kSubBuckets +
                                  (value >> shift));
}

/// The largest number that falls into a bucket.
std::uint64_t upper_edge(std::size_t bucket) {
  if (bucket < 2 * kSubBuckets) return bucket;
  const std::uint64_t shift = bucket / kSubBuckets - 1;
  const std::uint64_t kept = bucket - shift * kSubBuckets;
  return ((kept + 1) << shift) - 1;
}

constexpr std::size_t kBuckets = (63 - kBitsKept + 1) * kSubBuckets;

}  // namespace

DurationHistogram::DurationHistogram() : buckets_(kBuckets) {}

void DurationHistogram::add(Duration sample) {
  const auto value = static_cast<std::uint64_t>(std::max(sample, Duration::zero()).count());
  ++buckets_[bucket_of(value)];
  ++count_;
  seconds_ += value / kNanosecondsPerSecond;
  nanoseconds_ += value % kNanosecondsPerSecond;
  seconds_ += nanoseconds_ / kNanosecondsPerSecond;
  nanoseconds_ %= kNanosecondsPerSecond;
  max_ = std::max(max_, Duration(static_cast<std::int64_t>(value)));
}

Duration DurationHistogram::mean() const {
  if (count_ == 0) return Duration::zero();
  // (seconds * 10^9 + nanoseconds) / count without leaving 64 bits, below 10^9 samples.
  const std::uint64_t rest = seconds_ % count_ * kNanosecondsPerSecond + nanoseconds_;
  return Duration(
      static_cast<std::int64_t>(seconds_ / count_ * kNanosecondsPerSecond + rest / count_));
}

Duration DurationHistogram::quantile(std::uint32_t per_thousand) const {
  if (count_ == 0) return Duration::zero();
  const std::uint64_t rank = std::max<std::uint64_t>(1, (count_ * per_thousand + 999) / 1000);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) {
      return std::min(max_, Duration(static_cast<std::int64_t>(upper_edge(bucket))));
    }
  }
  return max_;
}

double QosSummary::mistake_rate() const {
  if (observed == Duration::zero()) return 0.0;
  return static_cast<double>(mistakes) * 1e9 / static_cast<double>(observed.count());
}

double QosSummary::query_accuracy() const {
  if (observed == Duration::zero()) return 1.0;
  return static_cast<double>((observed - suspected).count()) /
         static_cast<double>(observed.count());
}

void QosMeter::begin(Instant now) {
  VOUCH_ASSERT(!running_);
  running_ = true;
  suspected_ = false;
  began_ = now;
  last_suspect_ = kLongAgo;
  last_trust_ = kLongAgo;
  ++total_.segments;
}

void QosMeter::suspect(Instant now) {
  VOUCH_ASSERT(running_ && !suspected_);
  VOUCH_ASSERT(now >= began_ && now >= last_trust_);
  if (last_suspect_ != kLongAgo) recurrence_.add(now - last_suspect_);
  if (last_trust_ != kLongAgo) good_.add(now - last_trust_);
  last_suspect_ = now;
  suspected_ = true;
  ++total_.mistakes;
}

void QosMeter::trust(Instant now) {
  VOUCH_ASSERT(running_ && suspected_);
  VOUCH_ASSERT(now >= last_suspect_);
  mistake_.add(now - last_suspect_);
  total_.suspected += now - last_suspect_;
  last_trust_ = now;
  suspected_ = false;
}

void QosMeter::end(Instant now) {
  VOUCH_ASSERT(running_);
  VOUCH_ASSERT(now >= began_ && now >= last_suspect_ && now >= last_trust_);
  if (suspected_) total_.suspected += now - last_suspect_;
  total_.observed += now - began_;
  running_ = false;
  suspected_ = false;
}

QosSummary QosMeter::summary() const {
  QosSummary summary = total_;
  summary.mistake_recurrence = recurrence_.value();
  summary.mistake_duration = mistake_.value();
  summary.good_period = good_.value();
  return summary;
}

}  // namespace vouch
