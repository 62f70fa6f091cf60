#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "vouch/detector/ids.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/sim/network.h"
#include "vouch/sim/paxos_log.h"
#include "vouch/sim/replica.h"

namespace vouch::sim {

/// Omni-Paxos: Ng, Haridi and Carbone, "Omni-Paxos: breaking the barriers of partial connectivity"
/// (EuroSys 2023): Ballot Leader Election and Sequence Paxos, as the library haraldng/omnipaxos had
/// them at that time (omnipaxos/src/ballot_leader_election.rs).
///
/// Each server asks all others once per round. Whoever gets answers from a majority is
/// *quorum-connected*; the highest ballot of the quorum-connected ones among the answers is the
/// leader. A quorum-connected server that does not see its leader's ballot among them raises its
/// own above it. The log plays no part: the leader fetches it in the prepare phase.
///
/// Modification: the paper uses the ballot (number, server); here it is one number, number *
/// replicas + server, so that a step of the number counts as `replicas` terms. The phases of
/// Sequence Paxos are those of PaxosLog, which resends what is lost instead of relying on sessions;
/// a follower with a higher promise is silent, as there. A leader that restarts raises its ballot:
/// the others would otherwise go on seeing the same leader. No reconfiguration, no priorities. As
/// in the paper one time governs all: the round is heartbeat interval and timeout in one.
struct OmniPaxosOptions {
  Duration round = std::chrono::milliseconds(1000);           ///< The paper's election timeout.
  Duration accept_interval = std::chrono::milliseconds(100);  ///< A leader appends an entry.
};

/// What these replicas send each other.
struct OmniPaxosMessage {
  enum class Kind : std::uint8_t { kPaxos, kHeartbeatRequest, kHeartbeatReply };
  Kind kind = Kind::kPaxos;
  bool is_quorum_connected = false;  ///< kHeartbeatReply.
  std::uint64_t round = 0;           ///< kHeartbeatRequest, kHeartbeatReply: of the one asking.
  Term ballot{};                     ///< kHeartbeatReply: the sender's own.
  PaxosMessage paxos{};
};

/// An Omni-Paxos server. Leads from the end of its prepare phase until it promises a higher ballot
/// or sees one elected.
class OmniPaxosReplica final : public TypedReplica<OmniPaxosReplica, OmniPaxosMessage> {
 public:
  OmniPaxosReplica(const ReplicaOptions& replica, const OmniPaxosOptions& options);

  Instant start(const Boot& boot, Context& context) override;
  Instant handle(NodeId from, const OmniPaxosMessage& message, Context& context);
  Instant handle_timeout(Context& context) override;
  [[nodiscard]] ReplicaStatus status(Instant now) const override;

  [[nodiscard]] const TermLog& log() const { return log_.log(); }
  [[nodiscard]] std::uint64_t commit() const { return log_.commit(); }
  [[nodiscard]] bool is_quorum_connected() const { return is_quorum_connected_; }

 private:
  void end_round(Context& context);
  void begin_round(Context& context);
  void check_leader(Context& context);
  void elect(Context& context);
  void on_paxos(NodeId from, const PaxosMessage& message, Context& context);
  void count_promises(Context& context);
  void send_phase(Context& context);
  /// Notes that it does not lead any more, if it did until now.
  void settle(std::string_view why, Context& context);

  /// The ballot with `number` of the server at `index`.
  [[nodiscard]] Term ballot_of(std::uint64_t number, NodeIndex index) const {
    return Term{number * replicas_ + index};
  }
  [[nodiscard]] NodeId owner(Term ballot) const {
    return NodeId{static_cast<std::uint32_t>(ballot.value() % replicas_) + 1};
  }
  [[nodiscard]] NodeIndex self_index() const { return self_.value() - 1; }
  [[nodiscard]] Instant next_timeout() const;

  const NodeId self_;
  const std::size_t replicas_;
  const OmniPaxosOptions options_;
  Rng rng_;

  // What a disk keeps.
  PaxosLog log_;
  Term own_{};     ///< Its ballot.
  Term newest_{};  ///< The highest that it has heard of.

  Term leader_{};  ///< The elected ballot, or 0.
  bool is_quorum_connected_ = true;
  bool is_in_round_ = false;
  std::uint64_t round_ = 0;
  NodeSet answered_ = 0;
  Term top_{};  ///< The highest ballot of the quorum-connected answers of this round.
  Instant round_ends_{};
  Instant sends_at_ = kNever;
  bool leads_ = false;
};

/// The policy `omnipaxos`.
class OmniPaxosProtocol final : public Protocol {
 public:
  explicit OmniPaxosProtocol(const OmniPaxosOptions& options);

  [[nodiscard]] std::string_view name() const override { return "omnipaxos"; }
  [[nodiscard]] std::size_t largest_message() const override { return sizeof(OmniPaxosMessage); }
  [[nodiscard]] bool has_lease() const override { return false; }
  [[nodiscard]] bool has_votes() const override { return false; }  // Ballots name their node.
  [[nodiscard]] std::string_view message_kind(const Payload& payload) const override;
  [[nodiscard]] std::unique_ptr<Replica> make(const ReplicaOptions& options) const override;

 private:
  OmniPaxosOptions options_;
};

}  // namespace vouch::sim
