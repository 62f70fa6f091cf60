// The simulator: how much virtual time one core gets through. Each benchmark of the engine stands
// beside the bare loops that move the same number of events, which are the limit. All-to-all
// heartbeats of five nodes are 250 events per second of the cluster in each of them.

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <queue>
#include <string_view>
#include <utility>
#include <vector>

#include "parallel.h"
#include "vouch/detector/rng.h"
#include "vouch/sim/atlas.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/event_heap.h"
#include "vouch/sim/message_pool.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"
#include "vouch/sim/vouch_protocol.h"

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

constexpr int kNodes = 5;

/// What every loop of a cluster tells: how much virtual time, by how many events, and how many
/// messages that is in a second of the cluster, so that one sees that they move equally many.
void report(benchmark::State& state, std::int64_t events, std::uint64_t messages) {
  const auto seconds = static_cast<double>(state.iterations());
  state.counters["cluster_seconds"] = benchmark::Counter(seconds, benchmark::Counter::kIsRate);
  state.counters["messages"] = static_cast<double>(messages) / seconds;
  state.SetItemsProcessed(events);
}

/// Pops the earliest event and pushes one up to 500 us later: nothing but the heap.
void bare_heap(benchmark::State& state) {
  EventHeap heap;
  Rng rng(1);
  for (EventHeap::SlotNumber slot = 0; slot < state.range(0); ++slot) {
    heap.push(kStart + Duration(rng.between(0, 500'000)), slot);
  }
  for (auto _ : state) {
    const EventHeap::Entry entry = heap.pop();
    heap.push(entry.time() + Duration(200'000 + rng.between(0, 300'000)), entry.slot());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(bare_heap)->Arg(100)->Arg(1000);

/// Passes every message on to the next node: the engine's message path without a protocol.
class RelayReplica final : public TypedReplica<RelayReplica, std::uint64_t> {
 public:
  RelayReplica(const ReplicaOptions& options, std::uint64_t pending)
      : next_(options.self.value() % static_cast<std::uint32_t>(options.replicas) + 1),
        pending_(pending / options.replicas) {}

  Instant start(const Boot&, Context& context) override {
    for (std::uint64_t i = 0; i < pending_; ++i)
      context.send<std::uint64_t>(next_, i);
    return kNever;
  }
  Instant handle(NodeId, const std::uint64_t& message, Context& context) {
    context.send<std::uint64_t>(next_, message);
    return kNever;
  }
  Instant handle_timeout(Context&) override { return kNever; }
  [[nodiscard]] ReplicaStatus status(Instant) const override { return {}; }

 private:
  NodeId next_;
  std::uint64_t pending_;
};

class RelayProtocol final : public Protocol {
 public:
  explicit RelayProtocol(std::uint64_t pending) : pending_(pending) {}
  [[nodiscard]] std::string_view name() const override { return "relay"; }
  [[nodiscard]] std::size_t largest_message() const override { return sizeof(std::uint64_t); }
  [[nodiscard]] bool has_lease() const override { return false; }
  [[nodiscard]] std::string_view message_kind(const Payload&) const override { return "relay"; }
  [[nodiscard]] std::unique_ptr<Replica> make(const ReplicaOptions& options) const override {
    return std::make_unique<RelayReplica>(options, pending_);
  }

 private:
  std::uint64_t pending_;
};

void engine_messages(benchmark::State& state) {
  const RelayProtocol protocol(static_cast<std::uint64_t>(state.range(0)));
  Engine engine(protocol, {.replicas = kNodes});
  engine.start();
  for (auto _ : state)
    engine.run_until(engine.now() + 10ms);
  state.SetItemsProcessed(static_cast<std::int64_t>(engine.counters().events));
}
BENCHMARK(engine_messages)->Arg(100)->Arg(1000);

/// Five nodes, each to each every 100 ms, with nothing behind it: a heap and a delay.
void bare_heartbeats(benchmark::State& state) {
  EventHeap heap;
  Rng rng(1);
  std::int64_t events = 0;
  std::uint64_t messages = 0;
  for (EventHeap::SlotNumber node = 0; node < kNodes; ++node) {
    heap.push(kStart + Duration(rng.between(0, 100'000'000)), node);
  }
  TrueTime end = kStart;
  std::array<std::uint64_t, kNodes> heard{};
  for (auto _ : state) {
    end += 1s;
    while (heap.top().time() < end) {
      const EventHeap::Entry entry = heap.pop();
      ++events;
      const EventHeap::SlotNumber slot = entry.slot();
      if (slot >= kNodes) {
        ++heard[slot % kNodes];
        ++messages;
        continue;
      }
      heap.push(entry.time() + 100ms, slot);
      for (EventHeap::SlotNumber to = 0; to < kNodes; ++to) {
        if (to == slot) continue;
        heap.push(entry.time() + Duration(200'000 + rng.between(0, 300'000)), kNodes + to);
      }
    }
    benchmark::DoNotOptimize(heard);
  }
  report(state, events, messages);
}
BENCHMARK(bare_heartbeats);

/// The same with the plainest heap that there is, the binary one of the standard library.
void bare_binary_heap(benchmark::State& state) {
  struct Due {
    std::int64_t at;
    std::uint64_t slot;
  };
  const auto later = [](const Due& a, const Due& b) { return a.at > b.at; };
  std::priority_queue<Due, std::vector<Due>, decltype(later)> heap(later);
  Rng rng(1);
  std::int64_t events = 0;
  std::uint64_t messages = 0;
  for (std::uint64_t node = 0; node < kNodes; ++node)
    heap.push({rng.between(0, 100'000'000), node});
  std::int64_t end = 0;
  std::array<std::uint64_t, kNodes> heard{};
  for (auto _ : state) {
    end += 1'000'000'000;
    while (heap.top().at < end) {
      const Due due = heap.top();
      heap.pop();
      ++events;
      if (due.slot >= kNodes) {
        ++heard[due.slot % kNodes];
        ++messages;
        continue;
      }
      heap.push({due.at + 100'000'000, due.slot});
      for (std::uint64_t to = 0; to < kNodes; ++to) {
        if (to != due.slot) heap.push({due.at + 200'000 + rng.between(0, 300'000), kNodes + to});
      }
    }
    benchmark::DoNotOptimize(heard);
  }
  report(state, events, messages);
}
BENCHMARK(bare_binary_heap);

/// Heartbeats that carry something: as bare_heartbeats, and each message is written into a slot of
/// a pool and read out of it. `range(0)`: how many bytes it has.
void bare_messages(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  EventHeap heap;
  MessagePool pool(size);
  Rng rng(1);
  std::int64_t events = 0;
  std::uint64_t messages = 0;
  for (EventHeap::SlotNumber node = 0; node < kNodes; ++node)
    heap.push(kStart + Duration(rng.between(0, 100'000'000)), node);
  TrueTime end = kStart;
  std::vector<std::byte> sent(size);
  std::vector<std::byte> received(size);
  for (auto _ : state) {
    end += 1s;
    while (heap.top().time() < end) {
      const EventHeap::Entry entry = heap.pop();
      ++events;
      const EventHeap::SlotNumber slot = entry.slot();
      if (slot >= kNodes) {
        std::memcpy(received.data(), pool.bytes(slot - kNodes), size);
        benchmark::DoNotOptimize(received.data());
        pool.give_back(slot - kNodes);
        ++messages;
        continue;
      }
      heap.push(entry.time() + 100ms, slot);
      for (EventHeap::SlotNumber to = 1; to < kNodes; ++to) {
        const MessagePool::Number number = pool.take();
        benchmark::DoNotOptimize(sent.data());
        std::memcpy(pool.bytes(number), sent.data(), size);
        heap.push(entry.time() + Duration(200'000 + rng.between(0, 300'000)), kNodes + number);
      }
    }
  }
  report(state, events, messages);
}
BENCHMARK(bare_messages)->ArgName("bytes")->Arg(sizeof(VouchMessage));

/// The naive form: a queue of functions, as a first simulator of one's own looks.
class FunctionQueue {
 public:
  void schedule(std::int64_t delay, std::function<void()> what) {
    queue_.push({now_ + delay, ++scheduled_, std::move(what)});
  }
  void run_until(std::int64_t end) {
    while (!queue_.empty() && queue_.top().at < end) {
      const Due due = queue_.top();
      queue_.pop();
      now_ = due.at;
      ++events_;
      due.what();
    }
    now_ = end;
  }
  [[nodiscard]] std::int64_t now() const { return now_; }
  [[nodiscard]] std::int64_t events() const { return events_; }

 private:
  struct Due {
    std::int64_t at;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const Due& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };
  std::priority_queue<Due> queue_;
  std::int64_t now_ = 0;
  std::uint64_t scheduled_ = 0;
  std::int64_t events_ = 0;
};

void naive_heartbeats(benchmark::State& state) {
  FunctionQueue queue;
  Rng rng(1);
  std::array<std::uint64_t, kNodes> heard{};
  std::uint64_t messages = 0;
  const std::function<void(std::size_t)> beat = [&](std::size_t node) {
    queue.schedule(100'000'000, [&beat, node] { beat(node); });
    for (std::size_t to = 0; to < kNodes; ++to) {
      if (to == node) continue;
      // What a message says is a copy of its own, as a closure makes it.
      queue.schedule(200'000 + rng.between(0, 300'000),
                     [&heard, &messages, to, message = std::array<std::uint64_t, 4>{node}] {
                       heard[to] += message[0] + 1;
                       ++messages;
                     });
    }
  };
  for (std::size_t node = 0; node < kNodes; ++node)
    queue.schedule(rng.between(0, 100'000'000), [&beat, node] { beat(node); });
  for (auto _ : state) {
    queue.run_until(queue.now() + 1'000'000'000);
    benchmark::DoNotOptimize(heard);
  }
  report(state, queue.events(), messages);
}
BENCHMARK(naive_heartbeats);

/// Five replicas of a policy with a leader, nothing failing. `range(0)`: with the checks or
/// without.
void cluster(benchmark::State& state, std::string_view policy) {
  const PolicySettings settings{.replicas = kNodes};
  const auto protocol = make_policy(policy, settings);
  Measures measures;
  Checker checker({.consent_limit = consent_limit(settings.vouch)});
  Engine engine(**protocol, {.replicas = kNodes, .initial_leader = NodeId{1}});
  if (state.range(0) != 0) {
    engine.observe(measures, Watch::kReplicas);
    engine.observe(checker, Watch::kReplicas);
  }
  engine.start();
  engine.run_until(kStart + 5s);
  const EngineCounters before = engine.counters();
  for (auto _ : state)
    engine.run_until(engine.now() + 1s);
  report(state, static_cast<std::int64_t>(engine.counters().events - before.events),
         engine.counters().delivered - before.delivered);
}
BENCHMARK_CAPTURE(cluster, vouch, "vouch")->ArgName("checked")->Arg(0)->Arg(1);
BENCHMARK_CAPTURE(cluster, raft, "raft")->ArgName("checked")->Arg(0)->Arg(1);

/// Graphs of five vouch replicas on `range(0)` threads, as `vouch atlas --jobs` spreads them.
void atlas(benchmark::State& state) {
  const PolicySettings settings{.replicas = kNodes};
  const auto protocol = make_policy("vouch", settings);
  AtlasOptions options{.replicas = kNodes};
  options.run.consent_limit = consent_limit(settings.vouch);
  options.run.liveness_bound = liveness_bound(settings.vouch);
  const std::vector<GraphClass> graphs = sample_graphs(kNodes, 256, 1);
  AtlasSummary summary;
  for (auto _ : state) {
    cli::OrderedWork<GraphOutcome> work(
        [&](std::uint64_t item) { return try_graph(**protocol, graphs[item], options); },
        [] { return false; });
    work.run(0, graphs.size(), static_cast<unsigned>(state.range(0)),
             [&](std::uint64_t, const GraphOutcome& outcome) { summary.add(outcome); });
  }
  if (summary.unsafe != 0) state.SkipWithError("a safety rule was broken");
  const auto tried = static_cast<double>(state.iterations()) * static_cast<double>(graphs.size());
  const Duration length = options.warm_for + options.graph_for + options.heal_for;
  state.counters["cluster_seconds"] =
      benchmark::Counter(tried * static_cast<double>(length / 1s), benchmark::Counter::kIsRate);
}
BENCHMARK(atlas)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->MeasureProcessCPUTime()->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace vouch::sim
