#include "tests/support/etcd_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace vouch::testing {
namespace {

constexpr const char* kEtcd = "/usr/bin/etcd";

/// Ties a process to its parent thread.
constexpr const char* kSetpriv = "/usr/bin/setpriv";

sockaddr_in etcd_socket_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// Ports that were free a moment ago.
std::vector<std::uint16_t> free_etcd_ports(std::size_t count) {
  std::vector<std::uint16_t> ports;
  std::vector<int> sockets;
  for (std::size_t i = 0; i < count; ++i) {
    sockets.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = etcd_socket_address(0);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (bind(sockets.back(), any, size) != 0 || getsockname(sockets.back(), any, &size) != 0) {
      throw std::runtime_error("bind 127.0.0.1:0");
    }
    ports.push_back(ntohs(address.sin_port));
  }
  for (const int descriptor : sockets)
    close(descriptor);
  return ports;
}

/// Whether the member says that it is well, which it does once its cluster has a leader.
bool is_etcd_healthy(std::uint16_t port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = etcd_socket_address(port);
  std::string text = "GET /health HTTP/1.0\r\n\r\n";
  bool is_up =
      connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send(descriptor, text.data(), text.size(), MSG_NOSIGNAL) > 0;
  text.clear();
  std::array<char, 1024> piece{};
  for (ssize_t count = 1; is_up && count > 0;) {
    count = recv(descriptor, piece.data(), piece.size(), 0);
    if (count > 0) text.append(piece.data(), static_cast<std::size_t>(count));
  }
  close(descriptor);
  return text.find(R"("health":"true")") != std::string::npos;
}

}  // namespace

std::string EtcdServer::missing() {
  for (const char* const program : {kEtcd, kSetpriv}) {
    if (access(program, X_OK) != 0) return std::string("there is no ") + program;
  }
  return {};
}

EtcdServer& EtcdServer::shared() {
  static EtcdServer server;
  return server;
}

EtcdServer::EtcdServer(std::size_t members) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (start(members)) return;
  }
  throw std::runtime_error("etcd does not start: " + text_of(folder_.path() / "0.err"));
}

bool EtcdServer::start(std::size_t members) {
  members_.clear();
  ports_ = free_etcd_ports(2 * members);
  const auto url = [&](std::size_t at) { return "http://127.0.0.1:" + std::to_string(ports_[at]); };
  std::string cluster;
  for (std::size_t i = 0; i < members; ++i)
    cluster += (i > 0 ? ",m" : "m") + std::to_string(i) + "=" + url(2 * i + 1);
  for (std::size_t i = 0; i < members; ++i) {
    const std::filesystem::path data = folder_.path() / std::to_string(i);
    std::filesystem::remove_all(data);
    members_.push_back(std::make_unique<Process>(
        std::vector<std::string>{kSetpriv,
                                 "--pdeathsig",
                                 "KILL",
                                 kEtcd,
                                 "--name",
                                 "m" + std::to_string(i),
                                 "--data-dir",
                                 data.string(),
                                 "--listen-client-urls",
                                 url(2 * i),
                                 "--advertise-client-urls",
                                 url(2 * i),
                                 "--listen-peer-urls",
                                 url(2 * i + 1),
                                 "--initial-advertise-peer-urls",
                                 url(2 * i + 1),
                                 "--initial-cluster",
                                 cluster,
                                 "--unsafe-no-fsync",
                                 "--log-level",
                                 "error"},
        Process::Options{.err = folder_.path() / (std::to_string(i) + ".err")}));
  }
  for (std::size_t i = 0; i < members; ++i) {
    const bool is_decided =
        wait_until([&] { return is_etcd_healthy(port(i)) || !members_[i]->is_running(); });
    if (!is_decided || !members_[i]->is_running()) return false;
  }
  return true;
}

std::string EtcdServer::address() const {
  std::string all;
  for (std::size_t i = 0; i < size(); ++i)
    all += (i > 0 ? ",127.0.0.1:" : "127.0.0.1:") + std::to_string(port(i));
  return all;
}

void EtcdServer::send_signal(int signal, std::size_t member) const {
  members_[member]->send_signal(signal);
}

}  // namespace vouch::testing
