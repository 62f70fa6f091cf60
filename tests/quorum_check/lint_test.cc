// Each inequality has a configuration that breaks it by one nanosecond and is named, and one that
// meets it exactly and passes.

#include "vouch/quorum_check/lint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "vouch/detector/detector.h"
#include "vouch/detector/rng.h"
#include "vouch/quorum_check/monitor.h"
#include "vouch/quorum_check/profile.h"

namespace vouch {
namespace {

using namespace std::chrono_literals;
using Names = std::set<std::string>;

MonitorConfig with_round_trip() {
  MonitorConfig config{.self = NodeId{1}, .incarnation = Incarnation{1}};
  config.peers = {NodeId{2}, NodeId{3}};
  config.groups = {{.id = GroupId{1}, .voters = {NodeId{1}, NodeId{2}, NodeId{3}}}};
  config.round_trip = 20ms;
  return config;
}

bool is_broken(const LintRow& row) {
  return row.judgement() == Judgement::kWarning || row.judgement() == Judgement::kUnsafe;
}

Names broken(const MonitorConfig& config) {
  Names names;
  for (const LintRow& row : lint(config)) {
    if (is_broken(row)) names.insert(std::string(row.name));
  }
  return names;
}

const LintRow& row_named(const std::vector<LintRow>& rows, std::string_view name) {
  const auto at =
      std::find_if(rows.begin(), rows.end(), [&](const LintRow& row) { return row.name == name; });
  EXPECT_NE(at, rows.end()) << "no rule " << name;
  return *at;
}

/// A rule, how to miss it by `by` nanoseconds, and what is broken beside it whatever `by` is.
struct Boundary {
  const char* rule;
  std::function<void(MonitorConfig&, Duration by)> set;
  Names beside = {};
};

/// The relations, and the ranges that end at another knob.
const Boundary kBoundaries[] = {
    {"heartbeat_interval_max",
     [](auto& c, Duration by) {
       c.heartbeat_interval = c.lease / 4 + by;
       c.detector.timeout = 450ms;
       c.round_trip = 0ms;
     }},
    {"guard_max", [](auto& c, Duration by) { c.guard = c.lease + by; }},
    {"confirm_interval_max",
     [](auto& c, Duration by) { c.confirm_interval = c.lease + by; },
     {"retry_in_consent"}},
    {"consent_hold_max", [](auto& c, Duration by) { c.consent_hold = c.lease / 2 + by; }},
    {"suppress_cap_min", [](auto& c, Duration by) { c.suppress_cap = c.lease - by; }},
    {"stall_limit_min", [](auto& c, Duration by) { c.stall_limit = c.heartbeat_interval - by; }},
    {"worker_interval_max",
     [](auto& c, Duration by) { c.worker_interval = c.progress_timeout / 2 + by; }},
    {"promise_covers_lease",
     [](auto& c, Duration by) { c.follower_lease = c.shortest_promise() - by; }},
    {"promise_fits_wire",
     [](auto& c, Duration by) {
       c.clock_drift_ppm = 100'000;
       c.lease = 3500s;
       c.suppress_cap = c.stall_window = 24h;
       c.hold_off = 1h;
       c.guard = 0ms;
       c.guard = 4'294'967'295us - c.shortest_promise() + by;
     }},
    {"boot_silence",
     [](auto& c, Duration by) {
       c.boot = BootMode::kPersisted;
       c.boot_promise = c.promise() + by;
     }},
    {"drift_of_ntp",
     [](auto& c, Duration by) {
       c.clock_drift_ppm = 500 - static_cast<std::uint32_t>(by.count());
     }},
    {"echo_gate",
     [](auto& c, Duration by) {
       c.round_trip = c.lease - 2 * c.heartbeat_interval + by;
       c.progress_timeout = 2s;
     },
     {"three_lost_heartbeats", "question_in_lease", "confirmation_window", "consent_room",
      "retry_after_answer"}},
    {"three_lost_heartbeats",
     [](auto& c, Duration by) {
       c.heartbeat_interval = 195ms;
       c.detector.timeout = 400ms;
       c.round_trip = c.lease - 4 * c.heartbeat_interval + by;
     }},
    {"suspicion_after_heartbeat",
     [](auto& c, Duration by) { c.detector.timeout = c.heartbeat_interval - by; },
     {"stall_before_suspicion", "suspicion_after_loss"}},
    {"suspicion_after_loss",
     [](auto& c, Duration by) {
       c.stall_limit = 100ms;
       c.detector.timeout = 2 * c.heartbeat_interval - by;
     }},
    {"suspicion_in_lease",
     [](auto& c, Duration by) {
       c.round_trip = 0ms;
       c.detector.timeout = c.lease + by;
     }},
    {"question_in_lease",
     [](auto& c, Duration by) { c.detector.timeout = c.lease - c.round_trip + by; }},
    {"stall_before_suspicion",
     [](auto& c, Duration by) { c.stall_limit = c.detector.timeout + by; }},
    {"stall_window_holds_lease", [](auto& c, Duration by) { c.stall_window = c.lease - by; }},
    {"hold_off_outlasts_lease", [](auto& c, Duration by) { c.hold_off = c.lease - by; }},
    {"commit_in_progress_timeout",
     [](auto& c, Duration by) { c.progress_timeout = 2 * c.round_trip - by; }},
    {"confirmation_window",
     [](auto& c, Duration by) {
       c.clock_drift_ppm = 1000;
       c.round_trip = 399'200us + by;
       c.confirm_interval = c.consent_hold = 400ms;
     },
     {"consent_room"}},
    {"consent_room",
     [](auto& c, Duration by) {
       c.round_trip = c.lease / 4;
       c.lease -= 2 * by;  // lease / 2 is one less than two round trips.
       c.confirm_interval = c.consent_hold = 200ms;
     }},
    {"retry_in_consent", [](auto& c, Duration by) { c.consent_hold = c.confirm_interval - by; }},
    {"attempts_kept",
     [](auto& c, Duration by) {
       c.confirm_interval = 500us;
       c.round_trip = 31 * c.confirm_interval + by;
     },
     {"retry_after_answer"}},
    {"retry_after_answer", [](auto& c, Duration by) { c.confirm_interval = c.round_trip - by; }},
};

TEST(Lint, TheGoodOneIsGood) {
  EXPECT_EQ(broken(with_round_trip()), Names{});
  EXPECT_EQ(worst(lint(with_round_trip())), Judgement::kOk);
}

TEST(Lint, EachRelationIsNamedWhenBrokenByALittleAndPassesWhenMetExactly) {
  for (const Boundary& boundary : kBoundaries) {
    SCOPED_TRACE(boundary.rule);
    MonitorConfig met = with_round_trip();
    boundary.set(met, 0ns);
    EXPECT_EQ(row_named(lint(met), boundary.rule).slack(), 0);
    EXPECT_EQ(broken(met), boundary.beside);

    MonitorConfig missed = with_round_trip();
    boundary.set(missed, 1ns);
    Names expected = boundary.beside;
    expected.insert(boundary.rule);
    EXPECT_EQ(broken(missed), expected);
    const std::vector<LintRow> rows = lint(missed);
    const LintRow& row = row_named(rows, boundary.rule);
    EXPECT_EQ(row.judgement(), row.if_broken);
    EXPECT_EQ(row.slack(), -1);

    // The Monitor refuses exactly what is unsafe, and says which field.
    const auto made = Monitor::create(missed, Instant{}, Rng(1));
    EXPECT_EQ(made.has_value(), worst(rows) != Judgement::kUnsafe);
    if (!made && row.if_broken == Judgement::kUnsafe && boundary.beside.empty()) {
      EXPECT_EQ(made.error().message, row.message());
      EXPECT_EQ(made.error().message.find(std::string(row.field) + ": "), 0U);
    }
  }
}

/// Every rule that is not a bound by a constant stands in the table above.
TEST(Lint, NoRelationIsWithoutItsBoundary) {
  Names tested;
  for (const Boundary& boundary : kBoundaries)
    tested.insert(boundary.rule);
  Names all;
  for (const LintRow& row : lint(with_round_trip())) {
    EXPECT_TRUE(all.insert(std::string(row.name)).second) << row.name << " twice";
    const bool is_bound = row.kind != LintRow::Kind::kRelation;
    if (!is_bound || row.is_between_knobs()) {
      EXPECT_TRUE(tested.contains(std::string(row.name))) << row.name;
    }
  }
  for (const std::string& name : tested)
    EXPECT_TRUE(all.contains(name)) << name;
}

TEST(Lint, BoundsThatAreConstantsAreExact) {
  const struct {
    const char* rule;
    std::function<void(MonitorConfig&, Duration by)> set;
  } bounds[] = {
      {"padded_every_max",
       [](auto& c, Duration by) {
         c.padded_every = 1000 + static_cast<std::uint32_t>(by.count());
       }},
      {"clock_drift_ppm_max",
       [](auto& c, Duration by) {
         c.clock_drift_ppm = 100'000 + static_cast<std::uint32_t>(by.count());
       }},
      {"lease_min", [](auto& c, Duration by) { c.lease = 1ms - by; }},
      {"lease_max", [](auto& c, Duration by) { c.lease = 1h + by; }},
      {"heartbeat_interval_min", [](auto& c, Duration by) { c.heartbeat_interval = 100us - by; }},
      {"guard_min", [](auto& c, Duration by) { c.guard = -by; }},
      {"follower_lease_min", [](auto& c, Duration by) { c.follower_lease = -by; }},
      {"follower_lease_max", [](auto& c, Duration by) { c.follower_lease = 1h + by; }},
      {"confirm_interval_min", [](auto& c, Duration by) { c.confirm_interval = 100us - by; }},
      {"consent_hold_min", [](auto& c, Duration by) { c.consent_hold = 100us - by; }},
      {"round_trip_min", [](auto& c, Duration by) { c.round_trip = -by; }},
      {"round_trip_max", [](auto& c, Duration by) { c.round_trip = 1h + by; }},
      {"suppress_cap_max", [](auto& c, Duration by) { c.suppress_cap = 24h + by; }},
      {"stall_limit_max", [](auto& c, Duration by) { c.stall_limit = 1h + by; }},
      {"progress_timeout_min", [](auto& c, Duration by) { c.progress_timeout = -by; }},
      {"progress_timeout_max", [](auto& c, Duration by) { c.progress_timeout = 1h + by; }},
      {"worker_interval_min", [](auto& c, Duration by) { c.worker_interval = -by; }},
      {"hold_off_min", [](auto& c, Duration by) { c.hold_off = -by; }},
      {"hold_off_max", [](auto& c, Duration by) { c.hold_off = 1h + by; }},
      {"stall_window_min", [](auto& c, Duration by) { c.stall_window = -by; }},
      {"stall_window_max", [](auto& c, Duration by) { c.stall_window = 24h + by; }},
      {"boot_promise_min", [](auto& c, Duration by) { c.boot_promise = -by; }},
      {"boot_promise_max", [](auto& c, Duration by) { c.boot_promise = 1h + by; }},
  };
  for (const auto& bound : bounds) {
    SCOPED_TRACE(bound.rule);
    MonitorConfig met = with_round_trip();
    bound.set(met, 0ns);
    EXPECT_FALSE(is_broken(row_named(lint(met), bound.rule)));
    MonitorConfig missed = with_round_trip();
    bound.set(missed, 1ns);
    EXPECT_EQ(row_named(lint(missed), bound.rule).judgement(), Judgement::kUnsafe);
    EXPECT_FALSE(validate(missed));
  }
}

TEST(Lint, WithoutTheRoundTripItsRulesAreNotJudged) {
  MonitorConfig config = with_round_trip();
  config.round_trip = 0ms;
  Names unknown;
  for (const LintRow& row : lint(config)) {
    if (row.judgement() != Judgement::kNotJudged) continue;
    unknown.insert(std::string(row.name));
    EXPECT_EQ(row.slack_text(), "?");
  }
  EXPECT_EQ(unknown, (Names{"echo_gate", "three_lost_heartbeats", "question_in_lease",
                            "commit_in_progress_timeout", "confirmation_window", "consent_room",
                            "attempts_kept", "retry_after_answer"}));
  EXPECT_EQ(worst(lint(config)), Judgement::kNotJudged);
  EXPECT_TRUE(validate(config)) << "what cannot be judged is not refused";
}

TEST(Lint, AKnobThatIsSwitchedOffBreaksNothing) {
  MonitorConfig config = with_round_trip();
  config.progress_timeout = config.stall_window = config.hold_off = 0ms;
  EXPECT_EQ(broken(config), Names{});
  const std::vector<LintRow> rows = lint(config);
  for (const char* rule :
       {"commit_in_progress_timeout", "stall_window_holds_lease", "hold_off_outlasts_lease"}) {
    EXPECT_EQ(row_named(rows, rule).judgement(), Judgement::kOff) << rule;
  }
}

TEST(Lint, AMessageNamesFieldRuleAndValue) {
  MonitorConfig config = with_round_trip();
  config.follower_lease = 800ms;
  const auto made = Monitor::create(config, Instant{}, Rng(1));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message,
            "follower_lease: lease (1+r)/(1-r) + guard at most follower_lease = 800 ms, but it is "
            "802.601602 ms");
}

TEST(Lint, SilenceIsThatOfTheDetectorThatIsChosen) {
  MonitorConfig config = with_round_trip();
  EXPECT_EQ(suspicion_silence(config), 350ms);
  config.detector.kind = DetectorKind::kChen;
  EXPECT_EQ(suspicion_silence(config), 400ms);
  config.detector.kind = DetectorKind::kPhiAccrual;
  // z of phi 8 is 5.612; the deviation is never taken as less than 10 ms.
  EXPECT_GT(suspicion_silence(config), 156ms);
  EXPECT_LT(suspicion_silence(config), 157ms);
  EXPECT_TRUE(broken(config).contains("suspicion_after_loss"));
  config.detector.acceptable_pause = 150ms;
  EXPECT_FALSE(broken(config).contains("suspicion_after_loss"));
}

/// Chen's, with clocks that may differ by a tenth, and everything else good.
MonitorConfig with_drift(DetectorKind kind) {
  MonitorConfig config = with_round_trip();
  config.clock_drift_ppm = 50'000;
  config.lease = config.suppress_cap = 10s;
  config.hold_off = config.stall_window = 20s;
  config.detector.kind = kind;
  config.detector.agility = 0;  // Its margin is safety_margin whatever the jitter.
  config.detector.short_window_size = 4;
  return config;
}

const LintRow* find_row(const std::vector<LintRow>& rows, std::string_view name) {
  const auto at =
      std::find_if(rows.begin(), rows.end(), [&](const LintRow& row) { return row.name == name; });
  return at == rows.end() ? nullptr : &*at;
}

// 100 ms (1+r)/(1-r) is 10.526316 ms more; the mean of a window of 100 is that of 50.5 heartbeats
// before the next.
TEST(Lint, DriftIsJudgedForDetectorsWithASchedule) {
  MonitorConfig config = with_drift(DetectorKind::kChen);
  const Duration lag = 531'578'958ns;
  config.detector.safety_margin = lag;
  EXPECT_EQ(broken(config), Names{});
  config.detector.safety_margin = lag - 1ns;
  EXPECT_EQ(broken(config), Names{"drift_in_margin"});
  EXPECT_EQ(
      row_named(lint(config), "drift_in_margin").message(),
      "detector.safety_margin: heartbeat_interval 2r/(1-r) (detector.window_size+1)/2 at most "
      "detector.safety_margin = 531.578957 ms, but it is 531.578958 ms");
  EXPECT_TRUE(Monitor::create(config, Instant{}, Rng(1))) << "it costs time, never a rule";

  // The suspicion of a leader whose clock is quick comes as much later.
  config.detector.safety_margin = 600ms;
  config.lease = config.heartbeat_interval + config.detector.safety_margin + lag;
  EXPECT_EQ(broken(config), Names{});
  config.lease -= 1ns;
  EXPECT_EQ(broken(config), Names{"drift_in_lease"});

  for (const DetectorKind kind : kDetectorKinds) {
    const std::vector<LintRow> rows = lint(with_drift(kind));
    const bool has_gaps_only =
        kind == DetectorKind::kFixedTimeout || kind == DetectorKind::kQuantile ||
        kind == DetectorKind::kPhiAccrual || kind == DetectorKind::kPhiLogistic ||
        kind == DetectorKind::kPhiExponential;
    EXPECT_EQ(find_row(rows, "drift_in_lease") == nullptr, has_gaps_only) << to_string(kind);
    EXPECT_EQ(find_row(rows, "drift_in_margin") == nullptr,
              has_gaps_only || kind == DetectorKind::kBertier)
        << to_string(kind);
  }
}

/// How late the worst heartbeat comes after its expected arrival, or how early (below zero), when
/// each comes `each` later than the sender's interval says. The margin is wide enough.
Duration measured_lag(const MonitorConfig& config, Duration each, std::uint64_t count = 1500) {
  DetectorConfig detector = config.detector;
  detector.heartbeat_interval = config.heartbeat_interval;
  auto made = make_detector(detector);
  EXPECT_TRUE(made);
  Duration worst{};
  Instant now(10s);
  for (std::uint64_t number = 1; number <= count; ++number) {
    now += config.heartbeat_interval + each;
    const Duration late = now - (made->suspect_at() - detector.safety_margin);
    if (number > 1 && std::chrono::abs(late) > std::chrono::abs(worst)) worst = late;
    made->heartbeat(now, Seq{number});
  }
  return worst;
}

// The derivation is held against the detectors themselves.
TEST(Lint, TheLagOfDriftIsThatOfTheDetectors) {
  const Duration each = 10'526'316ns;
  for (const DetectorKind kind : kDetectorKinds) {
    MonitorConfig config = with_drift(kind);
    config.detector.safety_margin = 3s;
    const std::vector<LintRow> rows = lint(config);
    const LintRow* const in_margin = find_row(rows, "drift_in_margin");
    const LintRow* const in_lease = find_row(rows, "drift_in_lease");
    SCOPED_TRACE(to_string(kind));
    if (in_margin != nullptr) {
      const Duration off = Duration(in_margin->left.value()) - measured_lag(config, each);
      EXPECT_LE(std::chrono::abs(off), 1us);
    }
    if (in_lease == nullptr || kind == DetectorKind::kBertier) continue;
    const Duration lag = Duration(in_lease->left.value()) - suspicion_silence(config);
    EXPECT_LE(std::chrono::abs(lag + measured_lag(config, -each)), 1us);
  }
}

// Its mean takes as long to follow as it is smoothed.
TEST(Lint, WithoutMemoryTheAdaptiveDetectorLagsByItsMean) {
  MonitorConfig config = with_drift(DetectorKind::kAdaptiveMargin);
  config.clock_drift_ppm = 1000;
  config.detector.safety_margin = 3s;
  config.detector.memory = false;
  const Duration lag = Duration(row_named(lint(config), "drift_in_margin").left.value());
  EXPECT_EQ(lag, 200'201us);
  const Duration measured = measured_lag(config, 200'200ns, 20'000);
  EXPECT_LE(std::chrono::abs(lag - measured), lag / 500);
  config.detector.memory = true;
  EXPECT_LT(measured_lag(config, 200'200ns, 20'000), 1ms);
}

// Bertier's margin learns the lag of a slow clock, and cannot become less than nothing for a quick
// one.
TEST(Lint, BertiersMarginTakesUpTheLagOfASlowClock) {
  MonitorConfig config = with_drift(DetectorKind::kBertier);
  config.detector.window_size = 10;  // A lag of more than an interval is a new schedule.
  const std::vector<LintRow> rows = lint(config);
  const Duration of_quick = Duration(row_named(rows, "drift_in_lease").left.value());
  DetectorConfig detector = config.detector;
  detector.heartbeat_interval = config.heartbeat_interval;
  for (const Duration each : {Duration(10'526'316), Duration(-10'526'316)}) {
    auto made = make_detector(detector);
    ASSERT_TRUE(made);
    Instant now(10s);
    for (std::uint64_t number = 1; number <= 1500; ++number) {
      now += config.heartbeat_interval + each;
      EXPECT_GE(made->suspect_at() - now, -1us) << number;
      made->heartbeat(now, Seq{number});
    }
    const Duration late = made->suspect_at() - (now + config.heartbeat_interval + each);
    const Duration lag = each > 0ns ? 0ns : of_quick - suspicion_silence(config);
    EXPECT_LE(std::chrono::abs(late - lag), 1us);
  }
}

/// What the range of each field was before there was a linter, written down again.
bool is_in_range(const MonitorConfig& c) {
  const auto within = [](Duration low, Duration value, Duration high) {
    return low <= value && value <= high;
  };
  return within(1ms, c.lease, 1h) && within(100us, c.heartbeat_interval, c.lease / 4) &&
         within(0ms, c.guard, c.lease) && within(100us, c.confirm_interval, c.lease) &&
         within(100us, c.consent_hold, c.lease / 2) && within(c.lease, c.suppress_cap, 24h) &&
         within(c.heartbeat_interval, c.stall_limit, 1h) && within(0ms, c.progress_timeout, 1h) &&
         within(0ms, c.worker_interval, c.progress_timeout / 2) && within(0ms, c.hold_off, 1h) &&
         within(0ms, c.stall_window, 24h) && within(0ms, c.boot_promise, 1h) &&
         c.clock_drift_ppm <= 100'000 && c.padded_every <= 1000;
}

TEST(Lint, RandomOnesAreRefusedAsTheRangesAndTheNewRelationsSay) {
  Rng rng(5);
  int accepted = 0;
  int refused = 0;
  for (int run = 0; run < 20'000; ++run) {
    MonitorConfig c = with_round_trip();
    c.round_trip = 0ms;
    const auto draw = [&](Duration around) {
      return Duration(around.count() * rng.between(60, 140) / 100);
    };
    c.lease = draw(800ms);
    c.heartbeat_interval = draw(150ms);
    c.consent_hold = draw(300ms);
    c.stall_limit = draw(200ms);
    c.suppress_cap = draw(1200ms);
    c.worker_interval = draw(350ms);
    c.detector.timeout = draw(200ms);
    const bool is_fine = is_in_range(c) && c.detector.timeout >= c.heartbeat_interval;
    EXPECT_EQ(validate(c).has_value(), is_fine) << "run " << run << " of seed 5";
    EXPECT_EQ(worst(lint(c)) != Judgement::kUnsafe, is_fine) << "run " << run << " of seed 5";
    ++(is_fine ? accepted : refused);
  }
  EXPECT_GT(accepted, 500);
  EXPECT_GT(refused, 500);
}

TEST(Lint, NoValueOverflows) {
  for (const Duration extreme : {Duration::min(), Duration::max()}) {
    MonitorConfig config = with_round_trip();
    config.lease = config.heartbeat_interval = config.guard = config.follower_lease =
        config.round_trip = config.confirm_interval = config.progress_timeout = extreme;
    config.clock_drift_ppm = 0xffff'ffffU;
    EXPECT_EQ(worst(lint(config)), Judgement::kUnsafe);
    EXPECT_EQ(worst(lint_pair(config, with_round_trip())),
              extreme < Duration::zero() ? Judgement::kOk : Judgement::kUnsafe);
    EXPECT_FALSE(validate(config));
  }
}

TEST(Lint, APairIsSafeWhileEveryPromiseCoversEveryLease) {
  // A longer lease, node by node: first the promises, then the leases (docs/CONFIG.md).
  const MonitorConfig before = with_round_trip();
  MonitorConfig after = with_round_trip();
  after.lease = 1200ms;
  EXPECT_EQ(worst(lint_pair(before, after)), Judgement::kOk);
  EXPECT_EQ(worst(lint_pair(after, before)), Judgement::kUnsafe)
      << "who has not been changed yet is free too early";
  MonitorConfig between = with_round_trip();
  between.follower_lease = after.promise();
  EXPECT_EQ(worst(lint_pair(before, between)), Judgement::kOk);
  EXPECT_EQ(worst(lint_pair(after, between)), Judgement::kOk);
  between.follower_lease -= 1ns;
  EXPECT_EQ(worst(lint_pair(after, between)), Judgement::kUnsafe);
}

TEST(Lint, APairMayDifferInItsClocks) {
  MonitorConfig fast = with_round_trip();
  fast.clock_drift_ppm = 20'000;
  EXPECT_EQ(worst(lint_pair(with_round_trip(), fast)), Judgement::kOk);
  EXPECT_EQ(worst(lint_pair(fast, with_round_trip())), Judgement::kUnsafe)
      << "the leader's clock may be slower than the follower allows for";
}

TEST(Profile, EachPassesWithoutAWarning) {
  for (const Profile profile : kProfiles) {
    MonitorConfig config = with_round_trip();
    apply_profile(profile, config);
    EXPECT_EQ(broken(config), Names{}) << to_string(profile);
    EXPECT_EQ(worst(lint(config)), Judgement::kOk) << "and everything is judged";
    EXPECT_TRUE(Monitor::create(config, Instant{}, Rng(1)));
    EXPECT_EQ(profile_named(to_string(profile)), profile);
  }
  EXPECT_FALSE(profile_named("moon"));
}

TEST(Profile, LanIsWhatTheDefaultsAre) {
  MonitorConfig lan = with_round_trip();
  lan.heartbeat_interval = lan.lease = lan.confirm_interval = lan.consent_hold = 1ms;
  lan.detector.timeout = lan.stall_limit = lan.progress_timeout = lan.suppress_cap = 1ms;
  lan.hold_off = lan.stall_window = lan.guard = lan.worker_interval = lan.follower_lease = 7ms;
  apply_profile(Profile::kLan, lan);
  const MonitorConfig defaults;
  EXPECT_EQ(lan.heartbeat_interval, defaults.heartbeat_interval);
  EXPECT_EQ(lan.detector.timeout, defaults.detector.timeout);
  EXPECT_EQ(lan.detector.safety_margin, defaults.detector.safety_margin);
  EXPECT_EQ(lan.lease, defaults.lease);
  EXPECT_EQ(lan.follower_lease, defaults.follower_lease);
  EXPECT_EQ(lan.guard, defaults.guard);
  EXPECT_EQ(lan.confirm_interval, defaults.confirm_interval);
  EXPECT_EQ(lan.consent_hold, defaults.consent_hold);
  EXPECT_EQ(lan.suppress_cap, defaults.suppress_cap);
  EXPECT_EQ(lan.stall_limit, defaults.stall_limit);
  EXPECT_EQ(lan.progress_timeout, defaults.progress_timeout);
  EXPECT_EQ(lan.worker_interval, defaults.worker_interval);
  EXPECT_EQ(lan.hold_off, defaults.hold_off);
  EXPECT_EQ(lan.stall_window, defaults.stall_window);
}

}  // namespace
}  // namespace vouch
