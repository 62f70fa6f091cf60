// Processes on every store: killed, stopped, and many at once. Every test waits for what must come.
// VOUCH_ELECTION_LONG=1 in the environment: 100 kills on SQLite and 20 on each server with the
// exact bound, and 8 processes of 200 cycles each, which take minutes.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <sstream>
#include <thread>
#include <utility>

#include "tests/support/etcd_server.h"
#ifdef VOUCH_DYNALITE
#include "tests/election/dynalite_server.h"
#endif
#include "tests/support/process.h"
#include "tests/support/zookeeper_server.h"
#include "vouch/detector/rng.h"
#include "vouch/election_runner/clock.h"
#include "vouch/election_stores/open_store.h"

namespace vouch::election::testing {
namespace {

using vouch::testing::Process;
using vouch::testing::TemporaryFolder;
using vouch::testing::text_of;
using vouch::testing::wait_until;

constexpr std::int64_t kMs = 1'000'000;

bool is_long() {
  return std::getenv("VOUCH_ELECTION_LONG") != nullptr;
}

std::int64_t now_ns() {
  return boottime_now().time_since_epoch().count();
}

std::vector<std::vector<std::string>> words_of(const std::filesystem::path& file) {
  std::vector<std::vector<std::string>> lines;
  std::istringstream text(text_of(file));
  for (std::string line; std::getline(text, line) && !text.eof();) {
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;)
      words.push_back(word);
    lines.push_back(words);
  }
  return lines;
}

/// A store, and what it promises.
struct StoreOfTest {
  const char* name;
  /// Why it cannot be tested here; empty: it can.
  std::string (*missing)();
  /// Its address for tests that share `folder`; its server, if it has one, runs from now on.
  std::string (*address)(const std::string& folder);
  int lease_ms;
  /// Of a store with queues: how long after a session's end it may go on to keep its places,
  /// including that it says so.
  std::optional<int> expiry_ms;
  int kills;       ///< In the long version,
  int kills_else;  ///< and always.

  /// For the names of tests, which GoogleTest would fill with addresses.
  friend std::ostream& operator<<(std::ostream& out, const StoreOfTest& store) {
    return out << store.name;
  }
};

std::string nothing_missing() {
  return {};
}
std::string sqlite_address(const std::string& folder) {
  return "sqlite:" + folder + "/locks.db";
}
/// etcd looks for leases that have ended twice a second.
std::string etcd_address(const std::string& folder) {
  return "etcd:" + vouch::testing::EtcdServer::shared().address() + folder;
}

#ifdef VOUCH_DYNALITE
/// A table of its own for each test, and credentials for it and the processes that it starts.
std::string dynamodb_address(const std::string& folder) {
  setenv("AWS_ACCESS_KEY_ID", "local", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "local", 1);
  return "dynamodb:" + std::filesystem::path(folder).filename().string() +
         "?create=yes&endpoint=" + vouch::testing::DynaliteServer::shared().url();
}
#endif

/// ZooKeeper, as it is set up here, ten times a second.
std::string zookeeper_address(const std::string& folder) {
  return "zookeeper:127.0.0.1:" + std::to_string(vouch::testing::ZooKeeperServer::shared().port()) +
         folder;
}

const StoreOfTest kStores[] = {
    {"sqlite", nothing_missing, sqlite_address, 500, {}, 100, 2},
#ifdef VOUCH_DYNALITE
    {"dynamodb", nothing_missing, dynamodb_address, 500, {}, 20, 1},
#endif
    {"etcd", vouch::testing::EtcdServer::missing, etcd_address, 2000, 600, 20, 1},
    {"zookeeper", vouch::testing::ZooKeeperServer::missing, zookeeper_address, 1000, 200, 20, 1},
};

class ElectionProcesses : public ::testing::TestWithParam<StoreOfTest> {
 protected:
  void SetUp() override {
    if (const std::string missing = GetParam().missing(); !missing.empty()) {
      GTEST_SKIP() << missing;
    }
    const std::string address = GetParam().address(folder_.path().string());
    const auto opened = open_store(address, StoreUse::kElect);
    if (!opened) GTEST_SKIP() << opened.error().message;
    address_ = address;
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] const std::string& address() const { return address_; }

  /// A candidate that leads and works until it is killed.
  [[nodiscard]] std::unique_ptr<Process> start(const std::string& name, int lease_ms,
                                               int refresh_ms) const {
    return std::make_unique<Process>(
        std::vector<std::string>{VOUCH_ELECTION_WORKER, "lead", address(), std::to_string(lease_ms),
                                 std::to_string(refresh_ms), path(name + ".log"), path("effects")},
        Process::Options{.err = path(name + ".err")});
  }

  /// The token with which `name` was elected last; 0 if it was not.
  [[nodiscard]] std::uint64_t elected(const std::string& name) const {
    std::uint64_t token = 0;
    for (const auto& words : words_of(path(name + ".log"))) {
      if (words[0] == "elected") token = std::stoull(words[1]);
    }
    return token;
  }

