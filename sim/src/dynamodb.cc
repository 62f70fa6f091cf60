#include "vouch/sim/dynamodb.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "vouch/detector/assert.h"

namespace vouch::sim {
namespace {

constexpr Duration kGuard = std::chrono::milliseconds(1);

}  // namespace

DynamoReplica::DynamoReplica(const ReplicaOptions& replica, const DynamoOptions& options)
    : self_(replica.self),
      replicas_(replica.replicas),
      options_(options),
      rng_(replica.rng),
      log_(replica.self.value() - 1, replica.replicas) {}

Instant DynamoReplica::start(const Boot& boot, Context& context) {
  if (boot.lost_disk) {
    log_.lose_disk();
    newest_ = Term{};
  }
  log_.restart();
  state_ = State::kFollower;
  leader_ = kNobody;
  heard_at_ = kLongAgo;
  beats_at_ = kNever;
  bound_until_ = boot.is_first ? kLongAgo : context.now() + with_drift(options_.lease);
  rest(context);
  if (boot.is_first && boot.initial_leader != kNobody) {
    leader_ = boot.initial_leader;
    heard_at_ = context.now();
    newest_ = Term{1};
    if (leader_ == self_) {
      log_.prepare(newest_);
      state_ = State::kPreparing;
      waits_until_ = context.now();
      beat(context);
      count_promises(context);
    } else {
      log_.promise_initially(newest_, leader_.value() - 1);
    }
  }
  return next_timeout();
}

Instant DynamoReplica::next_timeout() const {
  switch (state_) {
    case State::kFollower:
      return acts_at_;
    case State::kAsking:
      return asks_until_;
    case State::kPreparing:
      return std::min(acts_at_, beats_at_);
    case State::kWaiting:
      // Whether the lease of its own stands is looked at with each acknowledgement and heartbeat.
      return waits_until_ == kLongAgo ? beats_at_ : std::min(beats_at_, waits_until_);
    case State::kLeader:
      return beats_at_;
  }
  return kNever;
}

Instant DynamoReplica::handle_timeout(Context& context) {
  const Instant now = context.now();
  switch (state_) {
    case State::kFollower:
      if (now >= acts_at_) ask(context);
      break;
    case State::kAsking:
      if (now >= asks_until_) campaign(context);
      break;
    case State::kPreparing:
      if (now >= acts_at_) {
        log_.stop();
        ask(context);
      } else if (now >= beats_at_) {
        beat(context);
      }
      break;
    case State::kWaiting:
    case State::kLeader:
      if (options_.leader_quorum && lease_until(now) <= now &&
          (state_ == State::kLeader || now >= elected_at_ + options_.lease)) {
        stand_down("lease_lapsed", context);
        break;
      }
      if (now >= waits_until_) waits_until_ = kLongAgo;
      serve_if_free(context);
      if (now >= beats_at_) beat(context);
      break;
  }
  return next_timeout();
}

Instant DynamoReplica::handle(NodeId from, const DynamoMessage& message, Context& context) {
  switch (message.kind) {
    case DynamoMessage::Kind::kPaxos:
      on_paxos(from, message, context);
      break;
    case DynamoMessage::Kind::kAsk:
      on_ask(from, message, context);
      break;
    case DynamoMessage::Kind::kAnswer:
      on_answer(from, message, context);
      break;
  }
  return next_timeout();
}

void DynamoReplica::on_paxos(NodeId from, const DynamoMessage& message, Context& context) {
  newest_ = std::max(newest_, message.paxos.ballot);
  const NodeIndex peer = from.value() - 1;
  switch (message.paxos.kind) {
    case PaxosMessage::Kind::kPrepare:
      on_prepare(from, message, context);
      break;
    case PaxosMessage::Kind::kPromise:
      log_.on_promise(peer, message.paxos);
      if (state_ == State::kPreparing && message.paxos.ballot == log_.ballot()) {
        waits_until_ = std::max(waits_until_, context.now() + with_drift(message.lease_left));
        count_promises(context);
      }
      break;
    case PaxosMessage::Kind::kAccept:
      on_accept(from, message, context);
      break;
    case PaxosMessage::Kind::kAccepted:
      if (!is_elected() || message.paxos.ballot != log_.ballot()) break;
      acknowledged_[peer] = std::max(acknowledged_[peer], message.sent_at);
      if (log_.on_accepted(peer, message.paxos)) send_accept(peer, context);
      serve_if_free(context);
      break;
    case PaxosMessage::Kind::kReject:
      if (message.paxos.ballot <= log_.ballot()) break;  // Of an earlier attempt.
      if (is_elected()) {
        stand_down("higher_ballot", context);
      } else if (state_ == State::kPreparing) {
        log_.stop();
        state_ = State::kFollower;
        rest(context);
      }
      break;
  }
}

void DynamoReplica::on_prepare(NodeId from, const DynamoMessage& message, Context& context) {
  DynamoMessage answer{.kind = DynamoMessage::Kind::kPaxos};
  const Term before = log_.promised();
  answer.paxos = log_.answer_prepare(from.value() - 1, message.paxos);
  if (log_.promised() > before) {
    if (is_elected()) {
      stand_down("higher_ballot", context);
    }
    // It has turned away from its leader, and gives the candidate the time to begin.
    state_ = State::kFollower;
    leader_ = kNobody;
    rest(context);
  }
  answer.lease_left = remaining(bound_until_, context.now());
  context.send<DynamoMessage>(from, answer);
}

void DynamoReplica::on_accept(NodeId from, const DynamoMessage& message, Context& context) {
  DynamoMessage answer{.kind = DynamoMessage::Kind::kPaxos, .sent_at = message.sent_at};
  answer.paxos = log_.answer_accept(from.value() - 1, message.paxos);
  if (answer.paxos.kind == PaxosMessage::Kind::kAccepted) {
    if (is_elected()) stand_down("higher_ballot", context);
    state_ = State::kFollower;
    if (leader_ != from) {
      leader_ = from;
      context.note({.kind = NoteKind::kFollows, .term = message.paxos.ballot, .node = from});
    }
    heard_at_ = context.now();
    bound_until_ = std::max(bound_until_, context.now() + with_drift(options_.lease));
    rest(context);
  }
  context.send<DynamoMessage>(from, answer);
}

void DynamoReplica::on_ask(NodeId from, const DynamoMessage& message, Context& context) {
  const bool hears_leader = leader_ != kNobody && heard_at_ != kLongAgo &&
                            context.now() - heard_at_ <= options_.election_timeout;
  context.send<DynamoMessage>(from, DynamoMessage{.kind = DynamoMessage::Kind::kAnswer,
                                                  .is_healthy = is_elected() || hears_leader,
                                                  .round = message.round});
}

void DynamoReplica::on_answer(NodeId from, const DynamoMessage& message, Context& context) {
  if (state_ != State::kAsking || message.round != round_) return;
  answered_ |= node_bit(from.value() - 1);
  if (message.is_healthy) {
    drop_attempt(context);
    return;
  }
  // The suspected leader itself was not asked.
  NodeSet asked = all_nodes(replicas_) & ~node_bit(self_index());
  if (leader_ != kNobody) asked &= ~node_bit(leader_.value() - 1);
  if ((answered_ & asked) == asked) campaign(context);
}

void DynamoReplica::ask(Context& context) {
  state_ = State::kAsking;
  beats_at_ = kNever;
  ++round_;
  answered_ = 0;
  asks_until_ = context.now() + options_.ask_for;
  if (leader_ != kNobody) context.note({.kind = NoteKind::kSuspects, .node = leader_});
  for (NodeIndex to = 0; to < replicas_; ++to) {
    if (to == self_index() || id_of(to) == leader_) continue;
    context.send<DynamoMessage>(id_of(to),
                                DynamoMessage{.kind = DynamoMessage::Kind::kAsk, .round = round_});
  }
}

void DynamoReplica::drop_attempt(Context& context) {
  context.note({.kind = NoteKind::kDecision,
                .node = leader_,
                .word = "healthy_leader",
                .round = round_,
                .answers = static_cast<std::uint8_t>(std::popcount(answered_))});
  state_ = State::kFollower;
  rest(context);
}

void DynamoReplica::campaign(Context& context) {
  newest_ = std::max(newest_, log_.promised()).next();
  leader_ = kNobody;
  state_ = State::kPreparing;
  rest(context);
  context.note({.kind = NoteKind::kCampaign, .term = newest_, .node = self_, .round = round_});
  log_.prepare(newest_);
  waits_until_ = bound_until_;
  beat(context);
  count_promises(context);
}

void DynamoReplica::count_promises(Context& context) {
  for (NodeIndex peer = 0; peer < replicas_; ++peer) {
    // The rest of a log too long for one promise.
    if (log_.wants_promise(peer) && log_.prepare_for(peer).index > log_.commit()) {
      context.send<DynamoMessage>(id_of(peer), DynamoMessage{.paxos = log_.prepare_for(peer)});
    }
  }
  if (!log_.is_prepared()) return;
  log_.lead();
  state_ = State::kWaiting;
  leader_ = self_;
  elected_at_ = context.now();
  acknowledged_.fill(kLongAgo);
  beat(context);
  serve_if_free(context);
}

void DynamoReplica::serve_if_free(Context& context) {
  if (state_ != State::kWaiting || context.now() < waits_until_) return;
  if (options_.leader_quorum && lease_until(context.now()) <= context.now()) return;
  state_ = State::kLeader;
  context.note({.kind = NoteKind::kElected, .term = log_.ballot(), .node = self_});
}

void DynamoReplica::beat(Context& context) {
  beats_at_ = context.now() + options_.heartbeat_interval;
  if (state_ == State::kLeader) log_.append();
  if (is_elected()) {
    bound_until_ = std::max(bound_until_, context.now() + with_drift(options_.lease));
  }
  for (NodeIndex to = 0; to < replicas_; ++to) {
    if (to == self_index()) continue;
    if (is_elected()) {
      send_accept(to, context);
    } else if (log_.wants_promise(to)) {
      context.send<DynamoMessage>(id_of(to), DynamoMessage{.paxos = log_.prepare_for(to)});
    }
  }
}

void DynamoReplica::send_accept(NodeIndex to, Context& context) {
  context.send<DynamoMessage>(
      id_of(to), DynamoMessage{.sent_at = context.now(), .paxos = log_.accept_for(to)});
}

void DynamoReplica::stand_down(std::string_view why, Context& context) {
  if (state_ == State::kLeader) {
    context.note(
        {.kind = NoteKind::kSteppedDown, .term = log_.ballot(), .node = self_, .word = why});
  }
  log_.stop();
  state_ = State::kFollower;
  leader_ = kNobody;
  heard_at_ = kLongAgo;
  beats_at_ = kNever;
  rest(context);
}

void DynamoReplica::rest(Context& context) {
  acts_at_ = context.now() + options_.election_timeout +
             Duration(rng_.between(0, options_.election_timeout.count() - 1));
}

Instant DynamoReplica::lease_until(Instant now) const {
  std::array<Instant, kMaxSimNodes> sent = acknowledged_;
  sent[self_index()] = now;
  const auto end = sent.begin() + static_cast<std::ptrdiff_t>(replicas_);
  std::sort(sent.begin(), end, std::greater<>());
  return saturating_add(sent[replicas_ / 2], options_.lease);
}

Duration DynamoReplica::with_drift(Duration span) const {
  if (span <= Duration::zero()) return Duration::zero();
  return span + span * options_.clock_drift_ppm / 500'000 + kGuard;
}

ReplicaStatus DynamoReplica::status(Instant now) const {
  const Term term = std::max(newest_, log_.promised());
  const Role role = state_ == State::kLeader                                 ? Role::kLeader
                    : state_ == State::kFollower || state_ == State::kAsking ? Role::kFollower
                                                                             : Role::kCandidate;
  const bool relies = role == Role::kLeader && options_.leader_quorum;
  return {role, term, leader_, relies ? lease_until(now) : kLongAgo};
}

DynamoProtocol::DynamoProtocol(const DynamoOptions& options) : options_(options) {
  VOUCH_ASSERT(options.heartbeat_interval > Duration::zero() &&
               options.election_timeout >= options.heartbeat_interval &&
               options.lease >= options.heartbeat_interval);
}

std::string_view DynamoProtocol::message_kind(const Payload& payload) const {
  const auto& message = payload.as<DynamoMessage>();
  switch (message.kind) {
    case DynamoMessage::Kind::kAsk:
      return "ask";
    case DynamoMessage::Kind::kAnswer:
      return "answer";
    case DynamoMessage::Kind::kPaxos:
      break;
  }
  return to_string(message.paxos.kind);
}

std::unique_ptr<Replica> DynamoProtocol::make(const ReplicaOptions& options) const {
  return std::make_unique<DynamoReplica>(options, options_);
}

}  // namespace vouch::sim
