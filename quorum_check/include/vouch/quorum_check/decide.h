#pragma once

#include <cstdint>
#include <span>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/candidates.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/quorum.h"
#include "vouch/quorum_check/status.h"

namespace vouch {

// The rules of the house as pure functions: what is decided depends on nothing but the input, so a
// decision that was recorded with its input (DecisionRecorder) can be replayed.

/// A promise not to help replace a leader: to whom, and until when.
struct Promise {
  Slot to = kNoSlot;
  Term term{};
  Instant until = kLongAgo;
};

/// A consent: bound to one candidate, supporting nobody else meanwhile.
struct Hold {
  Slot candidate = kNoSlot;
  Instant until = kLongAgo;
};

/// First-hand evidence: the leader's quorum lease, by the proved age of its claim.
struct LeaderEvidence {
  Slot leader = kNoSlot;
  Term term{};
  Instant until = kLongAgo;
};

/// Everything that binds a node in a group, and what it knows first-hand of a leader's lease.
struct Bindings {
  Promise promise{};
  Hold hold{};
  Instant earlier_until = kLongAgo;  ///< Promises to earlier leaders (LeaseMode::kWaitOut).
  Instant silent_until = kLongAgo;   ///< It restarted and may have promised before (rule S7).
  LeaderEvidence evidence{};
  bool leads = false;
  Instant lease_from = kLongAgo;   ///< Of its own lease, while it leads.
  Instant lease_until = kLongAgo;  ///< kLongAgo when it does not lead.

  [[nodiscard]] bool lease_held(Instant now) const {
    return leads && now >= lease_from && now < lease_until;
  }
};

/// Until when a node `self` is bound to somebody other than `candidate`. kLongAgo: to nobody.
[[nodiscard]] Instant bound_until(const Bindings& bindings, Slot self, Slot candidate);

/// One voter's newest answer in a round, as it came, and what it is worth: the instants are on the
/// asker's clock, aged by it (passed on, evidence is only ever aged).
struct ConfirmAnswer {
  std::uint32_t attempt = 0;  ///< The question that it answers; 0: it has not answered.
  Answer answer = Answer::kNotAsked;
  bool sick = false;                  ///< Recused: its evidence counts, its judgement does not.
  Instant asked_at = kLongAgo;        ///< When that question was sent: everything counts from here.
  Instant consent_until = kLongAgo;   ///< Until when a consent binds it, at least.
  Instant evidence_until = kLongAgo;  ///< The leader's lease as this voter proves it.
  Instant bound_until = kLongAgo;     ///< When it expects to be free of its promise or hold.
  // As it said; no rule of the decision reads it.
  Incarnation incarnation{};
  Term term{};
  NodeId leader{};
  NodeId endorses{};
  LogPosition log{};
};

/// Which question is being asked.
struct RoundFacts {
  Nonce nonce{};
  std::uint32_t attempt = 0;
  Slot subject = kNoSlot;  ///< The suspected leader; kNoSlot: the group has none.
  Incarnation subject_incarnation{};
  Term term{};  ///< Newest known when the round began.
  Instant started = kLongAgo;
};

/// Everything that a decision depends on. The two spans have an entry for each node that the group
/// deals with (with ClaimMode::kInline all of the roster), in the order of its slots.
struct DecisionInput {
  Instant now{};
  GroupId group{};
  ConfigEpoch epoch{};
  Term term{};  ///< Newest known.
  Voters voters{};
  Slot self = kNoSlot;
  OwnFacts own{};
  Bindings bindings{};
  RoundFacts round{};
  /// The suspected leader is heard again, or another one leads: the question is answered.
  bool leader_heard = false;
  Slot leader = kNoSlot;  ///< As known now. For the record only: no rule reads it.
  Duration hold{};  ///< How long a consent is asked to bind; missing answers mean something after.
  Duration window{};  ///< How long an answer shows a living peer.
  std::span<const PeerFacts> peers{};
  std::span<const ConfirmAnswer> answers{};

  [[nodiscard]] NodeId node(Slot slot) const {
    return slot < peers.size() ? peers[slot].node : kNobody;
  }
};

/// What `decide` concludes, with the numbers that led there.
struct DecisionOutput {
  Verdict verdict = Verdict::kWait;
  /// kSuppress: end of the evidence. kWait: when a quorum may be free. Else kLongAgo.
  Instant until = kLongAgo;
  SlotSet answered{};  ///< Voters with a fresh answer, this node included.
  SlotSet consenting{};
  SlotSet via{};                      ///< Who holds valid evidence.
  Candidacy own{};                    ///< Of this node.
  Slot best = kNoSlot;                ///< Best electable candidate that this node knows.
  Instant consents_until = kLongAgo;  ///< kCampaign: until when all consents bind.

  friend bool operator==(const DecisionOutput&, const DecisionOutput&) = default;
};

/// The rule of the house, a pure function. Tried in this order, the first that fits decides: the
/// leader is heard again; this node is sick; a newer term is known; valid evidence; fewer than a
/// quorum answers; nobody electable; this node is best and a quorum consents; somebody else is
/// best; else wait.
///
/// Why consents are enough: each consenting voter's promise had run out before it consented, and it
/// makes no new one while its consent binds it. A leader whose quorum lease is valid has a majority
/// of running promises, and two majorities share a voter. So a quorum of binding consents and a
/// valid quorum lease cannot exist at the same instant (rule S1).
[[nodiscard]] DecisionOutput decide(const DecisionInput& input);

/// The decision as it is told to the host. A pure function, too.
[[nodiscard]] Decision conclude(const DecisionInput& input, const DecisionOutput& output);

/// Everything that the answer to somebody else's question depends on.
struct AnswerInput {
  Instant now{};
  GroupId group{};
  ConfigEpoch epoch{};
  Term term{};  ///< Newest known.
  Voters voters{};
  Slot self = kNoSlot;
  OwnFacts own{};
  Bindings bindings{};
  // The question.
  Slot asker = kNoSlot;
  Nonce round{};
  std::uint32_t attempt = 0;
  NodeId subject{};
  ConfigEpoch asked_epoch{};
  Term asked_term{};
  bool wants_consent = false;
  bool asker_sick = false;
  LogPosition asker_log{};
  Duration hold{};  ///< For how long a consent would bind, within this node's own limit.

  Slot best = kNoSlot;  ///< Best candidate that this node knows; the asker counts as reached.
  /// For the record: what `best` was computed from. Empty while nobody records.
  std::span<const PeerFacts> peers{};
};

/// Whether, and why not, a node consents. The asker counts the answers by its own configuration: a
/// newer one than this node's decides itself who votes in it; an older one that this node knows to
/// be replaced elects nobody any more.
[[nodiscard]] Answer judge(const AnswerInput& input);

/// Everything that a vote depends on.
struct VoteInput {
  Instant now{};
  GroupId group{};
  Term term{};  ///< Newest known.
  Voters voters{};
  Slot self = kNoSlot;
  Slot candidate = kNoSlot;  ///< kNoSlot: a stranger.
  LeaseMode lease_mode = LeaseMode::kRefuse;
  Bindings bindings{};
  /// For the record: the names of the slots. Empty while nobody records.
  std::span<const PeerFacts> peers{};
};

/// Whether a node may vote for a candidate, as far as its promises go.
[[nodiscard]] VoteVerdict judge(const VoteInput& input);

}  // namespace vouch
