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

}  // namespace vouch::testing
