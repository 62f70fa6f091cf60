#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vouch/detector/rng.h"
#include "vouch/election/claim.h"
#include "vouch/election/elector_config.h"
#include "vouch/election/peer_leave.h"
#include "vouch/election/store.h"
#include "vouch/election/tenure.h"

namespace vouch::election {

/// The part of an Elector that speaks to a store with conditional writes: watches the record, takes
/// it when its holder has not changed it for a lease, renews it, releases it.
///
/// At most one request is out at any time. A write without a usable reply is remembered until the
/// record shows what became of it; only then is the next one sent. As a version never comes back, a
/// write that was conditional on an earlier version than the record's is known never to apply.
/// Not thread-safe: give it one owner.
class RowClaim {
 public:
  RowClaim(const ElectorConfig& config, Rng rng);

  /// What the Elector wants: the lock, or none. Decides at the next `act`.
  void want(bool wanted) { wants_ = wanted; }

  /// Gives the lock back as soon as nothing is out.
  void begin_release(Instant now);

  /// The next request, if one is due and none is out.
  [[nodiscard]] std::optional<AnyRequest> act(Instant now, Tenure& tenure);

  void handle_reply(Instant now, const StoreReply& reply, Tenure& tenure);

  /// The question to the peers, if one is due.
  [[nodiscard]] std::optional<PeerQuestion> ask_peers(Instant now);
  void handle_answer(Instant now, const PeerAnswer& answer);

  /// When `act` or `ask_peers` is due at the latest.
  [[nodiscard]] Instant due(const Tenure& tenure) const;

  /// Nothing is out and nothing is to be given back.
  [[nodiscard]] bool is_settled() const { return !out_ && !is_releasing_; }

  /// Another process with the same owner name is alive.
  [[nodiscard]] bool is_refused() const { return is_refused_; }

  /// The record as it was read last, while waiting.
  [[nodiscard]] const std::optional<LockRecord>& seen() const { return seen_; }
  /// When a waiter may take it, as far as is known.
  [[nodiscard]] Instant expires_at() const;
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] const ElectorCounters& counters() const { return counters_; }

 private:
  enum class Kind : std::uint8_t { kRead, kTake, kRenew, kRelease };

  /// A write of this process that may be what the record shows, or may yet become it.
  struct Attempt {
    RecordVersion version;
    std::optional<RecordVersion> expected;
    Instant sent_at{};
    bool is_take = false;  ///< Never led with: what it took may be adopted.
  };

  struct Out {
    std::uint64_t id = 0;
    Kind kind = Kind::kRead;
    Instant sent_at{};
    RecordVersion version;  ///< What the write puts there.
  };

  [[nodiscard]] StoreRequest send(Instant now, Kind kind, LockOperation operation,
                                  RecordVersion version = {});
  [[nodiscard]] StoreRequest take(Instant now, std::optional<RecordVersion> expected);
  [[nodiscard]] StoreRequest renew(Instant now);
  [[nodiscard]] RecordVersion next_version();
  [[nodiscard]] const Attempt* find_attempt(const RecordVersion& version) const;
  void forget(const RecordVersion& version);
  void prune(const std::optional<LockRecord>& record);
  void handle_read(Instant now, const std::optional<LockRecord>& record, Tenure& tenure);
  void settle(Instant now, const std::optional<LockRecord>& record, Tenure& tenure);
  void observe(Instant now, const std::optional<LockRecord>& record, Tenure& tenure);
  void watch_for_twin(Instant now, const LockRecord& record, Tenure& tenure);
  void tell_holder(Instant now, const std::optional<LockRecord>& record, Tenure& tenure);
  void try_again(Instant now, StoreOutcome outcome);
  void handle_take(Instant now, const Out& out, const StoreReply& reply, Tenure& tenure);
  void handle_renew(Instant now, const Out& out, const StoreReply& reply, Tenure& tenure);
  void handle_release(Instant now, const StoreReply& reply);
  void hold(Instant now, const RecordVersion& version, FencingToken token, Instant sent_at,
            Tenure& tenure);
  void end_release();
  void notice_loss(Instant now, const Tenure& tenure);
  [[nodiscard]] bool is_own(const LockRecord& record) const;
  [[nodiscard]] bool is_takeable(Instant now) const;
  [[nodiscard]] bool watches_holder() const;
  [[nodiscard]] Duration retry_interval() const;

  std::string name_;
  std::string owner_;
  std::string data_;
  Duration lease_;
  Duration held_lease_;
  Duration heartbeat_interval_;
  Duration refresh_interval_;
  Duration request_timeout_;
  Rng rng_;

  bool wants_ = false;
  bool holds_ = false;      ///< `confirmed_` is, or was at the last reply, the record's version.
  bool is_unsure_ = false;  ///< The record must be read before the next write.
  bool is_releasing_ = false;
  bool is_refused_ = false;
  std::uint32_t twin_changes_ = 0;
  Instant next_at_ = kLongAgo;
  Instant release_until_ = kLongAgo;  ///< Later it has expired for everybody.
  RecordVersion confirmed_;
  std::vector<Attempt> attempts_;
  std::optional<Out> out_;
  std::uint64_t sent_ = 0;
  bool has_seen_ = false;
  Instant seen_at_ = kLongAgo;  ///< Since when the record has not changed.
  std::optional<LockRecord> seen_;
  PeerLeave peer_leave_;
  std::string told_holder_;
  FencingToken told_token_{};
  std::string trouble_;
  ElectorCounters counters_;
};

}  // namespace vouch::election
