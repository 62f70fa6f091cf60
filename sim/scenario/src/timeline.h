#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "document.h"
#include "fields.h"
#include "operations.h"
#include "vouch/sim/network.h"
#include "vouch/sim/run.h"
#include "vouch/sim/time.h"

namespace vouch::scenario {

/// Reads the member `events` and expands it: sets of links and nodes into single faults, `for_ms`
/// into the operation that ends it, `every_ms` and `times` into repetitions. In order of time.
void read_timeline(const Value& events, const TimelineScope& scope, ErrorSink& errors,
                   std::vector<sim::TimedFault>& out);

/// Reads a list of different nodes.
[[nodiscard]] sim::NodeSet read_nodes(const Value& list, const std::string& path,
                                      std::size_t replicas, ErrorSink& errors);

}  // namespace vouch::scenario
