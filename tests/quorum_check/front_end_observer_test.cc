// The front-end's side on a table: replicas that the test plays, a clock that it moves.

#include "vouch/quorum_check/front_end_observer.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>

#include "tests/support/allocation_counter.h"

namespace vouch {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr NodeId kFrontEnd{101};
constexpr GroupId kObservedGroup{1};

FrontEndObserverConfig observer_config() {
  FrontEndObserverConfig config{
      .self = kFrontEnd, .incarnation = Incarnation{1}, .group = kObservedGroup};
  config.replicas = {NodeId{1}, NodeId{2}, NodeId{3}};
  return config;
}

/// Three replicas 1 ms away, the first of which leads at term 1. Each path can be cut, and each
/// replica made to know less.
class ObserverTest : public ::testing::Test {
 protected:
  explicit ObserverTest(const FrontEndObserverConfig& config = observer_config())
      : observer(FrontEndObserver::create(config, now, Rng(7)).value()) {
    view = {LeaderView::kLeading, LeaderView::kReached, LeaderView::kReached};
  }

  void drain() {
    while (const std::optional<FrontEndAction> action = observer.poll_action()) {
      if (const auto* send = std::get_if<SendFrontEnd>(&*action)) {
        const std::size_t at = send->to.value() - 1;
        probes.push_back(std::get<FrontEndProbe>(send->message));
        if (!cut.at(at)) due.emplace_back(now + milliseconds(1), answer(at, probes.back()));
      } else if (const auto* changed = std::get_if<RouteChanged>(&*action)) {
        routes.push_back(*changed);
      } else {
        reroutes.emplace_back(now, std::get<Reroute>(*action));
      }
    }
  }

  FrontEndAnswer answer(std::size_t at, const FrontEndProbe& probe) const {
    FrontEndAnswer answer{.from = {NodeId{static_cast<std::uint32_t>(at + 1)}, Incarnation{1}}};
    answer.group = kObservedGroup;
    answer.echo_incarnation = Incarnation{1};
    answer.echo = probe.sent_at;
    answer.sent_at = probe.sent_at;
    answer.term = term;
    answer.leader = leader;
    answer.view = view.at(at);
    answer.lease = to_wire(milliseconds(600));
    return answer;
  }

  void pass(Duration span) {
    const Instant end = now + span;
    for (;;) {
      const bool arrives = !due.empty() && due.front().first <= observer.next_timeout();
      const Instant next = arrives ? due.front().first : observer.next_timeout();
      if (next > end) break;
      ASSERT_GE(next, now);
      now = next;
      if (arrives) {
        const FrontEndAnswer message = due.front().second;
        due.pop_front();
        observer.handle_message(now, message.from.node, FrontEndMessage{message});
      } else {
        observer.handle_timeout(now);
        ASSERT_GT(observer.next_timeout(), now) << "due again at once";
      }
      drain();
    }
    now = end;
  }

  void request(NodeId to) {
    observer.request_sent(now, to);
    drain();
  }

