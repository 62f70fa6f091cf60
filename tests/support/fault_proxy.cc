#include "tests/support/fault_proxy.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace vouch::testing {
namespace {

using Clock = std::chrono::steady_clock;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int new_socket() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw std::runtime_error("no socket for a proxy");
  return descriptor;
}

/// A socket that holds the port; without `listen` the system refuses who comes there.
int bind_to(std::uint16_t port) {
  const int descriptor = new_socket();
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("no port for a proxy");
  }
  return descriptor;
}

}  // namespace

class FaultProxy::Impl {
 public:
  explicit Impl(std::uint16_t server_port)
      : server_port_(server_port), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    listener_ = bind_to(0);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (wake_ < 0 || listen(listener_, 256) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no port for a proxy");
    }
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    change([this] { is_over_ = true; });
    thread_.join();
    for (Connection& connection : connections_)
      close_both(connection);
    ::close(listener_);
    ::close(wake_);
  }

  /// Changes the state as one step, seen by the proxy's thread before it does anything else.
  template <typename Do>
  void change(Do&& act) {
    {
      const std::lock_guard lock(mutex_);
      act();
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
  }
  template <typename Ask>
  [[nodiscard]] std::uint64_t ask(Ask&& ask) const {
    const std::lock_guard lock(mutex_);
    return ask();
  }

  /// Carried out by the proxy's thread: while it waits on a socket, the socket stays open.
  void refuse(bool is_refusing) {
    change([&] { wants_refusing_ = is_refusing; });
    std::unique_lock lock(mutex_);
    refused_.wait(lock, [&] { return is_refusing_ == wants_refusing_; });
  }

  void close_all() {
    for (Connection& connection : connections_)
      close_both(connection);
  }

  std::uint16_t port = 0;
  Flow flow = Flow::kPass;
  std::uint64_t cut_request = 0;
  Cut cut = Cut::kReply;
  Duration delay{};
  std::uint64_t requests = 0;
  std::uint64_t connections = 0;

 private:
  /// What goes one way through a connection.
  struct Way {
    int from = -1;
    int to = -1;
    std::string bytes;  ///< Taken from one side, not yet given to the other.
    bool has_ended = false;
    bool is_dead = false;  ///< Nobody takes it any more.

    [[nodiscard]] bool wants_more() const { return bytes.empty() && !has_ended; }

    /// False if there was nothing to take.
    bool take() {
      std::array<char, 16384> piece{};
      const ssize_t count = recv(from, piece.data(), piece.size(), MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
      if (count <= 0) {
        has_ended = true;
        return false;
      }
      bytes.assign(piece.data(), static_cast<std::size_t>(count));
      return true;
    }

    void give() {
      const ssize_t count = ::send(to, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count >= 0) {
        bytes.erase(0, static_cast<std::size_t>(count));
      } else if (errno != EAGAIN && errno != EINTR) {
        bytes.clear();
        is_dead = true;
      }
    }
  };

  struct Connection {
    Way to_server;
    Way to_client;
    bool expects_request = true;
    bool cuts_reply = false;
    bool is_held = false;   ///< The request waits until `forward_at`.
    bool outlives = false;  ///< Goes on without its client until the reply to a held request.
    bool is_closed = false;
    Clock::time_point forward_at{};
  };

  [[nodiscard]] bool passes_to_server() const {
    return flow == Flow::kPass || flow == Flow::kToServerOnly;
  }
  [[nodiscard]] bool passes_to_client() const {
    return flow == Flow::kPass || flow == Flow::kToClientOnly;
  }

  static void close_both(Connection& connection) {
    if (connection.is_closed) return;
    connection.is_closed = true;
    ::close(connection.to_server.from);
    ::close(connection.to_server.to);
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!is_over_) {
      const std::vector<pollfd> waits = what_to_wait_for();
      const int patience = patience_ms();
      lock.unlock();
      std::vector<pollfd> ready = waits;
      poll(ready.data(), ready.size(), patience);
      std::uint64_t drained = 0;
      [[maybe_unused]] const ssize_t count = ::read(wake_, &drained, sizeof drained);
      lock.lock();
      // Whoever changed something meanwhile may have closed what was waited for: every step asks
      // the sockets themselves and never blocks.
      open_or_close();
      accept_all();
      for (Connection& connection : connections_)
        move(connection);
      connections_.remove_if([](const Connection& c) { return c.is_closed; });
    }
  }

  void open_or_close() {
    if (wants_refusing_ == is_refusing_) return;
    is_refusing_ = wants_refusing_;
    if (is_refusing_) {
      ::close(listener_);
      listener_ = bind_to(port);
    } else if (listen(listener_, 256) != 0) {
      throw std::runtime_error("the proxy's port is gone");
    }
    refused_.notify_all();
  }

  [[nodiscard]] std::vector<pollfd> what_to_wait_for() const {
    std::vector<pollfd> waits{{wake_, POLLIN, 0}};
    if (!is_refusing_) waits.push_back({listener_, POLLIN, 0});
    const auto add = [&](const Way& way, bool passes, bool is_held) {
      if (!passes || is_held) return;
      if (way.wants_more()) waits.push_back({way.from, POLLIN, 0});
      if (!way.bytes.empty()) waits.push_back({way.to, POLLOUT, 0});
    };
    for (const Connection& connection : connections_) {
      add(connection.to_server, passes_to_server(), connection.is_held);
      add(connection.to_client, passes_to_client(), false);
    }
    return waits;
  }

  [[nodiscard]] int patience_ms() const {
    std::optional<Clock::time_point> first;
    for (const Connection& connection : connections_) {
      if (!connection.is_held || (first && *first <= connection.forward_at)) continue;
      first = connection.forward_at;
    }
    if (!first) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  void accept_all() {
    while (!is_refusing_) {
      pollfd wait{listener_, POLLIN, 0};
      if (poll(&wait, 1, 0) != 1) return;
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      ++connections;
      const int server = new_socket();
      const sockaddr_in address = loopback(server_port_);
      if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(server);
        ::close(client);
        continue;
      }
      const int on = 1;
      setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      Connection& made = connections_.emplace_back();
      made.to_server.from = made.to_client.to = client;
      made.to_server.to = made.to_client.from = server;
    }
  }

  void move(Connection& connection) {
    if (!connection.is_closed && passes_to_server()) move_to_server(connection);
    if (!connection.is_closed && passes_to_client()) move_to_client(connection);
  }

  void move_to_server(Connection& connection) {
    Way& way = connection.to_server;
    if (connection.is_held) {
      if (Clock::now() < connection.forward_at) return;
      connection.is_held = false;
      connection.outlives = true;
    }
    if (way.wants_more() && way.take() && connection.expects_request) {
      begin_request(connection);
      if (connection.is_closed || connection.is_held) return;
    }
    if (!way.bytes.empty()) way.give();
    if (way.is_dead || (way.has_ended && way.bytes.empty() && !connection.outlives)) {
      close_both(connection);
    }
  }

  void begin_request(Connection& connection) {
    connection.expects_request = false;
    ++requests;
    if (cut_request != 0 && --cut_request == 0) {
      if (cut == Cut::kRequest) return close_both(connection);
      connection.cuts_reply = true;
    }
    if (delay <= Duration::zero()) return;
    connection.is_held = true;
    connection.forward_at = Clock::now() + delay;
  }

  static void move_to_client(Connection& connection) {
    Way& way = connection.to_client;
    if (way.wants_more() && way.take()) {
      connection.expects_request = true;
      connection.outlives = false;
      if (connection.cuts_reply) return close_both(connection);
    }
    if (!way.bytes.empty()) way.give();
    if (way.is_dead || (way.has_ended && way.bytes.empty())) close_both(connection);
  }

  const std::uint16_t server_port_;
  mutable std::mutex mutex_;
  int wake_;
  int listener_ = -1;
  bool is_refusing_ = false;
  bool wants_refusing_ = false;
  std::condition_variable refused_;
  bool is_over_ = false;
  std::list<Connection> connections_;
  std::thread thread_;
};

FaultProxy::FaultProxy(std::uint16_t server_port) : impl_(std::make_unique<Impl>(server_port)) {}
FaultProxy::~FaultProxy() = default;

std::uint16_t FaultProxy::port() const {
  return impl_->port;
}
std::string FaultProxy::url() const {
  return "http://127.0.0.1:" + std::to_string(port());
}
void FaultProxy::set_flow(Flow flow) {
  impl_->change([&] { impl_->flow = flow; });
}
void FaultProxy::cut_at(std::uint64_t k, Cut cut) {
  impl_->change([&] {
    impl_->cut_request = k;
    impl_->cut = cut;
  });
}
void FaultProxy::set_delay(Duration delay) {
  impl_->change([&] { impl_->delay = delay; });
}
void FaultProxy::set_refusing(bool is_refusing) {
  impl_->refuse(is_refusing);
}
void FaultProxy::cut_all() {
  impl_->change([&] { impl_->close_all(); });
}
std::uint64_t FaultProxy::requests() const {
  return impl_->ask([&] { return impl_->requests; });
}
std::uint64_t FaultProxy::connections() const {
  return impl_->ask([&] { return impl_->connections; });
}

}  // namespace vouch::testing