  [[nodiscard]] bool is_elected(const std::string& name, std::uint64_t above) const {
    return wait_until([&] { return elected(name) > above; });
  }

  /// The times of the lines of this kind in the log of `name`.
  [[nodiscard]] std::vector<std::int64_t> times_of(const std::string& name,
                                                   const std::string& kind) const {
    std::vector<std::int64_t> times;
    for (const auto& words : words_of(path(name + ".log"))) {
      if (words[0] == kind) times.push_back(std::stoll(words.back()));
    }
    return times;
  }

  /// Whether `name` was told to stop, or lost the lock: on a machine so busy that heartbeats were
  /// late.
  [[nodiscard]] bool gave_up(const std::string& name) const {
    return !times_of(name, "stop").empty() || !times_of(name, "lost").empty();
  }

  /// The time of the line `kind WHAT ...` of a log; 0 if there is none.
  [[nodiscard]] std::int64_t time_of(const std::string& name, const std::string& kind,
                                     const std::string& what) const {
    for (const auto& words : words_of(path(name + ".log"))) {
      if (words[0] == kind && words[1] == what) return std::stoll(words[3]);
    }
    return 0;
  }

  /// How a take-over went after the kill of the one before.
  struct TakeOver {
    std::int64_t after_send = 0;   ///< Since the last heartbeat that took effect was sent: longer
                                   ///< than the lease.
    std::int64_t after_apply = 0;  ///< Since it was applied at the latest: at most
    std::int64_t bound = 0;        ///< so long.
  };
  [[nodiscard]] TakeOver take_over_of_record(const std::string& killed, std::int64_t killed_at,
                                             const std::string& next, int refresh_ms) const;
  [[nodiscard]] TakeOver take_over_of_place(const std::string& killed, std::int64_t killed_at,
                                            const std::string& next) const;

