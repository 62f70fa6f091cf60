#include "vouch/sim/transitions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "vouch/sim/policies.h"

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

TransitionOptions options_of(std::size_t replicas, std::uint64_t seed) {
  const PolicySettings settings{.replicas = replicas};
  TransitionOptions options;
  options.replicas = replicas;
  options.drift_ppm = static_cast<std::int32_t>(settings.vouch.clock_drift_ppm);
  options.run.seed = seed;
  options.run.consent_limit = consent_limit(settings.vouch);
  options.run.liveness_bound = liveness_bound(settings.vouch);
  return options;
}

/// Prints what is needed to repeat a sequence that breaks a rule.
void expect_clean(std::size_t replicas, std::uint64_t sequences) {
  const auto protocol = make_policy("vouch", {.replicas = replicas});
  TransitionSummary summary;
  for (std::uint64_t seed = 1; seed <= sequences; ++seed)
    summary.add(try_sequence(**protocol, options_of(replicas, seed)));
  EXPECT_EQ(summary.sequences, sequences);
  EXPECT_EQ(summary.transitions, 50 * sequences);
  // It does what it is for: leaders come and go, and every situation is judged.
  EXPECT_GT(summary.leader_changes, sequences);
  EXPECT_GT(summary.kept, 0U);
  EXPECT_GT(summary.recoverable, 0U);
  EXPECT_GT(summary.hopeless, 0U);
  EXPECT_EQ(summary.violations, 0U);
  for (const auto& failure : summary.failures) {
    ADD_FAILURE() << to_string(failure.rule) << " at " << failure.at_ms << " ms: " << failure.text
                  << "\nvouch atlas --replicas " << replicas << " --transitions "
                  << failure.transitions << " --seed " << failure.seed;
  }
}

TEST(Transitions, VouchKeepsItsRulesWithThree) {
  expect_clean(3, 10);
}

TEST(Transitions, VouchKeepsItsRulesWithFour) {
  expect_clean(4, 10);
}

TEST(Transitions, VouchKeepsItsRulesWithFive) {
  expect_clean(5, 20);
}

TEST(Transitions, VouchKeepsItsRulesWithSeven) {
  expect_clean(7, 6);
}

TEST(Transitions, AreAPureFunctionOfTheirOptions) {
  const Plan plan = plan_of(options_of(5, 3));
  EXPECT_EQ(plan.faults, plan_of(options_of(5, 3)).faults);
  EXPECT_NE(plan.faults, plan_of(options_of(5, 4)).faults);
  EXPECT_TRUE(std::is_sorted(plan.faults.begin(), plan.faults.end(),
                             [](const auto& a, const auto& b) { return a.at < b.at; }));
}

TEST(Transitions, FewerAreAPrefix) {
  const Plan all = plan_of(options_of(5, 3));
  TransitionOptions fewer = options_of(5, 3);
  fewer.transitions = 10;
  const Plan some = plan_of(fewer);
  ASSERT_LT(some.fault_until, all.fault_until);
  const auto before = [&](const Plan& plan) {
    std::vector<TimedFault> faults = plan.faults;
    std::erase_if(faults, [&](const TimedFault& fault) { return fault.at >= some.fault_until; });
    return faults;
  };
  EXPECT_EQ(before(some), before(all));
}

// At the end every link carries without loss again and every node runs, whatever came before.
TEST(Transitions, EndWithAHeal) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Plan plan = plan_of(options_of(4, seed));
    std::array<std::array<Link, 4>, 4> links{};
    std::array<bool, 4> is_paused{};
    std::size_t cuts = 0;
    std::size_t losses = 0;
    std::size_t pauses = 0;
    for (const auto& [at, fault] : plan.faults) {
      Link& link = links[fault.a][fault.b];
      if (fault.kind == FaultKind::kCut) link.is_cut = true;
      if (fault.kind == FaultKind::kHeal) link = plan.link;
      if (fault.kind == FaultKind::kLoss) {
        EXPECT_FALSE(link.is_cut);
        link.loss_per_million = static_cast<std::uint32_t>(fault.value);
      }
      if (fault.kind == FaultKind::kPause) is_paused[fault.a] = true;
      if (fault.kind == FaultKind::kResume && at <= plan.fault_until) is_paused[fault.a] = false;
      cuts += fault.kind == FaultKind::kCut ? 1 : 0;
      losses += fault.kind == FaultKind::kLoss ? 1 : 0;
      pauses += fault.kind == FaultKind::kPause ? 1 : 0;
    }
    for (const auto& row : links) {
      for (const Link& link : row)
        EXPECT_EQ(link, plan.link);
    }
    EXPECT_GT(cuts, 50U);
    EXPECT_GT(losses, 50U);
    EXPECT_GT(pauses, 5U);
    EXPECT_EQ(std::count(is_paused.begin(), is_paused.end(), true), 0);
  }
}

// The judge sees what it must: a policy that churns and one that splits its lease are found out.
TEST(Transitions, FindWhatRaftDoes) {
  const auto protocol = make_policy("raft+prevote+checkquorum", {.replicas = 5});
  TransitionSummary summary;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    TransitionOptions options = options_of(5, seed);
    options.run.consent_limit = Duration::zero();
    summary.add(try_sequence(**protocol, options));
  }
  EXPECT_GT(summary.failing, 0U);
  EXPECT_EQ(summary.failures.size(), summary.failing);
  EXPECT_GT(summary.violations, 0U);
}

}  // namespace
}  // namespace vouch::sim
