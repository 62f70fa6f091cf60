#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vouch/detector/time.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/network.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/replica.h"

namespace vouch::report {

/// `n3`, as scenario files and traces count.
[[nodiscard]] std::string node_name(sim::NodeIndex node);

/// A span for people: `87 ms`, `2.5 s`, `420 us`; rounded down, no more than three digits.
[[nodiscard]] std::string duration_text(Duration span);

/// What a note says, as a sentence without its subject: "suspects n0", "does not elect: ...". Call
/// it while the note is being reported, because times count from now.
[[nodiscard]] std::string sentence(const sim::Engine& engine, sim::NodeIndex node,
                                   const sim::Note& note);

/// What was done to the network or to a node: "link n0 -> n2 cut".
[[nodiscard]] std::string sentence(const sim::Fault& fault);

}  // namespace vouch::report
