#pragma once

#include <optional>
#include <string>
#include <variant>

#include "vouch/detector/result.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/election/elector_config.h"
#include "vouch/election/leadership.h"
#include "vouch/election/queue_claim.h"
#include "vouch/election/row_claim.h"
#include "vouch/election/store.h"
#include "vouch/election/tenure.h"

namespace vouch::election {

/// Whether this process may lead at all.
enum class Eligibility : std::uint8_t { kNo, kYes };

/// What the Elector wants done, or tells, in the order in which it comes out.
using ElectorAction = std::variant<StoreRequest, QueueRequest, PeerQuestion, LeadershipEvent>;

/// For people and programs that look at it.
struct ElectorStatus {
  Role role = Role::kIdle;
  std::optional<Leadership> leadership;
  std::optional<LockRecord> seen;  ///< The record as it was read last, while waiting.
  Instant expires_at = kNever;     ///< When a waiter may take it, as far as is known.
  std::string trouble;             ///< What the store said last; empty while it works.
  ElectorCounters counters;
};

/// One candidate for one lock. Does no I/O and reads no clock: the simulator, a test and a daemon
/// drive the same object, as they do the Monitor.
///
/// Order of calls. `start` once. Feed it each reply of the store (`handle_reply`), call
/// `handle_timeout` at the latest at `next_timeout()`. After each input take actions with
/// `poll_action()` until it yields nothing, and look at `next_timeout()` again. A StoreRequest is
/// answered exactly once, at the latest after its timeout. (Of StoreKind::kQueue: QueueRequest,
/// QueueReply, and notices as they come.) Of LeadershipEvents kElected starts the work of a leader;
/// after kStop or kLost the host stops it and calls `work_stopped`: before that this process does
/// not lead again. Before each effect ask `current(now)`: it is empty from the end of the lease on,
/// by the clock alone, whatever has or has not been called in between. `now` never goes back;
/// should it, it is clamped.
///
/// Equal (config, seed, inputs) give equal actions.
/// Not thread-safe: give it one owner.
class Elector {
 public:
  /// Checks `config` (Errc::kBadConfig names field, rule and value). `rng` draws the versions: two
  /// processes must not have the same seed.
  static Result<Elector> create(const ElectorConfig& config, Instant now, Rng rng);

  /// From now on it wants to lead.
  void start(Instant now);

  /// Gives leadership up, if it leads: kStop, then the release when the work has stopped. It stands
  /// again after one lease, which gives the others their turn.
  void resign(Instant now);

  /// kNo, "drain": resigns, and stays out until kYes.
  void set_eligible(Instant now, Eligibility eligible);

  /// Resigns for good. `is_settled` says when nothing is left to do.
  void close(Instant now);

  /// The work of the leader has moved (ElectorConfig::progress_timeout). Call it from the work, not
  /// from a thread beside it.
  void report_progress(Instant now);

  /// The work of a leader has stopped, because it was told to or by itself. If this process still
  /// led, the lock is released; nothing is written under that token afterwards.
  void work_stopped(Instant now);

  /// Of StoreKind::kRecord; others are dropped.
  void handle_reply(Instant now, const StoreReply& reply);
  /// Of StoreKind::kQueue; others are dropped.
  void handle_reply(Instant now, const QueueReply& reply);
  void handle_notice(Instant now, const QueueNotice& notice);
  /// Of a PeerQuestion (ElectorConfig::peer_patience); others and late ones are dropped.
  void handle_answer(Instant now, const PeerAnswer& answer);
  void handle_timeout(Instant now);

  [[nodiscard]] std::optional<ElectorAction> poll_action();
  [[nodiscard]] Instant next_timeout() const;

  /// Permission to do the work of a leader at `now`.
  [[nodiscard]] std::optional<Leadership> current(Instant now) const;

  [[nodiscard]] Role role() const;
  [[nodiscard]] bool is_settled() const;
  [[nodiscard]] ElectorStatus status(Instant now) const;
  [[nodiscard]] const ElectorConfig& config() const { return config_; }

 private:
  Elector(const ElectorConfig& config, Instant now, Rng rng);

  /// Asks the claim of whichever kind.
  template <typename Ask>
  auto claim(Ask&& ask) const {
    return std::visit(ask, claim_);
  }
  Instant enter(Instant now);
  void leave(Instant now);

  ElectorConfig config_;
  Tenure tenure_;
  std::variant<RowClaim, QueueClaim> claim_;
  std::optional<AnyRequest> request_;
  std::optional<PeerQuestion> question_;
  Instant last_;
  Instant out_until_ = kLongAgo;  ///< Does not stand before.
  bool is_started_ = false;
  bool is_eligible_ = true;
};

}  // namespace vouch::election
