#include "vouch/quorum_check/config.h"

#include <algorithm>
#include <string>

#include "vouch/probe/front_end_message.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/lint.h"

namespace vouch {
namespace {

Error broken(const std::string& field, const std::string& rule, const std::string& value) {
  return Error{Errc::kBadConfig, field + ": " + rule + ", but it is " + value};
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

/// No lease and no promise depends on it, so the linter has nothing to compare it with.
Status check_transfer(const MonitorConfig& config) {
  const Duration cooldown = config.transfer_cooldown;
  if (cooldown >= Duration::zero() && cooldown <= std::chrono::hours(24)) return Done{};
  return broken("transfer_cooldown", "in [0, 24 h]",
                std::to_string(cooldown.count() / 1'000'000) + " ms");
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
  if (Status nodes = check_nodes(config); !nodes) return nodes;
  if (Status front_ends = check_front_ends(config); !front_ends) return front_ends;
  return check_groups(config);
}

Status validate(const MonitorConfig& config) {
  if (Status members = validate_members(config); !members) return members;
  if (Status transfer = check_transfer(config); !transfer) return transfer;
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
