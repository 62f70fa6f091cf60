// The Elector in virtual time: many seeds of drift, pauses, crashes and a store that loses and
// applies late. The rules are checked after every event; broken on purpose, they notice it.

#include "vouch/election_sim/world.h"

#include <gtest/gtest.h>

#include "tests/support/sample.h"

namespace vouch::election::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

WorldOptions troubled_world() {
  WorldOptions options;
  options.candidates = 4;
  options.config = scaled_to(milliseconds(1000));
  options.config.guard = {};
  options.troubled = seconds(60);
  options.calm = seconds(5);
  options.between_faults = milliseconds(400);
  return options;
}

WorldReport sum_of(const WorldOptions& options, std::uint64_t seeds) {
  WorldReport sum;
  sum.leads_at_end = true;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    WorldReport one = run_world(options, seed);
    sum.broken.insert(sum.broken.end(), one.broken.begin(), one.broken.end());
    if (!one.leads_at_end) {
      sum.leads_at_end = false;
      sum.broken.push_back("seed " + std::to_string(seed) + ": not one leader at the end");
    }
    sum.events += one.events;
    sum.elected += one.elected;
    sum.lapsed += one.lapsed;
    sum.deposed += one.deposed;
    sum.held_off += one.held_off;
    sum.effects += one.effects;
    sum.ambiguous += one.ambiguous;
    sum.adopted += one.adopted;
    sum.condition_failed += one.condition_failed;
    sum.pauses += one.pauses;
    sum.crashes += one.crashes;
  }
  return sum;
}

/// Whether one of so many seeds notices that a rule is broken.
bool is_noticed(const WorldOptions& options, std::uint64_t seeds, const std::string& rule) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (const std::string& line : run_world(options, seed).broken) {
      if (line.find(rule) != std::string::npos) return true;
    }
  }
  return false;
}

TEST(ElectionWorld, NeverTwoHoldersAndTokensRise) {
  const std::uint64_t seeds = vouch::testing::sampled(200);
  const WorldReport sum = sum_of(troubled_world(), seeds);
  EXPECT_TRUE(sum.broken.empty()) << sum.broken.front();
  EXPECT_TRUE(sum.leads_at_end);
  // What it is for has happened.
  EXPECT_GT(sum.elected, 10 * seeds);
  EXPECT_GT(sum.lapsed, seeds);
  EXPECT_GT(sum.effects, 50 * seeds);
  EXPECT_GT(sum.ambiguous, 20 * seeds);
  EXPECT_GT(sum.adopted, seeds);
  EXPECT_GT(sum.condition_failed, seeds);
  EXPECT_GT(sum.pauses, 10 * seeds);
  EXPECT_GT(sum.crashes, 5 * seeds);
}

TEST(ElectionWorld, PeersLeaveALateHolderTheLockAndNoRuleIsBroken) {
  const std::uint64_t seeds = vouch::testing::sampled(100);
  WorldOptions options = troubled_world();
  options.calm = seconds(10);
  const WorldReport alone = sum_of(options, seeds);
  options.config.peer_patience = options.config.lease;
  const WorldReport asked = sum_of(options, seeds);
  EXPECT_TRUE(asked.broken.empty()) << asked.broken.front();
  EXPECT_TRUE(asked.leads_at_end);
  EXPECT_GT(asked.held_off, seeds);
  EXPECT_GT(alone.deposed, seeds);
  EXPECT_LT(asked.deposed, alone.deposed);
  RecordProperty("deposed_alone", std::to_string(alone.deposed));
  RecordProperty("deposed_asked", std::to_string(asked.deposed));
}

TEST(ElectionWorld, TheSameOverAQueue) {
  WorldOptions options = troubled_world();
  options.config.store = StoreKind::kQueue;
  const std::uint64_t seeds = vouch::testing::sampled(150);
  const WorldReport sum = sum_of(options, seeds);
  EXPECT_TRUE(sum.broken.empty()) << sum.broken.front();
  EXPECT_GT(sum.elected, 10 * seeds);
  EXPECT_GT(sum.lapsed, seeds);
  EXPECT_GT(sum.effects, 50 * seeds);
  EXPECT_GT(sum.ambiguous, 20 * seeds);
}

TEST(ElectionWorldMutant, NoAllowanceForDriftIsNoticedOverAQueue) {
  WorldOptions options = troubled_world();
  options.config.store = StoreKind::kQueue;
  options.drift_ppm = 50'000;
  options.config.clock_drift_ppm = 0;
  EXPECT_TRUE(is_noticed(options, 40, "two hold the lock"));
}

TEST(ElectionWorld, HoldsAtTheDriftBoundWhateverItIs) {
  for (const std::uint32_t ppm : {0U, 20'000U, 100'000U}) {
    WorldOptions options = troubled_world();
    options.config.clock_drift_ppm = options.drift_ppm = ppm;
    // A lease of which a fifth is set aside needs more room.
    options.config.heartbeat_interval = milliseconds(150);
    options.config.request_timeout = milliseconds(75);
    options.config.danger_after = milliseconds(400);
    const WorldReport sum = sum_of(options, vouch::testing::sampled(40));
    EXPECT_TRUE(sum.broken.empty()) << ppm << " ppm: " << sum.broken.front();
  }
}

TEST(ElectionWorld, EqualSeedsGiveEqualRuns) {
  const WorldReport one = run_world(troubled_world(), 3);
  const WorldReport two = run_world(troubled_world(), 3);
  EXPECT_EQ(one.events, two.events);
  EXPECT_EQ(one.effects, two.effects);
  EXPECT_NE(one.events, run_world(troubled_world(), 4).events);
}

TEST(ElectionWorldMutant, NoAllowanceForDriftIsNoticed) {
  WorldOptions options = troubled_world();
  options.drift_ppm = 50'000;
  options.config.clock_drift_ppm = 0;
  EXPECT_TRUE(is_noticed(options, 40, "two hold the lock"));
}

TEST(ElectionWorldMutant, TakingAmbiguousForAppliedIsNoticed) {
  WorldOptions options = troubled_world();
  options.mistake = Mistake::kAmbiguousIsApplied;
  EXPECT_TRUE(is_noticed(options, 40, "two hold the lock"));
}

TEST(ElectionWorldMutant, WaitingHalfALeaseIsNoticed) {
  WorldOptions options = troubled_world();
  options.mistake = Mistake::kHalfLease;
  EXPECT_TRUE(is_noticed(options, 40, "two hold the lock"));
}

TEST(ElectionWorldMutant, TakingAmbiguousForFailedCostsNoSafety) {
  WorldOptions options = troubled_world();
  options.mistake = Mistake::kAmbiguousIsFailed;
  const WorldReport sum = sum_of(options, vouch::testing::sampled(40));
  EXPECT_TRUE(sum.broken.empty()) << sum.broken.front();
}

}  // namespace
}  // namespace vouch::election::testing
