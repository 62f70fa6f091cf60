// What an election costs over its store: a cycle takes the lock and gives it back, by an Elector,
// and by a Candidate with its threads; beside each, in the same run, the same two writes made on
// the store directly. `bare` is the limit: the difference is the overhead.

#include <benchmark/benchmark.h>

#include <filesystem>
#include <memory>
#include <thread>

#include "vouch/election/elector.h"
#include "vouch/election_runner/candidate.h"
#include "vouch/election_runner/clock.h"
#include "vouch/election_runner/memory_lock_store.h"
#ifdef VOUCH_HAS_SQLITE
#include "vouch/election_sqlite/sqlite_store.h"
#endif

namespace vouch::election {
namespace {

struct Memory {
  std::unique_ptr<LockStore> store = std::make_unique<MemoryLockStore>();
};

#ifdef VOUCH_HAS_SQLITE
/// A file in a temporary folder that goes with it.
struct Sqlite {
  Sqlite() {
    std::string name = (std::filesystem::temp_directory_path() / "vouch-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    folder = name;
    store = SqliteStore::open((folder / "locks.db").string()).value();
  }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;
  ~Sqlite() {
    store.reset();
    std::filesystem::remove_all(folder);
  }
  std::filesystem::path folder;
  std::unique_ptr<LockStore> store;
};
#endif

ElectorConfig bench_config() {
  ElectorConfig config = scaled_to(std::chrono::seconds(60));
  config.name = "lock";
  config.owner = "bench";
  return config;
}

/// The bare store operation: a read, a take and a release, as a cycle needs them.
template <typename Kind>
void BM_BareStore(benchmark::State& state) {
  Kind kind;
  std::uint64_t count = 0;
  std::optional<RecordVersion> last;
  for (auto _ : state) {
    StoreRequest request{.id = ++count, .name = "lock", .timeout = std::chrono::seconds(5)};
    benchmark::DoNotOptimize(kind.store->apply(request));
    const RecordVersion version{"00000000-0000-4000-8000-" +
                                std::to_string(100'000'000'000 + count)};
    request.operation = TakeLock{last, "bench", version, std::chrono::seconds(60), ""};
    if (kind.store->apply(request).outcome != StoreOutcome::kApplied) state.SkipWithError("take");
    request.operation = ReleaseLock{"bench", version};
    if (kind.store->apply(request).outcome != StoreOutcome::kApplied)
      state.SkipWithError("release");
    last = version;
  }
  state.SetItemsProcessed(state.iterations());
}

/// The same by an Elector that is driven in place.
template <typename Kind>
void BM_Elector(benchmark::State& state) {
  Kind kind;
  Elector elector = Elector::create(bench_config(), boottime_now(), Rng(1)).value();
  const auto carry_out = [&] {
    while (std::optional<ElectorAction> action = elector.poll_action()) {
      const auto* request = std::get_if<StoreRequest>(&*action);
      if (request == nullptr) continue;
      const StoreReply reply = kind.store->apply(*request);
      elector.handle_reply(boottime_now(), reply);
    }
  };
  elector.set_eligible(boottime_now(), Eligibility::kNo);
  elector.start(boottime_now());
  for (auto _ : state) {
    elector.set_eligible(boottime_now(), Eligibility::kYes);
    carry_out();
    if (!elector.current(boottime_now())) state.SkipWithError("not elected");
    elector.set_eligible(boottime_now(), Eligibility::kNo);
    elector.work_stopped(boottime_now());
    carry_out();
  }
  state.SetItemsProcessed(state.iterations());
}

/// The same by a Candidate, whose threads hand requests, replies and events over.
template <typename Kind>
void BM_Candidate(benchmark::State& state) {
  Kind kind;
  auto candidate = Candidate::create(bench_config(), *kind.store, nullptr).value();
  candidate->set_eligible(Eligibility::kNo);
  candidate->start();
  for (auto _ : state) {
    candidate->set_eligible(Eligibility::kYes);
    while (!candidate->current())
      std::this_thread::yield();
    candidate->set_eligible(Eligibility::kNo);
    candidate->work_stopped();
    if (!candidate->wait_settled(std::chrono::seconds(30))) state.SkipWithError("not settled");
  }
  state.SetItemsProcessed(state.iterations());
}

/// What a leader asks before each effect.
void BM_Current(benchmark::State& state) {
  MemoryLockStore store;
  auto candidate = Candidate::create(bench_config(), store, nullptr).value();
  candidate->start();
  while (!candidate->current())
    std::this_thread::yield();
  for (auto _ : state)
    benchmark::DoNotOptimize(candidate->current());
}

BENCHMARK(BM_BareStore<Memory>);
BENCHMARK(BM_Elector<Memory>);
BENCHMARK(BM_Candidate<Memory>)->UseRealTime();
#ifdef VOUCH_HAS_SQLITE
BENCHMARK(BM_BareStore<Sqlite>)->UseRealTime();
BENCHMARK(BM_Elector<Sqlite>)->UseRealTime();
BENCHMARK(BM_Candidate<Sqlite>)->UseRealTime();
#endif
BENCHMARK(BM_Current);

}  // namespace
}  // namespace vouch::election
