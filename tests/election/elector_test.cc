// The Elector as a story each: what it does, and exactly when.

#include "vouch/election/elector.h"

#include <gtest/gtest.h>

#include <variant>

#include "tests/election/driver.h"

namespace vouch::election::testing {
namespace {

using enum EventKind;

std::size_t sent(const Driver& driver, std::size_t at) {
  return driver.nodes[at]->requests.size();
}

TEST(Elector, TakesALockThatNobodyHas) {
  Driver driver;
  const std::size_t a = driver.start(exact_config());
  driver.run_for(milliseconds(4));  // One read, one take, 1 ms each way.
  EXPECT_TRUE(driver.leads(a));
  EXPECT_EQ(driver.token(a), FencingToken{1});
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected}));
  driver.run_for(std::chrono::seconds(60));
  EXPECT_EQ(driver.token(a), FencingToken{1}) << "the same as long as it leads";
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected}));
}

TEST(Elector, EndsByTheClockWithoutAnyCall) {
  Driver driver;
  const std::size_t a = driver.start(exact_config());
  driver.run_for(milliseconds(10));
  const Elector& elector = *driver.nodes[a]->elector;
  // The take was sent at +2 ms.
  const Instant until = Instant(std::chrono::seconds(100)) + milliseconds(1002);
  ASSERT_TRUE(elector.current(until - Duration(1)));
  EXPECT_EQ(elector.current(until - Duration(1))->valid_until, until);
  EXPECT_FALSE(elector.current(until));
}

TEST(Elector, AHeartbeatCountsFromWhenItWasSentHoweverLateItsReplyIs) {
  Driver driver;
  driver.set_latency(milliseconds(40));
  const std::size_t a = driver.start(exact_config());
  ASSERT_TRUE(driver.run_until([&] { return driver.leads(a); }));
  for (int i = 0; i < 20; ++i) {
    driver.run_for(milliseconds(37));
    const bool is_out = driver.store.next_event() != kNever;
    const Duration ago = is_out ? milliseconds(200) : Duration{};
    EXPECT_EQ(driver.nodes[a]->elector->current(driver.now)->valid_until,
              driver.nodes[a]->wrote_at - ago + milliseconds(1000));
  }
}

TEST(Elector, CountsDriftAndGuardAgainstItself) {
  ElectorConfig config = exact_config();
  config.clock_drift_ppm = 1000;
  config.guard = milliseconds(5);
  // 1000 ms x 999,000 / 1,001,000, rounded down, less 5 ms.
  EXPECT_EQ(config.held_lease(), Duration(993'001'998));
  Driver driver;
  const std::size_t a = driver.start(config);
  driver.run_for(milliseconds(10));
  EXPECT_EQ(driver.nodes[a]->elector->current(driver.now)->valid_until,
            Instant(std::chrono::seconds(100)) + milliseconds(2) + config.held_lease());
}

TEST(Elector, AWaiterTakesOverAfterTheLeaseOfTheLastHeartbeat) {
  // In (lease, lease + 2 refresh + round trip], whenever the holder dies.
  for (int i = 0; i < 200; ++i) {
    Driver driver(static_cast<std::uint64_t>(i) + 1);
    const std::size_t a = driver.start(exact_config("a"));
    driver.run_for(milliseconds(17));
    const std::size_t b = driver.start(exact_config("b"));
    driver.run_for(milliseconds(1500 + 7 * i));
    ASSERT_TRUE(driver.leads(a));
    // The last heartbeat: sent before the death, applied 1 ms later.
    const Instant sent_at = driver.nodes[a]->wrote_at;
    driver.nodes[a]->elector.reset();
    driver.run_for(milliseconds(2));
    ASSERT_TRUE(driver.run_until([&] { return driver.leads(b); }));
    const Duration took = driver.now - (sent_at + milliseconds(1));
    EXPECT_GT(took, milliseconds(1000)) << i;
    EXPECT_LE(took, milliseconds(1000 + 2 * 100 + 2 + 1)) << i << ": 1 ms is the test's own step";
    EXPECT_EQ(driver.token(b), FencingToken{2});
  }
}

