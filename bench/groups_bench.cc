// What many groups cost: one heartbeat out and in, a node's death, memory. Beside it, in the same
// run, what a heartbeat per group would cost. docs/GROUPS.md has the figures.

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <variant>
#include <vector>

#include "vouch/probe/codec.h"
#include "vouch/quorum_check/monitor.h"
#include "vouch/sim/group_cluster.h"

namespace vouch {
namespace {

using namespace std::chrono_literals;

constexpr ClusterHash kCluster = cluster_hash("bench");

/// Two nodes with `groups` groups, all led by the first, which the second supports.
class Pair {
 public:
  explicit Pair(std::uint64_t groups)
      : one_(make(1, groups)), two_(make(2, groups)), now_(std::chrono::seconds(1)) {
    for (int i = 0; i < 10; ++i)
      interval();
    for (std::uint64_t id = 1; id <= groups; ++id) {
      two_.handle_local(now_, VoteGranted{GroupId{id}, NodeId{1}, Term{1}});
      Elected elected{GroupId{id}, Term{1}, now_, {}, {}};
      elected.voters.push(NodeId{1});
      elected.voters.push(NodeId{2});
      one_.handle_local(now_, elected);
      exchange();
      if (id % 500 != 0) continue;
      for (int i = 0; i < 3; ++i)
        interval();
    }
    for (int i = 0; i < 30; ++i)
      interval();
  }

  /// One heartbeat interval: each node sends one heartbeat, encoded, and takes one in.
  void interval() {
    for (int step = 0; step < 20; ++step) {
      now_ += 5ms;
      if (one_.next_timeout() <= now_) one_.handle_timeout(now_);
      if (two_.next_timeout() <= now_) two_.handle_timeout(now_);
      exchange();
    }
  }

  [[nodiscard]] const Monitor& one() const { return one_; }
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  static Monitor make(std::uint32_t self, std::uint64_t groups) {
    MonitorConfig config{.self = NodeId{self}, .incarnation = Incarnation{1}};
    config.boot = BootMode::kFirstBoot;
    config.group_limits.claims = ClaimMode::kDigest;
    config.peers = {NodeId{3 - self}};
    for (std::uint64_t id = 1; id <= groups; ++id)
      config.groups.push_back({.id = GroupId{id}, .voters = {NodeId{1}, NodeId{2}}});
    return Monitor::create(config, Instant(1s), Rng(self)).value();
  }

  void carry(Monitor& from, Monitor& to, NodeId sender) {
    while (const Action* action = from.front_action()) {
      if (const auto* send = std::get_if<Send>(action)) {
        const std::size_t size = encode(send->message, kCluster, room_);
        bytes_ += size;
        const auto read = decode(std::span(room_).first(size), kCluster);
        to.handle_message(now_, sender, std::get<Message>(read));
      }
      from.pop_action();
    }
  }

  void exchange() {
    carry(one_, two_, NodeId{1});
    carry(two_, one_, NodeId{2});
  }

