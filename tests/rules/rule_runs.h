#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "vouch/sim/atlas.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"
#include "vouch/sim/vouch_protocol.h"

namespace vouch::testing {

/// When faults begin: the group has long found its leader, node 0.
inline constexpr sim::TrueTime kFaultFrom = sim::kStart + std::chrono::seconds(5);

/// Collects what a test of a rule looks at: when somebody campaigned, and the words of the notes.
class Notes final : public sim::Observer {
 public:
  struct Entry {
    sim::TrueTime at{};
    sim::NodeIndex node = 0;
    sim::Note note{};
  };

  void noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) override {
    entries_.push_back({engine.now(), node, note});
  }

  /// From the beginning of the faults on: the first election is nobody's business.
  [[nodiscard]] std::vector<Entry> of(sim::NoteKind kind) const {
    std::vector<Entry> found;
    for (const Entry& entry : entries_) {
      if (entry.note.kind == kind && entry.at >= kFaultFrom) found.push_back(entry);
    }
    return found;
  }

 private:
  std::vector<Entry> entries_;
};

inline sim::Fault cut(sim::NodeIndex from, sim::NodeIndex to) {
  return {sim::FaultKind::kCut, from, to, 0, 0};
}

inline void cut_both(std::vector<sim::TimedFault>& faults, sim::TrueTime at, sim::NodeIndex a,
                     sim::NodeIndex b) {
  faults.push_back({at, cut(a, b)});
  faults.push_back({at, cut(b, a)});
}

/// A plan of `replicas` in which node 0 leads; faults from 5 s on, healed by the plan itself.
inline sim::Plan plan_of(std::size_t replicas, std::chrono::milliseconds fault_for,
                         std::chrono::milliseconds after) {
  sim::Plan plan;
  plan.replicas = replicas;
  plan.fault_from = kFaultFrom;
  plan.fault_until = plan.fault_from + fault_for;
  plan.end = plan.fault_until + after;
  return plan;
}

inline void heal_all(sim::Plan& plan, sim::TrueTime at) {
  for (sim::NodeIndex a = 0; a < plan.replicas; ++a) {
    for (sim::NodeIndex b = 0; b < plan.replicas; ++b) {
      if (a != b) plan.faults.push_back({at, {sim::FaultKind::kHeal, a, b, 0, 0}});
    }
  }
}

/// Runs the shipped Monitor, checked. The faults need not be in order.
inline sim::RunResult run_vouch(sim::Plan plan, const MonitorConfig& config = {},
                                std::uint64_t seed = 1, Notes* notes = nullptr) {
  const auto protocol = sim::make_policy("vouch", {.replicas = plan.replicas, .vouch = config});
  EXPECT_TRUE(protocol) << protocol.error().message;
  sim::RunOptions options{.seed = seed,
                          .consent_limit = sim::consent_limit(config),
                          .liveness_bound = sim::liveness_bound(config)};
  if (notes != nullptr) options.observers.push_back(notes);
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
  return sim::run(**protocol, plan, options);
}

/// Every violation of `rule` fails the test, in words.
inline void expect_rule(const sim::RunResult& result, sim::Rule rule) {
  for (const sim::Violation& violation : result.violations) {
    if (violation.rule != rule) continue;
    ADD_FAILURE() << to_string(rule) << " at "
                  << (violation.at - sim::kStart) / std::chrono::milliseconds(1)
                  << " ms: " << violation.text;
  }
}

// What S1, S2, S7 and S8 are tried with, by heartbeats that carry the groups and by those that do
// not: each of `seeds` runs.

