#include "vouch/quorum_check/config.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "vouch/probe/front_end_message.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/lint.h"

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

Error broken(const std::string& field, const std::string& rule, const std::string& value) {
  return Error{Errc::kBadConfig, field + ": " + rule + ", but it is " + value};
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

/// No lease and no promise depends on it, so the linter has nothing to compare it with.
Status check_transfer(const MonitorConfig& config) {
  const Duration cooldown = config.transfer_cooldown;
  if (cooldown >= Duration::zero() && cooldown <= std::chrono::hours(24)) return Done{};
  return broken("transfer_cooldown", "in [0, 24 h]",
                std::to_string(cooldown.count() / 1'000'000) + " ms");
}

Status check_relay(const MonitorConfig& config) {
  if (config.relay == RelayMode::kOff || config.claim_mode() == ClaimMode::kInline) return Done{};
  return broken("relay", "off with group_limits.claims digest",
                std::string(to_string(config.relay)));
}

/// The front-ends themselves; the knobs are in lint().
Status check_front_ends(const MonitorConfig& config) {
  const auto& all = config.front_ends;
  if (all.size() > kMaxFrontEnds) {
    return broken("front_ends", "at most " + std::to_string(kMaxFrontEnds),
                  std::to_string(all.size()));
  }
  for (auto one = all.begin(); one != all.end(); ++one) {
    const std::string id = std::to_string(one->id.value());
    if (one->id == kNobody) return broken("front_ends.id", "must not be 0", "0");
    const bool is_node =
        one->id == config.self ||
        std::find(config.peers.begin(), config.peers.end(), one->id) != config.peers.end();
    if (is_node) return broken("front_ends.id", "must not name self or a peer", id);
    const auto is_same = [&](const FrontEndConfig& other) { return other.id == one->id; };
    if (std::any_of(all.begin(), one, is_same)) {
      return broken("front_ends.id", "each front-end once", id + " twice");
    }
  }
  if (config.front_end_zones < 1 || config.front_end_zones > kMaxFrontEnds) {
    return broken("front_end_zones", "in [1, " + std::to_string(kMaxFrontEnds) + "]",
                  std::to_string(config.front_end_zones));
  }
  return Done{};
}

}  // namespace

std::string_view to_string(RelayMode mode) {
  switch (mode) {
    case RelayMode::kOff:
      return "off";
    case RelayMode::kHeartbeats:
      return "heartbeats";
    case RelayMode::kAll:
      return "all";
  }
  return "invalid";
}

std::optional<RelayMode> relay_mode_named(std::string_view name) {
  for (const RelayMode mode : {RelayMode::kOff, RelayMode::kHeartbeats, RelayMode::kAll}) {
    if (name == to_string(mode)) return mode;
  }
  return std::nullopt;
}

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

Duration MonitorConfig::shortest_promise() const {
  const std::int64_t above = 1'000'000 + static_cast<std::int64_t>(clock_drift_ppm);
  const std::int64_t below = 1'000'000 - static_cast<std::int64_t>(clock_drift_ppm);
  const std::int64_t count = lease.count();
  return Duration(count / below * above + (count % below * above + below - 1) / below) + guard;
}

Duration MonitorConfig::promise() const {
  return follower_lease == Duration::zero() ? shortest_promise() : follower_lease;
}

Status validate_members(const MonitorConfig& config) {
  for (auto check : {check_limits, check_nodes, check_front_ends, check_groups}) {
    if (Status checked = check(config); !checked) return checked;
  }
  return Done{};
}

Status validate(const MonitorConfig& config) {
  if (Status members = validate_members(config); !members) return members;
  if (Status transfer = check_transfer(config); !transfer) return transfer;
  if (Status relay = check_relay(config); !relay) return relay;
  // Ranges come first: a relation with a value out of its range says less.
  for (const bool ranges : {true, false}) {
    for (const LintRow& row : lint(config)) {
      if ((row.kind != LintRow::Kind::kRelation) != ranges) continue;
      if (row.judgement() == Judgement::kUnsafe) return Error{Errc::kBadConfig, row.message()};
    }
    if (!ranges) break;
    DetectorConfig detector = config.detector;
    detector.heartbeat_interval = config.heartbeat_interval;
    Status checked = validate(detector);
    if (!checked) return Error{Errc::kBadConfig, "detector." + checked.error().message};
  }
  return Done{};
}

}  // namespace vouch
