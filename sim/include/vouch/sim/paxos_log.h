#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vouch/detector/ids.h"
#include "vouch/sim/network.h"
#include "vouch/sim/term_log.h"

namespace vouch::sim {

/// What Paxos replicas send each other.
struct PaxosMessage {
  enum class Kind : std::uint8_t {
    kPrepare,   ///< Phase 1 of `ballot`; `index`: what follows it is wanted of a better log.
    kPromise,   ///< Nothing below `ballot` from now on; `entries` when this log is the better one.
    kAccept,    ///< Phase 2, with entries or without: the heartbeat.
    kAccepted,  ///< `index`: the match, or when `is_mismatch`, where to try next.
    kReject,    ///< `ballot` has been promised, which is higher.
  };
  Kind kind = Kind::kPrepare;
  bool is_mismatch = false;
  Term ballot{};
  std::uint64_t commit = 0;  ///< kAccept.
  std::uint64_t index = 0;
  LogPosition last{};  ///< kPrepare, kPromise: the end of the sender's log.
  LogSlice entries{};
};

/// As traces print it.
[[nodiscard]] std::string_view to_string(PaxosMessage::Kind kind);

/// The replicated log of a Multi-Paxos group: acceptor and proposer of one replica, without
/// heartbeats, timers and elections, which are the protocols' own. Phase 1 covers the whole log
/// (Lamport, "Paxos made simple", 2001, section 3), and the new leader takes over the best log that
/// a majority has, so that a candidate with an old log can win.
///
/// Modification: as in Raft an entry keeps the ballot of the leader that proposed it first; logs
/// are compared by the ballot of their last entry, then by length; and a leader counts its own
/// entries only. A leader begins with an entry of its own. Entries travel with what precedes them,
/// so that lost messages do no harm. What is short of eight terms travels in one promise; the rest
/// of a longer difference is asked for.
/// Not thread-safe: give it one owner.
class PaxosLog {
 public:
  enum class Phase : std::uint8_t { kIdle, kPreparing, kLeading };

  PaxosLog(NodeIndex self, std::size_t replicas);

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] Term promised() const { return promised_; }
  [[nodiscard]] Term ballot() const { return ballot_; }  ///< Of its newest own attempt.
  [[nodiscard]] const TermLog& log() const { return log_; }
  [[nodiscard]] std::uint64_t commit() const { return commit_; }

  /// Phase 1 of an attempt at `ballot`, which must be higher than what it has promised.
  void prepare(Term ballot);

  /// What to send `to` in phase 1. Repeat it while `wants_promise`.
  [[nodiscard]] PaxosMessage prepare_for(NodeIndex to) const;
  [[nodiscard]] bool wants_promise(NodeIndex from) const;

  /// A majority has promised, and the best of their logs is here.
  [[nodiscard]] bool is_prepared() const;

  /// Phase 2: takes over the log and appends its first entry. Requires is_prepared.
  void lead();

  /// Appends an entry. Requires Phase::kLeading.
  void append();

  /// What to send `to` in phase 2.
  [[nodiscard]] PaxosMessage accept_for(NodeIndex to) const;

  /// Gives up its attempt or leadership.
  void stop() { phase_ = Phase::kIdle; }

  /// The answers: kPromise or kReject, and kAccepted or kReject. A higher ballot than its own ends
  /// its attempt or leadership.
  [[nodiscard]] PaxosMessage answer_prepare(NodeIndex from, const PaxosMessage& message);
  [[nodiscard]] PaxosMessage answer_accept(NodeIndex from, const PaxosMessage& message);

  void on_promise(NodeIndex from, const PaxosMessage& message);

  /// True: the follower lacks what precedes the entries, send again.
  [[nodiscard]] bool on_accepted(NodeIndex from, const PaxosMessage& message);

  /// A restart: what a disk keeps is kept.
  void restart() { phase_ = Phase::kIdle; }
  void lose_disk();

  /// Takes `ballot` as promised to `to` before anything has happened.
  void promise_initially(Term ballot, NodeIndex to);

 private:
  [[nodiscard]] bool may_promise(NodeIndex from, Term ballot) const;
  void promise(NodeIndex to, Term ballot);
  void advance_commit();
  [[nodiscard]] std::size_t majority() const { return replicas_ / 2 + 1; }

  NodeIndex self_;
  std::size_t replicas_;

  // What a disk keeps.
  Term promised_{};
  NodeIndex promised_to_ = 0;
  TermLog log_;

  std::uint64_t commit_ = 0;
  Phase phase_ = Phase::kIdle;
  Term ballot_{};
  NodeSet promises_ = 0;
  NodeIndex best_ = 0;       ///< Whose log is the best among the promises.
  LogPosition best_last_{};  ///< Its end.
  TermLog incoming_;         ///< That log, as far as it has arrived.
  std::array<std::uint64_t, kMaxSimNodes> match_{};
  std::array<std::uint64_t, kMaxSimNodes> next_{};
};

}  // namespace vouch::sim
