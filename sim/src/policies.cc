#include "vouch/sim/policies.h"

#include <algorithm>
#include <utility>

#include "vouch/probe/link_health.h"
#include "vouch/quorum_check/diagnosis.h"
#include "vouch/quorum_check/lint.h"
#include "vouch/sim/dynamodb.h"
#include "vouch/sim/omnipaxos.h"
#include "vouch/sim/sentinel.h"
#include "vouch/sim/vouch_protocol.h"

namespace vouch::sim {
namespace {

// Each makes the nearest to `name` that it can: whoever calls compares the names.

std::unique_ptr<Protocol> make_raft(std::string_view name, const PolicySettings& settings) {
  RaftOptions raft = settings.raft;
  raft.pre_vote = name.find("+prevote") != std::string_view::npos;
  raft.check_quorum = name.find("+checkquorum") != std::string_view::npos;
  return std::make_unique<RaftProtocol>(raft);
}

std::unique_ptr<Protocol> make_dynamo(std::string_view name, const PolicySettings& settings) {
  DynamoOptions options;
  options.heartbeat_interval = settings.raft.heartbeat_interval;
  options.election_timeout = settings.raft.election_timeout;
  options.lease = settings.raft.election_timeout;
  options.ask_for = settings.raft.heartbeat_interval;
  options.clock_drift_ppm = settings.vouch.clock_drift_ppm;
  options.leader_quorum = name.find("+leaderquorum") != std::string_view::npos;
  return std::make_unique<DynamoProtocol>(options);
}

std::unique_ptr<Protocol> make_sentinel(std::string_view, const PolicySettings& settings) {
  SentinelOptions options;
  options.ping_period = settings.sentinel_ping_period;
  options.down_after = settings.raft.election_timeout;
  options.failover_timeout = 6 * settings.raft.election_timeout;
  options.replication_interval = settings.raft.heartbeat_interval;
  return std::make_unique<SentinelProtocol>(options);
}

std::unique_ptr<Protocol> make_omnipaxos(std::string_view, const PolicySettings& settings) {
  OmniPaxosOptions options;
  options.round = settings.raft.election_timeout;
  options.accept_interval = settings.raft.heartbeat_interval;
  return std::make_unique<OmniPaxosProtocol>(options);
}

}  // namespace

void PolicySettings::equalise(Duration heartbeat_interval, Duration detection_time) {
  raft.heartbeat_interval = heartbeat_interval;
  raft.election_timeout = detection_time;
  sentinel_ping_period = heartbeat_interval;
  vouch.heartbeat_interval = heartbeat_interval;
  vouch.detector.timeout = detection_time;
  vouch.lease = detection_time;
  // What must stand in proportion to the lease (MonitorConfig).
  vouch.consent_hold = std::min(vouch.consent_hold, detection_time / 2);
  vouch.confirm_interval = std::min(vouch.confirm_interval, detection_time);
  vouch.guard = std::min(vouch.guard, detection_time);
  vouch.suppress_cap = std::max(vouch.suppress_cap, detection_time);
  vouch.stall_limit = std::max(vouch.stall_limit, heartbeat_interval);
}

const std::vector<std::string_view>& policy_names() {
  static const std::vector<std::string_view> names = {
      "vouch",
      "raft",
      "raft+prevote",
      "raft+checkquorum",
      "raft+prevote+checkquorum",
      "dynamodb",
      "dynamodb+leaderquorum",
      "sentinel",
      "omnipaxos",
  };
  return names;
}

const std::vector<std::string_view>& policy_variants() {
  static const std::vector<std::string_view> names = {"vouch+relay=heartbeats", "vouch+relay=all"};
  return names;
}

bool is_vouch(std::string_view policy) {
  const auto& variants = policy_variants();
  return policy == "vouch" || std::find(variants.begin(), variants.end(), policy) != variants.end();
}

Result<std::unique_ptr<Protocol>> make_policy(std::string_view name,
                                              const PolicySettings& settings) {
  if (is_vouch(name)) {
    MonitorConfig config = settings.vouch;
    if (name != "vouch") {
      config.relay = name == policy_variants().back() ? RelayMode::kAll : RelayMode::kHeartbeats;
    }
    Result<VouchProtocol> protocol =
        VouchProtocol::create(config, settings.replicas, settings.work);
    if (!protocol) return protocol.error();
    return std::unique_ptr<Protocol>(std::make_unique<VouchProtocol>(*std::move(protocol)));
  }
  for (auto make : {make_raft, make_dynamo, make_sentinel, make_omnipaxos}) {
    std::unique_ptr<Protocol> protocol = make(name, settings);
    if (protocol->name() == name) return protocol;
  }
  std::string known;
  for (const std::string_view other : policy_names()) {
    known += known.empty() ? "" : ", ";
    known += other;
  }
  return Error{Errc::kBadInput,
               "policy: must be one of " + known + ", is '" + std::string(name) + "'"};
}

Duration consent_limit(const MonitorConfig& config) {
  const Duration longest = config.consent_hold_max();
  return longest + longest * config.clock_drift_ppm / 500'000 + config.guard;
}

Duration advice_memory(const MonitorConfig& config) {
  const int readings_to_clear = Diagnoser::clear_after(DiagnosisKind::kLossyNode);
  return (kLossWindow + 2 * readings_to_clear) * config.heartbeat_interval;
}

Duration lease_memory(const MonitorConfig& config) {
  return config.shortest_promise();
}

Duration liveness_bound(const MonitorConfig& config) {
  return std::max(config.promise(), suspicion_silence(config)) + 4 * config.heartbeat_interval;
}

}  // namespace vouch::sim
