#pragma once

#include <array>
#include <optional>
#include <span>

#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/confirmation.h"
#include "vouch/quorum_check/core.h"
#include "vouch/quorum_check/event.h"
#include "vouch/quorum_check/group_table.h"
#include "vouch/quorum_check/leadership.h"
#include "vouch/quorum_check/quorum.h"
#include "vouch/quorum_check/relay.h"
#include "vouch/quorum_check/status.h"

namespace vouch {

/// The nodes that one group deals with. A Slot is an index into `at`.
struct Members {
  Slot count = 0;
  std::array<PeerIndex, kMaxNodes> at{};

  [[nodiscard]] std::span<const PeerIndex> all() const { return {at.data(), count}; }
  [[nodiscard]] Slot slot_of(PeerIndex peer) const {
    for (Slot slot = 0; slot < count; ++slot) {
      if (at[slot] == peer) return slot;
    }
    return kNoSlot;
  }
  friend bool operator==(const Members&, const Members&) = default;
};

/// What this node states on a group, and what it holds of the statements of others: what the
/// digests sum up (ClaimMode::kDigest).
struct Told {
  bool leads = false;
  bool claimed = false;    ///< `leader` claims it at `term`,
  bool supported = false;  ///< and this node accepts that.
  Slot leader = kNoSlot;
  Term term{};
  Term abdicated{};
  SlotSet supporters{};  ///< With `leads`: who accepts this node's claim.
  Members members{};

  friend bool operator==(const Told&, const Told&) = default;
};

/// One group as one node sees it: who leads, what is promised to whom, who would be best, and the
/// confirmation round while there is a suspicion. A part of the Monitor, which owns it.
///
/// Every method takes the shared Core, whose `now` is the present. `step` concludes each call into
/// the Monitor: it notices what time alone has changed. Not thread-safe: give it one owner.
class GroupWatch {
 public:
  GroupWatch(const Core& core, const GroupConfig& config, const Members& members);

  // When groups travel apart from heartbeats: a GroupWatch exists while something is going on.

  /// Of no group yet: `load` makes it one.
  GroupWatch() = default;
  /// Goes on where `state` stands.
  void load(const Core& core, const GroupState& state, std::span<const PeerIndex> members);
  /// Puts everything into `state`, if nothing is going on. False: something is; `state` is as it
  /// was.
  [[nodiscard]] bool store(const Core& core, GroupState& state) const;
  /// Takes over what is known of nodes: promises and support run on without a word on the group.
  void refresh(const Core& core);
  /// Accepts or withholds the leader's claim as things stand. Comes after each change.
  void settle_claim(Core& core);
  [[nodiscard]] Told told() const;
  void handle_claim(Core& core, Slot from, const Statement& statement);
  void handle_support(Core& core, Slot from, const Statement& statement);
  void handle_nothing(Core& core, Slot from, const Statement& statement);
  /// Whom the leader's end makes leaderless.
  [[nodiscard]] Slot leader() const { return leader_; }
  [[nodiscard]] Slot slot_of(const Core& core, NodeId node) const;
  [[nodiscard]] const Members& members() const { return members_; }
  /// A round or a candidacy is under way.
  [[nodiscard]] bool is_in_flight() const { return round_.active() || campaigning_; }
  /// It should ask, as soon as it may.
  [[nodiscard]] bool wants_round(const Core& core) const {
    return !leads_ && !is_in_flight() && core.now >= grace_until_ && !leader_is_fine(core);
  }
  /// It has consented to another candidate, whose consent still runs.
  [[nodiscard]] bool awaits(Instant now) const {
    return now < hold_.until && hold_.candidate != self_;
  }
  /// The round waits for others, and has had its time: the next group's turn.
  [[nodiscard]] bool may_yield(const Core& core) const;
  void yield(Core& core) { end_round(core); }
  /// Looks for somebody to whom to advise to hand over, for a while; see advise.
  void seek(const Core& core) {
    if (may_seek(core)) seeks_until_ = core.now + core.config.lease;
  }
  [[nodiscard]] bool is_seeking(Instant now) const { return leads_ && now < seeks_until_; }
  [[nodiscard]] bool may_seek(const Core& core) const {
    return leads_ && core.now >= advises_from_ && core.now >= seeks_until_;
  }
  /// This node is the best candidate that it knows, `asking` counted as reached.
  [[nodiscard]] bool is_best(const Core& core, Slot asking) const {
    return best_candidate(core, asking) == self_;
  }

