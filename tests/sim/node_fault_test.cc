#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "toy_protocol.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"
#include "vouch/sim/vouch_protocol.h"

// What goes wrong with a node beyond crashes and pauses.

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;
using Kind = ToyEvent::Kind;

/// Node 0 sends a number to node 1 every millisecond.
Instant send_every_ms(ToyReplica& replica, const ToyEvent& event, Context& context) {
  if (replica.self != NodeId{1} || event.kind == Kind::kMessage) return kNever;
  if (event.kind == Kind::kTimeout) {
    context.send<ToyMessage>(NodeId{2}, ToyMessage{replica.seen.size() - 1});
  }
  return context.now() + 1ms;
}

EngineOptions exact(std::size_t replicas) {
  return {.replicas = replicas, .link = {.delay = 200us, .jitter = Duration::zero()}};
}

std::vector<TrueTime> arrivals(const Engine& engine, NodeIndex node) {
  std::vector<TrueTime> result;
  for (const ToyEvent& event : toy(engine, node).seen) {
    if (event.kind == Kind::kMessage) result.push_back(engine.clock(node).when(event.at));
  }
  return result;
}

std::vector<NodeFaultKind> told(const Engine& engine, NodeIndex node, std::size_t skip) {
  std::vector<NodeFaultKind> kinds;
  for (const NodeFault& fault : toy(engine, node).told)
    kinds.push_back(fault.kind);
  kinds.erase(kinds.begin(), kinds.begin() + static_cast<std::ptrdiff_t>(skip));
  return kinds;
}

TEST(NodeFault, ASlowNodeHandlesOneAfterTheOtherAndOverflows) {
  const ToyProtocol protocol(send_every_ms);
  EngineOptions options = exact(2);
  options.receive_buffer = 4;
  Engine engine(protocol, options);
  engine.start();
  engine.set_slow(1, 5ms);
  engine.run_until(kStart + 100ms);
  const std::vector<TrueTime> at = arrivals(engine, 1);
  ASSERT_EQ(at.size(), 19U);
  EXPECT_EQ(at[0], kStart + 6200us);
  for (std::size_t i = 1; i < at.size(); ++i)
    EXPECT_EQ(at[i] - at[i - 1], 5ms);
  EXPECT_GT(engine.counters().overflow, 70U);
  engine.set_slow(1, Duration::zero());
  engine.run_until(kStart + 150500us);
  EXPECT_GE(arrivals(engine, 1).size(), 19U + 50U);
}

TEST(NodeFault, TheTimerOfASlowNodeWaitsItsTurnAndIsNotStarved) {
  const ToyProtocol protocol([](ToyReplica& replica, const ToyEvent& event, Context& context) {
    if (replica.self == NodeId{1}) return send_every_ms(replica, event, context);
    return event.kind == Kind::kMessage ? context.now() + 10ms : context.now() + 1ms;
  });
  Engine engine(protocol, exact(2));
  engine.start();
  engine.set_slow(1, 2ms);  // Twice what it can do.
  engine.run_until(kStart + 1s);
  std::size_t timeouts = 0;
  for (const ToyEvent& event : toy(engine, 1).seen)
    timeouts += event.kind == Kind::kTimeout ? 1 : 0;
  EXPECT_GT(timeouts, 0U);
}

