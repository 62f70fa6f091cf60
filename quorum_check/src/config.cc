#include "vouch/quorum_check/config.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "vouch/probe/message.h"

namespace vouch {
namespace {

constexpr std::uint32_t kActiveLeast = 64;
constexpr std::uint32_t kActiveByDefault = 4096;

/// How many nodes `group` has to do with, `self` included. Each list names a node once.
std::uint32_t members_of(NodeId self, const GroupConfig& group) {
  std::size_t count = group.voters.size();
  const auto votes = [&](NodeId node) {
    return std::find(group.voters.begin(), group.voters.end(), node) != group.voters.end();
  };
  for (const NodeId node : group.joint_voters)
    count += votes(node) ? 0U : 1U;
  const auto& joint = group.joint_voters;
  const bool is_member = votes(self) || std::find(joint.begin(), joint.end(), self) != joint.end();
  return static_cast<std::uint32_t>(count + (is_member ? 0U : 1U));
}

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

/// The first element that occurs twice, or nothing.
template <typename T>
std::optional<T> twice(std::vector<T> values) {
  std::sort(values.begin(), values.end());
  const auto found = std::adjacent_find(values.begin(), values.end());
  return found == values.end() ? std::nullopt : std::optional<T>(*found);
}

Status check_nodes(const MonitorConfig& config) {
  if (config.self == kNobody) return broken("self", "must not be 0", "0");
  if (config.incarnation.value() == 0) return broken("incarnation", "must not be 0", "0");
  const bool is_inline = config.claim_mode() == ClaimMode::kInline;
  const std::size_t most = (is_inline ? kMaxNodes : kMaxRoster) - 1;
  if (config.peers.size() > most) {
    return broken("peers", "at most " + std::to_string(most) + " peers",
                  std::to_string(config.peers.size()));
  }
  for (const NodeId peer : config.peers) {
    if (peer == kNobody) return broken("peers", "a peer's id must not be 0", "0");
    if (peer == config.self) {
      return broken("peers", "must not name self", std::to_string(peer.value()));
    }
  }
  if (const auto peer = twice(config.peers)) {
    return broken("peers", "each peer once", std::to_string(peer->value()) + " twice");
  }
  return Done{};
}

/// `known` is sorted.
Status check_voters(const std::vector<NodeId>& known, const char* field,
                    const std::vector<NodeId>& voters) {
  for (const NodeId voter : voters) {
    if (!std::binary_search(known.begin(), known.end(), voter)) {
      return broken(field, "each voter is self or one of peers", std::to_string(voter.value()));
    }
  }
  if (const auto voter = twice(voters)) {
    return broken(field, "each voter once", std::to_string(voter->value()) + " twice");
  }
  return Done{};
}

Status check_groups(const MonitorConfig& config) {
  const bool is_inline = config.claim_mode() == ClaimMode::kInline;
  const std::size_t most = is_inline ? kMaxGroupsPerHeartbeat : kMaxGroups;
  if (config.groups.empty() || config.groups.size() > most) {
    return broken("groups", "1 to " + std::to_string(most) + " groups",
                  std::to_string(config.groups.size()));
  }
  std::vector<NodeId> known = config.peers;
  known.push_back(config.self);
  std::sort(known.begin(), known.end());
  std::vector<GroupId> ids;
  const std::uint32_t members_max = config.completed_limits().members_max;
  for (const GroupConfig& group : config.groups) {
    if (group.voters.empty()) return broken("groups.voters", "at least one voter", "empty");
    Status voters = check_voters(known, "groups.voters", group.voters);
    if (!voters) return voters;
    Status joint = check_voters(known, "groups.joint_voters", group.joint_voters);
    if (!joint) return joint;
    ids.push_back(group.id);
    if (is_inline) continue;
    if (members_of(config.self, group) > members_max) {
      return broken("groups.voters", "at most group_limits.members_max members with this node",
                    std::to_string(members_of(config.self, group)));
    }
    if (group.epoch.value() > 0xffffffffU) {
      return broken("groups.epoch", "below 2^32", std::to_string(group.epoch.value()));
    }
  }
  if (const auto group = twice(ids)) {
    return broken("groups.id", "each group once", std::to_string(group->value()) + " twice");
  }
  return Done{};
}

Status check_limits(const MonitorConfig& config) {
  const GroupLimits& given = config.group_limits;
  const GroupLimits limits = config.completed_limits();
  if (given.claims == ClaimMode::kInline &&
      (config.groups.size() > kMaxGroupsPerHeartbeat || config.peers.size() >= kMaxNodes)) {
    return Done{};  // Named by the fields that are too long.
  }
  if (limits.active_max < kActiveLeast || limits.active_max > kMaxGroups) {
    return broken("group_limits.active_max", "in [64, 2^20], or 0",
                  std::to_string(limits.active_max));
  }
  if (limits.rounds_max < 1 || limits.rounds_max > limits.active_max / 2) {
    return broken("group_limits.rounds_max",
                  "in [1, active_max / 2 = " + std::to_string(limits.active_max / 2) + "]",
                  std::to_string(limits.rounds_max));
  }
  if (limits.packets_max < 100) {
    return broken("group_limits.packets_max", "at least 100", std::to_string(limits.packets_max));
  }
  if (limits.members_max > kMaxNodes) {
    return broken("group_limits.members_max", "in [1, " + std::to_string(kMaxNodes) + "], or 0",
                  std::to_string(limits.members_max));
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

ClaimMode MonitorConfig::claim_mode() const {
  if (group_limits.claims != ClaimMode::kAuto) return group_limits.claims;
  const bool fits = groups.size() <= kMaxGroupsPerHeartbeat && peers.size() < kMaxNodes;
  return fits ? ClaimMode::kInline : ClaimMode::kDigest;
}

GroupLimits MonitorConfig::completed_limits() const {
  GroupLimits limits = group_limits;
  if (limits.active_max == 0) {
    limits.active_max =
        std::clamp(static_cast<std::uint32_t>(groups.size()), kActiveLeast, kActiveByDefault);
    limits.rounds_max = std::min(limits.rounds_max, limits.active_max / 2);
  }
  if (limits.members_max == 0) {
    for (const GroupConfig& group : groups)
      limits.members_max = std::max(limits.members_max, members_of(self, group));
  }
  return limits;
}

Duration MonitorConfig::promise() const {
  const std::int64_t above = 1'000'000 + static_cast<std::int64_t>(clock_drift_ppm);
  const std::int64_t below = 1'000'000 - static_cast<std::int64_t>(clock_drift_ppm);
  const std::int64_t count = lease.count();
  return Duration(count / below * above + (count % below * above + below - 1) / below) + guard;
}

Status validate(const MonitorConfig& config) {
  for (auto check : {check_limits, check_nodes, check_groups, check_times}) {
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
