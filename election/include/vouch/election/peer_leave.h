#pragma once

#include <cstdint>
#include <optional>

#include "vouch/election/claim.h"
#include "vouch/election/elector_config.h"
#include "vouch/election/lock.h"

namespace vouch::election {

/// The leave of the peers to take a lock from a holder whose lease is over
/// (ElectorConfig::peer_patience): a question per look while they reach it, and the lock is left
/// alone as long. It is given when they do not reach it, when nobody knows or answers in time, and
/// in any case when the patience is over: what peers say makes a take-over late, never early.
///
/// The patience begins with the first look at the store that shows the lease to be over. While the
/// store could not be looked at, its holder could not renew either.
/// Not thread-safe: give it one owner.
class PeerLeave {
 public:
  explicit PeerLeave(const ElectorConfig& config)
      : patience_(config.peer_patience),
        look_again_(config.refresh_interval),
        timeout_(config.request_timeout) {}

  /// Another record is watched, or the same one has changed: whatever was said is about the past.
  void forget();

  /// The record was read, unchanged; its lease ends, or ended, at `expired_at`.
  void look(Instant now, Instant expired_at);

  /// The question that is due about the holder of `record`.
  [[nodiscard]] std::optional<PeerQuestion> ask(Instant now, const LockRecord& record);

  /// True if it makes a difference: the question was the last one, and in time.
  bool handle_answer(Instant now, const PeerAnswer& answer);

  [[nodiscard]] bool is_given(Instant now) const;

  /// When `ask` is due at the latest; kNever if it need not be called.
  [[nodiscard]] Instant due() const;

 private:
  Duration patience_;
  Duration look_again_;
  Duration timeout_;
  std::uint64_t asked_ = 0;  ///< The id of the last question.
  bool is_open_ = false;     ///< It waits for its answer until `next_at_`.
  bool is_over_ = false;     ///< The patience, as `ask` has seen.
  Instant ends_at_ = kNever;
  Instant next_at_ = kLongAgo;
  Instant given_until_ = kLongAgo;
};

}  // namespace vouch::election
