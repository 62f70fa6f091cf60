#include "vouch/trace/link_timing.h"

#include <gtest/gtest.h>

#include <vector>

#include "vouch/detector/rng.h"

namespace vouch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Heartbeats every `interval`, with jitter and losses drawn from `rng`.
std::vector<TraceRecord> heartbeats(Rng& rng, int count, Duration interval, Duration jitter,
                                    std::uint32_t loss_per_million) {
  std::vector<TraceRecord> records;
  Instant last = kLongAgo;
  for (int i = 1; i <= count; ++i) {
    if (rng.chance(loss_per_million)) continue;
    TraceRecord record;
    record.seq = Seq(static_cast<std::uint64_t>(i));
    record.arrival =
        std::max(last, Instant(interval * i + Duration(rng.between(0, jitter.count()))));
    last = record.arrival;
    records.push_back(record);
  }
  return records;
}

std::vector<TraceRecord> without_numbers(std::vector<TraceRecord> records) {
  for (TraceRecord& record : records)
    record.seq = std::nullopt;
  return records;
}

TEST(LinkTiming, TooFewRecordsHaveNoInterval) {
  EXPECT_EQ(estimate_interval({}), Duration::zero());
  const TraceRecord one;
  EXPECT_EQ(estimate_interval({&one, 1}), Duration::zero());
}

TEST(LinkTiming, TwoRecordsHaveTheIntervalBetweenThem) {
  std::vector<TraceRecord> records(2);
  records[1].arrival += milliseconds(70);
  EXPECT_EQ(estimate_interval(records), milliseconds(70));
}

TEST(LinkTiming, TheIntervalIsFoundThroughJitterLossAndRunBoundaries) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    auto records = heartbeats(rng, 3'000, milliseconds(100), milliseconds(40), 20'000);
    // A second run begins an hour later.
    for (std::size_t i = 2'000; i < records.size(); ++i)
      records[i].arrival += seconds(3'600);
    const Duration numbered = estimate_interval(records);
    EXPECT_LE(std::abs((numbered - milliseconds(100)).count()), 50'000);
    const Duration inferred = estimate_interval(without_numbers(records));
    EXPECT_LE(std::abs((inferred - milliseconds(100)).count()), 50'000);
  }
}

TEST(LinkTiming, TheGapBetweenRunsFollowsTheInterval) {
  EXPECT_EQ(default_gap(milliseconds(1)), seconds(5));
  EXPECT_EQ(default_gap(seconds(1)), seconds(100));
}

TEST(LinkTiming, InferredNumbersAreTheSendersUpToAConstant) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    const auto truth = heartbeats(rng, 2'000, milliseconds(100), milliseconds(45), 20'000);
    NumberInference inference(milliseconds(100));
    std::vector<TraceRecord> found;
    for (const TraceRecord& record : without_numbers(truth)) {
      if (const auto ready = inference.take(record)) found.push_back(*ready);
    }
    while (const auto ready = inference.next())
      found.push_back(*ready);
    ASSERT_EQ(found.size(), truth.size());
    for (std::size_t i = 0; i < truth.size(); ++i) {
      ASSERT_EQ(found[i].arrival, truth[i].arrival);
      ASSERT_EQ(found[i].seq->value() - found[0].seq->value(),
                truth[i].seq->value() - truth[0].seq->value())
          << i;
    }
  }
}

TEST(LinkTiming, ALateHeartbeatIsNotTakenForALossAndARestartBeginsWithOne) {
  NumberInference inference(milliseconds(100));
  std::vector<std::uint64_t> numbers;
  const auto keep = [&](const std::optional<TraceRecord>& ready) {
    if (ready) numbers.push_back(ready->seq->value());
    return ready.has_value();
  };
  // The fourth is 170 ms late and the fifth comes on time right behind it; then one is lost.
  for (const int ms : {0, 100, 200, 470, 471, 500, 700, 800}) {
    TraceRecord record;
    record.arrival += milliseconds(ms);
    keep(inference.take(record));
  }
  while (keep(inference.next())) {
  }
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 8, 9}));
  inference.restart();
  TraceRecord record;
  record.arrival += seconds(1'000);
  keep(inference.take(record));
  keep(inference.next());
  EXPECT_EQ(numbers.back(), 1U);
}

}  // namespace
}  // namespace vouch
