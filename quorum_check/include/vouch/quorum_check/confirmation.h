#pragma once

#include <array>
#include <cstdint>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/core.h"
#include "vouch/quorum_check/decide.h"

namespace vouch {

/// One confirmation round: what was asked about whom, and what came back.
///
/// A round lives as long as its suspicion; a retry raises the attempt and keeps the nonce (rule
/// L5), so that answers count also when the round trip exceeds the retry interval. What an answer
/// is worth is counted from the sending of the attempt that it answers, on this node's clock.
/// Not thread-safe: give it one owner.
class Confirmation {
 public:
  /// Answers to older attempts than this many back are stale.
  static constexpr std::uint32_t kAttemptsKept = 32;

  [[nodiscard]] bool active() const { return active_; }
  [[nodiscard]] Nonce nonce() const { return nonce_; }
  [[nodiscard]] std::uint32_t attempt() const { return attempt_; }
  [[nodiscard]] Slot subject() const { return subject_; }
  [[nodiscard]] Incarnation subject_incarnation() const { return subject_incarnation_; }
  [[nodiscard]] Term term() const { return term_; }
  [[nodiscard]] Instant started() const { return started_; }

  /// Begins a round about `subject` (kNoSlot: the group has no leader) at `term`.
  void start(Instant now, Nonce nonce, Slot subject, Incarnation incarnation, Term term);

  /// Ends the round: what comes back from now on is stale.
  void stop() { active_ = false; }

  /// Counts one more sending; its answers are worth something for `hold` from now, those that
  /// consent, and for `window` as a sign of life.
  void next_attempt(Instant now, Duration hold);

  /// Takes an answer. False: it is not of this round, subject, incarnation or attempt, or older
  /// than one already taken from the same voter (rule S3).
  /// `subject` is the node of subject().
  bool take(const Core& core, Slot from, NodeId subject, const ConfirmReply& reply);

  /// The evidence that `slot` answered with is known to carry until `until`, at least.
  void renew_evidence(Slot slot, Instant until) {
    Instant& known = answers_[slot].evidence_until;
    if (until > known) known = until;
  }

  /// A voter's promises and evidence are void: its process is known to have exited or restarted.
  void forget(Slot slot) { answers_[slot] = ConfirmAnswer{}; }

  /// What came back so far, by slot. Instants are on this node's clock.
  [[nodiscard]] const std::array<ConfirmAnswer, kMaxNodes>& answers() const { return answers_; }

  /// The last round trip of an answer to this node, or zero.
  [[nodiscard]] Duration round_trip() const { return round_trip_; }

 private:
  struct Attempt {
    std::uint32_t number = 0;
    Instant sent_at = kLongAgo;
    Duration hold{};
  };

  bool active_ = false;
  Nonce nonce_{};
  std::uint32_t attempt_ = 0;
  Slot subject_ = kNoSlot;
  Incarnation subject_incarnation_{};
  Term term_{};
  Instant started_ = kLongAgo;
  Duration round_trip_{};
  std::array<Attempt, kAttemptsKept> attempts_{};
  std::array<ConfirmAnswer, kMaxNodes> answers_{};
};

}  // namespace vouch