  [[nodiscard]] GroupId id() const { return id_; }
  [[nodiscard]] Term term() const { return term_; }

  // From other nodes.
  void handle_record(Core& core, Slot from, const Heartbeat& heartbeat, const GroupRecord& record,
                     bool echo_fresh);
  void handle_support(Core& core, Slot from, const GroupRecord& record, Instant promised_at);
  void handle_request(Core& core, Slot from, const ConfirmRequest& received);
  void handle_reply(Core& core, Slot from, const ConfirmReply& reply);
  /// What `relayed` says of this group, heard from the leader by `via`; its evidence proves the
  /// leader's lease until `proved_until`. Whether it earned a promise.
  bool handle_relayed(Core& core, Slot via, const RelayedHeartbeat& relayed,
                      const GroupRecord& record, Instant proved_until);
  /// The same of a heartbeat that is too old for all else.
  void handle_relayed_abdication(Core& core, Slot via, Slot from, const GroupRecord& record);
  /// A promise for what this node sent at `promised_at`, which `via` carried.
  void handle_relayed_promise(const Core& core, Slot promiser, Slot via, Instant promised_at);
  /// What the sender of `reply` says of itself, where answers carry that (ClaimMode::kDigest).
  void note_candidacy(Slot from, const ConfirmReply& reply, const Candidacy& candidacy);
  /// The process that was `from` is gone: restarted (its new life spoke) or known dead.
  void handle_process_end(Core& core, Slot from);

  // From the host.
  void handle(Core& core, const Elected& event);
  void handle(Core& core, const CandidacyEnded& event);
  void handle(Core& core, const VoteGranted& event);
  void handle(Core& core, const TermObserved& event);
  void handle(Core& core, const LogAdvanced& event);
  void handle(Core& core, const EligibilityChanged& event);
  void handle(Core& core, const Resigned& event);
  void handle(Core& core, const ProgressReported& event);
  void handle(Core& core, const CommitReported& event);
  void handle(Core& core, const MembershipChanged& event);
  void handle(Core& core, const HandOver& event);

  /// Stands down if this node leads: it is of no use although its lease runs.
  void hand_over(Core& core, StandDownReason reason) {
    if (leads_) stand_down(core, reason);
  }

  /// While this node leads, and unless a change of leader or an advice is too young: advises to
  /// hand over to the best electable candidate that is not among `unfit`, if there is one.
  void advise(Core& core, TransferReason reason, SlotSet unfit);

  /// This node was stalled for `gap`: promises that ran at `since` run that much longer, because a
  /// clock that jumped looks the same as a process that slept.
  void extend_promises(Instant since, Duration gap);

  /// Stands down, suspects, asks, decides: whatever is due at core.now.
  void step(Core& core);

  /// When `step` is due at the latest.
  [[nodiscard]] Instant next_timeout(const Core& core) const;

  /// What this node tells `to` about the group.
  [[nodiscard]] GroupRecord record(const Core& core) const;
  /// The work of this node's host does not move.
  [[nodiscard]] bool is_stuck(const Core& core) const { return core.now >= stuck_at(core); }
  [[nodiscard]] bool withholds(Slot to) const { return withheld_.contains(to); }

  [[nodiscard]] VoteVerdict may_vote(const Core& core, Slot candidate, Instant now) const;
  [[nodiscard]] Instant bound_until(const Core& core, Slot candidate) const;
  [[nodiscard]] bool lease_held(Instant now) const {
    return leads_ && now >= lease_from_ && now < lease_until_;
  }
  [[nodiscard]] bool leads() const { return leads_; }
  [[nodiscard]] Instant guard(Term term) const { return term == term_ ? lease_until_ : kLongAgo; }
  [[nodiscard]] Instant promised_until() const;
  [[nodiscard]] GroupStatus status(const Core& core, Instant now) const;

  /// Whom this node knows to lead, how far it reaches it, and for how long it can prove its lease.
  [[nodiscard]] LeaderKnown leader_known(const Core& core) const;

