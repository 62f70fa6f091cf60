#include "vouch/tune/space.h"

#include <algorithm>
#include <cmath>

#include "vouch/host/election_lint.h"
#include "vouch/quorum_check/lint.h"

namespace vouch::tune {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t kHeartbeatsMax = 5;

/// In hundredths of the failover goal.
constexpr std::int64_t kLeaseShares[] = {30, 40, 50, 60, 70, 80, 90, 100, 130, 180, 250};

/// Configuration files count in whole milliseconds.
Duration whole_down(Duration value) {
  return std::chrono::floor<milliseconds>(value);
}
Duration whole_up(Duration value) {
  return std::chrono::ceil<milliseconds>(value);
}
Duration whole(Duration value) {
  return std::max<Duration>(whole_down(value + microseconds(500)), milliseconds(1));
}

/// The shortest lease without a warning about heartbeats or round trips.
Duration lease_for(Duration heartbeat, Duration round_trip) {
  return whole_up(std::max(4 * heartbeat + round_trip, 4 * round_trip));
}

double rounded_setting(double setting, bool is_duration) {
  return is_duration ? std::round(setting) : std::round(setting * 100) / 100;
}

std::vector<double> margins_of(DetectorKind kind, Duration heartbeat) {
  std::vector<double> margins = sweep_settings(kind, heartbeat, Space::kMargins);
  for (double& margin : margins)
    margin = rounded_setting(margin, knob_of(kind).is_duration);
  return margins;
}

}  // namespace

Space::Space(const SpaceOptions& options) : options_(options) {
  // Only multiples: what heartbeats of another interval would have met was not recorded.
  const Duration longest = options.failover * 6 / 10;
  for (const std::int64_t multiple : {1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500}) {
    const Duration heartbeat = multiple * options.interval;
    if (heartbeats_.size() == kHeartbeatsMax || (!heartbeats_.empty() && heartbeat > longest))
      break;
    // Far more often than the goal needs only costs messages.
    if (heartbeat < options.failover / 60 || heartbeat < milliseconds(5)) continue;
    heartbeats_.push_back(whole(heartbeat));
  }
  if (heartbeats_.empty()) heartbeats_.push_back(whole(options.interval));
  for (const std::int64_t share : kLeaseShares)
    leases_.push_back(whole(options.failover * share / 100));
  for (const Duration heartbeat : heartbeats_)
    leases_.push_back(lease_for(heartbeat, options.round_trip));
  std::sort(leases_.begin(), leases_.end());
  leases_.erase(std::unique(leases_.begin(), leases_.end()), leases_.end());
  for (const Duration heartbeat : heartbeats_) {
    margins_.emplace_back();
    for (const DetectorShape& shape : options.kinds)
      margins_.back().push_back(margins_of(shape.kind, heartbeat));
  }
}

DetectorConfig Space::detector(const Point& point, Duration interval) const {
  DetectorConfig config;
  config.kind = options_.kinds[point.kind].kind;
  config.agility = options_.kinds[point.kind].agility;
  config.heartbeat_interval = interval;
  config.stddev_min = whole(heartbeats_[point.heartbeat] / 20);
  set_knob(config, margins_[point.heartbeat][point.kind][point.margin]);
  return config;
}

MonitorConfig Space::configure(const Point& point) const {
  MonitorConfig config;
  apply_profile(options_.profile, config);
  config.round_trip = options_.round_trip;
  config.heartbeat_interval = heartbeats_[point.heartbeat];
  config.detector = detector(point, config.heartbeat_interval);
  config.lease = leases_[point.lease];
  config.guard = std::min(config.guard, whole_down(config.lease / 50));
  config.confirm_interval = std::max(whole_up(options_.round_trip),
                                     whole(std::min(config.confirm_interval, config.lease / 8)));
  const Duration longest = whole_down(config.consent_hold_max());
  config.consent_hold = std::clamp(whole(config.lease * kConfirmations[point.confirmation] / 8),
                                   std::min(config.confirm_interval, longest), longest);
  config.progress_timeout = whole(config.lease * kProgresses[point.progress] / 4);
  config.stall_limit =
      std::max(config.heartbeat_interval,
               whole_down(std::min(config.stall_limit, suspicion_silence(config))));
  config.suppress_cap = std::max(config.suppress_cap, 10 * config.lease);
  config.hold_off = std::max(config.hold_off, 10 * config.lease);
  config.stall_window = std::max(config.stall_window, 10 * config.lease);
  return config;
}

host::ElectionConfig Space::election(const Point& point) const {
  host::ElectionConfig election;
  host::apply_profile(options_.profile, election);
  const Duration room = leases_[point.lease] - heartbeats_[point.heartbeat] - options_.round_trip;
  // As the simulator has it: the times of an election follow the round trip.
  election.vote_window = std::min(std::max(election.vote_window, 3 * options_.round_trip),
                                  std::max(room, Duration(milliseconds(1))));
  election.retry_interval = std::min(
      std::max(election.retry_interval, whole_up(options_.round_trip)), election.vote_window);
  return election;
}

bool Space::is_accepted(const Point& point) const {
  const MonitorConfig config = configure(point);
  if (!validate(config.detector)) return false;
  return worst(lint(config)) < Judgement::kWarning &&
         worst(host::lint(election(point), config)) < Judgement::kWarning;
}

std::optional<Point> Space::step(const Point& point, Knob knob, int direction) const {
  const auto moved = [&](std::uint8_t Point::*field, std::size_t count) -> std::optional<Point> {
    const int place = point.*field + direction;
    if (place < 0 || place >= static_cast<int>(count)) return std::nullopt;
    Point next = point;
    next.*field = static_cast<std::uint8_t>(place);
    return next;
  };
  switch (knob) {
    case Knob::kHeartbeat:
      return moved(&Point::heartbeat, heartbeats_.size());
    case Knob::kKind:
      return std::nullopt;
    case Knob::kMargin:
      return moved(&Point::margin, kMargins);
    case Knob::kLease:
      return moved(&Point::lease, leases_.size());
    case Knob::kConfirmation:
      return moved(&Point::confirmation, std::size(kConfirmations));
    case Knob::kProgress:
      return moved(&Point::progress, std::size(kProgresses));
  }
  return std::nullopt;
}

std::string_view to_string(Knob knob) {
  switch (knob) {
    case Knob::kHeartbeat:
      return "heartbeat_interval";
    case Knob::kKind:
      return "detector.kind";
    case Knob::kMargin:
      return "detector margin";
    case Knob::kLease:
      return "lease";
    case Knob::kConfirmation:
      return "consent_hold";
    case Knob::kProgress:
      return "progress_timeout";
  }
  return "unknown";
}

}  // namespace vouch::tune
