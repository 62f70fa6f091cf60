#include "timeline.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "links.h"

namespace vouch::scenario {
namespace {

using sim::Fault;
using sim::FaultKind;

constexpr std::int64_t kTimesMax = 1'000'000;

/// When what an event does ends, and how often it does it.
struct Course {
  std::int64_t at = 0;
  std::optional<std::int64_t> lasts;
  std::int64_t every = 0;
  std::int64_t times = 1;
};

/// What may happen to a link between a client and a replica, and end.
bool suits_clients(FaultKind kind) {
  return kind == FaultKind::kCut || kind == FaultKind::kHeal || kind == FaultKind::kLoss;
}

std::vector<LinkEnds> read_links(const Value& list, const std::string& path,
                                 const Operation& operation, const TimelineScope& scope,
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
    const std::size_t replicas = scope.plan.replicas;
    const bool is_of_clients = names_clients(item.string);
    if (is_of_clients && !suits_clients(operation.kind)) {
      errors.report(item.line, name,
                    "is a link of clients, on which only cut, heal, flap and loss work");
      continue;
    }
    const Result<std::vector<LinkEnds>> found =
        is_of_clients ? parse_client_links(item.string, scope.clients, replicas)
                      : parse_links(item.string, replicas);
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

/// The links to, from, or to and from `nodes`.
std::vector<LinkEnds> links_of(Target target, sim::NodeSet nodes, sim::NodeIndex replicas) {
  std::vector<LinkEnds> links;
  for (sim::NodeIndex from = 0; from < replicas; ++from) {
    for (sim::NodeIndex to = 0; to < replicas; ++to) {
      const bool leaves = (nodes & sim::node_bit(from)) != 0 && target != Target::kIncoming;
      const bool arrives = (nodes & sim::node_bit(to)) != 0 && target != Target::kOutgoing;
      if (from != to && (leaves || arrives)) links.emplace_back(from, to);
    }
  }
  return links;
}

/// The faults of one event, targets filled in.
std::vector<Fault> read_targets(Fields& fields, const Operation& operation, const Fault& model,
                                const TimelineScope& scope, ErrorSink& errors) {
  const std::size_t replicas = scope.plan.replicas;
  std::vector<Fault> faults;
  const auto add = [&](sim::NodeIndex a, sim::NodeIndex b) {
    faults.push_back(model);
    faults.back().a = a;
    faults.back().b = b;
  };
  if (operation.target == Target::kLinks) {
    if (const Value* const list = fields.array("links")) {
      for (const auto& [from, to] :
           read_links(*list, fields.name("links"), operation, scope, errors)) {
        add(from, to);
      }
    }
    return faults;
  }
  const Value* const named = fields.object().find("nodes");
  if (operation.target == Target::kNodes && named != nullptr &&
      named->kind == Value::Kind::kString) {
    const std::string who = fields.string("nodes", 16);
    if (who != "leader")
      fields.fail("nodes", "must be a list of nodes or 'leader', is '" + who + "'");
    add(sim::kTheLeader, 0);
    return faults;
  }
  const Value* const list = fields.array("nodes");
  if (list == nullptr) return faults;
  const sim::NodeSet nodes = read_nodes(*list, fields.name("nodes"), replicas, errors);
  if (list->items.empty()) fields.fail("nodes", "must not be empty");
  if (operation.target == Target::kNodes) {
    for (sim::NodeIndex node = 0; node < replicas; ++node) {
      if ((nodes & sim::node_bit(node)) != 0) add(node, 0);
    }
  } else {
    for (const auto& [from, to] :
         links_of(operation.target, nodes, static_cast<sim::NodeIndex>(replicas))) {
      add(from, to);
    }
  }
  return faults;
}

/// Times of an operation whose own numbers say what comes how often.
void read_pattern(Fields& fields, const Operation& operation, std::int64_t end_ms, Course& course) {
  const std::int64_t whole = fields.integer("for_ms", {1, end_ms});
  if (operation.name == "flap") {
    course.lasts = fields.integer("down_ms", {1, end_ms});
    course.every = *course.lasts + fields.integer("up_ms", {1, end_ms});
  } else {
    course.lasts = fields.integer("pause_ms", {1, end_ms});
    course.every = fields.integer("every_ms", {1, end_ms});
    if (course.every <= *course.lasts) {
      fields.fail("every_ms", "must be above pause_ms (" + std::to_string(*course.lasts) +
                                  "), is " + std::to_string(course.every));
    }
  }
  course.times = (whole + course.every - 1) / std::max<std::int64_t>(course.every, 1);
}

Course read_course(Fields& fields, const Operation& operation, std::int64_t end_ms) {
  Course course;
  course.at = fields.integer("at_ms", {0, end_ms});
  if (operation.ending == Ending::kPattern) {
    read_pattern(fields, operation, end_ms, course);
    return course;
  }
  const bool may_end = operation.ending != Ending::kNone;
  if (may_end) course.lasts = fields.optional_integer("for_ms", {1, end_ms});
  const bool may_repeat = may_end || operation.kind == FaultKind::kWallStep;
  if (!may_repeat || (!fields.has("every_ms") && !fields.has("times"))) return course;
  course.every = fields.integer("every_ms", {1, end_ms});
  course.times = fields.integer("times", {1, kTimesMax});
  if (may_end && !course.lasts) fields.fail("for_ms", "is missing: every_ms repeats what ends");
  if (course.lasts && course.every <= *course.lasts) {
    fields.fail("every_ms", "must be above for_ms (" + std::to_string(*course.lasts) + "), is " +
                                std::to_string(course.every));
  }
  return course;
}

/// What ends `fault`.
Fault ending_of(const Operation& operation, const Fault& fault) {
  FaultKind kind = fault.kind;
  switch (operation.ending) {
    case Ending::kHeal:
      kind = FaultKind::kHeal;
      break;
    case Ending::kRestart:
      kind = FaultKind::kRestart;
      break;
    case Ending::kResume:
      kind = FaultKind::kResume;
      break;
    case Ending::kPattern:
      kind = operation.target == Target::kLinks ? FaultKind::kHeal : FaultKind::kResume;
      break;
    case Ending::kNone:
    case Ending::kZero:
      break;
  }
  return {kind, fault.a == sim::kTheLeader ? sim::kTheSame : fault.a, fault.b};
}

void read_event(const Value& event, const std::string& path, const TimelineScope& scope,
                ErrorSink& errors, std::vector<sim::TimedFault>& out) {
  const sim::Plan& plan = scope.plan;
  const std::int64_t end_ms = (plan.end - sim::kStart) / std::chrono::milliseconds(1);
  Fields fields(event, path, errors);
  if (errors.failed()) return;
  const std::string name = fields.string("op", 16);
  const Operation* const operation = find_operation(name);
  if (operation == nullptr) {
    fields.fail("op", "must be one of " + operation_names() + ", is '" + name + "'");
    return;
  }
  const Course course = read_course(fields, *operation, end_ms);
  const Fault model = read_values(fields, *operation, scope);
  const std::vector<Fault> faults = read_targets(fields, *operation, model, scope, errors);
  fields.finish();
  if (errors.failed()) return;
  for (std::int64_t i = 0; i < course.times && course.at + i * course.every <= end_ms; ++i) {
    const auto begin = sim::kStart + std::chrono::milliseconds(course.at + i * course.every);
    for (const Fault& fault : faults)
      out.push_back({begin, fault});
    if (!course.lasts || begin + std::chrono::milliseconds(*course.lasts) > plan.end) continue;
    for (const Fault& fault : faults) {
      out.push_back(
          {begin + std::chrono::milliseconds(*course.lasts), ending_of(*operation, fault)});
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

void read_timeline(const Value& events, const TimelineScope& scope, ErrorSink& errors,
                   std::vector<sim::TimedFault>& out) {
  for (std::size_t i = 0; i < events.items.size(); ++i) {
    read_event(events.items[i], "events[" + std::to_string(i) + "]", scope, errors, out);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
}

}  // namespace vouch::scenario
