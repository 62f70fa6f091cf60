#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/host/builtin_election.h"

namespace vouch::runtime {

/// What a node must not forget: its incarnation and its votes, in one small file that is replaced
/// as a whole (write, fsync, rename, fsync of the folder).
///
/// Holds a lock on its folder as long as it lives, so two processes never share one identity.
/// Not thread-safe: give it one owner. Movable, not copyable.
class StateStore {
 public:
  /// Creates the folder if needed, takes the lock, reads what is there, and begins a new
  /// incarnation, above all earlier ones and durable when this returns.
  [[nodiscard]] static Result<StateStore> open(const std::filesystem::path& folder, NodeId node);

  StateStore(StateStore&& other) noexcept;
  StateStore& operator=(StateStore&& other) noexcept;
  ~StateStore();

  [[nodiscard]] Incarnation incarnation() const { return incarnation_; }
  [[nodiscard]] const std::vector<host::Ballot>& ballots() const { return ballots_; }

  /// Makes the ballot durable. On an error the file holds what it held.
  Status save(const host::Ballot& ballot);

  /// What was left at `now` of the promises that the life before stored with `save_promise`;
  /// nothing when it stored none, or the machine has started anew since (the clock does too).
  [[nodiscard]] std::optional<Duration> promise_left(Instant now) const;

  /// At a clean stop: until when this node is bound, by CLOCK_BOOTTIME. Counts for the next life
  /// only.
  Status save_promise(Instant until);

 private:
  StateStore(std::filesystem::path folder, int lock, NodeId node)
      : folder_(std::move(folder)), lock_(lock), node_(node) {}

  /// A promise, and the start of the machine by whose clock it is told.
  struct StoredPromise {
    std::string boot_id;
    Instant until{};
  };

  Status read();
  Status write() const;

  std::filesystem::path folder_;
  int lock_ = -1;
  NodeId node_;
  Incarnation incarnation_{};
  std::vector<host::Ballot> ballots_;
  std::optional<StoredPromise> promise_;  ///< To be written; none while the node runs.
  std::optional<StoredPromise> earlier_;  ///< Of the life before.
};

}  // namespace vouch::runtime
