// Quality of service against tables that were worked out by hand.

#include "vouch/detector/qos.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "vouch/detector/deadlines.h"
#include "vouch/detector/replay.h"
#include "vouch/detector/rng.h"

namespace vouch {
namespace {

using std::chrono::milliseconds;

Instant at(std::int64_t ms) {
  return Instant(milliseconds(ms));
}

TEST(Qos, NothingObservedClaimsNothing) {
  const QosSummary summary = QosMeter().summary();
  EXPECT_EQ(summary.mistakes, 0U);
  EXPECT_EQ(summary.mistake_rate(), 0.0);
  EXPECT_EQ(summary.query_accuracy(), 1.0);
  EXPECT_FALSE(summary.mistake_recurrence);
  EXPECT_FALSE(summary.mistake_duration);
  EXPECT_FALSE(summary.good_period);
}

TEST(Qos, HandComputedTable) {
  // trusted 0-1000, suspected 1000-1200, trusted -3000, suspected -3100, trusted -10000.
  QosMeter meter;
  meter.begin(at(0));
  meter.suspect(at(1000));
  meter.trust(at(1200));
  meter.suspect(at(3000));
  meter.trust(at(3100));
  meter.end(at(10'000));
  const QosSummary summary = meter.summary();
  EXPECT_EQ(summary.observed, milliseconds(10'000));
  EXPECT_EQ(summary.suspected, milliseconds(300));
  EXPECT_EQ(summary.mistakes, 2U);
  EXPECT_EQ(summary.mistake_recurrence, milliseconds(2000));
  EXPECT_EQ(summary.mistake_duration, milliseconds(150));
  EXPECT_EQ(summary.good_period, milliseconds(1800));
  EXPECT_DOUBLE_EQ(summary.mistake_rate(), 0.2);
  EXPECT_DOUBLE_EQ(summary.query_accuracy(), 0.97);
}

TEST(Qos, NothingSpansTwoSegments) {
  QosMeter meter;
  meter.begin(at(0));
  meter.suspect(at(800));
  meter.end(at(1000));  // Still suspected: a mistake of unknown length.
  meter.begin(at(50'000));
  meter.suspect(at(50'500));
  meter.trust(at(50'600));
  meter.end(at(51'000));
  const QosSummary summary = meter.summary();
  EXPECT_EQ(summary.segments, 2U);
  EXPECT_EQ(summary.observed, milliseconds(2000));
  EXPECT_EQ(summary.suspected, milliseconds(300));
  EXPECT_EQ(summary.mistakes, 2U);
  EXPECT_FALSE(summary.mistake_recurrence);
  EXPECT_EQ(summary.mistake_duration, milliseconds(100));
  EXPECT_FALSE(summary.good_period);
}

TEST(DurationHistogram, QuantilesAreNearestRanksUpToOnePartIn128) {
  Rng rng(4);
  DurationHistogram histogram;
  std::vector<std::int64_t> samples;
  std::int64_t sum = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto sample = static_cast<std::int64_t>(rng.next() >> rng.between(20, 63));
    samples.push_back(sample);
    sum += sample;
    histogram.add(Duration(sample));
  }
  std::sort(samples.begin(), samples.end());
  EXPECT_EQ(histogram.count(), 5000U);
  EXPECT_EQ(histogram.mean().count(), sum / 5000);
  EXPECT_EQ(histogram.max().count(), samples.back());
  for (const std::uint32_t per_thousand : {1U, 250U, 500U, 990U, 999U, 1000U}) {
    const std::int64_t exact = samples[(5000 * per_thousand + 999) / 1000 - 1];
    const std::int64_t found = histogram.quantile(per_thousand).count();
    EXPECT_GE(found, exact) << per_thousand;
    EXPECT_LE(found - exact, exact / 128) << per_thousand;
  }
}

TEST(DurationHistogram, TakesTheExtremes) {
  DurationHistogram histogram;
  EXPECT_EQ(histogram.mean(), Duration::zero());
  EXPECT_EQ(histogram.quantile(990), Duration::zero());
  histogram.add(Duration(-5));
  EXPECT_EQ(histogram.quantile(1000), Duration::zero());
  histogram.add(Duration::max());
  EXPECT_EQ(histogram.quantile(1000), Duration::max());
}

Replay fixed(std::int64_t timeout_ms) {
  return Replay(*make_detector({.timeout = milliseconds(timeout_ms)}));
}

TEST(Replay, HandComputedMistakesAndDetectionTimes) {
  Replay replay = fixed(150);
  replay.heartbeat(at(0), Seq(1));
  replay.heartbeat(at(100), Seq(2));
  replay.heartbeat(at(400), Seq(3));  // Suspected from 250 to 400.
  replay.heartbeat(at(550), Seq(4));  // At its very freshness point: in time.
  replay.heartbeat(at(900), Seq(5));  // Suspected from 700 to 900.
  replay.end_segment();
  const QosSummary summary = replay.mistakes();
  EXPECT_EQ(summary.observed, milliseconds(900));
  EXPECT_EQ(summary.mistakes, 2U);
  EXPECT_EQ(summary.mistake_recurrence, milliseconds(450));
  EXPECT_EQ(summary.mistake_duration, milliseconds(175));
  EXPECT_EQ(summary.good_period, milliseconds(300));
  EXPECT_EQ(replay.detection_times().count(), 5U);
  EXPECT_EQ(replay.detection_times().mean(), milliseconds(150));
}

TEST(Replay, DetectionTimeCountsFromTheSendingIfThatIsKnown) {
  Replay replay = fixed(150);
  replay.heartbeat(at(20), Seq(1), at(0));
  replay.heartbeat(at(140), Seq(2), at(100));
  replay.end_segment();
  // 20 + 150 and 40 + 150 milliseconds after the sending.
  EXPECT_EQ(replay.detection_times().mean(), milliseconds(180));
}

TEST(Replay, AHeartbeatThatWasOvertakenIsNoCut) {
  Replay replay = fixed(150);
  replay.heartbeat(at(0), Seq(1));
  replay.heartbeat(at(200), Seq(3));
  replay.heartbeat(at(210), Seq(2));
  replay.end_segment();
  EXPECT_EQ(replay.detection_times().count(), 2U);
  EXPECT_EQ(replay.mistakes().observed, milliseconds(210));
}

TEST(Replay, WhoIsStillSuspectedWasDetectedWhenTheSuspicionBegan) {
  DetectorConfig config;
  config.kind = DetectorKind::kChen;
  config.heartbeat_interval = milliseconds(100);
  config.safety_margin = milliseconds(50);
  Replay replay(*make_detector(config));
  replay.heartbeat(at(100), Seq(1), at(100));
  // Sent at 200, arrives at 1000: suspected since 250, and an old heartbeat restores no trust.
  replay.heartbeat(at(1000), Seq(2), at(200));
  replay.end_segment();
  EXPECT_EQ(replay.detection_times().count(), 2U);
  EXPECT_LE((replay.detection_times().max() - milliseconds(150)).count(), 512);
  EXPECT_FALSE(replay.mistakes().mistake_duration) << "it never ended";
  EXPECT_EQ(replay.mistakes().mistakes, 1U);
}

TEST(Replay, ASegmentForgetsTheOneBefore) {
  Replay replay = fixed(150);
  replay.heartbeat(at(0), Seq(7));
  replay.end_segment();
  replay.heartbeat(at(10'000), Seq(1));
  replay.heartbeat(at(10'100), Seq(2));
  replay.end_segment();
  replay.end_segment();
  EXPECT_EQ(replay.mistakes().mistakes, 0U);
  EXPECT_EQ(replay.mistakes().segments, 2U);
  EXPECT_EQ(replay.mistakes().observed, milliseconds(100));
}

TEST(QosBlocks, AddUpToTheWholeReplayInAtMost128Blocks) {
  DetectorConfig config;
  config.timeout = std::chrono::milliseconds(150);
  for (const std::uint64_t heartbeats : {1U, 16U, 17U, 2'048U, 2'049U, 50'000U}) {
    Replay replay(*make_detector(config), DetectionTimes::kMean);
    Rng rng(9);
    for (std::uint64_t seq = 1; seq <= heartbeats; ++seq) {
      if (!rng.chance(50'000))
        replay.heartbeat(Instant(std::chrono::milliseconds(100) * seq), Seq(seq));
      if (rng.chance(1'000)) replay.end_segment();
    }
    replay.end_segment();
    ASSERT_LE(replay.blocks().size(), QosBlocks::kMax);
    QosBlock sum;
    for (const QosBlock& block : replay.blocks())
      sum += block;
    const QosSummary summary = replay.mistakes();
    EXPECT_EQ(sum.mistakes, summary.mistakes);
    EXPECT_EQ(sum.observed, static_cast<double>(summary.observed.count()));
    EXPECT_EQ(sum.suspected, static_cast<double>(summary.suspected.count()));
    EXPECT_EQ(sum.detection, 150e6 * static_cast<double>(sum.cuts)) << "of a fixed timeout";
    EXPECT_EQ(sum.silence, sum.detection);
  }
}

TEST(Deadlines, TheEarliestIsThatOfAPlainSearch) {
  EXPECT_EQ(earliest_of({}), kNever);
  Rng rng(4);
  for (std::size_t count = 1; count < 40; ++count) {
    std::vector<std::int64_t> at(count);
    for (std::int64_t& one : at)
      one = rng.between(-1'000, 1'000);
    EXPECT_EQ(earliest_of(at), Instant(Duration(*std::min_element(at.begin(), at.end()))));
  }
}

}  // namespace
}  // namespace vouch
