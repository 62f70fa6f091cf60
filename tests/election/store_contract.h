#pragma once

// What every store of records must do, as tests: a program that has a store instantiates them with
// a kind, which says how one more client connects to the same records, and in how many rounds many
// clients shall compete for one.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "vouch/election/store.h"

namespace vouch::election::testing {

using std::chrono::milliseconds;

inline StoreReply send(LockStore& store, LockOperation operation,
                       const std::string& name = "lock") {
  return store.apply({.id = 5,
                      .name = name,
                      .operation = std::move(operation),
                      .timeout = std::chrono::seconds(5)});
}
inline StoreReply take(LockStore& store, const std::string& owner, const std::string& version,
                       std::optional<RecordVersion> expected = {},
                       const std::string& name = "lock") {
  return send(store,
              TakeLock{std::move(expected), owner, {version}, milliseconds(1500), "at " + owner},
              name);
}
inline StoreReply renew(LockStore& store, const std::string& owner, const std::string& from,
                        const std::string& to) {
  return send(store, RenewLock{owner, {from}, {to}, milliseconds(1500)});
}
inline StoreReply release(LockStore& store, const std::string& owner, const std::string& version) {
  return send(store, ReleaseLock{owner, {version}});
}
inline std::optional<LockRecord> read(LockStore& store, const std::string& name = "lock") {
  const StoreReply reply = send(store, ReadLock{}, name);
  EXPECT_EQ(reply.outcome, StoreOutcome::kApplied) << reply.trouble;
  EXPECT_EQ(reply.id, 5U);
  return reply.record;
}

template <typename Kind>
class StoreContract : public ::testing::Test {
 protected:
  Kind kind;
  std::unique_ptr<LockStore> a = kind.connect();
  std::unique_ptr<LockStore> b = kind.connect();
};
TYPED_TEST_SUITE_P(StoreContract);

#define EXPECT_APPLIED(reply) EXPECT_EQ((reply).outcome, StoreOutcome::kApplied) << (reply).trouble
#define EXPECT_REFUSED(reply) EXPECT_EQ((reply).outcome, StoreOutcome::kConditionFailed)

TYPED_TEST_P(StoreContract, AnAbsentLockIsTakenOnce) {
  EXPECT_FALSE(read(*this->a));
  const StoreReply first = take(*this->a, "a", "v1");
  EXPECT_APPLIED(first);
  EXPECT_EQ(first.token, FencingToken{1});
  EXPECT_REFUSED(take(*this->b, "b", "v2"));
  const LockRecord expected{.name = "lock",
                            .owner = "a",
                            .version = {"v1"},
                            .lease = milliseconds(1500),
                            .token = FencingToken{1},
                            .is_released = false,
                            .data = "at a"};
  EXPECT_EQ(read(*this->b), expected);
}

TYPED_TEST_P(StoreContract, AHeartbeatChangesTheVersionAndNothingElse) {
  take(*this->a, "a", "v1");
  EXPECT_REFUSED(renew(*this->b, "b", "v1", "v2")) << "another owner";
  EXPECT_REFUSED(renew(*this->a, "a", "v0", "v2")) << "another version";
  const StoreReply renewed = renew(*this->a, "a", "v1", "v2");
  EXPECT_APPLIED(renewed);
  EXPECT_EQ(renewed.token, FencingToken{1});
  EXPECT_REFUSED(renew(*this->a, "a", "v1", "v3")) << "the same twice";
  EXPECT_EQ(read(*this->b)->version.text, "v2");
  EXPECT_EQ(read(*this->b)->token, FencingToken{1});
}

TYPED_TEST_P(StoreContract, AReadGivesNoPermissionToWrite) {
  take(*this->a, "a", "v1");
  const LockRecord seen = *read(*this->b);
  EXPECT_REFUSED(release(*this->b, "b", seen.version.text));
  EXPECT_REFUSED(renew(*this->b, "b", seen.version.text, "v2"));
  EXPECT_FALSE(read(*this->b)->is_released);
}

TYPED_TEST_P(StoreContract, AReleasedLockKeepsItsRecordAndItsTokenGoesOn) {
  take(*this->a, "a", "v1");
  EXPECT_REFUSED(release(*this->a, "a", "v0"));
  EXPECT_APPLIED(release(*this->a, "a", "v1"));
  EXPECT_REFUSED(release(*this->a, "a", "v1")) << "twice";
  EXPECT_REFUSED(renew(*this->a, "a", "v1", "v2")) << "a heartbeat does not revive it";
  EXPECT_TRUE(read(*this->b)->is_released);
  EXPECT_EQ(read(*this->b)->token, FencingToken{1});
  EXPECT_REFUSED(take(*this->b, "b", "v3")) << "it is not absent";
  const StoreReply second = take(*this->b, "b", "v3", RecordVersion{"v1"});
  EXPECT_APPLIED(second);
  EXPECT_EQ(second.token, FencingToken{2});
  EXPECT_FALSE(read(*this->a)->is_released);
  EXPECT_EQ(read(*this->a)->owner, "b");
}

TYPED_TEST_P(StoreContract, AnExpiredLockIsTakenAtTheVersionThatWasSeen) {
  take(*this->a, "a", "v1");
  renew(*this->a, "a", "v1", "v2");
  EXPECT_REFUSED(take(*this->b, "b", "v3", RecordVersion{"v1"})) << "it was renewed meanwhile";
  EXPECT_EQ(take(*this->b, "b", "v3", RecordVersion{"v2"}).token, FencingToken{2});
  EXPECT_REFUSED(renew(*this->a, "a", "v2", "v4")) << "the old holder";
  EXPECT_REFUSED(release(*this->a, "a", "v2"));
  EXPECT_EQ(read(*this->a)->version.text, "v3");
}

TYPED_TEST_P(StoreContract, LocksOfOtherNamesAreApart) {
  take(*this->a, "a", "v1", {}, "one");
  EXPECT_APPLIED(take(*this->b, "b", "v2", {}, "two"));
  EXPECT_EQ(read(*this->b, "one")->owner, "a");
  const auto all = this->a->list();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[0].name, "one");
  EXPECT_EQ((*all)[1].name, "two");
}

