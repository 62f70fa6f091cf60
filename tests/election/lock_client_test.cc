// The modes of Amazon's lock client, over any store.

#include "vouch/election_client/lock_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "tests/election/store_contract.h"
#include "tests/support/process.h"
#include "vouch/election_runner/clock.h"
#include "vouch/election_runner/memory_lock_store.h"

namespace vouch::election::testing {
namespace {

using vouch::testing::wait_until;

/// One table for many clients, that can be away, and lose replies.
struct Table {
  MemoryLockStore all;
  std::atomic<int> requests = 0;
  std::atomic<bool> is_away = false;
  std::atomic<bool> loses_replies = false;

  class Connection final : public LockStore {
   public:
    explicit Connection(Table& table) : table_(table) {}
    StoreReply apply(const StoreRequest& request) override {
      ++table_.requests;
      StoreReply lost{.id = request.id, .outcome = StoreOutcome::kUnavailable};
      lost.trouble = "away";
      if (table_.is_away) return lost;
      StoreReply reply = table_.all.apply(request);
      if (!table_.loses_replies) return reply;
      lost.outcome = StoreOutcome::kAmbiguous;
      return lost;
    }
    Result<std::vector<LockRecord>> list() override { return table_.all.list(); }
    StoreOutcome force_release(const std::string& name) override {
      return table_.all.force_release(name);
    }
    StoreOutcome fenced_put(const std::string& name, FencingToken token, const std::string& key,
                            const std::string& value) override {
      return table_.all.fenced_put(name, token, key, value);
    }
    Result<std::optional<std::string>> fenced_get(const std::string& key) override {
      return table_.all.fenced_get(key);
    }

   private:
    Table& table_;
  };
};

class LockClientTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<LockClient> client(Duration lease = std::chrono::seconds(20),
                                                   bool holds_on = false) {
    LockClientConfig config;
    config.lease = lease;
    config.heartbeat_interval = lease / 5;
    config.request_timeout = lease / 10;
    config.hold_on_unavailable = holds_on;
    return LockClient::create(config,
                              [this] {
                                return Result<std::unique_ptr<LockStore>>(
                                    std::make_unique<Table::Connection>(table));
                              })
        .value();
  }
  static AcquireOptions quick(Duration additional_wait = milliseconds(50)) {
    AcquireOptions options;
    options.refresh_interval = milliseconds(10);
    options.additional_wait = additional_wait;
    return options;
  }
  /// Held by somebody who is dead.
  void hold(const std::string& version, milliseconds lease, const std::string& name = "lock") {
    const auto before = read(table.all, name);
    std::optional<RecordVersion> expected;
    if (before) expected = before->version;
    EXPECT_APPLIED(
        send(table.all, TakeLock{expected, "dead", {version}, lease, "of the dead"}, name));
  }
  void force_release() { EXPECT_EQ(table.all.force_release("lock"), StoreOutcome::kApplied); }
  [[nodiscard]] LockRecord record(const std::string& name = "lock") {
    return read(table.all, name).value();
  }

