#include "vouch/detector/chen.h"

#include <gtest/gtest.h>

#include <deque>
#include <iostream>

#include "vouch/detector/detector.h"
#include "vouch/detector/rng.h"

namespace vouch {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr Duration kInterval = milliseconds(100);
constexpr Duration kMargin = milliseconds(150);

/// A mean is exact to two units of 256 ns.
constexpr std::int64_t kRounding = 512;

Detector chen(std::uint32_t window_size, Duration margin = kMargin) {
  DetectorConfig config;
  config.kind = DetectorKind::kChen;
  config.heartbeat_interval = kInterval;
  config.safety_margin = margin;
  config.window_size = window_size;
  return *make_detector(config);
}

/// The instant at which the schedule sends heartbeat `seq`, plus `late`.
Instant due(std::uint64_t seq, Duration late = {}) {
  return Instant(std::chrono::seconds(1'000)) + kInterval * seq + late;
}

/// `suspect_at` is `expected` up to the rounding of the mean.
void expect_at(const Detector& detector, Instant expected) {
  const std::int64_t off = (detector.suspect_at() - expected).count();
  EXPECT_LE(std::abs(off), kRounding) << "off by " << off << " ns";
}

TEST(Chen, WindowOfOneExpectsTheNextOneIntervalLater) {
  Detector detector = chen(1);
  for (std::uint64_t seq = 1; seq <= 20; ++seq) {
    const Instant now = due(seq, milliseconds(seq * 7 % 30));
    detector.heartbeat(now, Seq(seq));
    expect_at(detector, now + kInterval + kMargin);
  }
}

TEST(Chen, AveragesTheOffsetsOfTheWindow) {
  // Section 6.3 by hand: delays 0, 30, 60 ms have the mean 30 ms.
  Detector detector = chen(3);
  detector.heartbeat(due(1, milliseconds(0)), Seq(1));
  detector.heartbeat(due(2, milliseconds(30)), Seq(2));
  expect_at(detector, due(3, milliseconds(15)) + kMargin);
  detector.heartbeat(due(3, milliseconds(60)), Seq(3));
  expect_at(detector, due(4, milliseconds(30)) + kMargin);
  // The first one leaves: 30, 60, 30.
  detector.heartbeat(due(4, milliseconds(30)), Seq(4));
  expect_at(detector, due(5, milliseconds(40)) + kMargin);
}

TEST(Chen, ALostHeartbeatLeavesNoTrace) {
  Detector detector = chen(10);
  for (std::uint64_t seq = 1; seq <= 30; ++seq) {
    if (seq % 4 == 0) continue;
    detector.heartbeat(due(seq, milliseconds(5)), Seq(seq));
    expect_at(detector, due(seq + 1, milliseconds(5)) + kMargin);
  }
}

TEST(Chen, AnOutageThatLosesHeartbeatsLeavesNoTrace) {
  Detector detector = chen(10);
  for (std::uint64_t seq = 1; seq <= 20; ++seq)
    detector.heartbeat(due(seq), Seq(seq));
  detector.heartbeat(due(120), Seq(120));
  expect_at(detector, due(121) + kMargin);
}

TEST(Chen, HeartbeatsOfABacklogAreNeitherSampledNorTrusted) {
  Detector detector = chen(10);
  for (std::uint64_t seq = 1; seq <= 20; ++seq)
    detector.heartbeat(due(seq), Seq(seq));
  // Five seconds of heartbeats come at once, a microsecond apart.
  const Instant drained = due(70);
  for (std::uint64_t seq = 21; seq <= 65; ++seq) {
    const Instant now = drained + std::chrono::microseconds(seq);
    detector.heartbeat(now, Seq(seq));
    EXPECT_LE(detector.suspect_at(), now) << seq;
    expect_at(detector, due(seq + 1) + kMargin);
  }
  detector.heartbeat(due(71), Seq(71));
  expect_at(detector, due(72) + kMargin);
}

TEST(Chen, ASenderThatWasPausedIsTrustedWithItsSecondHeartbeat) {
  Detector detector = chen(10);
  for (std::uint64_t seq = 1; seq <= 20; ++seq)
    detector.heartbeat(due(seq), Seq(seq));
  const Duration pause = milliseconds(7'000);
  detector.heartbeat(due(21, pause), Seq(21));
  EXPECT_LE(detector.suspect_at(), due(21, pause)) << "one late heartbeat may be a lone straggler";
  detector.heartbeat(due(22, pause), Seq(22));
  expect_at(detector, due(23, pause) + kMargin);
}

TEST(Chen, ALoneStragglerDoesNotMoveTheEstimate) {
  Detector detector = chen(10);
  for (std::uint64_t seq = 1; seq <= 20; ++seq)
    detector.heartbeat(due(seq), Seq(seq));
  detector.heartbeat(due(21, milliseconds(7'000)), Seq(21));
  detector.heartbeat(due(92), Seq(92));
  expect_at(detector, due(93) + kMargin);
}

TEST(Chen, AScheduleThatMovedForwardRestartsTheWindow) {
  Detector detector = chen(10);
  for (std::uint64_t seq = 1; seq <= 20; ++seq)
    detector.heartbeat(due(seq), Seq(seq));
  // Ten numbers were used up without time passing: the tenth comes nine intervals early.
  const Instant now = due(21);
  detector.heartbeat(now, Seq(30));
  expect_at(detector, now + kInterval + kMargin);
}

TEST(Chen, StaysExactWhileTheClocksDriftApartForYears) {
  // 10 ppm over ten years, with a heartbeat once an hour, is an offset of more than 2^31 units;
  // only the steps between offsets must fit.
  Detector detector = chen(4);
  const std::uint64_t step = 36'000;
  for (std::uint64_t i = 1; i < 87'600; ++i) {
    const std::uint64_t seq = i * step;
    const Duration drift = kInterval * seq / 100'000;
    const Instant now = due(seq, drift);
    detector.heartbeat(now, Seq(seq));
    ASSERT_GT(detector.suspect_at(), now) << i;
  }
}

/// NFD-E as the paper words it: a deque of offsets, summed anew each time.
class Textbook {
 public:
  explicit Textbook(std::size_t window_size) : window_size_(window_size) {}

  Instant heartbeat(Instant now, std::uint64_t seq) {
    offsets_.push_back((now - due(seq)).count());
    if (offsets_.size() > window_size_) offsets_.pop_front();
    std::int64_t sum = 0;
    for (const std::int64_t offset : offsets_)
      sum += offset;
    return due(seq + 1, nanoseconds(sum / static_cast<std::int64_t>(offsets_.size()))) + kMargin;
  }

 private:
  std::size_t window_size_;
  std::deque<std::int64_t> offsets_;
};

TEST(Chen, AgreesWithTheTextbookOnRandomInput) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    const auto window_size = static_cast<std::uint32_t>(rng.between(1, seed % 3 == 0 ? 1'000 : 40));
    Detector detector = chen(window_size);
    Textbook textbook(window_size);
    std::uint64_t seq = 0;
    Instant last = kLongAgo;
    for (int i = 0; i < 3'000; ++i) {
      seq += rng.chance(50'000) ? static_cast<std::uint64_t>(rng.between(2, 6)) : 1;
      // Delays below one interval: no outage by the rule of the class.
      const Instant now = std::max(last, due(seq, Duration(rng.between(0, 99'999'999))));
      last = now;
      detector.heartbeat(now, Seq(seq));
      const Instant expected = textbook.heartbeat(now, seq);
      ASSERT_LE(std::abs((detector.suspect_at() - expected).count()), kRounding) << i;
    }
  }
}

}  // namespace
}  // namespace vouch