TYPED_TEST_P(StoreContract, AnyTextIsKeptAsItIs) {
  const std::string odd("it's \"odd\"; DROP TABLE vouch_locks; \xc3\xa4\0z", 40);
  EXPECT_APPLIED(take(*this->a, odd, "v1", {}, odd));
  const std::optional<LockRecord> record = read(*this->b, odd);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->name, odd);
  EXPECT_EQ(record->owner, odd);
  EXPECT_EQ(record->data, "at " + odd);
}

TYPED_TEST_P(StoreContract, ForceReleasesWhoeverHoldsIt) {
  EXPECT_EQ(this->a->force_release("lock"), StoreOutcome::kConditionFailed);
  take(*this->a, "a", "v1");
  EXPECT_EQ(this->b->force_release("lock"), StoreOutcome::kApplied);
  EXPECT_EQ(this->b->force_release("lock"), StoreOutcome::kConditionFailed);
  EXPECT_REFUSED(renew(*this->a, "a", "v1", "v2"));
  EXPECT_EQ(take(*this->b, "b", "v3", RecordVersion{"v1"}).token, FencingToken{2});
}

TYPED_TEST_P(StoreContract, AFencedWriteNeedsTheTokenOfNow) {
  EXPECT_EQ(this->a->fenced_put("lock", FencingToken{1}, "k", "no"),
            StoreOutcome::kConditionFailed);
  take(*this->a, "a", "v1");
  EXPECT_EQ(this->a->fenced_put("lock", FencingToken{1}, "k", "one"), StoreOutcome::kApplied);
  EXPECT_EQ(this->a->fenced_put("lock", FencingToken{2}, "k", "no"),
            StoreOutcome::kConditionFailed);
  take(*this->b, "b", "v2", RecordVersion{"v1"});
  EXPECT_EQ(this->a->fenced_put("lock", FencingToken{1}, "k", "late"),
            StoreOutcome::kConditionFailed);
  EXPECT_EQ(**this->b->fenced_get("k"), "one");
  EXPECT_EQ(this->b->fenced_put("lock", FencingToken{2}, "k", "two"), StoreOutcome::kApplied);
  release(*this->b, "b", "v2");
  EXPECT_EQ(this->b->fenced_put("lock", FencingToken{2}, "k", "late"),
            StoreOutcome::kConditionFailed);
  EXPECT_EQ(**this->a->fenced_get("k"), "two");
  EXPECT_FALSE(*this->a->fenced_get("other"));
}

TYPED_TEST_P(StoreContract, OfManyTakersOneHasEachToken) {
  constexpr int kTakers = 4;
  constexpr int kRounds = TypeParam::kRounds;
  std::vector<std::vector<std::uint64_t>> tokens(kTakers);
  std::vector<std::unique_ptr<LockStore>> clients;
  for (int i = 0; i < kTakers; ++i)
    clients.push_back(this->kind.connect());
  std::vector<std::thread> threads;
  for (int i = 0; i < kTakers; ++i) {
    threads.emplace_back([&, i] {
      const auto at = static_cast<std::size_t>(i);
      const std::string me = "taker" + std::to_string(i);
      for (int done = 0, n = 0; done < kRounds; ++n) {
        const std::optional<LockRecord> record = read(*clients[at]);
        if (record && !record->is_released) continue;
        const std::string version = me + "." + std::to_string(n);
        const std::optional<RecordVersion> expected =
            record ? std::optional(record->version) : std::nullopt;
        const StoreReply taken = take(*clients[at], me, version, expected);
        if (taken.outcome != StoreOutcome::kApplied) continue;
        tokens[at].push_back(taken.token.value());
        EXPECT_APPLIED(release(*clients[at], me, version));
        ++done;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  std::vector<std::uint64_t> all;
  for (const auto& own : tokens) {
    EXPECT_TRUE(std::is_sorted(own.begin(), own.end()));
    all.insert(all.end(), own.begin(), own.end());
  }
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), static_cast<std::size_t>(kTakers * kRounds));
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i], i + 1);
}

REGISTER_TYPED_TEST_SUITE_P(StoreContract, AnAbsentLockIsTakenOnce,
                            AHeartbeatChangesTheVersionAndNothingElse,
                            AReadGivesNoPermissionToWrite,
                            AReleasedLockKeepsItsRecordAndItsTokenGoesOn,
                            AnExpiredLockIsTakenAtTheVersionThatWasSeen, LocksOfOtherNamesAreApart,
                            AnyTextIsKeptAsItIs, ForceReleasesWhoeverHoldsIt,
                            AFencedWriteNeedsTheTokenOfNow, OfManyTakersOneHasEachToken);

}  // namespace vouch::election::testing
