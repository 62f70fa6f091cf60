#include "vouch/sim/transitions.h"

#include <algorithm>

#include "vouch/detector/assert.h"
#include "vouch/detector/rng.h"
#include "vouch/sim/atlas.h"

namespace vouch::sim {
namespace {

constexpr Duration kWarm = std::chrono::seconds(3);
constexpr Duration kHealed = std::chrono::seconds(6);

/// The stream of chance of which plans are drawn; those of the engine are its own.
constexpr std::uint64_t kPlanStream = 8;

/// Turns one graph into the next by the fewest faults.
class GraphFaults {
 public:
  explicit GraphFaults(std::size_t replicas)
      : replicas_(replicas), graph_(graph_count(replicas) - 1) {}

  void move_to(TrueTime at, Graph graph, std::uint32_t loss, std::vector<TimedFault>& faults) {
    for (NodeIndex from = 0; from < replicas_; ++from) {
      for (NodeIndex to = 0; to < replicas_; ++to) {
        if (from == to) continue;
        const Graph bit = link_bit(replicas_, from, to);
        const bool carries = (graph & bit) != 0;
        const bool carried = (graph_ & bit) != 0;
        if (carried && !carries) faults.push_back({at, {FaultKind::kCut, from, to, 0, 0}});
        if (!carried && carries) faults.push_back({at, {FaultKind::kHeal, from, to, 0, 0}});
        // A healed link loses nothing at first.
        if (carries && loss != (carried ? loss_ : 0)) {
          faults.push_back({at, {FaultKind::kLoss, from, to, loss, 0}});
        }
      }
    }
    graph_ = graph;
    loss_ = loss;
  }

 private:
  std::size_t replicas_;
  Graph graph_;
  std::uint32_t loss_ = 0;
};

void add_pause(TrueTime at, const TransitionOptions& options, Rng& rng,
               std::vector<TimedFault>& faults) {
  const auto node = static_cast<NodeIndex>(rng.below(options.replicas));
  const TrueTime began = at + Duration(rng.between(0, options.stay_min.count()));
  const Duration lasts(rng.between(1'000'000, options.pause_max.count()));
  faults.push_back({began, {FaultKind::kPause, node, 0, 0, 0}});
  faults.push_back({began + lasts, {FaultKind::kResume, node, 0, 0, 0}});
}

}  // namespace

Plan plan_of(const TransitionOptions& options) {
  VOUCH_ASSERT(options.replicas >= 2 && options.replicas <= kMaxGraphReplicas);
  VOUCH_ASSERT(options.stay_min > Duration::zero() && options.stay_max >= options.stay_min);
  Rng rng = Rng(options.run.seed).fork(kPlanStream);
  Plan plan;
  plan.replicas = options.replicas;
  const auto replicas = static_cast<NodeIndex>(options.replicas);
  for (NodeIndex node = 0; node < replicas; ++node) {
    const std::int64_t rate = rng.below(2) == 0 ? options.drift_ppm : -options.drift_ppm;
    plan.faults.push_back({kStart, {FaultKind::kClock, node, 0, rate, 0}});
  }
  plan.fault_from = kStart + kWarm;
  TrueTime at = plan.fault_from;
  GraphFaults graphs(options.replicas);
  for (std::uint64_t i = 0; i < options.transitions; ++i) {
    const Graph graph = random_graph(options.replicas, rng);
    const bool loses = rng.below(2) == 0;
    graphs.move_to(at, graph, loses ? options.loss_per_million : 0, plan.faults);
    if (rng.chance(options.pause_per_million)) add_pause(at, options, rng, plan.faults);
    at += Duration(rng.between(options.stay_min.count(), options.stay_max.count()));
  }
  plan.fault_until = at;
  graphs.move_to(at, graph_count(options.replicas) - 1, 0, plan.faults);
  for (NodeIndex node = 0; node < replicas; ++node) {
    plan.faults.push_back({at, {FaultKind::kResume, node, 0, 0, 0}});
  }
  plan.end = at + kHealed;
  // A pause may end in a later graph; what happens at one time keeps its order.
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const TimedFault& a, const TimedFault& b) { return a.at < b.at; });
  return plan;
}

SequenceOutcome try_sequence(const Protocol& protocol, const TransitionOptions& options) {
  RunResult result = run(protocol, plan_of(options), options.run);
  SequenceOutcome outcome;
  outcome.seed = options.run.seed;
  outcome.transitions = options.transitions;
  for (const Period& period : result.periods) {
    switch (period.situation) {
      case Situation::kKept:
        ++outcome.kept;
        break;
      case Situation::kRecoverable:
        ++outcome.recoverable;
        break;
      case Situation::kHopeless:
        ++outcome.hopeless;
        break;
    }
  }
  outcome.elections = result.during.elections + result.after.elections;
  outcome.leader_changes = result.during.leader_changes + result.after.leader_changes;
  outcome.split_lease = result.split_lease;
  outcome.violation_count = result.violation_count;
  outcome.violations = std::move(result.violations);
  return outcome;
}

void TransitionSummary::add(const SequenceOutcome& outcome) {
  ++sequences;
  transitions += outcome.transitions;
  kept += outcome.kept;
  recoverable += outcome.recoverable;
  hopeless += outcome.hopeless;
  elections += outcome.elections;
  leader_changes += outcome.leader_changes;
  violations += outcome.violation_count;
  if (outcome.violations.empty()) return;
  ++failing;
  std::array<bool, kRuleCount> is_broken{};
  for (const Violation& violation : outcome.violations)
    is_broken[static_cast<std::size_t>(violation.rule)] = true;
  for (std::size_t i = 0; i < by_rule.size(); ++i)
    by_rule[i] += is_broken[i] ? 1U : 0U;
  if (failures.size() >= kFailuresKept) return;
  const Violation& first = outcome.violations.front();
  failures.push_back({outcome.seed, outcome.transitions, first.rule,
                      (first.at - kStart).count() / 1'000'000, first.text});
}

}  // namespace vouch::sim
