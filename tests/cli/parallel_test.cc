// The only place where the program starts threads, without the rest of the program around it, so
// that ThreadSanitizer sees it with little to build: real work of the simulator on several threads.
#include "cli/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "vouch/sim/atlas.h"
#include "vouch/sim/policies.h"

namespace vouch::cli {
namespace {

using Index = std::uint64_t;

TEST(OrderedWork, RunsOneProtocolOnSeveralThreadsWithTheSameResult) {
  const auto policy = sim::make_policy("vouch", {.replicas = 3});
  ASSERT_TRUE(policy);
  const std::vector<sim::GraphClass> graphs = sim::graph_classes(3);
  sim::AtlasOptions options;
  options.replicas = 3;
  const auto run = [&](unsigned jobs) {
    std::vector<sim::GraphOutcome> outcomes;
    OrderedWork<sim::GraphOutcome> work(
        [&](Index i) { return sim::try_graph(**policy, graphs[i], options); },
        [] { return false; });
    const Index end = work.run(0, graphs.size(), jobs, [&](Index i, const sim::GraphOutcome& out) {
      EXPECT_EQ(i, outcomes.size());
      outcomes.push_back(out);
    });
    EXPECT_EQ(end, graphs.size());
    return outcomes;
  };
  const auto alone = run(1);
  EXPECT_EQ(alone.size(), graphs.size());
  EXPECT_EQ(run(2), alone);
  EXPECT_EQ(run(4), alone);
}

TEST(OrderedWork, HandsOverInOrderHoweverLongEachTakes) {
  constexpr Index kEnd = 500;
  OrderedWork<Index> work(
      [](Index i) {
        if (i % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        return i * i;
      },
      [] { return false; });
  Index expected = 7;
  const Index end = work.run(7, kEnd, 4, [&](Index i, Index square) {
    EXPECT_EQ(i, expected++);
    EXPECT_EQ(square, i * i);
  });
  EXPECT_EQ(end, kEnd);
  EXPECT_EQ(expected, kEnd);
}

TEST(OrderedWork, WhenStoppedGivesWhatWasFinishedWithoutAGapAndSaysWhereToGoOn) {
  constexpr Index kEnd = 100'000;
  std::atomic<bool> is_enough = false;
  std::atomic<Index> begun = 0;
  OrderedWork<Index> work(
      [&](Index i) {
        ++begun;
        return i;
      },
      [&] { return is_enough.load(); });
  Index next = 0;
  const Index end = work.run(0, kEnd, 3, [&](Index i, Index) {
    EXPECT_EQ(i, next++);
    if (i == 100) is_enough = true;
  });
  EXPECT_EQ(end, next);
  EXPECT_GT(end, 100U);
  EXPECT_LT(begun.load(), kEnd);  // Nobody runs ahead of the taker without a limit.
}

TEST(OrderedWork, NothingToDoEndsAtOnce) {
  OrderedWork<Index> work([](Index i) { return i; }, [] { return false; });
  EXPECT_EQ(work.run(3, 3, 2, [](Index, Index) { FAIL() << "there is nothing to take"; }), 3U);
}

}  // namespace
}  // namespace vouch::cli
