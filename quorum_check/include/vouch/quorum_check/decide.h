#pragma once

#include <array>

#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/quorum.h"

namespace vouch {

/// What one voter's newest answer in this round is worth at the instant of the decision. A voter
/// that has not answered freshly counts for nothing, neither yes nor no (rule S5).
struct AnswerView {
  bool fresh = false;                 ///< Answered an attempt that is young enough to count.
  bool sick = false;                  ///< Recused: its evidence counts, its judgement does not.
  bool consents = false;              ///< Consents, and the consent still binds it.
  Instant evidence_until = kLongAgo;  ///< The leader's lease as this voter proves it, aged by us.
  Instant bound_until = kLongAgo;     ///< When it expects to be free of its promise or hold.
};

/// Everything that a decision depends on. A plain value, so that a recorded decision can be
/// replayed.
struct DecisionInput {
  Instant now{};
  Voters voters{};
  Slot self = kNoSlot;
  bool self_sick = false;
  bool self_is_voter = false;
  bool self_free = false;                  ///< No promise, evidence or hold binds this node itself.
  Instant self_bound_until = kLongAgo;     ///< When it will be free by its own clock.
  Instant self_evidence_until = kLongAgo;  ///< First-hand evidence of this node itself.
  bool newer_term_known = false;
  bool first_window_over = false;  ///< The round is old enough that missing answers mean something.
  Slot best = kNoSlot;             ///< Best electable candidate that this node knows.
  std::array<AnswerView, kMaxNodes> answers{};
};

/// What `decide` concludes, with the numbers that led there.
struct DecisionOutput {
  Verdict verdict = Verdict::kWait;
  Instant until = kLongAgo;  ///< kSuppress: end of the evidence. kWait: when a quorum may be free.
  SlotSet answered{};        ///< Voters with a fresh answer, this node included.
  SlotSet consenting{};
  SlotSet via{};  ///< Who holds valid evidence.

  friend bool operator==(const DecisionOutput&, const DecisionOutput&) = default;
};

/// The rule of the house, a pure function. Tried in this order, the first that fits decides:
/// this node is sick; a newer term is known; valid evidence; fewer than a quorum answers; nobody
/// electable; this node is best and a quorum consents; somebody else is best; else wait.
///
/// Why consents are enough: each consenting voter's promise had run out before it consented, and it
/// makes no new one while its consent binds it. A leader whose quorum lease is valid has a majority
/// of running promises, and two majorities share a voter. So a quorum of binding consents and a
/// valid quorum lease cannot exist at the same instant (rule S1).
[[nodiscard]] DecisionOutput decide(const DecisionInput& input);

}  // namespace vouch
