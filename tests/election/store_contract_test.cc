// What every store must do, and what each of them does beyond.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "tests/support/process.h"
#include "vouch/election_runner/memory_lock_store.h"
#ifdef VOUCH_HAS_SQLITE
#include <sqlite3.h>

#include "vouch/election_sqlite/sqlite_store.h"
#endif

namespace vouch::election::testing {
namespace {

using std::chrono::milliseconds;

/// A store as several clients see it. Each kind says how one more client connects.
struct MemoryKind {
  std::unique_ptr<LockStore> connect() { return std::make_unique<Shared>(*table_); }

 private:
  /// Another client of the same table.
  class Shared final : public LockStore {
   public:
    explicit Shared(MemoryLockStore& all) : all_(all) {}
    StoreReply apply(const StoreRequest& request) override { return all_.apply(request); }
    Result<std::vector<LockRecord>> list() override { return all_.list(); }
    StoreOutcome force_release(const std::string& name) override {
      return all_.force_release(name);
    }
    StoreOutcome fenced_put(const std::string& name, FencingToken token, const std::string& key,
                            const std::string& value) override {
      return all_.fenced_put(name, token, key, value);
    }
    Result<std::optional<std::string>> fenced_get(const std::string& key) override {
      return all_.fenced_get(key);
    }

   private:
    MemoryLockStore& all_;
  };

