#pragma once

#include <memory>
#include <string>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/election/store.h"

namespace vouch::election {

/// Locks in one SQLite file: the store for processes of one machine, with nothing to run beside
/// them.
///
/// Write-ahead log, synchronous=FULL (a token that was given out must not come back after a power
/// loss), and one statement per operation, each a transaction of its own: a process that is stopped
/// between two operations holds nothing. One that is stopped *within* one blocks the other writers,
/// who time out as kUnavailable, until it goes on or dies.
///
/// Not on network file systems: `open` refuses those that it knows, since SQLite's shared memory
/// and locks end at one machine. The file must not be replaced or removed while processes have it
/// open: they notice and answer kUnavailable from then on. The tokens of a new file start anew.
///
/// The tables vouch_locks and vouch_values may stand in a file beside others. An application whose
/// own table is in the same file fences its writes in the same statement:
/// `... AND EXISTS(SELECT 1 FROM vouch_locks WHERE name=? AND token=? AND released=0)`.
///
/// Not thread-safe: give it one owner. A child made by fork must open its own: this one answers it
/// kUnavailable.
class SqliteStore final : public LockStore {
 public:
  /// Opens `path`, or makes it. `busy_timeout`: how long an operation that brings no timeout of its
  /// own waits for other writers.
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& path,
                                                   Duration busy_timeout = std::chrono::seconds(5));

  /// Opens a file that exists and holds locks; for looking at it.
  static Result<std::unique_ptr<SqliteStore>> open_existing(
      const std::string& path, Duration busy_timeout = std::chrono::seconds(5));

  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;
  ~SqliteStore();

  [[nodiscard]] StoreReply apply(const StoreRequest& request) override;
  [[nodiscard]] Result<std::vector<LockRecord>> list() override;
  [[nodiscard]] StoreOutcome force_release(const std::string& name) override;
  [[nodiscard]] StoreOutcome fenced_put(const std::string& name, FencingToken token,
                                        const std::string& key, const std::string& value) override;
  [[nodiscard]] Result<std::optional<std::string>> fenced_get(const std::string& key) override;

 private:
  class Impl;
  explicit SqliteStore(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

/// Whether `type`, as statfs(2) gives it, is a file system on which the locks of two machines do
/// not see each other.
[[nodiscard]] bool is_network_file_system(unsigned long type);

}  // namespace vouch::election
