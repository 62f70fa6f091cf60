#include "vouch/sim/run.h"

#include <algorithm>
#include <string>

#include "vouch/detector/assert.h"

namespace vouch::sim {

Duration RunResult::failover() const {
  const bool runs_on = during.first_gap > Duration::zero() && leaders_at_heal == 0 &&
                       during.first_gap == during.unavailable;
  return runs_on ? during.first_gap + after.first_gap : during.first_gap;
}

namespace {

/// A storm shorter than this passes.
constexpr std::uint64_t kEventsAlwaysAllowed = 100'000;

std::uint64_t event_limit(const Plan& plan, const RunOptions& options) {
  const auto seconds = static_cast<std::uint64_t>((plan.end - kStart) / std::chrono::seconds(1));
  return kEventsAlwaysAllowed + options.events_per_node_second * plan.replicas * seconds;
}

/// Stops the engine where clients act. A stop changes nothing: what is due before `end` is handled
/// in the same order with it.
void run_with(Clients& clients, Engine& engine, TrueTime end) {
  for (;;) {
    const TrueTime stop = std::min(clients.next(), end);
    engine.run_until(stop);
    if (engine.now() < stop) continue;  // Something has reached a client.
    if (stop == end) return;
    clients.act(engine);
  }
}

}  // namespace

RunResult run(const Protocol& protocol, const Plan& plan, const RunOptions& options) {
  VOUCH_ASSERT(plan.fault_from <= plan.fault_until && plan.fault_until <= plan.end);
  VOUCH_ASSERT(plan.initial_leader < plan.replicas);
  Engine engine(protocol, {.replicas = plan.replicas,
                           .seed = options.seed,
                           .initial_leader = NodeId{plan.initial_leader + 1},
                           .link = plan.link,
                           .receive_buffer = plan.receive_buffer,
                           .work_bytes = plan.work_bytes,
                           .delay_traces = plan.delay_traces,
                           .event_limit = event_limit(plan, options)});
  Measures measures;
  Checker checker({.consent_limit = options.consent_limit});
  Liveness liveness(measures, checker, options.liveness_bound, options.advice_memory,
                    options.lease_memory);
  DiagnosisLog diagnoses;
  engine.observe(measures, Watch::kReplicas);
  engine.observe(diagnoses, Watch::kReplicas);
  if (options.is_checked) {
    engine.observe(checker, Watch::kReplicas);
    engine.observe(liveness);  // A log arrives in a message.
  }
  for (Observer* observer : options.observers)
    engine.observe(*observer);
  Clients clients(plan.clients, measures, plan.replicas, options.seed);
  clients.join(protocol, engine);
  RunResult result;
  engine.start();
  std::size_t next = 0;
  const auto run_to = [&](TrueTime end) {
    for (; next < plan.faults.size() && plan.faults[next].at < end; ++next) {
      run_with(clients, engine, plan.faults[next].at);
      engine.apply(plan.faults[next].fault);
    }
    run_with(clients, engine, end);
  };
  run_to(plan.fault_from);
  result.began_led = measures.usable_leaders(engine) == node_bit(plan.initial_leader);
  measures.start_phase(engine);
  clients.start_phase(engine.now());
  if (options.is_checked) liveness.begin(engine);
  run_to(plan.fault_until);
  result.during = measures.outcome(engine);
  result.leaders_at_heal = measures.usable_leaders(engine);
  measures.start_phase(engine);
  result.clients_during = clients.outcome(engine.now());
  clients.start_phase(engine.now());
  run_to(plan.end);
  result.after = measures.outcome(engine);
  result.clients_after = clients.outcome(engine.now());
  result.final_leaders = measures.usable_leaders(engine);
  if (options.is_checked) {
    liveness.finish(engine);
    if (engine.is_exhausted()) {
      checker.report(Rule::kL3, engine.now(), 0,
                     "a storm of messages: " + std::to_string(engine.counters().events) +
                         " events were not enough");
    }
    result.split_lease = checker.split_lease(engine.now());
    result.violations = checker.violations();
    result.violation_count = checker.violation_count();
    result.periods = liveness.periods();
  }
  result.counters = engine.counters();
  result.fault_from = plan.fault_from;
  result.fault_until = plan.fault_until;
  result.diagnoses = diagnoses.spans();
  result.advices = diagnoses.advices();
  return result;
}

}  // namespace vouch::sim
