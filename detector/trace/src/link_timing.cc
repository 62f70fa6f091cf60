#include "vouch/trace/link_timing.h"

#include <algorithm>
#include <vector>

namespace vouch {
namespace {

/// When the sender acted, as far as the record tells.
Instant schedule_of(const TraceRecord& record) {
  return record.sent.value_or(record.arrival);
}

/// A step of the schedule, and how many intervals it covers.
struct Step {
  Duration length{};
  std::int64_t intervals = 1;

  [[nodiscard]] Duration per_interval() const { return length / intervals; }
};

std::vector<Step> steps_of(std::span<const TraceRecord> records) {
  std::vector<Step> steps;
  for (std::size_t i = 1; i < records.size(); ++i) {
    const TraceRecord& before = records[i - 1];
    const TraceRecord& after = records[i];
    if (before.incarnation != after.incarnation) continue;
    Step step{schedule_of(after) - schedule_of(before), 1};
    if (before.seq && after.seq) {
      // Overtaken or repeated heartbeats say nothing about the interval.
      if (*after.seq <= *before.seq || after.seq->value() - before.seq->value() > 1'000'000)
        continue;
      step.intervals = static_cast<std::int64_t>(after.seq->value() - before.seq->value());
    }
    if (step.length >= Duration::zero()) steps.push_back(step);
  }
  return steps;
}

}  // namespace

Duration estimate_interval(std::span<const TraceRecord> records) {
  std::vector<Step> steps = steps_of(records);
  if (steps.empty()) return Duration::zero();
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end(), [](const Step& a, const Step& b) {
    return a.per_interval() < b.per_interval();
  });
  const Duration median = middle->per_interval();

  Duration sum{};
  std::int64_t intervals = 0;
  for (const Step& step : steps) {
    const Duration off = step.per_interval() - median;
    if (std::max(off, -off) > median / 2) continue;
    sum += step.length;
    intervals += step.intervals;
  }
  return intervals == 0 ? median : sum / intervals;
}

Duration default_gap(Duration heartbeat_interval) {
  return std::max<Duration>(100 * heartbeat_interval, std::chrono::seconds(5));
}

Seq NumberInference::number(Instant arrival) {
  if (newest_ == Seq{} || interval_ <= Duration::zero()) {
    expected_ = arrival;
    newest_ = newest_.next();
    return newest_;
  }
  const std::int64_t steps =
      std::max<std::int64_t>(1, (arrival - expected_ + interval_ / 2) / interval_);
  newest_ = Seq(newest_.value() + static_cast<std::uint64_t>(steps));
  expected_ += interval_ * steps;
  // The schedule follows the arrivals slowly: an error of the interval must not add up.
  expected_ += (arrival - expected_) / 16;
  return newest_;
}

}  // namespace vouch
