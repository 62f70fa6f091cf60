// A replica with front-ends: what it answers, what it passes on, and what it advises.

#include <gtest/gtest.h>

#include "tests/quorum_check/one_monitor.h"

namespace vouch {
namespace {

using std::chrono::milliseconds;
using testing::config_of;
using testing::kGroup;
using testing::kOther;
using testing::kSelf;
using testing::OneMonitor;

/// Node 1 of five with front-ends 101 to 104, two in each of two zones.
MonitorConfig with_front_ends() {
  MonitorConfig config = config_of(5);
  for (std::uint32_t i = 0; i < 4; ++i)
    config.front_ends.push_back({NodeId{101 + i}, ZoneId{static_cast<std::uint16_t>(i / 2)}});
  return config;
}

FrontEndProbe probe_of(const OneMonitor& one, std::uint32_t from) {
  FrontEndProbe probe{.from = {NodeId{from}, Incarnation{1}}, .group = kGroup};
  probe.sent_at = ClockStamp{one.now().time_since_epoch().count()};
  return probe;
}

FrontEndTally tally_of(OneMonitor& one, std::uint32_t from, FrontEndMask lost,
                       FrontEndMask reached) {
  FrontEndTally tally{.from = {NodeId{from}, Incarnation{1}}};
  tally.sent_at = ClockStamp{one.now().time_since_epoch().count()};
  tally.list = one.monitor().front_ends().list().hash();
  tally.lost = lost;
  tally.reached = reached;
  return tally;
}

/// What was sent last to `to`, of one type.
template <typename T>
std::optional<T> newest(const OneMonitor& one, NodeId to) {
  std::optional<T> found;
  for (const SendFrontEnd& send : one.all<SendFrontEnd>()) {
    const auto* message = std::get_if<T>(&send.message);
    if (send.to == to && message != nullptr) found = *message;
  }
  return found;
}

/// Heartbeats of electable followers, and while `lost` is not 0 the tally of each.
void pass(OneMonitor& one, Duration span, FrontEndMask lost = 0) {
  for (Duration passed{}; passed < span; passed += milliseconds(100)) {
    one.pass(milliseconds(100));
    for (const NodeId peer : one.monitor().config().peers) {
      Heartbeat heartbeat = one.heartbeat(peer);
      heartbeat.seq =
          Seq{static_cast<std::uint64_t>(one.now().time_since_epoch() / milliseconds(100))};
      heartbeat.groups[0].candidacy.electable = true;
      heartbeat.groups[0].candidacy.consenters = 5;
      one.receive(heartbeat);
      if (lost != 0) one.receive(tally_of(one, peer.value(), lost, 0b1111));
    }
  }
}

TEST(FrontEndMonitor, AnswersFirstHandWhatItKnowsOfTheLeader) {
  OneMonitor one(with_front_ends());
  const auto ask = [&] {
    one.receive(probe_of(one, 101));
    return newest<FrontEndAnswer>(one, NodeId{101}).value();
  };
  EXPECT_EQ(ask().view, LeaderView::kNoLeader);
  one.pass(milliseconds(500));
  one.receive(one.claim(kOther, Term{3}, milliseconds(700)));
  FrontEndAnswer answer = ask();
  EXPECT_EQ(answer.view, LeaderView::kReached);
  EXPECT_EQ(answer.leader, kOther);
  EXPECT_EQ(answer.term, Term{3});
  EXPECT_LE(from_wire(answer.lease), milliseconds(700));
  EXPECT_GE(from_wire(answer.lease), milliseconds(690));
  EXPECT_EQ(answer.echo, probe_of(one, 101).sent_at);
  one.pass(milliseconds(500));
  answer = ask();
  EXPECT_EQ(answer.view, LeaderView::kProved) << "its proof runs, but it does not hear it now";
  EXPECT_EQ(from_wire(answer.age), milliseconds(500));
  one.pass(milliseconds(300));
  answer = ask();
  EXPECT_EQ(answer.view, LeaderView::kLost) << "evidence expires";
  EXPECT_EQ(answer.lease, WireMicros{0});
}

TEST(FrontEndMonitor, ALeaderAnswersForItself) {
  OneMonitor one(with_front_ends());
  pass(one, milliseconds(1000));
  one.lead();
  one.receive(probe_of(one, 102));
  const FrontEndAnswer answer = newest<FrontEndAnswer>(one, NodeId{102}).value();
  EXPECT_EQ(answer.view, LeaderView::kLeading);
  EXPECT_EQ(answer.leader, kSelf);
  EXPECT_EQ(from_wire(answer.lease), milliseconds(800));
}

TEST(FrontEndMonitor, WhatDoesNotFitIsCountedAndNotAnswered) {
  OneMonitor one(with_front_ends());
  one.receive(probe_of(one, 999));
  EXPECT_EQ(one.monitor().counters().dropped_unknown_front_end, 1U);
  one.monitor().handle_message(one.now(), NodeId{102}, FrontEndMessage{probe_of(one, 101)});
  EXPECT_EQ(one.monitor().counters().dropped_unknown_front_end, 2U) << "not who it says";
  one.receive(FrontEndAnswer{.from = {kOther, Incarnation{1}}});
  EXPECT_EQ(one.monitor().counters().dropped_bad_field, 1U);
  one.receive(tally_of(one, 101, 1, 1));
  EXPECT_EQ(one.monitor().counters().dropped_unknown_sender, 1U) << "a front-end is no replica";
  FrontEndTally other = tally_of(one, 2, 1, 1);
  ++other.list;
  one.receive(other);
  EXPECT_EQ(one.monitor().counters().dropped_stale_front_end, 1U);
  for (int i = 0; i < 50; ++i)
    one.receive(probe_of(one, 103));
  EXPECT_EQ(one.monitor().counters().dropped_front_end_flood, 34U);
  EXPECT_EQ(one.all<SendFrontEnd>().size(), 16U);
}

TEST(FrontEndMonitor, AFollowerTellsTheLeaderWhatIsReportedToItAndOnlyThen) {
  OneMonitor one(with_front_ends());
  one.pass(milliseconds(500));
  one.receive(one.claim(kOther, Term{1}, milliseconds(700)));
  one.pass(milliseconds(200));
  EXPECT_TRUE(one.all<SendFrontEnd>().empty());
  FrontEndProbe probe = probe_of(one, 103);
  probe.leader = kOther;
  probe.term = Term{1};
  probe.lost = true;
  one.receive(probe);
  one.pass(milliseconds(100));
  const std::optional<FrontEndTally> tally = newest<FrontEndTally>(one, kOther);
  ASSERT_TRUE(tally);
  EXPECT_EQ(tally->lost, 0b0100U);
  EXPECT_FALSE(newest<FrontEndTally>(one, NodeId{3})) << "nobody else is told";
  one.pass(milliseconds(1700));
  one.forget();
  one.pass(milliseconds(1000));
  EXPECT_TRUE(one.all<SendFrontEnd>().empty()) << "a report ages out";
}

TEST(FrontEndMonitor, MostFrontEndsOfBothZonesMoveTheLeaderOnce) {
  OneMonitor one(with_front_ends());
  pass(one, milliseconds(1000));
  one.lead();
  pass(one, milliseconds(4000), 0b0011);
  EXPECT_TRUE(one.all<TransferAdvice>().empty()) << "one zone";
  pass(one, milliseconds(3000), 0b1111);
  EXPECT_TRUE(one.all<TransferAdvice>().empty()) << "the window";
  pass(one, milliseconds(20'000), 0b1111);
  const auto advices = one.all<TransferAdvice>();
  ASSERT_EQ(advices.size(), 1U) << "once per cool-down";
  EXPECT_EQ(advices[0].reason, TransferReason::kFrontEnds);
  EXPECT_TRUE(one.leads()) << "an advice changes nothing";
  EXPECT_TRUE(one.all<StandDown>().empty());
  EXPECT_TRUE(one.all<Campaign>().empty());
}

TEST(FrontEndMonitor, TheAdviceCanBeSwitchedOff) {
  MonitorConfig config = with_front_ends();
  config.front_end_window = Duration::zero();
  OneMonitor one(config);
  pass(one, milliseconds(1000));
  one.lead();
  pass(one, milliseconds(10'000), 0b1111);
  EXPECT_TRUE(one.all<TransferAdvice>().empty());
  EXPECT_FALSE(one.all<Diagnosis>().empty()) << "what is wrong is said all the same";
}

/// Nothing that front-ends say changes what a node promises, proves or consents to.
TEST(FrontEndMonitor, ReportsChangeNoDecision) {
  OneMonitor with(with_front_ends());
  OneMonitor without(with_front_ends());
  for (OneMonitor* one : {&with, &without}) {
    pass(*one, milliseconds(500));
    one->receive(one->claim(kOther, Term{1}, milliseconds(700)));
  }
  for (int i = 0; i < 40; ++i) {
    for (OneMonitor* one : {&with, &without})
      one->pass(milliseconds(50));
    for (std::uint32_t from = 101; from <= 104; ++from) {
      FrontEndProbe probe = probe_of(with, from);
      probe.leader = kOther;
      probe.lost = true;
      probe.term = Term{9};
      with.receive(probe);
    }
    const GroupStatus a = with.status();
    const GroupStatus b = without.status();
    ASSERT_EQ(a.term, b.term);
    ASSERT_EQ(a.leader, b.leader);
    ASSERT_EQ(a.promised_to, b.promised_to);
    ASSERT_EQ(a.promised_until, b.promised_until);
    ASSERT_EQ(a.verdict, b.verdict);
  }
  EXPECT_EQ(with.all<Decision>().size(), without.all<Decision>().size());
}

TEST(FrontEndMonitor, TheConfigurationIsChecked) {
  const auto message = [](const MonitorConfig& config) {
    const Status checked = validate(config);
    return checked ? std::string() : checked.error().message;
  };
  MonitorConfig config = with_front_ends();
  EXPECT_EQ(message(config), "");
  config.front_ends[1].id = config.front_ends[0].id;
  EXPECT_EQ(message(config), "front_ends.id: each front-end once, but it is 101 twice");
  config.front_ends[1].id = kOther;
  EXPECT_EQ(message(config), "front_ends.id: must not name self or a peer, but it is 2");
  config.front_ends[1].id = kNobody;
  EXPECT_EQ(message(config), "front_ends.id: must not be 0, but it is 0");
  config = with_front_ends();
  config.front_ends.resize(65, {NodeId{1000}, ZoneId{}});
  EXPECT_EQ(message(config), "front_ends: at most 64, but it is 65");
  config = with_front_ends();
  config.front_end_zones = 0;
  EXPECT_EQ(message(config), "front_end_zones: in [1, 64], but it is 0");
  config = with_front_ends();
  config.front_end_window = milliseconds(700);
  EXPECT_NE(message(config).find("front_end_window"), std::string::npos) << "below the lease";
  config.front_end_window = milliseconds(-1);
  EXPECT_NE(message(config).find("front_end_window"), std::string::npos);
  config.front_ends.clear();
  EXPECT_EQ(message(config), "") << "without front-ends it is of no matter";
}

}  // namespace
}  // namespace vouch
