#include "vouch/host/replica.h"

#include <algorithm>

namespace vouch::host {

Result<Replica> Replica::create(ReplicaConfig config, Instant now, Rng rng) {
  for (GroupConfig& group : config.monitor.groups) {
    for (const Ballot& ballot : config.election.ballots) {
      if (ballot.group == group.id) group.term = std::max(group.term, ballot.term);
    }
  }
  Result<Monitor> monitor = Monitor::create(config.monitor, now, rng);
  if (!monitor) return monitor.error();
  Result<BuiltinElection> election = BuiltinElection::create(config.monitor, config.election);
  if (!election) return election.error();
  return Replica(*std::move(monitor), *std::move(election), config.follows_advice);
}

}  // namespace vouch::host
