// What a replica makes of the reports of front-ends: who counts, for how long, and what would move
// a leader.

#include "vouch/quorum_check/front_end_table.h"

#include <gtest/gtest.h>

#include <bit>

namespace vouch {
namespace {

using std::chrono::milliseconds;

constexpr NodeId kLeader{1};
constexpr Incarnation kFirst{1};
constexpr Instant kBegan{std::chrono::hours(1)};

/// Front-ends 101.. of `zones`, one character for each: "eeww".
MonitorConfig config_of_zones(std::string_view zones) {
  MonitorConfig config{.self = kLeader, .incarnation = kFirst};
  for (const char zone : zones) {
    const NodeId id{static_cast<std::uint32_t>(101 + config.front_ends.size())};
    config.front_ends.push_back({id, ZoneId{static_cast<std::uint16_t>(zone)}});
  }
  return config;
}

NodeId front_end(std::uint32_t index) {
  return NodeId{101 + index};
}

TEST(FrontEndList, ZonesCountByMostOfTheirConfiguredFrontEnds) {
  const FrontEndList list(config_of_zones("eeewwwnn").front_ends);
  ASSERT_EQ(list.zones().size(), 3U);
  EXPECT_EQ(list.zones_lost(0b000'001), 0U);
  EXPECT_EQ(list.zones_lost(0b000'011), 1U);
  EXPECT_EQ(list.zones_lost(0b01'000'000), 0U) << "one of two is not most";
  EXPECT_TRUE(list.is_wide(0b011'011, 2));
  EXPECT_FALSE(list.is_wide(0b000'111, 2)) << "one zone";
  EXPECT_FALSE(list.is_wide(0b000'111, 1)) << "a minority of the zones, whatever is needed";
  EXPECT_FALSE(list.is_wide(0b011'011, 3));
}

/// Against a second implementation, for all sets of a small list.
TEST(FrontEndList, IsWideIsWhatItSaysForEverySet) {
  const std::string_view zones = "abbcccaab";
  const FrontEndList list(config_of_zones(zones).front_ends);
  for (FrontEndMask lost = 0; lost < 512; ++lost) {
    std::array<int, 3> all{};
    std::array<int, 3> gone{};
    for (std::size_t i = 0; i < zones.size(); ++i) {
      ++all.at(static_cast<std::size_t>(zones[i] - 'a'));
      if ((lost >> i & 1U) != 0) ++gone.at(static_cast<std::size_t>(zones[i] - 'a'));
    }
    std::uint32_t count = 0;
    for (std::size_t zone = 0; zone < 3; ++zone)
      count += 2 * gone.at(zone) > all.at(zone) ? 1U : 0U;
    for (std::uint32_t needed = 1; needed < 5; ++needed)
      EXPECT_EQ(list.is_wide(lost, needed), count >= needed && count >= 2) << lost;
  }
}

TEST(FrontEndList, TheHashTellsListsAndZonesApart) {
  const auto hash = [](std::string_view zones) {
    return FrontEndList(config_of_zones(zones).front_ends).hash();
  };
  EXPECT_EQ(hash("eew"), hash("eew"));
  EXPECT_NE(hash("eew"), hash("eww"));
  EXPECT_NE(hash("eew"), hash("eewx"));
  std::vector<FrontEndConfig> turned = config_of_zones("eew").front_ends;
  std::swap(turned.front(), turned.back());
  EXPECT_EQ(FrontEndList(turned).hash(), hash("eew")) << "the order of the file is of no matter";
}

/// A table, a clock and everything that was diagnosed.
class TableTest : public ::testing::Test {
 protected:
  explicit TableTest(std::string_view zones = "eeewww") : table(config_of_zones(zones), 4) {}

  ProbeVerdict probe(std::uint32_t from, bool lost, Instant echo = kLongAgo,
                     NodeId leader = kLeader) {
    FrontEndProbe probe{.from = {front_end(from), kFirst}};
    probe.sent_at = ClockStamp{now.time_since_epoch().count()};
    probe.echo_incarnation = kFirst;
    if (echo != kLongAgo) probe.echo = ClockStamp{echo.time_since_epoch().count()};
    probe.leader = leader;
    probe.lost = lost;
    return table.take(now, kBegan, kFirst, front_end(from), probe);
  }

  bool tally(Slot from, FrontEndMask lost, FrontEndMask reached) {
    FrontEndTally tally{.from = {NodeId{1U + from}, kFirst}};
    tally.sent_at = ClockStamp{now.time_since_epoch().count()};
    tally.list = table.list().hash();
    tally.lost = lost;
    tally.reached = reached;
    return table.take(now, from, tally);
  }

  void tick(bool leads = true) {
    table.tick(
        now, kLeader, leads, [](NodeId) { return true; },
        [this](const Diagnosis& diagnosis) { diagnoses.push_back(diagnosis); });
  }

  /// `lost` by the words of the replicas in slots 1 to 3, which all reach `reached`.
  void hear(FrontEndMask lost, FrontEndMask reached, Duration span) {
    for (Duration passed{}; passed < span; passed += milliseconds(100)) {
      now += milliseconds(100);
      for (Slot slot = 1; slot < 4; ++slot)
        tally(slot, lost, reached);
      tick();
    }
  }

  Instant now = kBegan + std::chrono::minutes(1);
  FrontEndTable table;
  std::vector<Diagnosis> diagnoses;
};

TEST_F(TableTest, OnlyTheConfiguredAreHeardAndNoOldWords) {
  FrontEndProbe stranger{.from = {NodeId{99}, kFirst}};
  EXPECT_EQ(table.take(now, kBegan, kFirst, NodeId{99}, stranger), ProbeVerdict::kUnknown);
  EXPECT_EQ(probe(0, true), ProbeVerdict::kTaken);
  EXPECT_EQ(table.lost(now, kLeader), 1U);
  now -= milliseconds(1);
  EXPECT_EQ(probe(0, false), ProbeVerdict::kStale) << "overtaken on its way";
  now += milliseconds(1);
  EXPECT_EQ(table.lost(now, kLeader), 1U);
  EXPECT_EQ(probe(0, false), ProbeVerdict::kTaken);
  EXPECT_EQ(table.lost(now, kLeader), 0U) << "it takes its word back";
}

TEST_F(TableTest, AFloodOfOneIsNeitherReadNorAnsweredAndHarmsNoOther) {
  int taken = 0;
  for (int i = 0; i < 1000; ++i)
    taken += probe(0, true) == ProbeVerdict::kTaken ? 1 : 0;
  EXPECT_EQ(taken, FrontEndTable::kProbeBurst);
  EXPECT_EQ(probe(0, true), ProbeVerdict::kTooMany);
  EXPECT_EQ(probe(1, true), ProbeVerdict::kTaken);
  now += FrontEndTable::kProbeGap;
  EXPECT_EQ(probe(0, false), ProbeVerdict::kTaken);
  EXPECT_EQ(probe(0, false), ProbeVerdict::kTooMany);
}

TEST_F(TableTest, WhatIsNotRepeatedAgesOut) {
  probe(0, true);
  now += milliseconds(1750);
  EXPECT_EQ(table.lost(now, kLeader), 1U);
  EXPECT_TRUE(table.any_lost(now));
  now += milliseconds(1);
  EXPECT_EQ(table.lost(now, kLeader), 0U);
  EXPECT_FALSE(table.any_lost(now));
}

TEST_F(TableTest, OnlyAnEchoOfThisLifeShowsThatAFrontEndIsReached) {
  probe(0, false, now);
  EXPECT_EQ(table.reached(now), 1U);
  probe(1, false, now + milliseconds(1));  // From the future.
  probe(2, false, kBegan - milliseconds(1));
  EXPECT_EQ(table.reached(now), 1U);
  now += milliseconds(1751);
  EXPECT_EQ(table.reached(now), 0U);
}

TEST_F(TableTest, AnotherLeadersFateIsNotThisOnes) {
  probe(0, true, kLongAgo, NodeId{7});
  EXPECT_EQ(table.lost(now, kLeader), 0U);
  EXPECT_EQ(table.lost(now, NodeId{7}), 1U);
  probe(0, false, kLongAgo, kLeader);
  EXPECT_EQ(table.lost(now, NodeId{7}), 1U) << "of another group";
}

TEST_F(TableTest, TalliesByAnotherListOrOutOfOrderAreStale) {
  FrontEndTally other{.from = {NodeId{2}, kFirst}, .sent_at = ClockStamp{1}, .list = 7};
  EXPECT_FALSE(table.take(now, 1, other));
  EXPECT_TRUE(tally(1, 1, 1));
  EXPECT_FALSE(tally(1, 3, 3)) << "the same again";
  now -= milliseconds(5);
  EXPECT_FALSE(tally(1, 3, 3)) << "overtaken";
  FrontEndTally reborn{.from = {NodeId{2}, kFirst.next()}, .sent_at = ClockStamp{1}};
  reborn.list = table.list().hash();
  EXPECT_TRUE(table.take(now, 1, reborn)) << "a new life has a clock of its own";
  EXPECT_FALSE(tally(9, 1, 1)) << "no such slot";
}

TEST_F(TableTest, MostFrontEndsOfTwoZonesForAWindowWantAMove) {
  hear(0b011'011, 0b111'111, milliseconds(3000));
  EXPECT_FALSE(table.wants_transfer(now, 0)) << "not longer than the window yet";
  hear(0b011'011, 0b111'111, milliseconds(200));
  const std::optional<SlotSet> unfit = table.wants_transfer(now, 0);
  ASSERT_TRUE(unfit);
  EXPECT_TRUE(unfit->contains(0)) << "itself";
  EXPECT_EQ(unfit->size(), 1);
}

TEST_F(TableTest, OneZoneOrOneFrontEndMovesNobody) {
  hear(0b000'111, 0b111'111, milliseconds(10'000));
  EXPECT_FALSE(table.wants_transfer(now, 0));
  hear(0b001'001, 0b111'111, milliseconds(10'000));
  EXPECT_FALSE(table.wants_transfer(now, 0)) << "one of three in each zone";
}

TEST_F(TableTest, ABreakBeginsTheWindowAnew) {
  for (int i = 0; i < 10; ++i) {
    hear(0b111'111, 0b111'111, milliseconds(2900));
    hear(0, 0b111'111, milliseconds(200));
    EXPECT_FALSE(table.wants_transfer(now, 0));
  }
}

TEST_F(TableTest, WhoProvesToHearTheLeaderCannotSayThatItIsLost) {
  for (int i = 0; i < 100; ++i) {
    for (std::uint32_t from = 0; from < 6; ++from) {
      if (i % 5 == 0) probe(from, true, now - milliseconds(500));
    }
    hear(0b111'111, 0b111'111, milliseconds(100));
    ASSERT_FALSE(table.wants_transfer(now, 0)) << "liars: each has just heard this leader";
  }
  EXPECT_TRUE(diagnoses.empty());
}

TEST_F(TableTest, AReplicaThatTheyDoNotReachIsNoTarget) {
  for (int i = 0; i < 40; ++i) {
    now += milliseconds(100);
    tally(1, 0b111'111, 0b111'111);
    tally(2, 0b111'111, 0b000'111);              // One zone only.
    if (i < 30) tally(3, 0b111'111, 0b111'111);  // Then it falls silent.
    tick();
  }
  const std::optional<SlotSet> unfit = table.wants_transfer(now, 0);
  ASSERT_TRUE(unfit);
  EXPECT_FALSE(unfit->contains(1));
  EXPECT_TRUE(unfit->contains(2));
  EXPECT_TRUE(unfit->contains(3));
}

/// Two zones are lost, but the leader still reaches more front-ends than any replica does.
class FewLostTest : public TableTest {
 protected:
  FewLostTest() : TableTest("ewnnnnnnn") {}
};

TEST_F(FewLostTest, AMoveMustMakeItBetter) {
  for (int i = 0; i < 40; ++i) {
    for (std::uint32_t from = 2; from < 9; ++from) {
      if (i % 5 == 0) probe(from, false, now);
    }
    hear(0b011, 0b011, milliseconds(100));
  }
  const std::optional<SlotSet> unfit = table.wants_transfer(now, 0);
  ASSERT_TRUE(unfit);
  EXPECT_EQ(unfit->size(), 4) << "nobody reaches more than 7";
}

TEST_F(TableTest, OneBrokenPathIsNamedOnceAndClearedOnce) {
  const auto pass = [&](bool lost, int ticks) {
    for (int i = 0; i < ticks; ++i) {
      now += milliseconds(100);
      if (i % 3 == 0) probe(2, lost, kLongAgo, NodeId{7});
      tick(false);
    }
  };
  pass(true, 10);
  EXPECT_TRUE(diagnoses.empty()) << "whether it is alone is not known yet";
  pass(true, 30);
  ASSERT_EQ(diagnoses.size(), 1U);
  EXPECT_EQ(diagnoses[0].kind, DiagnosisKind::kFrontEndPath);
  EXPECT_EQ(diagnoses[0].node, NodeId{7});
  EXPECT_EQ(diagnoses[0].peer, front_end(2));
  EXPECT_EQ(table.raised(0, now)->peer, front_end(2));
  EXPECT_FALSE(table.raised(1, now));
  pass(false, 30);
  ASSERT_EQ(diagnoses.size(), 2U);
  EXPECT_EQ(diagnoses[1].change, DiagnosisChange::kCleared);
  EXPECT_EQ(diagnoses[1].peer, front_end(2));
  EXPECT_FALSE(table.raised(0, now));
}

TEST_F(TableTest, MostPathsAtOnceAreOneDiagnosisOfTheLeader) {
  hear(0b011'001, 0, milliseconds(300));
  hear(0b011'011, 0, milliseconds(2000));
  ASSERT_EQ(diagnoses.size(), 1U);
  EXPECT_EQ(diagnoses[0].node, kLeader);
  EXPECT_EQ(diagnoses[0].peer, kNobody);
  EXPECT_EQ(diagnoses[0].others.count, 4);
  hear(0b000'001, 0, milliseconds(2000));
  EXPECT_EQ(diagnoses.size(), 1U) << "the last path is no new trouble";
  hear(0, 0, milliseconds(2000));
  ASSERT_EQ(diagnoses.size(), 2U);
  EXPECT_EQ(diagnoses[1].change, DiagnosisChange::kCleared);
  EXPECT_EQ(diagnoses[1].peer, kNobody);
}

}  // namespace
}  // namespace vouch
