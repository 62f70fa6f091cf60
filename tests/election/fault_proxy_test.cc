// The proxy that stands between the stores' clients and their servers in other tests: each fault is
// what it says.

#include "tests/support/fault_proxy.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <vector>

#include "tests/support/http_server.h"
#include "tests/support/process.h"

namespace vouch::testing {
namespace {

using std::chrono::milliseconds;

/// A connection that sends requests and says what comes back.
class Caller {
 public:
  explicit Caller(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    is_connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller() { ::close(socket_); }

  [[nodiscard]] bool is_connected() const { return is_connected_; }

  void send(const std::string& body) const {
    const std::string text =
        "POST / HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    EXPECT_EQ(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  /// "reply" if something came, "closed", or "nothing" within `patience`.
  [[nodiscard]] std::string hear(milliseconds patience = milliseconds(20'000)) const {
    pollfd wait{socket_, POLLIN, 0};
    if (poll(&wait, 1, static_cast<int>(patience.count())) == 0) return "nothing";
    std::array<char, 4096> bytes{};
    return recv(socket_, bytes.data(), bytes.size(), 0) > 0 ? "reply" : "closed";
  }

 private:
  int socket_;
  bool is_connected_ = false;
};

class FaultProxyTest : public ::testing::Test {
 protected:
  /// The bodies that the server has seen, each as one letter.
  [[nodiscard]] std::string seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  [[nodiscard]] bool wait_seen(const std::string& bodies) const {
    return wait_until([&] { return seen() == bodies; });
  }

 private:
  mutable std::mutex mutex_;
  std::string seen_;
  HttpServer server_{[this](const std::string& request) {
    const std::lock_guard lock(mutex_);
    seen_ += request.back();
    return http_reply(200, "");
  }};

 protected:
  FaultProxy proxy{server_.port()};
};

constexpr milliseconds kShort{60};

TEST_F(FaultProxyTest, PassesAndCounts) {
  const Caller one(proxy.port());
  const Caller two(proxy.port());
  one.send("a");
  EXPECT_EQ(one.hear(), "reply");
  two.send("b");
  EXPECT_EQ(two.hear(), "reply");
  one.send("c");
  EXPECT_EQ(one.hear(), "reply");
  EXPECT_EQ(seen(), "abc");
  EXPECT_EQ(proxy.requests(), 3U);
  EXPECT_EQ(proxy.connections(), 2U);
}

TEST_F(FaultProxyTest, ABlackHoleSwallowsUntilItIsHealed) {
  const Caller before(proxy.port());
  before.send("a");
  EXPECT_EQ(before.hear(), "reply");
  proxy.set_flow(FaultProxy::Flow::kBlackHole);
  before.send("b");
  {
    const Caller gone(proxy.port());
    EXPECT_TRUE(gone.is_connected());
    gone.send("c");
    EXPECT_EQ(gone.hear(kShort), "nothing");
  }
  EXPECT_EQ(before.hear(kShort), "nothing");
  EXPECT_EQ(seen(), "a");
  proxy.set_flow(FaultProxy::Flow::kPass);
  EXPECT_EQ(before.hear(), "reply");
  EXPECT_TRUE(wait_until([&] { return seen().size() == 3; })) << "what was sent arrives late";
}

TEST_F(FaultProxyTest, WhatACutConnectionHeldNeverArrives) {
  proxy.set_flow(FaultProxy::Flow::kBlackHole);
  const Caller caller(proxy.port());
  caller.send("a");
  EXPECT_EQ(caller.hear(kShort), "nothing");
  proxy.cut_all();
  EXPECT_EQ(caller.hear(), "closed");
  proxy.set_flow(FaultProxy::Flow::kPass);
  const Caller next(proxy.port());
  next.send("b");
  EXPECT_EQ(next.hear(), "reply");
  EXPECT_EQ(seen(), "b");
}

TEST_F(FaultProxyTest, OneWayIsOneWay) {
  const Caller caller(proxy.port());
  proxy.set_flow(FaultProxy::Flow::kToServerOnly);
  caller.send("a");
  EXPECT_TRUE(wait_seen("a"));
  EXPECT_EQ(caller.hear(kShort), "nothing");
  proxy.set_flow(FaultProxy::Flow::kToClientOnly);
  EXPECT_EQ(caller.hear(), "reply");
  caller.send("b");
  EXPECT_EQ(caller.hear(kShort), "nothing");
  EXPECT_EQ(seen(), "a");
}

TEST_F(FaultProxyTest, TheRequestThatIsPickedIsCut) {
  const Caller one(proxy.port());
  one.send("a");
  EXPECT_EQ(one.hear(), "reply");
  proxy.cut_at(2, FaultProxy::Cut::kReply);
  one.send("b");
  EXPECT_EQ(one.hear(), "reply");
  one.send("c");
  EXPECT_EQ(one.hear(), "closed");
  EXPECT_EQ(seen(), "abc") << "it was forwarded";
  proxy.cut_at(1, FaultProxy::Cut::kRequest);
  const Caller two(proxy.port());
  two.send("d");
  EXPECT_EQ(two.hear(), "closed");
  const Caller three(proxy.port());
  three.send("e");
  EXPECT_EQ(three.hear(), "reply");
  EXPECT_EQ(seen(), "abce") << "it was not";
}

TEST_F(FaultProxyTest, AHeldRequestArrivesWithoutItsClient) {
  proxy.set_delay(kShort);
  {
    const Caller caller(proxy.port());
    caller.send("a");
    EXPECT_TRUE(wait_until([&] { return proxy.requests() == 1; }));
    EXPECT_EQ(seen(), "");
  }
  EXPECT_TRUE(wait_seen("a"));
  proxy.set_delay({});
  const Caller next(proxy.port());
  next.send("b");
  EXPECT_EQ(next.hear(), "reply");
}

TEST_F(FaultProxyTest, RefusesAndTakesAgain) {
  const Caller before(proxy.port());
  before.send("a");
  EXPECT_EQ(before.hear(), "reply");
  proxy.set_refusing(true);
  EXPECT_FALSE(Caller(proxy.port()).is_connected());
  before.send("b");
  EXPECT_EQ(before.hear(), "reply") << "what stands goes on";
  proxy.set_refusing(false);
  const Caller after(proxy.port());
  after.send("c");
  EXPECT_EQ(after.hear(), "reply");
}

}  // namespace
}  // namespace vouch::testing
