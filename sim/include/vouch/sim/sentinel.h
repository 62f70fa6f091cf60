#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "vouch/detector/ids.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/sim/network.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/term_log.h"

namespace vouch::sim {

/// Redis Sentinel as of Redis 7.0 (redis/redis, src/sentinel.c, and the documentation "High
/// availability with Redis Sentinel"). The functions meant are named at the code.
///
/// Each node runs a Redis server and the Sentinel beside it. One server is the master. A Sentinel
/// that gets no PONG takes the master for *subjectively down*; it then asks the others (SENTINEL
/// IS-MASTER-DOWN-BY-ADDR) and keeps their answers for a while; with `quorum` of them the master is
/// *objectively down*. That Sentinel begins an epoch and collects votes; the one with a majority of
/// votes promotes the best server that it reaches and tells the others. A master holds no lease,
/// acknowledges what it has not replicated, and stays one until a Sentinel reconfigures it.
///
/// Modification: the Sentinels and servers share their nodes, one each, and a Sentinel always
/// reaches its own server. INFO travels with each PONG, where Redis asks every ten seconds, and
/// every second in a failover. The failover ends when the promoted server says that it is a master;
/// the others are told once, and again by the rule for servers with a wrong master. A server asks
/// its master for what follows its log at each `replication_interval`, where Redis streams. No
/// priorities, no scripts, no manual failover.
struct SentinelOptions {
  Duration ping_period = std::chrono::seconds(1);  ///< SENTINEL_PING_PERIOD; at most `down_after`.
  Duration down_after = std::chrono::seconds(1);   ///< down-after-milliseconds; Redis: 30 s.
  /// failover-timeout; Redis: 180 s, six times down-after, a proportion that is kept here. Twice
  /// this must pass between two attempts for one master.
  Duration failover_timeout = std::chrono::seconds(6);
  Duration ask_period = std::chrono::seconds(1);         ///< SENTINEL_ASK_PERIOD.
  Duration publish_period = std::chrono::seconds(2);     ///< SENTINEL_PUBLISH_PERIOD.
  Duration max_desync = std::chrono::seconds(1);         ///< SENTINEL_MAX_DESYNC.
  Duration election_timeout = std::chrono::seconds(10);  ///< SENTINEL_ELECTION_TIMEOUT.
  Duration tilt_trigger = std::chrono::seconds(2);       ///< SENTINEL_TILT_TRIGGER.
  Duration tilt_period = std::chrono::seconds(30);       ///< SENTINEL_TILT_PERIOD.
  Duration replication_interval = std::chrono::milliseconds(100);
};

/// What Sentinels and servers send each other.
struct SentinelMessage {
  enum class Kind : std::uint8_t {
    kPing,
    kPong,       ///< With what INFO says.
    kAsk,        ///< SENTINEL IS-MASTER-DOWN-BY-ADDR; with `candidate` a request for a vote.
    kAskReply,   ///< `flag`: down. `candidate`, `epoch`: the vote.
    kHello,      ///< Publication of a Sentinel at a server, and what the server passes on.
    kReplicaOf,  ///< REPLICAOF `node`, or kNobody: become a master at `epoch`.
    kSync,       ///< A replica wants what follows `last`.
    kStream,     ///< `entries`; `flag`: forget the own log first (full resynchronisation).
  };
  Kind kind = Kind::kPing;
  bool flag = false;     ///< kPong: is a master. kHello: passed on by the server.
  NodeId node{};         ///< The master meant; kPong: of the sender.
  NodeId candidate{};    ///< kAsk, kAskReply. kHello: whose it is.
  Term epoch{};          ///< current_epoch, or the vote's.
  Term config_epoch{};   ///< kHello.
  Duration link_down{};  ///< kPong: how long its replication has been down.
  LogPosition last{};    ///< kPong, kSync.
  LogSlice entries{};    ///< kStream.
};

/// One node: a server and its Sentinel. A master appends one entry per `replication_interval`.
class SentinelReplica final : public TypedReplica<SentinelReplica, SentinelMessage> {
 public:
  SentinelReplica(const ReplicaOptions& replica, const SentinelOptions& options);

  Instant start(const Boot& boot, Context& context) override;
  Instant handle(NodeId from, const SentinelMessage& message, Context& context);
  Instant handle_timeout(Context& context) override;
  [[nodiscard]] ReplicaStatus status(Instant now) const override;

  [[nodiscard]] const TermLog& log() const { return log_; }
  /// How many entries that it had acknowledged as a master it has thrown away since, for the log of
  /// another master.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] bool thinks_down(NodeId peer) const { return is_down(peer.value() - 1); }

 private:
  enum class Ask : std::uint8_t { kPeriodic, kForced };
  enum class Failover : std::uint8_t { kNone, kWaitStart, kSelect, kWaitPromotion };

