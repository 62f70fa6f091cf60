// What an election costs over its store: a cycle takes the lock and gives it back, by an Elector,
// and by a Candidate with its threads; beside each, in the same run, the operations that a cycle
// needs made on the store directly. `bare` is the limit: the difference is the overhead. A store
// whose server is not installed is left out, with a line that says so.

#include <benchmark/benchmark.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>

#include "vouch/election/elector.h"
#include "vouch/election_runner/clock.h"
#include "vouch/election_runner/memory_lock_store.h"
#include "vouch/election_runner/memory_queue_store.h"
#include "vouch/election_stores/open_store.h"
#ifdef VOUCH_HAS_SERVERS
#include "tests/support/etcd_server.h"
#include "tests/support/zookeeper_server.h"
#endif
#ifdef VOUCH_DYNALITE
#include "tests/election/dynalite_server.h"
#endif

namespace vouch::election {
namespace {

OpenedStore open_or_abort(const std::string& address) {
  auto opened = open_store(address, StoreUse::kElect);
  if (opened) return *std::move(opened);
  std::fprintf(stderr, "%s\n", opened.error().message.c_str());
  std::abort();
}

struct Memory {
  Memory() { store.records = std::make_unique<MemoryLockStore>(); }
  OpenedStore store;
};

struct MemoryQueue {
  MemoryQueue() { store.queues = MemoryQueueService().connect(); }
  OpenedStore store;
};

/// A file in a temporary folder that goes with it.
struct Sqlite {
  Sqlite() {
    std::string name = (std::filesystem::temp_directory_path() / "vouch-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    folder = name;
    store = open_or_abort("sqlite:" + (folder / "locks.db").string());
  }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;
  ~Sqlite() {
    store = {};
    std::filesystem::remove_all(folder);
  }
  std::filesystem::path folder;
  OpenedStore store;
};

#ifdef VOUCH_HAS_SERVERS
/// One member on this machine, without fsync.
struct Etcd {
  static std::string missing() { return vouch::testing::EtcdServer::missing(); }
  OpenedStore store = open_or_abort("etcd:" + vouch::testing::EtcdServer::shared().address());
};

/// One server on this machine, without fsync.
struct ZooKeeper {
  static std::string missing() { return vouch::testing::ZooKeeperServer::missing(); }
  OpenedStore store = open_or_abort(
      "zookeeper:127.0.0.1:" + std::to_string(vouch::testing::ZooKeeperServer::shared().port()) +
      "/bench");
};
#endif

#ifdef VOUCH_DYNALITE
/// Its stand-in in memory: what our side costs, not what Amazon's does.
struct DynamoDb {
  DynamoDb() {
    setenv("AWS_ACCESS_KEY_ID", "local", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "local", 1);
    // Names are never used again: an earlier run's record would stand in the way.
    static int count = 0;
    store = open_or_abort("dynamodb:bench" + std::to_string(++count) +
                          "?create=yes&endpoint=" + vouch::testing::DynaliteServer::shared().url());
  }
  OpenedStore store;
};
#endif

ElectorConfig bench_config(const OpenedStore& store) {
  ElectorConfig config = scaled_to(std::chrono::seconds(60));
  config.name = "lock";
  config.owner = "bench";
  config.store = store.records ? StoreKind::kRecord : StoreKind::kQueue;
  return config;
}

/// Of a store with records: a read, a take and a release.
void cycle_bare(benchmark::State& state, LockStore& store, std::uint64_t count,
                std::optional<RecordVersion>& last) {
  StoreRequest request{.id = count, .name = "lock", .timeout = std::chrono::seconds(5)};
  benchmark::DoNotOptimize(store.apply(request));
  const RecordVersion version{"00000000-0000-4000-8000-" + std::to_string(100'000'000'000 + count)};
  request.operation = TakeLock{last, "bench", version, std::chrono::seconds(60), ""};
  if (store.apply(request).outcome != StoreOutcome::kApplied) state.SkipWithError("take");
  request.operation = ReleaseLock{"bench", version};
  if (store.apply(request).outcome != StoreOutcome::kApplied) state.SkipWithError("release");
  last = version;
}

/// Of a store with queues: a session, a place, a look, and the end of the session.
void cycle_bare(benchmark::State& state, QueueStore& store, std::uint64_t count) {
  const auto send = [&](QueueOperation operation) {
    QueueReply reply = store.apply({.id = count,
                                    .name = "lock",
                                    .operation = std::move(operation),
                                    .timeout = std::chrono::seconds(5)});
    if (reply.outcome != StoreOutcome::kApplied) state.SkipWithError("not applied");
    return reply;
  };
  const SessionId session = send(OpenSession{std::chrono::seconds(60)}).session;
  send(JoinQueue{session, std::to_string(count), "bench"});
  if (send(ListQueue{session}).places.size() != 1) state.SkipWithError("not alone");
  send(CloseSession{session});
}

template <typename Kind>
void BM_BareStore(benchmark::State& state) {
  Kind kind;
  std::uint64_t count = 0;
  std::optional<RecordVersion> last;
  for (auto _ : state) {
    if (kind.store.records) {
      cycle_bare(state, *kind.store.records, ++count, last);
    } else {
      cycle_bare(state, *kind.store.queues, ++count);
    }
  }
  state.SetItemsProcessed(state.iterations());
}

/// The same by an Elector that is driven in place.
template <typename Kind>
void BM_Elector(benchmark::State& state) {
  Kind kind;
  Elector elector = Elector::create(bench_config(kind.store), boottime_now(), Rng(1)).value();
  const auto carry_out = [&] {
    for (;;) {
      std::optional<ElectorAction> action = elector.poll_action();
      if (!action && elector.next_timeout() <= boottime_now()) {
        elector.handle_timeout(boottime_now());
        action = elector.poll_action();
      }
      if (!action) return;
      if (const auto* request = std::get_if<StoreRequest>(&*action)) {
        const StoreReply reply = kind.store.records->apply(*request);
        elector.handle_reply(boottime_now(), reply);
      } else if (const auto* queue_request = std::get_if<QueueRequest>(&*action)) {
        const QueueReply reply = kind.store.queues->apply(*queue_request);
        elector.handle_reply(boottime_now(), reply);
      }
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
  auto candidate = create_candidate(bench_config(kind.store), kind.store, nullptr).value();
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
  Memory memory;
  auto candidate = create_candidate(bench_config(memory.store), memory.store, nullptr).value();
  candidate->start();
  while (!candidate->current())
    std::this_thread::yield();
  for (auto _ : state)
    benchmark::DoNotOptimize(candidate->current());
}

/// The three of a store beside each other.
template <typename Kind>
bool add_store(const std::string& name) {
  if constexpr (requires { Kind::missing(); }) {
    if (const std::string missing = Kind::missing(); !missing.empty()) {
      std::fprintf(stderr, "%s is left out: %s\n", name.c_str(), missing.c_str());
      return false;
    }
  }
  const auto add = [&](const char* what, void (*run)(benchmark::State&)) {
    benchmark::RegisterBenchmark((what + ("<" + name + ">")).c_str(), run)->UseRealTime();
  };
  add("BM_BareStore", BM_BareStore<Kind>);
  add("BM_Elector", BM_Elector<Kind>);
  add("BM_Candidate", BM_Candidate<Kind>);
  return true;
}

[[maybe_unused]] const bool kMemoryAdded = add_store<Memory>("Memory");
[[maybe_unused]] const bool kMemoryQueueAdded = add_store<MemoryQueue>("MemoryQueue");
#ifdef VOUCH_HAS_SQLITE
[[maybe_unused]] const bool kSqliteAdded = add_store<Sqlite>("Sqlite");
#endif
#ifdef VOUCH_HAS_SERVERS
[[maybe_unused]] const bool kEtcdAdded = add_store<Etcd>("Etcd");
[[maybe_unused]] const bool kZooKeeperAdded = add_store<ZooKeeper>("ZooKeeper");
#endif
#ifdef VOUCH_DYNALITE
[[maybe_unused]] const bool kDynamoDbAdded = add_store<DynamoDb>("DynamoDb");
#endif
BENCHMARK(BM_Current);

}  // namespace
}  // namespace vouch::election
