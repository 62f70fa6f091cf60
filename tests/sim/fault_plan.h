#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/support/sample.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"

namespace vouch::sim {

/// Seeds over which a known outcome of an opponent must hold.
inline const std::uint64_t kSeeds = 5 * testing::sampled(4);

/// The form of the faults that were measured on real clusters: n0 leads, the fault comes after five
/// seconds, lasts for thirty, heals, and eight more seconds count.
class FaultPlan {
 public:
  explicit FaultPlan(std::size_t replicas = 5, Duration after_heal = std::chrono::seconds(8));

  // Faults of the fault phase; `after` is counted from its start. Each heals by itself.
  FaultPlan& cut(NodeIndex from, NodeIndex to, Duration after = {});
  FaultPlan& cut_both(NodeIndex a, NodeIndex b, Duration after = {});
  /// Cuts `node` from all, in both directions.
  FaultPlan& isolate(NodeIndex node, Duration after = {});
  /// s10: every node reaches only `hub`.
  FaultPlan& only_hub(NodeIndex hub, Duration after = {});
  /// s11: n0 loses n1; half a second later n0 is isolated and the others reach only n1.
  FaultPlan& constrained();
  /// Nothing from the others reaches `node`; or nothing from it the others.
  FaultPlan& deaf(NodeIndex node);
  FaultPlan& mute(NodeIndex node);
  FaultPlan& loss(NodeIndex from, NodeIndex to, std::uint32_t per_million);
  /// s08: the link is cut for two seconds out of four.
  FaultPlan& flap(NodeIndex from, NodeIndex to);
  FaultPlan& crash(NodeIndex node);
  FaultPlan& pause(NodeIndex node, Duration length);

  /// Runs it; the settings' replicas are those of the plan.
  [[nodiscard]] RunResult run(std::string_view policy, std::uint64_t seed,
                              PolicySettings settings = {},
                              std::vector<Observer*> observers = {}) const;

  [[nodiscard]] const Plan& plan() const { return plan_; }

 private:
  FaultPlan& add(FaultKind kind, NodeIndex a, NodeIndex b, Duration after, std::int64_t value = 0);

  Plan plan_;
};

/// Of five replicas, for faults of ten seconds that the caller adds, and ten seconds after the
/// heal.
[[nodiscard]] inline Plan plan_of_five() {
  Plan plan;
  plan.fault_from = kStart + std::chrono::seconds(5);
  plan.fault_until = kStart + std::chrono::seconds(15);
  plan.end = kStart + std::chrono::seconds(25);
  return plan;
}

/// Random cuts, losses, delays, pauses, crashes and clocks for half a minute, then everything
/// heals.
[[nodiscard]] Plan random_faults(std::uint64_t seed);

/// Checks that no two replicas commit different entries at one index, ever. `Replica` has
/// `commit()` and a log by `log()`.
template <typename ReplicaType>
class CommitsAgree final : public Observer {
 public:
  // Whenever something moves: `stepped` comes only when a status has changed.
  void moved(const Engine& engine, NodeIndex, NodeIndex node, const Payload&, Fate) override {
    const auto& replica = static_cast<const ReplicaType&>(engine.replica(node));
    const std::uint64_t commit = replica.commit();
    if (commit > most_) most_ = commit;
    if (seen_.size() < engine.size()) seen_.resize(engine.size());
    for (std::uint64_t index = seen_[node] + 1; index <= commit; ++index) {
      const Term term = replica.log().term_at(index);
      if (index > decided_.size()) {
        decided_.push_back(term);
      } else if (decided_[index - 1] != term) {
        ++conflicts_;
      }
    }
    seen_[node] = commit;
  }

  [[nodiscard]] std::uint64_t conflicts() const { return conflicts_; }
  [[nodiscard]] std::uint64_t most() const { return most_; }

 private:
  std::vector<Term> decided_;
  std::vector<std::uint64_t> seen_;
  std::uint64_t conflicts_ = 0;
  std::uint64_t most_ = 0;
};

}  // namespace vouch::sim
