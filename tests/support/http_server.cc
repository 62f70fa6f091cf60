#include "tests/support/http_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace vouch::testing {
namespace {

/// The bytes of the first whole request in `text`; zero if it is not whole yet.
std::size_t request_bytes(const std::string& text) {
  const std::size_t head = text.find("\r\n\r\n");
  if (head == std::string::npos) return 0;
  const std::size_t at = text.find("Content-Length: ");
  const std::size_t body = at < head ? std::stoul(text.substr(at + 16, 10)) : 0;
  const std::size_t whole = head + 4 + body;
  return text.size() < whole ? 0 : whole;
}

bool send_all(int socket, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t count = ::send(socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(Answer answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    stop_ = eventfd(0, EFD_CLOEXEC);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, raw, size) != 0 || listen(listener_, 64) != 0 ||
        getsockname(listener_, raw, &size) != 0) {
      throw std::runtime_error("no free port for an HTTP server");
    }
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(stop_, &one, sizeof one);
    thread_.join();
    for (const Connection& connection : connections_)
      ::close(connection.socket);
    ::close(listener_);
    ::close(stop_);
  }

  std::uint16_t port = 0;
  std::atomic<int> taken = 0;

 private:
  struct Connection {
    int socket = -1;
    std::string text;
  };

  void serve() {
    for (;;) {
      std::vector<pollfd> waits{{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const Connection& connection : connections_)
        waits.push_back({connection.socket, POLLIN, 0});
      poll(waits.data(), waits.size(), -1);
      if (waits[0].revents != 0) return;
      for (std::size_t i = waits.size(); i-- > 2;) {
        if (waits[i].revents != 0 && !serve(connections_[i - 2])) {
          ::close(connections_[i - 2].socket);
          connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i - 2));
        }
      }
      if (waits[1].revents != 0) {
        connections_.push_back({accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC), {}});
        ++taken;
      }
    }
  }

  bool serve(Connection& connection) {
    std::array<char, 65536> piece{};
    const ssize_t count = recv(connection.socket, piece.data(), piece.size(), 0);
    if (count <= 0) return false;
    connection.text.append(piece.data(), static_cast<std::size_t>(count));
    while (const std::size_t bytes = request_bytes(connection.text)) {
      const std::optional<std::string> reply = answer_(connection.text.substr(0, bytes));
      connection.text.erase(0, bytes);
      if (!reply || !send_all(connection.socket, *reply)) return false;
    }
    return true;
  }

  Answer answer_;
  int listener_ = -1;
  int stop_ = -1;
  std::vector<Connection> connections_;
  std::thread thread_;
};

HttpServer::HttpServer(Answer answer) : impl_(std::make_unique<Impl>(std::move(answer))) {}
HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const {
  return impl_->port;
}
std::string HttpServer::url() const {
  return "http://127.0.0.1:" + std::to_string(impl_->port) + "/";
}
int HttpServer::connections() const {
  return impl_->taken;
}

std::string http_reply(int status, const std::string& body, const std::string& headers) {
  return "HTTP/1.1 " + std::to_string(status) + " Said\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace vouch::testing
