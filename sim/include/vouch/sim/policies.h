#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/quorum_check/config.h"
#include "vouch/sim/host_work.h"
#include "vouch/sim/raft.h"
#include "vouch/sim/replica.h"

namespace vouch::sim {

/// Settings of all policies; each takes what concerns it.
struct PolicySettings {
  std::size_t replicas = 5;
  MonitorConfig vouch{};  ///< Without self, peers, groups and boot.
  WorkOptions work{};     ///< vouch: the work of its hosts.
  RaftOptions raft{};     ///< pre_vote and check_quorum come from the policy's name.
};

/// The names of all policies, in the order of the tables.
[[nodiscard]] const std::vector<std::string_view>& policy_names();

/// The policy called `name`. The error names what is wrong and lists the names.
[[nodiscard]] Result<std::unique_ptr<Protocol>> make_policy(std::string_view name,
                                                            const PolicySettings& settings);

/// How old a consent may be when a campaign relies on it: the longest hold that the configuration
/// allows, on a clock as slow as the drift bound allows.
[[nodiscard]] Duration consent_limit(const MonitorConfig& config);

/// How soon a leader must stand where one can (L2): one promise, two confirmation rounds and two
/// votes, each of which waits for a heartbeat at the most.
[[nodiscard]] Duration liveness_bound(const MonitorConfig& config);

}  // namespace vouch::sim
