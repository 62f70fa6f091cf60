#include "timeline.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "links.h"

namespace vouch::scenario {
namespace {

using sim::Fault;
using sim::FaultKind;

constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr std::int64_t kTimesMax = 100'000;

/// What an operation works on, and what undoes it after `for_ms`.
struct Operation {
  std::string_view name;
  FaultKind kind;
  bool on_links;
  bool may_end;
  FaultKind end;
};

constexpr Operation kOperations[] = {
    {"cut", FaultKind::kCut, true, true, FaultKind::kHeal},
    {"heal", FaultKind::kHeal, true, false, FaultKind::kHeal},
    {"loss", FaultKind::kLoss, true, true, FaultKind::kHeal},
    {"delay", FaultKind::kDelay, true, true, FaultKind::kHeal},
    {"crash", FaultKind::kCrash, false, true, FaultKind::kRestart},
    {"restart", FaultKind::kRestart, false, false, FaultKind::kRestart},
    {"pause", FaultKind::kPause, false, true, FaultKind::kResume},
    {"resume", FaultKind::kResume, false, false, FaultKind::kResume},
    {"clock", FaultKind::kClock, false, false, FaultKind::kClock},
};

std::string operation_names() {
  std::string names;
  for (const Operation& operation : kOperations) {
    names += names.empty() ? "" : ", ";
    names += operation.name;
  }
  return names;
}

/// The numbers that the operation takes besides its targets.
Fault read_values(Fields& fields, const Operation& operation, const sim::Link& link) {
  Fault fault{operation.kind, 0, 0, 0, 0};
  switch (operation.kind) {
    case FaultKind::kLoss:
      fault.value = fields.integer("per_million", {0, 1'000'000});
      break;
    case FaultKind::kDelay: {
      fault.value = fields.integer("delay_us", {0, kHourUs}) * 1000;
      const auto jitter = fields.optional_integer("jitter_us", {0, kHourUs});
      fault.extra = jitter ? *jitter * 1000 : link.jitter.count();
      break;
    }
    case FaultKind::kClock:
      fault.value = fields.integer("rate_ppm", {-100'000, 100'000});
      break;
    case FaultKind::kRestart: {
      const std::string disk = fields.optional_string("disk", 8);
      if (!disk.empty() && disk != "kept" && disk != "lost") {
        fields.fail("disk", "must be 'kept' or 'lost', is '" + disk + "'");
      }
      fault.value = disk == "lost" ? 1 : 0;
      break;
    }
    case FaultKind::kCut:
    case FaultKind::kHeal:
    case FaultKind::kCrash:
    case FaultKind::kPause:
    case FaultKind::kResume:
      break;
  }
  return fault;
}

std::vector<LinkEnds> read_links(const Value& list, const std::string& path, std::size_t replicas,
                                 ErrorSink& errors) {
  std::vector<LinkEnds> links;
  if (list.items.empty()) errors.report(list.line, path, "must not be empty");
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const Value& item = list.items[i];
    const std::string name = path + "[" + std::to_string(i) + "]";
    if (item.kind != Value::Kind::kString) {
      errors.report(item.line, name, "must be a string, is " + item.shown());
      continue;
    }
    const Result<std::vector<LinkEnds>> found = parse_links(item.string, replicas);
    if (!found) {
      errors.report(item.line, name, found.error().message);
      continue;
    }
    for (const LinkEnds& link : *found) {
      if (std::find(links.begin(), links.end(), link) == links.end()) links.push_back(link);
    }
  }
  return links;
}

/// The faults of one event at their relative places, targets filled in.
std::vector<Fault> read_targets(Fields& fields, const Operation& operation, const Fault& model,
                                std::size_t replicas, ErrorSink& errors) {
  std::vector<Fault> faults;
  if (operation.on_links) {
    if (const Value* const list = fields.array("links")) {
      for (const auto& [from, to] : read_links(*list, fields.name("links"), replicas, errors)) {
        faults.push_back({model.kind, from, to, model.value, model.extra});
      }
    }
  } else if (const Value* const list = fields.array("nodes")) {
    const sim::NodeSet nodes = read_nodes(*list, fields.name("nodes"), replicas, errors);
    for (sim::NodeIndex node = 0; node < replicas; ++node) {
      if ((nodes & sim::node_bit(node)) == 0) continue;
      faults.push_back({model.kind, node, 0, model.value, model.extra});
    }
  }
  return faults;
}

void read_event(const Value& event, const std::string& path, const sim::Plan& plan,
                ErrorSink& errors, std::vector<sim::TimedFault>& out) {
  const std::int64_t end_ms = (plan.end - sim::kStart) / std::chrono::milliseconds(1);
  Fields fields(event, path, errors);
  if (errors.failed()) return;
  const std::string name = fields.string("op", 16);
  const auto* const operation =
      std::find_if(std::begin(kOperations), std::end(kOperations),
                   [&](const Operation& other) { return other.name == name; });
  if (operation == std::end(kOperations)) {
    fields.fail("op", "must be one of " + operation_names() + ", is '" + name + "'");
    return;
  }
  const std::int64_t at = fields.integer("at_ms", {0, end_ms});
  const Fault model = read_values(fields, *operation, plan.link);
  const std::vector<Fault> faults = read_targets(fields, *operation, model, plan.replicas, errors);
  std::optional<std::int64_t> lasts;
  std::int64_t every = 0;
  std::int64_t times = 1;
  if (operation->may_end) {
    lasts = fields.optional_integer("for_ms", {1, end_ms});
    if (fields.has("every_ms") || fields.has("times")) {
      every = fields.integer("every_ms", {1, end_ms});
      times = fields.integer("times", {1, kTimesMax});
      if (!lasts) fields.fail("for_ms", "is missing: every_ms repeats what ends");
      if (lasts && every <= *lasts) {
        fields.fail("every_ms", "must be above for_ms (" + std::to_string(*lasts) + "), is " +
                                    std::to_string(every));
      }
    }
  }
  fields.finish();
  if (errors.failed()) return;
  for (std::int64_t i = 0; i < times && at + i * every <= end_ms; ++i) {
    const auto begin = sim::kStart + std::chrono::milliseconds(at + i * every);
    for (const Fault& fault : faults)
      out.push_back({begin, fault});
    if (!lasts || begin + std::chrono::milliseconds(*lasts) > plan.end) continue;
    for (const Fault& fault : faults) {
      out.push_back(
          {begin + std::chrono::milliseconds(*lasts), {operation->end, fault.a, fault.b, 0, 0}});
    }
  }
}

}  // namespace

sim::NodeSet read_nodes(const Value& list, const std::string& path, std::size_t replicas,
                        ErrorSink& errors) {
  sim::NodeSet nodes = 0;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const Value& item = list.items[i];
    const auto last = static_cast<std::int64_t>(replicas) - 1;
    const bool is_node =
        item.kind == Value::Kind::kInteger && item.integer >= 0 && item.integer <= last;
    if (!is_node || (nodes & sim::node_bit(static_cast<sim::NodeIndex>(item.integer))) != 0) {
      errors.report(
          item.line, path + "[" + std::to_string(i) + "]",
          "must be a node in [0, " + std::to_string(last) + "], each once, is " + item.shown());
      continue;
    }
    nodes |= sim::node_bit(static_cast<sim::NodeIndex>(item.integer));
  }
  return nodes;
}

void read_timeline(const Value& events, const sim::Plan& plan, ErrorSink& errors,
                   std::vector<sim::TimedFault>& out) {
  for (std::size_t i = 0; i < events.items.size(); ++i) {
    read_event(events.items[i], "events[" + std::to_string(i) + "]", plan, errors, out);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
}

}  // namespace vouch::scenario