TEST(Elector, ALostHeartbeatReplyDoesNotLoseTheLock) {
  Driver driver;
  const std::size_t a = driver.start(exact_config("a"));
  const std::size_t b = driver.start(exact_config("b"));
  driver.run_for(milliseconds(150));
  ASSERT_TRUE(driver.leads(a));
  // Every reply of a write is lost, the writes are applied: only reading shows it.
  driver.nodes[a]->loses_write_replies = true;
  driver.run_for(std::chrono::seconds(60));
  EXPECT_TRUE(driver.leads(a));
  EXPECT_EQ(driver.token(a), FencingToken{1});
  EXPECT_FALSE(driver.leads(b));
  const ElectorStatus status = driver.nodes[a]->elector->status(driver.now);
  EXPECT_EQ(status.counters.adopted, status.counters.heartbeats);
  EXPECT_GT(status.counters.adopted, 200U);
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected}));
}

TEST(Elector, ATakeWithoutAReplyIsFoundByReading) {
  Driver driver;
  const std::size_t a = driver.add(exact_config());
  driver.give(a, [&](Elector& elector) { elector.start(driver.now); });
  driver.run_for(milliseconds(1));
  driver.faults.lost_reply_per_million = 1'000'000;  // From the take on.
  driver.store.set_faults(driver.faults);
  driver.run_for(milliseconds(2));
  driver.faults.lost_reply_per_million = 0;
  driver.store.set_faults(driver.faults);
  ASSERT_EQ(driver.record().owner, "a");
  ASSERT_FALSE(driver.leads(a));
  driver.run_for(milliseconds(300));
  ASSERT_TRUE(driver.leads(a)) << "without waiting a lease for its own record";
  EXPECT_EQ(driver.token(a), FencingToken{1});
  EXPECT_EQ(driver.nodes[a]->elector->status(driver.now).counters.adopted, 1U);
}

TEST(Elector, AWriteThatIsAppliedLateChangesNothingOfAnother) {
  Driver driver;
  const std::size_t a = driver.start(exact_config("a"));
  driver.run_for(milliseconds(1150));
  ASSERT_TRUE(driver.leads(a));
  // Its next heartbeats arrive three seconds late.
  driver.faults.late_apply_per_million = 1'000'000;
  driver.faults.late_apply_max = std::chrono::seconds(3);
  driver.store.set_faults(driver.faults);
  driver.run_for(milliseconds(60));
  const std::vector<StoreRequest>& requests = driver.nodes[a]->requests;
  ASSERT_TRUE(std::holds_alternative<RenewLock>(requests.back().operation));
  driver.nodes[a]->elector.reset();
  driver.faults.late_apply_per_million = 0;
  driver.store.set_faults(driver.faults);
  const std::size_t b = driver.start(exact_config("b"));
  ASSERT_TRUE(driver.run_until([&] { return driver.leads(b); }));
  const FencingToken token = driver.token(b);
  driver.run_for(std::chrono::seconds(10));
  EXPECT_EQ(driver.record().owner, "b");
  EXPECT_EQ(driver.token(b), token);
  EXPECT_EQ(driver.kinds(b), (std::vector{kElected}));
}

