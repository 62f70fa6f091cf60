// What the core costs: a heartbeat in and out, a look at the timers, a confirmation round. Beside
// each stands a limit measured in the same run: copying the message that the call handles.

#include <benchmark/benchmark.h>

#include <vector>

#include "vouch/quorum_check/monitor.h"

namespace vouch {
namespace {

constexpr GroupId kGroup{1};

MonitorConfig config_of(std::uint32_t self, std::uint32_t nodes) {
  MonitorConfig config{.self = NodeId{self}, .incarnation = Incarnation{1}};
  config.boot = BootMode::kFirstBoot;
  GroupConfig group{.id = kGroup};
  for (std::uint32_t id = 1; id <= nodes; ++id) {
    group.voters.push_back(NodeId{id});
    if (id != self) config.peers.push_back(NodeId{id});
  }
  config.groups.push_back(group);
  return config;
}

Monitor make(std::uint32_t self, std::uint32_t nodes) {
  return Monitor::create(config_of(self, nodes), Instant(std::chrono::seconds(1)), Rng(self))
      .value();
}

void drop_actions(Monitor& monitor) {
  while (monitor.front_action() != nullptr)
    monitor.pop_action();
}

/// A heartbeat of node 2, which claims the group, as node 1 receives it at `now`.
Heartbeat claim(Instant now, std::uint64_t seq) {
  Heartbeat heartbeat{.from = {NodeId{2}, Incarnation{1}}, .seq = Seq{seq}};
  heartbeat.sent_at = ClockStamp{now.time_since_epoch().count()};
  heartbeat.echo_incarnation = Incarnation{1};
  heartbeat.echo = ClockStamp{(now - std::chrono::milliseconds(1)).time_since_epoch().count()};
  heartbeat.promised = heartbeat.echo;
  heartbeat.group_count = 1;
  heartbeat.groups[0] = GroupRecord{.group = kGroup,
                                    .epoch = ConfigEpoch{1},
                                    .term = Term{1},
                                    .leader = NodeId{2},
                                    .claim = Term{1},
                                    .lease = to_wire(std::chrono::milliseconds(700))};
  return heartbeat;
}

void BM_HeartbeatIn(benchmark::State& state) {
  Monitor monitor = make(1, static_cast<std::uint32_t>(state.range(0)));
  Instant now(std::chrono::seconds(1));
  std::uint64_t seq = 0;
  for (auto _ : state) {
    now += std::chrono::microseconds(1);
    monitor.handle_message(now, NodeId{2}, claim(now, ++seq));
    benchmark::DoNotOptimize(monitor.next_timeout());
    drop_actions(monitor);
  }
}
BENCHMARK(BM_HeartbeatIn)->Arg(3)->Arg(5)->Arg(9);

void BM_LimitMakeAndCopyHeartbeat(benchmark::State& state) {
  Instant now(std::chrono::seconds(1));
  std::uint64_t seq = 0;
  for (auto _ : state) {
    now += std::chrono::microseconds(1);
    Message message = claim(now, ++seq);
    benchmark::DoNotOptimize(message);
  }
}
BENCHMARK(BM_LimitMakeAndCopyHeartbeat);

void BM_HeartbeatsOut(benchmark::State& state) {
  Monitor monitor = make(1, static_cast<std::uint32_t>(state.range(0)));
  Instant now(std::chrono::seconds(1));
  for (auto _ : state) {
    now += std::chrono::milliseconds(100);
    monitor.handle_timeout(now);
    drop_actions(monitor);
  }
  state.SetItemsProcessed(state.iterations() * (state.range(0) - 1));
}
BENCHMARK(BM_HeartbeatsOut)->Arg(3)->Arg(5)->Arg(9);

void BM_TimeoutScan(benchmark::State& state) {
  Monitor monitor = make(1, static_cast<std::uint32_t>(state.range(0)));
  Instant now(std::chrono::seconds(1));
  for (auto _ : state) {
    benchmark::DoNotOptimize(now);
    benchmark::DoNotOptimize(monitor.next_timeout());
  }
}
BENCHMARK(BM_TimeoutScan)->Arg(3)->Arg(5)->Arg(9);

/// A question about a leader, answered by a node that still promises: what suspicion costs others.
void BM_ConfirmationAnswered(benchmark::State& state) {
  Monitor monitor = make(1, 5);
  Instant now(std::chrono::seconds(1));
  monitor.handle_message(now, NodeId{2}, claim(now, 1));
  drop_actions(monitor);
  ConfirmRequest request{.from = {NodeId{3}, Incarnation{1}}, .group = kGroup};
  request.epoch = ConfigEpoch{1};
  request.round = Nonce{1};
  request.subject = NodeId{2};
  request.subject_incarnation = Incarnation{1};
  request.term = Term{1};
  request.hold = to_wire(std::chrono::milliseconds(150));
  for (auto _ : state) {
    ++request.attempt;
    monitor.handle_message(now, NodeId{3}, request);
    drop_actions(monitor);
  }
}
BENCHMARK(BM_ConfirmationAnswered);

}  // namespace
}  // namespace vouch
