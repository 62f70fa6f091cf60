// What a heartbeat and a freshness point cost, hot peer, one core. In the same run: the textbook
// form of phi accrual (a deque of samples, mean, deviation and log10(erfc) per query) and of Chen's
// estimator (a deque, summed per heartbeat), and the least that any windowed detector must do (one
// ring of 32-bit samples and a running sum), so that the figures can be judged on any machine.

#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <deque>
#include <limits>
#include <numbers>
#include <vector>

#include "vouch/detector/deadlines.h"
#include "vouch/detector/detector.h"
#include "vouch/detector/replay.h"
#include "vouch/detector/rng.h"

namespace vouch {
namespace {

using std::chrono::milliseconds;

/// Arrival times with jitter, prepared beforehand so that the loops measure detectors alone.
std::vector<Duration> jittered_gaps() {
  Rng rng(7);
  std::vector<Duration> gaps(4096);
  for (Duration& gap : gaps)
    gap = Duration(rng.between(95'000'000, 105'000'000));
  return gaps;
}

DetectorConfig config_of(DetectorKind kind, std::int64_t window_size) {
  DetectorConfig config;
  config.kind = kind;
  config.window_size = static_cast<std::uint32_t>(window_size);
  return config;
}

/// What a detector allocates (tests/detector holds it to this).
double window_bytes(DetectorKind kind, std::int64_t window_size) {
  const auto samples = static_cast<double>(window_size);
  switch (kind) {
    case DetectorKind::kFixedTimeout:
    case DetectorKind::kChenNfdS:
    case DetectorKind::kAdaptiveMargin:
      return 0.0;
    case DetectorKind::kQuantile:
      return 2.0 * WindowedQuantile::kBuckets + samples;
    case DetectorKind::kChen:
    case DetectorKind::kBertier:
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic:
    case DetectorKind::kPhiExponential:
    case DetectorKind::kTwoWindow:
      return 4.0 * samples;
  }
  return 0.0;
}

void heartbeat(benchmark::State& state, DetectorKind kind) {
  Detector detector = *make_detector(config_of(kind, state.range(0)));
  const auto gaps = jittered_gaps();
  Instant now{};
  std::uint64_t seq = 0;
  // Chen's estimator expects heartbeat i near i intervals: jitter around the schedule, no drift.
  for (auto _ : state) {
    const Duration jitter = gaps[seq & 4095] - milliseconds(100);
    ++seq;
    now += milliseconds(100);
    detector.heartbeat(now + jitter, Seq(seq));
    benchmark::DoNotOptimize(detector);
  }
  benchmark::DoNotOptimize(detector.suspect_at());
  state.counters["bytes_per_peer"] =
      static_cast<double>(sizeof(Detector)) + window_bytes(kind, state.range(0));
}

void suspect_at(benchmark::State& state, DetectorKind kind) {
  Detector detector = *make_detector(config_of(kind, 1000));
  Instant now{};
  for (std::uint64_t seq = 1; seq <= 2000; ++seq) {
    now += milliseconds(100);
    detector.heartbeat(now, Seq(seq));
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(detector);
    const Instant at = detector.suspect_at();
    benchmark::DoNotOptimize(at);
  }
}

BENCHMARK_CAPTURE(heartbeat, fixed, DetectorKind::kFixedTimeout)->Arg(1000);
BENCHMARK_CAPTURE(heartbeat, chen, DetectorKind::kChen)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(heartbeat, phi, DetectorKind::kPhiAccrual)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(heartbeat, bertier, DetectorKind::kBertier)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(heartbeat, two_window, DetectorKind::kTwoWindow)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(heartbeat, phi_logistic, DetectorKind::kPhiLogistic)->Arg(1000);
BENCHMARK_CAPTURE(heartbeat, phi_exponential, DetectorKind::kPhiExponential)->Arg(1000);
BENCHMARK_CAPTURE(heartbeat, quantile, DetectorKind::kQuantile)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(heartbeat, nfd_s, DetectorKind::kChenNfdS)->Arg(1000);
BENCHMARK_CAPTURE(heartbeat, adaptive, DetectorKind::kAdaptiveMargin)->Arg(1000);
BENCHMARK_CAPTURE(suspect_at, adaptive, DetectorKind::kAdaptiveMargin);
BENCHMARK_CAPTURE(suspect_at, fixed, DetectorKind::kFixedTimeout);
BENCHMARK_CAPTURE(suspect_at, chen, DetectorKind::kChen);
BENCHMARK_CAPTURE(suspect_at, phi, DetectorKind::kPhiAccrual);

/// A million freshness points in an array, as a front-end to many peers keeps them: the earliest.
void earliest_of_a_million(benchmark::State& state) {
  constexpr std::size_t kPeers = 1'000'000;
  Rng rng(3);
  std::vector<std::int64_t> suspect_at(kPeers);
  for (std::int64_t& at : suspect_at)
    at = rng.between(0, 1'000'000'000'000);
  for (auto _ : state) {
    benchmark::DoNotOptimize(suspect_at.data());
    const Instant earliest = earliest_of(suspect_at);
    benchmark::DoNotOptimize(earliest);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kPeers));
  state.counters["ns_per_peer"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kPeers * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(earliest_of_a_million)->Unit(benchmark::kMicrosecond);

/// Ten million heartbeats through one detector of every kind, with mistakes and detection times
/// counted, as `vouch evaluate` does it: seconds on one core.
void replay_10_million_through_all(benchmark::State& state) {
  constexpr std::uint64_t kHeartbeats = 10'000'000;
  const auto gaps = jittered_gaps();
  for (auto _ : state) {
    std::uint64_t mistakes = 0;
    std::vector<Replay> replays;
    for (const DetectorKind kind : kDetectorKinds)
      replays.emplace_back(*make_detector(config_of(kind, 1000)));
    for (std::uint64_t seq = 1; seq <= kHeartbeats; ++seq) {
      const Instant now = Instant(milliseconds(100) * seq) + gaps[seq & 4095] - milliseconds(100);
      for (Replay& replay : replays)
        replay.heartbeat(now, Seq(seq));
    }
    for (Replay& replay : replays) {
      replay.end_segment();
      mistakes += replay.mistakes().mistakes;
    }
    benchmark::DoNotOptimize(mistakes);
  }
}
BENCHMARK(replay_10_million_through_all)->Unit(benchmark::kSecond)->Iterations(1);

/// The floor: store the gap in a ring, keep the sum, move the freshness point.
void minimal_ring_heartbeat(benchmark::State& state) {
  std::vector<std::uint32_t> ring(1000, 390'625);
  std::uint64_t sum = 390'625'000;
  std::size_t head = 0;
  std::int64_t last = 0;
  std::int64_t now = 0;
  std::int64_t fresh_until = 0;
  const auto gaps = jittered_gaps();
  std::size_t i = 0;
  for (auto _ : state) {
    now += gaps[++i & 4095].count();
    const auto gap = static_cast<std::uint32_t>((now - last) >> 8);
    sum += gap;
    sum -= ring[head];
    ring[head] = gap;
    if (++head == 1000) head = 0;
    last = now;
    fresh_until = now + static_cast<std::int64_t>(sum);
    benchmark::DoNotOptimize(fresh_until);
  }
}
BENCHMARK(minimal_ring_heartbeat);

/// Phi accrual as the paper words it.
class TextbookPhi {
 public:
  void heartbeat(double now) {
    gaps_.push_back(now - last_);
    if (gaps_.size() > 1000) gaps_.pop_front();
    last_ = now;
  }
  [[nodiscard]] double phi(double now) const {
    double mean = 0;
    for (double gap : gaps_)
      mean += gap;
    mean /= static_cast<double>(gaps_.size());
    double variance = 0;
    for (double gap : gaps_)
      variance += (gap - mean) * (gap - mean);
    const double deviation = std::sqrt(variance / static_cast<double>(gaps_.size()));
    const double z = (now - last_ - mean) / deviation;
    return -std::log10(0.5 * std::erfc(z / std::numbers::sqrt2));
  }

 private:
  std::deque<double> gaps_;
  double last_ = 0;
};

void textbook_phi_heartbeat(benchmark::State& state) {
  TextbookPhi detector;
  const auto gaps = jittered_gaps();
  double now = 0;
  std::size_t i = 0;
  for (auto _ : state) {
    now += static_cast<double>(gaps[++i & 4095].count());
    detector.heartbeat(now);
    benchmark::DoNotOptimize(detector);
  }
}
BENCHMARK(textbook_phi_heartbeat);

void textbook_phi_query(benchmark::State& state) {
  TextbookPhi detector;
  double now = 0;
  for (Duration gap : jittered_gaps()) {
    now += static_cast<double>(gap.count());
    detector.heartbeat(now);
  }
  for (auto _ : state) {
    double phi = detector.phi(now + 120e6);
    benchmark::DoNotOptimize(phi);
  }
}
BENCHMARK(textbook_phi_query);

/// Chen's estimator as the paper words it, summed anew per heartbeat.
void textbook_chen_heartbeat(benchmark::State& state) {
  std::deque<double> offsets;
  const auto gaps = jittered_gaps();
  std::size_t seq = 0;
  for (auto _ : state) {
    offsets.push_back(static_cast<double>(gaps[++seq & 4095].count()) - 100e6);
    if (offsets.size() > 1000) offsets.pop_front();
    double sum = 0;
    for (double offset : offsets)
      sum += offset;
    double fresh_until =
        sum / static_cast<double>(offsets.size()) + 100e6 * static_cast<double>(seq + 1) + 300e6;
    benchmark::DoNotOptimize(fresh_until);
  }
}
BENCHMARK(textbook_chen_heartbeat);

}  // namespace
}  // namespace vouch
