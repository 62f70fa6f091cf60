// The peer: the event loop of ns-3, with the same events as bare_heartbeats in sim_bench.cc. Built
// only where ns-3 is installed (libns3-dev).

#include <benchmark/benchmark.h>
#include <ns3/core-module.h>

#include <array>
#include <cstdint>
#include <random>
#include <string>

namespace {

constexpr std::uint32_t kNodes = 5;

/// Five nodes, each to each every 100 ms: a timer and a delay per message, no network stack.
struct Heartbeats {
  std::minstd_rand random{1};
  std::int64_t events = 0;
  std::array<std::uint64_t, kNodes> heard{};

  void arrive(std::uint32_t node) {
    ++events;
    ++heard[node];
  }
  void beat(std::uint32_t node) {
    ++events;
    ns3::Simulator::Schedule(ns3::MilliSeconds(100), &Heartbeats::beat, this, node);
    for (std::uint32_t to = 0; to < kNodes; ++to) {
      if (to == node) continue;
      ns3::Simulator::Schedule(ns3::NanoSeconds(200'000 + random() % 300'001), &Heartbeats::arrive,
                               this, to);
    }
  }
};

void ns3_heartbeats(benchmark::State& state, const std::string& scheduler) {
  ns3::Simulator::SetScheduler(ns3::ObjectFactory("ns3::" + scheduler));
  Heartbeats heartbeats;
  for (std::uint32_t node = 0; node < kNodes; ++node) {
    ns3::Simulator::Schedule(ns3::NanoSeconds(heartbeats.random() % 100'000'000), &Heartbeats::beat,
                             &heartbeats, node);
  }
  for (auto _ : state) {
    ns3::Simulator::Stop(ns3::Seconds(1));
    ns3::Simulator::Run();
  }
  benchmark::DoNotOptimize(heartbeats.heard);
  state.counters["cluster_seconds"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  state.SetItemsProcessed(heartbeats.events);
  ns3::Simulator::Destroy();
}
BENCHMARK_CAPTURE(ns3_heartbeats, map, "MapScheduler");
BENCHMARK_CAPTURE(ns3_heartbeats, heap, "HeapScheduler");

}  // namespace
