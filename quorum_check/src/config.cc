#include "vouch/quorum_check/config.h"

#include <algorithm>
#include <string>

#include "vouch/probe/message.h"

namespace vouch {
namespace {

std::string in_ms(Duration d) {
  const auto micros = d.count() / 1000;
  std::string text = std::to_string(micros / 1000);
  if (micros % 1000 != 0) {
    std::string fraction = std::to_string(std::abs(micros % 1000));
    text += "." + std::string(3 - fraction.size(), '0') + fraction;
  }
  return text + " ms";
}

Error broken(const std::string& field, const std::string& rule, const std::string& value) {
  return Error{Errc::kBadConfig, field + ": " + rule + ", but it is " + value};
}

Status check_range(const char* field, Duration value, Duration low, Duration high,
                   const std::string& rule) {
  if (value < low || value > high) return broken(field, rule, in_ms(value));
  return Done{};
}

Status check_nodes(const MonitorConfig& config) {
  if (config.self == kNobody) return broken("self", "must not be 0", "0");
  if (config.incarnation.value() == 0) return broken("incarnation", "must not be 0", "0");
  if (config.peers.size() >= kMaxNodes) {
    return broken("peers", "at most " + std::to_string(kMaxNodes - 1) + " peers",
                  std::to_string(config.peers.size()));
  }
  for (std::size_t i = 0; i < config.peers.size(); ++i) {
    const NodeId peer = config.peers[i];
    const std::string id = std::to_string(peer.value());
    if (peer == kNobody) return broken("peers", "a peer's id must not be 0", "0");
    if (peer == config.self) return broken("peers", "must not name self", id);
    if (std::find(config.peers.begin(), config.peers.begin() + static_cast<std::ptrdiff_t>(i),
                  peer) != config.peers.begin() + static_cast<std::ptrdiff_t>(i)) {
      return broken("peers", "each peer once", id + " twice");
    }
  }
  return Done{};
}

Status check_voters(const MonitorConfig& config, const char* field,
                    const std::vector<NodeId>& voters) {
  for (std::size_t i = 0; i < voters.size(); ++i) {
    const std::string id = std::to_string(voters[i].value());
    const bool known =
        voters[i] == config.self ||
        std::find(config.peers.begin(), config.peers.end(), voters[i]) != config.peers.end();
    if (!known) return broken(field, "each voter is self or one of peers", id);
    if (std::find(voters.begin(), voters.begin() + static_cast<std::ptrdiff_t>(i), voters[i]) !=
        voters.begin() + static_cast<std::ptrdiff_t>(i)) {
      return broken(field, "each voter once", id + " twice");
    }
  }
  return Done{};
}

Status check_groups(const MonitorConfig& config) {
  if (config.groups.empty() || config.groups.size() > kMaxGroupsPerHeartbeat) {
    return broken("groups", "1 to " + std::to_string(kMaxGroupsPerHeartbeat) + " groups",
                  std::to_string(config.groups.size()));
  }
  for (std::size_t i = 0; i < config.groups.size(); ++i) {
    const GroupConfig& group = config.groups[i];
    if (group.voters.empty()) return broken("groups.voters", "at least one voter", "empty");
    for (std::size_t j = 0; j < i; ++j) {
      if (config.groups[j].id == group.id) {
        return broken("groups.id", "each group once", std::to_string(group.id.value()) + " twice");
      }
    }
    Status voters = check_voters(config, "groups.voters", group.voters);
    if (!voters) return voters;
    Status joint = check_voters(config, "groups.joint_voters", group.joint_voters);
    if (!joint) return joint;
  }
  return Done{};
}

Status check_times(const MonitorConfig& config) {
  using std::chrono::hours;
  using std::chrono::microseconds;
  using std::chrono::milliseconds;
  const Duration lease = config.lease;
  if (config.padded_every > 1000) {
    return broken("padded_every", "in [0, 1000]", std::to_string(config.padded_every));
  }
  if (config.clock_drift_ppm > 100'000) {
    return broken("clock_drift_ppm", "in [0, 100000]", std::to_string(config.clock_drift_ppm));
  }
  const struct {
    const char* field;
    Duration value;
    Duration low;
    Duration high;
    std::string rule;
  } rules[] = {
      {"lease", lease, milliseconds(1), hours(1), "in [1 ms, 1 h]"},
      {"heartbeat_interval", config.heartbeat_interval, microseconds(100), lease / 4,
       "in [0.1 ms, lease / 4 = " + in_ms(lease / 4) + "]"},
      {"guard", config.guard, Duration::zero(), lease, "in [0, lease = " + in_ms(lease) + "]"},
      {"confirm_interval", config.confirm_interval, microseconds(100), lease,
       "in [0.1 ms, lease = " + in_ms(lease) + "]"},
      {"consent_hold", config.consent_hold, microseconds(100), lease / 2,
       "in [0.1 ms, lease / 2 = " + in_ms(lease / 2) + "]"},
      {"suppress_cap", config.suppress_cap, lease, hours(24),
       "in [lease = " + in_ms(lease) + ", 24 h]"},
      {"stall_limit", config.stall_limit, config.heartbeat_interval, hours(1),
       "in [heartbeat_interval = " + in_ms(config.heartbeat_interval) + ", 1 h]"},
      {"progress_timeout", config.progress_timeout, Duration::zero(), hours(1), "in [0, 1 h]"},
      {"worker_interval", config.worker_interval, Duration::zero(), config.progress_timeout / 2,
       "in [0, progress_timeout / 2 = " + in_ms(config.progress_timeout / 2) + "]"},
      {"hold_off", config.hold_off, Duration::zero(), hours(1), "in [0, 1 h]"},
      {"stall_window", config.stall_window, Duration::zero(), hours(24), "in [0, 24 h]"},
      {"boot_promise", config.boot_promise, Duration::zero(), hours(1), "in [0, 1 h]"},
  };
  for (const auto& rule : rules) {
    Status checked = check_range(rule.field, rule.value, rule.low, rule.high, rule.rule);
    if (!checked) return checked;
  }
  return Done{};
}

}  // namespace

Duration MonitorConfig::promise() const {
  const std::int64_t above = 1'000'000 + static_cast<std::int64_t>(clock_drift_ppm);
  const std::int64_t below = 1'000'000 - static_cast<std::int64_t>(clock_drift_ppm);
  const std::int64_t count = lease.count();
  return Duration(count / below * above + (count % below * above + below - 1) / below) + guard;
}

Status validate(const MonitorConfig& config) {
  for (auto check : {check_nodes, check_groups, check_times}) {
    Status checked = check(config);
    if (!checked) return checked;
  }
  DetectorConfig detector = config.detector;
  detector.heartbeat_interval = config.heartbeat_interval;
  Status checked = validate(detector);
  if (!checked) return Error{Errc::kBadConfig, "detector." + checked.error().message};
  return Done{};
}

}  // namespace vouch
