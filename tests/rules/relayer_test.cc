// Heartbeats and promises over a peer: what a relayer passes on, what a leader counts, and whom a
// node names as its next hop. Node 1 is under test; it relays, or leads.

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "tests/rules/relay_setup.h"

namespace vouch {
namespace {

using namespace std::chrono_literals;
using testing::kFourth;
using testing::kGroup;
using testing::kLease;
using testing::kOther;
using testing::kSelf;
using testing::kTerm;
using testing::kThird;
using testing::OneMonitor;
using testing::with_relay;

/// Node 1 as the relayer: node 2 leads, node 3 asks.
RelayRequest request_of(NodeId from) {
  return {.from = {from, Incarnation{1}},
          .origin = kOther,
          .origin_incarnation = Incarnation{1},
          .wants_heartbeats = true};
}

TEST(Relayer, PassesOnWhatItHearsForAsLongAsItIsAsked) {
  OneMonitor one(with_relay(RelayMode::kHeartbeats));
  one.receive(one.heartbeat(kThird));
  one.receive(one.claim(kOther, kTerm, kLease));
  EXPECT_TRUE(one.sent_to<RelayedHeartbeat>(kThird).empty());
  one.receive(request_of(kThird));
  one.pass(100ms);
  const Heartbeat heard = one.heartbeat(kThird);
  one.receive(heard);
  Heartbeat claim = one.claim(kOther, kTerm, kLease);
  claim.echo = Core::stamp(one.now() - 40ms);
  claim.groups[0].withheld = true;
  one.receive(claim);
  const auto relayed = one.sent_to<RelayedHeartbeat>(kThird);
  ASSERT_EQ(relayed.size(), 1U);
  EXPECT_EQ(relayed[0].origin, claim.from);
  EXPECT_EQ(relayed[0].sent_at, claim.sent_at);
  EXPECT_EQ(relayed[0].echo, heard.sent_at) << "of the asker's clock";
  EXPECT_EQ(from_wire(relayed[0].age), 40'001us) << "rounded up";
  EXPECT_EQ(relayed[0].groups[0].claim, kTerm);
  EXPECT_FALSE(relayed[0].groups[0].withheld);
  EXPECT_TRUE(one.sent_to<RelayedHeartbeat>(kFourth).empty());
  one.forget();
  one.pass(260ms);
  one.receive(one.claim(kOther, kTerm, kLease));
  EXPECT_TRUE(one.sent_to<RelayedHeartbeat>(kThird).empty()) << "3.5 intervals are over";
}

TEST(Relayer, PassesOldThingsOnAsOldAndNothingThatWasPassedOn) {
  OneMonitor one(with_relay(RelayMode::kAll));
  one.pass(800ms);
  one.receive(one.heartbeat(kThird));
  one.receive(one.claim(kOther, kTerm, kLease));
  one.receive(request_of(kThird));
  Heartbeat stale = one.claim(kOther, kTerm, kLease);
  one.pass(90ms);
  one.forget();
  stale.echo = Core::stamp(one.now() - 701ms);
  one.receive(stale);
  ASSERT_EQ(one.sent_to<RelayedHeartbeat>(kThird).size(), 1U);
  EXPECT_EQ(from_wire(one.sent_to<RelayedHeartbeat>(kThird)[0].age), 701'001us);
  one.forget();
  stale = one.claim(kOther, kTerm, kLease);
  stale.echo = ClockStamp{};
  one.receive(stale);
  EXPECT_TRUE(one.sent_to<RelayedHeartbeat>(kThird).empty()) << "nothing proves its age";
  RelayedHeartbeat relayed{.from = {kFourth, Incarnation{1}}, .origin = {kOther, Incarnation{1}}};
  relayed.echo_incarnation = Incarnation{1};
  relayed.echo = Core::stamp(one.now());
  one.receive(relayed);
  EXPECT_TRUE(one.all<Send>().empty());
}

TEST(Relayer, RefusesToRelayStrangersItselfTheAskerAndEarlierLives) {
  OneMonitor one(with_relay(RelayMode::kAll));
  one.receive(one.heartbeat(kThird));
  one.receive(one.claim(kOther, kTerm, kLease));
  for (const NodeId origin : {kNobody, kSelf, kThird, NodeId{9}}) {
    RelayRequest request = request_of(kThird);
    request.origin = origin;
    one.receive(request);
  }
  RelayRequest request = request_of(kThird);
  request.origin_incarnation = Incarnation{2};
  one.receive(request);
  EXPECT_EQ(one.monitor().counters().dropped_bad_field, 4U);
  EXPECT_EQ(one.monitor().counters().dropped_old_incarnation, 1U);
  one.receive(one.claim(kOther, kTerm, kLease));
  EXPECT_EQ(one.monitor().counters().heartbeats_relayed, 0U);
}

TEST(Relayer, CarriesAPromiseOnceAndUnderAllOnly) {
  for (const RelayMode mode : {RelayMode::kHeartbeats, RelayMode::kAll}) {
    OneMonitor one(with_relay(mode));
    one.receive(one.heartbeat(kThird));
    one.receive(one.claim(kOther, kTerm, kLease));
    RelayRequest request = request_of(kThird);
    request.promised = ClockStamp{42};
    request.group_count = 1;
    request.groups[0] = kGroup;
    one.forget();
    one.receive(request);
    const auto carried = one.sent_to<RelayedPromise>(kOther);
    ASSERT_EQ(carried.size(), mode == RelayMode::kAll ? 1U : 0U);
    if (carried.empty()) continue;
    EXPECT_EQ(carried[0].promiser, request.from);
    EXPECT_EQ(carried[0].promised, ClockStamp{42});
    EXPECT_EQ(carried[0].origin_incarnation, Incarnation{1});
    EXPECT_EQ(carried[0].groups[0], kGroup);
  }
}

/// A way that has just died must not lengthen a lease.
TEST(Relayer, CarriesNoPromiseWhenItHasLostTheLeaderItself) {
  OneMonitor one(with_relay(RelayMode::kAll));
  one.receive(one.heartbeat(kThird));
  const Heartbeat newest = one.claim(kOther, kTerm, kLease);
  one.receive(newest);
  RelayRequest request = request_of(kThird);
  request.group_count = 1;
  request.groups[0] = kGroup;
  for (const auto& [later, carried] : {std::pair{250ms, 1U}, {251ms, 0U}, {10s, 0U}}) {
    request.promised = ClockStamp{newest.sent_at.value() + Duration(later).count()};
    one.forget();
    one.receive(request);
    EXPECT_EQ(one.sent_to<RelayedPromise>(kOther).size(), carried);
  }
  EXPECT_EQ(one.monitor().counters().promises_relayed, 1U);
}

/// Node 1 leads five. Nodes 2 and 3 support it straight, or only node 2 and node 3 over it.
class Leader {
 public:
  explicit Leader(RelayMode mode) : one(with_relay(mode)) {
    for (const NodeId peer : one.monitor().config().peers)
      one.receive(one.heartbeat(peer));
    one.pass(100ms);
    one.lead();
  }

  /// A promise of node 3 for what this node sent `ago`, carried by node 2.
  RelayedPromise promise(Duration ago) {
    RelayedPromise promise{.from = {kOther, Incarnation{1}}, .promiser = {kThird, Incarnation{1}}};
    promise.origin_incarnation = Incarnation{1};
    promise.promised = Core::stamp(one.now() - ago);
    promise.group_count = 1;
    promise.groups[0] = kGroup;
    return promise;
  }
  /// Lets the votes run out, with node 2's support and what `carried` brings. The lease at the end.
  template <typename Carried>
  bool leads_after(Carried&& carried) {
    for (int i = 0; i < 20 && one.leads(); ++i) {
      one.pass(100ms);
      one.receive(one.heartbeat(kOther));
      one.receive(carried());
    }
    return one.leads();
  }

  OneMonitor one;
};

TEST(RelayedPromise, CountsFromWhenTheLeaderSentUnderAllOnly) {
  for (const RelayMode mode : {RelayMode::kOff, RelayMode::kHeartbeats, RelayMode::kAll}) {
    Leader leader(mode);
    const bool leads = leader.leads_after([&] { return leader.promise(50ms); });
    EXPECT_EQ(leads, mode == RelayMode::kAll);
    if (!leads) continue;
    EXPECT_EQ(leader.one.status().lease_until, leader.one.now() - 50ms + 800ms);
  }
}

TEST(RelayedPromise, OneOfAnotherLifeTimeGroupOrTermIsNone) {
  const auto dies_with = [](auto&& change) {
    Leader leader(RelayMode::kAll);
    return !leader.leads_after([&] {
      RelayedPromise promise = leader.promise(50ms);
      change(leader, promise);
      return promise;
    });
  };
  EXPECT_FALSE(dies_with([](Leader&, RelayedPromise&) {}));
  EXPECT_TRUE(dies_with([](Leader&, RelayedPromise& p) { p.origin_incarnation = Incarnation{2}; }));
  EXPECT_TRUE(
      dies_with([](Leader&, RelayedPromise& p) { p.promiser.incarnation = Incarnation{2}; }));
  EXPECT_TRUE(dies_with([](Leader&, RelayedPromise& p) { p.promiser.node = kSelf; }));
  EXPECT_TRUE(dies_with([](Leader&, RelayedPromise& p) { p.promiser.node = kOther; }));
  EXPECT_TRUE(dies_with([](Leader&, RelayedPromise& p) { p.promiser.node = NodeId{9}; }));
  EXPECT_TRUE(dies_with([](Leader&, RelayedPromise& p) { p.groups[0] = GroupId{7}; }));
  EXPECT_TRUE(dies_with([](Leader&, RelayedPromise& p) { p.group_count = 0; }));
  EXPECT_TRUE(dies_with([](Leader& leader, RelayedPromise& p) {
    p.promised = Core::stamp(leader.one.now() + 1ms);
  })) << "of the future";
  const Duration old = 801ms;
  EXPECT_TRUE(dies_with([&](Leader& leader, RelayedPromise& p) {
    p.promised = Core::stamp(leader.one.now() - old);
  })) << "a replay gives what it gave then, which is over";
}

TEST(RelayedPromise, OneFromBeforeTheClaimDoesNotKnowIt) {
  Leader leader(RelayMode::kAll);
  const ClockStamp before = Core::stamp(leader.one.now() - 1ms);
  RelayedPromise promise = leader.promise(0ms);
  promise.promised = before;
  const Instant lease = leader.one.status().lease_until;
  leader.one.receive(promise);
  EXPECT_EQ(leader.one.status().lease_until, lease);
}

TEST(NextHop, IsTheMonitorsOwnLinkOrAPeerThatReachesBoth) {
  OneMonitor one(with_relay(RelayMode::kOff, 3));
  EXPECT_EQ(one.monitor().next_hop(kOther), std::nullopt) << "nobody was heard yet";
  one.receive(one.heartbeat(kOther));
  Heartbeat third = one.heartbeat(kThird);
  third.report_count = 2;
  third.reports[0] = {.peer = kSelf, .hears = true, .is_heard = true};
  third.reports[1] = {.peer = kOther, .hears = true, .is_heard = true};
  one.receive(third);
  EXPECT_EQ(one.monitor().next_hop(kOther), kOther);
  EXPECT_EQ(one.monitor().next_hop(kSelf), std::nullopt);
  EXPECT_EQ(one.monitor().next_hop(NodeId{9}), std::nullopt);
  for (int i = 0; i < 5; ++i) {
    one.pass(100ms);
    third = one.heartbeat(kThird);
    third.report_count = 2;
    third.reports[0] = {.peer = kSelf, .hears = true, .is_heard = true};
    third.reports[1] = {.peer = kOther, .hears = true, .is_heard = i < 4};
    one.receive(third);
    if (i == 3) {
      EXPECT_EQ(one.monitor().next_hop(kOther), kThird) << "silent for 400 ms";
    }
  }
  EXPECT_EQ(one.monitor().next_hop(kOther), std::nullopt) << "the peer has lost it as well";
}

}  // namespace
}  // namespace vouch
