#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/election/leadership.h"
#include "vouch/election/store.h"

namespace vouch::election {

/// As of Amazon's DynamoDB lock client, in its words and with its defaults; over any LockStore.
struct LockClientConfig {
  std::string owner;  ///< Unique per process incarnation. Empty: a host name and a random number.
  Duration lease = std::chrono::seconds(20);
  Duration heartbeat_interval = std::chrono::seconds(5);
  Duration request_timeout = std::chrono::seconds(2);
  Duration guard = std::chrono::milliseconds(10);
  std::uint32_t clock_drift_ppm = 1000;

  /// A heartbeat that the store does not answer, or refuses without a look, counts as one that got
  /// through, however long the store is away: then others may hold the lock at the same time, as
  /// soon as they reach the store and this process does not. Tokens still tell the two apart.
  bool hold_on_unavailable = false;

  /// Of locks that others hold: so many are remembered from one call to the next.
  std::size_t observations_max = 10'000;
};

/// Tells when heartbeats have not got through for so long: the danger zone. It begins `safe_time`
/// after the last one that did was *sent*, not so long before the lease ends.
struct SessionMonitor {
  Duration safe_time{};  ///< Above heartbeat_interval, below lease.
  /// Once per acquisition, on a thread of the lock; must return soon, and not release the lock.
  std::function<void()> callback;
};

struct AcquireOptions {
  std::string data;
  /// False: data that is found in the record stays; `data` is written if there is none.
  bool replace_data = true;
  bool only_if_exists = false;  ///< Never makes the record.
  /// Does not wait for a holder: takes what is free, or has not changed for its lease since an
  /// earlier call of this client has seen it.
  bool skip_blocking = false;
  bool reentrant = false;  ///< A lock that this client holds is granted again, without a request.
  Duration refresh_interval = std::chrono::seconds(1);
  /// How long it tries; beyond it, once, the lease of the holder that it finds. When others take
  /// turns meanwhile, that may be too short for a turn of its own: an election waits for ever.
  Duration additional_wait = std::chrono::seconds(1);
  std::optional<SessionMonitor> monitor;
  /// False is refused: who replaces a record loses its fencing token.
  bool update_existing = true;
  /// True is refused: who removes a record lets its fencing token start anew.
  bool delete_on_release = false;
};

/// A lock that was granted. Heartbeats go on by themselves until it is released, lost or destroyed,
/// which releases it. Any thread may call.
class HeldLock {
 public:
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;
  ~HeldLock();

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] FencingToken token() const;
  /// Permission to do what the lock protects, by the clock, as of Candidate::current. Empty once it
  /// is released or lost, and for ever.
  [[nodiscard]] std::optional<Leadership> current() const;
  /// The danger zone was reached and no heartbeat has got through since.
  [[nodiscard]] bool is_in_danger() const;
  /// Why it is not held any more; kNone while it is.
  [[nodiscard]] EndReason end_reason() const;

  /// Gives it back; nothing is sent for it afterwards. Of a lock that was granted again, with the
  /// last of its grants. False: the store has not confirmed that, as the lock was lost before or
  /// the store is away; then the lease runs out.
  bool release();

 private:
  friend class LockClient;
  class Impl;
  explicit HeldLock(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;
  std::atomic<bool> is_released_ = false;
};

enum class AcquireOutcome : std::uint8_t {
  kGranted,
  kNotGranted,   ///< The time is over, or (skip_blocking) another holds it or was quicker.
  kAlreadyHeld,  ///< By this client, and `reentrant` is not set.
  kUnavailable,  ///< The store did not answer; see `trouble`. Nothing is held.
};

[[nodiscard]] const char* to_string(AcquireOutcome outcome);

struct Acquired {
  AcquireOutcome outcome = AcquireOutcome::kNotGranted;
  std::unique_ptr<HeldLock> lock;  ///< Of kGranted.
  std::optional<LockRecord> seen;  ///< Of kNotGranted: the record as it was read last.
  std::string trouble;
};

/// Locks for those who know Amazon's lock client: one call, one lock, for a bounded time. Who wants
/// to lead for as long as there is a process to lead uses a Candidate, on which this stands too.
///
/// Differences: takes of released locks are always conditional on the version that was read
/// (`acquireReleasedLocksConsistently`). Each lock that is held has a connection and threads of its
/// own, so that one slow heartbeat delays no other. A lost reply does not lose the lock. What is
/// read carries no permission to write.
///
/// Any thread may call.
class LockClient {
 public:
  /// One more connection to the same locks.
  using Connect = std::function<Result<std::unique_ptr<LockStore>>()>;

  static Result<std::unique_ptr<LockClient>> create(LockClientConfig config, Connect connect);
  LockClient(const LockClient&) = delete;
  LockClient& operator=(const LockClient&) = delete;
  /// Closes it. Locks that outlive it are released by then.
  ~LockClient();

  /// Blocks until the lock is granted or its time is over. An error is one of the options, or of
  /// `connect`; nothing was sent.
  [[nodiscard]] Result<Acquired> acquire(const std::string& name, const AcquireOptions& options);

  /// The lock as it is now, for people; empty if nobody holds it.
  [[nodiscard]] Result<std::optional<LockRecord>> look(const std::string& name);

  /// Releases every lock, one after another, whatever becomes of each; then refuses to acquire.
  void close();

  [[nodiscard]] const std::string& owner() const;

 private:
  class Impl;
  explicit LockClient(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch::election
