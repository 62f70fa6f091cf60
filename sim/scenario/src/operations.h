#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "document.h"
#include "fields.h"
#include "links.h"
#include "vouch/sim/network.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/run.h"

namespace vouch::scenario {

/// What an operation works on.
enum class Target : std::uint8_t {
  kLinks,
  kNodes,
  kIncoming,  ///< All links to the nodes.
  kOutgoing,  ///< All links from them.
  kBoth,
};

/// What `for_ms` does at its end.
enum class Ending : std::uint8_t {
  kNone,  ///< The operation does not end by itself.
  kHeal,
  kRestart,
  kResume,
  kZero,     ///< The same fault with all its numbers zero.
  kPattern,  ///< The operation says itself how often what ends (flap, limp).
};

/// One operation of a timeline.
struct Operation {
  std::string_view name;
  sim::FaultKind kind;
  Target target;
  Ending ending;
};

/// The operation called `name`, or nullptr.
[[nodiscard]] const Operation* find_operation(std::string_view name);

/// The operation that does a fault of this kind to given links or nodes, or nullptr.
[[nodiscard]] const Operation* operation_of(sim::FaultKind kind);

/// The names of all, for an error message.
[[nodiscard]] std::string operation_names();

/// What the reader of a timeline knows of the rest of the file.
struct TimelineScope {
  const sim::Plan& plan;
  const std::vector<std::string>& trace_names;  ///< Of plan.delay_traces.
  bool has_work = false;
  const ClientNames& clients;
};

/// The numbers that the operation takes besides its targets and times.
[[nodiscard]] sim::Fault read_values(Fields& fields, const Operation& operation,
                                     const TimelineScope& scope);

}  // namespace vouch::scenario
