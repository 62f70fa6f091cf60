#include "vouch/sim/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "toy_protocol.h"
#include "vouch/detector/rng.h"
#include "vouch/sim/event_heap.h"

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;
using Kind = ToyEvent::Kind;

/// Node 0 sends a number to node 1 every millisecond; the others do nothing.
Instant send_every_ms(ToyReplica& replica, const ToyEvent& event, Context& context) {
  if (replica.self != NodeId{1}) return kNever;
  if (event.kind == Kind::kTimeout) {
    context.send<ToyMessage>(NodeId{2}, ToyMessage{replica.seen.size()});
  }
  return event.kind == Kind::kMessage ? kNever : context.now() + 1ms;
}

std::vector<std::uint64_t> numbers_seen(const Engine& engine, NodeIndex node) {
  std::vector<std::uint64_t> numbers;
  for (const ToyEvent& event : toy(engine, node).seen) {
    if (event.kind == Kind::kMessage) numbers.push_back(event.number);
  }
  return numbers;
}

EngineOptions exact(std::size_t replicas, Duration delay = 200us) {
  return {.replicas = replicas, .link = {.delay = delay, .jitter = Duration::zero()}};
}

TEST(EventHeap, YieldsByTimeThenByInsertion) {
  Rng rng(3);
  EventHeap heap;
  std::vector<std::pair<std::int64_t, EventHeap::SlotNumber>> expected;
  for (EventHeap::SlotNumber slot = 0; slot < 5000; ++slot) {
    const std::int64_t at = rng.between(0, 400);  // Many at the same time.
    heap.push(TrueTime(Duration(at)), slot);
    expected.emplace_back(at, slot);
  }
  std::stable_sort(expected.begin(), expected.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [at, slot] : expected) {
    const EventHeap::Entry entry = heap.pop();
    ASSERT_EQ(entry.time(), TrueTime(Duration(at)));
    ASSERT_EQ(entry.slot(), slot);
  }
  EXPECT_TRUE(heap.empty());
}

TEST(Engine, DeliversAfterTheDelay) {
  const ToyProtocol protocol(send_every_ms);
  Engine engine(protocol, exact(2));
  engine.start();
  engine.run_until(kStart + 10ms);
  const auto& seen = toy(engine, 1).seen;
  ASSERT_EQ(seen.size(), 10U);  // Its start, and what was sent at 1 .. 9 ms.
  EXPECT_EQ(engine.clock(1).when(seen[1].at), kStart + 1200us);
  EXPECT_EQ(seen[1].from, NodeId{1});
}

TEST(Engine, ALostLinkLosesEverythingInItsDirectionOnly) {
  const ToyProtocol protocol([](ToyReplica& replica, const ToyEvent& event, Context& context) {
    if (event.kind == Kind::kMessage) return kNever;
    const NodeId other = replica.self == NodeId{1} ? NodeId{2} : NodeId{1};
    if (event.kind == Kind::kTimeout) context.send<ToyMessage>(other, ToyMessage{1});
    return context.now() + 1h;
  });
  Engine engine(protocol, exact(2));
  engine.start();
  engine.cut(0, 1);
  engine.run_until(kStart + 2h);
  EXPECT_EQ(numbers_seen(engine, 1).size(), 0U);
  EXPECT_EQ(numbers_seen(engine, 0).size(), 1U);
  EXPECT_EQ(engine.reachability().two_way[0], node_bit(0));
}

