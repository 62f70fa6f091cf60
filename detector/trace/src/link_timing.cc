#include "vouch/trace/link_timing.h"

#include <algorithm>
#include <vector>

namespace vouch {
namespace {

/// When the sender acted, as far as the record tells.
Instant schedule_of(const TraceRecord& record) {
  return record.sent.value_or(record.arrival);
}

Duration median_of(std::vector<Duration>& values) {
  if (values.empty()) return Duration::zero();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The median time per number between records that lie `distance` apart.
Duration median_slope(std::span<const TraceRecord> records, std::span<const std::int64_t> numbers,
                      std::size_t distance) {
  std::vector<Duration> slopes;
  for (std::size_t i = distance; i < records.size(); ++i) {
    const TraceRecord& before = records[i - distance];
    const std::int64_t steps = numbers[i] - numbers[i - distance];
    // Overtaken or repeated heartbeats, and those of a sender that restarted, say nothing.
    if (steps <= 0 || before.incarnation != records[i].incarnation) continue;
    slopes.push_back((schedule_of(records[i]) - schedule_of(before)) / steps);
  }
  return median_of(slopes);
}

/// Numbers all records anew, as if they were one run.
void infer_numbers(std::span<const TraceRecord> records, Duration interval,
                   std::vector<std::int64_t>& numbers) {
  NumberInference inference(interval);
  numbers.clear();
  const auto keep = [&](const std::optional<TraceRecord>& numbered) {
    if (numbered) numbers.push_back(static_cast<std::int64_t>(numbered->seq->value()));
    return numbered.has_value();
  };
  for (const TraceRecord& record : records)
    keep(inference.take(record));
  while (keep(inference.next())) {
  }
}

}  // namespace

Duration estimate_interval(std::span<const TraceRecord> records) {
  std::vector<std::int64_t> numbers;
  for (std::size_t i = 0; i < records.size(); ++i) {
    numbers.push_back(static_cast<std::int64_t>(records[i].seq ? records[i].seq->value() : i));
  }
  const Duration median = median_slope(records, numbers, 1);
  if (median <= Duration::zero()) return Duration::zero();

  const std::size_t distance = std::min<std::size_t>(256, records.size() / 2);
  if (records.front().seq) {
    const Duration slope = median_slope(records, numbers, distance);
    return slope > Duration::zero() ? slope : median;
  }
  // Numbers are inferred by an interval, which they then correct.
  Duration interval = median;
  for (int round = 0; round < 3; ++round) {
    infer_numbers(records, interval, numbers);
    const Duration slope = median_slope(records, numbers, distance);
    if (slope > Duration::zero()) interval = slope;
  }
  return interval;
}

Duration default_gap(Duration heartbeat_interval) {
  return std::max<Duration>(100 * heartbeat_interval, std::chrono::seconds(5));
}

std::optional<TraceRecord> NumberInference::take(const TraceRecord& record) {
  waiting_.push_back(record);
  return waiting_.size() > kLookAhead ? next() : std::nullopt;
}

std::optional<TraceRecord> NumberInference::next() {
  if (waiting_.empty()) return std::nullopt;
  TraceRecord record = waiting_.front();
  const bool first = newest_ == 0;
  if (first) expected_ = record.arrival;

  // A late heartbeat looks like one after a loss, until the next ones come on time: each of them
  // leaves room for those before it.
  std::int64_t steps = INT64_MAX;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    const Duration beyond = waiting_[i].arrival - expected_ + interval_ / 2;
    steps = std::min(steps, beyond / interval_ - static_cast<std::int64_t>(i));
  }
  steps = std::max<std::int64_t>(steps, 1);
  if (first) steps = 1;
  newest_ += steps;
  if (!first) expected_ += interval_ * steps;
  // The schedule follows the arrivals slowly: an error of the interval must not add up.
  expected_ += (record.arrival - expected_) / 16;
  waiting_.pop_front();
  record.seq = Seq(static_cast<std::uint64_t>(newest_));
  return record;
}

}  // namespace vouch