TEST(Elector, AReleaseIsFinal) {
  Driver driver;
  const std::size_t a = driver.start(exact_config());
  driver.nodes[a]->stops_at_once = false;
  driver.set_latency(milliseconds(20));
  driver.run_for(milliseconds(300));
  ASSERT_TRUE(driver.leads(a));
  // A heartbeat is under way when the work stops.
  ASSERT_TRUE(driver.run_until([&] {
    return std::holds_alternative<RenewLock>(driver.nodes[a]->requests.back().operation) &&
           driver.store.next_event() != kNever;
  }));
  driver.give(a, [&](Elector& elector) { elector.close(driver.now); });
  const std::size_t before = sent(driver, a);
  driver.give(a, [&](Elector& elector) { elector.work_stopped(driver.now); });
  EXPECT_FALSE(driver.leads(a)) << "from the call on, not from the reply";
  EXPECT_EQ(sent(driver, a), before) << "one request at a time";
  driver.run_for(std::chrono::seconds(10));
  ASSERT_EQ(sent(driver, a), before + 1);
  EXPECT_TRUE(std::holds_alternative<ReleaseLock>(driver.nodes[a]->requests.back().operation));
  EXPECT_TRUE(driver.record().is_released);
  EXPECT_TRUE(driver.nodes[a]->elector->is_settled());
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected, kStop, kLost}));
}

TEST(Elector, WhileTheWorkIsStoppingTheLockIsRenewedForOneLeaseAtMost) {
  Driver driver;
  const std::size_t a = driver.start(exact_config("a"));
  const std::size_t b = driver.start(exact_config("b"));
  driver.nodes[a]->stops_at_once = false;
  driver.run_for(milliseconds(500));
  ASSERT_TRUE(driver.leads(a));
  driver.give(a, [&](Elector& elector) { elector.resign(driver.now); });
  driver.run_for(milliseconds(900));
  EXPECT_TRUE(driver.leads(a));
  EXPECT_TRUE(driver.nodes[a]->elector->current(driver.now)->is_stopping);
  driver.run_for(milliseconds(1500));
  EXPECT_FALSE(driver.leads(a)) << "a host that never stops does not keep it for ever";
  EXPECT_TRUE(driver.leads(b));
  EXPECT_EQ(driver.nodes[a]->elector->role(), Role::kWindingUp);
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected, kStop, kLost}));
  EXPECT_EQ(driver.lost_for(a), EndReason::kResigned);
}

TEST(Elector, ASecondClientWithTheSameOwnerNameIsRefused) {
  Driver driver;
  const std::size_t a = driver.start(exact_config("same"));
  driver.run_for(milliseconds(500));
  const std::size_t twin = driver.start(exact_config("same"));
  driver.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(driver.leads(a));
  EXPECT_EQ(driver.nodes[twin]->elector->role(), Role::kRefused);
  EXPECT_EQ(driver.kinds(twin), (std::vector{kRefused}));
  EXPECT_EQ(driver.nodes[twin]->events.back().reason, EndReason::kOwnerNameInUse);
  driver.nodes[a]->elector.reset();
  const std::size_t requests = sent(driver, twin);
  driver.run_for(std::chrono::seconds(5));
  EXPECT_FALSE(driver.leads(twin)) << "refused for good";
  EXPECT_EQ(sent(driver, twin), requests);
}

TEST(Elector, ARestartUnderTheSameNameWaitsTheLeaseAndLeads) {
  Driver driver;
  const std::size_t a = driver.start(exact_config("same"));
  driver.run_for(milliseconds(500));
  driver.nodes[a]->elector.reset();
  const std::size_t again = driver.start(exact_config("same"));
  driver.run_for(milliseconds(900));
  EXPECT_FALSE(driver.leads(again)) << "it cannot know that its earlier self is gone";
  driver.run_for(milliseconds(300));
  EXPECT_TRUE(driver.leads(again));
  EXPECT_EQ(driver.token(again), FencingToken{2});
}

TEST(Elector, ResigningGivesTheOthersTheirTurn) {
  Driver driver;
  const std::size_t a = driver.start(exact_config("a"));
  const std::size_t b = driver.start(exact_config("b"));
  driver.run_for(milliseconds(500));
  ASSERT_TRUE(driver.leads(a));
  driver.give(a, [&](Elector& elector) { elector.resign(driver.now); });
  driver.run_for(milliseconds(110));
  EXPECT_TRUE(driver.leads(b)) << "within one look of the waiter";
  EXPECT_EQ(driver.nodes[a]->elector->role(), Role::kWaiting);
}