 private:
  TemporaryFolder folder_;
  std::string address_;
};

/// The version that it took over from says which heartbeat was the last that took effect.
ElectionProcesses::TakeOver ElectionProcesses::take_over_of_record(const std::string& killed,
                                                                   std::int64_t killed_at,
                                                                   const std::string& next,
                                                                   int refresh_ms) const {
  std::vector<std::string> take;
  for (const auto& words : words_of(path(next + ".log"))) {
    if (take.empty() && words[0] == "done") take = words;
  }
  if (take.empty()) {
    ADD_FAILURE() << next << " has not taken the lock";
    return {};
  }
  const std::int64_t beat_sent = time_of(killed, "send", take[2]);
  const std::int64_t beat_done = time_of(killed, "done", take[2]);
  const std::int64_t taken_sent = time_of(next, "send", take[1]);
  const std::int64_t taken_done = std::stoll(take[3]);
  EXPECT_NE(beat_sent, 0);
  const std::int64_t applied_by = beat_done != 0 ? beat_done : killed_at;
  return {taken_sent - beat_sent, taken_done - applied_by,
          (GetParam().lease_ms + 2 * refresh_ms) * kMs + taken_done - taken_sent};
}

/// The store ends the session its timeout after it has heard of it last, and tells the next one,
/// who looks.
ElectionProcesses::TakeOver ElectionProcesses::take_over_of_place(const std::string& killed,
                                                                  std::int64_t killed_at,
                                                                  const std::string& next) const {
  const std::vector<std::int64_t> sent = times_of(killed, "send");
  const std::vector<std::int64_t> done = times_of(killed, "done");
  // What was sent and has no answer may have been applied.
  const std::int64_t applied_by = sent.size() == done.size() ? done.back() : killed_at;
  const std::int64_t elected_at = times_of(next, "elected").back();
  std::int64_t looked_at = 0;
  for (const auto& words : words_of(path(next + ".log"))) {
    const bool is_look = words[0] == "send" && words[2] == "list";
    if (is_look && std::stoll(words[3]) < elected_at) looked_at = std::stoll(words[3]);
  }
  return {elected_at - sent[done.size() - 1], elected_at - applied_by,
          (GetParam().lease_ms + *GetParam().expiry_ms) * kMs + elected_at - looked_at};
}

TEST_P(ElectionProcesses, AfterKill9TheNextLeadsAfterTheLease) {
  const int lease_ms = GetParam().lease_ms;
  const int refresh_ms = lease_ms / 5;
  const int kills = is_long() ? GetParam().kills : GetParam().kills_else;
  Rng rng(7);
  std::string holder = "p0";
  auto leading = start(holder, lease_ms, refresh_ms);
  ASSERT_TRUE(is_elected(holder, 0)) << text_of(path("p0.err"));
  double latest_ms = 0;
  int measured = 0;
  for (int i = 1; i <= kills; ++i) {
    const std::string next = "p" + std::to_string(i);
    auto waiting = start(next, lease_ms, refresh_ms);
    // It knows of the holder, and so watches it.
    ASSERT_TRUE(wait_until([&] { return !times_of(next, "holder_changed").empty(); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(rng.between(0, 300)));
    const std::uint64_t before = elected(holder);
    const std::int64_t killed_at = now_ns();
    leading->send_signal(SIGKILL);
    ASSERT_EQ(leading->wait_for_exit(), 128 + SIGKILL);
    ASSERT_TRUE(is_elected(next, before));
    const std::string killed = std::exchange(holder, next);
    leading = std::move(waiting);
    if (gave_up(killed)) continue;  // It was not the kill that ended its leadership.
    ++measured;
    const bool is_queue = GetParam().expiry_ms.has_value();
    if (!is_queue) {
      EXPECT_EQ(elected(next), before + 1);
    }
    const TakeOver seen = is_queue ? take_over_of_place(killed, killed_at, next)
                                   : take_over_of_record(killed, killed_at, next, refresh_ms);
    EXPECT_GT(seen.after_send, lease_ms * kMs) << "kill " << i;
    // A machine that is busy with other tests may run a process a second late.
    const std::int64_t allowed = is_long() ? 0 : 1000 * kMs;
    EXPECT_LE(seen.after_apply, seen.bound + allowed) << "kill " << i;
    latest_ms = std::max(latest_ms, static_cast<double>(seen.after_apply) / 1e6);
  }
  EXPECT_GE(measured, is_long() ? kills : 1);
  std::printf(
      "%s: %d kills, lease %d ms, refresh %d ms: the latest take-over %.1f ms after the last "
      "heartbeat\n",
      GetParam().name, kills, lease_ms, refresh_ms, latest_ms);
}

TEST_P(ElectionProcesses, StoppedBeyondTheLeaseItDoesNoWorkAfterwards) {
  const int lease_ms = GetParam().expiry_ms ? GetParam().lease_ms : 600;
  const auto first = start("first", lease_ms, lease_ms / 10);
  ASSERT_TRUE(is_elected("first", 0)) << text_of(path("first.err"));
  const std::uint64_t first_token = elected("first");
  const auto second = start("second", lease_ms, lease_ms / 10);
  ASSERT_TRUE(wait_until([&] { return words_of(path("effects")).size() > 20; }));
  ASSERT_TRUE(stop_until(*first, [&] { return elected("second") > first_token; }));
  const std::size_t so_far = words_of(path("effects")).size();
  ASSERT_TRUE(wait_until([&] { return words_of(path("effects")).size() > so_far + 20; }));
  const std::int64_t continued_at = now_ns();
  first->send_signal(SIGCONT);
  ASSERT_TRUE(wait_until([&] { return !times_of("first", "lost").empty(); }));
  const std::size_t at_lost = words_of(path("effects")).size();
  ASSERT_TRUE(wait_until([&] { return words_of(path("effects")).size() > at_lost + 20; }));
  std::uint64_t highest = 0;
  for (const auto& words : words_of(path("effects"))) {
    const std::uint64_t token = std::stoull(words[0]);
    EXPECT_GE(token, highest) << "work of an earlier leader after that of a later one";
    highest = std::max(highest, token);
    if (token == first_token) {
      EXPECT_LT(std::stoll(words[1]), continued_at);
    }
  }
}

TEST_P(ElectionProcesses, CyclesOfManyProcessesLoseNothingAndTokensRise) {
  const int processes = is_long() ? 8 : 4;
  const int each = is_long() ? 200 : 15;
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<Process>> running;
  for (int i = 0; i < processes; ++i) {
    running.push_back(std::make_unique<Process>(
        std::vector<std::string>{VOUCH_ELECTION_WORKER, "cycles", address(), path("counter"),
                                 path("tokens"), std::to_string(each)},
        Process::Options{.err = path("err")}));
  }
  for (const auto& process : running) {
    // A minute is what wait_for_exit has patience for.
    ASSERT_TRUE(wait_until([&] { return !process->is_running(); }) ||
                wait_until([&] { return !process->is_running(); }));
    EXPECT_EQ(process->wait_for_exit(), 0) << text_of(path("err"));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%s: %d processes x %d cycles in %.1f s\n", GetParam().name, processes, each,
              took.count());
  EXPECT_EQ(std::stoi(text_of(path("counter"))), processes * each);
  const auto store = open_store(address(), StoreUse::kLook);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(**store->any().fenced_get("counter"), std::to_string(processes * each));
  std::uint64_t last = 0;
  const auto tokens = words_of(path("tokens"));
  EXPECT_EQ(tokens.size(), static_cast<std::size_t>(processes * each));
  for (const auto& words : tokens) {
    EXPECT_GT(std::stoull(words[0]), last);
    last = std::stoull(words[0]);
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, ElectionProcesses, ::testing::ValuesIn(kStores),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace vouch::election::testing
