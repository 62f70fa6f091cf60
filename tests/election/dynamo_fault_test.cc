// An election over DynamoDB whose network and server do what networks and servers do. Every test
// waits for what must come.

#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <thread>

#include "tests/election/dynalite.h"
#include "tests/election/heard.h"
#include "tests/election/store_contract.h"
#include "tests/support/fault_proxy.h"
#include "vouch/election_client/lock_client.h"
#include "vouch/election_runner/candidate.h"
#include "vouch/election_runner/clock.h"

namespace vouch::election::testing {
namespace {

using vouch::testing::FaultProxy;
using vouch::testing::wait_until;

constexpr Duration kLongEnough = std::chrono::minutes(1);

/// A candidate whose requests go through a proxy of its own.
struct Site {
  Site(const DynamoConfig& table, const ElectorConfig& config, std::uint16_t server_port)
      : proxy(server_port), store(open_store(through(table, proxy))) {
    candidate = Candidate::create(config, *store, &heard).value();
  }
  static DynamoConfig through(DynamoConfig config, const FaultProxy& proxy) {
    config.endpoint = proxy.url();
    return config;
  }
  /// Gives the lock back, if it has it.
  void close() const {
    candidate->close();
    candidate->work_stopped();
    EXPECT_TRUE(candidate->wait_settled(kLongEnough));
  }

  FaultProxy proxy;
  std::unique_ptr<DynamoStore> store;
  Heard heard;
  std::unique_ptr<Candidate> candidate;
};

class DynamoFaults : public ::testing::Test {
 protected:
  [[nodiscard]] Site site(const ElectorConfig& config) const {
    return {table, config, Dynalite::shared().port()};
  }
  static ElectorConfig times(Duration lease) {
    ElectorConfig config = scaled_to(lease);
    config.name = "lock";
    return config;
  }
  /// Heartbeats follow one another soon, and the lease ends late.
  static ElectorConfig quick() {
    ElectorConfig config = times(std::chrono::seconds(20));
    config.heartbeat_interval = milliseconds(60);
    config.request_timeout = milliseconds(30);
    config.refresh_interval = milliseconds(20);
    config.stop_time = {};
    return config;
  }

