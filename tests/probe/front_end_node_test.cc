// A front-end beside real daemons: a FrontEndObserver on a UDP socket of its own, as a program that
// is linked with the library would run it.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "tests/probe/node_cluster.h"
#include "vouch/probe/front_end_codec.h"
#include "vouch/quorum_check/front_end_observer.h"

namespace vouch::testing {
namespace {

constexpr std::uint32_t kFrontEndId = 101;

sockaddr_in loopback(const std::string& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port =
      htons(static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return to;
}

/// One front-end of replicas 1..count.
class UdpFrontEnd {
 public:
  UdpFrontEnd(const NodeCluster& cluster, std::uint32_t count, int descriptor)
      : descriptor_(descriptor), observer_(make(count)) {
    for (std::uint32_t id = 1; id <= count; ++id)
      addresses_[id] = loopback(cluster.config(id).listen);
  }
  UdpFrontEnd(const UdpFrontEnd&) = delete;
  UdpFrontEnd& operator=(const UdpFrontEnd&) = delete;
  ~UdpFrontEnd() { close(descriptor_); }

  /// Runs until `holds`; false if that takes longer than half a minute.
  bool run_until(const std::function<bool()>& holds) {
    const Instant end = now() + std::chrono::seconds(30);
    while (!holds()) {
      if (now() >= end) return false;
      pollfd readable{descriptor_, POLLIN, 0};
      poll(&readable, 1, 10);
      receive_all();
      if (now() >= observer_.next_timeout()) observer_.handle_timeout(now());
      send_all();
    }
    return true;
  }

  [[nodiscard]] const FrontEndObserver& observer() const { return observer_; }

 private:
  static Instant now() { return Instant(std::chrono::steady_clock::now().time_since_epoch()); }

  static FrontEndObserver make(std::uint32_t count) {
    FrontEndObserverConfig config{.self = NodeId{kFrontEndId}, .incarnation = Incarnation{1}};
    config.group = GroupId{1};
    for (std::uint32_t id = 1; id <= count; ++id)
      config.replicas.push_back(NodeId{id});
    return FrontEndObserver::create(config, now(), Rng(1)).value();
  }

  void receive_all() {
    std::array<std::byte, kMaxDatagram + 1> room;
    sockaddr_in from{};
    for (;;) {
      socklen_t length = sizeof from;
      const ssize_t size = recvfrom(descriptor_, room.data(), room.size(), MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&from), &length);
      if (size < 0) return;
      const auto read = decode_front_end(std::span(room).first(static_cast<std::size_t>(size)),
                                         cluster_hash("vouch"));
      const auto* message = std::get_if<FrontEndMessage>(&read);
      if (message == nullptr) continue;
      for (const auto& [id, address] : addresses_) {
        if (address.sin_port != from.sin_port) continue;
        observer_.handle_message(now(), NodeId{id}, *message);
      }
      send_all();
    }
  }

  void send_all() {
    while (const auto action = observer_.poll_action()) {
      const auto* send = std::get_if<SendFrontEnd>(&*action);
      if (send == nullptr) continue;
      std::array<std::byte, kMaxDatagram> room;
      const std::size_t size = encode(send->message, cluster_hash("vouch"), room);
      const sockaddr_in& to = addresses_.at(send->to.value());
      sendto(descriptor_, room.data(), size, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to),
             sizeof to);
    }
  }

  int descriptor_;
  std::map<std::uint32_t, sockaddr_in> addresses_;
  FrontEndObserver observer_;
};

TEST(FrontEndNode, ACutPathIsLedAroundNamedAndForgotten_RealNetwork) {
  const BoundSocket socket = bind_free_port();
  const Json extra{
      {"front_ends", Json::array({{{"id", kFrontEndId},
                                   {"address", "127.0.0.1:" + std::to_string(socket.port)}}})}};
  NodeCluster cluster(3, true, extra);
  cluster.start_all();
  const std::uint32_t leader = cluster.wait_for_leader();
  ASSERT_NE(leader, 0U);
  const auto term = [&] {
    return cluster.ask(leader, {{"command", "status"}})["groups"][0]["term"];
  };
  const Json before = term();
  UdpFrontEnd front_end(cluster, 3, socket.descriptor);
  const FrontEndObserver& observer = front_end.observer();
  ASSERT_TRUE(front_end.run_until([&] { return observer.route() == FrontEndRoute::kDirect; }));
  EXPECT_EQ(observer.to(), NodeId{leader});

  const auto drill = [&](const char* action) {
    const Json answer =
        cluster.ask(leader, {{"command", "drill"}, {"peer", kFrontEndId}, {"action", action}});
    ASSERT_TRUE(answer["ok"].get<bool>()) << answer;
  };
  const auto is_diagnosed = [&](const char* change) {
    for (const Json& line : cluster.log().lines()) {
      if (line["event"] == "diagnosis" && line["diagnosis"] == "front_end_path" &&
          line["change"] == change) {
        EXPECT_EQ(line["culprit"], std::to_string(leader) + "-101");
        return true;
      }
    }
    return false;
  };
  drill("cut");
  ASSERT_TRUE(front_end.run_until([&] { return observer.route() == FrontEndRoute::kVia; }));
  EXPECT_NE(observer.to(), NodeId{leader});
  EXPECT_TRUE(front_end.run_until([&] { return is_diagnosed("raised"); }));
  drill("heal");
  EXPECT_TRUE(front_end.run_until([&] { return observer.route() == FrontEndRoute::kDirect; }));
  EXPECT_TRUE(front_end.run_until([&] { return is_diagnosed("cleared"); }));
  EXPECT_EQ(observer.to(), NodeId{leader});
  EXPECT_EQ(term(), before) << "nobody was elected";
  const Json status = cluster.ask(leader, {{"command", "status"}});
  EXPECT_EQ(status["front_ends"][0]["front_end"], kFrontEndId);
  EXPECT_EQ(status["front_ends"][0]["lost_leader"], 0);
  EXPECT_EQ(status["peers"].size(), 2U) << "a front-end is no peer";
}

}  // namespace
}  // namespace vouch::testing
