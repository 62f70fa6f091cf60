#include "vouch/sim/policies.h"

#include <utility>

#include "vouch/sim/vouch_protocol.h"

namespace vouch::sim {

const std::vector<std::string_view>& policy_names() {
  static const std::vector<std::string_view> names = {
      "vouch", "raft", "raft+prevote", "raft+checkquorum", "raft+prevote+checkquorum"};
  return names;
}

Result<std::unique_ptr<Protocol>> make_policy(std::string_view name,
                                              const PolicySettings& settings) {
  if (name == "vouch") {
    Result<VouchProtocol> protocol =
        VouchProtocol::create(settings.vouch, settings.replicas, settings.work);
    if (!protocol) return protocol.error();
    return std::unique_ptr<Protocol>(std::make_unique<VouchProtocol>(*std::move(protocol)));
  }
  RaftOptions raft = settings.raft;
  raft.pre_vote = name.find("+prevote") != std::string_view::npos;
  raft.check_quorum = name.find("+checkquorum") != std::string_view::npos;
  auto protocol = std::make_unique<RaftProtocol>(raft);
  if (protocol->name() == name) return std::unique_ptr<Protocol>(std::move(protocol));
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

Duration liveness_bound(const MonitorConfig& config) {
  return config.promise() + 4 * config.heartbeat_interval;
}

}  // namespace vouch::sim