TEST(NodeFault, AFloodedReceiverLosesTheShareThatItIsTold) {
  const ToyProtocol protocol(send_every_ms);
  Engine engine(protocol, exact(2));
  engine.start();
  engine.set_flood(1, 900'000);
  engine.run_until(kStart + 10s);
  EXPECT_GT(arrivals(engine, 1).size(), 880U);
  EXPECT_LT(arrivals(engine, 1).size(), 1'120U);
  EXPECT_EQ(engine.counters().overflow + arrivals(engine, 1).size(), 9'999U);
}

TEST(NodeFault, ASuspendedNodeMissesEverythingAndItsClockCounts) {
  const ToyProtocol protocol(send_every_ms);
  Engine engine(protocol, exact(2));
  engine.start();
  engine.run_until(kStart + 10500us);
  const Instant before = engine.local_now(1);
  engine.suspend(1);
  engine.run_until(kStart + 30500us);
  engine.resume(1);
  EXPECT_EQ(arrivals(engine, 1).size(), 10U);
  EXPECT_EQ(engine.local_now(1), before + 20ms);
  EXPECT_EQ(engine.reachability().working, all_nodes(2));
}

TEST(NodeFault, AFrozenNodesClockStandsStill) {
  const ToyProtocol protocol(
      [](ToyReplica&, const ToyEvent&, Context& context) { return context.now() + 10ms; });
  Engine engine(protocol, exact(1));
  engine.start();
  engine.run_until(kStart + 5ms);
  const Instant before = engine.local_now(0);
  engine.freeze(0);
  EXPECT_EQ(engine.reachability().working, 0U);
  engine.run_until(kStart + 1s);
  engine.resume(0);
  EXPECT_EQ(engine.local_now(0), before);
  engine.run_until(kStart + 1s + 6ms);
  ASSERT_EQ(toy(engine, 0).seen.size(), 2U);
  EXPECT_EQ(engine.clock(0).when(toy(engine, 0).seen[1].at), kStart + 1s + 5ms);
}

TEST(NodeFault, AClockMayJumpAheadAndTheTimerFollows) {
  const ToyProtocol protocol(
      [](ToyReplica&, const ToyEvent&, Context& context) { return context.now() + 10s; });
  Engine engine(protocol, exact(1));
  engine.start();
  engine.apply({FaultKind::kClock, 0, 0, 0, 9'000'000'000});
  engine.run_until(kStart + 2s);
  EXPECT_EQ(toy(engine, 0).seen.size(), 2U);
  EXPECT_EQ(engine.clock(0).when(toy(engine, 0).seen[1].at), kStart + 1s);
}

TEST(NodeFault, APeerOfAnExitedProcessIsRefused) {
  const ToyProtocol protocol(send_every_ms);
  Engine engine(protocol, exact(2));
  engine.start();
  const std::size_t at_start = toy(engine, 0).told.size();
  engine.run_until(kStart + 10ms);
  engine.exit(1, false);
  engine.run_until(kStart + 13ms);
  const auto hints = told(engine, 0, at_start);
  // Sent at 9.9 (on its way), 10, 11 and 12 ms; the last refusal is still under way at 12.4.
  ASSERT_GE(hints.size(), 2U);
  for (const NodeFaultKind kind : hints)
    EXPECT_EQ(kind, NodeFaultKind::kPeerRefused);
  EXPECT_EQ(toy(engine, 0).told.back().peer, NodeId{2});
  // A crash says nothing: nobody answers for the host.
  const std::size_t before = toy(engine, 0).told.size();
  engine.restart(1);
  engine.run_until(kStart + 20ms);
  engine.crash(1);
  engine.run_until(kStart + 30ms);
  EXPECT_EQ(toy(engine, 0).told.size(), before);
}

TEST(NodeFault, ASupervisorSendsAnObituaryOverTheLinksAsTheyAre) {
  const ToyProtocol protocol;
  Engine engine(protocol, exact(3));
  engine.start();
  engine.restart(2);
  engine.cut(2, 1);
  const std::size_t at_start = toy(engine, 0).told.size();
  engine.exit(2, true);
  engine.run_until(kStart + 1ms);
  EXPECT_EQ(told(engine, 0, at_start), (std::vector<NodeFaultKind>{NodeFaultKind::kPeerExited}));
  EXPECT_EQ(toy(engine, 0).told.back().peer, NodeId{3});
  EXPECT_EQ(toy(engine, 0).told.back().incarnation, Incarnation{1});
  EXPECT_EQ(engine.clock(0).when(toy(engine, 0).told_at.back()), kStart + 200us);
  EXPECT_EQ(toy(engine, 1).told.size(), at_start);  // Cut off from it.
}

TEST(NodeFault, ANodeIsToldOfItsHostAndAgainWhenItStartsOrWakes) {
  using enum NodeFaultKind;
  const ToyProtocol protocol;
  Engine engine(protocol, exact(2));
  engine.start();
  EXPECT_EQ(told(engine, 0, 0), (std::vector{kWorkerRuns, kDiskRuns, kUndrained}));
  engine.set_worker_stalled(0, true);
  engine.set_drained(0, true);
  EXPECT_EQ(told(engine, 0, 3), (std::vector{kWorkerStalled, kDrained}));
  EXPECT_EQ(engine.reachability().serving, node_bit(1));
  EXPECT_EQ(engine.reachability().eligible, node_bit(1));
  EXPECT_FALSE(engine.reachability().has_majority(0));
  // A new process has a new worker. Its orders and its disk are what they were.
  engine.set_disk_stalled(0, true);
  engine.crash(0);
  engine.restart(0);
  EXPECT_EQ(told(engine, 0, 6), (std::vector{kWorkerRuns, kDiskStalled, kDrained}));
  engine.pause(0);
  engine.set_disk_stalled(0, false);
  engine.set_drained(0, false);
  EXPECT_EQ(toy(engine, 0).told.size(), 9U);
  engine.resume(0);
  EXPECT_EQ(told(engine, 0, 9), (std::vector{kWorkerRuns, kDiskRuns, kUndrained}));
}

TEST(NodeFault, TheLeaderIsWhoeverLeadsThen) {
  const auto protocol = make_policy("vouch", {.replicas = 3});
  ASSERT_TRUE(protocol);
  Engine engine(**protocol, {.replicas = 3, .initial_leader = NodeId{2}});
  engine.start();
  engine.run_until(kStart + 2s);
  engine.apply({FaultKind::kPause, kTheLeader});
  EXPECT_TRUE(engine.is_paused(1));
  engine.run_until(kStart + 10s);
  engine.apply({FaultKind::kPause, kTheLeader});
  EXPECT_TRUE(engine.is_paused(0) || engine.is_paused(2));
  engine.apply({FaultKind::kResume, kTheSame});
  EXPECT_FALSE(engine.is_paused(0) || engine.is_paused(2));
  EXPECT_TRUE(engine.is_paused(1));
}

/// Everything that a run does, but the faults themselves.
class Log final : public Observer {
 public:
  void moved(const Engine& engine, NodeIndex from, NodeIndex to, const Payload& payload,
             Fate fate) override {
    add(engine, from * 100 + to, static_cast<std::uint64_t>(fate));
    for (std::size_t i = 0; i < payload.size(); ++i)
      bytes += std::to_integer<std::uint64_t>(payload.data()[i]) * (i + 1);
  }
  void noted(const Engine& engine, NodeIndex node, const Note& note) override {
    add(engine, node, static_cast<std::uint64_t>(note.kind));
  }

  std::vector<std::uint64_t> lines;
  std::uint64_t bytes = 0;

 private:
  void add(const Engine& engine, std::uint64_t who, std::uint64_t what) {
    lines.push_back(static_cast<std::uint64_t>((engine.now() - kStart).count()));
    lines.push_back(who * 1000 + what);
  }
};

TEST(NodeFault, AWallClockThatJumpsChangesNothing) {
  const auto protocol = make_policy("vouch", {.replicas = 3});
  ASSERT_TRUE(protocol);
  const auto lines = [&](bool jumps) {
    Log log;
    Engine engine(**protocol, {.replicas = 3, .seed = 3, .initial_leader = NodeId{1}});
    engine.observe(log);
    engine.start();
    for (int i = 1; i <= 2000; ++i) {
      engine.run_until(kStart + i * 1ms);
      if (jumps)
        engine.apply({FaultKind::kWallStep, 0, 0, (i % 2 == 0 ? 1 : -1) * 262'000'000'000});
    }
    engine.crash(0);
    engine.run_until(kStart + 6s);
    return log.lines;
  };
  EXPECT_GT(lines(false).size(), 1'000U);
  EXPECT_EQ(lines(false), lines(true));
}

// The whole way: a hung worker behind live heartbeats costs vouch its leader, and raft nothing.
TEST(NodeFault, AHungWorkerIsSeenByVouchAndNotByRaft) {
  Plan plan;
  plan.replicas = 3;
  plan.work_bytes = 400;
  plan.fault_from = kStart + 3s;
  plan.fault_until = kStart + 20s;
  plan.end = kStart + 30s;
  plan.faults = {{plan.fault_from, {FaultKind::kWorkerStall, 0, 0, 1}},
                 {plan.fault_until, {FaultKind::kWorkerStall, 0, 0, 0}}};
  PolicySettings settings{.replicas = 3};
  settings.work = {20ms, 400};
  const auto result = [&](std::string_view name) {
    const auto protocol = make_policy(name, settings);
    return run(**protocol, plan, {.seed = 2});
  };
  const RunResult vouch = result("vouch");
  EXPECT_EQ(vouch.during.leader_changes, 1U);
  EXPECT_LT(vouch.during.unavailable, 2s);
  EXPECT_NE(vouch.final_leaders & ~node_bit(0), 0U);
  EXPECT_EQ(vouch.violation_count, 0U);
  const RunResult raft = result("raft+prevote+checkquorum");
  EXPECT_EQ(raft.during.leader_changes, 0U);
  EXPECT_EQ(raft.during.unavailable, 17s);
}

TEST(NodeFault, ADrainedLeaderHandsOverAndDoesNotComeBackByItself) {
  Plan plan;
  plan.replicas = 3;
  plan.fault_from = kStart + 3s;
  plan.fault_until = kStart + 10s;
  plan.end = kStart + 20s;
  plan.faults = {{plan.fault_from, {FaultKind::kDrain, 0, 0, 1}},
                 {plan.fault_until, {FaultKind::kDrain, 0, 0, 0}}};
  const auto protocol = make_policy("vouch", {.replicas = 3});
  const RunResult result = run(**protocol, plan, {.seed = 1});
  EXPECT_EQ(result.during.leader_changes, 1U);
  EXPECT_EQ(result.after.elections, 0U);
  EXPECT_EQ(result.final_leaders & node_bit(0), 0U);
  EXPECT_EQ(result.violation_count, 0U);
}

}  // namespace
}  // namespace vouch::sim