  /// What a Sentinel knows of another node: of the server there, and of its Sentinel.
  struct Peer {
    Instant pinged_at = kLongAgo;       ///< Newest PING.
    Instant unanswered_since = kNever;  ///< The first PING without a PONG (act_ping_time).
    Instant available_at = kLongAgo;    ///< Newest PONG (last_avail_time).
    Instant down_since = kNever;        ///< Subjectively down.
    Instant role_since = kLongAgo;      ///< It has said the same about its role since then.
    bool says_master = false;
    NodeId says_replica_of{};
    LogPosition last{};
    Duration link_down{};
    // The answers of its Sentinel.
    bool says_down = false;
    Instant replied_at = kLongAgo;
    NodeId vote{};
    Term vote_epoch{};
  };

  /// The entries that a server has acknowledged as a master.
  struct Acknowledged {
    Term term{};
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };

  // The server.
  void work(Context& context);
  void on_replica_of(NodeId master, Term epoch, Context& context);
  void on_sync(NodeId from, const SentinelMessage& message, Context& context);
  void on_stream(NodeId from, const SentinelMessage& message, Context& context);
  [[nodiscard]] Duration link_down(Instant now) const;

  // The Sentinel.
  void tick(Context& context);
  void ping_and_check(Context& context);
  void watch_master(Context& context);
  [[nodiscard]] bool is_objectively_down() const;
  bool start_failover_if_needed(Context& context);
  void ask_others(Ask how, Context& context);
  void fail_over(Context& context);
  void finish_failover(Context& context);
  [[nodiscard]] NodeId best_server(Instant now) const;
  /// Whom this epoch's votes elect to do the failover, or kNobody; gives its own vote.
  NodeId elected(Instant now);
  NodeId vote(Term epoch, NodeId candidate, Instant now);
  void note_role(Peer& peer, bool says_master, NodeId replica_of, Instant now);
  void fix_role(NodeIndex index, Context& context);
  void on_pong(NodeId from, const SentinelMessage& message, Context& context);
  void on_ask(NodeId from, const SentinelMessage& message, Context& context);
  void on_ask_reply(NodeId from, const SentinelMessage& message, Context& context);
  void publish(Context& context);
  void on_hello(NodeId from, const SentinelMessage& message, Context& context);
  void switch_master(NodeId master, Context& context);
  void command(NodeId server, NodeId master, Context& context);

  [[nodiscard]] bool is_down(NodeIndex peer) const { return peers_[peer].down_since != kNever; }
  /// Whether the connection to the node stands, as far as it knows.
  [[nodiscard]] bool is_connected(NodeIndex peer, Instant now) const;
  [[nodiscard]] Instant next_timeout() const { return std::min(ticks_at_, works_at_); }
  [[nodiscard]] NodeIndex self_index() const { return self_.value() - 1; }
  /// The quorum as everybody configures it, and what an election needs in any case.
  [[nodiscard]] std::size_t majority() const { return replicas_ / 2 + 1; }

  const NodeId self_;
  const std::size_t replicas_;
  const SentinelOptions options_;
  Rng rng_;

  // What the configuration files keep.
  NodeId replica_of_{};  ///< The server's: kNobody for a master.
  Term master_epoch_{};  ///< With which it became a master.
  NodeId master_{};      ///< The Sentinel's.
  Term epoch_{};         ///< current_epoch.
  Term config_epoch_{};
  NodeId vote_{};
  Term vote_epoch_{};  ///< leader_epoch.
  TermLog log_;
  Acknowledged acknowledged_{};
  std::uint64_t lost_ = 0;

  Instant works_at_{};
  Instant synced_at_{};  ///< Server: newest kStream.
  Instant ticks_at_{};
  Instant ticked_at_{};
  Instant tilted_until_ = kLongAgo;
  Instant publishes_at_{};
  std::array<Peer, kMaxSimNodes> peers_{};
  Failover failover_ = Failover::kNone;
  Term failover_epoch_{};
  Instant failover_start_ = kLongAgo;  ///< failover_start_time: also set by voting for another.
  Instant failover_changed_ = kLongAgo;
  NodeId promoted_{};
};

/// The policy `sentinel`.
class SentinelProtocol final : public Protocol {
 public:
  explicit SentinelProtocol(const SentinelOptions& options);

  [[nodiscard]] std::string_view name() const override { return "sentinel"; }
  [[nodiscard]] std::size_t largest_message() const override { return sizeof(SentinelMessage); }
  /// A master acknowledges until it is told otherwise, whatever the Sentinels have decided.
  [[nodiscard]] bool has_lease() const override { return false; }
  [[nodiscard]] std::string_view message_kind(const Payload& payload) const override;
  [[nodiscard]] std::unique_ptr<Replica> make(const ReplicaOptions& options) const override;

 private:
  SentinelOptions options_;
};

}  // namespace vouch::sim
