// Every detector against a slow, straightforward second implementation over random input: deques
// summed anew, sorted windows, doubles, the rules written down again from the papers.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <map>
#include <numbers>
#include <optional>
#include <utility>
#include <vector>

#include "vouch/detector/detector.h"
#include "vouch/detector/rng.h"

namespace vouch {
namespace {

using std::chrono::milliseconds;

/// Nanoseconds, in a type that forgives everything.
using Ns = long double;

/// The newest `room` values.
struct Samples {
  std::size_t room;
  std::deque<Ns> values;

  void add(Ns value) {
    values.push_back(value);
    if (values.size() > room) values.pop_front();
  }
  [[nodiscard]] Ns mean(std::size_t newest) const {
    const std::size_t count = std::min(newest, values.size());
    Ns sum = 0;
    for (std::size_t i = values.size() - count; i < values.size(); ++i)
      sum += values[i];
    return sum / static_cast<Ns>(count);
  }
  [[nodiscard]] Ns deviation() const {
    const Ns mean = this->mean(values.size());
    Ns sum = 0;
    for (const Ns value : values)
      sum += (value - mean) * (value - mean);
    return std::sqrt(sum / static_cast<Ns>(values.size()));
  }
};

/// A detector as a textbook has it.
class Reference {
 public:
  explicit Reference(const DetectorConfig& config)
      : config_(config), interval_(static_cast<Ns>(config.heartbeat_interval.count())) {}
  virtual ~Reference() = default;
  virtual Ns heartbeat(Ns now, std::uint64_t seq, Sampling sampling) = 0;

 protected:
  DetectorConfig config_;
  Ns interval_;
  std::optional<Ns> suspect_at_;
};

/// Those that keep the sender's schedule: Chen et al. with the rules for outages.
class ScheduleReference : public Reference {
 public:
  using Reference::Reference;

  Ns heartbeat(Ns now, std::uint64_t seq, Sampling sampling) override {
    const Ns offset = now - interval_ * static_cast<Ns>(seq);
    if (!suspect_at_) {
      begin(offset);
    } else if (sampling == Sampling::kOff) {
      newest_ = seq;
      was_off_ = true;
      suspect_at_ = now + interval_ + margin();
      return *suspect_at_;
    } else {
      const Ns due = was_off_ ? interval_ * static_cast<Ns>(seq) + this->offset() + margin()
                              : *suspect_at_ + interval_ * static_cast<Ns>(seq - newest_ - 1);
      const bool was_off = std::exchange(was_off_, false);
      if (was_off) outage_.reset();
      if (now - due >= interval_) {
        const bool moved = outage_ && now - due > *outage_ - interval_ / 2;
        outage_ = now - due;
        if (!moved && !was_off) {
          newest_ = seq;
          suspect_at_ = due + interval_;
          return *suspect_at_;
        }
        begin(offset);
      } else if (now - due < -interval_ - 2 * margin()) {
        begin(offset);
      } else {
        outage_.reset();
        add(offset);
      }
    }
    newest_ = seq;
    suspect_at_ = next_arrival() + margin();
    return *suspect_at_;
  }

 protected:
  virtual void restart(Ns offset) = 0;
  virtual void add(Ns offset) = 0;
  [[nodiscard]] virtual Ns offset() const = 0;
  [[nodiscard]] virtual Ns margin() const { return static_cast<Ns>(config_.safety_margin.count()); }

 private:
  void begin(Ns offset) {
    outage_.reset();
    restart(offset);
  }
  [[nodiscard]] Ns next_arrival() const {
    return interval_ * static_cast<Ns>(newest_ + 1) + offset();
  }

  std::uint64_t newest_ = 0;
  std::optional<Ns> outage_;
  bool was_off_ = false;
};

class NfdE : public ScheduleReference {
 public:
  explicit NfdE(const DetectorConfig& config)
      : ScheduleReference(config), offsets_{config.window_size, {}} {}

 protected:
  void restart(Ns offset) override { offsets_.values = {offset}; }
  void add(Ns offset) override { offsets_.add(offset); }
  [[nodiscard]] Ns offset() const override { return offsets_.mean(offsets_.room); }
  Samples offsets_;
};

class TwoWindows : public NfdE {
 public:
  using NfdE::NfdE;

 protected:
  [[nodiscard]] Ns offset() const override {
    return std::max(NfdE::offset(), offsets_.mean(config_.short_window_size));
  }
};

class Jacobson : public NfdE {
 public:
  using NfdE::NfdE;

