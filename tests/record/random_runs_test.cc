// Decisions of random simulated runs, replayed bit for bit. All thousand: vouch replay --random
// 1000.

#include <gtest/gtest.h>

#include <map>

#include "tests/record/recorded_run.h"
#include "tests/support/sample.h"
#include "vouch/sim/swarm.h"
#include "vouch/sim/transitions.h"

namespace vouch::testing {
namespace {

/// Replays each line; counts the kinds.
void expect_same(const RecordedRun& run, std::map<std::string, std::uint64_t>& kinds) {
  for (const std::string& text : run.lines()) {
    const auto reading = record::read(text, record::Strictness::kExact);
    ASSERT_TRUE(reading) << reading.error().message << "\n" << text;
    ASSERT_TRUE(reading->has_value()) << text;
    const record::Line& line = (*reading)->line;
    EXPECT_TRUE((*reading)->differences.empty()) << (*reading)->differences.front() << "\n" << text;
    EXPECT_EQ(record::write(line), text);
    ++kinds[std::visit([](const auto& what) { return std::string(what.kEvent); }, line.what)];
  }
}

TEST(RandomRuns, SwarmCasesReplayBitForBit) {
  std::map<std::string, std::uint64_t> kinds;
  const std::uint64_t runs = sampled(8);
  for (std::uint64_t seed = 1; seed <= runs; ++seed) {
    SCOPED_TRACE("vouch replay --random 1 --seed " + std::to_string(2 * seed));
    const sim::SwarmCase swarm = sim::draw_case(2 * seed);
    sim::RunOptions options = sim::run_options_of(swarm, "vouch");
    options.is_checked = false;
    expect_same(RecordedRun(swarm.settings, sim::plan_of(swarm), options), kinds);
  }
  for (const char* kind : {"decision", "answer", "vote", "stand_down"}) {
    EXPECT_GE(kinds[kind], runs) << kind;
  }
}

TEST(RandomRuns, SequencesOfGraphsReplayBitForBit) {
  std::map<std::string, std::uint64_t> kinds;
  const std::uint64_t runs = sampled(8);
  for (std::uint64_t seed = 1; seed <= 2 * runs; seed += 2) {
    SCOPED_TRACE("vouch replay --random 1 --seed " + std::to_string(seed));
    sim::TransitionOptions options;
    options.replicas = 3 + seed / 2 % 5;
    options.transitions = 10;
    options.run.seed = seed;
    options.run.is_checked = false;
    sim::PolicySettings settings;
    settings.replicas = options.replicas;
    expect_same(RecordedRun(settings, sim::plan_of(options), options.run), kinds);
  }
  EXPECT_GE(kinds["decision"], 20 * runs);
  EXPECT_GE(kinds["stand_down"], 1U);
}

// Groups that travel apart from heartbeats: the same record of the same rules.
TEST(RandomRuns, DecisionsWithDigestsReplayBitForBit) {
  std::map<std::string, std::uint64_t> kinds;
  const std::uint64_t runs = sampled(3);
  for (std::uint64_t seed = 1; seed <= runs; ++seed) {
    SCOPED_TRACE(seed);
    sim::SwarmCase swarm = sim::draw_case(2 * seed);
    swarm.settings.vouch.group_limits.claims = ClaimMode::kDigest;
    swarm.settings.vouch.relay = RelayMode::kOff;  // Refused with digests.
    sim::RunOptions options = sim::run_options_of(swarm, "vouch");
    options.is_checked = false;
    const RecordedRun run(swarm.settings, sim::plan_of(swarm), options);
    expect_same(run, kinds);
    for (const std::string& line : run.lines()) {
      if (line.find("\"own\":") == std::string::npos) continue;
      EXPECT_NE(line.find("\"ranks_by_group\":true"), std::string::npos) << line;
    }
  }
  for (const char* kind : {"decision", "answer", "vote", "stand_down"}) {
    EXPECT_GE(kinds[kind], runs) << kind;
  }
}

// A recorder watches; what happens does not depend on it.
TEST(RandomRuns, ARecorderChangesNothing) {
  const sim::SwarmCase swarm = sim::draw_case(7);
  const sim::RunOptions options = sim::run_options_of(swarm, "vouch");
  const auto protocol = sim::make_policy("vouch", swarm.settings);
  ASSERT_TRUE(protocol);
  const sim::RunResult alone = sim::run(**protocol, sim::plan_of(swarm), options);
  const RecordedRun recorded(swarm.settings, sim::plan_of(swarm), options);
  EXPECT_GT(recorded.lines().size(), 10U);
  EXPECT_EQ(recorded.result().counters.events, alone.counters.events);
  EXPECT_EQ(recorded.result().final_leaders, alone.final_leaders);
  EXPECT_EQ(recorded.result().failover(), alone.failover());
}

}  // namespace
}  // namespace vouch::testing
