#include "vouch/election_sqlite/sqlite_store.h"

#include <sqlite3.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <utility>

namespace vouch::election {
namespace {

constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS vouch_locks(name TEXT PRIMARY KEY NOT NULL, owner TEXT NOT NULL, "
    "version TEXT NOT NULL, lease_ms INTEGER NOT NULL, released INTEGER NOT NULL, "
    "token INTEGER NOT NULL, data TEXT NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS vouch_values(key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) "
    "STRICT;";

/// Foreign hands may have written anything: no lease counts for more, and none for less than
/// nothing.
constexpr std::int64_t kLeaseMsMax = std::int64_t{365} * 24 * 3'600'000;

/// Tries, ten milliseconds apart, to change a new file's journal while others do the same.
constexpr int kJournalTries = 200;

/// NFS, SMB, CIFS, SMB2, AFS, 9P, Ceph, Lustre, GFS2 and OCFS2, as linux/magic.h and their sources
/// number them.
constexpr std::array<unsigned long, 10> kNetworkFileSystems{
    0x6969,     0x517b,     0xff534d42, 0xfe534d42, 0x5346414f,
    0x01021997, 0x00c36400, 0x0bd00bd0, 0x01161970, 0x7461636f};

/// The statements, in the order of their texts.
enum Sql : std::size_t {
  kRead,
  kTakeAbsent,
  kTakeSeen,
  kRenew,
  kRelease,
  kList,
  kForce,
  kPut,
  kGet,
  kSqlCount,
};

constexpr std::array<const char*, kSqlCount> kTexts{
    "SELECT name, owner, version, lease_ms, released, token, data FROM vouch_locks WHERE name=?1",
    "INSERT INTO vouch_locks(name, owner, version, lease_ms, data, released, token) "
    "VALUES(?1, ?2, ?3, ?4, ?5, 0, 1) ON CONFLICT(name) DO NOTHING RETURNING token",
    "UPDATE vouch_locks SET owner=?2, version=?3, lease_ms=?4, data=?5, released=0, token=token+1 "
    "WHERE name=?1 AND version=?6 RETURNING token",
    "UPDATE vouch_locks SET version=?3, lease_ms=?4 WHERE name=?1 AND owner=?2 AND version=?5 AND "
    "released=0 RETURNING token",
    "UPDATE vouch_locks SET released=1 WHERE name=?1 AND owner=?2 AND version=?3 AND released=0 "
    "RETURNING token",
    "SELECT name, owner, version, lease_ms, released, token, data FROM vouch_locks ORDER BY name",
    "UPDATE vouch_locks SET released=1 WHERE name=?1 AND released=0 RETURNING token",
    "INSERT INTO vouch_values(key, value) SELECT ?3, ?4 WHERE EXISTS(SELECT 1 FROM vouch_locks "
    "WHERE name=?1 AND token=?2 AND released=0) "
    "ON CONFLICT(key) DO UPDATE SET value=excluded.value RETURNING key",
    "SELECT value FROM vouch_values WHERE key=?1",
};

std::int64_t milliseconds_of(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

int busy_milliseconds(Duration time) {
  return static_cast<int>(std::clamp<std::int64_t>(milliseconds_of(time), 1, 3'600'000));
}

std::string text_at(sqlite3_stmt* statement, int column) {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  const int bytes = sqlite3_column_bytes(statement, column);
  return text == nullptr ? std::string() : std::string(text, static_cast<std::size_t>(bytes));
}

LockRecord record_at(sqlite3_stmt* statement) {
  const std::int64_t lease =
      std::clamp<std::int64_t>(sqlite3_column_int64(statement, 3), 0, kLeaseMsMax);
  return {.name = text_at(statement, 0),
          .owner = text_at(statement, 1),
          .version = {text_at(statement, 2)},
          .lease = std::chrono::milliseconds(lease),
          .token = FencingToken{static_cast<std::uint64_t>(sqlite3_column_int64(statement, 5))},
          .is_released = sqlite3_column_int64(statement, 4) != 0,
          .data = text_at(statement, 6)};
}

/// What a failed step says of the statement's effect. A row that came out stands before its commit:
/// what fails after that may have been committed or not. Without a row a busy database, or one that
/// cannot be opened or written, was not changed; of an error of the disk nobody knows.
StoreOutcome outcome_of(int code, bool had_row) {
  if (had_row) return StoreOutcome::kAmbiguous;
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_NOTADB:
    case SQLITE_SCHEMA:
    case SQLITE_PROTOCOL:
    case SQLITE_ERROR:
      return StoreOutcome::kUnavailable;
    default:
      return StoreOutcome::kAmbiguous;
  }
}

}  // namespace

class SqliteStore::Impl {
 public:
  Impl(std::string path, Duration busy_timeout)
      : path_(std::move(path)), busy_timeout_(busy_timeout), process_(getpid()) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    // In a child made by fork the file is the parent's: closing it would drop the parent's locks.
    if (process_ != getpid()) return;
    for (sqlite3_stmt* statement : statements_)
      sqlite3_finalize(statement);
    sqlite3_close(database_);
  }

