#pragma once

#include <variant>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/quorum_check/action.h"

namespace vouch {

/// The host won an election: it leads `group` at `term`. The votes are its first support, counted
/// from `requested_at`, the instant at which it asked for the first of them.
struct Elected {
  GroupId group{};
  Term term{};
  Instant requested_at{};
  NodeList voters{};  ///< Who voted for it, itself included.
  /// kWaitOut only: the longest promise that a vote reported, counted from now.
  Duration bound{};
};

/// The host's candidacy at `term` failed or was abandoned. The votes that it got are freed.
struct CandidacyEnded {
  GroupId group{};
  Term term{};
};

/// The host voted for `candidate` at `term`, after Monitor::may_vote said yes. The vote is a
/// promise: it supports the candidate for one lease.
struct VoteGranted {
  GroupId group{};
  NodeId candidate{};
  Term term{};
};

/// The host learned of a term through its own messages.
struct TermObserved {
  GroupId group{};
  Term term{};
};

/// The end of the host's log moved.
struct LogAdvanced {
  GroupId group{};
  LogPosition log{};
};

/// Drain (false) or undrain (true). A drained leader stands down as soon as another node is
/// electable; while nobody is, it goes on leading, because a group without a leader is worse.
struct EligibilityChanged {
  GroupId group{};
  bool may_lead = true;
};

/// The host gave up its leadership of `term`.
struct Resigned {
  GroupId group{};
  Term term{};
};

/// The host wants to lead no longer, although it could: this node stands down as soon as another
/// one is electable that has as long a log, and for MonitorConfig::hold_off it is the last choice.
/// How a TransferAdvice is followed. Ends with the leadership, or when nobody suits within a lease.
struct HandOver {
  GroupId group{};
  Term term{};  ///< Of the leadership to give up.
};

/// From the worker, not from the heartbeat thread: the oldest uncommitted work was accepted
/// `oldest_pending` ago; zero: nothing is pending.
struct ProgressReported {
  GroupId group{};
  Duration oldest_pending{};
};

/// From the worker: everything up to `index` of the log is committed. For hosts that do not know
/// the age of their work: something is pending while the log (LogAdvanced) is longer, and its age
/// is counted from the newest commit. Counts while this node leads: followers may report it too.
struct CommitReported {
  GroupId group{};
  std::uint64_t index = 0;
};

/// The membership changed: tell it when the new configuration is appended to this node's log (Raft
/// section 6), not when it is committed. `epoch` must be above the one before. `joint` holds the
/// other half of a joint configuration, or nobody. All must be in the roster. Quorums of two
/// configurations that follow each other must share a voter: one change of one voter at a time, or
/// a joint configuration between.
struct MembershipChanged {
  GroupId group{};
  ConfigEpoch epoch{};
  NodeList voters{};
  NodeList joint{};
};

/// Certain knowledge, authenticated by the edge: the process of `node` at `incarnation` has exited.
/// Its promises and its claims are void at once.
struct Obituary {
  NodeId node{};
  Incarnation incarnation{};
};

/// Something hints that `node` is in trouble (a refused probe, a reset connection): asks early,
/// releases nothing.
struct Hint {
  NodeId node{};
};

/// What the host tells its Monitor.
using LocalEvent = std::variant<Elected, CandidacyEnded, VoteGranted, TermObserved, LogAdvanced,
                                EligibilityChanged, Resigned, ProgressReported, CommitReported,
                                MembershipChanged, Obituary, Hint, HandOver>;

}  // namespace vouch
