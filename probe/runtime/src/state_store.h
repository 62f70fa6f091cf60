#pragma once

#include <filesystem>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
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

 private:
  StateStore(std::filesystem::path folder, int lock, NodeId node)
      : folder_(std::move(folder)), lock_(lock), node_(node) {}

  Status read();
  Status write() const;

  std::filesystem::path folder_;
  int lock_ = -1;
  NodeId node_;
  Incarnation incarnation_{};
  std::vector<host::Ballot> ballots_;
};

}  // namespace vouch::runtime
