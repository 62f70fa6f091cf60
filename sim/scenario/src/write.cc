#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "detector_fields.h"
#include "operations.h"
#include "vouch/quorum_check/profile.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/swarm.h"

namespace vouch::scenario {
namespace {

using Json = nlohmann::ordered_json;
using sim::Fault;
using sim::FaultKind;

/// Collects the members of the file, and the first thing that it cannot hold.
class Writer {
 public:
  explicit Writer(const Scenario& scenario) : scenario_(scenario) {}

  Result<std::string> write() {
    write_head();
    write_network();
    write_config();
    if (scenario_.settings.work.bytes > 0 && scenario_.plan.work_bytes > 0) {
      member("work", {{"interval_ms", whole("work.interval", scenario_.settings.work.interval)},
                      {"bytes", scenario_.settings.work.bytes}});
    }
    write_traces();
    write_events();
    write_expectations();
    if (!error_.empty()) return Error{Errc::kBadInput, scenario_.name + ": " + error_};
    return text_ + "\n}\n";
  }

 private:
  void fail(const std::string& message) {
    if (error_.empty()) error_ = message;
  }

  /// `span` in the unit; a scenario file holds no fractions.
  template <typename Unit = std::chrono::milliseconds>
  std::int64_t whole(const std::string& field, Duration span) {
    const auto count = std::chrono::duration_cast<Unit>(span).count();
    if (Unit(count) != span) {
      fail(field + ": must be whole " +
           (Unit::period::den == 1000 ? "milliseconds" : "microseconds") + ", is " +
           std::to_string(span.count()) + " ns");
    }
    return count;
  }
  std::int64_t micros(const std::string& field, std::int64_t nanoseconds) {
    return whole<std::chrono::microseconds>(field, Duration(nanoseconds));
  }
  std::int64_t millis(const std::string& field, std::int64_t nanoseconds) {
    return whole(field, Duration(nanoseconds));
  }

  void raw_member(const std::string& key, const std::string& value) {
    text_ += (text_.empty() ? "{\n  \"" : ",\n  \"") + key + "\": " + value;
  }
  void member(const std::string& key, const Json& value) { raw_member(key, value.dump()); }

  void write_head() {
    const sim::Plan& plan = scenario_.plan;
    member("format", "vouch-scenario/1");
    member("name", scenario_.name);
    member("title", scenario_.title);
    if (!scenario_.note.empty()) member("note", scenario_.note);
    if (!scenario_.pending.empty()) member("pending", scenario_.pending);
    if (scenario_.outcome != OutcomeClass::kUnstated) {
      member("class", std::string(to_string(scenario_.outcome)));
    }
    if (scenario_.assumption_violated) member("assumption_violated", true);
    if (scenario_.liveness_bound) {
      member("liveness_bound_ms", whole("liveness_bound", *scenario_.liveness_bound));
    }
    member("replicas", plan.replicas);
    member("initial_leader", plan.initial_leader);
    member("duration_ms", whole("end", plan.end - sim::kStart));
    member("fault_from_ms", whole("fault_from", plan.fault_from - sim::kStart));
    member("fault_until_ms", whole("fault_until", plan.fault_until - sim::kStart));
  }

  void write_network() {
    const sim::Link& link = scenario_.plan.link;
    if (link.is_cut || link.has_model) fail("link: must be neither cut nor modelled at the start");
    member("network", {{"delay_us", micros("link.delay", link.delay.count())},
                       {"jitter_us", micros("link.jitter", link.jitter.count())},
                       {"loss_per_million", link.loss_per_million},
                       {"receive_buffer", scenario_.plan.receive_buffer}});
  }

  void write_config() {
    const MonitorConfig& vouch = scenario_.settings.vouch;
    const sim::RaftOptions& raft = scenario_.settings.raft;
    if (raft.heartbeat_interval != vouch.heartbeat_interval) {
      fail("config: heartbeat_interval must be the same for all policies");
    }
    const std::optional<Profile> profile = profile_of(vouch);
    MonitorConfig fixed;
    if (profile) apply_profile(*profile, fixed);
    if (vouch.round_trip != fixed.round_trip || vouch.follower_lease != fixed.follower_lease) {
      fail("config: round_trip is that of a profile, and follower_lease is fixed");
    }
    if (vouch.guard != fixed.guard || vouch.worker_interval != fixed.worker_interval ||
        vouch.hold_off != fixed.hold_off || vouch.stall_window != fixed.stall_window ||
        vouch.transfer_cooldown != fixed.transfer_cooldown) {
      fail(
          "config: guard, worker_interval, hold_off, stall_window and transfer_cooldown are fixed");
    }
    Json config = {{"heartbeat_interval_ms", whole("heartbeat_interval", vouch.heartbeat_interval)},
                   {"election_timeout_ms", whole("election_timeout", raft.election_timeout)},
                   {"detector", to_string(vouch.detector.kind)},
                   {"lease_ms", whole("lease", vouch.lease)},
                   {"lease_mode", vouch.lease_mode == LeaseMode::kRefuse ? "refuse" : "wait_out"},
                   {"confirm_interval_ms", whole("confirm_interval", vouch.confirm_interval)},
                   {"consent_hold_ms", whole("consent_hold", vouch.consent_hold)},
                   {"suppress_cap_ms", whole("suppress_cap", vouch.suppress_cap)},
                   {"stall_limit_ms", whole("stall_limit", vouch.stall_limit)},
                   {"progress_timeout_ms", whole("progress_timeout", vouch.progress_timeout)},
                   {"follow_advice", scenario_.settings.work.follows_advice},
                   {"padded_every", vouch.padded_every},
                   {"clock_drift_ppm", vouch.clock_drift_ppm}};
    if (vouch.relay != RelayMode::kOff) config["relay"] = to_string(vouch.relay);
    if (profile) config["profile"] = to_string(*profile);
    write_detector(vouch.detector, fixed.detector, config);
    member("config", config);
  }

