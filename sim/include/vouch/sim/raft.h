#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "vouch/detector/ids.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/sim/network.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/term_log.h"

namespace vouch::sim {

/// Which Raft: Ongaro, "Consensus: bridging theory and practice" (2014), chapter 3, with the
/// extensions as the raft library of etcd (go.etcd.io/raft) has them. Times are counted in ticks of
/// `heartbeat_interval`, as there.
struct RaftOptions {
  Duration heartbeat_interval = std::chrono::milliseconds(100);
  /// A follower campaigns after this plus a random time below this again (thesis section 3.4; etcd:
  /// [electiontimeout, 2 * electiontimeout - 1] ticks).
  Duration election_timeout = std::chrono::milliseconds(1000);
  /// Thesis section 9.6: asks for pre-votes first and spends no term on an election that it cannot
  /// win.
  bool pre_vote = false;
  /// Thesis section 6.2: a leader that did not hear from a majority for an election timeout steps
  /// down. And section 4.2.3: who heard from a leader within an election timeout ignores requests
  /// for votes.
  bool check_quorum = false;
};

/// What Raft replicas send each other.
struct RaftMessage {
  enum class Kind : std::uint8_t {
    kAppend,  ///< AppendEntries, empty or not: the heartbeat.
    kAppendReply,
    kPreVote,  ///< At the term after the sender's own.
    kPreVoteReply,
    kVote,
    kVoteReply,
  };
  Kind kind = Kind::kAppend;
  bool is_rejected = false;  ///< Replies.
  Term term{};
  std::uint64_t commit = 0;  ///< kAppend.
  std::uint64_t index = 0;   ///< kAppendReply: the match, or when rejected, where to try next.
  LogPosition last{};        ///< kPreVote, kVote: the end of the candidate's log.
  LogSlice entries{};        ///< kAppend.
};

/// A Raft replica, as etcd's library behaves; that library is the judge where it and the thesis
/// differ. Each leader appends one entry per heartbeat, so that log position matters for votes.
///
/// Modification: no leadership transfer, no membership change, no snapshots (entries have no
/// contents), and AppendEntries is the heartbeat, where etcd has a message of its own.
class RaftReplica final : public TypedReplica<RaftReplica, RaftMessage> {
 public:
  RaftReplica(const ReplicaOptions& replica, const RaftOptions& options);

  Instant start(const Boot& boot, Context& context) override;
  Instant handle(NodeId from, const RaftMessage& message, Context& context);
  Instant handle_timeout(Context& context) override;
  [[nodiscard]] ReplicaStatus status(Instant now) const override;

  [[nodiscard]] LogPosition last_log() const { return log_.last(); }
  [[nodiscard]] std::uint64_t commit() const { return commit_; }

 private:
  enum class State : std::uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };
  using Kind = RaftMessage::Kind;

  void tick_follower(Context& context);
  void tick_leader(Context& context);

  /// The rules about terms. False: the message goes no further.
  bool settle_term(NodeId from, const RaftMessage& message, Context& context);
  void answer_old_term(NodeId from, const RaftMessage& message, Context& context);
  void on_append(NodeId from, const RaftMessage& message, Context& context);
  void on_append_reply(NodeId from, const RaftMessage& message, Context& context);
  void on_vote_request(NodeId from, const RaftMessage& message, Context& context);
  void on_vote_reply(NodeId from, const RaftMessage& message, Context& context);

  void campaign(State as, Context& context);
  void count_votes(Context& context);
  void become_follower(Term term, NodeId leader, std::string_view why, Context& context);
  void become_leader(Context& context);
  void reset(Term term);
  void send_append(NodeIndex to, Context& context);
  void advance_commit();

  [[nodiscard]] NodeIndex self_index() const { return self_.value() - 1; }
  [[nodiscard]] std::size_t majority() const { return replicas_ / 2 + 1; }

  const NodeId self_;
  const std::size_t replicas_;
  const RaftOptions options_;
  const std::uint32_t election_ticks_;
  Rng rng_;

  // What a disk keeps.
  Term term_{};
  NodeId vote_{};
  TermLog log_;

  State state_ = State::kFollower;
  NodeId leader_{};
  std::uint32_t elapsed_ = 0;   ///< Ticks since the election clock was reset.
  std::uint32_t patience_ = 0;  ///< Ticks until this node campaigns: random, anew after each reset.
  Instant next_tick_{};
  NodeSet granted_ = 0;
  NodeSet refused_ = 0;
  NodeSet active_ = 0;  ///< Leader: heard from since the latest check.
  std::uint64_t commit_ = 0;
  std::array<std::uint64_t, kMaxSimNodes> match_{};
  std::array<std::uint64_t, kMaxSimNodes> next_{};
};

/// The policies `raft`, `raft+prevote`, `raft+checkquorum` and `raft+prevote+checkquorum`.
class RaftProtocol final : public Protocol {
 public:
  explicit RaftProtocol(const RaftOptions& options);

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::size_t largest_message() const override { return sizeof(RaftMessage); }
  /// With check-quorum a leader may answer reads by its lease (thesis section 6.4.1, etcd's
  /// ReadOnlyLeaseBased, which demands check-quorum): it relies on it as long as it leads.
  [[nodiscard]] bool has_lease() const override { return options_.check_quorum; }
  [[nodiscard]] std::string_view message_kind(const Payload& payload) const override;
  [[nodiscard]] std::unique_ptr<Replica> make(const ReplicaOptions& options) const override;

 private:
  RaftOptions options_;
  std::string name_;
};

}  // namespace vouch::sim