 protected:
  void restart(Ns offset) override {
    NfdE::restart(offset);
    delay_ = 0;
    var_ = interval_ / 4;
  }
  void add(Ns offset) override {
    const Ns error = offset - NfdE::offset() - delay_;
    delay_ += 0.1L * error;
    var_ += 0.1L * (std::abs(error) - var_);
    NfdE::add(offset);
  }
  [[nodiscard]] Ns margin() const override {
    return std::max<Ns>(0, delay_ + static_cast<Ns>(config_.deviation_weight) * var_);
  }

 private:
  Ns delay_ = 0;
  Ns var_ = 0;
};

/// The fastest heartbeat of the present and the last block of `window_size`.
class NfdS : public ScheduleReference {
 public:
  using ScheduleReference::ScheduleReference;

 protected:
  void restart(Ns offset) override { offsets_ = {offset}; }
  void add(Ns offset) override { offsets_.push_back(offset); }
  [[nodiscard]] Ns offset() const override {
    const std::size_t block = config_.window_size;
    const std::size_t begun = (offsets_.size() - 1) / block * block;
    const auto from = static_cast<std::ptrdiff_t>(begun >= block ? begun - block : 0);
    return *std::min_element(offsets_.begin() + from, offsets_.end());
  }

 private:
  std::vector<Ns> offsets_;
};

/// The adaptive margin from its description, with true logarithms between the powers of two.
class Adaptive : public ScheduleReference {
 public:
  using ScheduleReference::ScheduleReference;

 protected:
  void restart(Ns offset) override {
    newest_ = mean_ = offset;
    count_ = 1;
    spread_ = shared_ = 0;
    rough_ = 1.6L;
    usual_ = log2_by_lines(1 + rough_);
    variance_ = covariance_ = 0;
  }
  void add(Ns offset) override {
    const Ns error = std::abs(offset - this->offset());
    const Ns jitter = std::min<Ns>(error / interval_ * 32, 4095);
    const Ns before = log2_by_lines(1 + rough_) - usual_;
    const Ns after = log2_by_lines(1 + jitter) - usual_;
    variance_ += (before * before - variance_) / 256;
    covariance_ += (before * after - covariance_) / 256;
    usual_ += after / 256;
    rough_ += (jitter - rough_) / 8;
    const Ns one = (newest_ - mean_) / interval_ * 32;
    const Ns next = (offset - mean_) / interval_ * 32;
    spread_ += (one * one - spread_) / 256;
    shared_ += (one * next - shared_) / 256;
    newest_ = offset;
    count_ = std::min(count_ + 1, 1000);
    mean_ += (offset - mean_) / count_;
  }
  [[nodiscard]] Ns offset() const override {
    if (!config_.memory) return mean_;
    const Ns memory = std::clamp<Ns>((shared_ + 1.0L / 16) / (spread_ + 1.0L / 16), 0, 1);
    return mean_ + memory * (newest_ - mean_);
  }
  [[nodiscard]] Ns margin() const override {
    const Ns slope = (covariance_ + 1.0L / 16) / (variance_ + 1.0L / 16);
    const Ns kappa = std::clamp<Ns>(slope, 0, 1);
    const Ns expected = usual_ + kappa * (log2_by_lines(1 + rough_) - usual_);
    const Ns agility = static_cast<Ns>(config_.agility);
    return static_cast<Ns>(config_.safety_margin.count()) * exp2_by_lines(agility * expected);
  }

 private:
  static Ns log2_by_lines(Ns value) {
    const Ns whole = std::floor(std::log2(value));
    return whole + value / std::exp2(whole) - 1;
  }
  static Ns exp2_by_lines(Ns exponent) {
    const Ns whole = std::floor(exponent);
    return std::exp2(whole) * (1 + exponent - whole);
  }

  Ns newest_ = 0;
  Ns mean_ = 0;
  int count_ = 0;
  Ns spread_ = 0;
  Ns shared_ = 0;
  Ns rough_ = 0;
  Ns usual_ = 0;
  Ns variance_ = 0;
  Ns covariance_ = 0;
};

/// Those that look at gaps, with the rule for gaps that ended a suspicion.
class GapReference : public Reference {
 public:
  explicit GapReference(const DetectorConfig& config)
      : Reference(config), gaps_{config.window_size, {}} {}

  Ns heartbeat(Ns now, std::uint64_t /*seq*/, Sampling sampling) override {
    if (!suspect_at_) {
      seed();
    } else if (sampling == Sampling::kOn && !was_sick_) {
      const bool was_suspected = now > *suspect_at_;
      outages_ = was_suspected ? outages_ + 1 : 0;
      if (!was_suspected || outages_ > 8) gaps_.add(now - last_);
    }
    was_sick_ = suspect_at_ && sampling == Sampling::kOff;
    last_ = now;
    suspect_at_ = now + silence();
    return *suspect_at_;
  }

