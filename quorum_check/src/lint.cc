#include "vouch/quorum_check/lint.h"

#include <algorithm>
#include <limits>
#include <numbers>

#include "vouch/detector/phi_accrual.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/confirmation.h"

namespace vouch {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using Kind = LintTerm::Kind;

/// No knob counts for more, so that a few times the sum of three stays inside 64 bits.
constexpr std::int64_t kValueMax = 100'000'000'000'000'000;

/// Every knob under the name by which MonitorConfig documents it.
struct Knobs {
  explicit Knobs(const MonitorConfig& c);

  LintSide lease;
  LintSide heartbeat_interval;
  LintSide guard;
  LintSide follower_lease;
  LintSide confirm_interval;
  LintSide consent_hold;
  LintSide round_trip;        ///< Unknown if it is zero.
  LintSide given_round_trip;  ///< Zero if it is zero.
  LintSide suppress_cap;
  LintSide stall_limit;
  LintSide progress_timeout;
  LintSide worker_interval;
  LintSide hold_off;
  LintSide stall_window;
  LintSide boot_promise;
  LintSide padded_every;
  LintSide clock_drift_ppm;
  LintSide silence;        ///< suspicion_silence, by the name of what sets it.
  LintSide covered_lease;  ///< The lease, as long as it may run by another clock.
  LintSide promise;
  LintSide consent_sure;  ///< The longest consent, by the candidate's clock.
};

const char* silence_name(DetectorKind kind) {
  switch (kind) {
    case DetectorKind::kFixedTimeout:
      return "detector.timeout";
    case DetectorKind::kChen:
    case DetectorKind::kChenNfdS:
    case DetectorKind::kTwoWindow:
    case DetectorKind::kQuantile:
    case DetectorKind::kAdaptiveMargin:
      return "(heartbeat_interval + detector.safety_margin)";
    case DetectorKind::kBertier:
      return "(heartbeat_interval, and no margin on a steady link)";
    case DetectorKind::kPhiExponential:
      return "(ln 10 detector.threshold heartbeat_interval + detector.acceptable_pause)";
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic:
      return "(heartbeat_interval + z detector.stddev_min + detector.acceptable_pause)";
  }
  return "detector";
}

/// Knobs of any value, made such that the formulas of the promise cannot overflow.
MonitorConfig tamed(MonitorConfig config) {
  const Duration longest(kValueMax);
  config.lease = std::clamp(config.lease, Duration::zero(), longest);
  config.guard = std::clamp(config.guard, -longest, longest);
  config.clock_drift_ppm = std::min<std::uint32_t>(config.clock_drift_ppm, 999'999);
  return config;
}

/// lease (1 + r) / (1 - r), with the leader's clock slow and the follower's fast.
Duration covered(const MonitorConfig& leader, std::uint32_t follower_drift_ppm) {
  const std::int64_t above = 1'000'000 + static_cast<std::int64_t>(follower_drift_ppm);
  const std::int64_t below = 1'000'000 - static_cast<std::int64_t>(leader.clock_drift_ppm);
  const std::int64_t count = leader.lease.count();
  const std::int64_t whole = count / below;
  // A lease of years on a clock that stands nearly still: what follows is refused anyway.
  if (whole > kValueMax / above) return Duration(kValueMax);
  return Duration(whole * above + (count % below * above + below - 1) / below);
}

Knobs::Knobs(const MonitorConfig& c)
    : lease("lease", c.lease),
      heartbeat_interval("heartbeat_interval", c.heartbeat_interval),
      guard("guard", c.guard),
      follower_lease("follower_lease", c.follower_lease),
      confirm_interval("confirm_interval", c.confirm_interval),
      consent_hold("consent_hold", c.consent_hold),
      round_trip("round_trip", c.round_trip,
                 c.round_trip == Duration::zero() ? Kind::kUnknown : Kind::kKnob),
      given_round_trip("round_trip", c.round_trip),
      suppress_cap("suppress_cap", c.suppress_cap),
      stall_limit("stall_limit", c.stall_limit),
      progress_timeout("progress_timeout", c.progress_timeout),
      worker_interval("worker_interval", c.worker_interval),
      hold_off("hold_off", c.hold_off),
      stall_window("stall_window", c.stall_window),
      boot_promise("boot_promise", c.boot_promise),
      padded_every("padded_every", c.padded_every),
      clock_drift_ppm("clock_drift_ppm", c.clock_drift_ppm),
      silence(silence_name(c.detector.kind), suspicion_silence(c)) {
  const MonitorConfig safe = tamed(c);
  covered_lease = LintSide("lease (1+r)/(1-r)", covered(safe, safe.clock_drift_ppm));
  const bool is_computed = c.follower_lease == Duration::zero();
  const Duration bound =
      is_computed ? covered(safe, safe.clock_drift_ppm) + safe.guard : c.follower_lease;
  promise = LintSide(is_computed ? "promise" : "follower_lease", bound);
  const std::int64_t hold = (safe.lease / 2).count();
  const std::int64_t lost = hold / 1'000'000 * 2 * safe.clock_drift_ppm +
                            hold % 1'000'000 * 2 * safe.clock_drift_ppm / 1'000'000;
  consent_sure = LintSide("lease / 2 (1-2r)", Duration(hold - lost));
}

LintSide constant(std::string_view text, Duration value) {
  return LintSide(text, value, Kind::kConstant);
}

/// The range of each field, in the order in which validate looks at them.
void add_ranges(std::vector<LintRow>& rows, const Knobs& k) {
  const LintSide zero = constant("0", Duration::zero());
  const LintSide none("0", 0U, Kind::kConstant);
  const LintSide shortest = constant("0.1 ms", microseconds(100));
  const LintSide hour = constant("1 h", hours(1));
  const LintSide day = constant("24 h", hours(24));
  add_range(rows, "padded_every_min", "padded_every_max", none, k.padded_every,
            LintSide("1000", 1000U, Kind::kConstant));
  add_range(rows, "clock_drift_ppm_min", "clock_drift_ppm_max", none, k.clock_drift_ppm,
            LintSide("100000", 100'000U, Kind::kConstant));
  add_range(rows, "lease_min", "lease_max", constant("1 ms", milliseconds(1)), k.lease, hour);
  add_range(rows, "heartbeat_interval_min", "heartbeat_interval_max", shortest,
            k.heartbeat_interval, k.lease / 4);
  add_range(rows, "guard_min", "guard_max", zero, k.guard, k.lease);
  add_range(rows, "follower_lease_min", "follower_lease_max", zero, k.follower_lease, hour);
  add_range(rows, "confirm_interval_min", "confirm_interval_max", shortest, k.confirm_interval,
            k.lease);
  add_range(rows, "consent_hold_min", "consent_hold_max", shortest, k.consent_hold, k.lease / 2);
  add_range(rows, "round_trip_min", "round_trip_max", zero, k.given_round_trip, hour);
  add_range(rows, "suppress_cap_min", "suppress_cap_max", k.lease, k.suppress_cap, day);
  add_range(rows, "stall_limit_min", "stall_limit_max", k.heartbeat_interval, k.stall_limit, hour);
  add_range(rows, "progress_timeout_min", "progress_timeout_max", zero, k.progress_timeout, hour);
  add_range(rows, "worker_interval_min", "worker_interval_max", zero, k.worker_interval,
            k.progress_timeout / 2);
  add_range(rows, "hold_off_min", "hold_off_max", zero, k.hold_off, hour);
  add_range(rows, "stall_window_min", "stall_window_max", zero, k.stall_window, day);
  add_range(rows, "boot_promise_min", "boot_promise_max", zero, k.boot_promise, hour);
}

/// Lease, promise and what renews them.
void add_lease_rows(std::vector<LintRow>& rows, const Knobs& k, const MonitorConfig& config) {
  rows.push_back({.name = "promise_covers_lease",
                  .field = "follower_lease",
                  .left = k.covered_lease + k.guard,
                  .right = k.promise,
                  .why = "a follower would be free while its leader's lease still runs (S8)"});
  rows.push_back({.name = "promise_fits_wire",
                  .field = "lease",
                  .left = k.promise,
                  .right = constant("4294967.295 ms", from_wire(WireMicros{0xffff'ffffU})),
                  .why = "a message cannot say for how long its sender is bound (S8)"});
  rows.push_back({.name = "boot_silence",
                  .field = "boot_promise",
                  .left = k.boot_promise,
                  .right = k.promise,
                  .if_broken = Judgement::kWarning,
                  .why = "no promise is so long: the node is silent for nothing (S7)",
                  .is_on = config.boot == BootMode::kPersisted});
  rows.push_back({.name = "drift_of_ntp",
                  .field = "clock_drift_ppm",
                  .left = LintSide("500", 500U, Kind::kConstant),
                  .right = k.clock_drift_ppm,
                  .if_broken = Judgement::kWarning,
                  .why = "NTP may slew a clock by 500 ppm: two leases could overlap by the rest"});
  rows.push_back({.name = "echo_gate",
                  .field = "lease",
                  .left = k.round_trip + 2 * k.heartbeat_interval,
                  .right = k.lease,
                  .why = "every heartbeat echoes what is older than lease - heartbeat_interval: "
                         "none earns a promise, no leader keeps a lease"});
  rows.push_back({.name = "three_lost_heartbeats",
                  .field = "heartbeat_interval",
                  .left = k.round_trip + 4 * k.heartbeat_interval,
                  .right = k.lease,
                  .if_broken = Judgement::kWarning,
                  .why = "three lost heartbeats in a row cost a healthy leader its lease"});
}

/// When a peer is suspected, and what else hangs on it.
void add_suspicion_rows(std::vector<LintRow>& rows, const Knobs& k) {
  const std::string_view field = "detector";
  rows.push_back({.name = "suspicion_after_heartbeat",
                  .field = field,
                  .left = k.heartbeat_interval,
                  .right = k.silence,
                  .why = "every peer is suspect before its next heartbeat can come"});
  rows.push_back({.name = "suspicion_after_loss",
                  .field = field,
                  .left = 2 * k.heartbeat_interval,
                  .right = k.silence,
                  .if_broken = Judgement::kWarning,
                  .why = "each lost heartbeat makes a mistake and costs a question"});
  rows.push_back({.name = "suspicion_in_lease",
                  .field = field,
                  .left = k.silence,
                  .right = k.lease,
                  .if_broken = Judgement::kWarning,
                  .why = "a failover waits for the suspicion, not for the lease"});
  rows.push_back({.name = "question_in_lease",
                  .field = field,
                  .left = k.silence + k.round_trip,
                  .right = k.lease,
                  .if_broken = Judgement::kWarning,
                  .why = "a failover waits for the first answers, not for the lease"});
  rows.push_back({.name = "stall_before_suspicion",
                  .field = "stall_limit",
                  .left = k.stall_limit,
                  .right = k.silence,
                  .if_broken = Judgement::kWarning,
                  .why = "after an own pause between the two this node suspects everybody (S4)"});
  rows.push_back({.name = "stall_window_holds_lease",
                  .field = "stall_window",
                  .left = k.lease,
                  .right = k.stall_window,
                  .if_broken = Judgement::kWarning,
                  .why = "pauses cannot add up to a lease in it: the stall budget never bites",
                  .is_on = k.stall_window.value() != 0});
  rows.push_back({.name = "hold_off_outlasts_lease",
                  .field = "hold_off",
                  .left = k.lease,
                  .right = k.hold_off,
                  .if_broken = Judgement::kWarning,
                  .why = "a strike is forgotten before the next failover asks for it",
                  .is_on = k.hold_off.value() != 0});
  rows.push_back({.name = "commit_in_progress_timeout",
                  .field = "progress_timeout",
                  .left = 2 * k.round_trip,
                  .right = k.progress_timeout,
                  .why = "a commit that is sent twice deposes a healthy leader",
                  .is_on = k.progress_timeout.value() != 0});
}

/// By how much a detector's expected arrival is wrong, per heartbeat of drift: `halves` / 2 times
/// what each heartbeat is later, or earlier, than the one before it says.
struct DriftLag {
  const char* name = nullptr;  ///< Null: the kind keeps no schedule, or learns the lag away.
  std::int64_t halves = 0;
};

struct DriftLags {
  DriftLag slow;   ///< The subject's clock is slow: its heartbeats come ever later, offsets rise.
  DriftLag quick;  ///< Offsets fall.
};

/// NFD-E's mean of w offsets is that of (w+1)/2 heartbeats before the expected one. The least of up
/// to 2w offsets is the oldest of rising ones, the newest of falling ones; the later mean of two
/// windows that of the short one or the long one. Bertier's margin grows by the lag, but does not
/// fall below zero. The adaptive detector forgets its mean and follows the newest offset, or,
/// without memory, keeps a mean smoothed by a thousandth.
DriftLags drift_lags(const DetectorConfig& detector) {
  const std::int64_t window = detector.window_size;
  const DriftLag of_newest = {"heartbeat_interval 2r/(1-r)", 2};
  const DriftLag of_mean = {"heartbeat_interval 2r/(1-r) (detector.window_size+1)/2", window + 1};
  switch (detector.kind) {
    case DetectorKind::kChen:
      return {of_mean, of_mean};
    case DetectorKind::kChenNfdS:
      return {{"heartbeat_interval 2r/(1-r) 2 detector.window_size", 4 * window}, of_newest};
    case DetectorKind::kTwoWindow:
      return {{"heartbeat_interval 2r/(1-r) (detector.short_window_size+1)/2",
               std::int64_t{detector.short_window_size} + 1},
              of_mean};
    case DetectorKind::kBertier:
      return {{}, of_mean};
    case DetectorKind::kAdaptiveMargin: {
      const DriftLag lag =
          detector.memory ? of_newest : DriftLag{"1000 heartbeat_interval 2r/(1-r)", 2000};
      return {lag, lag};
    }
    case DetectorKind::kFixedTimeout:
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic:
    case DetectorKind::kPhiExponential:
    case DetectorKind::kQuantile:
      return {};
  }
  return {};
}

/// `lag` as a time, rounded up: both clocks at the drift bound, one slow and the other fast, so
/// that an interval of the one is interval (1+r)/(1-r) of the other. `config` has been found valid.
Duration drift_lag(const MonitorConfig& config, const DriftLag& lag) {
  const std::int64_t drift = std::min<std::int64_t>(config.clock_drift_ppm, 100'000);
  const std::int64_t below = 1'000'000 - drift;
  const std::int64_t count = config.heartbeat_interval.count();
  // At most 24 h: the first product stays below 2e13, and that with 262,140 halves below 2^63.
  const std::int64_t each =
      count / below * (2 * drift) + (count % below * (2 * drift) + below - 1) / below;
  return Duration((each * lag.halves + 1) / 2);
}

/// Detectors that keep the sender's schedule, whose clock runs at another rate.
void add_drift_rows(std::vector<LintRow>& rows, const Knobs& k, const MonitorConfig& config) {
  if (suspicion_silence(config) == Duration::zero()) return;
  const DriftLags lags = drift_lags(config.detector);
  if (const DriftLag& lag = lags.slow; lag.name != nullptr) {
    rows.push_back(
        {.name = "drift_in_margin",
         .field = "detector.safety_margin",
         .left = LintSide(lag.name, drift_lag(config, lag)),
         .right = LintSide("detector.safety_margin", config.detector.safety_margin),
         .if_broken = Judgement::kWarning,
         .why = "each heartbeat of a peer whose clock is slow comes after its suspicion"});
  }
  if (const DriftLag& lag = lags.quick; lag.name != nullptr) {
    // Whoever is earlier by more has a new schedule, and the estimate begins anew.
    const Duration most = suspicion_silence(config);
    const Duration late = drift_lag(config, lag);
    rows.push_back({.name = "drift_in_lease",
                    .field = "detector",
                    .left = k.silence + (late <= most ? LintSide(lag.name, late) : k.silence),
                    .right = k.lease,
                    .if_broken = Judgement::kWarning,
                    .why = "a failover waits for the suspicion of a leader whose clock is quick"});
  }
}

/// The confirmation against the round trip (rule L5).
void add_confirmation_rows(std::vector<LintRow>& rows, const Knobs& k) {
  constexpr auto kept = static_cast<std::int32_t>(Confirmation::kAttemptsKept) - 1;
  rows.push_back({.name = "confirmation_window",
                  .field = "lease",
                  .left = k.round_trip,
                  .right = k.consent_sure,
                  .why = "a consent has expired when it arrives: no election concludes"});
  rows.push_back(
      {.name = "consent_room",
       .field = "lease",
       .left = 2 * k.round_trip,
       .right = k.lease / 2,
       .if_broken = Judgement::kWarning,
       .why = "a consent cannot be held for the two round trips that it should outlast"});
  rows.push_back(
      {.name = "retry_in_consent",
       .field = "confirm_interval",
       .left = k.confirm_interval,
       .right = k.consent_hold,
       .if_broken = Judgement::kWarning,
       .why = "one lost answer voids the consents of the others before it is asked anew"});
  rows.push_back({.name = "attempts_kept",
                  .field = "confirm_interval",
                  .left = k.round_trip,
                  .right = kept * k.confirm_interval,
                  .why = "an answer comes when its attempt is forgotten: no round concludes (L5)"});
  rows.push_back({.name = "retry_after_answer",
                  .field = "confirm_interval",
                  .left = k.round_trip,
                  .right = k.confirm_interval,
                  .if_broken = Judgement::kWarning,
                  .why = "asked again before an answer can be here: allowed (L5), costs messages"});
}

/// From the last straight acknowledgement, two intervals old at the most, to the first promise over
/// a peer: the suspicion, the question, the next heartbeat with its way, the promise's way back.
void add_relay_row(std::vector<LintRow>& rows, const Knobs& k) {
  rows.push_back({.name = "relay_in_lease",
                  .field = "detector",
                  .left = k.silence + 3 * k.heartbeat_interval + 3 * k.round_trip,
                  .right = k.lease,
                  .if_broken = Judgement::kWarning,
                  .why = "a leader that a peer could keep loses its lease before that is found"});
}

/// The advice of front-ends, for who knows any.
void add_front_end_rows(std::vector<LintRow>& rows, const Knobs& k, const MonitorConfig& config) {
  if (config.front_ends.empty()) return;
  const LintSide interval("front_end_interval", config.front_end_interval);
  const LintSide window("front_end_window", config.front_end_window);
  add_range(rows, "front_end_interval_min", "front_end_interval_max",
            constant("1 ms", milliseconds(1)), interval, constant("1 h", hours(1)));
  add_range(rows, "front_end_window_min", "front_end_window_max", constant("0", Duration::zero()),
            window, constant("24 h", hours(24)));
  const bool is_on = config.front_end_window != Duration::zero();
  rows.push_back({.name = "front_end_window_outlasts_lease",
                  .field = "front_end_window",
                  .left = k.lease,
                  .right = window,
                  .why = "leadership would move because of a leader that is being replaced anyway",
                  .is_on = is_on});
  rows.push_back({.name = "front_end_reports_in_window",
                  .field = "front_end_window",
                  .left = 4 * interval,
                  .right = window,
                  .if_broken = Judgement::kWarning,
                  .why = "what a front-end said long ago counts for all of the window",
                  .is_on = is_on});
}

}  // namespace

void add_range(std::vector<LintRow>& rows, std::string_view name_min, std::string_view name_max,
               const LintSide& low, const LintSide& field, const LintSide& high) {
  LintRow row{.name = name_min, .left = low, .right = field, .other = high};
  // "lease_min" is about "lease".
  row.field = name_min.substr(0, name_min.size() - 4);
  row.why = "outside the range for which the rules are shown to hold";
  row.kind = LintRow::Kind::kMin;
  rows.push_back(row);
  row.name = name_max;
  row.left = field;
  row.right = high;
  row.other = low;
  row.kind = LintRow::Kind::kMax;
  rows.push_back(row);
}

LintSide::LintSide(std::string_view name, Duration value, LintTerm::Kind kind)
    : count_(1), unit_(Unit::kTime) {
  terms_[0] = {
      .name = name, .value = std::clamp(value.count(), -kValueMax, kValueMax), .kind = kind};
}

LintSide::LintSide(std::string_view name, std::uint32_t value, LintTerm::Kind kind)
    : count_(1), unit_(Unit::kNumber) {
  terms_[0] = {.name = name, .value = value, .kind = kind};
}

LintSide operator*(std::int32_t factor, LintSide side) {
  for (LintTerm& term : side.terms_)
    term.factor *= factor;
  return side;
}

LintSide operator/(LintSide side, std::int32_t divisor) {
  for (LintTerm& term : side.terms_)
    term.divisor *= divisor;
  return side;
}

LintSide operator+(LintSide left, const LintSide& right) {
  VOUCH_ASSERT(left.unit_ == right.unit_);
  for (std::size_t i = 0; i < right.count_; ++i) {
    VOUCH_ASSERT(left.count_ < left.terms_.size());
    left.terms_[left.count_++] = right.terms_[i];
  }
  return left;
}

std::int64_t LintSide::value() const {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count_; ++i)
    sum += terms_[i].value * terms_[i].factor / terms_[i].divisor;
  return sum;
}

bool LintSide::is_known() const {
  return std::none_of(terms_.begin(), terms_.begin() + count_,
                      [](const LintTerm& term) { return term.kind == Kind::kUnknown; });
}

bool LintSide::is_constant() const {
  return std::all_of(terms_.begin(), terms_.begin() + count_,
                     [](const LintTerm& term) { return term.kind == Kind::kConstant; });
}

Judgement LintRow::judgement() const {
  if (!is_on) return Judgement::kOff;
  if (!left.is_known() || !right.is_known()) return Judgement::kNotJudged;
  return slack() >= 0 ? Judgement::kOk : if_broken;
}

std::vector<LintRow> lint(const MonitorConfig& config) {
  const Knobs knobs(config);
  std::vector<LintRow> rows;
  rows.reserve(64);
  add_ranges(rows, knobs);
  add_lease_rows(rows, knobs, config);
  add_suspicion_rows(rows, knobs);
  add_drift_rows(rows, knobs, config);
  add_confirmation_rows(rows, knobs);
  if (config.relay == RelayMode::kAll) add_relay_row(rows, knobs);
  add_front_end_rows(rows, knobs, config);
  return rows;
}

std::vector<LintRow> lint_pair(const MonitorConfig& leader, const MonitorConfig& follower) {
  const MonitorConfig leading = tamed(leader);
  const MonitorConfig following = tamed(follower);
  const Duration must_cover = covered(leading, following.clock_drift_ppm);
  const Duration own = covered(following, following.clock_drift_ppm) + following.guard;
  const bool is_computed = follower.follower_lease == Duration::zero();
  return {
      {.name = "promise_covers_lease",
       .field = "follower_lease",
       .left = LintSide("the leader's lease (1+r)/(1-r)", must_cover) +
               LintSide("guard", following.guard),
       .right = LintSide(is_computed ? "the follower's promise" : "the follower's follower_lease",
                         is_computed ? own : follower.follower_lease),
       .why = "the follower would be free while the leader's lease still runs (S8)"},
      {.name = "suspicion_after_heartbeat",
       .field = "heartbeat_interval",
       .left = LintSide("the leader's heartbeat_interval", leader.heartbeat_interval),
       .right = LintSide("the follower's silence", suspicion_silence(follower)),
       .why = "the follower suspects before the next heartbeat can come"},
  };
}

Judgement worst(const std::vector<LintRow>& rows) {
  Judgement worst = Judgement::kOk;
  for (const LintRow& row : rows) {
    const Judgement judgement = row.judgement();
    if (judgement != Judgement::kOff) worst = std::max(worst, judgement);
  }
  return worst;
}

Duration suspicion_silence(const MonitorConfig& config) {
  DetectorConfig detector = config.detector;
  detector.heartbeat_interval = config.heartbeat_interval;
  if (!validate(detector)) return Duration::zero();
  switch (detector.kind) {
    case DetectorKind::kFixedTimeout:
      return detector.timeout;
    case DetectorKind::kChen:
    case DetectorKind::kChenNfdS:
    case DetectorKind::kTwoWindow:
    case DetectorKind::kQuantile:
    case DetectorKind::kAdaptiveMargin:
      return detector.heartbeat_interval + detector.safety_margin;
    case DetectorKind::kBertier:
      return detector.heartbeat_interval;
    case DetectorKind::kPhiExponential: {
      const double intervals = std::numbers::ln10 * detector.threshold;
      return detector.acceptable_pause +
             Duration(static_cast<std::int64_t>(
                 intervals * static_cast<double>(detector.heartbeat_interval.count())));
    }
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic: {
      const double z = detector.kind == DetectorKind::kPhiAccrual
                           ? normal_quantile_of_phi(detector.threshold)
                           : logistic_quantile_of_phi(detector.threshold);
      const double margin = z * static_cast<double>(detector.stddev_min.count());
      return detector.heartbeat_interval + Duration(static_cast<std::int64_t>(margin)) +
             detector.acceptable_pause;
    }
  }
  return Duration::zero();
}

}  // namespace vouch