TEST(Engine, LosesTheShareThatItIsTold) {
  const ToyProtocol protocol(send_every_ms);
  Engine engine(protocol, exact(2));
  engine.start();
  engine.set_loss(0, 1, 250'000);
  engine.run_until(kStart + 100s);
  const auto arrived = static_cast<int>(numbers_seen(engine, 1).size());
  // 100,000 sent; the standard deviation is 137.
  EXPECT_NEAR(arrived, 75'000, 800);
}

TEST(Engine, ChangingLossDoesNotShiftDelays) {
  const ToyProtocol protocol(send_every_ms);
  const auto arrivals = [&](std::uint32_t loss) {
    Engine engine(protocol, {.replicas = 3, .seed = 5});
    engine.start();
    engine.set_loss(0, 2, loss);
    engine.run_until(kStart + 1s);
    return numbers_seen(engine, 1);
  };
  EXPECT_EQ(arrivals(0), arrivals(500'000));
}

TEST(Engine, ACrashedNodeHearsNothingAndARestartIsANewIncarnation) {
  const ToyProtocol protocol(send_every_ms);
  Engine engine(protocol, exact(2));
  engine.start();
  engine.run_until(kStart + 5500us);
  engine.crash(1);
  engine.run_until(kStart + 10500us);
  EXPECT_EQ(numbers_seen(engine, 1).size(), 5U);
  engine.restart(1);
  EXPECT_EQ(toy(engine, 1).last_boot.incarnation, Incarnation{2});
  EXPECT_FALSE(toy(engine, 1).last_boot.is_first);
  engine.run_until(kStart + 15500us);
  EXPECT_EQ(numbers_seen(engine, 1).size(), 10U);
}

TEST(Engine, APausedNodeKeepsTheOldestMessagesAndGetsThemOnResume) {
  const ToyProtocol protocol(send_every_ms);
  EngineOptions options = exact(2);
  options.receive_buffer = 4;
  Engine engine(protocol, options);
  engine.start();
  engine.pause(1);
  engine.run_until(kStart + 20500us);
  EXPECT_TRUE(numbers_seen(engine, 1).empty());
  engine.resume(1);
  const std::vector<std::uint64_t> first = {2, 3, 4, 5};
  EXPECT_EQ(numbers_seen(engine, 1), first);
  EXPECT_EQ(engine.counters().lost, 16U);
}

TEST(Engine, ATimerIsLateAfterAPauseNeverEarly) {
  const ToyProtocol protocol(
      [](ToyReplica&, const ToyEvent&, Context& context) { return context.now() + 10ms; });
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Engine engine(protocol, {.replicas = 1, .seed = seed});
    engine.start();
    engine.set_clock_rate(0, 700);
    engine.run_until(kStart + 5ms);
    engine.pause(0);
    engine.run_until(kStart + 95ms);
    engine.resume(0);
    engine.run_until(kStart + 200ms);
    const auto& seen = toy(engine, 0).seen;
    ASSERT_GE(seen.size(), 10U);
    EXPECT_EQ(engine.clock(0).when(seen[1].at), kStart + 95ms);
    for (std::size_t i = 1; i < seen.size(); ++i) {
      EXPECT_EQ(seen[i].kind, Kind::kTimeout);
      EXPECT_GE(seen[i].at, seen[i - 1].at + 10ms);
    }
  }
}

TEST(Engine, AnEarlierTimeoutReplacesALaterOne) {
  // Asks for 50 ms at first; each message from node 0 asks for a later time again, then node 1 for
  // 2 ms.
  const ToyProtocol protocol([](ToyReplica& replica, const ToyEvent& event, Context& context) {
    if (replica.self == NodeId{1}) {
      if (event.kind == Kind::kTimeout) context.send<ToyMessage>(NodeId{2}, ToyMessage{1});
      return event.kind == Kind::kStarted ? context.now() + 10ms : kNever;
    }
    return event.kind == Kind::kStarted   ? context.now() + 50ms
           : event.kind == Kind::kMessage ? context.now() + 2ms
                                          : kNever;
  });
  Engine engine(protocol, exact(2));
  engine.start();
  engine.run_until(kStart + 100ms);
  const auto& seen = toy(engine, 1).seen;
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(engine.clock(1).when(seen[2].at), kStart + 12200us);
}

TEST(Engine, AStormOfMessagesEnds) {
  // Every message is answered by two.
  const ToyProtocol protocol([](ToyReplica& replica, const ToyEvent&, Context& context) {
    const NodeId other = replica.self == NodeId{1} ? NodeId{2} : NodeId{1};
    context.send<ToyMessage>(other, ToyMessage{1});
    context.send<ToyMessage>(other, ToyMessage{2});
    return kNever;
  });
  EngineOptions options = exact(2);
  options.event_limit = 5000;
  Engine engine(protocol, options);
  engine.start();
  engine.run_until(kStart + 1s);
  EXPECT_TRUE(engine.is_exhausted());
  EXPECT_EQ(engine.counters().events, 5000U);
}

TEST(Engine, EqualSeedsGiveEqualRuns) {
  const ToyProtocol protocol(send_every_ms);
  const auto arrivals = [&](std::uint64_t seed) {
    Engine engine(protocol, {.replicas = 2, .seed = seed});
    engine.start();
    engine.set_loss(0, 1, 300'000);
    engine.run_until(kStart + 1s);
    return numbers_seen(engine, 1);
  };
  EXPECT_EQ(arrivals(9), arrivals(9));
  EXPECT_NE(arrivals(9), arrivals(10));
}

}  // namespace
}  // namespace vouch::sim
