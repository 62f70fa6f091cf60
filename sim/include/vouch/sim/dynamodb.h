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
#include "vouch/sim/paxos_log.h"
#include "vouch/sim/replica.h"

namespace vouch::sim {

/// Peer confirmation without evidence, as Amazon describes it for DynamoDB: Elhemali et al.,
/// "Amazon DynamoDB: A Scalable, Predictably Performant, and Fully Managed NoSQL Database Service"
/// (USENIX ATC 2022), section 3 (Multi-Paxos, leader leases) and section 6 (availability: failure
/// detection).
///
/// What the paper says: replicas run Multi-Paxos. A leader stays one as long as it renews its lease
/// in time. A peer that finds it failed may propose itself; a new leader serves nothing before the
/// old lease has run out. A follower that gets no heartbeats and wants to trigger a failover first
/// asks the other replicas whether they can communicate with the leader; if they answer that the
/// leader is healthy, it drops its attempt.
///
/// What it does not say, and how the gap is filled (each a modification of ours):
/// - how many healthy answers are needed: any single one drops the attempt;
/// - what silence means: nobody objects, so the follower goes on after `ask_for`, or as soon as all
///   have answered;
/// - what a peer's answer rests on: it has heard a heartbeat within `election_timeout`;
/// - timers: as in Raft, `election_timeout` plus a random time below it again;
/// - how the lease is renewed. `dynamodb`: by sending heartbeats; nobody checks whether a quorum
///   got them, so that no lease can be relied on and none is claimed. `dynamodb+leaderquorum`: the
///   lease counts from the sending of those heartbeats that a majority acknowledged, and a leader
///   whose lease runs out stands down;
/// - how long a new leader waits: until the longest lease that anyone of its promising majority
///   has acknowledged is over, with the bound on clock drift added at both ends, and after a
///   restart an acceptor takes it that it acknowledged one just before;
/// - what a leader does that learns of a higher ballot: it stands down.
struct DynamoOptions {
  Duration heartbeat_interval = std::chrono::milliseconds(100);
  /// Silence after which a follower asks, at the earliest; up to twice this, at random.
  Duration election_timeout = std::chrono::milliseconds(1000);
  Duration lease = std::chrono::milliseconds(1000);
  Duration ask_for = std::chrono::milliseconds(100);  ///< How long it waits for answers.
  std::uint32_t clock_drift_ppm = 1000;               ///< Between two clocks.
  bool leader_quorum = false;                         ///< The leader's own quorum check.
};

/// What these replicas send each other.
struct DynamoMessage {
  enum class Kind : std::uint8_t {
    kPaxos,
    kAsk,     ///< Can you communicate with the leader?
    kAnswer,  ///< `is_healthy`.
  };
  Kind kind = Kind::kPaxos;
  bool is_healthy = false;
  std::uint32_t round = 0;  ///< kAsk, kAnswer.
  Instant sent_at{};        ///< kAccept: by the leader's clock; kAccepted: of the one answered.
  Duration lease_left{};    ///< kPromise: how long the sender is bound by an earlier lease.
  PaxosMessage paxos{};
};

/// One such replica. A leader appends one entry per heartbeat once it serves. Ballots are numbers
/// of which an acceptor promises each to one candidate only.
class DynamoReplica final : public TypedReplica<DynamoReplica, DynamoMessage> {
 public:
  DynamoReplica(const ReplicaOptions& replica, const DynamoOptions& options);

  Instant start(const Boot& boot, Context& context) override;
  Instant handle(NodeId from, const DynamoMessage& message, Context& context);
  Instant handle_timeout(Context& context) override;
  [[nodiscard]] ReplicaStatus status(Instant now) const override;

  [[nodiscard]] const TermLog& log() const { return log_.log(); }
  [[nodiscard]] std::uint64_t commit() const { return log_.commit(); }

 private:
  enum class State : std::uint8_t {
    kFollower,
    kAsking,     ///< Suspects the leader and waits for the answers of the others.
    kPreparing,  ///< Phase 1.
    kWaiting,    ///< Elected; an earlier lease may still run.
    kLeader,
  };

  void on_paxos(NodeId from, const DynamoMessage& message, Context& context);
  void on_prepare(NodeId from, const DynamoMessage& message, Context& context);
  void on_accept(NodeId from, const DynamoMessage& message, Context& context);
  void on_ask(NodeId from, const DynamoMessage& message, Context& context);
  void on_answer(NodeId from, const DynamoMessage& message, Context& context);

  void ask(Context& context);
  void drop_attempt(Context& context);
  void campaign(Context& context);
  void count_promises(Context& context);
  void serve_if_free(Context& context);
  void beat(Context& context);
  void send_accept(NodeIndex to, Context& context);
  void stand_down(std::string_view why, Context& context);
  void rest(Context& context);

  [[nodiscard]] bool is_elected() const {
    return state_ == State::kWaiting || state_ == State::kLeader;
  }
  [[nodiscard]] Instant lease_until(Instant now) const;
  /// What a lease may last on the clock of another node.
  [[nodiscard]] Duration with_drift(Duration span) const;
  [[nodiscard]] Instant next_timeout() const;
  [[nodiscard]] NodeIndex self_index() const { return self_.value() - 1; }

  const NodeId self_;
  const std::size_t replicas_;
  const DynamoOptions options_;
  Rng rng_;

  // What a disk keeps.
  PaxosLog log_;
  Term newest_{};  ///< Newest ballot that it has heard of.

  State state_ = State::kFollower;
  NodeId leader_{};
  Instant heard_at_ = kLongAgo;  ///< The newest heartbeat of `leader_`.
  Instant acts_at_{};            ///< Follower: asks. Preparing: gives up and asks again.
  Instant beats_at_ = kNever;    ///< Candidate and leader: repeats, or sends heartbeats.
  Instant bound_until_{};        ///< As acceptor: leases that it acknowledged may run until then.
  std::uint32_t round_ = 0;
  NodeSet answered_ = 0;
  Instant asks_until_{};
  Instant elected_at_{};
  Instant waits_until_{};  ///< Elected: earlier leases may run until then.
  std::array<Instant, kMaxSimNodes> acknowledged_{};  ///< Elected: sending of the newest one.
};

/// The policies `dynamodb` and `dynamodb+leaderquorum`.
class DynamoProtocol final : public Protocol {
 public:
  explicit DynamoProtocol(const DynamoOptions& options);

  [[nodiscard]] std::string_view name() const override {
    return options_.leader_quorum ? "dynamodb+leaderquorum" : "dynamodb";
  }
  [[nodiscard]] std::size_t largest_message() const override { return sizeof(DynamoMessage); }
  /// Without a quorum behind its renewal a lease says nothing: that variant is taken to lead until
  /// it learns of a higher ballot.
  [[nodiscard]] bool has_lease() const override { return options_.leader_quorum; }
  [[nodiscard]] bool has_votes() const override { return false; }  // Ballots name their node.
  [[nodiscard]] std::string_view message_kind(const Payload& payload) const override;
  [[nodiscard]] std::unique_ptr<Replica> make(const ReplicaOptions& options) const override;

 private:
  DynamoOptions options_;
};

}  // namespace vouch::sim
