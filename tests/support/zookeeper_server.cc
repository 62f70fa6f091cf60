#include "tests/support/zookeeper_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace vouch::testing {
namespace {

constexpr const char* kJava = "/usr/bin/java";
constexpr const char* kServerJar = "/usr/share/java/zookeeper.jar";

/// Ties a process to its parent thread.
constexpr const char* kTie = "/usr/bin/setpriv";

/// So long a server may take to answer a command: one that is stopped does not.
constexpr timeval kAnswerTime{1, 0};

sockaddr_in zookeeper_socket_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// One that was free a moment ago.
std::uint16_t free_zookeeper_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = zookeeper_socket_address(0);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (bind(descriptor, any, size) != 0 || getsockname(descriptor, any, &size) != 0) {
    throw std::runtime_error("bind 127.0.0.1:0");
  }
  close(descriptor);
  return ntohs(address.sin_port);
}

}  // namespace

std::string ZooKeeperServer::missing() {
  for (const char* const program : {kJava, kTie}) {
    if (access(program, X_OK) != 0) return std::string("there is no ") + program;
  }
  if (access(kServerJar, R_OK) != 0) return std::string("there is no ") + kServerJar;
  return {};
}

ZooKeeperServer& ZooKeeperServer::shared() {
  static ZooKeeperServer server;
  return server;
}

ZooKeeperServer::ZooKeeperServer() {
  for (int attempt = 0; attempt < 3; ++attempt) {
    port_ = free_zookeeper_port();
    if (try_start()) return;
  }
  throw std::runtime_error("ZooKeeper does not start: " + text_of(folder_.path() / "err"));
}

void ZooKeeperServer::start() {
  if (!try_start()) throw std::runtime_error("ZooKeeper does not start again");
}

bool ZooKeeperServer::try_start() {
  const std::filesystem::path settings = folder_.path() / "zoo.cfg";
  std::ofstream(settings) << "tickTime=100\ndataDir=" << (folder_.path() / "data").string()
                          << "\nclientPort=" << port_
                          << "\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
                             "4lw.commands.whitelist=*\nminSessionTimeout=1000\n"
                             "maxSessionTimeout=60000\nmaxClientCnxns=0\n";
  std::filesystem::create_directories(folder_.path() / "data");
  server_ = std::make_unique<Process>(
      std::vector<std::string>{
          kTie, "--pdeathsig", "KILL", kJava, "-Xmx96m", "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Dzookeeper.forceSync=no", "-cp",
          kServerJar, "org.apache.zookeeper.server.ZooKeeperServerMain", settings.string()},
      Process::Options{.out = folder_.path() / "out", .err = folder_.path() / "err"});
  const bool is_decided = wait_until(
      [&] { return !server_->is_running() || ask("srvr").find("Mode") != std::string::npos; });
  return is_decided && server_->is_running();
}

void ZooKeeperServer::stop() {
  server_->send_signal(SIGKILL);
  static_cast<void>(server_->wait_for_exit());
}

void ZooKeeperServer::wipe() {
  std::filesystem::remove_all(folder_.path() / "data");
}

std::string ZooKeeperServer::ask(const std::string& command) const {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &kAnswerTime, sizeof kAnswerTime);
  const sockaddr_in address = zookeeper_socket_address(port_);
  const bool is_sent =
      connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send(descriptor, command.data(), command.size(), MSG_NOSIGNAL) > 0;
  std::string text;
  std::array<char, 4096> piece{};
  for (ssize_t count = 1; is_sent && count > 0;) {
    count = recv(descriptor, piece.data(), piece.size(), 0);
    if (count > 0) text.append(piece.data(), static_cast<std::size_t>(count));
  }
  close(descriptor);
  return text;
}

long ZooKeeperServer::counter(const std::string& name) const {
  std::istringstream lines(ask("mntr"));
  std::string word;
  while (lines >> word) {
    if (word != name) continue;
    long value = -1;
    return lines >> value ? value : -1;
  }
  return -1;
}

}  // namespace vouch::testing
