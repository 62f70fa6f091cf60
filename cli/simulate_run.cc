#include "simulate_run.h"

#include <memory>
#include <optional>
#include <utility>

#include "parallel.h"
#include "vouch/sim/policies.h"

namespace vouch::cli {
namespace {

/// What one run came to.
struct Ran {
  sim::RunResult result;
  std::vector<std::string> misses;
  std::optional<report::Recording> recording;
};

/// What a run did that no scenario needs to forbid: vouch must keep its rules in every run.
void add_broken_rules(const scenario::Scenario& scenario, const sim::RunResult& result,
                      const std::string& seed, std::vector<std::string>& misses) {
  for (const sim::Violation& violation : result.violations) {
    if (!scenario.judges(violation.rule)) continue;
    misses.push_back("rule " + std::string(to_string(violation.rule)) + " at " +
                     std::to_string((violation.at - sim::kStart).count() / 1'000'000) +
                     " ms: " + violation.text + seed);
  }
  if (result.violation_count > result.violations.size() && !scenario.assumption_violated) {
    misses.push_back("broken rules in all: " + std::to_string(result.violation_count) + seed);
  }
}

/// All runs in a row: one scenario after the other, in it one policy after the other, in it the
/// seeds.
class SimulationItems {
 public:
  SimulationItems(const std::vector<ScenarioRuns>& all, const SimulationPlan& plan,
                  const SimulationControl& control)
      : all_(all), plan_(plan), control_(control) {}

  Status make_policies() {
    for (const ScenarioRuns& runs : all_) {
      for (const std::string& name : plan_.policies) {
        auto policy = sim::make_policy(name, runs.scenario.settings);
        if (!policy) return policy.error();
        protocols_.push_back(*std::move(policy));
      }
    }
    return Done{};
  }

  [[nodiscard]] std::size_t scenario_of(std::uint64_t item) const {
    return static_cast<std::size_t>(item / plan_.runs / plan_.policies.size());
  }
  [[nodiscard]] std::size_t policy_of(std::uint64_t item) const {
    return static_cast<std::size_t>(item / plan_.runs % plan_.policies.size());
  }

  [[nodiscard]] std::unique_ptr<Ran> run(std::uint64_t item) const {
    const scenario::Scenario& scenario = all_[scenario_of(item)].scenario;
    const std::string& policy = plan_.policies[policy_of(item)];
    const std::uint64_t seed = plan_.seed + item % plan_.runs;
    sim::RunOptions options = scenario::run_options(scenario, policy, seed);
    options.observers = control_.observers;
    sim::Protocol& protocol = *protocols_[static_cast<std::size_t>(item / plan_.runs)];
    if (control_.begin_run) {
      control_.begin_run(protocol, scenario.label() + " seed " + std::to_string(seed),
                         options.observers);
    }
    std::optional<report::Recorder> recorder;
    if (plan_.is_recorded && seed == plan_.seed) {
      recorder.emplace(scenario.plan,
                       report::Recorder::Options{.seed = seed, .messages_max = plan_.messages_max});
      options.observers.push_back(&*recorder);
    }
    auto ran = std::make_unique<Ran>();
    ran->result = sim::run(protocol, scenario.plan, options);
    if (recorder) ran->recording = recorder->finish();
    judge(scenario, policy, seed, *ran);
    return ran;
  }

 private:
  void judge(const scenario::Scenario& scenario, const std::string& policy, std::uint64_t seed,
             Ran& ran) const {
    const std::string place = " (seed " + std::to_string(seed) + ")";
    if (!ran.result.began_led) {
      ran.misses.push_back("the initial leader did not lead when the faults began" + place);
    }
    const scenario::Expectation* const expectation =
        plan_.is_judged ? scenario.expected_of(policy) : nullptr;
    if (expectation != nullptr) {
      for (const std::string& miss :
           scenario::misses(*expectation, ran.result, scenario.plan.replicas)) {
        ran.misses.push_back(miss + place);
      }
    }
    if (sim::is_vouch(policy)) add_broken_rules(scenario, ran.result, place, ran.misses);
  }

  const std::vector<ScenarioRuns>& all_;
  const SimulationPlan& plan_;
  const SimulationControl& control_;
  std::vector<std::unique_ptr<sim::Protocol>> protocols_;  ///< By scenario, then by policy.
};

/// Where the outcomes go.
void prepare(std::vector<ScenarioRuns>& all, const SimulationPlan& plan) {
  for (ScenarioRuns& runs : all) {
    for (const std::string& name : plan.policies) {
      PolicyRuns& policy = runs.policies.emplace_back();
      policy.policy = name;
      policy.first_seed = plan.seed;
      policy.is_expected = plan.is_judged && runs.scenario.expected_of(name) != nullptr;
      policy.is_judged = plan.is_judged;
    }
  }
}

}  // namespace

std::uint64_t runs_of(const std::vector<ScenarioRuns>& all, const SimulationPlan& plan) {
  return all.size() * plan.policies.size() * plan.runs;
}

Result<std::size_t> run_simulation(std::vector<ScenarioRuns>& all, const SimulationPlan& plan,
                                   const SimulationControl& control) {
  prepare(all, plan);
  SimulationItems items(all, plan, control);
  if (const Status status = items.make_policies(); !status) return status.error();
  OrderedWork<std::unique_ptr<Ran>> work([&](std::uint64_t item) { return items.run(item); },
                                         control.is_stopped);
  const std::uint64_t done =
      work.run(0, runs_of(all, plan), control.jobs, [&](std::uint64_t item, const auto& outcome) {
        Ran& ran = *outcome;
        PolicyRuns& runs = all[items.scenario_of(item)].policies[items.policy_of(item)];
        runs.results.push_back(std::move(ran.result));
        for (std::string& miss : ran.misses)
          runs.misses.push_back(std::move(miss));
        if (ran.recording) runs.recording = std::move(ran.recording);
        control.ran(item + 1);
      });
  return items.scenario_of(done);
}

}  // namespace vouch::cli
