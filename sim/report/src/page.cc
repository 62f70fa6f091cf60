#include "vouch/report/page.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "vouch/detector/assert.h"
#include "vouch/scenario/trace.h"

namespace vouch::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMessagesInAll = 150'000;
constexpr std::size_t kMessagesMax = 15'000;
constexpr std::size_t kMessagesMin = 500;

std::int64_t microseconds(sim::TrueTime at) {
  return (at - sim::kStart).count() / 1000;
}

/// The index of a node, or -1.
std::int64_t index_of(NodeId node) {
  return std::int64_t{node.value()} - 1;
}

Json json_of(const Span& span) {
  return {microseconds(span.from), microseconds(span.until)};
}

Json json_of(const std::vector<Span>& spans) {
  Json json = Json::array();
  for (const Span& span : spans)
    json.push_back(json_of(span));
  return json;
}

Json json_of(const NodeLane& lane) {
  Json standings = Json::array();
  for (const StandingSpan& stood : lane.standings) {
    standings.push_back({microseconds(stood.span.from), microseconds(stood.span.until),
                         to_string(stood.standing.activity), stood.standing.term.value(),
                         index_of(stood.standing.leader)});
  }
  Json promises = Json::array();
  for (const PromiseSpan& promise : lane.promises) {
    promises.push_back({microseconds(promise.span.from), microseconds(promise.span.until),
                        index_of(promise.leader)});
  }
  Json suspicions = Json::array();
  for (const SuspicionSpan& suspicion : lane.suspicions) {
    suspicions.push_back({microseconds(suspicion.span.from), microseconds(suspicion.span.until),
                          std::int64_t{suspicion.subject}});
  }
  Json troubles = Json::array();
  for (const TroubleSpan& trouble : lane.troubles) {
    troubles.push_back(
        {microseconds(trouble.span.from), microseconds(trouble.span.until), trouble.text});
  }
  return {{"standings", standings},         {"troubles", troubles},
          {"leases", json_of(lane.leases)}, {"promises", promises},
          {"suspicions", suspicions},       {"majorities", json_of(lane.majorities)}};
}

Json lines_of(const Recording& recording) {
  Json lines = Json::array();
  for (const RecordLine& line : recording.lines) {
    lines.push_back({microseconds(line.at), line.node ? std::int64_t{*line.node} : -1, line.kind,
                     line.word, line.text, line.times, microseconds(line.last_at)});
  }
  return lines;
}

Json links_of(const Recording& recording) {
  Json links = Json::array();
  for (const LinkChange& change : recording.links) {
    links.push_back({microseconds(change.at), change.from, change.to,
                     static_cast<unsigned>(change.state), change.text});
  }
  return links;
}

Json traffic_of(const Recording& recording) {
  Json sent = Json::array();
  Json delivered = Json::array();
  for (const Traffic& traffic : recording.traffic) {
    sent.push_back(traffic.sent);
    delivered.push_back(traffic.delivered);
  }
  return {{"bucket", recording.bucket.count() / 1000}, {"sent", sent}, {"delivered", delivered}};
}

/// Messages are most of a report, so they are flat: six numbers each, the time of sending as the
/// difference to the message before, the time of arrival as the difference to the sending (-1: it
/// did not arrive).
Json messages_of(const Recording& recording) {
  Json flat = Json::array();
  std::int64_t before = 0;
  for (const SentMessage& message : recording.messages) {
    const std::int64_t sent = microseconds(message.sent);
    const bool has_arrived = message.fate == sim::Fate::kDelivered;
    flat.push_back(sent - before);
    flat.push_back(has_arrived ? microseconds(message.arrived) - sent : -1);
    flat.push_back(message.from);
    flat.push_back(message.to);
    flat.push_back(message.kind);
    flat.push_back(static_cast<unsigned>(message.fate));
    before = sent;
  }
  return {{"windows", json_of(recording.message_windows)},
          {"kinds", recording.message_kinds},
          {"flat", flat}};
}

Json json_of(const Recording& recording) {
  Json nodes = Json::array();
  for (const NodeLane& lane : recording.nodes)
    nodes.push_back(json_of(lane));
  return {{"seed", recording.seed},
          {"has_lease", recording.has_lease},
          {"nodes", nodes},
          {"usable", json_of(usable_times(recording))},
          {"lines", lines_of(recording)},
          {"links", links_of(recording)},
          {"traffic", traffic_of(recording)},
          {"messages", messages_of(recording)}};
}

Json json_of(const PolicyReport& policy, std::size_t replicas) {
  Json measures;
  for (std::uint8_t i = 0; i < scenario::kMeasureCount; ++i) {
    const auto measure = static_cast<scenario::Measure>(i);
    Json& values = measures[std::string(to_string(measure))];
    values = Json::array();
    for (const sim::RunResult& result : policy.results) {
      values.push_back(scenario::value_of(measure, result, replicas));
    }
  }
  Json available = Json::array();
  for (const sim::RunResult& result : policy.results)
    available.push_back(result.clients_during.availability_per_million());
  Json violations = Json::array();
  for (const sim::RunResult& result : policy.results)
    violations.push_back(result.violation_count);
  return {{"name", policy.policy},         {"first_seed", policy.first_seed},
          {"runs", policy.results.size()}, {"is_expected", policy.is_expected},
          {"is_judged", policy.is_judged}, {"misses", policy.misses},
          {"measures", measures},          {"clients_available_per_million", available},
          {"violations", violations},      {"recording", json_of(policy.recording)}};
}

Json json_of(const ScenarioReport& report) {
  const scenario::Scenario& scenario = report.scenario;
  Json policies = Json::array();
  for (const PolicyReport& policy : report.policies)
    policies.push_back(json_of(policy, scenario.plan.replicas));
  return {{"name", scenario.name},
          {"title", scenario.title},
          {"note", scenario.note},
          {"replicas", scenario.plan.replicas},
          {"clients", scenario.plan.clients.count},
          {"initial_leader", scenario.plan.initial_leader},
          {"fault_from", microseconds(scenario.plan.fault_from)},
          {"fault_until", microseconds(scenario.plan.fault_until)},
          {"end", microseconds(scenario.plan.end)},
          {"policies", policies}};
}

}  // namespace

std::size_t messages_per_recording(std::size_t recordings) {
  return std::clamp(kMessagesInAll / std::max<std::size_t>(recordings, 1), kMessagesMin,
                    kMessagesMax);
}

std::string report_json(const Report& report) {
  Json scenarios = Json::array();
  for (const ScenarioReport& scenario : report.scenarios)
    scenarios.push_back(json_of(scenario));
  const Json document = {{"format", "vouch-report/1"},
                         {"version", report.version},
                         {"command", report.command},
                         {"scenarios", scenarios}};
  const std::string text = document.dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    // Outside of strings JSON has none of these.
    if (c == '<') {
      safe += "\\u003c";
    } else if (c == '>') {
      safe += "\\u003e";
    } else if (c == '&') {
      safe += "\\u0026";
    } else {
      safe += c;
    }
  }
  return safe;
}

bool has_page() {
  return !page_pieces().empty();
}

std::string report_page(const Report& report) {
  VOUCH_ASSERT(has_page());
  std::string page;
  for (const std::string_view piece : page_pieces())
    page += piece;
  const std::size_t mark = page.find(kDataMark);
  VOUCH_ASSERT(mark != std::string::npos);
  return page.replace(mark, kDataMark.size(), report_json(report));
}

}  // namespace vouch::report