  Table table;
};

TEST_F(LockClientTest, GrantsRenewsAndGivesBack) {
  const auto one = client(milliseconds(300));
  AcquireOptions options = quick();
  options.data = "here";
  Acquired acquired = one->acquire("lock", options).value();
  ASSERT_EQ(acquired.outcome, AcquireOutcome::kGranted) << acquired.trouble;
  EXPECT_EQ(acquired.lock->token(), FencingToken{1});
  EXPECT_EQ(acquired.lock->current()->token, FencingToken{1});
  const LockRecord first = record();
  EXPECT_EQ(first.data, "here");
  EXPECT_EQ(first.owner, one->owner());
  ASSERT_TRUE(wait_until([&] { return record().version != first.version; }));
  EXPECT_EQ(one->look("lock").value()->owner, one->owner());
  EXPECT_TRUE(acquired.lock->release());
  EXPECT_FALSE(acquired.lock->current());
  EXPECT_EQ(acquired.lock->end_reason(), EndReason::kClosed);
  EXPECT_TRUE(record().is_released);
  EXPECT_FALSE(one->look("lock").value());
  const int sent = table.requests;
  std::this_thread::sleep_for(milliseconds(150));
  EXPECT_EQ(table.requests, sent) << "the release is final";
}

TEST_F(LockClientTest, WaitsForALeaseAndTheAdditionalTime) {
  hold("v1", milliseconds(200));
  const auto one = client(milliseconds(400));
  const Instant begun = boottime_now();
  Acquired acquired = one->acquire("lock", quick(std::chrono::seconds(20))).value();
  ASSERT_EQ(acquired.outcome, AcquireOutcome::kGranted);
  EXPECT_GT(boottime_now() - begun, milliseconds(200));
  EXPECT_EQ(acquired.lock->token(), FencingToken{2});
  const auto two = client();
  const Acquired other = two->acquire("lock", quick()).value();
  EXPECT_EQ(other.outcome, AcquireOutcome::kNotGranted) << "never, as one is alive";
  EXPECT_EQ(other.seen->owner, one->owner());
}

TEST_F(LockClientTest, MayInsistThatTheLockExists) {
  const auto one = client();
  AcquireOptions options = quick();
  options.only_if_exists = true;
  EXPECT_EQ(one->acquire("lock", options).value().outcome, AcquireOutcome::kNotGranted);
  options.skip_blocking = true;
  EXPECT_EQ(one->acquire("lock", options).value().outcome, AcquireOutcome::kNotGranted);
  EXPECT_FALSE(read(table.all)) << "it was not made";
  hold("v1", milliseconds(20'000));
  force_release();
  EXPECT_EQ(one->acquire("lock", options).value().outcome, AcquireOutcome::kGranted);
}

/// What an earlier call has seen counts: a dead holder's lock is taken without ever waiting.
TEST_F(LockClientTest, WithoutWaitingItTakesWhatHasRunOutSinceAnEarlierLook) {
  hold("v1", milliseconds(100));
  const auto one = client();
  AcquireOptions options = quick();
  options.skip_blocking = true;
  const Instant begun = boottime_now();
  Acquired first = one->acquire("lock", options).value();
  EXPECT_EQ(first.outcome, AcquireOutcome::kNotGranted);
  EXPECT_EQ(first.seen->owner, "dead");
  hold("v2", milliseconds(100));
  EXPECT_EQ(one->acquire("lock", options).value().outcome, AcquireOutcome::kNotGranted);
  Acquired last;
  ASSERT_TRUE(wait_until([&] {
    last = one->acquire("lock", options).value();
    return last.outcome == AcquireOutcome::kGranted;
  }));
  EXPECT_GT(boottime_now() - begun, milliseconds(100));
  const auto two = client();
  EXPECT_EQ(two->acquire("lock", options).value().outcome, AcquireOutcome::kNotGranted);
}

TEST_F(LockClientTest, GrantsItsOwnAgainIfItIsAskedTo) {
  const auto one = client();
  AcquireOptions options = quick();
  Acquired first = one->acquire("lock", options).value();
  ASSERT_EQ(first.outcome, AcquireOutcome::kGranted);
  EXPECT_EQ(one->acquire("lock", options).value().outcome, AcquireOutcome::kAlreadyHeld);
  options.reentrant = true;
  const int sent = table.requests;
  Acquired again = one->acquire("lock", options).value();
  ASSERT_EQ(again.outcome, AcquireOutcome::kGranted);
  EXPECT_EQ(table.requests, sent);
  EXPECT_EQ(again.lock->token(), first.lock->token());
  EXPECT_TRUE(first.lock->release());
  EXPECT_FALSE(record().is_released);
  EXPECT_TRUE(again.lock->current());
  EXPECT_FALSE(first.lock->current());
  EXPECT_TRUE(again.lock->release());
  EXPECT_TRUE(record().is_released);
}

TEST_F(LockClientTest, KeepsTheDataThatItFinds) {
  hold("v1", milliseconds(20'000));
  force_release();
  const auto one = client();
  AcquireOptions options = quick();
  options.replace_data = false;
  options.data = "new";
  const Acquired kept = one->acquire("lock", options).value();
  EXPECT_EQ(record().data, "of the dead");
  const Acquired written = one->acquire("other", options).value();
  EXPECT_EQ(record("other").data, "new");
}

TEST_F(LockClientTest, WhatWouldLoseTheTokenIsRefused) {
  const auto one = client();
  AcquireOptions options = quick();
  options.update_existing = false;
  EXPECT_EQ(one->acquire("lock", options).error().message,
            "update_existing: must be true, as a record that is replaced loses its fencing token");
  options = quick();
  options.delete_on_release = true;
  EXPECT_EQ(one->acquire("lock", options).error().message,
            "delete_on_release: must be false, as the fencing token of a record that is removed "
            "starts anew");
  options = quick();
  options.monitor = SessionMonitor{std::chrono::seconds(4), {}};
  EXPECT_EQ(one->acquire("lock", options).error().message,
            "safe_time: must be above heartbeat_interval and below lease");
  EXPECT_FALSE(one->acquire("", quick()));
  EXPECT_EQ(table.requests, 0);
}

TEST_F(LockClientTest, TheMonitorTellsOnceThatHeartbeatsDoNotGetThrough) {
  const auto one = client(milliseconds(1000));
  std::atomic<int> told = 0;
  AcquireOptions options = quick();
  options.monitor = SessionMonitor{milliseconds(400), [&] { ++told; }};
  const Acquired acquired = one->acquire("lock", options).value();
  ASSERT_EQ(acquired.outcome, AcquireOutcome::kGranted);
  EXPECT_FALSE(acquired.lock->is_in_danger());
  table.is_away = true;
  ASSERT_TRUE(wait_until([&] { return acquired.lock->is_in_danger() && told == 1; }));
  ASSERT_TRUE(wait_until([&] { return acquired.lock->end_reason() != EndReason::kNone; }));
  EXPECT_EQ(acquired.lock->end_reason(), EndReason::kLapsed);
  EXPECT_FALSE(acquired.lock->current());
  EXPECT_EQ(told, 1);
  EXPECT_EQ(one->acquire("lock", quick()).value().outcome, AcquireOutcome::kUnavailable);
}

TEST_F(LockClientTest, WhatIsLostIsNotTakenAgain) {
  const auto one = client(milliseconds(300));
  const Acquired acquired = one->acquire("lock", quick()).value();
  ASSERT_EQ(acquired.outcome, AcquireOutcome::kGranted);
  force_release();
  ASSERT_TRUE(wait_until([&] { return acquired.lock->end_reason() == EndReason::kForced; }));
  EXPECT_FALSE(acquired.lock->current());
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(record().token, FencingToken{1});
}

TEST_F(LockClientTest, LostRepliesLoseNoLock) {
  const auto one = client(std::chrono::seconds(1));
  const Acquired acquired = one->acquire("lock", quick()).value();
  ASSERT_EQ(acquired.outcome, AcquireOutcome::kGranted);
  for (int i = 0; i < 2; ++i) {
    const RecordVersion before = record().version;
    table.loses_replies = true;
    ASSERT_TRUE(wait_until([&] { return record().version != before; }));
    table.loses_replies = false;
    const RecordVersion applied = record().version;
    ASSERT_TRUE(wait_until([&] { return record().version != applied; }));
  }
  EXPECT_EQ(acquired.lock->end_reason(), EndReason::kNone);
  EXPECT_EQ(record().token, FencingToken{1});
}

/// Off by default: others may hold the lock meanwhile.
TEST_F(LockClientTest, HoldsOnThroughAnOutageIfItIsToldTo) {
  const auto one = client(milliseconds(300), true);
  Acquired acquired = one->acquire("lock", quick()).value();
  ASSERT_EQ(acquired.outcome, AcquireOutcome::kGranted);
  for (std::atomic<bool>* fault : {&table.is_away, &table.loses_replies}) {
    *fault = true;
    std::this_thread::sleep_for(milliseconds(700));
    EXPECT_TRUE(acquired.lock->current()) << "beyond its lease";
    *fault = false;
    const RecordVersion before = record().version;
    ASSERT_TRUE(wait_until([&] { return record().version != before; }));
  }
  EXPECT_EQ(acquired.lock->end_reason(), EndReason::kNone);
  EXPECT_EQ(record().token, FencingToken{1});
  table.is_away = true;
  std::this_thread::sleep_for(milliseconds(200));
  take(table.all, "other", "o1", record().version);
  table.is_away = false;
  ASSERT_TRUE(wait_until([&] { return acquired.lock->end_reason() == EndReason::kTaken; }));
  EXPECT_FALSE(acquired.lock->release());
  EXPECT_EQ(record().owner, "other");
}

TEST_F(LockClientTest, CloseReleasesAllAndEndsIt) {
  const auto one = client();
  Acquired a = one->acquire("a", quick()).value();
  const Acquired b = one->acquire("b", quick()).value();
  one->close();
  EXPECT_TRUE(record("a").is_released);
  EXPECT_TRUE(record("b").is_released);
  EXPECT_FALSE(a.lock->current());
  EXPECT_TRUE(a.lock->release()) << "it is";
  const Acquired none = one->acquire("c", quick()).value();
  EXPECT_EQ(none.outcome, AcquireOutcome::kUnavailable);
  EXPECT_EQ(none.trouble, "the client is closed");
}

}  // namespace
}  // namespace vouch::election::testing
