// The stores that need no server: what every store must do, and what SQLite does beyond.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "tests/election/store_contract.h"
#include "tests/support/process.h"
#include "vouch/election_runner/memory_lock_store.h"
#ifdef VOUCH_HAS_SQLITE
#include <sqlite3.h>

#include "vouch/election_sqlite/sqlite_store.h"
#endif

namespace vouch::election::testing {
namespace {

/// A store as several clients see it. Each kind says how one more client connects.
struct MemoryKind {
  static constexpr int kRounds = 25;
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
  static constexpr int kRounds = 25;
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

INSTANTIATE_TYPED_TEST_SUITE_P(Stores, StoreContract, Kinds);

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