  [[nodiscard]] Status open(int flags) {
    if (Status checked = check_file_system(); !checked) return checked;
    const int opened = sqlite3_open_v2(
        path_.c_str(), &database_, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, nullptr);
    if (opened != SQLITE_OK) return trouble("cannot be opened");
    sqlite3_extended_result_codes(database_, 1);
    sqlite3_busy_timeout(database_, busy_milliseconds(busy_timeout_));
    if (Status mode = use_write_ahead_log(); !mode) return mode;
    if (sqlite3_exec(database_, "PRAGMA synchronous=FULL", nullptr, nullptr, nullptr) !=
        SQLITE_OK) {
      return trouble("synchronous=FULL is refused");
    }
    if ((flags & SQLITE_OPEN_CREATE) != 0 &&
        sqlite3_exec(database_, kTables, nullptr, nullptr, nullptr) != SQLITE_OK) {
      return trouble("its tables cannot be made");
    }
    for (std::size_t i = 0; i < kSqlCount; ++i) {
      const int prepared = sqlite3_prepare_v3(database_, kTexts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                              &statements_[i], nullptr);
      if (prepared != SQLITE_OK) return trouble("holds no locks of vouch");
    }
    return Done{};
  }

  /// Why nothing may be done with the file now; empty if it may.
  [[nodiscard]] std::string obstacle() const {
    if (process_ != getpid()) return path_ + ": opened before a fork, open it anew";
    int has_moved = 0;
    sqlite3_file_control(database_, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
    if (has_moved != 0) return path_ + ": was replaced or removed while it was open";
    return {};
  }

  void wait_for_others(Duration time) {
    sqlite3_busy_timeout(database_,
                         busy_milliseconds(time > Duration::zero() ? time : busy_timeout_));
  }

  [[nodiscard]] std::string message() const { return path_ + ": " + sqlite3_errmsg(database_); }

  [[nodiscard]] sqlite3_stmt* statement(Sql sql) const { return statements_[sql]; }

 private:
  [[nodiscard]] Status trouble(const std::string& what) const {
    return Error{Errc::kUnavailable, path_ + ": " + what + ": " + sqlite3_errmsg(database_)};
  }

  [[nodiscard]] Status check_file_system() const {
    std::filesystem::path folder = std::filesystem::path(path_).parent_path();
    if (folder.empty()) folder = ".";
    struct statfs about {};
    if (statfs(folder.c_str(), &about) != 0) {
      return Error{Errc::kUnavailable, path_ + ": " + std::strerror(errno)};
    }
    if (!is_network_file_system(static_cast<unsigned long>(about.f_type))) return Done{};
    return Error{Errc::kUnavailable, path_ +
                                         ": on a network file system, where the locks of two "
                                         "machines do not see each other"};
  }

  /// The mode is kept in the file. The change of a new file is refused while another process does
  /// the same, without the patience of busy_timeout.
  [[nodiscard]] Status use_write_ahead_log() {
    std::string mode;
    for (int i = 0; i < kJournalTries && mode != "wal"; ++i) {
      sqlite3_stmt* statement = nullptr;
      int step = sqlite3_prepare_v2(database_, "PRAGMA journal_mode=WAL", -1, &statement, nullptr);
      if (step == SQLITE_OK) step = sqlite3_step(statement);
      if (step == SQLITE_ROW) mode = text_at(statement, 0);
      sqlite3_finalize(statement);
      if (step == SQLITE_ROW && mode != "wal") break;
      if (step != SQLITE_ROW && (step & 0xff) != SQLITE_BUSY) break;
      if (mode != "wal") sqlite3_sleep(10);
    }
    if (mode == "wal") return Done{};
    if (mode.empty()) return trouble("cannot be used");
    return Error{Errc::kUnavailable,
                 path_ + ": needs a write-ahead log, and its journal is \"" + mode + "\""};
  }

  std::string path_;
  Duration busy_timeout_;
  pid_t process_;
  sqlite3* database_ = nullptr;
  std::array<sqlite3_stmt*, kSqlCount> statements_{};
};

namespace {

/// One use of a prepared statement: bound, stepped to its end, reset, so that no read is left open.
class Use {
 public:
  explicit Use(sqlite3_stmt* statement) : statement_(statement) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  Use& bind(const std::string& text) {
    sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()),
                      SQLITE_STATIC);
    return *this;
  }
  Use& bind(std::int64_t number) {
    sqlite3_bind_int64(statement_, ++bound_, number);
    return *this;
  }

  /// Runs it to its end; `take` sees each row. SQLITE_DONE if it got there.
  template <typename Take>
  int run(Take&& take) {
    int step = sqlite3_step(statement_);
    for (; step == SQLITE_ROW; step = sqlite3_step(statement_)) {
      had_row_ = true;
      take(statement_);
    }
    return step;
  }
  [[nodiscard]] bool had_row() const { return had_row_; }