TEST(Elector, ADrainedOneStaysOutUntilItIsEligibleAgain) {
  Driver driver;
  const std::size_t a = driver.start(exact_config());
  driver.run_for(milliseconds(500));
  driver.give(a, [&](Elector& elector) { elector.set_eligible(driver.now, Eligibility::kNo); });
  driver.run_for(std::chrono::seconds(20));
  EXPECT_EQ(driver.nodes[a]->elector->role(), Role::kIdle);
  EXPECT_TRUE(driver.record().is_released);
  EXPECT_EQ(driver.lost_for(a), EndReason::kIneligible);
  driver.give(a, [&](Elector& elector) { elector.set_eligible(driver.now, Eligibility::kYes); });
  driver.run_for(milliseconds(10));
  EXPECT_EQ(driver.token(a), FencingToken{2});
}

TEST(Elector, DrainedWhileATakeIsUnderWayItGivesTheLockBack) {
  Driver driver;
  driver.set_latency(milliseconds(20));
  const std::size_t a = driver.start(exact_config());
  driver.run_for(milliseconds(50));
  ASSERT_TRUE(std::holds_alternative<TakeLock>(driver.nodes[a]->requests.back().operation));
  driver.give(a, [&](Elector& elector) { elector.set_eligible(driver.now, Eligibility::kNo); });
  driver.run_for(milliseconds(100));
  EXPECT_TRUE(driver.record().is_released);
  EXPECT_TRUE(driver.kinds(a).empty()) << "it never led";
}

TEST(Elector, WorkThatDoesNotMoveLosesTheHeartbeats) {
  Driver driver;
  ElectorConfig config = exact_config("a");
  config.progress_timeout = milliseconds(700);
  const std::size_t a = driver.start(config);
  const std::size_t b = driver.start(exact_config("b"));
  for (int i = 0; i < 50; ++i) {
    driver.run_for(milliseconds(100));
    driver.give(a, [&](Elector& elector) { elector.report_progress(driver.now); });
  }
  ASSERT_TRUE(driver.leads(a));
  ASSERT_EQ(driver.kinds(a), (std::vector{kElected}));
  driver.nodes[a]->stops_at_once = false;  // A worker that hangs stops nothing either.
  driver.run_for(milliseconds(701));
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected, kStop}));
  EXPECT_EQ(driver.nodes[a]->events.back().reason, EndReason::kNoProgress);
  driver.run_for(milliseconds(1300));
  EXPECT_FALSE(driver.leads(a));
  EXPECT_TRUE(driver.leads(b));
  driver.run_for(std::chrono::seconds(20));
  EXPECT_EQ(driver.nodes[a]->elector->role(), Role::kWindingUp) << "out until the work has stopped";
}

/// When `b`, which asks peers for half a lease at most, leads after `a` has stopped: how long after
/// the last heartbeat of `a`.
Duration take_over(Driver& driver, std::optional<PeerVerdict> peers) {
  ElectorConfig config = exact_config("a");
  config.peer_patience = milliseconds(500);
  const std::size_t a = driver.start(config);
  EXPECT_TRUE(driver.run_until([&] { return driver.leads(a); }));
  config.owner = "b";
  const std::size_t b = driver.start(config);
  driver.nodes[b]->peers = peers;
  driver.run_for(milliseconds(990));
  EXPECT_TRUE(driver.nodes[b]->questions.empty()) << "a renews in time";
  const Instant wrote_at = driver.nodes[a]->wrote_at;
  driver.nodes[a]->is_paused = true;
  EXPECT_TRUE(driver.run_until([&] { return driver.leads(b); }));
  for (const PeerQuestion& question : driver.nodes[b]->questions) {
    EXPECT_EQ(question.holder, "a");
    EXPECT_EQ(question.token, FencingToken{1});
  }
  return driver.now - wrote_at;
}

