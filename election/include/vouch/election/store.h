#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vouch/election/lock.h"

namespace vouch::election {

/// What became of a request to a store. "I do not know" is an answer of its own: it is never taken
/// for "no", and never for "yes".
enum class StoreOutcome : std::uint8_t {
  kApplied,          ///< A read was answered, a write has taken effect.
  kConditionFailed,  ///< The write was refused by its condition: it never takes effect.
  kUnavailable,      ///< The store was not reached or was busy: it never takes effect.
  kAmbiguous,        ///< No usable reply: a write took effect, does later, or never does.
};

[[nodiscard]] const char* to_string(StoreOutcome outcome);

/// The record as it is now: no stale copy. Everybody who decides reads this way.
struct ReadLock {};

/// Makes `owner` the holder with the next token, if the record is as the taker saw it: absent
/// (`expected` is empty) or at this version, be it released or expired. As versions never come
/// back, a take that is applied late finds its condition broken.
struct TakeLock {
  std::optional<RecordVersion> expected;
  std::string owner;
  RecordVersion version;
  Duration lease{};
  std::string data;
};

/// A heartbeat: another version, if `owner` holds the lock unreleased at `expected`.
struct RenewLock {
  std::string owner;
  RecordVersion expected;
  RecordVersion version;
  Duration lease{};
};

/// Marks the lock as released, if `owner` holds it at `expected`. The record stays: its token must
/// go on.
struct ReleaseLock {
  std::string owner;
  RecordVersion expected;
};

using LockOperation = std::variant<ReadLock, TakeLock, RenewLock, ReleaseLock>;

/// One request of an Elector to the store that keeps its lock.
struct StoreRequest {
  std::uint64_t id = 0;
  std::string name;  ///< Of the lock.
  LockOperation operation;
  /// Who carries out the request answers after this time at the latest, if need be kAmbiguous.
  Duration timeout{};
};

/// The one answer to a request.
struct StoreReply {
  std::uint64_t id = 0;
  StoreOutcome outcome = StoreOutcome::kAmbiguous;
  std::optional<LockRecord> record;  ///< Of a read that was answered: empty if there is none.
  FencingToken token{};              ///< Of a take or a heartbeat that was applied.
  std::string trouble;               ///< For a person: what the store said when it failed.
};

/// What every store offers beside the requests of an Elector. Each call blocks, at the most about
/// as long as the store was told to when it was opened. Implementations say whether several threads
/// may call at once.
class Store {
 public:
  virtual ~Store() = default;

  /// Every lock, ordered by name; of a queue its first place.
  [[nodiscard]] virtual Result<std::vector<LockRecord>> list() = 0;

  /// Marks a lock as released (removes the first place of a queue) whoever holds it. The holder
  /// learns of it at its next heartbeat, so two may lead until then: for an operator who knows that
  /// the holder is gone. kConditionFailed: there is nothing to release.
  [[nodiscard]] virtual StoreOutcome force_release(const std::string& name) = 0;

  /// A fenced write: stores `value` under `key` in the same step in which it is checked that the
  /// lock is held, unreleased, with `token`. kConditionFailed: it is not, and nothing was written.
  [[nodiscard]] virtual StoreOutcome fenced_put(const std::string& name, FencingToken token,
                                                const std::string& key,
                                                const std::string& value) = 0;

  /// What fenced_put stored last under `key`; empty if nothing.
  [[nodiscard]] virtual Result<std::optional<std::string>> fenced_get(const std::string& key) = 0;
};

/// A store with conditional writes, as programs use it.
///
/// A read carries no permission to write: what may be written is decided by owner and version, and
/// only who made a version up knows it in time.
class LockStore : public Store {
 public:
  /// Carries out one request of an Elector.
  [[nodiscard]] virtual StoreReply apply(const StoreRequest& request) = 0;
};

}  // namespace vouch::election