 protected:
  virtual void seed() = 0;
  [[nodiscard]] virtual Ns silence() const = 0;
  Samples gaps_;

 private:
  Ns last_ = 0;
  int outages_ = 0;
  bool was_sick_ = false;
};

class Phi : public GapReference {
 public:
  using GapReference::GapReference;

 protected:
  void seed() override {
    if (config_.window_size == 1) return gaps_.add(interval_);
    gaps_.add(interval_ * 0.75L);
    gaps_.add(interval_ * 1.25L);
  }
  /// The silence at which phi, computed as the paper words it, reaches the threshold.
  [[nodiscard]] Ns silence() const override {
    const Ns mean = gaps_.mean(gaps_.room);
    const Ns deviation = std::max(gaps_.deviation(), static_cast<Ns>(config_.stddev_min.count()));
    Ns low = mean - 50 * deviation;
    Ns high = mean + 50 * deviation;
    for (int step = 0; step < 60; ++step) {
      const Ns middle = (low + high) / 2;
      (-std::log10(chance_of_longer((middle - mean) / deviation)) < threshold() ? low : high) =
          middle;
    }
    return std::max<Ns>(high, 0) + static_cast<Ns>(config_.acceptable_pause.count());
  }
  [[nodiscard]] virtual Ns chance_of_longer(Ns z) const {
    return std::erfc(z / std::numbers::sqrt2_v<Ns>) / 2;
  }
  [[nodiscard]] Ns threshold() const { return static_cast<Ns>(config_.threshold); }
};

class PhiOfAkka : public Phi {
 public:
  using Phi::Phi;

 protected:
  [[nodiscard]] Ns chance_of_longer(Ns z) const override {
    const Ns e = std::exp(-z * (1.5976L + 0.070566L * z * z));
    return e / (1 + e);
  }
};

class PhiOfCassandra : public GapReference {
 public:
  using GapReference::GapReference;

 protected:
  void seed() override { gaps_.add(interval_); }
  [[nodiscard]] Ns silence() const override {
    return gaps_.mean(gaps_.room) * std::numbers::ln10_v<Ns> * static_cast<Ns>(config_.threshold) +
           static_cast<Ns>(config_.acceptable_pause.count());
  }
};

/// The nearest rank of the sorted gaps, rounded up to the edge of a sixteenth of an octave.
class Quantile : public GapReference {
 public:
  using GapReference::GapReference;