TEST(Elector, AHolderThatPeersDoNotReachIsReplacedAfterItsLease) {
  Driver driver;
  EXPECT_LE(take_over(driver, PeerVerdict::kNotReached), milliseconds(1000 + 100 + 10));
  EXPECT_EQ(driver.nodes[1]->questions.size(), 1U);
  Driver unknown;
  EXPECT_LE(take_over(unknown, PeerVerdict::kUnknown), milliseconds(1000 + 100 + 10));
}

TEST(Elector, WithoutAnAnswerOfPeersItIsReplacedWhenTheQuestionHasTimedOut) {
  Driver driver;
  const Duration after = take_over(driver, std::nullopt);
  EXPECT_GT(after, milliseconds(1100));
  EXPECT_LE(after, milliseconds(1000 + 2 * 100 + 10));
}

TEST(Elector, AHolderThatPeersReachIsLeftTheLockButNotForEver) {
  Driver driver;
  const Duration after = take_over(driver, PeerVerdict::kReached);
  EXPECT_GT(after, milliseconds(1500));
  EXPECT_LE(after, milliseconds(1500 + 100 + 10));
  const ElectorCounters counters = driver.nodes[1]->elector->status(driver.now).counters;
  EXPECT_GE(counters.held_off, 4U);
  EXPECT_EQ(counters.peers_asked, counters.held_off);
}

TEST(Elector, LeftTheLockALateHolderGoesOnWithTheNextToken) {
  Driver driver;
  ElectorConfig config = exact_config("a");
  config.peer_patience = milliseconds(500);
  const std::size_t a = driver.start(config);
  ASSERT_TRUE(driver.run_until([&] { return driver.leads(a); }));
  config.owner = "b";
  const std::size_t b = driver.start(config);
  driver.nodes[b]->peers = PeerVerdict::kReached;
  driver.run_for(milliseconds(500));
  driver.nodes[a]->is_paused = true;
  ASSERT_TRUE(driver.run_until([&] { return !driver.nodes[b]->questions.empty(); }));
  driver.nodes[a]->is_paused = false;
  driver.run_for(milliseconds(2000));
  EXPECT_TRUE(driver.leads(a));
  EXPECT_EQ(driver.token(a), FencingToken{2});
  EXPECT_FALSE(driver.leads(b));
}

TEST(Elector, DangerThenSafeThenDangerThenStop) {
  Driver driver;
  const std::size_t a = driver.start(exact_config());
  driver.run_for(milliseconds(300));
  driver.faults.refused_per_million = 1'000'000;
  driver.store.set_faults(driver.faults);
  driver.run_for(milliseconds(550));  // The last heartbeat went out at +202 ms.
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected, kDanger}));
  driver.faults.refused_per_million = 0;
  driver.store.set_faults(driver.faults);
  driver.run_for(milliseconds(100));
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected, kDanger, kSafe}));
  driver.faults.refused_per_million = 1'000'000;
  driver.store.set_faults(driver.faults);
  driver.run_for(milliseconds(900));
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected, kDanger, kSafe, kDanger, kStop, kLost}));
  const std::vector<LeadershipEvent>& events = driver.nodes[a]->events;
  const LeadershipEvent& stop = events[events.size() - 2];
  EXPECT_EQ(stop.reason, EndReason::kLapsed);
  EXPECT_EQ(stop.valid_until - stop.at, milliseconds(200)) << "the stop time before the end";
}

TEST(Elector, APauseBeyondTheLeaseEndsItBeforeAnythingElse) {
  Driver driver;
  const std::size_t a = driver.start(exact_config("a"));
  const std::size_t b = driver.start(exact_config("b"));
  driver.run_for(milliseconds(500));
  ASSERT_TRUE(driver.leads(a));
  driver.nodes[a]->is_paused = true;
  driver.run_for(std::chrono::seconds(3));
  EXPECT_TRUE(driver.leads(b));
  EXPECT_FALSE(driver.leads(a)) << "by the clock, though nothing of it has run";
  driver.nodes[a]->is_paused = false;
  const std::size_t before = sent(driver, a);
  driver.run_for(milliseconds(1));
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected, kLost}));
  for (std::size_t i = before; i < sent(driver, a); ++i) {
    EXPECT_TRUE(std::holds_alternative<ReadLock>(driver.nodes[a]->requests[i].operation));
  }
}