  Instant now{std::chrono::hours(1)};
  FrontEndObserver observer;
  std::array<bool, 3> cut{};
  std::array<LeaderView, 3> view{};
  Term term{1};
  NodeId leader{1};
  std::deque<std::pair<Instant, FrontEndAnswer>> due;
  std::vector<FrontEndProbe> probes;
  std::vector<RouteChanged> routes;
  std::vector<std::pair<Instant, Reroute>> reroutes;
};

TEST_F(ObserverTest, FindsTheLeaderAndProbesEachReplicaOncePerInterval) {
  pass(milliseconds(1000));
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(routes[0].route, FrontEndRoute::kDirect);
  EXPECT_EQ(observer.to(), NodeId{1});
  EXPECT_EQ(observer.term(), Term{1});
  probes.clear();
  pass(milliseconds(10'000));
  EXPECT_EQ(probes.size(), 60U) << "20 intervals, three replicas";
  EXPECT_EQ(routes.size(), 1U);
  EXPECT_EQ(observer.dropped(), 0U);
  EXPECT_FALSE(probes.back().lost);
  EXPECT_EQ(probes.back().leader, NodeId{1});
  EXPECT_NE(probes.back().echo, ClockStamp{0}) << "it shows what it has heard";
}

TEST_F(ObserverTest, AsksWhenTheLeaderFallsSilentAndGoesThroughWhoReachesIt) {
  pass(milliseconds(1000));
  cut[0] = true;
  pass(milliseconds(600));
  ASSERT_EQ(routes.size(), 2U);
  EXPECT_EQ(routes[1].route, FrontEndRoute::kVia);
  EXPECT_EQ(routes[1].to, NodeId{2}) << "the first of equals";
  EXPECT_EQ(routes[1].leader, NodeId{1});
  EXPECT_GT(routes[1].until, now);
  pass(milliseconds(2000));
  EXPECT_TRUE(probes.back().lost) << "and reports";
  probes.clear();
  pass(milliseconds(10'000));
  EXPECT_LE(probes.size(), 120U) << "twice as often as usual, no more";
  EXPECT_EQ(routes.size(), 2U);
}

TEST_F(ObserverTest, ARequestThatWaitsIsReroutedWithinPatienceAndAFifth) {
  pass(milliseconds(1000));
  cut[0] = true;
  const Instant sent = now;
  request(NodeId{1});
  pass(milliseconds(200));
  ASSERT_EQ(reroutes.size(), 1U);
  EXPECT_EQ(reroutes[0].second.from, NodeId{1});
  EXPECT_EQ(reroutes[0].second.to, NodeId{2});
  EXPECT_LE(reroutes[0].first - sent, milliseconds(61));
}

TEST_F(ObserverTest, ASlowRequestOfALeaderThatAnswersProbesIsLeftAlone) {
  pass(milliseconds(1000));
  request(NodeId{1});
  probes.clear();
  pass(milliseconds(400));
  EXPECT_TRUE(reroutes.empty());
  EXPECT_EQ(routes.size(), 1U);
  EXPECT_LE(probes.size(), 6U) << "one question and one round of probes";
  observer.request_answered(now, NodeId{1});
  pass(milliseconds(1000));
  EXPECT_EQ(routes.size(), 1U);
}

TEST_F(ObserverTest, ARequestAtAFollowerThatHasLostTheLeaderGoesToTheLeader) {
  pass(milliseconds(1000));
  view[2] = LeaderView::kLost;
  request(NodeId{3});
  pass(milliseconds(100));
  ASSERT_EQ(reroutes.size(), 1U);
  EXPECT_EQ(reroutes[0].second.from, NodeId{3});
  EXPECT_EQ(reroutes[0].second.to, NodeId{1});
  EXPECT_TRUE(observer.avoids(NodeId{3}));
  EXPECT_FALSE(observer.avoids(NodeId{2}));
  EXPECT_FALSE(observer.avoids(NodeId{1}));
}

TEST_F(ObserverTest, ARequestThatMetAChangeOfLeaderIsSentAgain) {
  pass(milliseconds(1000));
  request(NodeId{2});
  term = Term{2};
  leader = NodeId{2};
  view = {LeaderView::kReached, LeaderView::kLeading, LeaderView::kReached};
  pass(milliseconds(200));
  ASSERT_EQ(reroutes.size(), 1U);
  EXPECT_EQ(reroutes[0].second.from, NodeId{2});
  EXPECT_EQ(reroutes[0].second.to, NodeId{2}) << "which leads now";
}

TEST_F(ObserverTest, ReturnsToALeaderOnlyWhenItHasAnsweredForLong) {
  pass(milliseconds(1000));
  for (int i = 0; i < 5; ++i) {
    cut[0] = true;
    pass(milliseconds(600));
    ASSERT_EQ(observer.route(), FrontEndRoute::kVia);
    cut[0] = false;
    pass(milliseconds(600));
    ASSERT_EQ(observer.route(), FrontEndRoute::kVia) << "it flaps";
  }
  EXPECT_EQ(routes.size(), 2U);
  EXPECT_FALSE(probes.back().lost) << "a report says what is so now";
  pass(milliseconds(1500));
  EXPECT_EQ(observer.route(), FrontEndRoute::kDirect);
}

TEST_F(ObserverTest, NobodyVouchesSoThereIsNoWayAndItKeepsAskingEverMoreRarely) {
  pass(milliseconds(1000));
  cut[0] = true;
  view = {LeaderView::kLost, LeaderView::kLost, LeaderView::kLost};
  pass(milliseconds(2000));
  EXPECT_EQ(observer.route(), FrontEndRoute::kUnknown);
  EXPECT_EQ(observer.to(), kNobody);
  probes.clear();
  pass(milliseconds(10'000));
  EXPECT_LE(probes.size(), 200U);
  term = Term{2};
  leader = NodeId{3};
  view = {LeaderView::kNoLeader, LeaderView::kReached, LeaderView::kLeading};
  pass(milliseconds(600));
  EXPECT_EQ(observer.route(), FrontEndRoute::kDirect) << "the new leader";
  EXPECT_EQ(observer.to(), NodeId{3});
}

TEST_F(ObserverTest, WhoHearsNobodyIsItselfTheOneThatIsCutOff) {
  pass(milliseconds(1000));
  cut = {true, true, true};
  pass(milliseconds(1000));
  EXPECT_EQ(observer.route(), FrontEndRoute::kIsolated);
  cut = {};
  pass(milliseconds(2000));
  EXPECT_EQ(observer.route(), FrontEndRoute::kDirect);
}

TEST_F(ObserverTest, AWayThatFailsIsReplacedByAnother) {
  pass(milliseconds(1000));
  cut = {true, false, false};
  pass(milliseconds(1000));
  ASSERT_EQ(observer.to(), NodeId{2});
  view[1] = LeaderView::kProved;
  pass(milliseconds(500));
  EXPECT_EQ(observer.to(), NodeId{3}) << "it has proof, but no path";
  cut[2] = true;
  pass(milliseconds(1000));
  EXPECT_EQ(observer.route(), FrontEndRoute::kUnknown);
}

TEST_F(ObserverTest, ASickReplicaIsNoWay) {
  pass(milliseconds(1000));
  cut = {true, false, true};
  pass(milliseconds(1000));
  ASSERT_EQ(observer.to(), NodeId{2});
  const auto sick = [&] {
    FrontEndAnswer message = answer(1, probes.back());
    message.sent_at = ClockStamp{now.time_since_epoch().count()};
    message.echo = message.sent_at;
    message.sick = true;
    observer.handle_message(now, NodeId{2}, FrontEndMessage{message});
  };
  sick();
  EXPECT_EQ(observer.to(), kNobody);
}

TEST_F(ObserverTest, AnswersThatDoNotFitAreDropped) {
  pass(milliseconds(1000));
  const FrontEndAnswer good = answer(0, probes.back());
  const auto refused = [&](NodeId from, FrontEndAnswer message) {
    const std::uint64_t before = observer.dropped();
    observer.handle_message(now, from, FrontEndMessage{message});
    return observer.dropped() == before + 1;
  };
  EXPECT_TRUE(refused(NodeId{9}, good)) << "no replica";
  EXPECT_TRUE(refused(NodeId{2}, good)) << "another sender";
  FrontEndAnswer bad = good;
  bad.group = GroupId{9};
  EXPECT_TRUE(refused(NodeId{1}, bad));
  bad = good;
  bad.echo_incarnation = Incarnation{2};
  EXPECT_TRUE(refused(NodeId{1}, bad)) << "of another life";
  bad = good;
  bad.echo = ClockStamp{(now + milliseconds(1)).time_since_epoch().count()};
  EXPECT_TRUE(refused(NodeId{1}, bad)) << "to a probe that was not sent yet";
  bad.echo = ClockStamp{(now - milliseconds(999)).time_since_epoch().count()};
  EXPECT_TRUE(refused(NodeId{1}, bad)) << "an older one than known";
  observer.handle_message(now, NodeId{1}, FrontEndMessage{FrontEndTally{}});
  EXPECT_EQ(observer.dropped(), 7U);
  FrontEndAnswer old = good;
  old.term = Term{0};
  old.leader = NodeId{2};
  old.echo = good.echo;
  observer.handle_message(now, NodeId{1}, FrontEndMessage{old});
  EXPECT_EQ(observer.leader(), NodeId{1}) << "an older term names no leader";
}

TEST_F(ObserverTest, DoesNotAllocateAfterCreate) {
  pass(milliseconds(1000));
  const std::uint64_t before = test::allocations();
  for (int i = 0; i < 1000; ++i) {
    now += milliseconds(7);
    observer.request_sent(now, NodeId{1});
    observer.handle_timeout(now);
    while (observer.poll_action()) {
    }
  }
  EXPECT_EQ(test::allocations(), before);
}

/// A replica 200 ms away is not silent because the patience is short.
class FarTest : public ObserverTest {
 protected:
  FarTest() : ObserverTest(far()) {}
  static FrontEndObserverConfig far() {
    FrontEndObserverConfig config = observer_config();
    config.patience = milliseconds(1);
    return config;
  }
};

TEST_F(FarTest, PatienceFollowsTheRoundTrip) {
  pass(milliseconds(1000));
  EXPECT_EQ(observer.route(), FrontEndRoute::kDirect);
  EXPECT_EQ(routes.size(), 1U) << "1 ms of patience, round trips of 1 ms";
}

TEST(FrontEndObserver, TheConfigurationIsChecked) {
  const auto message = [](const FrontEndObserverConfig& config) {
    const auto made = FrontEndObserver::create(config, Instant{}, Rng(1));
    return made ? std::string() : made.error().message;
  };
  FrontEndObserverConfig config = observer_config();
  EXPECT_EQ(message(config), "");
  config.replicas.push_back(NodeId{3});
  EXPECT_EQ(message(config), "replicas: each replica once, but it is 3 twice");
  config.replicas = {kFrontEnd};
  EXPECT_EQ(message(config), "replicas: must not name self, but it is 101");
  config.replicas = {};
  EXPECT_EQ(message(config), "replicas: 1 to 16 replicas, but it is 0");
  config = observer_config();
  config.patience = milliseconds(600);
  EXPECT_EQ(message(config), "patience: in [1 ms, probe_interval], but it is 600 ms");
  config = observer_config();
  config.incarnation = Incarnation{0};
  EXPECT_EQ(message(config), "incarnation: must not be 0, but it is 0");
}

}  // namespace
}  // namespace vouch