 private:
  /// The newest word of a peer on this group.
  struct PeerView {
    Term claim{};      ///< Not 0: it claims to lead at this term.
    Term abdicated{};  ///< It has given up every term up to this one.
    /// Up to this term others are not believed that it leads: this was the newest known term when
    /// its process ended, or when it said itself that it does not lead. What it claims itself is
    /// believed, and evidence.
    Term ended{};
    Candidacy candidacy{};
    Nonce round{};              ///< Of its newest question,
    std::uint32_t attempt = 0;  ///< and its attempt.
  };

  // Slots and nodes.
  [[nodiscard]] NodeId node_of(const Core& core, Slot slot) const {
    return slot == kNoSlot ? kNobody : core.roster.node(members_.at[slot]);
  }
  [[nodiscard]] const Peer& peer_of(const Core& core, Slot slot) const {
    return core.peers[members_.at[slot]];
  }
  void ask(Core& core, Slot to, const ConfirmRequest& request);
  void answer(Core& core, Slot to, const ConfirmReply& reply);

  // Who leads.
  void learn_leader(Core& core, Term term, Slot leader);
  [[nodiscard]] Slot named_leader(const Core& core, Slot from, const GroupRecord& record) const;
  void adopt_term(Core& core, Term term, Slot leader);
  void set_leader(Core& core, Slot leader);
  void notice_leader(const Core& core);
  void stand_down(Core& core, StandDownReason reason, Term newer = {});
  void release(Slot from, Term up_to);
  [[nodiscard]] bool leader_is_fine(const Core& core) const;
  [[nodiscard]] WorkFacts work(const Core& core) const;
  [[nodiscard]] Instant stuck_at(const Core& core) const { return work(core).stuck_at(); }
  void refresh_lease();
  [[nodiscard]] std::optional<StandDownReason> due_to_stand_down(const Core& core) const;
  void add_strike(const Core& core);
  [[nodiscard]] std::uint8_t strikes(const Core& core) const {
    const std::uint8_t lost = core.now < steady_at_ ? strikes_ : std::uint8_t{0};
    // Who handed over is the last choice for a while, but that is no failure.
    return core.now < behind_until_ ? static_cast<std::uint8_t>(lost + 1) : lost;
  }

  // Who would be best.
  [[nodiscard]] OwnFacts own_facts(const Core& core) const;
  [[nodiscard]] Candidacy own_candidacy(const Core& core) const;
  [[nodiscard]] Slot best_candidate(const Core& core, Slot asking, SlotSet unfit = {}) const;
  [[nodiscard]] SlotSet own_slot() const {
    SlotSet own;
    own.insert(self_);
    return own;
  }

  // Relays.
  void tend_relay(Core& core, const DecisionOutput& decided);
  [[nodiscard]] Instant joined_with_leader(Slot slot) const;
  [[nodiscard]] bool is_bettered_by(const Core& core, Slot best) const;
  [[nodiscard]] Duration patience_with(const Core& core, Slot via) const;
  [[nodiscard]] Slot best_relayer(const DecisionOutput& decided, Slot but) const;

  // Promises and consents.
  [[nodiscard]] bool accepts_claim(const Core& core, Slot from, const GroupRecord& record) const;
  [[nodiscard]] bool fits_claim(const Core& core, Slot from, Term claim) const;
  [[nodiscard]] bool is_settled(const Core& core) const;
  [[nodiscard]] bool wants_successor(const Core& core) const {
    return !may_lead_ || core.now < hands_over_until_ || core.now < seeks_until_;
  }
  void look_for_successor(Core& core);
  void advise_found(Core& core);
  [[nodiscard]] bool is_settled_leader(const Core& core) const;
  [[nodiscard]] bool set_voters(const Core& core, const Voters& voters, Members members);
  [[nodiscard]] Bindings bindings(const Core& core) const;
  void make_promise(const Core& core, Slot to, Term term, Instant until);
  [[nodiscard]] Answer answer_to(Core& core, Slot from, const ConfirmRequest& request, Slot best);
  [[nodiscard]] bool take_question(Slot from, const ConfirmRequest& request);