TEST(Elector, ALapsedHolderTakesItsOwnRecordAtOnceWithAGreaterToken) {
  Driver driver;
  const std::size_t a = driver.start(exact_config());
  driver.run_for(milliseconds(500));
  driver.nodes[a]->is_paused = true;
  driver.run_for(std::chrono::seconds(3));
  driver.nodes[a]->is_paused = false;
  driver.run_for(milliseconds(10));
  EXPECT_EQ(driver.token(a), FencingToken{2});
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected, kLost, kElected}));
}

TEST(Elector, AStoreThatHangsEndsLeadershipInTime) {
  Driver driver;
  const std::size_t a = driver.start(exact_config());
  driver.run_for(milliseconds(300));
  driver.faults.lost_request_per_million = 1'000'000;
  driver.store.set_faults(driver.faults);
  driver.run_for(std::chrono::seconds(3));
  EXPECT_EQ(driver.kinds(a), (std::vector{kElected, kDanger, kStop, kLost}));
  driver.faults.lost_request_per_million = 0;
  driver.store.set_faults(driver.faults);
  driver.run_for(milliseconds(500));
  EXPECT_TRUE(driver.leads(a)) << "and heals by itself";
}

TEST(Elector, ForceAndLossOfTheRecordAreToldApart) {
  Driver driver;
  const std::size_t a = driver.start(exact_config());
  driver.run_for(milliseconds(300));
  EXPECT_EQ(driver.store.table().force_release("lock"), StoreOutcome::kApplied);
  driver.run_for(milliseconds(210));
  EXPECT_EQ(driver.lost_for(a), EndReason::kForced);
  driver.run_for(milliseconds(300));
  ASSERT_TRUE(driver.leads(a));
  driver.store.table().remove("lock");
  driver.run_for(milliseconds(210));
  EXPECT_EQ(driver.lost_for(a), EndReason::kRecordGone);
}

TEST(Elector, TellsWhoHoldsTheLock) {
  Driver driver;
  const std::size_t a = driver.start(exact_config("a"));
  driver.run_for(milliseconds(300));
  const std::size_t b = driver.start(exact_config("b"));
  driver.run_for(milliseconds(300));
  ASSERT_EQ(driver.nodes[b]->events.size(), 1U);
  EXPECT_EQ(driver.nodes[b]->events[0].holder, "a");
  EXPECT_EQ(driver.nodes[b]->events[0].token, FencingToken{1});
  EXPECT_EQ(driver.nodes[b]->elector->status(driver.now).seen->owner, "a");
  static_cast<void>(a);
}

TEST(Elector, VersionsAreRandomUuids) {
  Driver driver;
  driver.start(exact_config());
  driver.run_for(milliseconds(10));
  const std::string first = driver.record().version.text;
  driver.run_for(milliseconds(300));
  const std::string second = driver.record().version.text;
  EXPECT_NE(first, second);
  for (const std::string& text : {first, second}) {
    ASSERT_EQ(text.size(), 36U);
    EXPECT_EQ(text[14], '4') << text;
    EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos) << text;
  }
}

TEST(Elector, EqualInputsGiveEqualActions) {
  const auto run = [] {
    Driver driver(5);
    driver.start(exact_config("a"));
    driver.faults.lost_reply_per_million = 300'000;
    driver.store.set_faults(driver.faults);
    driver.run_for(std::chrono::seconds(10));
    return driver.record();
  };
  EXPECT_EQ(run(), run());
}

