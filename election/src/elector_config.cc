#include "vouch/election/elector_config.h"

#include <algorithm>

#include "vouch/election/lock.h"

namespace vouch::election {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using Kind = LintTerm::Kind;

constexpr std::uint32_t kDriftMax = 100'000;

/// The times of a configuration, as rows of the linter name them.
struct Sides {
  explicit Sides(const ElectorConfig& c)
      : lease("lease", c.lease),
        heartbeat("heartbeat_interval", c.heartbeat_interval),
        refresh("refresh_interval", c.refresh_interval),
        request_timeout("request_timeout", c.request_timeout),
        danger_after("danger_after", c.danger_after),
        stop_time("stop_time", c.stop_time),
        progress_timeout("progress_timeout", c.progress_timeout),
        peer_patience("peer_patience", c.peer_patience) {}

  LintSide lease;
  LintSide heartbeat;
  LintSide refresh;
  LintSide request_timeout;
  LintSide danger_after;
  LintSide stop_time;
  LintSide progress_timeout;
  LintSide peer_patience;
};

std::vector<LintRow> ranges(const ElectorConfig& c, const Sides& sides) {
  const auto constant = [](std::string_view text, Duration value) {
    return LintSide(text, value, Kind::kConstant);
  };
  const LintSide zero = constant("0", Duration::zero());
  const LintSide shortest = constant("1 ms", milliseconds(1));
  const LintSide hour = constant("1 h", hours(1));
  const auto& [lease, heartbeat, refresh, request_timeout, danger_after, stop_time,
               progress_timeout, peer_patience] = sides;
  std::vector<LintRow> rows;
  add_range(rows, "lease_min", "lease_max", constant("20 ms", milliseconds(20)), lease, hour);
  add_range(rows, "heartbeat_interval_min", "heartbeat_interval_max", shortest, heartbeat, hour);
  add_range(rows, "refresh_interval_min", "refresh_interval_max", shortest, refresh, hour);
  add_range(rows, "request_timeout_min", "request_timeout_max", shortest, request_timeout, hour);
  add_range(rows, "danger_after_min", "danger_after_max", shortest, danger_after, hour);
  add_range(rows, "stop_time_min", "stop_time_max", zero, stop_time, hour);
  add_range(rows, "progress_timeout_min", "progress_timeout_max", zero, progress_timeout, hour);
  add_range(rows, "peer_patience_min", "peer_patience_max", zero, peer_patience, hour);
  add_range(rows, "guard_min", "guard_max", zero, LintSide("guard", c.guard), hour);
  add_range(rows, "clock_drift_ppm_min", "clock_drift_ppm_max", LintSide("0", 0U, Kind::kConstant),
            LintSide("clock_drift_ppm", c.clock_drift_ppm),
            LintSide("100000", kDriftMax, Kind::kConstant));
  return rows;
}

}  // namespace

Duration ElectorConfig::held_lease() const {
  // Of any values, so that lint() can judge them all.
  const std::int64_t count = std::clamp(lease, Duration::zero(), Duration(hours(24))).count();
  const auto drift = static_cast<std::int64_t>(std::min(clock_drift_ppm, 999'999U));
  const std::int64_t above = 1'000'000 - drift;
  const std::int64_t below = 1'000'000 + drift;
  const std::int64_t held = count / below * above + count % below * above / below;
  return Duration(held) - std::clamp(guard, Duration::zero(), Duration(hours(24)));
}

ElectorConfig scaled_to(Duration lease) {
  ElectorConfig config;
  const Duration standard = config.lease;
  config.lease = lease;
  for (Duration* const time : {&config.heartbeat_interval, &config.refresh_interval,
                               &config.request_timeout, &config.danger_after, &config.stop_time}) {
    *time = lease / (standard / *time);
  }
  config.guard = std::min(config.guard, lease / 100);
  return config;
}

std::vector<LintRow> lint(const ElectorConfig& c) {
  const Sides sides(c);
  const auto& [lease, heartbeat, refresh, request_timeout, danger_after, stop_time,
               progress_timeout, peer_patience] = sides;
  const LintSide held("lease (1-r)/(1+r) - guard", c.held_lease());
  std::vector<LintRow> rows = ranges(c, sides);
  rows.push_back({.name = "renewal",
                  .field = "heartbeat_interval",
                  .left = 2 * heartbeat,
                  .right = held,
                  .why = "one lost heartbeat loses the lock"});
  rows.push_back({.name = "request_in_heartbeat",
                  .field = "request_timeout",
                  .left = 2 * request_timeout,
                  .right = heartbeat,
                  .why = "an unanswered heartbeat cannot be looked up before the next is due"});
  rows.push_back({.name = "danger_after_heartbeat",
                  .field = "danger_after",
                  .left = heartbeat + request_timeout,
                  .right = danger_after,
                  .why = "a holder that is well is told that it is in danger"});
  rows.push_back({.name = "stop_in_lease",
                  .field = "stop_time",
                  .left = danger_after + stop_time,
                  .right = held,
                  .why = "the holder is told to stop before it is told of the danger"});
  rows.push_back({.name = "lost_heartbeat",
                  .field = "heartbeat_interval",
                  .left = 2 * heartbeat + request_timeout + stop_time,
                  .right = held,
                  .if_broken = Judgement::kWarning,
                  .why = "after one lost heartbeat the work is stopped before the next is known"});
  rows.push_back({.name = "refresh_in_lease",
                  .field = "refresh_interval",
                  .left = 2 * refresh,
                  .right = lease,
                  .if_broken = Judgement::kWarning,
                  .why = "a take-over waits longer for a look than for the lease"});
  rows.push_back({.name = "progress_in_lease",
                  .field = "progress_timeout",
                  .left = progress_timeout,
                  .right = lease,
                  .if_broken = Judgement::kWarning,
                  .why = "a hung worker keeps the lock longer than a dead process does",
                  .is_on = c.progress_timeout != Duration::zero()});
  rows.push_back({.name = "peer_patience_in_lease",
                  .field = "peer_patience",
                  .left = peer_patience,
                  .right = lease,
                  .if_broken = Judgement::kWarning,
                  .why = "a process that is reached and hangs is replaced after twice its lease",
                  .is_on = c.peer_patience != Duration::zero()});
  return rows;
}

Status validate(const ElectorConfig& config) {
  if (Status checked = check_name("name", config.name); !checked) return checked;
  if (Status checked = check_name("owner", config.owner); !checked) return checked;
  if (config.data.size() > kDataMax) {
    return Error{Errc::kBadConfig, "data: at most " + std::to_string(kDataMax) +
                                       " bytes, but it has " + std::to_string(config.data.size())};
  }
  // Ranges come first: a relation with a value out of its range says less.
  for (const bool ranges : {true, false}) {
    for (const LintRow& row : lint(config)) {
      if ((row.kind != LintRow::Kind::kRelation) != ranges) continue;
      if (row.judgement() == Judgement::kUnsafe) return Error{Errc::kBadConfig, row.message()};
    }
  }
  if (config.store == StoreKind::kQueue && config.peer_patience != Duration::zero()) {
    return Error{Errc::kBadConfig,
                 "peer_patience: 0 for a queue, whose store alone ends sessions, but it is " +
                     std::to_string(config.peer_patience.count()) + " ns"};
  }
  if (config.lease % milliseconds(1) != Duration::zero()) {
    return Error{Errc::kBadConfig, "lease: whole milliseconds, but it is " +
                                       std::to_string(config.lease.count()) + " ns"};
  }
  return Done{};
}

}  // namespace vouch::election