  Monitor one_;
  Monitor two_;
  Instant now_;
  std::uint64_t bytes_ = 0;
  std::array<std::byte, kMaxDatagram> room_{};
};

/// Two heartbeats out, encoded, and in, and the timers of an interval.
void BM_IntervalOfTwoNodes(benchmark::State& state) {
  const auto groups = static_cast<std::uint64_t>(state.range(0));
  Pair pair(groups);
  const std::uint64_t before = pair.bytes();
  for (auto _ : state)
    pair.interval();
  state.counters["bytes_on_wire"] = benchmark::Counter(static_cast<double>(pair.bytes() - before),
                                                       benchmark::Counter::kAvgIterations);
  std::uint64_t led = 0;
  for (std::uint64_t id = 1; id <= groups; ++id)
    led += pair.one().lease_held(GroupId{id}, pair.now()) ? 1U : 0U;
  if (led != groups) state.SkipWithError("a lease was lost");
  state.counters["bytes_per_idle_group"] =
      static_cast<double>(pair.one().fleet().bytes_per_idle_group);
}
BENCHMARK(BM_IntervalOfTwoNodes)->Arg(1)->Arg(1000)->Arg(100'000);

/// The same interval if each group had a heartbeat of its own: encoded, decoded, and an arrival
/// noted, both ways. No lookups, no promises, no timers.
void BM_NaiveIntervalOfTwoNodes(benchmark::State& state) {
  const auto groups = static_cast<std::size_t>(state.range(0));
  std::vector<Detector> detectors;
  for (std::size_t i = 0; i < groups; ++i)
    detectors.push_back(make_detector({.heartbeat_interval = 100ms, .timeout = 350ms}).value());
  std::array<std::byte, kMaxDatagram> room{};
  Instant now(1s);
  Seq seq{};
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    now += 100ms;
    seq = seq.next();
    for (std::size_t i = 0; i < groups; ++i) {
      for (std::uint32_t from = 1; from <= 2; ++from) {
        Heartbeat heartbeat{.from = {NodeId{from}, Incarnation{1}}, .seq = seq};
        heartbeat.sent_at = ClockStamp{now.time_since_epoch().count()};
        heartbeat.group_count = 1;
        heartbeat.groups[0].group = GroupId{i};
        const std::size_t size = encode(heartbeat, kCluster, room);
        bytes += size;
        const auto read = decode(std::span(room).first(size), kCluster);
        benchmark::DoNotOptimize(read);
        if (from == 1) detectors[i].heartbeat(now, seq);
      }
    }
  }
  state.counters["bytes_on_wire"] =
      benchmark::Counter(static_cast<double>(bytes), benchmark::Counter::kAvgIterations);
  state.counters["bytes_per_idle_group"] = sizeof(Detector);
}
BENCHMARK(BM_NaiveIntervalOfTwoNodes)->Arg(1)->Arg(1000)->Arg(100'000);

/// What a node's death costs until every group has a leader again, on all nodes together.
struct Death {
  double seconds_per_group = 0;
  double last_leader_ms = 0;
  double campaigns = 0;
  double datagrams = 0;
  double most_per_interval = 0;
  bool is_complete = false;
};

Death kill_first(sim::GroupCluster& cluster) {
  for (int i = 0; i < 480 && cluster.leaderless() > 0; ++i)
    cluster.run(250ms);
  cluster.make_eligible();
  cluster.run(2s);
  const auto orphans = cluster.groups_of(NodeId{1});
  cluster.reset_counts();
  cluster.reset_traffic();
  const Instant died_at = cluster.now();
  const auto before = std::chrono::steady_clock::now();
  cluster.crash(NodeId{1});
  cluster.run(MonitorConfig{}.lease + 1s);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  Instant last = died_at;
  for (const std::uint32_t number : orphans)
    last = std::max(last, cluster.elected_at(number));
  const auto count = static_cast<double>(orphans.size());
  return {.seconds_per_group = took.count() / count,
          .last_leader_ms = static_cast<double>((last - died_at) / 1us) / 1000.0,
          .campaigns = static_cast<double>(cluster.counts().campaigns) / count,
          .datagrams = static_cast<double>(cluster.traffic().batches) / count,
          .most_per_interval = static_cast<double>(cluster.traffic().batches_most),
          .is_complete = cluster.leaderless() == 0};
}

void report(benchmark::State& state, const Death& death) {
  if (!death.is_complete) state.SkipWithError("a group has no leader within lease + 1 s");
  state.SetIterationTime(death.seconds_per_group);
  state.counters["campaigns_per_group"] = death.campaigns;
  state.counters["datagrams_per_group"] = death.datagrams;
  state.counters["datagrams_per_interval_max"] = death.most_per_interval;
  state.counters["last_leader_ms"] = death.last_leader_ms;
}

/// All that five nodes do until every group of a dead node, which led them all, has a leader again,
/// per group: questions, answers, votes, claims.
void BM_NodesDeathPerGroup(benchmark::State& state) {
  sim::GroupClusterOptions options{.nodes = 5,
                                   .groups = static_cast<std::uint32_t>(state.range(0)),
                                   .voters = 3,
                                   .around_first = 5,
                                   .first_leads = true};
  options.monitor.group_limits.claims = ClaimMode::kDigest;
  for (auto _ : state) {
    sim::GroupCluster cluster = sim::GroupCluster::create(options).value();
    report(state, kill_first(cluster));
  }
}
BENCHMARK(BM_NodesDeathPerGroup)
    ->Arg(1000)
    ->Arg(10'000)
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMicrosecond);

/// The same if each group had Monitors of its own: three nodes and one group, again and again.
void BM_NaiveNodesDeathPerGroup(benchmark::State& state) {
  sim::GroupClusterOptions options{.nodes = 3, .groups = 1, .voters = 3, .around_first = 3};
  options.first_leads = true;
  options.monitor.group_limits.claims = ClaimMode::kInline;
  for (auto _ : state) {
    options.seed += 1;
    sim::GroupCluster cluster = sim::GroupCluster::create(options).value();
    Death death = kill_first(cluster);
    death.datagrams += static_cast<double>(cluster.traffic().heartbeats);
    report(state, death);
  }
}
BENCHMARK(BM_NaiveNodesDeathPerGroup)
    ->UseManualTime()
    ->Iterations(100)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace vouch