  DynamoConfig table = fresh_config(Dynalite::shared().url());
  std::unique_ptr<DynamoStore> direct = open_store(table);
};

TEST_F(DynamoFaults, ALostReplyOfAHeartbeatDoesNotLoseTheLock) {
  Site one = site(quick());
  one.candidate->start();
  ASSERT_TRUE(wait_until([&] { return one.heard.has(EventKind::kElected); }));
  for (std::uint64_t lost = 0; lost < 3; ++lost) {
    one.proxy.cut_at(1, FaultProxy::Cut::kReply);
    ASSERT_TRUE(wait_until([&] { return one.candidate->status().counters.adopted > lost; }));
  }
  const int before = one.heard.extensions();
  ASSERT_TRUE(wait_until([&] { return one.heard.extensions() > before + 1; }));
  EXPECT_FALSE(one.heard.has(EventKind::kLost));
  EXPECT_EQ(read(*direct)->token, FencingToken{1});
  one.close();
  EXPECT_TRUE(read(*direct)->is_released);
}

/// Whatever request of a take, of heartbeats and of a release it is that the connection breaks at,
/// before or after the server has seen it: there is one tenure, it is not lost, and the lock is
/// given back.
TEST_F(DynamoFaults, ACutAtAnyRequestOfATenureChangesNothing) {
  for (const FaultProxy::Cut cut : {FaultProxy::Cut::kReply, FaultProxy::Cut::kRequest}) {
    for (std::uint64_t k = 1; k <= 6; ++k) {
      SCOPED_TRACE(std::to_string(k) + (cut == FaultProxy::Cut::kReply ? " reply" : " request"));
      ElectorConfig config = quick();
      config.name = "lock" + std::to_string(k) + (cut == FaultProxy::Cut::kReply ? "r" : "q");
      Site one = site(config);
      const std::uint64_t before = one.proxy.requests();
      one.proxy.cut_at(k, cut);
      one.candidate->start();
      ASSERT_TRUE(wait_until([&] { return one.heard.extensions() >= 2; }));
      // The last of them meet the release.
      one.close();
      EXPECT_GE(one.proxy.requests(), before + 4);
      EXPECT_EQ(one.heard.first(EventKind::kLost).reason, EndReason::kClosed);
      EXPECT_EQ(one.heard.first(EventKind::kElected).token, FencingToken{1});
      const LockRecord record = *read(*direct, config.name);
      EXPECT_TRUE(record.is_released);
      EXPECT_EQ(record.token, FencingToken{1});
    }
  }
}

TEST_F(DynamoFaults, InABlackHoleItStepsDownBeforeAnotherTakesOver) {
  const ElectorConfig config = times(milliseconds(500));
  Site one = site(config);
  one.candidate->start();
  ASSERT_TRUE(wait_until([&] { return one.heard.extensions() >= 2; }));
  Site two = site(config);
  two.candidate->start();
  one.proxy.set_flow(FaultProxy::Flow::kBlackHole);
  ASSERT_TRUE(wait_until([&] { return two.heard.has(EventKind::kElected); }));
  EXPECT_FALSE(one.candidate->current());
  ASSERT_TRUE(wait_until([&] { return one.heard.has(EventKind::kLost); }));
  const LeadershipEvent lost = one.heard.first(EventKind::kLost);
  EXPECT_EQ(lost.reason, EndReason::kLapsed);
  EXPECT_LE(one.heard.first(EventKind::kStop).at, lost.at);
  EXPECT_EQ(two.heard.first(EventKind::kElected).token, FencingToken{2});
  // What was held on the way arrives now, and finds the lock with another.
  one.proxy.set_flow(FaultProxy::Flow::kPass);
  const int before = two.heard.extensions();
  ASSERT_TRUE(wait_until([&] { return two.heard.extensions() > before + 2; }));
  EXPECT_FALSE(two.heard.has(EventKind::kLost));
  EXPECT_EQ(read(*direct)->token, FencingToken{2});
  two.close();
  one.close();
}

TEST_F(DynamoFaults, WithoutRepliesItStepsDownThoughItsHeartbeatsArrive) {
  Site one = site(times(milliseconds(400)));
  one.candidate->start();
  ASSERT_TRUE(wait_until([&] { return one.heard.extensions() >= 2; }));
  one.proxy.set_flow(FaultProxy::Flow::kToServerOnly);
  ASSERT_TRUE(wait_until([&] { return one.heard.has(EventKind::kLost); }));
  EXPECT_EQ(one.heard.first(EventKind::kLost).reason, EndReason::kLapsed);
  one.proxy.set_flow(FaultProxy::Flow::kPass);
  one.candidate->work_stopped();
  ASSERT_TRUE(wait_until([&] { return one.candidate->current().has_value(); }));
  EXPECT_GE(one.candidate->current()->token, FencingToken{2}) << "a tenure of its own";
  one.close();
}

TEST_F(DynamoFaults, AHeartbeatThatArrivesLateFindsTheLockWithAnother) {
  FaultProxy proxy(Dynalite::shared().port());
  const auto slow = open_store(Site::through(table, proxy));
  take(*slow, "a", "v1");
  proxy.set_delay(milliseconds(150));
  StoreRequest request{.id = 1, .name = "lock", .operation = {}, .timeout = milliseconds(30)};
  request.operation = RenewLock{"a", {"v1"}, {"v2"}, milliseconds(1500)};
  EXPECT_EQ(slow->apply(request).outcome, StoreOutcome::kAmbiguous);
  EXPECT_EQ(take(*direct, "b", "v3", RecordVersion{"v1"}).token, FencingToken{2});
  request.operation = ReleaseLock{"b", {"v1"}};
  EXPECT_EQ(slow->apply(request).outcome, StoreOutcome::kAmbiguous);
  // Later than both of them.
  request.operation = ReadLock{};
  request.timeout = std::chrono::seconds(20);
  EXPECT_EQ(slow->apply(request).outcome, StoreOutcome::kApplied);
  const LockRecord record = *read(*direct);
  EXPECT_EQ(record.version.text, "v3");
  EXPECT_FALSE(record.is_released);
}

/// A server that is stopped carries out, when it goes on, what it was sent before.
TEST_F(DynamoFaults, WhatAStoppedServerAppliesLateIsAdoptedOrFindsItsCondition) {
  const Dynalite server;
  DynamoConfig own = fresh_config(server.url());
  const auto store = open_store(own);
  take(*store, "a", "v1");
  server.send_signal(SIGSTOP);
  StoreRequest request{.id = 1, .name = "lock", .operation = {}, .timeout = milliseconds(50)};
  request.operation = RenewLock{"a", {"v1"}, {"v2"}, milliseconds(1500)};
  EXPECT_EQ(store->apply(request).outcome, StoreOutcome::kAmbiguous);
  request.operation = RenewLock{"a", {"v1"}, {"v9"}, milliseconds(1500)};
  EXPECT_EQ(store->apply(request).outcome, StoreOutcome::kAmbiguous);
  server.send_signal(SIGCONT);
  std::string seen;
  ASSERT_TRUE(wait_until([&] {
    seen = read(*store)->version.text;
    return seen != "v1";
  }));
  EXPECT_TRUE(seen == "v2" || seen == "v9") << "one of the two, never both: " << seen;
  EXPECT_REFUSED(take(*store, "b", "v3", RecordVersion{"v1"})) << "by what was seen before";
  EXPECT_EQ(read(*store)->version.text, seen);

  ElectorConfig config = times(milliseconds(600));
  config.name = "other";
  Heard heard;
  auto candidate = Candidate::create(config, *store, &heard).value();
  candidate->start();
  ASSERT_TRUE(wait_until([&] { return heard.extensions() >= 2; }));
  server.send_signal(SIGSTOP);
  ASSERT_TRUE(wait_until([&] { return heard.has(EventKind::kLost); }));
  EXPECT_FALSE(candidate->current()) << "by the clock, with the server still";
  candidate->work_stopped();
  server.send_signal(SIGCONT);
  ASSERT_TRUE(wait_until([&] { return candidate->current().has_value(); }));
  EXPECT_GE(candidate->current()->token, FencingToken{2});
  candidate->close();
  candidate->work_stopped();
  EXPECT_TRUE(candidate->wait_settled(kLongEnough));
}

TEST_F(DynamoFaults, AfterTheReleaseNothingIsSent) {
  Site one = site(quick());
  one.candidate->start();
  ASSERT_TRUE(wait_until([&] { return one.heard.extensions() >= 2; }));
  one.close();
  const std::uint64_t sent = one.proxy.requests();
  std::this_thread::sleep_for(3 * quick().heartbeat_interval);
  EXPECT_EQ(one.proxy.requests(), sent);
  EXPECT_TRUE(read(*direct)->is_released);
}

TEST_F(DynamoFaults, ASecondClientOfTheSameOwnerNameStaysOut) {
  ElectorConfig config = times(std::chrono::seconds(2));
  config.owner = "the same";
  config.heartbeat_interval = milliseconds(60);
  config.request_timeout = milliseconds(30);
  config.refresh_interval = milliseconds(20);
  Site one = site(config);
  one.candidate->start();
  ASSERT_TRUE(wait_until([&] { return one.heard.extensions() >= 2; }));
  Site two = site(config);
  two.candidate->start();
  ASSERT_TRUE(wait_until([&] { return two.heard.has(EventKind::kRefused); }));
  EXPECT_EQ(two.heard.first(EventKind::kRefused).reason, EndReason::kOwnerNameInUse);
  EXPECT_FALSE(two.heard.has(EventKind::kElected));
  EXPECT_TRUE(one.candidate->current());
  two.close();
  one.close();
}

/// A Java client that has died, one that has released, and one that takes over meanwhile.
TEST_F(DynamoFaults, AJavaClientsLockIsWaitedForAndTaken) {
  const auto put = [&](const std::string& version, bool is_released) {
    nlohmann::json row = {{"key", {{"S", "lock"}}},
                          {"ownerName", {{"S", "java"}}},
                          {"leaseDuration", {{"S", "400"}}},
                          {"recordVersionNumber", {{"S", version}}}};
    if (is_released) row["isReleased"]["S"] = "1";
    raw_call(table.endpoint, "PutItem", {{"TableName", table.table}, {"Item", row}});
  };
  put("j1", false);
  Site one = site(times(milliseconds(600)));
  const Instant begun = boottime_now();
  one.candidate->start();
  ASSERT_TRUE(wait_until([&] { return one.heard.has(EventKind::kElected); }));
  EXPECT_GT(one.heard.first(EventKind::kElected).at - begun, milliseconds(400))
      << "the lease that its row promises, and not the own one";
  EXPECT_EQ(one.heard.first(EventKind::kHolderChanged).holder, "java");
  put("j2", false);
  ASSERT_TRUE(wait_until([&] { return one.heard.has(EventKind::kLost); }));
  EXPECT_EQ(one.heard.first(EventKind::kLost).reason, EndReason::kTaken);
  one.candidate->work_stopped();
  put("j2", true);
  ASSERT_TRUE(wait_until([&] { return one.candidate->current().has_value(); }));
  one.close();
}

TEST_F(DynamoFaults, TheLockClientCompetesWithAJavaClient) {
  const auto client = LockClient::create({}, [&] {
                        return Result<std::unique_ptr<LockStore>>(open_store(table));
                      }).value();
  AcquireOptions options;
  options.refresh_interval = milliseconds(20);
  options.data = "own";
  options.replace_data = false;
  nlohmann::json row = {{"key", {{"S", "lock"}}},
                        {"ownerName", {{"S", "java"}}},
                        {"leaseDuration", {{"S", "150"}}},
                        {"recordVersionNumber", {{"S", "j1"}}},
                        {"data", {{"B", "b2YgamF2YQ=="}}}};
  raw_call(table.endpoint, "PutItem", {{"TableName", table.table}, {"Item", row}});
  options.skip_blocking = true;
  EXPECT_EQ(client->acquire("lock", options).value().outcome, AcquireOutcome::kNotGranted);
  Acquired acquired;
  ASSERT_TRUE(wait_until([&] {
    acquired = client->acquire("lock", options).value();
    return acquired.outcome == AcquireOutcome::kGranted;
  }));
  EXPECT_EQ(read(*direct)->data, "of java");
  EXPECT_EQ(acquired.lock->token(), FencingToken{1});
  EXPECT_EQ(direct->fenced_put("lock", acquired.lock->token(), "k", "v"), StoreOutcome::kApplied);
  EXPECT_TRUE(acquired.lock->release());
  EXPECT_EQ(raw_row(table)["isReleased"]["S"], "1");
  options.skip_blocking = false;
  options.only_if_exists = true;
  options.additional_wait = milliseconds(60);
  EXPECT_EQ(client->acquire("other", options).value().outcome, AcquireOutcome::kNotGranted);
  EXPECT_TRUE(raw_row(table, "other").is_null());
  EXPECT_EQ(client->acquire("lock", options).value().lock->token(), FencingToken{2});
}

}  // namespace
}  // namespace vouch::election::testing
