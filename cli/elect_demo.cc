// `vouch elect --demo`: three candidates on this machine, one lock in one SQLite file.

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "elect.h"
#include "interrupt.h"
#include "temporary_folder.h"
#include "vouch/election_runner/clock.h"

extern char** environ;

namespace vouch::cli {
namespace {

constexpr std::size_t kDemoCandidates = 3;
constexpr const char* kDemoLease = "2s";

struct DemoLine {
  std::int64_t at_ns = 0;
  std::size_t candidate = 0;
  std::string event;
  nlohmann::json fields;
};

/// Three processes `vouch elect` in a temporary folder that goes with them.
class DemoElection {
 public:
  DemoElection() { pids_.fill(-1); }
  DemoElection(const DemoElection&) = delete;
  DemoElection& operator=(const DemoElection&) = delete;
  ~DemoElection() {
    for (const pid_t pid : pids_) {
      if (pid > 0) kill(pid, SIGTERM);
    }
    for (const pid_t pid : pids_) {
      if (pid > 0) waitpid(pid, nullptr, 0);
    }
  }

  [[nodiscard]] Status start() {
    if (Status made = folder_.make("elect"); !made) return made;
    for (std::size_t i = 0; i < pids_.size(); ++i) {
      if (Status spawned = spawn(i); !spawned) return spawned;
    }
    return Done{};
  }

  /// Reads logs until somebody leads with a token above `above`; `seen` takes all lines.
  [[nodiscard]] Result<DemoLine> await_leader(std::uint64_t above, std::vector<DemoLine>& seen) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < end) {
      if (Interrupt::is_asked()) return Error{Errc::kUnavailable, "interrupted"};
      for (DemoLine& line : read_logs())
        seen.push_back(std::move(line));
      for (const DemoLine& line : seen) {
        if (line.event == "elected" && line.fields.value("token", 0U) > above) return line;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return Error{Errc::kUnavailable, "nobody was elected within 30 s"};
  }

  void kill_candidate(std::size_t i) {
    kill(pids_[i], SIGKILL);
    waitpid(pids_[i], nullptr, 0);
    pids_[i] = -1;
  }

  /// The tokens that the leaders' commands wrote, in order.
  [[nodiscard]] std::vector<std::uint64_t> work() const {
    std::vector<std::uint64_t> tokens;
    std::ifstream in(folder_.path() / "work");
    for (std::uint64_t token = 0; in >> token;)
      tokens.push_back(token);
    return tokens;
  }

 private:
  [[nodiscard]] Status spawn(std::size_t i) {
    const std::string work = (folder_.path() / "work").string();
    std::array<std::string, 16> words{
        "vouch",   "elect",
        "--store", "sqlite:" + (folder_.path() / "locks.db").string(),
        "--name",  "demo",
        "--owner", "c" + std::to_string(i + 1),
        "--lease", kDemoLease,
        "--log",   log_of(i).string(),
        "--",      "/bin/sh",
        "-c",      "while :; do echo \"$VOUCH_TOKEN\" >>'" + work + "'; sleep 0.1; done"};
    std::vector<char*> arguments;
    for (std::string& word : words)
      arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const int failed =
        posix_spawn(&pids_[i], "/proc/self/exe", nullptr, nullptr, arguments.data(), environ);
    if (failed == 0) return Done{};
    pids_[i] = -1;
    return Error{Errc::kUnavailable,
                 std::string("a candidate cannot be started: ") + std::strerror(failed)};
  }

  [[nodiscard]] std::filesystem::path log_of(std::size_t i) const {
    return folder_.path() / ("c" + std::to_string(i + 1) + ".log");
  }

  [[nodiscard]] std::vector<DemoLine> read_logs() {
    std::vector<DemoLine> lines;
    for (std::size_t i = 0; i < pids_.size(); ++i) {
      std::ifstream in(log_of(i));
      in.seekg(read_[i]);
      std::string text;
      while (in && std::getline(in, text)) {
        if (in.eof()) break;  // Half a line: the rest comes later.
        read_[i] += static_cast<std::streamoff>(text.size() + 1);
        const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
        if (json.is_discarded()) continue;
        lines.push_back(
            {json.value("at_ns", std::int64_t{0}), i + 1, json.value("event", ""), json});
      }
    }
    std::stable_sort(lines.begin(), lines.end(),
                     [](const DemoLine& a, const DemoLine& b) { return a.at_ns < b.at_ns; });
    return lines;
  }

  Interrupt interrupt_;
  TemporaryFolder folder_;
  std::array<pid_t, kDemoCandidates> pids_{};
  std::array<std::streamoff, kDemoCandidates> read_{};
};

void print_demo_lines(const std::vector<DemoLine>& lines, std::int64_t origin_ns) {
  for (const DemoLine& line : lines) {
    if (line.at_ns < origin_ns) continue;
    std::string words;
    const std::string token = std::to_string(line.fields.value("token", 0U));
    if (line.event == "elected") words = "is elected with token " + token;
    if (line.event == "holder_changed") {
      const std::string holder = line.fields.value("holder", "");
      words = holder.empty() ? "sees that the lock is free"
                             : "sees that " + holder + " holds the lock with token " + token;
    }
    if (line.event == "command_started") words = "starts its command";
    if (words.empty()) continue;
    std::printf("  %9.1f ms  c%zu %s\n", static_cast<double>(line.at_ns - origin_ns) / 1e6,
                line.candidate, words.c_str());
  }
}

}  // namespace

Status run_elect_demo() {
  DemoElection demo;
  std::vector<DemoLine> seen;
  std::printf("1. Three candidates for one lock in an SQLite file, lease %s\n", kDemoLease);
  std::fflush(stdout);
  const std::int64_t origin_ns = election::boottime_now().time_since_epoch().count();
  if (Status started = demo.start(); !started) return started;
  Result<DemoLine> first = demo.await_leader(0, seen);
  if (!first) return first.error();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const auto token = first->fields.value("token", std::uint64_t{0});
  if (Result<DemoLine> more = demo.await_leader(token - 1, seen); !more) return more.error();
  print_demo_lines(seen, origin_ns);
  std::printf("2. kill -9 of c%zu: its command is killed with it, and the lock must run out\n",
              first->candidate);
  std::fflush(stdout);
  seen.clear();
  const std::int64_t killed_ns = election::boottime_now().time_since_epoch().count();
  demo.kill_candidate(first->candidate - 1);
  Result<DemoLine> second = demo.await_leader(token, seen);
  if (!second) return second.error();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  print_demo_lines(seen, killed_ns);
  const std::vector<std::uint64_t> work = demo.work();
  const bool is_ordered = std::is_sorted(work.begin(), work.end());
  std::printf(
      "  => c%zu leads %.0f ms after the kill. %zu pieces of work by tokens %llu to %llu: %s.\n",
      second->candidate, static_cast<double>(second->at_ns - killed_ns) / 1e6, work.size(),
      static_cast<unsigned long long>(work.empty() ? 0 : work.front()),
      static_cast<unsigned long long>(work.empty() ? 0 : work.back()),
      is_ordered ? "none of the old leader after the new one began" : "OUT OF ORDER");
  if (!is_ordered) return Error{Errc::kUnknown, "an old leader worked after the new one began"};
  return Done{};
}

}  // namespace vouch::cli
