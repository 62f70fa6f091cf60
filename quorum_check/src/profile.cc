#include "vouch/quorum_check/profile.h"

namespace vouch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The knobs that differ between networks; the rest has one value everywhere.
struct Times {
  Duration round_trip;
  Duration heartbeat_interval;
  Duration suspect_after;
  Duration lease;
  Duration confirm_interval;
  Duration consent_hold;
  Duration stall_limit;
  Duration progress_timeout;
  Duration suppress_cap;
  Duration hold_off;
  Duration guard;
};

constexpr Times times_of(Profile profile) {
  switch (profile) {
    case Profile::kLan:
      break;
    case Profile::kMultiAz:
      return {.round_trip = milliseconds(50),
              .heartbeat_interval = milliseconds(100),
              .suspect_after = milliseconds(450),
              .lease = milliseconds(1200),
              .confirm_interval = milliseconds(75),
              .consent_hold = milliseconds(250),
              .stall_limit = milliseconds(400),
              .progress_timeout = milliseconds(1500),
              .suppress_cap = seconds(15),
              .hold_off = seconds(15),
              .guard = milliseconds(1)};
    case Profile::kWan:
      return {.round_trip = milliseconds(400),
              .heartbeat_interval = milliseconds(250),
              .suspect_after = milliseconds(1300),
              .lease = milliseconds(3000),
              .confirm_interval = milliseconds(400),
              .consent_hold = milliseconds(900),
              .stall_limit = milliseconds(750),
              .progress_timeout = milliseconds(3000),
              .suppress_cap = seconds(30),
              .hold_off = seconds(30),
              .guard = milliseconds(2)};
  }
  return {.round_trip = milliseconds(20),
          .heartbeat_interval = milliseconds(100),
          .suspect_after = milliseconds(350),
          .lease = milliseconds(800),
          .confirm_interval = milliseconds(50),
          .consent_hold = milliseconds(150),
          .stall_limit = milliseconds(300),
          .progress_timeout = milliseconds(1000),
          .suppress_cap = seconds(10),
          .hold_off = seconds(10),
          .guard = milliseconds(1)};
}

}  // namespace

std::string_view to_string(Profile profile) {
  switch (profile) {
    case Profile::kLan:
      return "lan";
    case Profile::kMultiAz:
      return "multi-az";
    case Profile::kWan:
      return "wan";
  }
  return "unknown";
}

std::optional<Profile> profile_named(std::string_view name) {
  for (const Profile profile : kProfiles) {
    if (to_string(profile) == name) return profile;
  }
  return std::nullopt;
}

void apply_profile(Profile profile, MonitorConfig& config) {
  const Times times = times_of(profile);
  const MonitorConfig defaults;
  config.round_trip = times.round_trip;
  config.heartbeat_interval = times.heartbeat_interval;
  config.detector = defaults.detector;
  config.detector.timeout = times.suspect_after;
  config.detector.safety_margin = 3 * times.heartbeat_interval;  // Should it be Chen's.
  config.lease = times.lease;
  config.follower_lease = Duration::zero();
  config.clock_drift_ppm = defaults.clock_drift_ppm;
  config.guard = times.guard;
  config.confirm_interval = times.confirm_interval;
  config.consent_hold = times.consent_hold;
  config.suppress_cap = times.suppress_cap;
  config.stall_limit = times.stall_limit;
  config.progress_timeout = times.progress_timeout;
  config.worker_interval = Duration::zero();
  config.hold_off = times.hold_off;
  config.stall_window = defaults.stall_window;
  config.transfer_cooldown = defaults.transfer_cooldown;
  config.front_end_interval = defaults.front_end_interval;
  config.front_end_window = defaults.front_end_window;
  config.front_end_zones = defaults.front_end_zones;
}

}  // namespace vouch
