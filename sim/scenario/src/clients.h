#pragma once

#include "document.h"
#include "fields.h"
#include "links.h"
#include "vouch/quorum_check/config.h"
#include "vouch/sim/run.h"

namespace vouch::scenario {

/// Reads the member `clients` into the plan, whose replicas and initial leader are known. Without
/// it (nullptr) there are two clients, the first of which begins with the leader. With `observe`
/// they are the front-ends of `vouch`.
[[nodiscard]] ClientNames read_clients(const Value* object, sim::Plan& plan, MonitorConfig& vouch,
                                       ErrorSink& errors);

/// Moves faults of links between clients and replicas to the clients' own timeline.
void take_client_faults(sim::Plan& plan);

}  // namespace vouch::scenario
