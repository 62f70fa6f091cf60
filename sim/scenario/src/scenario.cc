#include "vouch/scenario/scenario.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "clients.h"
#include "detector_fields.h"
#include "diagnosis.h"
#include "document.h"
#include "fields.h"
#include "sweep.h"
#include "timeline.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/profile.h"

namespace vouch::scenario {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::string_view kFormat = "vouch-scenario/1";
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kYearMs = 365 * 24 * kHourMs;
constexpr Limits kConfigMs{1, kHourMs};

void read_network(const Value& object, sim::Plan& plan, ErrorSink& errors) {
  sim::Link& link = plan.link;
  Fields fields(object, "network", errors);
  constexpr Limits kMicros{0, kHourMs * 1000};
  if (const auto v = fields.optional_integer("delay_us", kMicros)) link.delay = microseconds(*v);
  if (const auto v = fields.optional_integer("jitter_us", kMicros)) link.jitter = microseconds(*v);
  if (const auto v = fields.optional_integer("loss_per_million", {0, 1'000'000})) {
    link.loss_per_million = static_cast<std::uint32_t>(*v);
  }
  if (const auto v = fields.optional_integer("receive_buffer", {1, 1'000'000})) {
    plan.receive_buffer = static_cast<std::size_t>(*v);
  }
  fields.finish();
}

void read_work(const Value& object, Scenario& scenario, ErrorSink& errors) {
  Fields fields(object, "work", errors);
  scenario.settings.work.interval = milliseconds(fields.integer("interval_ms", {1, 60'000}));
  scenario.settings.work.bytes = static_cast<std::uint32_t>(fields.integer("bytes", {1, 65'535}));
  scenario.plan.work_bytes = scenario.settings.work.bytes;
  fields.finish();
}

/// Recorded delays by name, in microseconds.
std::vector<std::string> read_traces(const Value& object, sim::Plan& plan, ErrorSink& errors) {
  std::vector<std::string> names;
  for (const auto& [name, list] : object.members) {
    const std::string path = "delay_traces." + name;
    std::vector<Duration> delays;
    if (list.kind != Value::Kind::kArray || list.items.empty()) {
      errors.report(list.line, path, "must be a list of delays, is " + list.shown());
    }
    for (const Value& item : list.items) {
      if (item.kind != Value::Kind::kInteger || item.integer < 0 || item.integer > kHourMs * 1000) {
        errors.report(item.line, path,
                      "must hold integers in [0, 3600000000], has " + item.shown());
        break;
      }
      delays.push_back(microseconds(item.integer));
    }
    names.push_back(name);
    plan.delay_traces.push_back(std::move(delays));
  }
  return names;
}

/// The knobs of vouch that a scenario does not name are those of its profile, or the defaults.
void read_profile(Fields& fields, MonitorConfig& vouch) {
  const std::string name = fields.optional_string("profile", 16);
  if (name.empty()) return;
  if (const std::optional<Profile> profile = profile_named(name)) {
    apply_profile(*profile, vouch);
  } else {
    fields.fail("profile", "must be 'lan', 'multi-az' or 'wan', is '" + name + "'");
  }
}

void read_kinds(Fields& fields, MonitorConfig& vouch) {
  const std::string detector = fields.optional_string("detector", 16);
  if (const std::optional<DetectorKind> kind = detector_kind_named(detector)) {
    vouch.detector.kind = *kind;
  } else if (!detector.empty()) {
    fields.fail("detector",
                std::string("must be one of ") + detector_kind_names() + ", is '" + detector + "'");
  }
  const std::string mode = fields.optional_string("lease_mode", 16);
  if (mode == "wait_out") {
    vouch.lease_mode = LeaseMode::kWaitOut;
  } else if (!mode.empty() && mode != "refuse") {
    fields.fail("lease_mode", "must be 'refuse' or 'wait_out', is '" + mode + "'");
  }
}

void read_relay(Fields& fields, MonitorConfig& vouch) {
  const std::string relay = fields.optional_string("relay", 16);
  if (relay.empty()) return;
  if (const std::optional<RelayMode> mode = relay_mode_named(relay)) {
    vouch.relay = *mode;
  } else {
    fields.fail("relay", "must be 'off', 'heartbeats' or 'all', is '" + relay + "'");
  }
}

void read_config(const Value& object, sim::PolicySettings& settings, ErrorSink& errors) {
  Fields fields(object, "config", errors);
  MonitorConfig& vouch = settings.vouch;
  const auto take = [&](std::string_view key, Duration& into, Limits limits = kConfigMs) {
    if (const auto v = fields.optional_integer(key, limits)) into = milliseconds(*v);
  };
  read_profile(fields, vouch);
  take("heartbeat_interval_ms", vouch.heartbeat_interval);
  settings.raft.heartbeat_interval = vouch.heartbeat_interval;
  take("election_timeout_ms", settings.raft.election_timeout);
  for (const DetectorField& field : kDetectorFields) {
    const auto v = fields.optional_integer(field.key, field.limits);
    if (v) set_field(field, vouch.detector, *v);
  }
  if (const auto v = fields.optional_boolean("memory")) vouch.detector.memory = *v;
  take("lease_ms", vouch.lease);
  take("confirm_interval_ms", vouch.confirm_interval);
  take("consent_hold_ms", vouch.consent_hold);
  take("suppress_cap_ms", vouch.suppress_cap);
  take("stall_limit_ms", vouch.stall_limit);
  take("progress_timeout_ms", vouch.progress_timeout, {0, kHourMs});
  if (const auto v = fields.optional_boolean("follow_advice")) settings.work.follows_advice = *v;
  if (const auto v = fields.optional_integer("padded_every", {0, 1000})) {
    vouch.padded_every = static_cast<std::uint32_t>(*v);
  }
  if (const auto v = fields.optional_integer("clock_drift_ppm", {0, 100'000})) {
    vouch.clock_drift_ppm = static_cast<std::uint32_t>(*v);
  }
  read_kinds(fields, vouch);
  read_relay(fields, vouch);
  if (settings.raft.election_timeout < settings.raft.heartbeat_interval) {
    fields.fail("election_timeout_ms", "must be at least heartbeat_interval_ms");
  }
  fields.finish();
}

/// {"min": .., "max": ..}, at least one of them.
Bound read_bound(Measure measure, const Value& object, const std::string& path, ErrorSink& errors) {
  Fields fields(object, path, errors);
  const Bound bound{measure, fields.optional_integer("min", {}),
                    fields.optional_integer("max", {})};
  if (!bound.min && !bound.max) fields.fail("max", "is missing, and min too");
  if (bound.min && bound.max && *bound.min > *bound.max) {
    fields.fail("max", "must be at least min (" + std::to_string(*bound.min) + "), is " +
                           std::to_string(*bound.max));
  }
  fields.finish();
  return bound;
}

/// What `policies`, a name or several with commas between them, are expected to do. Policies of one
/// kind do the same: what is known of them is said once.
void read_expectation(const std::string& policies, const Value& object, Scenario& scenario,
                      ErrorSink& errors) {
  Expectation expectation;
  Fields fields(object, "expect." + policies, errors);
  if (errors.failed()) return;
  const auto take_leader = [&](std::string_view key, std::optional<sim::NodeSet>& into) {
    const Value* const list = fields.optional_array(key);
    if (list == nullptr) return;
    into = read_nodes(*list, fields.name(key), scenario.plan.replicas, errors);
  };
  take_leader("final_leader", expectation.final_leader);
  take_leader("leader_at_heal", expectation.leader_at_heal);
  if (const Value* const list = fields.optional_array("diagnosis")) {
    expectation.diagnosis = read_diagnosis(*list, fields.name("diagnosis"), errors);
  }
  for (std::uint8_t i = 0; i < kMeasureCount; ++i) {
    const auto measure = static_cast<Measure>(i);
    const Value* const bound = fields.optional_object(to_string(measure));
    if (bound == nullptr) continue;
    expectation.bounds.push_back(
        read_bound(measure, *bound, fields.name(to_string(measure)), errors));
  }
  fields.finish();
  std::string_view rest = policies;
  while (!errors.failed()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    expectation.policy = rest.substr(0, comma);
    const auto& known = sim::policy_names();
    if (!sim::is_vouch(expectation.policy) &&
        std::find(known.begin(), known.end(), expectation.policy) == known.end()) {
      errors.report(
          object.line, "expect." + policies,
          "unknown policy" +
              (policies == expectation.policy ? std::string() : " '" + expectation.policy + "'"));
    }
    if (scenario.expected_of(expectation.policy) != nullptr) {
      errors.report(object.line, "expect." + policies,
                    "must name a policy once, '" + expectation.policy + "' comes twice");
    }
    scenario.expectations.push_back(expectation);
    if (comma == rest.size()) break;
    rest.remove_prefix(comma + 1);
  }
}

/// What the class of a scenario promises must also be stated as what vouch does.
void check_class(const Scenario& scenario, Fields& fields) {
  const Expectation* const vouch = scenario.expected_of("vouch");
  if (scenario.outcome == OutcomeClass::kUnstated) return;
  const std::string name = "class '" + std::string(to_string(scenario.outcome)) + "' ";
  const Bound* elections = nullptr;
  if (vouch != nullptr) {
    for (const Bound& bound : vouch->bounds) {
      if (bound.measure == Measure::kElections) elections = &bound;
    }
  }
  switch (scenario.outcome) {
    case OutcomeClass::kKeep:
      if (elections == nullptr || elections->max != 0) {
        fields.fail("class", name + "needs expect.vouch.elections.max 0");
      }
      break;
    case OutcomeClass::kMove:
      if (elections == nullptr || elections->min.value_or(0) < 1 || !elections->max) {
        fields.fail("class", name + "needs expect.vouch.elections with a min above 0 and a max");
      }
      break;
    case OutcomeClass::kStop:
      if (vouch == nullptr || vouch->leader_at_heal != sim::NodeSet{0}) {
        fields.fail("class", name + "needs expect.vouch.leader_at_heal []");
      }
      break;
    case OutcomeClass::kBound:
      if (elections == nullptr || !elections->max) {
        fields.fail("class", name + "needs expect.vouch.elections.max");
      }
      break;
    case OutcomeClass::kUnstated:
      break;
  }
}

void read_class(Fields& fields, Scenario& scenario) {
  const std::string name = fields.optional_string("class", 16);
  if (name.empty()) return;
  for (const OutcomeClass outcome :
       {OutcomeClass::kKeep, OutcomeClass::kMove, OutcomeClass::kStop, OutcomeClass::kBound}) {
    if (name == to_string(outcome)) scenario.outcome = outcome;
  }
  if (scenario.outcome == OutcomeClass::kUnstated) {
    fields.fail("class", "must be 'keep', 'move', 'stop' or 'bound', is '" + name + "'");
  }
}

bool is_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

void read_head(Fields& fields, Scenario& scenario) {
  const std::string format = fields.string("format", 32);
  if (format != kFormat) {
    fields.fail("format", "must be '" + std::string(kFormat) + "', is '" + format + "'");
  }
  scenario.name = fields.string("name", 40);
  if (!is_name(scenario.name)) {
    fields.fail("name", "must be made of a-z, 0-9, _ and -, is '" + scenario.name + "'");
  }
  scenario.title = fields.string("title", 200);
  scenario.note = fields.optional_string("note", 2000);
  scenario.pending = fields.optional_string("pending", 400);
  scenario.assumption_violated = fields.optional_boolean("assumption_violated").value_or(false);
  read_class(fields, scenario);
  if (const auto v = fields.optional_integer("liveness_bound_ms", kConfigMs)) {
    scenario.liveness_bound = milliseconds(*v);
  }
  sim::Plan& plan = scenario.plan;
  plan.replicas = static_cast<std::size_t>(fields.integer("replicas", {1, kMaxNodes}));
  scenario.settings.replicas = plan.replicas;
  plan.initial_leader = static_cast<sim::NodeIndex>(
      fields.integer("initial_leader", {0, static_cast<std::int64_t>(plan.replicas) - 1}));
  const std::int64_t end = fields.integer("duration_ms", {1, kYearMs});
  const std::int64_t from = fields.integer("fault_from_ms", {0, end});
  const std::int64_t until = fields.integer("fault_until_ms", {from, end});
  plan.end = sim::kStart + milliseconds(end);
  plan.fault_from = sim::kStart + milliseconds(from);
  plan.fault_until = sim::kStart + milliseconds(until);
}

}  // namespace

namespace {

/// One variant of a file.
Scenario read_variant(const Value& document, ErrorSink& errors) {
  Fields fields(document, "", errors);
  Scenario scenario;
  if (!errors.failed()) read_head(fields, scenario);
  if (const Value* const network = fields.optional_object("network")) {
    read_network(*network, scenario.plan, errors);
  }
  if (const Value* const config = fields.optional_object("config")) {
    read_config(*config, scenario.settings, errors);
  }
  if (const Value* const work = fields.optional_object("work")) read_work(*work, scenario, errors);
  std::vector<std::string> traces;
  if (const Value* const recorded = fields.optional_object("delay_traces")) {
    traces = read_traces(*recorded, scenario.plan, errors);
  }
  ClientNames clients;
  if (!errors.failed()) {
    clients = read_clients(fields.optional_object("clients"), scenario.plan,
                           scenario.settings.vouch, errors);
  }
  const Value* const events = fields.array("events");
  if (events != nullptr && !errors.failed()) {
    read_timeline(*events, {scenario.plan, traces, scenario.plan.work_bytes > 0, clients}, errors,
                  scenario.plan.faults);
    take_client_faults(scenario.plan);
  }
  if (const Value* const expect = fields.optional_object("expect")) {
    for (const auto& [policies, object] : expect->members)
      read_expectation(policies, object, scenario, errors);
  }
  fields.finish();
  if (!errors.failed()) check_class(scenario, fields);
  if (errors.failed()) return scenario;
  // The policies' own rules, such as heartbeat_interval <= lease / 4.
  for (const std::string_view name : sim::policy_names()) {
    const auto policy = sim::make_policy(name, scenario.settings);
    if (policy) continue;
    const Value* const config = document.find("config");
    errors.report(config != nullptr ? config->line : 1, "config", policy.error().message);
    break;
  }
  return scenario;
}

}  // namespace

Result<std::vector<Scenario>> read_scenarios(std::string_view text, std::string_view file) {
  const Result<Value> document = parse_document(text, file);
  if (!document) return document.error();
  ErrorSink errors(file);
  std::vector<Scenario> scenarios;
  for (const Variant& variant : expand_sweep(*document, errors)) {
    Scenario scenario = read_variant(variant.document, errors);
    if (errors.failed()) break;
    scenario.variant = variant.text;
    scenarios.push_back(std::move(scenario));
  }
  if (errors.failed()) return Error{Errc::kBadInput, errors.message()};
  return scenarios;
}

Result<Scenario> read_scenario(std::string_view text, std::string_view file) {
  Result<std::vector<Scenario>> scenarios = read_scenarios(text, file);
  if (!scenarios) return scenarios.error();
  return std::move(scenarios->front());
}

std::string_view to_string(OutcomeClass outcome) {
  switch (outcome) {
    case OutcomeClass::kUnstated:
      return "-";
    case OutcomeClass::kKeep:
      return "keep";
    case OutcomeClass::kMove:
      return "move";
    case OutcomeClass::kStop:
      return "stop";
    case OutcomeClass::kBound:
      return "bound";
  }
  return "-";
}

bool Scenario::is_pending(std::string_view policy) const {
  if (pending.empty() || !sim::is_vouch(policy)) return false;
  return policy == "vouch" || expected_of(policy) == nullptr;
}

std::string Scenario::label() const {
  return variant.empty() ? name : name + " (" + variant + ")";
}

bool Scenario::judges(sim::Rule rule) const {
  return !assumption_violated || (rule != sim::Rule::kS1 && rule != sim::Rule::kS2);
}

const Expectation* Scenario::expected_of(std::string_view policy) const {
  for (const Expectation& expectation : expectations) {
    if (expectation.policy == policy) return &expectation;
  }
  return nullptr;
}

sim::RunOptions run_options(const Scenario& scenario, std::string_view policy, std::uint64_t seed) {
  sim::RunOptions options;
  options.seed = seed;
  options.liveness_bound =
      scenario.liveness_bound.value_or(sim::liveness_bound(scenario.settings.vouch));
  if (!sim::is_vouch(policy)) return options;
  options.consent_limit = sim::consent_limit(scenario.settings.vouch);
  options.lease_memory = sim::lease_memory(scenario.settings.vouch);
  options.is_relay_in_time = sim::is_relay_in_time(scenario.settings.vouch);
  if (scenario.settings.work.follows_advice) {
    options.advice_memory = sim::advice_memory(scenario.settings.vouch);
  }
  return options;
}

}  // namespace vouch::scenario