TEST(Elector, ARunawayOfUnansweredWritesIsBounded) {
  // Every write is lost for an hour, with a lease that never ends by then.
  Driver driver;
  ElectorConfig config = exact_config();
  config.lease = std::chrono::hours(1);
  config.stop_time = {};
  const std::size_t a = driver.start(config);
  driver.run_for(milliseconds(300));
  driver.faults.lost_request_per_million = 700'000;
  driver.store.set_faults(driver.faults);
  driver.run_for(std::chrono::minutes(5));
  EXPECT_TRUE(driver.leads(a));
  driver.faults.lost_request_per_million = 0;
  driver.store.set_faults(driver.faults);
  driver.run_for(milliseconds(500));
  EXPECT_EQ(driver.kinds(a).front(), kElected);
  EXPECT_EQ(driver.token(a), FencingToken{1});
}

// --- configuration
// --------------------------------------------------------------------------------

struct BadConfig {
  const char* part;  ///< Of the message.
  void (*spoil)(ElectorConfig&);
};

TEST(ElectorConfig, RefusesWhatIsUnsafeAndNamesTheRule) {
  const std::vector<BadConfig> bad{
      {"name: in [1, 255] bytes, but it has 0", [](ElectorConfig& c) { c.name.clear(); }},
      {"owner: without control characters, but byte 2", [](ElectorConfig& c) { c.owner = "a\nb"; }},
      {"data: at most 4096 bytes, but it has 4097",
       [](ElectorConfig& c) { c.data = std::string(4097, 'x'); }},
      {"lease: in [20 ms, 1 h], but it is 19 ms",
       [](ElectorConfig& c) { c.lease = milliseconds(19); }},
      {"lease: whole milliseconds", [](ElectorConfig& c) { c.lease += Duration(1); }},
      {"heartbeat_interval: 2 heartbeat_interval at most lease (1-r)/(1+r) - guard",
       [](ElectorConfig& c) { c.heartbeat_interval = milliseconds(501); }},
      {"request_timeout: 2 request_timeout at most heartbeat_interval = 200 ms, but it is 202 ms",
       [](ElectorConfig& c) { c.request_timeout = milliseconds(101); }},
      {"danger_after: heartbeat_interval + request_timeout at most danger_after",
       [](ElectorConfig& c) { c.danger_after = milliseconds(299); }},
      {"stop_time: danger_after + stop_time at most",
       [](ElectorConfig& c) { c.stop_time = milliseconds(501); }},
      {"clock_drift_ppm: in [0, 100000], but it is 100001",
       [](ElectorConfig& c) { c.clock_drift_ppm = 100'001; }},
      {"peer_patience: in [0, 1 h]", [](ElectorConfig& c) { c.peer_patience = milliseconds(-1); }},
      {"peer_patience: 0 for a queue, whose store alone ends sessions, but it is 1000000 ns",
       [](ElectorConfig& c) {
         c.store = StoreKind::kQueue;
         c.peer_patience = milliseconds(1);
       }},
      {"guard: in [0, 1 h]", [](ElectorConfig& c) { c.guard = milliseconds(-1); }},
  };
  ASSERT_TRUE(validate(exact_config()));
  for (const BadConfig& one : bad) {
    ElectorConfig config = exact_config();
    one.spoil(config);
    const Status checked = validate(config);
    ASSERT_FALSE(checked) << one.part;
    EXPECT_NE(checked.error().message.find(one.part), std::string::npos) << checked.error().message;
    EXPECT_FALSE(Elector::create(config, Instant{}, Rng(1)));
  }
}

TEST(ElectorConfig, DefaultsAndAllScalesAreSafeWithoutAWarning) {
  for (const int lease_ms : {20, 100, 600, 1000, 10'000, 3'600'000}) {
    ElectorConfig config = scaled_to(milliseconds(lease_ms));
    config.name = config.owner = "x";
    EXPECT_TRUE(validate(config)) << lease_ms;
    EXPECT_LE(worst(lint(config)), Judgement::kOff) << lease_ms;
  }
}

}  // namespace
}  // namespace vouch::election::testing
