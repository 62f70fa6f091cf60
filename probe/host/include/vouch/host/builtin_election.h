#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
#include "vouch/detector/ring.h"
#include "vouch/detector/time.h"
#include "vouch/host/vote.h"
#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/event.h"
#include "vouch/quorum_check/quorum.h"
#include "vouch/quorum_check/roster.h"
#include "vouch/quorum_check/status.h"

namespace vouch::host {

/// The vote that a node has given, as it must survive a crash: one vote per node and term.
struct Ballot {
  GroupId group{};
  Term term{};         ///< 0: never voted.
  NodeId voted_for{};  ///< kNobody: no vote was given in `term`.

  friend bool operator==(const Ballot&, const Ballot&) = default;
};

/// How the built-in election goes about it. The members, the groups and the lease mode are those
/// of the Monitor beside it.
struct ElectionConfig {
  /// Time between two requests to a voter that has not answered. In (0, vote_window].
  Duration retry_interval = std::chrono::milliseconds(50);

  /// How long a candidacy may last. Above zero; a good deal shorter than the lease, which is
  /// counted from the first request and ends every candidacy that is still open then.
  Duration vote_window = std::chrono::milliseconds(300);

  /// What was persisted before a restart; at most one entry per group, of configured groups only.
  std::vector<Ballot> ballots;
};

/// Checks the rules above. The message names the field, the rule and the value.
[[nodiscard]] Status validate(const ElectionConfig& config, const MonitorConfig& monitor);

/// What Monitor::may_vote and Monitor::bound say about the sender of a request, now.
struct VotePermission {
  VoteVerdict verdict = VoteVerdict::kNotVoter;
  Duration bound{};
};

/// Deliver `message` to the host on `to`, now or never.
struct SendVote {
  NodeId to{};
  VoteMessage message{};
};

/// Make `ballot` durable before anything that comes out after this: a vote that leaves the node and
/// is forgotten in a crash can be given twice.
struct Persist {
  Ballot ballot{};
};

/// Everything that the election wants done, in the order in which it comes out. A LocalEvent goes
/// to Monitor::handle_local with the same `now`.
using ElectionOutput = std::variant<SendVote, Persist, LocalEvent>;

/// Counters since creation.
struct ElectionCounters {
  std::uint64_t candidacies = 0;
  std::uint64_t candidacies_won = 0;
  std::uint64_t candidacies_expired = 0;  ///< vote_window or the lease was over.
  std::uint64_t candidacies_lost = 0;  ///< A newer term, or a majority that will not vote for it.
  std::uint64_t requests_sent = 0;
  std::uint64_t votes_granted = 0;  ///< To others, each term once.
  std::uint64_t votes_refused = 0;
  std::uint64_t dropped_unknown_sender = 0;  ///< Not a peer, or not who the transport says.
  std::uint64_t dropped_unknown_group = 0;
  std::uint64_t dropped_stale_reply = 0;  ///< Not for the running candidacy, or counted already.
};

/// The smallest election that a host can run when a Monitor says Campaign: majority vote, one vote
/// per node and term. It shows what vouch expects of a host and serves programs without a consensus
/// of their own; it is no part of the core. Leader election only (Raft section 5.2): no log is
/// kept, the log position is what the host says it is.
///
/// Modification: a voter takes on a newer term only from a request that its Monitor lets it grant
/// (as in Raft's thesis, section 4.2.3), so that a candidate that nobody may follow disturbs
/// nobody.
///
/// Order of calls. Beside a Monitor and with the same `now`: its Campaign and StandDown actions go
/// to the methods of that name, the term of its LeaderChanged to `observe_term`, messages to
/// `handle_request` (with what the Monitor says about the sender) and `handle_reply`. Then take
/// outputs with `poll_output()` until it yields nothing. Replica does all this.
///
/// Reads no clock, starts nothing, does not allocate after `create()`.
/// Not thread-safe: give it one owner.
class BuiltinElection {
 public:
  /// `monitor` is the configuration of the Monitor beside it, already valid. Errc::kBadConfig names
  /// the field, the rule and the value.
  static Result<BuiltinElection> create(const MonitorConfig& monitor, const ElectionConfig& config);

  /// Stands for election at a term above `campaign.after` and its own. `own_bound` is what
  /// Monitor::bound says about this node itself (LeaseMode::kWaitOut).
  ///
  /// A Campaign that comes after its valid_until ends unborn: no term is spent.
  void handle_campaign(Instant now, const Campaign& campaign, Duration own_bound = {});

  /// The Monitor gave a leadership up: a candidacy at that term or before ends.
  void handle_stand_down(Instant now, const StandDown& stand_down);

  /// The request of `from`, and whether the Monitor lets this node vote for it.
  void handle_request(Instant now, NodeId from, const VoteRequest& request,
                      VotePermission permission);

  /// The answer of `from`.
  void handle_reply(Instant now, NodeId from, const VoteReply& reply);

  /// The Monitor learned of a term: a candidacy at an older one is over.
  void observe_term(Instant now, GroupId group, Term term);

  /// The end of the log that this node would lead with, and compares candidates by.
  void set_log(GroupId group, LogPosition log);

  /// The voters changed. A candidacy under the old ones ends. The Monitor has checked the event.
  void set_membership(const MembershipChanged& event);

  /// Repeats requests and ends candidacies. Calling it early or often is harmless.
  void handle_timeout(Instant now);

  /// The next thing to do, if any. Take all of them after each handle_* call.
  [[nodiscard]] std::optional<ElectionOutput> poll_output();

  /// When `handle_timeout` is due at the latest.
  [[nodiscard]] Instant next_timeout() const;

  /// The newest term known of `group` and the vote given in it.
  [[nodiscard]] Ballot ballot(GroupId group) const;

  /// Whether this node stands for election in `group`.
  [[nodiscard]] bool is_candidate(GroupId group) const;

  [[nodiscard]] const ElectionCounters& counters() const { return counters_; }

 private:
  /// One group: the ballot, and the candidacy while there is one.
  struct Race {
    GroupId id{};
    ConfigEpoch epoch{};
    Voters voters{};
    LogPosition log{};
    Term term{};         ///< Newest known; never decreases.
    NodeId voted_for{};  ///< In term.

    bool standing = false;  ///< Everything below belongs to the candidacy at `term`.
    Instant requested_at{};
    Instant retry_at = kNever;
    Instant ends_at = kNever;
    std::array<Instant, kMaxNodes> bound_until{};  ///< Of each voter; kNever: it has not voted.
    SlotSet yes{};
    SlotSet no{};  ///< Refused for good. A refusal that may change counts for nothing.
  };

  BuiltinElection(const MonitorConfig& monitor, const ElectionConfig& config);

  [[nodiscard]] Race* find(GroupId group);
  [[nodiscard]] const Race* find(GroupId group) const;
  [[nodiscard]] Slot slot_of_sender(NodeId from, const Sender& sender);
  [[nodiscard]] VoteAnswer judge(const Race& race, Slot from, const VoteRequest& request,
                                 VotePermission permission) const;
  void adopt_term(Race& race, Term term);
  void ask_voters(Race& race, Instant now);
  void conclude(Race& race, Instant now);
  void end_candidacy(Race& race, std::uint64_t& counter);

  Roster roster_;
  Sender self_;
  LeaseMode lease_mode_;
  Duration retry_interval_;
  Duration vote_window_;
  std::array<Race, kMaxGroupsPerHeartbeat> races_{};
  std::size_t race_count_ = 0;
  Ring<ElectionOutput> out_;
  ElectionCounters counters_{};
};

}  // namespace vouch::host