 protected:
  void seed() override { gaps_.add(interval_); }
  [[nodiscard]] Ns silence() const override {
    std::vector<Ns> sorted(gaps_.values.begin(), gaps_.values.end());
    std::sort(sorted.begin(), sorted.end());
    const std::size_t rank =
        std::max<std::size_t>(1, (sorted.size() * config_.quantile_per_thousand + 999) / 1000);
    const Ns quantile = sorted[rank - 1] / interval_;
    Ns edge = 17.0L / 64;  // A quarter interval and a sixteenth more.
    for (int bucket = 0; bucket < 95 && quantile >= edge; ++bucket) {
      const int next = bucket + 1;
      edge = std::exp2(static_cast<Ns>(next / 16)) * static_cast<Ns>(next % 16 + 17) / 64;
    }
    return edge * interval_ + static_cast<Ns>(config_.safety_margin.count());
  }
};

class Fixed : public Reference {
 public:
  using Reference::Reference;
  Ns heartbeat(Ns now, std::uint64_t /*seq*/, Sampling /*sampling*/) override {
    return now + static_cast<Ns>(config_.timeout.count());
  }
};

std::unique_ptr<Reference> reference_of(const DetectorConfig& config) {
  switch (config.kind) {
    case DetectorKind::kFixedTimeout:
      return std::make_unique<Fixed>(config);
    case DetectorKind::kChen:
      return std::make_unique<NfdE>(config);
    case DetectorKind::kPhiAccrual:
      return std::make_unique<Phi>(config);
    case DetectorKind::kChenNfdS:
      return std::make_unique<NfdS>(config);
    case DetectorKind::kBertier:
      return std::make_unique<Jacobson>(config);
    case DetectorKind::kPhiLogistic:
      return std::make_unique<PhiOfAkka>(config);
    case DetectorKind::kPhiExponential:
      return std::make_unique<PhiOfCassandra>(config);
    case DetectorKind::kTwoWindow:
      return std::make_unique<TwoWindows>(config);
    case DetectorKind::kQuantile:
      return std::make_unique<Quantile>(config);
    case DetectorKind::kAdaptiveMargin:
      return std::make_unique<Adaptive>(config);
  }
  return nullptr;
}

/// How far a freshness point may be from the reference, beyond the 1,024 ns of two windows' units:
/// a part of the silence, for what is kept in floats or in 256 ns.
Ns relative_tolerance(DetectorKind kind) {
  switch (kind) {
    case DetectorKind::kBertier:
    case DetectorKind::kAdaptiveMargin:
      return 2e-4L;  // Float moments, smoothed over hundreds of samples.
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic:
    case DetectorKind::kPhiExponential:
      return 1e-4L;  // Gaps are cut to 256 ns.
    default:
      return 0;
  }
}

DetectorConfig random_config(Rng& rng, DetectorKind kind) {
  DetectorConfig config;
  config.kind = kind;
  config.heartbeat_interval = milliseconds(rng.between(2, 1'000));
  config.timeout = config.heartbeat_interval * rng.between(1, 5);
  config.safety_margin = config.heartbeat_interval * rng.between(0, 30) / 10;
  config.threshold = static_cast<double>(rng.between(5, 160)) / 10;
  config.deviation_weight = static_cast<double>(rng.between(0, 100)) / 10;
  config.window_size =
      static_cast<std::uint32_t>(rng.chance(300'000) ? rng.between(1, 3) : rng.between(4, 150));
  config.short_window_size = static_cast<std::uint32_t>(rng.between(1, 16));
  config.quantile_per_thousand = static_cast<std::uint32_t>(rng.between(1, 1000));
  config.stddev_min = config.heartbeat_interval / rng.between(5, 50);
  config.agility = static_cast<double>(rng.between(0, 4)) / 4;
  config.memory = rng.chance(500'000);
  return config;
}

/// Heartbeats with jitter, losses, spikes, outages, moved schedules and times of own sickness.
class RandomArrivals {
 public:
  RandomArrivals(Rng rng, Duration interval) : rng_(rng), interval_(interval) {}

  struct Arrival {
    Instant at;
    Seq seq;
    Sampling sampling;
  };

  Arrival next() {
    seq_ += rng_.chance(30'000) ? static_cast<std::uint64_t>(rng_.between(2, 5)) : 1;
    if (rng_.chance(2'000)) moved_ += interval_ * rng_.between(-4, 40);
    Duration delay = interval_ * rng_.between(0, 200) / 1'000;
    if (rng_.chance(20'000)) delay += interval_ * rng_.between(0, 6'000) / 1'000;
    if (rng_.chance(3'000)) sick_ = rng_.below(10);
    const Sampling sampling = sick_ > 0 ? Sampling::kOff : Sampling::kOn;
    if (sick_ > 0) --sick_;
    const Instant due = Instant(std::chrono::seconds(1'000)) + interval_ * seq_ + moved_ + delay;
    last_ = std::max(last_, due);
    return {last_, Seq(seq_), sampling};
  }

 private:
  Rng rng_;
  Duration interval_;
  Duration moved_{};
  Instant last_ = kLongAgo;
  std::uint64_t seq_ = 0;
  std::uint64_t sick_ = 0;
};

/// Both must say the same after every heartbeat, up to the rounding of what is kept.
void compare(DetectorKind kind, std::uint64_t seed, int heartbeats) {
  SCOPED_TRACE(std::string(to_string(kind)) + ", seed " + std::to_string(seed));
  Rng rng(seed);
  const DetectorConfig config = random_config(rng, kind);
  Detector detector = *make_detector(config);
  const std::unique_ptr<Reference> reference = reference_of(config);
  RandomArrivals arrivals(rng.fork(1), config.heartbeat_interval);
  for (int i = 0; i < heartbeats; ++i) {
    const auto [now, seq, sampling] = arrivals.next();
    detector.heartbeat(now, seq, sampling);
    const Ns at = static_cast<Ns>(now.time_since_epoch().count());
    const Ns expected = reference->heartbeat(at, seq.value(), sampling);
    const Ns found = static_cast<Ns>(detector.suspect_at().time_since_epoch().count());
    const Ns allowed = 1'024 + relative_tolerance(kind) * std::abs(expected - at);
    ASSERT_LE(std::abs(found - expected), allowed)
        << "heartbeat " << i << ": " << static_cast<double>(found - expected) << " ns off";
  }
}

TEST(Reference, EveryDetectorAgreesWithItsTextbookOnRandomInput) {
  for (const DetectorKind kind : kDetectorKinds) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      compare(kind, seed, 700);
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace vouch
