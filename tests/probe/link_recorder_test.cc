#include "vouch/runtime/link_recorder.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "probe/runtime/src/clock_drift.h"
#include "vouch/detector/rng.h"

namespace vouch::runtime {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::udp;

/// A responder in a thread of its own.
class Responder {
 public:
  Responder()
      : recorder_(LinkRecorder::create({.listen = "127.0.0.1:0"}).value()), thread_([this] {
          EXPECT_TRUE(
              recorder_.run([this] { return !is_over_.load(); }, [](const LinkArrival&) {}));
        }) {}
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder() {
    is_over_ = true;
    thread_.join();
  }
  [[nodiscard]] std::string address() const { return recorder_.address(); }

 private:
  std::atomic<bool> is_over_ = false;
  LinkRecorder recorder_;
  std::thread thread_;
};

TEST(LinkRecorder, HearsOfEachHeartbeatOfBothDirectionsOnce_RealNetwork) {
  const Responder first;
  const Responder second;
  auto recorder = LinkRecorder::create(
      {.listen = "127.0.0.1:0", .peers = {first.address(), second.address()}, .interval = 5ms});
  ASSERT_TRUE(recorder) << recorder.error().message;
  std::map<std::pair<std::size_t, bool>, std::set<std::uint64_t>> seen;
  const auto until = std::chrono::steady_clock::now() + 60s;
  const auto has_enough = [&] {
    if (seen.size() < 4) return false;
    for (const auto& [direction, numbers] : seen) {
      if (numbers.size() < 50) return false;
    }
    return true;
  };
  ASSERT_TRUE(
      recorder->run([&] { return !has_enough() && std::chrono::steady_clock::now() < until; },
                    [&](const LinkArrival& arrival) {
                      const auto direction = std::pair(arrival.peer, arrival.what.is_own);
                      EXPECT_TRUE(seen[direction].insert(arrival.what.seq.value()).second);
                      // One clock for both ends here: what arrives was sent before, and not long
                      // ago.
                      EXPECT_GE(arrival.what.arrived_at, arrival.what.sent_at);
                    }));
  EXPECT_TRUE(has_enough());
  const std::vector<LinkState> links = recorder->links();
  ASSERT_EQ(links.size(), 2U);
  for (std::size_t peer = 0; peer < 2; ++peer) {
    EXPECT_TRUE(links[peer].answers);
    EXPECT_EQ(links[peer].in.arrived, (seen[{peer, false}].size()));
    EXPECT_EQ(links[peer].out.arrived - links[peer].out.unknown, (seen[{peer, true}].size()));
    EXPECT_LE(links[peer].out.arrived, links[peer].out.sent);
  }
}

// Who shows no token gets one short answer per probe, and nothing by itself.
TEST(LinkRecorder, AResponderSendsNothingToAForgedAddress_RealNetwork) {
  const Responder responder;
  boost::asio::io_context io;
  udp::socket socket(io, udp::endpoint(udp::v4(), 0));
  const std::string address = responder.address();
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  const udp::endpoint to(boost::asio::ip::make_address("127.0.0.1"), port);
  LinkMeter meter(Incarnation{1}, 77);
  std::array<std::byte, kMaxDatagram> room{};
  std::array<std::byte, kMaxDatagram> answer{};
  for (int i = 0; i < 5; ++i) {
    LinkProbe probe = meter.next_probe(Instant{}, 1ms);
    probe.token = 12'345;  // A guess.
    const std::size_t asked = encode(probe, kNoCluster, room);
    socket.send_to(boost::asio::buffer(room.data(), asked), to);
    const std::size_t size = socket.receive(boost::asio::buffer(answer));
    EXPECT_LE(size, asked);
    const auto decoded = decode_link_probe(std::span(answer).first(size), kNoCluster);
    ASSERT_TRUE(std::holds_alternative<LinkProbeMessage>(decoded));
    EXPECT_TRUE(std::holds_alternative<LinkChallenge>(std::get<LinkProbeMessage>(decoded)));
  }
  // Had it believed in a measurement, its own heartbeats would come every millisecond.
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(socket.available(), 0U);
}

TEST(LinkRecorder, BadConfigurationsAreNamed) {
  const auto why = [](const LinkRecorderConfig& config) {
    const auto made = LinkRecorder::create(config);
    return made ? std::string("accepted") : made.error().message;
  };
  EXPECT_EQ(why({.peers = {"nowhere"}}), "--peer: must be HOST:PORT, is \"nowhere\"");
  EXPECT_EQ(why({.peers = {"127.0.0.1:0"}}),
            "--peer: the port must be above 0, is \"127.0.0.1:0\"");
  EXPECT_EQ(why({.peers = {"127.0.0.1:5", "127.0.0.1:5"}}),
            "--peer: \"127.0.0.1:5\" is named twice");
  EXPECT_EQ(why({.listen = "host:1"}), "--listen: must be ADDRESS:PORT, numeric, is \"host:1\"");
  EXPECT_EQ(why({.listen = "[::1]:0", .peers = {"127.0.0.1:5"}}),
            "--peer: \"127.0.0.1:5\" is at 127.0.0.1:5, of another family than [::1]:0");
  EXPECT_EQ(why({.interval = 0ms}), "--interval: must be from 1 to 60000 ms, is 0.000000");
}

/// Arrivals of ten minutes at 10 per second between clocks of which the peer's is fast by `ppm`.
ClockDrift drifting(double ppm) {
  ClockDrift drift;
  Rng rng(7);
  for (std::int64_t i = 0; i < 6'000; ++i) {
    const std::int64_t here = 100'000'000 * i;
    const auto there = [&](std::int64_t at) {
      return 5'000'000'000 + at + static_cast<std::int64_t>(static_cast<double>(at) * ppm / 1e6);
    };
    // Delays of 1 ms, and mostly some more; the way back is slower.
    const auto more = static_cast<std::int64_t>(rng.between(0, 8'000'000));
    drift.add({.is_own = true,
               .sent_at = ClockStamp{here},
               .arrived_at = ClockStamp{there(here + 1'000'000 + more)}});
    drift.add({.is_own = false,
               .sent_at = ClockStamp{there(here)},
               .arrived_at = ClockStamp{here + 3'000'000 + more}});
  }
  return drift;
}

TEST(ClockDrift, IsSeenThroughJitter) {
  for (const double ppm : {-200.0, -3.0, 0.0, 40.0}) {
    const DriftEstimate estimate = drifting(ppm).estimate();
    ASSERT_TRUE(estimate.is_known);
    EXPECT_NEAR(estimate.ppm, ppm, 0.5) << ppm;
    EXPECT_LT(estimate.spread_ppm, 1.0) << ppm;
  }
  EXPECT_FALSE(ClockDrift().estimate().is_known);
}

TEST(ClockDrift, SurvivesAnyNumbers) {
  ClockDrift drift;
  for (const std::int64_t a : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, INT64_MAX}) {
    for (const std::int64_t b : {INT64_MIN, std::int64_t{0}, INT64_MAX}) {
      for (const bool is_own : {true, false})
        drift.add({.is_own = is_own, .sent_at = ClockStamp{a}, .arrived_at = ClockStamp{b}});
    }
  }
  static_cast<void>(drift.estimate());
}

}  // namespace
}  // namespace vouch::runtime
