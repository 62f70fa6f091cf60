#include <gtest/gtest.h>

#include <string>

#include "vouch/scenario/scenario.h"
#include "vouch/scenario/trace.h"
#include "vouch/sim/policies.h"

namespace vouch::scenario {
namespace {

struct Traced {
  std::string text;
  std::uint64_t hash = 0;
  std::uint64_t lines = 0;
};

Traced trace_of(std::string_view name, std::string_view policy, std::uint64_t seed) {
  const auto scenario = load_scenario(std::string(name));
  const auto protocol = sim::make_policy(policy, scenario->settings);
  JsonlTrace trace;
  sim::RunOptions options = run_options(*scenario, policy, seed);
  options.observers.push_back(&trace);
  (void)sim::run(**protocol, scenario->plan, options);
  return {trace.take(), trace.hash(), trace.lines()};
}

TEST(Determinism, EqualSeedsGiveEqualTraces) {
  for (const char* policy : {"vouch", "raft", "raft+prevote+checkquorum"}) {
    for (const char* name : {"s07", "s10", "long_pause", "follower_restarts"}) {
      const Traced first = trace_of(name, policy, 3);
      const Traced second = trace_of(name, policy, 3);
      EXPECT_EQ(first.hash, second.hash) << policy << " " << name;
      EXPECT_EQ(first.text, second.text) << policy << " " << name;
      EXPECT_NE(first.hash, trace_of(name, policy, 4).hash) << policy << " " << name;
    }
  }
}

// Golden: the same on every compiler and in every build type. A change here means that Raft or the
// engine behaves differently; say why in the commit.
TEST(Determinism, RaftTracesAreTheSameEverywhere) {
  const Traced s07 = trace_of("s07", "raft", 1);
  const Traced s10 = trace_of("s10", "raft+prevote+checkquorum", 1);
  EXPECT_EQ(s07.lines, 6387U);
  EXPECT_EQ(s07.hash, 6341734407739420586U);
  EXPECT_EQ(s10.lines, 6552U);
  EXPECT_EQ(s10.hash, 3663152475228602443U);
}

}  // namespace
}  // namespace vouch::scenario