  std::unique_ptr<MemoryLockStore> table_ = std::make_unique<MemoryLockStore>();
};

#ifdef VOUCH_HAS_SQLITE
struct SqliteKind {
  std::unique_ptr<LockStore> connect() {
    auto opened = SqliteStore::open(file());
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  [[nodiscard]] std::string file() const { return (folder_.path() / "locks.db").string(); }

 private:
  vouch::testing::TemporaryFolder folder_;
};
using Kinds = ::testing::Types<MemoryKind, SqliteKind>;
#else
using Kinds = ::testing::Types<MemoryKind>;
#endif

StoreReply send(LockStore& store, LockOperation operation, const std::string& name = "lock") {
  return store.apply({.id = 5,
                      .name = name,
                      .operation = std::move(operation),
                      .timeout = std::chrono::seconds(5)});
}
StoreReply take(LockStore& store, const std::string& owner, const std::string& version,
                std::optional<RecordVersion> expected = {}, const std::string& name = "lock") {
  return send(store,
              TakeLock{std::move(expected), owner, {version}, milliseconds(1500), "at " + owner},
              name);
}
StoreReply renew(LockStore& store, const std::string& owner, const std::string& from,
                 const std::string& to) {
  return send(store, RenewLock{owner, {from}, {to}, milliseconds(1500)});
}
StoreReply release(LockStore& store, const std::string& owner, const std::string& version) {
  return send(store, ReleaseLock{owner, {version}});
}
std::optional<LockRecord> read(LockStore& store, const std::string& name = "lock") {
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
TYPED_TEST_SUITE(StoreContract, Kinds);

#define EXPECT_APPLIED(reply) EXPECT_EQ((reply).outcome, StoreOutcome::kApplied) << (reply).trouble
#define EXPECT_REFUSED(reply) EXPECT_EQ((reply).outcome, StoreOutcome::kConditionFailed)

TYPED_TEST(StoreContract, AnAbsentLockIsTakenOnce) {
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

TYPED_TEST(StoreContract, AHeartbeatChangesTheVersionAndNothingElse) {
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

TYPED_TEST(StoreContract, AReadGivesNoPermissionToWrite) {
  take(*this->a, "a", "v1");
  const LockRecord seen = *read(*this->b);
  EXPECT_REFUSED(release(*this->b, "b", seen.version.text));
  EXPECT_REFUSED(renew(*this->b, "b", seen.version.text, "v2"));
  EXPECT_FALSE(read(*this->b)->is_released);
}

TYPED_TEST(StoreContract, AReleasedLockKeepsItsRecordAndItsTokenGoesOn) {
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

TYPED_TEST(StoreContract, AnExpiredLockIsTakenAtTheVersionThatWasSeen) {
  take(*this->a, "a", "v1");
  renew(*this->a, "a", "v1", "v2");
  EXPECT_REFUSED(take(*this->b, "b", "v3", RecordVersion{"v1"})) << "it was renewed meanwhile";
  EXPECT_EQ(take(*this->b, "b", "v3", RecordVersion{"v2"}).token, FencingToken{2});
  EXPECT_REFUSED(renew(*this->a, "a", "v2", "v4")) << "the old holder";
  EXPECT_REFUSED(release(*this->a, "a", "v2"));
  EXPECT_EQ(read(*this->a)->version.text, "v3");
}

TYPED_TEST(StoreContract, LocksOfOtherNamesAreApart) {
  take(*this->a, "a", "v1", {}, "one");
  EXPECT_APPLIED(take(*this->b, "b", "v2", {}, "two"));
  EXPECT_EQ(read(*this->b, "one")->owner, "a");
  const auto all = this->a->list();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[0].name, "one");
  EXPECT_EQ((*all)[1].name, "two");
}

TYPED_TEST(StoreContract, AnyTextIsKeptAsItIs) {
  const std::string odd("it's \"odd\"; DROP TABLE vouch_locks; \xc3\xa4\0z", 40);
  EXPECT_APPLIED(take(*this->a, odd, "v1", {}, odd));
  const std::optional<LockRecord> record = read(*this->b, odd);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->name, odd);
  EXPECT_EQ(record->owner, odd);
  EXPECT_EQ(record->data, "at " + odd);
}

TYPED_TEST(StoreContract, ForceReleasesWhoeverHoldsIt) {
  EXPECT_EQ(this->a->force_release("lock"), StoreOutcome::kConditionFailed);
  take(*this->a, "a", "v1");
  EXPECT_EQ(this->b->force_release("lock"), StoreOutcome::kApplied);
  EXPECT_EQ(this->b->force_release("lock"), StoreOutcome::kConditionFailed);
  EXPECT_REFUSED(renew(*this->a, "a", "v1", "v2"));
  EXPECT_EQ(take(*this->b, "b", "v3", RecordVersion{"v1"}).token, FencingToken{2});
}

TYPED_TEST(StoreContract, AFencedWriteNeedsTheTokenOfNow) {
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

TYPED_TEST(StoreContract, OfManyTakersOneHasEachToken) {
  constexpr int kTakers = 4;
  constexpr int kRounds = 25;
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

#ifdef VOUCH_HAS_SQLITE

/// SQL by hand on the same file, as another program's.
void execute(const std::string& file, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
}

std::string refusal(const Result<std::unique_ptr<SqliteStore>>& opened) {
  return opened ? "opened" : opened.error().message;
}

TEST(SqliteStore, UsesTheLogAndSurvivesItsClients) {
  SqliteKind kind;
  { take(*kind.connect(), "a", "v1"); }
  auto again = kind.connect();
  EXPECT_EQ(read(*again)->owner, "a");
  EXPECT_TRUE(std::filesystem::exists(kind.file() + "-wal"));
}

TEST(SqliteStore, AWriterThatHoldsTheFileMakesItUnavailableAndNotAmbiguous) {
  SqliteKind kind;
  auto store = kind.connect();
  take(*store, "a", "v1");
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(kind.file().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  StoreRequest request{.id = 1, .name = "lock", .timeout = milliseconds(20)};
  request.operation = RenewLock{"a", {"v1"}, {"v2"}, milliseconds(1500)};
  const StoreReply reply = store->apply(request);
  EXPECT_EQ(reply.outcome, StoreOutcome::kUnavailable);
  EXPECT_NE(reply.trouble.find("locked"), std::string::npos) << reply.trouble;
  EXPECT_EQ(read(*store)->version.text, "v1") << "readers go on";
  ASSERT_EQ(sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_APPLIED(renew(*store, "a", "v1", "v3"));
}

TEST(SqliteStore, AReplacedOrRemovedFileIsNoticed) {
  SqliteKind kind;
  auto store = kind.connect();
  take(*store, "a", "v1");
  std::filesystem::rename(kind.file(), kind.file() + ".away");
  const StoreReply reply = renew(*store, "a", "v1", "v2");
  EXPECT_EQ(reply.outcome, StoreOutcome::kUnavailable);
  EXPECT_NE(reply.trouble.find("was replaced or removed"), std::string::npos) << reply.trouble;
  EXPECT_FALSE(store->list());
  EXPECT_EQ(store->force_release("lock"), StoreOutcome::kUnavailable);
}

TEST(SqliteStore, AChildOfForkMustOpenItsOwn) {
  SqliteKind kind;
  auto store = kind.connect();
  take(*store, "a", "v1");
  const pid_t child = fork();
  if (child == 0) {
    const bool is_refused = renew(*store, "a", "v1", "v2").outcome == StoreOutcome::kUnavailable;
    store.reset();  // Leaves the parent's file and locks alone.
    _exit(is_refused ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_APPLIED(renew(*store, "a", "v1", "v3"));
}

TEST(SqliteStore, WhatIsNoStoreIsRefusedWithItsReason) {
  const vouch::testing::TemporaryFolder folder;
  const std::string file = (folder.path() / "x.db").string();
  EXPECT_NE(refusal(SqliteStore::open_existing(file)).find("unable to open"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(file)) << "looking makes nothing";
  EXPECT_NE(
      refusal(SqliteStore::open((folder.path() / "no" / "x.db").string())).find("No such file"),
      std::string::npos);
  std::ofstream(file) << std::string(4096, 'x');
  EXPECT_NE(refusal(SqliteStore::open(file)).find("not a database"), std::string::npos);
  EXPECT_NE(refusal(SqliteStore::open(":memory:")).find("\"memory\""), std::string::npos);
  const std::string foreign = (folder.path() / "y.db").string();
  execute(foreign, "CREATE TABLE vouch_locks(a); PRAGMA journal_mode=WAL");
  EXPECT_NE(refusal(SqliteStore::open(foreign)).find("holds no locks of vouch"), std::string::npos);
}

TEST(SqliteStore, NetworkFileSystemsAreKnown) {
  EXPECT_TRUE(is_network_file_system(0x6969));
  EXPECT_TRUE(is_network_file_system(0xffffffffff534d42UL)) << "as a signed type may hold it";
  EXPECT_FALSE(is_network_file_system(0xef53));
  EXPECT_FALSE(is_network_file_system(0x01021994)) << "tmpfs";
}

TEST(SqliteStore, AnApplicationFencesItsOwnTable) {
  SqliteKind kind;
  auto store = kind.connect();
  take(*store, "a", "v1");
  execute(kind.file(),
          "CREATE TABLE app(k TEXT PRIMARY KEY, v TEXT); INSERT INTO app VALUES('x','0')");
  const std::string write =
      "UPDATE app SET v='new' WHERE k='x' AND EXISTS(SELECT 1 FROM vouch_locks WHERE name='lock' "
      "AND "
      "token=TOKEN AND released=0)";
  const auto write_with = [&](const std::string& token) {
    std::string sql = write;
    sql.replace(sql.find("TOKEN"), 5, token);
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(kind.file().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    const int changes = sqlite3_changes(database);
    sqlite3_close(database);
    return changes;
  };
  EXPECT_EQ(write_with("2"), 0);
  EXPECT_EQ(write_with("1"), 1);
}

#endif

}  // namespace
}  // namespace vouch::election::testing