  // What the rules read, in the form in which it can be recorded.
  using PeerRoom = std::array<PeerFacts, kMaxNodes>;
  std::span<const PeerFacts> gather_peers(const Core& core, PeerRoom& room) const;
  void record_stand_down(const Core& core, StandDownReason reason, Term newer) const;

  // The round.
  void start_round(Core& core);
  void end_round(Core& core);
  void send_attempt(Core& core, Verdict verdict);
  void evaluate(Core& core);
  void campaign(Core& core, const DecisionOutput& decided);
  void record_decision(Core& core, const DecisionInput& input, const DecisionOutput& decided);
  void plan_next_attempt(Core& core, const DecisionOutput& decided);
  void check_suppress_cap(Core& core, Verdict verdict);
  [[nodiscard]] DecisionInput decision_input(Core& core) const;
  [[nodiscard]] bool wants_consent(const Core& core, const Candidacy& own, Verdict verdict) const;
  [[nodiscard]] bool proves_nothing(const Core& core, const ConfirmReply& reply) const;
  [[nodiscard]] Duration hold_for(const Core& core) const;

  GroupId id_{};
  ConfigEpoch epoch_{};
  Members members_{};
  Voters voters_{};
  Slot self_ = kNoSlot;
  LogPosition log_{};
  std::uint16_t priority_ = 0;
  bool may_lead_ = false;

  Term term_{};            ///< Newest known; never decreases (rule S6).
  Slot leader_ = kNoSlot;  ///< Of term_, as far as known.
  Term abdicated_{};       ///< Newest own term given up.
  std::array<PeerView, kMaxNodes> views_{};
  SlotSet withheld_{};      ///< Whose newest heartbeat earned no promise for this group.
  bool supported_ = false;  ///< kDigest: this node accepts the claim of leader_.

  Promise promise_{};
  /// LeaseMode::kWaitOut: promises to earlier leaders, replaced by newer ones, run until here. What
  /// releases the newer one does not end the lease that rests on them (rule S8).
  Instant earlier_until_ = kLongAgo;
  Hold hold_{};
  LeaderEvidence evidence_{};

  // While this node leads.
  bool leads_ = false;
  Instant claim_made_ = kLongAgo;  ///< Acknowledgements of older heartbeats do not know the claim.
  Instant lease_from_ = kLongAgo;  ///< kWaitOut: earlier leases may still run before.
  SlotSet supporters_{};           ///< kDigest: who accepts this node's claim.
  std::array<Instant, kMaxNodes> support_{};
  Instant lease_until_ = kLongAgo;  ///< By support_ and voters_; kLongAgo when it does not lead.

  // The host's work.
  Instant pending_since_ = kNever;  ///< kNever: nothing is pending.
  Instant reported_at_ = kNever;    ///< The worker's newest word; kNever before its first.
  std::uint64_t commit_ = 0;
  bool reports_commits_ = false;

  // What this node lost lately.
  std::uint8_t strikes_ = 0;
  Instant steady_at_ = kLongAgo;  ///< Until then they count.

  // Handing over.
  Instant hands_over_until_ = kLongAgo;  ///< Stands down when somebody suits, until then.
  Instant behind_until_ = kLongAgo;      ///< Handed over lately: the last choice.
  Slot last_leader_ = kNoSlot;           ///< The newest that was known.
  Instant advises_from_ = kLongAgo;      ///< No advice before.
  Instant seeks_until_ = kLongAgo;       ///< kDigest: asks who could lead, until then.

  // While this node suspects.
  Confirmation round_{};
  Instant grace_until_ = kLongAgo;  ///< A new term's leader gets time to speak.
  Instant next_attempt_ = kNever;
  Instant last_attempt_ = kLongAgo;
  Duration backoff_{};
  bool wanted_consent_ = false;  ///< The newest attempt asked for consents.
  bool campaigning_ = false;     ///< Told the host to campaign; its outcome is awaited.
  Instant campaign_until_ = kLongAgo;
  Verdict verdict_ = Verdict::kTrust;
  Slot last_best_ = kNoSlot;
  Instant last_until_ = kLongAgo;
  Instant suppressed_since_ = kNever;
  Instant next_alert_ = kNever;
  Relayer relayer_{};
};

}  // namespace vouch
