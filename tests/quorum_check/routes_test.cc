// Next hops: straight where the link works, over the best peer that reaches both ends, or not at
// all; and never over a peer that is merely a little better than the one in use.

#include "vouch/quorum_check/routes.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "vouch/detector/rng.h"

namespace vouch {
namespace {

constexpr std::uint32_t kNodes = 5;

/// What nodes 1 to 5 say of each other; node 1 (index 0) looks. A row says both directions.
class Map {
 public:
  Map() : matrix_({NodeId{1}, NodeId{2}, NodeId{3}, NodeId{4}, NodeId{5}}, NodeId{1}) {}

  /// Node `a` hears node `b`.
  void set(std::size_t a, std::size_t b, bool hears) { hears_[a] = set_bit(hears_[a], b, hears); }
  void lose(std::size_t a, std::size_t b, std::uint8_t lost) { lost_[a][b] = lost; }

  /// Everybody who is heard reports.
  void report() {
    for (std::size_t from = 1; from < kNodes; ++from) {
      Heartbeat heartbeat{.from = {NodeId{static_cast<std::uint32_t>(from + 1)}, Incarnation{1}}};
      for (std::size_t of = 0; of < kNodes; ++of) {
        if (of == from) continue;
        PeerReport& report = heartbeat.reports[heartbeat.report_count++];
        report.peer = NodeId{static_cast<std::uint32_t>(of + 1)};
        report.hears = hears(from, of);
        report.is_heard = hears(of, from);
        report.link.lost = lost_[from][of];
      }
      matrix_.take(Instant(std::chrono::seconds(1)), from, heartbeat, false);
    }
  }

  [[nodiscard]] bool joined(std::size_t a, std::size_t b) const {
    return hears(a, b) && hears(b, a);
  }
  [[nodiscard]] std::optional<std::size_t> hop(std::size_t to) const {
    return routes_.next_hop(matrix_, to, [this](std::size_t node) { return joined(0, node); });
  }
  void update() {
    routes_.update(matrix_, [this](std::size_t node) { return joined(0, node); });
  }

 private:
  [[nodiscard]] bool hears(std::size_t a, std::size_t b) const {
    return (hears_[a] >> b & 1U) != 0;
  }
  static unsigned set_bit(unsigned bits, std::size_t at, bool value) {
    return value ? bits | 1U << at : bits & ~(1U << at);
  }

  ReachMatrix matrix_;
  Routes routes_;
  std::array<unsigned, kNodes> hears_{31, 31, 31, 31, 31};
  std::array<std::array<std::uint8_t, kNodes>, kNodes> lost_{};
};

TEST(Routes, AWorkingLinkIsTakenStraight) {
  Map map;
  map.report();
  for (std::size_t to = 1; to < kNodes; ++to)
    EXPECT_EQ(map.hop(to), to);
}

TEST(Routes, OneCutDirectionIsEnoughForADetourOverTheLowestPeer) {
  for (const bool outward : {false, true}) {
    Map map;
    map.set(outward ? 1 : 0, outward ? 0 : 1, false);
    map.report();
    EXPECT_EQ(map.hop(1), 2U);
    EXPECT_EQ(map.hop(3), 3U);
  }
}

TEST(Routes, ThePeerThatLosesLeastIsTaken) {
  Map map;
  map.set(0, 1, false);
  map.lose(2, 1, 9);
  map.lose(3, 0, 3);
  map.report();
  EXPECT_EQ(map.hop(1), 4U);
}

TEST(Routes, ARouteInUseIsLeftOnlyForOneThatIsClearlyBetter) {
  Map map;
  map.set(0, 1, false);
  map.report();
  map.update();
  ASSERT_EQ(map.hop(1), 2U);
  map.lose(2, 1, Routes::kClearlyFewer - 1);
  map.report();
  EXPECT_EQ(map.hop(1), 2U) << "not for a heartbeat or two";
  map.lose(2, 1, Routes::kClearlyFewer + 1);
  map.report();
  EXPECT_EQ(map.hop(1), 3U);
  map.update();
  map.lose(2, 1, 0);
  map.report();
  EXPECT_EQ(map.hop(1), 3U) << "nor back at once";
  map.set(0, 3, false);
  EXPECT_EQ(map.hop(1), 2U) << "but at once when it is gone";
}

/// Every directed graph of five, drawn at random: against the definition, and two hops that end.
TEST(Routes, TheyAreThoseOfTheDefinitionInRandomGraphs) {
  Rng rng(7);
  int routed = 0;
  int none = 0;
  for (int round = 0; round < 20'000; ++round) {
    Map map;
    for (std::size_t a = 0; a < kNodes; ++a) {
      for (std::size_t b = 0; b < kNodes; ++b)
        map.set(a, b, rng.below(3) != 0);
    }
    map.report();
    for (std::size_t to = 1; to < kNodes; ++to) {
      std::optional<std::size_t> expected;
      if (map.joined(0, to)) {
        expected = to;
      } else {
        for (std::size_t via = kNodes - 1; via > 0; --via) {
          if (via != to && map.joined(0, via) && map.joined(via, to)) expected = via;
        }
      }
      ASSERT_EQ(map.hop(to), expected) << "round " << round << ", to " << to;
      routed += expected && *expected != to ? 1 : 0;
      none += expected ? 0 : 1;
    }
  }
  EXPECT_GT(routed, 1000);
  EXPECT_GT(none, 1000);
}

}  // namespace
}  // namespace vouch
