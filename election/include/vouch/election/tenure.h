#pragma once

#include <cstdint>
#include <optional>

#include "vouch/detector/ring.h"
#include "vouch/election/elector_config.h"
#include "vouch/election/leadership.h"

namespace vouch::election {

/// The part of an Elector that is the same for every kind of store: what this process may believe
/// of its own leadership, by its own clock alone, and what the host is told of it.
///
/// Order of calls: `check` first in each input, so that a lease that has run out while nothing ran
/// (a pause, a suspend) is over before anything else is looked at.
/// Not thread-safe: give it one owner.
class Tenure {
 public:
  explicit Tenure(const ElectorConfig& config);

  /// What the store really grants, if it is not what the configuration asks for. Not while it
  /// leads.
  void set_lease(Duration lease);
  [[nodiscard]] Duration held_lease() const { return held_lease_; }

  /// Leadership begins: the request that was granted was sent at `sent_at`. The grant must not have
  /// run out, and no other may run.
  void grant(Instant now, FencingToken token, Instant sent_at);

  /// A heartbeat that was sent at `sent_at` got through.
  void extend(Instant now, Instant sent_at);

  /// The host shall stop the work. Nothing if it was told already, or if nothing is led.
  void ask_to_stop(Instant now, EndReason reason);

  /// Leadership is over at once.
  void lose(Instant now, EndReason reason);

  /// The host says that the work has stopped. True: it still led until now, so that the lock should
  /// be given back.
  [[nodiscard]] bool work_stopped(Instant now);

  /// The work moves.
  void progress(Instant now) { progressed_at_ = now; }

  /// Time has passed.
  void check(Instant now);

  /// When `check` is due at the latest.
  [[nodiscard]] Instant due() const;

  /// kLeading, kStopping, kWindingUp, or kIdle when there is nothing of the three.
  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] bool leads() const { return role_ == Role::kLeading || role_ == Role::kStopping; }
  [[nodiscard]] FencingToken token() const { return token_; }
  /// Of the kStop that was told last in this tenure; kNone if none was.
  [[nodiscard]] EndReason stop_reason() const { return stop_reason_; }
  [[nodiscard]] std::optional<Leadership> current(Instant now) const;

  /// Until when heartbeats should go on: for ever while it leads; not for a worker that hangs, and
  /// for one lease for a host that was told to stop.
  [[nodiscard]] Instant renews_until() const;

  /// Tells the host of something else than its own leadership.
  void tell(LeadershipEvent event, Instant now);

  [[nodiscard]] std::optional<LeadershipEvent> poll_event();

 private:
  void tell_own(Instant now, EventKind kind, EndReason reason);
  [[nodiscard]] Instant valid_until() const { return sent_at_ + held_lease_; }

  ElectorConfig config_;
  Duration lease_;
  Duration held_lease_;
  Duration danger_after_;
  Duration stop_time_;
  Duration progress_timeout_;
  Role role_ = Role::kIdle;
  FencingToken token_{};
  Instant sent_at_ = kLongAgo;  ///< Of the newest request that was granted.
  Instant progressed_at_ = kLongAgo;
  Instant stop_since_ = kLongAgo;
  EndReason stop_reason_ = EndReason::kNone;
  bool in_danger_ = false;
  std::uint64_t told_ = 0;
  Ring<LeadershipEvent> events_;
};

}  // namespace vouch::election
