#include "fault_plan.h"

#include <algorithm>

#include "vouch/detector/rng.h"

namespace vouch::sim {

using namespace std::chrono_literals;

FaultPlan::FaultPlan(std::size_t replicas, Duration after_heal) {
  plan_.replicas = replicas;
  plan_.fault_from = kStart + 5s;
  plan_.fault_until = kStart + 35s;
  plan_.end = plan_.fault_until + after_heal;
}

FaultPlan& FaultPlan::add(FaultKind kind, NodeIndex a, NodeIndex b, Duration after,
                          std::int64_t value) {
  plan_.faults.push_back({plan_.fault_from + after, {kind, a, b, value, 0}});
  return *this;
}

FaultPlan& FaultPlan::cut(NodeIndex from, NodeIndex to, Duration after) {
  add(FaultKind::kCut, from, to, after);
  return add(FaultKind::kHeal, from, to, plan_.fault_until - plan_.fault_from);
}

FaultPlan& FaultPlan::cut_both(NodeIndex a, NodeIndex b, Duration after) {
  return cut(a, b, after).cut(b, a, after);
}

FaultPlan& FaultPlan::isolate(NodeIndex node, Duration after) {
  for (NodeIndex other = 0; other < plan_.replicas; ++other) {
    if (other != node) cut_both(node, other, after);
  }
  return *this;
}

FaultPlan& FaultPlan::only_hub(NodeIndex hub, Duration after) {
  for (NodeIndex a = 0; a < plan_.replicas; ++a) {
    for (NodeIndex b = a + 1; b < plan_.replicas; ++b) {
      if (a != hub && b != hub) cut_both(a, b, after);
    }
  }
  return *this;
}

FaultPlan& FaultPlan::constrained() {
  return cut_both(0, 1).only_hub(1, 500ms);
}

FaultPlan& FaultPlan::deaf(NodeIndex node) {
  for (NodeIndex other = 0; other < plan_.replicas; ++other) {
    if (other != node) cut(other, node);
  }
  return *this;
}

FaultPlan& FaultPlan::mute(NodeIndex node) {
  for (NodeIndex other = 0; other < plan_.replicas; ++other) {
    if (other != node) cut(node, other);
  }
  return *this;
}

FaultPlan& FaultPlan::loss(NodeIndex from, NodeIndex to, std::uint32_t per_million) {
  add(FaultKind::kLoss, from, to, {}, per_million);
  return add(FaultKind::kHeal, from, to, plan_.fault_until - plan_.fault_from);
}

FaultPlan& FaultPlan::flap(NodeIndex from, NodeIndex to) {
  for (Duration after{}; plan_.fault_from + after < plan_.fault_until; after += 4s) {
    add(FaultKind::kCut, from, to, after);
    add(FaultKind::kHeal, from, to, after + 2s);
  }
  return *this;
}

FaultPlan& FaultPlan::crash(NodeIndex node) {
  return add(FaultKind::kCrash, node, 0, {});
}

FaultPlan& FaultPlan::pause(NodeIndex node, Duration length) {
  add(FaultKind::kPause, node, 0, {});
  return add(FaultKind::kResume, node, 0, length);
}

RunResult FaultPlan::run(std::string_view policy, std::uint64_t seed, PolicySettings settings,
                         std::vector<Observer*> observers) const {
  Plan plan = plan_;
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const TimedFault& a, const TimedFault& b) { return a.at < b.at; });
  settings.replicas = plan.replicas;
  const auto protocol = make_policy(policy, settings);
  return sim::run(**protocol, plan,
                  {.seed = seed,
                   .liveness_bound = liveness_bound(settings.vouch),
                   .observers = std::move(observers)});
}

Plan random_faults(std::uint64_t seed) {
  Rng rng = Rng(seed).fork(7);
  Plan plan;
  plan.replicas = static_cast<std::size_t>(rng.between(3, 5));
  const auto replicas = static_cast<NodeIndex>(plan.replicas);
  plan.fault_from = kStart + 3s;
  plan.fault_until = kStart + 33s;
  plan.end = plan.fault_until + 20s;
  for (NodeIndex node = 0; node < replicas; ++node) {
    plan.faults.push_back({kStart, {FaultKind::kClock, node, 0, rng.between(-500, 500), 0}});
  }
  for (TrueTime at = plan.fault_from; at < plan.fault_until;
       at += Duration(rng.between(5'000'000, 700'000'000))) {
    const auto a = static_cast<NodeIndex>(rng.below(replicas));
    const auto b = static_cast<NodeIndex>((a + 1 + rng.below(replicas - 1)) % replicas);
    const Fault choices[] = {
        {FaultKind::kCut, a, b, 0, 0},
        {FaultKind::kCut, a, b, 0, 0},
        {FaultKind::kHeal, a, b, 0, 0},
        {FaultKind::kHeal, a, b, 0, 0},
        {FaultKind::kLoss, a, b, rng.between(0, 400'000), 0},
        {FaultKind::kDelay, a, b, rng.between(0, 300'000'000), rng.between(0, 500'000'000)},
        {FaultKind::kCrash, a, 0, 0, 0},
        {FaultKind::kRestart, a, 0, 0, 0},
        {FaultKind::kRestart, a, 0, 0, 0},
        {FaultKind::kPause, a, 0, 0, 0},
        {FaultKind::kResume, a, 0, 0, 0},
        {FaultKind::kResume, a, 0, 0, 0},
    };
    plan.faults.push_back({at, choices[rng.below(std::size(choices))]});
  }
  for (NodeIndex a = 0; a < replicas; ++a) {
    plan.faults.push_back({plan.fault_until, {FaultKind::kRestart, a, 0, 0, 0}});
    plan.faults.push_back({plan.fault_until, {FaultKind::kResume, a, 0, 0, 0}});
    for (NodeIndex b = 0; b < replicas; ++b) {
      if (a != b) plan.faults.push_back({plan.fault_until, {FaultKind::kHeal, a, b, 0, 0}});
    }
  }
  return plan;
}

}  // namespace vouch::sim