/// Two followers lose the leader, two keep it, and for as long as that lasts nobody may campaign.
/// Then the leader loses the others too.
inline void expect_no_campaign_while_the_lease_runs(const MonitorConfig& config,
                                                    std::uint64_t seeds) {
  using namespace std::chrono_literals;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    sim::Plan plan = plan_of(5, 20s, 5s);
    cut_both(plan.faults, plan.fault_from, 0, 1);
    cut_both(plan.faults, plan.fault_from, 0, 2);
    cut_both(plan.faults, plan.fault_from + 8s, 0, 3);
    cut_both(plan.faults, plan.fault_from + 8s, 0, 4);
    heal_all(plan, plan.fault_until);
    Notes notes;
    const sim::RunResult result = run_vouch(plan, config, seed, &notes);
    expect_rule(result, sim::Rule::kS1);
    EXPECT_EQ(result.split_lease, Duration::zero()) << "seed " << seed;
    ASSERT_FALSE(notes.of(sim::NoteKind::kCampaign).empty());
    EXPECT_GT(notes.of(sim::NoteKind::kCampaign)[0].at, plan.fault_from + 8s + 500ms);
  }
}

/// Acknowledgements reach the leader late, so that a lease counted from their arrival would outlive
/// the promises that it rests on.
inline void expect_one_holder_of_the_lease(const MonitorConfig& config, std::uint64_t seeds) {
  using namespace std::chrono_literals;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    sim::Plan plan = plan_of(5, 10s, 5s);
    for (sim::NodeIndex follower = 1; follower < 5; ++follower) {
      const Duration late = 250ms;
      plan.faults.push_back(
          {sim::kStart + 3s, {sim::FaultKind::kDelay, follower, 0, late.count(), 0}});
      plan.faults.push_back({plan.fault_from, cut(0, follower)});
    }
    heal_all(plan, plan.fault_until);
    const sim::RunResult result = run_vouch(plan, config, seed);
    EXPECT_EQ(result.split_lease, Duration::zero()) << "seed " << seed;
    EXPECT_GE(result.during.leader_changes, 1U);
  }
}

/// A follower promises, dies and is back within the lease: the vote that it may have excluded
/// before is excluded still.
inline void expect_promises_to_survive_a_restart(const MonitorConfig& config, std::uint64_t seeds) {
  using namespace std::chrono_literals;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    sim::Plan plan = plan_of(3, 5s, 5s);
    // Node 2 is the leader's only supporter; it restarts, and hears the candidate only.
    cut_both(plan.faults, plan.fault_from - 1s, 0, 1);
    plan.faults.push_back({plan.fault_from, {sim::FaultKind::kCrash, 2, 0, 0, 0}});
    cut_both(plan.faults, plan.fault_from, 0, 2);
    plan.faults.push_back({plan.fault_from + 50ms, {sim::FaultKind::kRestart, 2, 0, 0, 0}});
    heal_all(plan, plan.fault_until);
    const sim::RunResult result = run_vouch(plan, config, seed);
    expect_rule(result, sim::Rule::kS1);
    EXPECT_EQ(result.split_lease, Duration::zero()) << "seed " << seed;
    EXPECT_GE(result.during.leader_changes, 1U);
  }
}

/// Clocks as far apart as the bound allows: the leader's slow, the others' fast.
inline void expect_drift_to_be_allowed_for(MonitorConfig config, std::uint64_t seeds) {
  using namespace std::chrono_literals;
  config.clock_drift_ppm = 50'000;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    sim::Plan plan = plan_of(5, 10s, 5s);
    for (sim::NodeIndex node = 0; node < 5; ++node) {
      plan.faults.push_back(
          {sim::kStart, {sim::FaultKind::kClock, node, 0, node == 0 ? -49'000 : 49'000, 0}});
    }
    for (sim::NodeIndex follower = 1; follower < 5; ++follower)
      cut_both(plan.faults, plan.fault_from, 0, follower);
    heal_all(plan, plan.fault_until);
    const sim::RunResult result = run_vouch(plan, config, seed);
    EXPECT_EQ(result.split_lease, Duration::zero()) << "seed " << seed;
    EXPECT_EQ(result.during.leader_changes, 1U);
  }
}

}  // namespace vouch::testing
