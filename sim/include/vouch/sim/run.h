#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vouch/detector/time.h"
#include "vouch/sim/checker.h"
#include "vouch/sim/clients.h"
#include "vouch/sim/diagnoses.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/liveness.h"
#include "vouch/sim/measures.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// One run: what happens to whom, and when.
struct Plan {
  std::size_t replicas = 5;
  NodeIndex initial_leader = 0;
  Link link{};                                      ///< Every link at the start.
  std::size_t receive_buffer = 256;                 ///< See EngineOptions.
  std::size_t work_bytes = 0;                       ///< See EngineOptions.
  std::vector<std::vector<Duration>> delay_traces;  ///< See EngineOptions.
  std::vector<TimedFault> faults;  ///< In order of time; equal times in the order of the list.
  TrueTime fault_from{};           ///< Phases: before, during the fault, after the heal.
  TrueTime fault_until{};
  TrueTime end{};
  ClientPlan clients{};  ///< Nobody by default. They change nothing of the replicas' run.
};

/// How a plan is run.
struct RunOptions {
  std::uint64_t seed = 1;
  bool is_checked = true;    ///< Safety after every event and liveness at the end.
  Duration consent_limit{};  ///< See CheckerOptions.
  Duration liveness_bound = std::chrono::milliseconds(1200);  ///< See Liveness.
  /// For how long after links that lose by chance, or sick nodes, a leader may still hand over for
  /// them. Zero: it never hands over by itself.
  Duration advice_memory{};
  /// For how long after them a lease may still lapse for want of what they lost. Zero: not at all.
  Duration lease_memory{};
  /// More events than this, on average over the run, are a storm of messages: a violation of L3.
  std::uint64_t events_per_node_second = 2000;
  std::vector<Observer*> observers;  ///< Further ones, for traces.
};

/// What came of a run.
struct RunResult {
  bool began_led = false;             ///< The initial leader led when the fault phase began.
  Outcome during{};                   ///< From fault_from to fault_until.
  Outcome after{};                    ///< From fault_until to the end.
  NodeSet final_leaders = 0;          ///< Usable leaders at the end.
  NodeSet leaders_at_heal = 0;        ///< Usable leaders at fault_until.
  Duration split_lease{};             ///< Checked runs: over the whole run.
  std::vector<Violation> violations;  ///< Checked runs: the first ones.
  std::uint64_t violation_count = 0;
  std::vector<Period> periods;  ///< Checked runs: what was judged for liveness.
  EngineCounters counters{};
  ClientOutcome clients_during{};  ///< From fault_from to fault_until.
  ClientOutcome clients_after{};   ///< From fault_until to the end.
  TrueTime fault_from{};           ///< Of the plan.
  TrueTime fault_until{};
  std::vector<DiagnosisSpan> diagnoses;  ///< Of the whole run, in the order in which they came.
  std::vector<AdviceGiven> advices;      ///< To hand over leadership.

  /// Failover time: the first gap without a usable leader that began in the fault phase, followed
  /// into the phase after it when the heal found none.
  [[nodiscard]] Duration failover() const;
};

/// Runs `plan` under `protocol`. Equal arguments give equal results on every compiler.
[[nodiscard]] RunResult run(const Protocol& protocol, const Plan& plan, const RunOptions& options);

}  // namespace vouch::sim