  /// The numbers that differ from what the reader begins with.
  void write_detector(const DetectorConfig& detector, const DetectorConfig& usual, Json& config) {
    for (const DetectorField& field : kDetectorFields) {
      const std::optional<std::int64_t> value = value_of(field, detector);
      const std::string key(field.key);
      if (!value) {
        fail("config." + key + ": must be an integer, is " +
             Json(exact_value(field, detector)).dump());
      }
      if (value != value_of(field, usual)) config[key] = value.value_or(0);
    }
    if (detector.memory != usual.memory) config["memory"] = detector.memory;
  }

  /// The profile that sets the round trip, which a scenario cannot name by itself.
  static std::optional<Profile> profile_of(const MonitorConfig& vouch) {
    for (const Profile profile : kProfiles) {
      MonitorConfig named;
      apply_profile(profile, named);
      if (named.round_trip == vouch.round_trip) return profile;
    }
    return std::nullopt;
  }

  static std::string trace_name(std::size_t index) { return "trace" + std::to_string(index); }

  void write_traces() {
    if (scenario_.plan.delay_traces.empty()) return;
    Json traces = Json::object();
    for (std::size_t i = 0; i < scenario_.plan.delay_traces.size(); ++i) {
      Json list = Json::array();
      for (const Duration delay : scenario_.plan.delay_traces[i])
        list.push_back(micros("delay_traces", delay.count()));
      traces[trace_name(i)] = std::move(list);
    }
    member("delay_traces", traces);
  }

  /// Every beginning with the first ending of its kind at its place, as for_ms; what is left of the
  /// endings stands for itself.
  void write_events() {
    const std::vector<sim::TimedFault>& faults = scenario_.plan.faults;
    std::vector<bool> is_written(faults.size());
    std::string events;
    for (std::size_t i = 0; i < faults.size(); ++i) {
      if (is_written[i]) continue;
      const sim::TimedFault& begin = faults[i];
      Json event = {{"at_ms", whole("at", begin.at - sim::kStart)}};
      Fault end = sim::ending_of(begin.fault);
      const bool ends =
          begin.fault.kind != end.kind || (is_switch(begin.fault) && begin.fault != end);
      if (end.a == sim::kTheLeader) end.a = sim::kTheSame;
      std::optional<Duration> lasts;
      for (std::size_t j = i + 1; ends && j < faults.size() && !lasts; ++j) {
        if (is_written[j] || faults[j].fault != end || faults[j].at == begin.at) continue;
        is_written[j] = true;
        lasts = faults[j].at - begin.at;
      }
      write_operation(begin.fault, event);
      if (lasts) event["for_ms"] = whole("for", *lasts);
      events += (events.empty() ? "\n    " : ",\n    ") + event.dump();
    }
    raw_member("events", "[" + events + (events.empty() ? "]" : "\n  ]"));
  }

  /// Faults that the same fault with zeros ends.
  static bool is_switch(const Fault& fault) {
    return sim::is_link_model(fault.kind) || fault.kind == FaultKind::kSlow ||
           fault.kind == FaultKind::kFlood || fault.kind == FaultKind::kWorkerStall ||
           fault.kind == FaultKind::kDiskStall || fault.kind == FaultKind::kDrain;
  }

  void write_operation(const Fault& fault, Json& event) {
    const Operation* const operation = operation_of(fault.kind);
    if (operation == nullptr) return fail("events: there is no operation for a fault");
    const Fault nothing{fault.kind, fault.a, fault.b};
    if (is_switch(fault) && fault == nothing && fault.kind != FaultKind::kDrain) {
      return fail("events: an end needs its beginning");
    }
    const bool is_undrain = fault.kind == FaultKind::kDrain && fault.value == 0;
    event["op"] = is_undrain ? "undrain" : std::string(operation->name);
    if (sim::is_about_link(fault.kind)) {
      event["links"] = {std::to_string(fault.a) + "->" + std::to_string(fault.b)};
      write_link_values(fault, event);
      return;
    }
    if (fault.a == sim::kTheSame) fail("events: 'the same' must end what befell the leader");
    if (fault.a == sim::kTheLeader) {
      event["nodes"] = "leader";
    } else {
      event["nodes"] = {fault.a};
    }
    write_node_values(fault, event);
  }

