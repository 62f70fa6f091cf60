// What all detectors have in common: the life of a freshness point, bad configuration, memory.

#include "vouch/detector/detector.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "tests/support/allocation_counter.h"
#include "vouch/detector/rng.h"

namespace vouch {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr Instant at(std::int64_t ms) {
  return Instant(milliseconds(ms));
}

DetectorConfig config_of(DetectorKind kind) {
  DetectorConfig config;
  config.kind = kind;
  return config;
}

TEST(Detector, FixedTimeoutIsTheLastArrivalPlusTheTimeout) {
  Detector detector = *make_detector({.timeout = milliseconds(400)});
  EXPECT_EQ(detector.suspect_at(), kNever);
  detector.heartbeat(at(1000), Seq(1));
  EXPECT_EQ(detector.suspect_at(), at(1400));
  detector.heartbeat(at(1050), Seq(2));
  EXPECT_EQ(detector.suspect_at(), at(1450));
  // Even long after it was suspected.
  detector.heartbeat(at(9000), Seq(3));
  EXPECT_EQ(detector.suspect_at(), at(9400));
}

TEST(Detector, IgnoresDuplicatesAndHeartbeatsThatWereOvertaken) {
  for (const DetectorKind kind : kDetectorKinds) {
    SCOPED_TRACE(to_string(kind));
    Detector detector = *make_detector(config_of(kind));
    detector.heartbeat(at(0), Seq(0));
    EXPECT_EQ(detector.suspect_at(), kNever) << "no sender uses the number 0";
    detector.heartbeat(at(100), Seq(1));
    detector.heartbeat(at(305), Seq(3));
    const Instant fresh = detector.suspect_at();
    detector.heartbeat(at(310), Seq(2));
    detector.heartbeat(at(320), Seq(3));
    EXPECT_EQ(detector.suspect_at(), fresh);
    EXPECT_EQ(detector.newest(), Seq(3));
    detector.heartbeat(at(405), Seq(4));
    EXPECT_NE(detector.suspect_at(), fresh);
  }
}

TEST(Detector, ResetForgetsEverything) {
  for (const DetectorKind kind : kDetectorKinds) {
    SCOPED_TRACE(to_string(kind));
    Detector fresh = *make_detector(config_of(kind));
    Detector used = *make_detector(config_of(kind));
    Rng rng(5);
    for (std::uint64_t seq = 1; seq <= 300; ++seq) {
      used.heartbeat(Instant(milliseconds(100) * seq + Duration(rng.between(0, 30'000'000))),
                     Seq(seq));
    }
    used.reset();
    EXPECT_EQ(used.suspect_at(), kNever);
    EXPECT_EQ(used.newest(), Seq{});
    // The next incarnation counts from 1 again, on another schedule.
    for (std::uint64_t seq = 1; seq <= 300; ++seq) {
      const Instant now =
          at(100'000) + milliseconds(100) * seq + Duration(rng.between(0, 30'000'000));
      fresh.heartbeat(now, Seq(seq));
      used.heartbeat(now, Seq(seq));
      ASSERT_EQ(used.suspect_at(), fresh.suspect_at()) << seq;
    }
  }
}

TEST(Detector, SurvivesAbsurdNumbersAndTimes) {
  for (const DetectorKind kind : kDetectorKinds) {
    SCOPED_TRACE(to_string(kind));
    Rng rng(11);
    for (int run = 0; run < 200; ++run) {
      DetectorConfig config = config_of(kind);
      config.window_size = static_cast<std::uint32_t>(rng.between(1, 5));
      config.heartbeat_interval = Duration(rng.between(1, 86'400'000'000'000));
      config.safety_margin = Duration(rng.between(0, 86'400'000'000'000));
      config.threshold = static_cast<double>(rng.between(1, 3'000)) / 10;
      Detector detector = *make_detector(config);
      std::int64_t now = rng.between(-1'000'000, 1'000'000);
      std::uint64_t seq = 0;
      for (int i = 0; i < 50; ++i) {
        now += static_cast<std::int64_t>(rng.next() >> rng.between(6, 63));
        now = std::min(now, std::numeric_limits<std::int64_t>::max() / 4);
        seq = rng.chance(900'000) ? seq + rng.below(3) : rng.next();
        const bool is_sick = rng.chance(200'000);
        detector.heartbeat(Instant(nanoseconds(now)), Seq(seq),
                           is_sick ? Sampling::kOff : Sampling::kOn);
      }
    }
  }
}

TEST(Detector, NamesTheFieldTheRuleAndTheValueOfABadConfiguration) {
  struct Case {
    const char* what;
    DetectorConfig config;
    const char* message;
  };
  const DetectorConfig fixed = config_of(DetectorKind::kFixedTimeout);
  const DetectorConfig chen = config_of(DetectorKind::kChen);
  const DetectorConfig phi = config_of(DetectorKind::kPhiAccrual);
  std::vector<Case> cases;
  const auto add = [&](DetectorConfig config, auto DetectorConfig::*field, auto value,
                       const char* message) {
    config.*field = value;
    cases.push_back({to_string(config.kind), config, message});
  };
  add(fixed, &DetectorConfig::timeout, Duration::zero(),
      "timeout must be above 0 and at most 24 h, but is 0 ms");
  add(fixed, &DetectorConfig::timeout, Duration(hours(25)),
      "timeout must be above 0 and at most 24 h, but is 9e+07 ms");
  add(chen, &DetectorConfig::heartbeat_interval, Duration(-1),
      "heartbeat_interval must be above 0 and at most 24 h, but is -1e-06 ms");
  add(chen, &DetectorConfig::safety_margin, Duration(milliseconds(-2)),
      "safety_margin must be at least 0 and at most 24 h, but is -2 ms");
  add(chen, &DetectorConfig::window_size, 0U, "window_size must be between 1 and 65535, but is 0");
  add(phi, &DetectorConfig::window_size, 65'536U,
      "window_size must be between 1 and 65535, but is 65536");
  add(phi, &DetectorConfig::threshold, 0.0, "threshold must be above 0 and at most 300, but is 0");
  add(phi, &DetectorConfig::threshold, std::numeric_limits<double>::quiet_NaN(),
      "threshold must be above 0 and at most 300, but is nan");
  add(phi, &DetectorConfig::threshold, 301.0,
      "threshold must be above 0 and at most 300, but is 301");
  add(phi, &DetectorConfig::stddev_min, Duration(-1),
      "stddev_min must be at least 0 and at most 24 h, but is -1e-06 ms");
  add(phi, &DetectorConfig::acceptable_pause, Duration(hours(48)),
      "acceptable_pause must be at least 0 and at most 24 h, but is 1.728e+08 ms");
  add(fixed, &DetectorConfig::kind, static_cast<DetectorKind>(99),
      "kind must be one of fixed, chen, nfd-s, bertier, phi, phi-logistic, phi-exponential, "
      "two-window, quantile, adaptive");
  const DetectorConfig bertier = config_of(DetectorKind::kBertier);
  add(bertier, &DetectorConfig::deviation_weight, -1.0,
      "deviation_weight must be at least 0 and at most 1000, but is -1");
  add(bertier, &DetectorConfig::deviation_weight, std::numeric_limits<double>::infinity(),
      "deviation_weight must be at least 0 and at most 1000, but is inf");
  const DetectorConfig two_window = config_of(DetectorKind::kTwoWindow);
  add(two_window, &DetectorConfig::short_window_size, 17U,
      "short_window_size must be between 1 and 16, but is 17");
  const DetectorConfig quantile = config_of(DetectorKind::kQuantile);
  add(quantile, &DetectorConfig::quantile_per_thousand, 0U,
      "quantile_per_thousand must be between 1 and 1000, but is 0");
  add(config_of(DetectorKind::kAdaptiveMargin), &DetectorConfig::safety_margin, Duration(hours(25)),
      "safety_margin must be at least 0 and at most 24 h, but is 9e+07 ms");
  add(config_of(DetectorKind::kAdaptiveMargin), &DetectorConfig::agility, 1.5,
      "agility must be at least 0 and at most 1, but is 1.5");
  add(config_of(DetectorKind::kPhiExponential), &DetectorConfig::threshold, 0.0,
      "threshold must be above 0 and at most 300, but is 0");

  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    const auto detector = make_detector(c.config);
    ASSERT_FALSE(detector);
    EXPECT_EQ(detector.error().message, c.message);
    EXPECT_EQ(detector.error().code, Errc::kBadConfig);
  }
  // A kind does not complain about fields that it does not read.
  DetectorConfig other = fixed;
  other.window_size = 0;
  other.threshold = -1;
  EXPECT_TRUE(make_detector(other));
}

bool has_window(DetectorKind kind) {
  return kind != DetectorKind::kFixedTimeout && kind != DetectorKind::kChenNfdS &&
         kind != DetectorKind::kAdaptiveMargin;
}

TEST(Detector, APeerCostsAtMost512BytesAtAWindowOf100And4200At1000) {
  for (const DetectorKind kind : kDetectorKinds) {
    SCOPED_TRACE(to_string(kind));
    for (const auto& [window_size, bytes_max] : {std::pair{100U, 512U}, std::pair{1000U, 4200U}}) {
      DetectorConfig config = config_of(kind);
      config.window_size = window_size;
      const auto before = test::allocated_bytes();
      const Detector detector = *make_detector(config);
      const auto bytes = sizeof(detector) + (test::allocated_bytes() - before);
      EXPECT_LE(bytes, has_window(kind) ? bytes_max : 112U) << window_size;
    }
  }
}

TEST(Detector, NothingIsLearnedWhileTheObserverIsSick) {
  for (const DetectorKind kind : kDetectorKinds) {
    SCOPED_TRACE(to_string(kind));
    Detector steady = *make_detector(config_of(kind));
    Detector sick = *make_detector(config_of(kind));
    const auto due = [](std::uint64_t seq) { return at(100 * static_cast<std::int64_t>(seq)); };
    for (std::uint64_t seq = 1; seq <= 300; ++seq) {
      steady.heartbeat(due(seq), Seq(seq));
      sick.heartbeat(due(seq), Seq(seq));
    }
    // Own pauses let the second one handle eight heartbeats late.
    for (std::uint64_t seq = 301; seq <= 308; ++seq) {
      steady.heartbeat(due(seq), Seq(seq));
      sick.heartbeat(due(seq) + milliseconds(95), Seq(seq), Sampling::kOff);
      EXPECT_GE(sick.suspect_at(), due(seq) + milliseconds(195)) << "it has just been heard";
    }
    steady.heartbeat(due(309), Seq(309));
    sick.heartbeat(due(309), Seq(309));
    EXPECT_LE(std::abs((sick.suspect_at() - steady.suspect_at()).count()), 1'000'000)
        << "as if they had been in time";
  }
}

TEST(Detector, EverySweepRisesAndIsValid) {
  for (const DetectorKind kind : kDetectorKinds) {
    SCOPED_TRACE(to_string(kind));
    EXPECT_EQ(detector_kind_named(to_string(kind)), kind);
    for (const Duration interval : {Duration(milliseconds(1)), Duration(milliseconds(1000))}) {
      double last = -1;
      for (const double setting : sweep_settings(kind, interval, 20)) {
        EXPECT_GT(setting, last);
        last = setting;
        DetectorConfig config = config_of(kind);
        config.heartbeat_interval = interval;
        set_knob(config, setting);
        EXPECT_NEAR(knob_setting(config), setting, 1e-6);
        EXPECT_TRUE(validate(config)) << validate(config).error().message;
      }
    }
  }
  EXPECT_EQ(detector_kind_named("dead"), std::nullopt);
}

TEST(Detector, AllocatesItsWindowOnceAndAKindWithoutAWindowNothing) {
  for (const DetectorKind kind : kDetectorKinds) {
    SCOPED_TRACE(to_string(kind));
    const auto before = test::allocations();
    auto made = make_detector(config_of(kind));
    Detector detector = *std::move(made);
    const auto after = test::allocations();
    EXPECT_EQ(after - before, has_window(kind) ? 1U : 0U);
    Rng rng(3);
    std::uint64_t seq = 0;
    Instant now{};
    for (int i = 0; i < 100'000; ++i) {
      now += Duration(rng.between(0, 200'000'000));
      detector.heartbeat(now, Seq(seq += rng.below(3)));
      if (rng.chance(100)) {
        detector.reset();
        seq = 0;
      }
    }
    EXPECT_EQ(test::allocations(), after);
  }
}

}  // namespace
}  // namespace vouch
