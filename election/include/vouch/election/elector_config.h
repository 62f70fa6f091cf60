#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/quorum_check/lint.h"

namespace vouch::election {

/// What kind of store keeps the lock.
enum class StoreKind : std::uint8_t {
  kRecord,  ///< Conditional writes on one record (LockStore): SQLite.
  kQueue,   ///< A queue of ephemeral places (queue.h). `lease` is the session timeout to ask for.
};

/// How an Elector goes about it. lint() has every inequality between the times; `validate` refuses
/// what has an unsafe row.
struct ElectorConfig {
  std::string name;   ///< Of the lock. In [1, 255] bytes, no control characters.
  std::string owner;  ///< Of this process incarnation, unique: a host name and a random number.
  std::string data;   ///< Published with the lock. At most 4096 bytes.
  StoreKind store = StoreKind::kRecord;

  /// What the record promises: others wait so long, by their own clock, after the last change that
  /// they saw. Whole milliseconds in [20 ms, 1 h].
  Duration lease = std::chrono::seconds(10);

  /// Time between two heartbeats of the holder. In [1 ms, 1 h].
  Duration heartbeat_interval = std::chrono::seconds(2);

  /// Time between two looks of a waiter. In [1 ms, 1 h].
  Duration refresh_interval = std::chrono::seconds(1);

  /// After which a request to the store counts as ambiguous. In [1 ms, 1 h].
  Duration request_timeout = std::chrono::seconds(1);

  /// So long after the last heartbeat that got through was sent the holder is told that it is in
  /// danger (the "session monitor" of Amazon's lock client). In [1 ms, 1 h].
  Duration danger_after = std::chrono::seconds(5);

  /// How long the host takes to stop the work of a leader: so long before the lease ends it is told
  /// to. In [0, 1 h].
  Duration stop_time = std::chrono::seconds(2);

  /// The leader's work must report progress within this time, else heartbeats stop and it is told
  /// to stop: a lease that a hung worker's process keeps alive helps nobody. Zero: not asked for.
  /// In [0, 1 h].
  Duration progress_timeout{};

  /// How much longer than its lease a lock is left to a holder that is late in renewing it, while
  /// peers say that they reach it: its store is slow or its link to it is cut, and taking the lock
  /// would move the work of a process that is well. Not longer, whatever they say. Zero: nobody is
  /// asked. Of StoreKind::kRecord. In [0, 1 h].
  Duration peer_patience{};

  /// Between the look at the clock and the effect that it permits. In [0, 1 h].
  Duration guard = std::chrono::milliseconds(10);

  /// How much the clocks of two machines may differ in rate, each from true time, in parts per
  /// million. In [0, 100000].
  std::uint32_t clock_drift_ppm = 1000;

  /// How long the holder itself counts on a lease, from the instant at which it sent the request:
  /// lease (1 - r) / (1 + r) - guard. A waiter's clock that runs fast and a holder's that runs
  /// slow, each by r, still see the holder stop first. (Rule S8 of the Monitor, with the roles of a
  /// lock.)
  [[nodiscard]] Duration held_lease() const;
};

/// All times in proportion to `lease`, as the defaults are to theirs.
[[nodiscard]] ElectorConfig scaled_to(Duration lease);

/// Every inequality between the times, judged as vouch::lint does.
[[nodiscard]] std::vector<LintRow> lint(const ElectorConfig& config);

/// Checks the rules above. The message names the field, the rule and the value.
[[nodiscard]] Status validate(const ElectorConfig& config);

}  // namespace vouch::election