  void write_link_values(const Fault& fault, Json& event) {
    const auto lognormal_or_pareto = [&](const char* scale, const char* shape) {
      event[scale] = micros(scale, fault.value);
      event[shape] = fault.extra;
      event["max_us"] = micros("max_us", fault.third);
    };
    switch (fault.kind) {
      case FaultKind::kLoss:
      case FaultKind::kCorrupt:
        event["per_million"] = fault.value;
        return;
      case FaultKind::kDelay:
        event["delay_us"] = micros("delay_us", fault.value);
        event["jitter_us"] = micros("jitter_us", fault.extra);
        return;
      case FaultKind::kBurstLoss:
        event["enter_per_million"] = fault.value;
        event["leave_per_million"] = fault.extra;
        event["loss_good_per_million"] = fault.third;
        event["loss_bad_per_million"] = fault.fourth;
        return;
      case FaultKind::kLognormal:
        return lognormal_or_pareto("median_us", "sigma_per_mille");
      case FaultKind::kPareto:
        lognormal_or_pareto("scale_us", "alpha_per_mille");
        event["per_million"] = fault.fourth;
        return;
      case FaultKind::kDelayTrace:
        event["trace"] = trace_name(static_cast<std::size_t>(fault.value - 1));
        return;
      case FaultKind::kDelayJump:
        event["add_us"] = micros("add_us", fault.value);
        event["ramp_ms"] = millis("ramp_ms", fault.extra);
        return;
      case FaultKind::kReorder:
        event["per_million"] = fault.value;
        event["by_us"] = micros("by_us", fault.extra);
        return;
      case FaultKind::kDuplicate:
        event["per_million"] = fault.value;
        event["copies"] = fault.extra;
        return;
      case FaultKind::kMtu:
        event["bytes"] = fault.value;
        return;
      case FaultKind::kRate:
        event["kbit_per_second"] = fault.value / 1000;
        event["queue"] = fault.extra;
        return;
      case FaultKind::kTrickle:
        event["spacing_ms"] = millis("spacing_ms", fault.value);
        event["queue"] = fault.extra;
        return;
      default:
        return;
    }
  }

  void write_node_values(const Fault& fault, Json& event) {
    switch (fault.kind) {
      case FaultKind::kClock:
        event["rate_ppm"] = fault.value;
        if (fault.extra != 0) event["step_ms"] = millis("step_ms", fault.extra);
        return;
      case FaultKind::kWallStep:
        event["step_ms"] = millis("step_ms", fault.value);
        return;
      case FaultKind::kRestart:
        if (fault.value != 0) event["disk"] = "lost";
        return;
      case FaultKind::kExit:
        event["supervised"] = fault.value != 0;
        return;
      case FaultKind::kSlow:
        event["handling_us"] = micros("handling_us", fault.value);
        return;
      case FaultKind::kFlood:
        event["per_million"] = fault.value;
        return;
      default:
        return;
    }
  }

  static Json nodes_of(sim::NodeSet nodes) {
    Json list = Json::array();
    for (sim::NodeIndex node = 0; node < sim::kMaxSimNodes; ++node) {
      if ((nodes & sim::node_bit(node)) != 0) list.push_back(node);
    }
    return list;
  }

  Json diagnosis_of(const std::vector<ExpectedDiagnosis>& all) {
    Json list = Json::array();
    for (const ExpectedDiagnosis& expected : all) {
      Json one = {{"code", expected.code},
                  {"after_ms", whole("diagnosis.after", expected.after)},
                  {"within_ms", whole("diagnosis.within", expected.within)},
                  {"optional", expected.is_optional},
                  {"stays", expected.stays}};
      if (!expected.culprit.empty()) one["culprit"] = expected.culprit;
      list.push_back(std::move(one));
    }
    return list;
  }

  void write_expectations() {
    if (scenario_.expectations.empty()) return;
    Json all = Json::object();
    for (const Expectation& expectation : scenario_.expectations) {
      Json one = Json::object();
      for (const Bound& bound : expectation.bounds) {
        Json limits = Json::object();
        if (bound.min) limits["min"] = *bound.min;
        if (bound.max) limits["max"] = *bound.max;
        one[std::string(to_string(bound.measure))] = std::move(limits);
      }
      if (expectation.final_leader) one["final_leader"] = nodes_of(*expectation.final_leader);
      if (expectation.leader_at_heal) one["leader_at_heal"] = nodes_of(*expectation.leader_at_heal);
      if (expectation.diagnosis) one["diagnosis"] = diagnosis_of(*expectation.diagnosis);
      all[expectation.policy] = std::move(one);
    }
    member("expect", all);
  }

  const Scenario& scenario_;
  std::string text_;
  std::string error_;
};

}  // namespace

Result<std::string> write_scenario(const Scenario& scenario) {
  return Writer(scenario).write();
}

}  // namespace vouch::scenario
