// Processes on one SQLite file: killed, stopped, and many at once. Every test waits for what must
// come. VOUCH_ELECTION_LONG=1 in the environment: 100 kills with the exact bound, and 8 processes
// of 200 cycles each, which take minutes.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <thread>
#include <utility>

#include "tests/support/process.h"
#include "vouch/detector/rng.h"
#include "vouch/election_runner/clock.h"

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

class ElectionProcesses : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }

  /// A candidate that leads and works until it is killed.
  [[nodiscard]] std::unique_ptr<Process> start(const std::string& name, int lease_ms,
                                               int refresh_ms) const {
    return std::make_unique<Process>(
        std::vector<std::string>{VOUCH_ELECTION_WORKER, "lead", path("locks.db"),
                                 std::to_string(lease_ms), std::to_string(refresh_ms),
                                 path(name + ".log"), path("effects")},
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

  /// Whether `name` was told to stop, or lost the lock: on a machine so busy that heartbeats were
  /// late.
  [[nodiscard]] bool gave_up(const std::string& name) const {
    for (const auto& words : words_of(path(name + ".log"))) {
      if (words[0] == "stop" || words[0] == "lost") return true;
    }
    return false;
  }

  /// The time of the line `kind VERSION ...` of a log; 0 if there is none.
  [[nodiscard]] std::int64_t time_of(const std::string& name, const std::string& kind,
                                     const std::string& version) const {
    for (const auto& words : words_of(path(name + ".log"))) {
      if (words[0] == kind && words[1] == version) return std::stoll(words[3]);
    }
    return 0;
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(ElectionProcesses, AfterKill9TheNextLeadsAfterTheLease) {
  constexpr int kLeaseMs = 500;
  constexpr int kRefreshMs = 100;
  const int kills = is_long() ? 100 : 4;
  Rng rng(7);
  std::string holder = "p0";
  auto leading = start(holder, kLeaseMs, kRefreshMs);
  ASSERT_TRUE(is_elected(holder, 0)) << text_of(path("p0.err"));
  double latest_ms = 0;
  int measured = 0;
  for (int i = 1; i <= kills; ++i) {
    const std::string next = "p" + std::to_string(i);
    auto waiting = start(next, kLeaseMs, kRefreshMs);
    ASSERT_TRUE(wait_until([&] { return !words_of(path(next + ".log")).empty(); }));
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
    EXPECT_EQ(elected(next), before + 1);
    // The version that it took over from says which heartbeat was the last that took effect.
    std::vector<std::string> take;
    for (const auto& words : words_of(path(next + ".log"))) {
      if (take.empty() && words[0] == "done") take = words;
    }
    ASSERT_FALSE(take.empty());
    const std::int64_t beat_sent = time_of(killed, "send", take[2]);
    const std::int64_t beat_done = time_of(killed, "done", take[2]);
    const std::int64_t taken_sent = time_of(next, "send", take[1]);
    const std::int64_t taken_done = std::stoll(take[3]);
    ASSERT_NE(beat_sent, 0);
    EXPECT_GT(taken_sent - beat_sent, kLeaseMs * kMs) << "kill " << i;
    const std::int64_t applied_by = beat_done != 0 ? beat_done : killed_at;
    const std::int64_t bound = (kLeaseMs + 2 * kRefreshMs) * kMs + taken_done - taken_sent;
    // A machine that is busy with other tests may run a process a second late.
    const std::int64_t allowed = is_long() ? 0 : 1000 * kMs;
    EXPECT_LE(taken_done - applied_by, bound + allowed) << "kill " << i;
    latest_ms = std::max(latest_ms, static_cast<double>(taken_done - applied_by) / 1e6);
  }
  EXPECT_GE(measured, is_long() ? kills : 1);
  std::printf(
      "%d kills, lease %d ms, refresh %d ms: the latest take-over %.1f ms after the last "
      "heartbeat\n",
      kills, kLeaseMs, kRefreshMs, latest_ms);
}

TEST_F(ElectionProcesses, StoppedBeyondTheLeaseItDoesNoWorkAfterwards) {
  const auto first = start("first", 600, 60);
  ASSERT_TRUE(is_elected("first", 0));
  const auto second = start("second", 600, 60);
  ASSERT_TRUE(wait_until([&] { return words_of(path("effects")).size() > 20; }));
  first->send_signal(SIGSTOP);
  ASSERT_TRUE(is_elected("second", 1));
  const std::size_t so_far = words_of(path("effects")).size();
  ASSERT_TRUE(wait_until([&] { return words_of(path("effects")).size() > so_far + 20; }));
  const std::int64_t continued_at = now_ns();
  first->send_signal(SIGCONT);
  ASSERT_TRUE(wait_until([&] {
    for (const auto& words : words_of(path("first.log"))) {
      if (words[0] == "lost") return true;
    }
    return false;
  }));
  const std::size_t at_lost = words_of(path("effects")).size();
  ASSERT_TRUE(wait_until([&] { return words_of(path("effects")).size() > at_lost + 20; }));
  std::uint64_t highest = 0;
  for (const auto& words : words_of(path("effects"))) {
    const std::uint64_t token = std::stoull(words[0]);
    EXPECT_GE(token, highest) << "work of an earlier leader after that of a later one";
    highest = std::max(highest, token);
    if (token == 1) {
      EXPECT_LT(std::stoll(words[1]), continued_at);
    }
  }
}

TEST_F(ElectionProcesses, CyclesOfManyProcessesLoseNothingAndTokensRise) {
  const int processes = is_long() ? 8 : 4;
  const int each = is_long() ? 200 : 15;
  std::vector<std::unique_ptr<Process>> running;
  for (int i = 0; i < processes; ++i) {
    running.push_back(std::make_unique<Process>(
        std::vector<std::string>{VOUCH_ELECTION_WORKER, "cycles", path("locks.db"), path("counter"),
                                 path("tokens"), std::to_string(each)},
        Process::Options{.err = path("err")}));
  }
  for (const auto& process : running) {
    // A minute is what wait_for_exit has patience for.
    ASSERT_TRUE(wait_until([&] { return !process->is_running(); }) ||
                wait_until([&] { return !process->is_running(); }));
    EXPECT_EQ(process->wait_for_exit(), 0) << text_of(path("err"));
  }
  EXPECT_EQ(std::stoi(text_of(path("counter"))), processes * each);
  std::uint64_t last = 0;
  const auto tokens = words_of(path("tokens"));
  EXPECT_EQ(tokens.size(), static_cast<std::size_t>(processes * each));
  for (const auto& words : tokens) {
    EXPECT_GT(std::stoull(words[0]), last);
    last = std::stoull(words[0]);
  }
}

}  // namespace
}  // namespace vouch::election::testing
