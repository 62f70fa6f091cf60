#include "demo_cluster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

extern char** environ;

namespace vouch::cli {
namespace {

std::int64_t boottime_ns() {
  timespec at{};
  clock_gettime(CLOCK_BOOTTIME, &at);
  return at.tv_sec * std::int64_t{1'000'000'000} + at.tv_nsec;
}

Error trouble(const std::string& what) {
  return Error{Errc::kUnavailable, what + ": " + std::strerror(errno)};
}

/// A UDP socket on 127.0.0.1 that the system gave a port. It is handed to the daemon, so that the
/// port belongs to somebody from the first moment and no other program can take it in between.
struct HeldPort {
  int descriptor = -1;
  std::uint16_t port = 0;
};

void close_all(std::vector<HeldPort>& held) {
  for (HeldPort& one : held) {
    if (one.descriptor >= 0) close(one.descriptor);
    one.descriptor = -1;
  }
}

Result<std::vector<HeldPort>> hold_ports(std::size_t count) {
  std::vector<HeldPort> held;
  for (std::size_t i = 0; i < count; ++i) {
    HeldPort& one = held.emplace_back();
    one.descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (one.descriptor < 0 || bind(one.descriptor, any, size) != 0 ||
        getsockname(one.descriptor, any, &size) != 0) {
      const Error error = trouble("no free UDP port on 127.0.0.1");
      close_all(held);
      return error;
    }
    one.port = ntohs(address.sin_port);
  }
  return held;
}

}  // namespace

DemoCluster::~DemoCluster() {
  for (const pid_t pid : pids_) {
    if (pid > 0) kill(pid, SIGKILL);
  }
  for (const pid_t pid : pids_) {
    if (pid > 0) waitpid(pid, nullptr, 0);
  }
}

std::filesystem::path DemoCluster::file(std::uint32_t node, const char* ending) const {
  return folder_.path() / ("n" + std::to_string(node) + ending);
}

std::filesystem::path DemoCluster::control(std::uint32_t node) const {
  return file(node, ".sock");
}

Status DemoCluster::start() {
  if (Status made = folder_.make("demo"); !made) return made;
  Result<std::vector<HeldPort>> held = hold_ports(pids_.size());
  if (!held) return held.error();
  std::vector<std::uint16_t> ports;
  for (const HeldPort& one : *held)
    ports.push_back(one.port);
  Status started = Done{};
  for (std::uint32_t node = 1; node <= pids_.size() && started; ++node) {
    started = write_config(node, ports);
  }
  for (std::uint32_t node = 1; node <= pids_.size() && started; ++node) {
    started = spawn(node, (*held)[node - 1].descriptor);
  }
  // From here on a daemon alone has its socket: when it dies, its port is closed.
  close_all(*held);
  return started;
}

Status DemoCluster::write_config(std::uint32_t node,
                                 const std::vector<std::uint16_t>& ports) const {
  const auto address = [&](std::uint32_t id) {
    return "127.0.0.1:" + std::to_string(ports[id - 1]);
  };
  nlohmann::ordered_json config{{"cluster", "demo"}, {"node_id", node}, {"listen", address(node)}};
  config["peers"] = nlohmann::ordered_json::array();
  for (std::uint32_t peer = 1; peer <= ports.size(); ++peer) {
    if (peer != node) config["peers"].push_back({{"id", peer}, {"address", address(peer)}});
  }
  config["state_dir"] = "state" + std::to_string(node);
  config["control"] = control(node).filename().string();
  config["allow_drills"] = true;
  std::ofstream out(file(node, ".json"));
  out << config.dump(2) << "\n";
  out.close();
  if (!out) return trouble(file(node, ".json").string() + " cannot be written");
  return Done{};
}

Status DemoCluster::spawn(std::uint32_t node, int bound_socket) {
  const std::string config = file(node, ".json");
  const std::string log = file(node, ".log");
  std::string words[] = {"vouch", "node", "--config",    config,
                         "--log", log,    "--listen-fd", std::to_string(bound_socket)};
  std::vector<char*> arguments;
  for (std::string& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // To its own number: this leaves the socket open in the daemon, and only this one.
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, bound_socket, bound_socket);
  pid_t pid = -1;
  const int failed =
      posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    errno = failed;
    return trouble("a daemon cannot be started");
  }
  pids_[node - 1] = pid;
  return Done{};
}

std::vector<LogLine> DemoCluster::read_logs() {
  std::vector<LogLine> lines;
  for (std::uint32_t node = 1; node <= pids_.size(); ++node) {
    std::ifstream in(file(node, ".log"));
    in.seekg(read_[node - 1]);
    std::string text;
    while (in && std::getline(in, text)) {
      if (in.eof()) break;  // Half a line: the rest comes later.
      read_[node - 1] += static_cast<std::streamoff>(text.size() + 1);
      const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
      if (json.is_discarded()) continue;
      lines.push_back({json.value("at_ns", std::int64_t{0}), node, json.value("event", ""), json});
    }
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const LogLine& a, const LogLine& b) { return a.at_ns < b.at_ns; });
  return lines;
}

Status DemoCluster::wait(double seconds, std::vector<LogLine>& seen,
                         const std::function<bool(const LogLine&)>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  bool is_done = false;
  while (!is_done) {
    if (Interrupt::is_asked()) return Error{Errc::kUnavailable, "interrupted"};
    for (std::uint32_t node = 1; node <= pids_.size(); ++node) {
      if (pids_[node - 1] > 0 && waitpid(pids_[node - 1], nullptr, WNOHANG) > 0) {
        pids_[node - 1] = -1;
        return Error{Errc::kUnavailable, "daemon " + std::to_string(node) + " ended by itself"};
      }
    }
    for (LogLine& line : read_logs()) {
      is_done = done(line) || is_done;
      seen.push_back(std::move(line));
    }
    if (is_done) break;
    if (std::chrono::steady_clock::now() > end) {
      return Error{Errc::kUnavailable, "the daemons did not get there within " +
                                           std::to_string(static_cast<int>(seconds)) + " s"};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return Done{};
}

std::int64_t DemoCluster::kill_node(std::uint32_t node) {
  const std::int64_t at = boottime_ns();
  kill(pids_[node - 1], SIGKILL);
  waitpid(pids_[node - 1], nullptr, 0);
  pids_[node - 1] = -1;
  return at;
}

}  // namespace vouch::cli
