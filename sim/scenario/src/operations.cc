#include "operations.h"

#include <algorithm>
#include <iterator>

#include "vouch/sim/link_model.h"

namespace vouch::scenario {
namespace {

using sim::Fault;
using sim::FaultKind;

constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr std::int64_t kHourMs = 3'600'000;
constexpr Limits kPerMillion{0, 1'000'000};
constexpr std::int64_t kAddedUsMax = 10'000'000;  ///< Default of max_us.

constexpr Operation kOperations[] = {
    {"cut", FaultKind::kCut, Target::kLinks, Ending::kHeal},
    {"heal", FaultKind::kHeal, Target::kLinks, Ending::kNone},
    {"flap", FaultKind::kCut, Target::kLinks, Ending::kPattern},
    {"loss", FaultKind::kLoss, Target::kLinks, Ending::kHeal},
    {"burst_loss", FaultKind::kBurstLoss, Target::kLinks, Ending::kZero},
    {"delay", FaultKind::kDelay, Target::kLinks, Ending::kHeal},
    {"lognormal", FaultKind::kLognormal, Target::kLinks, Ending::kZero},
    {"pareto", FaultKind::kPareto, Target::kLinks, Ending::kZero},
    {"delay_trace", FaultKind::kDelayTrace, Target::kLinks, Ending::kZero},
    {"jump", FaultKind::kDelayJump, Target::kLinks, Ending::kZero},
    {"reorder", FaultKind::kReorder, Target::kLinks, Ending::kZero},
    {"duplicate", FaultKind::kDuplicate, Target::kLinks, Ending::kZero},
    {"corrupt", FaultKind::kCorrupt, Target::kLinks, Ending::kZero},
    {"mtu", FaultKind::kMtu, Target::kLinks, Ending::kZero},
    {"rate", FaultKind::kRate, Target::kLinks, Ending::kZero},
    {"trickle", FaultKind::kTrickle, Target::kLinks, Ending::kZero},
    {"deaf", FaultKind::kCut, Target::kIncoming, Ending::kHeal},
    {"mute", FaultKind::kCut, Target::kOutgoing, Ending::kHeal},
    {"isolate", FaultKind::kCut, Target::kBoth, Ending::kHeal},
    {"crash", FaultKind::kCrash, Target::kNodes, Ending::kRestart},
    {"exit", FaultKind::kExit, Target::kNodes, Ending::kRestart},
    {"restart", FaultKind::kRestart, Target::kNodes, Ending::kNone},
    {"pause", FaultKind::kPause, Target::kNodes, Ending::kResume},
    {"limp", FaultKind::kPause, Target::kNodes, Ending::kPattern},
    {"suspend", FaultKind::kSuspend, Target::kNodes, Ending::kResume},
    {"freeze", FaultKind::kFreeze, Target::kNodes, Ending::kResume},
    {"resume", FaultKind::kResume, Target::kNodes, Ending::kNone},
    {"slow", FaultKind::kSlow, Target::kNodes, Ending::kZero},
    {"flood", FaultKind::kFlood, Target::kNodes, Ending::kZero},
    {"worker_stall", FaultKind::kWorkerStall, Target::kNodes, Ending::kZero},
    {"disk_stall", FaultKind::kDiskStall, Target::kNodes, Ending::kZero},
    {"clock", FaultKind::kClock, Target::kNodes, Ending::kNone},
    {"wall_clock", FaultKind::kWallStep, Target::kNodes, Ending::kNone},
    {"drain", FaultKind::kDrain, Target::kNodes, Ending::kZero},
    {"undrain", FaultKind::kDrain, Target::kNodes, Ending::kNone},
};

std::int64_t read_max_us(Fields& fields) {
  return fields.optional_integer("max_us", {1, kHourUs}).value_or(kAddedUsMax) * 1000;
}

/// Values of the faults of a link.
void read_link_values(Fields& fields, Fault& fault, const TimelineScope& scope) {
  const auto optional = [&](std::string_view key, Limits limits, std::int64_t otherwise) {
    return fields.optional_integer(key, limits).value_or(otherwise);
  };
  if (fault.kind == FaultKind::kLoss || fault.kind == FaultKind::kCorrupt) {
    fault.value = fields.integer("per_million", kPerMillion);
  } else if (fault.kind == FaultKind::kBurstLoss) {
    fault.value = fields.integer("enter_per_million", {1, 1'000'000});
    fault.extra = fields.integer("leave_per_million", {1, 1'000'000});
    fault.third = optional("loss_good_per_million", kPerMillion, 0);
    fault.fourth = optional("loss_bad_per_million", kPerMillion, 1'000'000);
  } else if (fault.kind == FaultKind::kDelay) {
    fault.value = fields.integer("delay_us", {0, kHourUs}) * 1000;
    fault.extra = optional("jitter_us", {0, kHourUs}, scope.plan.link.jitter.count() / 1000) * 1000;
  } else if (fault.kind == FaultKind::kLognormal) {
    fault.value = fields.integer("median_us", {1, kHourUs}) * 1000;
    fault.extra = fields.integer("sigma_per_mille", {1, 5000});
    fault.third = read_max_us(fields);
  } else if (fault.kind == FaultKind::kPareto) {
    fault.value = fields.integer("scale_us", {1, kHourUs}) * 1000;
    fault.extra = fields.integer("alpha_per_mille", {500, 10'000});
    fault.third = read_max_us(fields);
    fault.fourth = fields.integer("per_million", {1, 1'000'000});
  } else if (fault.kind == FaultKind::kDelayTrace) {
    const std::string name = fields.string("trace", 40);
    const auto& names = scope.trace_names;
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      fields.fail("trace", "must be one of delay_traces, is '" + name + "'");
    }
    fault.value = 1 + (found - names.begin());
  } else if (fault.kind == FaultKind::kDelayJump) {
    fault.value = fields.integer("add_us", {0, kHourUs}) * 1000;
    fault.extra = optional("ramp_ms", {0, kHourMs}, 0) * 1'000'000;
  } else if (fault.kind == FaultKind::kReorder) {
    fault.value = fields.integer("per_million", kPerMillion);
    fault.extra = fields.integer("by_us", {1, kHourUs}) * 1000;
  } else if (fault.kind == FaultKind::kDuplicate) {
    fault.value = fields.integer("per_million", kPerMillion);
    fault.extra =
        fields.integer("copies", {1, static_cast<std::int64_t>(sim::LinkModels::kMaxCopies)});
  } else if (fault.kind == FaultKind::kMtu) {
    fault.value = fields.integer("bytes", {1, 65'535});
  } else if (fault.kind == FaultKind::kRate) {
    fault.value = fields.integer("kbit_per_second", {1, 100'000'000}) * 1000;
    fault.extra = fields.integer("queue", {1, 100'000});
  } else if (fault.kind == FaultKind::kTrickle) {
    fault.value = fields.integer("spacing_ms", {1, kHourMs}) * 1'000'000;
    fault.extra = fields.integer("queue", {1, 100'000});
  }
}

/// Values of the faults of a node.
void read_node_values(Fields& fields, const Operation& operation, Fault& fault,
                      const TimelineScope& scope) {
  if (fault.kind == FaultKind::kClock) {
    const auto rate = fields.optional_integer("rate_ppm", {-100'000, 100'000});
    const auto step = fields.optional_integer("step_ms", {1, kHourMs});
    if (!rate && !step) fields.fail("rate_ppm", "is missing, and step_ms too");
    fault.value = rate.value_or(0);
    fault.extra = step.value_or(0) * 1'000'000;
  } else if (fault.kind == FaultKind::kWallStep) {
    fault.value = fields.integer("step_ms", {-24 * kHourMs, 24 * kHourMs}) * 1'000'000;
  } else if (fault.kind == FaultKind::kRestart) {
    const std::string disk = fields.optional_string("disk", 8);
    if (!disk.empty() && disk != "kept" && disk != "lost") {
      fields.fail("disk", "must be 'kept' or 'lost', is '" + disk + "'");
    }
    fault.value = disk == "lost" ? 1 : 0;
  } else if (fault.kind == FaultKind::kExit) {
    fault.value = fields.optional_boolean("supervised").value_or(false) ? 1 : 0;
  } else if (fault.kind == FaultKind::kSlow) {
    fault.value = fields.integer("handling_us", {1, kHourUs}) * 1000;
  } else if (fault.kind == FaultKind::kFlood) {
    fault.value = fields.integer("per_million", kPerMillion);
  } else if (fault.kind == FaultKind::kWorkerStall || fault.kind == FaultKind::kDiskStall) {
    if (!scope.has_work) fields.fail("op", "needs 'work': without work nobody can see a stall");
    fault.value = 1;
  } else if (fault.kind == FaultKind::kDrain) {
    fault.value = operation.name == "drain" ? 1 : 0;
  }
}

}  // namespace

const Operation* find_operation(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kOperations), std::end(kOperations),
                   [&](const Operation& other) { return other.name == name; });
  return found == std::end(kOperations) ? nullptr : found;
}

const Operation* operation_of(FaultKind kind) {
  const auto* const found =
      std::find_if(std::begin(kOperations), std::end(kOperations), [&](const Operation& other) {
        return other.kind == kind && other.ending != Ending::kPattern &&
               (other.target == Target::kLinks || other.target == Target::kNodes);
      });
  return found == std::end(kOperations) ? nullptr : found;
}

std::string operation_names() {
  std::string names;
  for (const Operation& operation : kOperations) {
    names += names.empty() ? "" : ", ";
    names += operation.name;
  }
  return names;
}

sim::Fault read_values(Fields& fields, const Operation& operation, const TimelineScope& scope) {
  Fault fault{operation.kind};
  if (sim::is_about_link(operation.kind)) {
    read_link_values(fields, fault, scope);
  } else {
    read_node_values(fields, operation, fault, scope);
  }
  return fault;
}

}  // namespace vouch::scenario
