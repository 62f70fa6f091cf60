#include "vouch/sim/omnipaxos.h"

#include <algorithm>
#include <bit>

#include "vouch/detector/assert.h"

namespace vouch::sim {
OmniPaxosReplica::OmniPaxosReplica(const ReplicaOptions& replica, const OmniPaxosOptions& options)
    : self_(replica.self),
      replicas_(replica.replicas),
      options_(options),
      rng_(replica.rng),
      log_(replica.self.value() - 1, replica.replicas) {}

Instant OmniPaxosReplica::start(const Boot& boot, Context& context) {
  if (boot.lost_disk) {
    log_.lose_disk();
    own_ = newest_ = Term{};
  }
  log_.restart();
  leads_ = false;
  sends_at_ = kNever;
  is_quorum_connected_ = true;
  if (own_ == Term{}) own_ = ballot_of(0, self_index());
  leader_ = log_.promised();
  if (leader_ != Term{} && owner(leader_) == self_) {
    own_ = ballot_of(leader_.value() / replicas_ + 1, self_index());
  }
  if (boot.is_first && boot.initial_leader != kNobody) {
    const NodeIndex leader = boot.initial_leader.value() - 1;
    leader_ = ballot_of(1, leader);
    if (leader == self_index()) own_ = leader_;
    if (leader != self_index()) log_.promise_initially(leader_, leader);
  }
  newest_ = std::max({newest_, own_, leader_});
  // The rounds of two servers are not in step; the first one begins later, and is a whole one.
  round_ends_ = context.now() + Duration(rng_.between(1, options_.round.count()));
  is_in_round_ = false;
  if (boot.is_first && boot.initial_leader == self_) elect(context);
  return next_timeout();
}

Instant OmniPaxosReplica::next_timeout() const {
  return std::min(round_ends_, sends_at_);
}

Instant OmniPaxosReplica::handle_timeout(Context& context) {
  if (context.now() >= round_ends_) {
    if (is_in_round_) end_round(context);
    round_ends_ = context.now() + options_.round;
    begin_round(context);
  }
  if (context.now() >= sends_at_) {
    if (leads_) log_.append();
    send_phase(context);
  }
  return next_timeout();
}

Instant OmniPaxosReplica::handle(NodeId from, const OmniPaxosMessage& message, Context& context) {
  switch (message.kind) {
    case OmniPaxosMessage::Kind::kPaxos:
      on_paxos(from, message.paxos, context);
      break;
    case OmniPaxosMessage::Kind::kHeartbeatRequest:
      context.send<OmniPaxosMessage>(
          from, OmniPaxosMessage{.kind = OmniPaxosMessage::Kind::kHeartbeatReply,
                                 .is_quorum_connected = is_quorum_connected_,
                                 .round = message.round,
                                 .ballot = own_});
      break;
    case OmniPaxosMessage::Kind::kHeartbeatReply:
      if (message.round != round_) break;
      newest_ = std::max(newest_, message.ballot);
      answered_ |= node_bit(from.value() - 1);
      if (message.is_quorum_connected) top_ = std::max(top_, message.ballot);
      break;
  }
  return next_timeout();
}

// Ballot Leader Election.

void OmniPaxosReplica::begin_round(Context& context) {
  is_in_round_ = true;
  ++round_;
  answered_ = 0;
  top_ = Term{};
  for (NodeIndex to = 0; to < replicas_; ++to) {
    if (to == self_index()) continue;
    context.send<OmniPaxosMessage>(
        id_of(to),
        OmniPaxosMessage{.kind = OmniPaxosMessage::Kind::kHeartbeatRequest, .round = round_});
  }
}

void OmniPaxosReplica::end_round(Context& context) {
  if (static_cast<std::size_t>(std::popcount(answered_)) + 1 < replicas_ / 2 + 1) {
    is_quorum_connected_ = false;
    return;
  }
  // As it stood in this round: who has just become quorum-connected is a candidate from the next.
  if (is_quorum_connected_) top_ = std::max(top_, own_);
  is_quorum_connected_ = true;
  check_leader(context);
}

void OmniPaxosReplica::check_leader(Context& context) {
  if (top_ < leader_) {
    own_ = ballot_of(leader_.value() / replicas_ + 1, self_index());
    newest_ = std::max(newest_, own_);
    context.note({.kind = NoteKind::kSuspects, .node = owner(leader_)});
    context.note({.kind = NoteKind::kCampaign, .term = own_, .node = self_});
    leader_ = Term{};
  } else if (top_ > leader_) {
    leader_ = top_;
    context.note({.kind = NoteKind::kFollows, .term = leader_, .node = owner(leader_)});
    elect(context);
  }
}

void OmniPaxosReplica::elect(Context& context) {
  if (owner(leader_) != self_) {
    log_.stop();
    sends_at_ = kNever;
    settle("another_elected", context);
    return;
  }
  if (leader_ <= log_.promised()) return;
  log_.prepare(leader_);
  settle("ballot_raised", context);
  send_phase(context);
  count_promises(context);
}

void OmniPaxosReplica::settle(std::string_view why, Context& context) {
  if (log_.phase() == PaxosLog::Phase::kIdle) sends_at_ = kNever;
  if (!leads_ || log_.phase() == PaxosLog::Phase::kLeading) return;
  leads_ = false;
  context.note({.kind = NoteKind::kSteppedDown, .term = log_.ballot(), .node = self_, .word = why});
}

// Sequence Paxos.

void OmniPaxosReplica::on_paxos(NodeId from, const PaxosMessage& message, Context& context) {
  newest_ = std::max(newest_, message.ballot);
  const NodeIndex peer = from.value() - 1;
  PaxosMessage answer;
  switch (message.kind) {
    case PaxosMessage::Kind::kPrepare:
      answer = log_.answer_prepare(peer, message);
      settle("higher_ballot", context);
      break;
    case PaxosMessage::Kind::kAccept:
      answer = log_.answer_accept(peer, message);
      settle("higher_ballot", context);
      break;
    case PaxosMessage::Kind::kPromise:
      log_.on_promise(peer, message);
      count_promises(context);
      return;
    case PaxosMessage::Kind::kAccepted:
      if (!log_.on_accepted(peer, message)) return;
      answer = log_.accept_for(peer);
      break;
    case PaxosMessage::Kind::kReject:
      return;
  }
  // The paper's followers say nothing to a ballot below their promise.
  if (answer.kind == PaxosMessage::Kind::kReject) return;
  context.send<OmniPaxosMessage>(from, OmniPaxosMessage{.paxos = answer});
}

void OmniPaxosReplica::count_promises(Context& context) {
  for (NodeIndex peer = 0; peer < replicas_; ++peer) {
    // The rest of a log too long for one promise.
    if (log_.wants_promise(peer) && log_.prepare_for(peer).index > log_.commit()) {
      context.send<OmniPaxosMessage>(id_of(peer),
                                     OmniPaxosMessage{.paxos = log_.prepare_for(peer)});
    }
  }
  if (!log_.is_prepared()) return;
  log_.lead();
  leads_ = true;
  context.note({.kind = NoteKind::kElected, .term = log_.ballot(), .node = self_});
  send_phase(context);
}

void OmniPaxosReplica::send_phase(Context& context) {
  sends_at_ = context.now() + options_.accept_interval;
  for (NodeIndex to = 0; to < replicas_; ++to) {
    if (to == self_index()) continue;
    if (leads_) {
      context.send<OmniPaxosMessage>(id_of(to), OmniPaxosMessage{.paxos = log_.accept_for(to)});
    } else if (log_.wants_promise(to)) {
      context.send<OmniPaxosMessage>(id_of(to), OmniPaxosMessage{.paxos = log_.prepare_for(to)});
    }
  }
}

ReplicaStatus OmniPaxosReplica::status(Instant) const {
  const Role role = leads_                                        ? Role::kLeader
                    : log_.phase() == PaxosLog::Phase::kPreparing ? Role::kCandidate
                                                                  : Role::kFollower;
  const NodeId leader = leader_ == Term{} ? kNobody : owner(leader_);
  return {role, std::max(newest_, log_.promised()), leader, kLongAgo};
}

OmniPaxosProtocol::OmniPaxosProtocol(const OmniPaxosOptions& options) : options_(options) {
  VOUCH_ASSERT(options.round > Duration::zero() && options.accept_interval > Duration::zero());
}

std::string_view OmniPaxosProtocol::message_kind(const Payload& payload) const {
  const auto& message = payload.as<OmniPaxosMessage>();
  switch (message.kind) {
    case OmniPaxosMessage::Kind::kHeartbeatRequest:
      return "heartbeat_request";
    case OmniPaxosMessage::Kind::kHeartbeatReply:
      return "heartbeat_reply";
    case OmniPaxosMessage::Kind::kPaxos:
      break;
  }
  return to_string(message.paxos.kind);
}

std::unique_ptr<Replica> OmniPaxosProtocol::make(const ReplicaOptions& options) const {
  return std::make_unique<OmniPaxosReplica>(options, options_);
}

}  // namespace vouch::sim
