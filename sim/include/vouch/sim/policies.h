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
  /// pre_vote and check_quorum come from the policy's name. The other opponents take their
  /// heartbeat interval and election timeout from here: `dynamodb` both, and as its lease the
  /// timeout; `omnipaxos` as the length of a round the timeout; `sentinel` as
  /// down-after-milliseconds the timeout.
  RaftOptions raft{};
  /// SENTINEL_PING_PERIOD is a constant of Redis, not derived from anything.
  Duration sentinel_ping_period = std::chrono::seconds(1);

  /// Gives all policies the same heartbeat interval and the same detection time: none replaces a
  /// leader on less silence than `detection_time`. vouch then also suspects no earlier, although
  /// its suspicion costs a question only, and its lease lasts as long. Whatever a policy adds of
  /// its own (random parts, rounds of questions and votes, leases waited out) stays.
  /// Where a policy has no heartbeat apart from its rounds (`omnipaxos`), the round is what counts.
  void equalise(Duration heartbeat_interval, Duration detection_time);
};

/// The names of all policies, in the order of the tables.
[[nodiscard]] const std::vector<std::string_view>& policy_names();

/// Variants of `vouch` that are made by name only, and stand in no table: `vouch+relay=heartbeats`
/// and `vouch+relay=all`.
[[nodiscard]] const std::vector<std::string_view>& policy_variants();

/// `vouch` or a variant of it: makes the same promises.
[[nodiscard]] bool is_vouch(std::string_view policy);

/// The policy or variant called `name`. The error names what is wrong and lists the names.
[[nodiscard]] Result<std::unique_ptr<Protocol>> make_policy(std::string_view name,
                                                            const PolicySettings& settings);

/// How old a consent may be when a campaign relies on it: the longest hold that the configuration
/// allows, on a clock as slow as the drift bound allows.
[[nodiscard]] Duration consent_limit(const MonitorConfig& config);

/// How long vouch may still hand over for links or nodes that are well again: until all numbers of
/// heartbeats that count for loss are newer, and a finding that stood then is taken back.
[[nodiscard]] Duration advice_memory(const MonitorConfig& config);

/// How long a lease of vouch runs by any clock within the drift bound, from when that was sent on
/// which it rests.
[[nodiscard]] Duration lease_memory(const MonitorConfig& config);

/// How soon a leader must stand where one can (L2): one promise, two confirmation rounds and two
/// votes, each of which waits for a heartbeat at the most. L2 takes it that a silent leader is
/// suspected before the promise to it ends. A detector that is slower (lint: suspicion_in_lease)
/// has failover wait for itself, and no decision can change that: then its silence counts instead.
[[nodiscard]] Duration liveness_bound(const MonitorConfig& config);

}  // namespace vouch::sim
