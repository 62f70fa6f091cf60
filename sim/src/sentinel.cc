#include "vouch/sim/sentinel.h"

#include <algorithm>

#include "vouch/detector/assert.h"

namespace vouch::sim {
namespace {

/// SENTINEL_INFO_PERIOD: how old what a server says of itself may be, in several places.
constexpr Duration kInfoPeriod = std::chrono::seconds(10);

/// now - then, at least zero; the longest span for what never happened.
constexpr Duration since(Instant now, Instant then) {
  return then == kLongAgo ? Duration::max() : std::max(Duration::zero(), now - then);
}

}  // namespace

SentinelReplica::SentinelReplica(const ReplicaOptions& replica, const SentinelOptions& options)
    : self_(replica.self), replicas_(replica.replicas), options_(options), rng_(replica.rng) {
  VOUCH_ASSERT(replicas_ <= kMaxSimNodes);
}

Instant SentinelReplica::start(const Boot& boot, Context& context) {
  const Instant now = context.now();
  if (boot.is_first) {
    master_ = boot.initial_leader != kNobody ? boot.initial_leader : id_of(0);
    replica_of_ = master_ == self_ ? kNobody : master_;
    epoch_ = config_epoch_ = master_epoch_ = Term{1};
    if (master_ == self_) {
      context.note({.kind = NoteKind::kElected, .term = epoch_, .node = self_});
    }
  }
  if (boot.lost_disk) log_.clear();  // The configuration files are the operator's.
  failover_ = Failover::kNone;
  failover_start_ = kLongAgo;
  tilted_until_ = kLongAgo;
  peers_ = {};
  for (NodeIndex peer = 0; peer < replicas_; ++peer) {
    // Sentinels find servers and each other one after the other: their PINGs are not in step.
    peers_[peer].available_at = now - Duration(rng_.between(0, options_.ping_period.count()));
    peers_[peer].role_since = now;
    peers_[peer].says_master = id_of(peer) == master_;
  }
  synced_at_ = now;
  ticked_at_ = now;
  ticks_at_ = now + Duration(rng_.between(1, 100'000'000));
  works_at_ = now + Duration(rng_.between(1, options_.replication_interval.count()));
  publishes_at_ = now + Duration(rng_.between(0, options_.publish_period.count()));
  return next_timeout();
}

Instant SentinelReplica::handle_timeout(Context& context) {
  if (context.now() >= works_at_) work(context);
  if (context.now() >= ticks_at_) tick(context);
  return next_timeout();
}

Instant SentinelReplica::handle(NodeId from, const SentinelMessage& message, Context& context) {
  using Kind = SentinelMessage::Kind;
  switch (message.kind) {
    case Kind::kPing:
      context.send<SentinelMessage>(from, SentinelMessage{.kind = Kind::kPong,
                                                          .flag = replica_of_ == kNobody,
                                                          .node = replica_of_,
                                                          .link_down = link_down(context.now()),
                                                          .last = log_.last()});
      break;
    case Kind::kPong:
      on_pong(from, message, context);
      break;
    case Kind::kAsk:
      on_ask(from, message, context);
      break;
    case Kind::kAskReply:
      on_ask_reply(from, message, context);
      break;
    case Kind::kHello:
      on_hello(from, message, context);
      break;
    case Kind::kReplicaOf:
      on_replica_of(message.node, message.epoch, context);
      break;
    case Kind::kSync:
      on_sync(from, message, context);
      break;
    case Kind::kStream:
      on_stream(from, message, context);
      break;
  }
  return next_timeout();
}

// The server.

void SentinelReplica::work(Context& context) {
  works_at_ = context.now() + options_.replication_interval;
  if (replica_of_ != kNobody) {
    context.send<SentinelMessage>(
        replica_of_, SentinelMessage{.kind = SentinelMessage::Kind::kSync, .last = log_.last()});
    return;
  }
  // Acknowledged at once, replicated later.
  log_.append(std::max(master_epoch_, log_.last().term));
  if (acknowledged_.term != log_.last().term) {
    acknowledged_ = {log_.last().term, log_.last().index, log_.last().index};
  }
  acknowledged_.last = log_.last().index;
}

void SentinelReplica::on_replica_of(NodeId master, Term epoch, Context& context) {
  if (master == kNobody) {
    if (replica_of_ == kNobody) return;
    replica_of_ = kNobody;
    master_epoch_ = std::max(master_epoch_, epoch);
    context.note({.kind = NoteKind::kElected, .term = epoch, .node = self_});
    return;
  }
  if (master == self_ || master == replica_of_) return;
  if (replica_of_ == kNobody) {
    context.note({.kind = NoteKind::kSteppedDown,
                  .term = master_epoch_,
                  .node = self_,
                  .word = "reconfigured"});
  }
  replica_of_ = master;
  context.note({.kind = NoteKind::kFollows, .term = epoch_, .node = master});
}

void SentinelReplica::on_sync(NodeId from, const SentinelMessage& message, Context& context) {
  if (replica_of_ != kNobody) return;
  SentinelMessage stream{.kind = SentinelMessage::Kind::kStream};
  const LogPosition& last = message.last;
  stream.flag = last.index > log_.last().index || log_.term_at(last.index) != last.term;
  stream.entries = log_.slice_after(stream.flag ? 0 : last.index);
  context.send<SentinelMessage>(from, stream);
}

void SentinelReplica::on_stream(NodeId from, const SentinelMessage& message, Context& context) {
  if (from != replica_of_) return;
  synced_at_ = context.now();
  if (message.flag) log_.clear();
  if (!log_.accept(message.entries) || !message.flag) return;
  for (std::uint64_t index = acknowledged_.first; index <= acknowledged_.last; ++index) {
    if (index > 0 && log_.term_at(index) != acknowledged_.term) ++lost_;
  }
  acknowledged_ = {};
}

Duration SentinelReplica::link_down(Instant now) const {
  if (replica_of_ == kNobody) return Duration::zero();
  const Duration silence = since(now, synced_at_);
  return silence > 2 * options_.replication_interval ? silence : Duration::zero();
}

// The Sentinel.

void SentinelReplica::tick(Context& context) {
  const Instant now = context.now();
  // sentinelTimer: a timer that is late by seconds says that this process was stopped (TILT), and
  // the frequency changes at random, from 10 to 19 per second, to keep Sentinels apart.
  if (now - ticked_at_ > options_.tilt_trigger) tilted_until_ = now + options_.tilt_period;
  ticked_at_ = now;
  ticks_at_ = now + Duration(1'000'000'000 / static_cast<std::int64_t>(10 + rng_.below(10)));
  ping_and_check(context);
  if (now >= publishes_at_) publish(context);
  if (now < tilted_until_) return;
  watch_master(context);
}

bool SentinelReplica::is_connected(NodeIndex peer, Instant now) const {
  // sentinelCheckSubjectivelyDown closes a connection on which a PING waits for half the time.
  return peer == self_index() ||
         since(now, peers_[peer].available_at) <= options_.ping_period + options_.down_after / 2;
}

void SentinelReplica::ping_and_check(Context& context) {
  const Instant now = context.now();
  for (NodeIndex index = 0; index < replicas_; ++index) {
    Peer& peer = peers_[index];
    if (index == self_index()) {
      note_role(peer, replica_of_ == kNobody, replica_of_, now);
      fix_role(index, context);
    } else if (since(now, peer.available_at) > options_.ping_period &&
               since(now, peer.pinged_at) > options_.ping_period / 2) {
      // sentinelSendPeriodicCommands. On a broken connection this is the attempt to connect.
      peer.pinged_at = now;
      if (peer.unanswered_since == kNever) peer.unanswered_since = now;
      context.send<SentinelMessage>(id_of(index),
                                    SentinelMessage{.kind = SentinelMessage::Kind::kPing});
    }
    // sentinelCheckSubjectivelyDown.
    const bool is_silent =
        peer.unanswered_since != kNever && now - peer.unanswered_since > options_.down_after;
    const bool denies = id_of(index) == master_ && !peer.says_master &&
                        now - peer.role_since > options_.down_after + 2 * kInfoPeriod;
    if ((is_silent || denies) == is_down(index)) continue;
    const bool is_new = !is_down(index);
    peer.down_since = is_new ? now : kNever;
    context.note({.kind = is_new ? NoteKind::kSuspects : NoteKind::kTrusts, .node = id_of(index)});
  }
}

void SentinelReplica::watch_master(Context& context) {
  // sentinelHandleRedisInstance, in its order.
  if (start_failover_if_needed(context)) ask_others(Ask::kForced, context);
  fail_over(context);
  ask_others(Ask::kPeriodic, context);
}

bool SentinelReplica::is_objectively_down() const {
  // sentinelCheckObjectivelyDown: a weak quorum, of answers that need not be of the same moment.
  if (!is_down(master_.value() - 1)) return false;
  std::size_t agreeing = 1;
  for (NodeIndex index = 0; index < replicas_; ++index) {
    if (index != self_index() && peers_[index].says_down) ++agreeing;
  }
  return agreeing >= majority();
}

bool SentinelReplica::start_failover_if_needed(Context& context) {
  const Instant now = context.now();
  if (failover_ != Failover::kNone || !is_objectively_down()) return false;
  if (failover_start_ != kLongAgo && now - failover_start_ < 2 * options_.failover_timeout) {
    return false;
  }
  failover_ = Failover::kWaitStart;
  epoch_ = epoch_.next();
  failover_epoch_ = epoch_;
  failover_start_ = now + Duration(rng_.between(0, options_.max_desync.count() - 1));
  failover_changed_ = now;
  context.note({.kind = NoteKind::kCampaign, .term = epoch_, .node = self_});
  return true;
}

void SentinelReplica::ask_others(Ask how, Context& context) {
  // sentinelAskMasterStateToOtherSentinels.
  const Instant now = context.now();
  const NodeIndex master = master_.value() - 1;
  for (NodeIndex index = 0; index < replicas_; ++index) {
    if (index == self_index()) continue;
    Peer& peer = peers_[index];
    const Duration age = since(now, peer.replied_at);
    if (age > 5 * options_.ask_period) {
      peer.says_down = false;
      peer.vote = kNobody;
    }
    if (!is_down(master) || !is_connected(index, now)) continue;
    if (how == Ask::kPeriodic && age < options_.ask_period) continue;
    const bool wants_vote = failover_ != Failover::kNone;
    context.send<SentinelMessage>(id_of(index),
                                  SentinelMessage{.kind = SentinelMessage::Kind::kAsk,
                                                  .node = master_,
                                                  .candidate = wants_vote ? self_ : kNobody,
                                                  .epoch = epoch_});
  }
}

void SentinelReplica::fail_over(Context& context) {
  const Instant now = context.now();
  const auto abort = [&](std::string_view why) {
    failover_ = Failover::kNone;
    context.note({.kind = NoteKind::kOther, .term = failover_epoch_, .word = why});
  };
  switch (failover_) {
    case Failover::kNone:
      break;
    case Failover::kWaitStart:
      if (elected(now) == self_) {
        failover_ = Failover::kSelect;
        failover_changed_ = now;
      } else if (now - failover_start_ >
                 std::min(options_.election_timeout, options_.failover_timeout)) {
        abort("not_elected");
      }
      break;
    case Failover::kSelect:
      promoted_ = best_server(now);
      if (promoted_ == kNobody) {
        abort("no_good_replica");
        break;
      }
      failover_ = Failover::kWaitPromotion;
      failover_changed_ = now;
      command(promoted_, kNobody, context);
      break;
    case Failover::kWaitPromotion:
      if (promoted_ == self_) {
        finish_failover(context);
      } else if (now - failover_changed_ > options_.failover_timeout) {
        abort("promotion_timeout");
      }
      break;
  }
}

NodeId SentinelReplica::best_server(Instant now) const {
  // sentinelSelectSlave, compareSlavesForPromotion: the longest log, the lowest name.
  const Peer& master = peers_[master_.value() - 1];
  const Duration down = master.down_since == kNever ? Duration::zero() : now - master.down_since;
  NodeId best = kNobody;
  std::uint64_t longest = 0;
  for (NodeIndex index = 0; index < replicas_; ++index) {
    if (id_of(index) == master_) continue;
    const bool is_self = index == self_index();
    const Peer& peer = peers_[index];
    if (!is_self && (is_down(index) || !is_connected(index, now) ||
                     since(now, peer.available_at) > 5 * options_.ping_period)) {
      continue;
    }
    const Duration link = is_self ? link_down(now) : peer.link_down;
    if (link > down + 10 * options_.down_after) continue;
    const std::uint64_t length = is_self ? log_.last().index : peer.last.index;
    if (best != kNobody && length <= longest) continue;
    best = id_of(index);
    longest = length;
  }
  return best;
}

NodeId SentinelReplica::elected(Instant now) {
  // sentinelGetLeader: the votes of the others first, then its own, for whom they favour.
  std::array<std::size_t, kMaxSimNodes> votes{};
  const auto leading = [&] {
    const auto end = votes.begin() + static_cast<std::ptrdiff_t>(replicas_);
    const auto most = std::max_element(votes.begin(), end);
    return *most == 0 ? kNobody : id_of(static_cast<NodeIndex>(most - votes.begin()));
  };
  for (NodeIndex index = 0; index < replicas_; ++index) {
    const Peer& peer = peers_[index];
    if (index == self_index() || peer.vote == kNobody || peer.vote_epoch != epoch_) continue;
    ++votes[peer.vote.value() - 1];
  }
  const NodeId favoured = leading();
  const NodeId own = vote(failover_epoch_, favoured == kNobody ? self_ : favoured, now);
  if (own != kNobody && vote_epoch_ == failover_epoch_) ++votes[own.value() - 1];
  const NodeId winner = leading();
  return winner != kNobody && votes[winner.value() - 1] >= majority() ? winner : kNobody;
}

NodeId SentinelReplica::vote(Term epoch, NodeId candidate, Instant now) {
  // sentinelVoteLeader: one vote per epoch, to the first that asks, whatever the master's state.
  epoch_ = std::max(epoch_, epoch);
  if (vote_epoch_ < epoch && epoch_ <= epoch) {
    vote_ = candidate;
    vote_epoch_ = epoch_;
    if (candidate != self_) {
      failover_start_ = now + Duration(rng_.between(0, options_.max_desync.count() - 1));
    }
  }
  return vote_;
}

void SentinelReplica::on_pong(NodeId from, const SentinelMessage& message, Context& context) {
  const NodeIndex index = from.value() - 1;
  Peer& peer = peers_[index];
  peer.unanswered_since = kNever;
  peer.available_at = context.now();
  peer.last = message.last;
  peer.link_down = message.link_down;
  note_role(peer, message.flag, message.node, context.now());
  if (failover_ == Failover::kWaitPromotion && from == promoted_ && message.flag) {
    finish_failover(context);
    return;
  }
  fix_role(index, context);
}

void SentinelReplica::note_role(Peer& peer, bool says_master, NodeId replica_of, Instant now) {
  if (peer.says_master == says_master && peer.says_replica_of == replica_of) return;
  peer.says_master = says_master;
  peer.says_replica_of = replica_of;
  peer.role_since = now;
}

void SentinelReplica::fix_role(NodeIndex index, Context& context) {
  // sentinelRefreshInstanceInfo: a server with another role than this Sentinel thinks is corrected,
  // late, so that newer configurations have time to arrive.
  const Instant now = context.now();
  if (now < tilted_until_ || failover_ != Failover::kNone || id_of(index) == master_) return;
  const Peer& peer = peers_[index];
  if (!peer.says_master && peer.says_replica_of == master_) return;
  const NodeIndex master = master_.value() - 1;
  const bool is_sane =
      peers_[master].says_master && !is_down(master) &&
      (master == self_index() || since(now, peers_[master].available_at) < 2 * kInfoPeriod);
  const Duration wait = peer.says_master ? 4 * options_.publish_period : options_.failover_timeout;
  if (is_sane && !is_down(index) && now - peer.role_since > wait) {
    command(id_of(index), master_, context);
  }
}

void SentinelReplica::on_ask(NodeId from, const SentinelMessage& message, Context& context) {
  // sentinelCommand, IS-MASTER-DOWN-BY-ADDR.
  const Instant now = context.now();
  SentinelMessage reply{.kind = SentinelMessage::Kind::kAskReply, .node = message.node};
  if (message.node == master_) {
    reply.flag = is_down(master_.value() - 1) && now >= tilted_until_;
    if (message.candidate != kNobody) {
      reply.candidate = vote(message.epoch, message.candidate, now);
      reply.epoch = vote_epoch_;
    }
  }
  context.send<SentinelMessage>(from, reply);
}

void SentinelReplica::on_ask_reply(NodeId from, const SentinelMessage& message, Context& context) {
  if (message.node != master_) return;  // About a master before this one.
  Peer& peer = peers_[from.value() - 1];
  peer.replied_at = context.now();
  peer.says_down = message.flag;
  if (message.candidate == kNobody) return;
  peer.vote = message.candidate;
  peer.vote_epoch = message.epoch;
}

void SentinelReplica::publish(Context& context) {
  publishes_at_ = context.now() + options_.publish_period;
  const SentinelMessage hello{.kind = SentinelMessage::Kind::kHello,
                              .node = master_,
                              .candidate = self_,
                              .epoch = epoch_,
                              .config_epoch = config_epoch_};
  for (NodeIndex index = 0; index < replicas_; ++index) {
    if (index != self_index()) context.send<SentinelMessage>(id_of(index), hello);
  }
}

void SentinelReplica::on_hello(NodeId from, const SentinelMessage& message, Context& context) {
  // Subscriptions are connections too: they carry nothing when one direction is lost.
  if (!is_connected(from.value() - 1, context.now())) return;
  if (!message.flag) {
    SentinelMessage passed_on = message;
    passed_on.flag = true;
    for (NodeIndex index = 0; index < replicas_; ++index) {
      if (index == self_index() || id_of(index) == message.candidate) continue;
      context.send<SentinelMessage>(id_of(index), passed_on);
    }
  }
  // sentinelProcessHelloMessage.
  epoch_ = std::max(epoch_, message.epoch);
  if (message.config_epoch <= config_epoch_) return;
  config_epoch_ = message.config_epoch;
  if (message.node != master_) switch_master(message.node, context);
}

void SentinelReplica::finish_failover(Context& context) {
  config_epoch_ = failover_epoch_;
  switch_master(promoted_, context);
  publish(context);
  for (NodeIndex index = 0; index < replicas_; ++index) {
    if (id_of(index) == master_ || !is_connected(index, context.now())) continue;
    command(id_of(index), master_, context);
  }
}

void SentinelReplica::switch_master(NodeId master, Context& context) {
  // sentinelResetMasterAndChangeAddress: what was known of the old master's servers is forgotten.
  master_ = master;
  failover_ = Failover::kNone;
  failover_start_ = kLongAgo;
  for (NodeIndex index = 0; index < replicas_; ++index) {
    Peer& peer = peers_[index];
    peer.down_since = kNever;
    if (peer.unanswered_since != kNever) peer.unanswered_since = context.now();
    peer.says_master = id_of(index) == master;
    peer.says_replica_of = kNobody;
    peer.role_since = context.now();
    peer.says_down = false;
    peer.vote = kNobody;
  }
  context.note({.kind = NoteKind::kOther, .node = master, .word = "switch_master"});
}

void SentinelReplica::command(NodeId server, NodeId master, Context& context) {
  if (server == self_) {
    on_replica_of(master, failover_epoch_, context);
    return;
  }
  context.send<SentinelMessage>(server, SentinelMessage{.kind = SentinelMessage::Kind::kReplicaOf,
                                                        .node = master,
                                                        .epoch = failover_epoch_});
}

ReplicaStatus SentinelReplica::status(Instant) const {
  const bool leads = replica_of_ == kNobody;
  const Role role = leads                          ? Role::kLeader
                    : failover_ != Failover::kNone ? Role::kCandidate
                                                   : Role::kFollower;
  return {role, std::max(epoch_, master_epoch_), leads ? self_ : replica_of_, kLongAgo};
}

SentinelProtocol::SentinelProtocol(const SentinelOptions& options) : options_(options) {
  options_.ping_period = std::min(options_.ping_period, options_.down_after);
  VOUCH_ASSERT(options_.ping_period > Duration::zero() &&
               options_.replication_interval > Duration::zero());
}

std::string_view SentinelProtocol::message_kind(const Payload& payload) const {
  switch (payload.as<SentinelMessage>().kind) {
    case SentinelMessage::Kind::kPing:
      return "ping";
    case SentinelMessage::Kind::kPong:
      return "pong";
    case SentinelMessage::Kind::kAsk:
      return "is_master_down";
    case SentinelMessage::Kind::kAskReply:
      return "is_master_down_reply";
    case SentinelMessage::Kind::kHello:
      return "hello";
    case SentinelMessage::Kind::kReplicaOf:
      return "replicaof";
    case SentinelMessage::Kind::kSync:
      return "sync";
    case SentinelMessage::Kind::kStream:
      return "stream";
  }
  return "unknown";
}

std::unique_ptr<Replica> SentinelProtocol::make(const ReplicaOptions& options) const {
  return std::make_unique<SentinelReplica>(options, options_);
}

}  // namespace vouch::sim