 private:
  sqlite3_stmt* statement_;
  int bound_ = 0;
  bool had_row_ = false;
};

Sql sql_of(const LockOperation& operation) {
  if (std::holds_alternative<ReadLock>(operation)) return kRead;
  if (const auto* take = std::get_if<TakeLock>(&operation)) {
    return take->expected ? kTakeSeen : kTakeAbsent;
  }
  return std::holds_alternative<RenewLock>(operation) ? kRenew : kRelease;
}

/// The parameters after the lock's name, in the order of their numbers in kTexts.
void bind(Use& use, const LockOperation& operation) {
  if (const auto* take = std::get_if<TakeLock>(&operation)) {
    use.bind(take->owner).bind(take->version.text).bind(milliseconds_of(take->lease));
    use.bind(take->data);
    if (take->expected) use.bind(take->expected->text);
  } else if (const auto* renew = std::get_if<RenewLock>(&operation)) {
    use.bind(renew->owner).bind(renew->version.text).bind(milliseconds_of(renew->lease));
    use.bind(renew->expected.text);
  } else if (const auto* release = std::get_if<ReleaseLock>(&operation)) {
    use.bind(release->owner).bind(release->expected.text);
  }
}

}  // namespace

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path,
                                                       Duration busy_timeout) {
  auto impl = std::make_unique<Impl>(path, busy_timeout);
  if (Status opened = impl->open(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE); !opened) {
    return opened.error();
  }
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(impl)));
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open_existing(const std::string& path,
                                                                Duration busy_timeout) {
  auto impl = std::make_unique<Impl>(path, busy_timeout);
  if (Status opened = impl->open(SQLITE_OPEN_READWRITE); !opened) return opened.error();
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(impl)));
}

StoreReply SqliteStore::apply(const StoreRequest& request) {
  StoreReply reply{.id = request.id, .outcome = StoreOutcome::kUnavailable};
  reply.trouble = impl_->obstacle();
  if (!reply.trouble.empty()) return reply;
  impl_->wait_for_others(request.timeout);
  const bool is_read = std::holds_alternative<ReadLock>(request.operation);
  Use use(impl_->statement(sql_of(request.operation)));
  bind(use.bind(request.name), request.operation);
  const int step = use.run([&](sqlite3_stmt* row) {
    if (is_read) {
      reply.record = record_at(row);
    } else {
      reply.token = FencingToken{static_cast<std::uint64_t>(sqlite3_column_int64(row, 0))};
    }
  });
  if (step != SQLITE_DONE) {
    reply.outcome = is_read ? StoreOutcome::kUnavailable : outcome_of(step, use.had_row());
    reply.record.reset();
    reply.token = {};
    reply.trouble = impl_->message();
    return reply;
  }
  const bool has_applied = is_read || use.had_row();
  reply.outcome = has_applied ? StoreOutcome::kApplied : StoreOutcome::kConditionFailed;
  return reply;
}

Result<std::vector<LockRecord>> SqliteStore::list() {
  if (const std::string obstacle = impl_->obstacle(); !obstacle.empty()) {
    return Error{Errc::kUnavailable, obstacle};
  }
  impl_->wait_for_others({});
  std::vector<LockRecord> records;
  Use use(impl_->statement(kList));
  const int step = use.run([&](sqlite3_stmt* row) { records.push_back(record_at(row)); });
  if (step != SQLITE_DONE) return Error{Errc::kUnavailable, impl_->message()};
  return records;
}

StoreOutcome SqliteStore::force_release(const std::string& name) {
  if (!impl_->obstacle().empty()) return StoreOutcome::kUnavailable;
  impl_->wait_for_others({});
  Use use(impl_->statement(kForce));
  const int step = use.bind(name).run([](sqlite3_stmt*) {});
  if (step != SQLITE_DONE) return outcome_of(step, use.had_row());
  return use.had_row() ? StoreOutcome::kApplied : StoreOutcome::kConditionFailed;
}

StoreOutcome SqliteStore::fenced_put(const std::string& name, FencingToken token,
                                     const std::string& key, const std::string& value) {
  if (!impl_->obstacle().empty()) return StoreOutcome::kUnavailable;
  impl_->wait_for_others({});
  Use use(impl_->statement(kPut));
  use.bind(name).bind(static_cast<std::int64_t>(token.value())).bind(key).bind(value);
  const int step = use.run([](sqlite3_stmt*) {});
  if (step != SQLITE_DONE) return outcome_of(step, use.had_row());
  return use.had_row() ? StoreOutcome::kApplied : StoreOutcome::kConditionFailed;
}

Result<std::optional<std::string>> SqliteStore::fenced_get(const std::string& key) {
  if (const std::string obstacle = impl_->obstacle(); !obstacle.empty()) {
    return Error{Errc::kUnavailable, obstacle};
  }
  impl_->wait_for_others({});
  std::optional<std::string> value;
  Use use(impl_->statement(kGet));
  const int step = use.bind(key).run([&](sqlite3_stmt* row) { value = text_at(row, 0); });
  if (step != SQLITE_DONE) return Error{Errc::kUnavailable, impl_->message()};
  return value;
}

bool is_network_file_system(unsigned long type) {
  return std::find(kNetworkFileSystems.begin(), kNetworkFileSystems.end(), type & 0xffffffffUL) !=
         kNetworkFileSystems.end();
}

}  // namespace vouch::election
