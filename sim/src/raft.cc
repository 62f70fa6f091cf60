#include "vouch/sim/raft.h"

#include <algorithm>
#include <bit>

#include "vouch/detector/assert.h"

namespace vouch::sim {
namespace {

constexpr std::size_t count(NodeSet set) {
  return static_cast<std::size_t>(std::popcount(set));
}

}  // namespace

RaftReplica::RaftReplica(const ReplicaOptions& replica, const RaftOptions& options)
    : self_(replica.self),
      replicas_(replica.replicas),
      options_(options),
      election_ticks_(static_cast<std::uint32_t>(
          std::max<std::int64_t>(1, options.election_timeout / options.heartbeat_interval))),
      rng_(replica.rng) {
  VOUCH_ASSERT(replicas_ <= kMaxSimNodes);
}

Instant RaftReplica::start(const Boot& boot, Context& context) {
  if (boot.lost_disk) {
    term_ = Term{};
    vote_ = kNobody;
    log_.clear();
    commit_ = 0;
  }
  state_ = State::kFollower;
  if (boot.is_first && boot.initial_leader != kNobody) {
    term_ = Term{1};
    vote_ = boot.initial_leader;
  }
  reset(term_);
  next_tick_ = context.now() + Duration(rng_.between(1, options_.heartbeat_interval.count()));
  if (boot.is_first && boot.initial_leader != kNobody) {
    leader_ = boot.initial_leader;
    if (leader_ == self_) become_leader(context);
  }
  return next_tick_;
}

Instant RaftReplica::handle_timeout(Context& context) {
  // A late ticker drops the ticks that it missed, as Go's does: time asleep is not counted.
  while (next_tick_ <= context.now()) {
    const Duration late = context.now() - next_tick_;
    next_tick_ += options_.heartbeat_interval * (1 + late / options_.heartbeat_interval);
  }
  if (state_ == State::kLeader) {
    tick_leader(context);
  } else {
    tick_follower(context);
  }
  return next_tick_;
}

void RaftReplica::tick_follower(Context& context) {
  if (++elapsed_ < patience_) return;
  elapsed_ = 0;
  campaign(options_.pre_vote ? State::kPreCandidate : State::kCandidate, context);
}

void RaftReplica::tick_leader(Context& context) {
  if (++elapsed_ >= election_ticks_) {
    elapsed_ = 0;
    if (options_.check_quorum) {
      const bool has_quorum = count(active_ | node_bit(self_index())) >= majority();
      active_ = 0;
      if (!has_quorum) {
        become_follower(term_, kNobody, "quorum_inactive", context);
        return;
      }
    }
  }
  log_.append(term_);
  match_[self_index()] = log_.last().index;
  advance_commit();
  for (NodeIndex to = 0; to < replicas_; ++to) {
    if (to != self_index()) send_append(to, context);
  }
}

Instant RaftReplica::handle(NodeId from, const RaftMessage& message, Context& context) {
  if (settle_term(from, message, context)) {
    switch (message.kind) {
      case Kind::kAppend:
        on_append(from, message, context);
        break;
      case Kind::kAppendReply:
        on_append_reply(from, message, context);
        break;
      case Kind::kPreVote:
      case Kind::kVote:
        on_vote_request(from, message, context);
        break;
      case Kind::kPreVoteReply:
      case Kind::kVoteReply:
        on_vote_reply(from, message, context);
        break;
    }
  }
  return next_tick_;
}

bool RaftReplica::settle_term(NodeId from, const RaftMessage& message, Context& context) {
  if (message.term < term_) {
    answer_old_term(from, message, context);
    return false;
  }
  if (message.term == term_) return true;
  const bool is_request = message.kind == Kind::kVote || message.kind == Kind::kPreVote;
  // Thesis section 4.2.3: a node that hears its leader does not help to replace it.
  if (is_request && options_.check_quorum && leader_ != kNobody && elapsed_ < election_ticks_) {
    return false;
  }
  // Neither the question of a pre-vote nor its grant says that the term has been reached.
  if (message.kind == Kind::kPreVote) return true;
  if (message.kind == Kind::kPreVoteReply && !message.is_rejected) return true;
  become_follower(message.term, message.kind == Kind::kAppend ? from : kNobody, "newer_term",
                  context);
  return true;
}

void RaftReplica::answer_old_term(NodeId from, const RaftMessage& message, Context& context) {
  if (message.kind == Kind::kAppend && (options_.pre_vote || options_.check_quorum)) {
    // The stale leader would not be told by an election that its peers refuse: etcd answers it.
    context.send<RaftMessage>(from, RaftMessage{.kind = Kind::kAppendReply,
                                                .is_rejected = true,
                                                .term = term_,
                                                .index = log_.last().index});
  } else if (message.kind == Kind::kPreVote) {
    // etcd: without an answer a cluster in which terms differ may not come together again.
    context.send<RaftMessage>(
        from, RaftMessage{.kind = Kind::kPreVoteReply, .is_rejected = true, .term = term_});
  }
}

void RaftReplica::on_append(NodeId from, const RaftMessage& message, Context& context) {
  VOUCH_ASSERT(state_ != State::kLeader);  // Two leaders in one term would break Raft itself.
  if (state_ != State::kFollower) {
    become_follower(term_, from, "leader_heard", context);
  } else if (leader_ != from) {
    leader_ = from;
    context.note({.kind = NoteKind::kFollows, .term = term_, .node = from});
  }
  elapsed_ = 0;
  RaftMessage reply{.kind = Kind::kAppendReply, .term = term_};
  if (log_.accept(message.entries)) {
    reply.index = message.entries.last;
    commit_ = std::max(commit_, std::min(message.commit, message.entries.last));
  } else {
    reply.is_rejected = true;
    const std::uint64_t before = message.entries.after.index - 1;
    reply.index = std::min(before, log_.last().index);
  }
  context.send<RaftMessage>(from, reply);
}

void RaftReplica::on_append_reply(NodeId from, const RaftMessage& message, Context& context) {
  if (state_ != State::kLeader) return;
  const NodeIndex peer = from.value() - 1;
  active_ |= node_bit(peer);
  if (message.is_rejected) {
    next_[peer] = std::max(match_[peer], std::min(message.index, next_[peer] - 1)) + 1;
    send_append(peer, context);
    return;
  }
  if (message.index > match_[peer]) {
    match_[peer] = message.index;
    next_[peer] = std::max(next_[peer], message.index + 1);
    advance_commit();
  }
}

void RaftReplica::on_vote_request(NodeId from, const RaftMessage& message, Context& context) {
  const bool is_pre_vote = message.kind == Kind::kPreVote;
  const bool may_vote = vote_ == from || (vote_ == kNobody && leader_ == kNobody) ||
                        (is_pre_vote && message.term > term_);
  const bool is_granted = may_vote && message.last >= log_.last();
  if (is_granted && !is_pre_vote) {
    elapsed_ = 0;
    vote_ = from;
  }
  // A granted pre-vote carries the term that was asked about, a refusal the own one.
  context.send<RaftMessage>(
      from, RaftMessage{.kind = is_pre_vote ? Kind::kPreVoteReply : Kind::kVoteReply,
                        .is_rejected = !is_granted,
                        .term = is_granted ? message.term : term_});
}

void RaftReplica::on_vote_reply(NodeId from, const RaftMessage& message, Context& context) {
  const bool is_pre_vote = message.kind == Kind::kPreVoteReply;
  if (state_ != (is_pre_vote ? State::kPreCandidate : State::kCandidate)) return;
  // A late grant of an earlier pre-vote, for a term that has been reached since.
  if (is_pre_vote && !message.is_rejected && message.term != term_.next()) return;
  (message.is_rejected ? refused_ : granted_) |= node_bit(from.value() - 1);
  count_votes(context);
}

void RaftReplica::campaign(State as, Context& context) {
  const bool is_pre_vote = as == State::kPreCandidate;
  if (is_pre_vote) {
    leader_ = kNobody;
    granted_ = refused_ = 0;
  } else {
    reset(term_.next());
    vote_ = self_;
    context.note({.kind = NoteKind::kCampaign, .term = term_, .node = self_});
  }
  state_ = as;
  granted_ |= node_bit(self_index());
  for (NodeIndex to = 0; to < replicas_; ++to) {
    if (to == self_index()) continue;
    context.send<RaftMessage>(id_of(to),
                              RaftMessage{.kind = is_pre_vote ? Kind::kPreVote : Kind::kVote,
                                          .term = is_pre_vote ? term_.next() : term_,
                                          .last = log_.last()});
  }
  count_votes(context);
}

void RaftReplica::count_votes(Context& context) {
  if (count(granted_) >= majority()) {
    if (state_ == State::kPreCandidate) {
      campaign(State::kCandidate, context);
    } else {
      become_leader(context);
    }
  } else if (count(refused_) >= majority()) {
    // etcd: a lost ballot makes a follower again, which waits a new random time.
    become_follower(term_, kNobody, "ballot_lost", context);
  }
}

void RaftReplica::become_follower(Term term, NodeId leader, std::string_view why,
                                  Context& context) {
  if (state_ == State::kLeader) {
    context.note({.kind = NoteKind::kSteppedDown, .term = term_, .node = self_, .word = why});
  }
  state_ = State::kFollower;
  reset(term);
  leader_ = leader;
  if (leader != kNobody) {
    context.note({.kind = NoteKind::kFollows, .term = term_, .node = leader});
  }
}

void RaftReplica::become_leader(Context& context) {
  state_ = State::kLeader;
  reset(term_);
  leader_ = self_;
  // Thesis section 6.4: the first entry of the new term, without which nothing earlier commits.
  log_.append(term_);
  match_.fill(0);
  next_.fill(log_.last().index);
  match_[self_index()] = log_.last().index;
  active_ = 0;
  context.note({.kind = NoteKind::kElected, .term = term_, .node = self_});
  advance_commit();
  for (NodeIndex to = 0; to < replicas_; ++to) {
    if (to != self_index()) send_append(to, context);
  }
}

void RaftReplica::reset(Term term) {
  if (term != term_) {
    term_ = term;
    vote_ = kNobody;
  }
  leader_ = kNobody;
  elapsed_ = 0;
  granted_ = refused_ = 0;
  patience_ = election_ticks_ + static_cast<std::uint32_t>(rng_.below(election_ticks_));
}

void RaftReplica::send_append(NodeIndex to, Context& context) {
  const std::uint64_t after = std::min(next_[to] - 1, log_.last().index);
  context.send<RaftMessage>(id_of(to), RaftMessage{.kind = Kind::kAppend,
                                                   .term = term_,
                                                   .commit = commit_,
                                                   .entries = log_.slice_after(after)});
}

void RaftReplica::advance_commit() {
  std::array<std::uint64_t, kMaxSimNodes> sorted = match_;
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(replicas_);
  std::sort(sorted.begin(), end, std::greater<>());
  const std::uint64_t reached = sorted[majority() - 1];
  // Thesis section 3.6.2: only entries of its own term are committed by counting.
  if (reached > commit_ && log_.term_at(reached) == term_) commit_ = reached;
}

ReplicaStatus RaftReplica::status(Instant) const {
  const bool leads = state_ == State::kLeader;
  const Role role = leads                        ? Role::kLeader
                    : state_ == State::kFollower ? Role::kFollower
                                                 : Role::kCandidate;
  return {role, term_, leader_, leads && options_.check_quorum ? kNever : kLongAgo};
}

RaftProtocol::RaftProtocol(const RaftOptions& options) : options_(options), name_("raft") {
  VOUCH_ASSERT(options.heartbeat_interval > Duration::zero() &&
               options.election_timeout >= options.heartbeat_interval);
  if (options.pre_vote) name_ += "+prevote";
  if (options.check_quorum) name_ += "+checkquorum";
}

std::string_view RaftProtocol::message_kind(const Payload& payload) const {
  switch (payload.as<RaftMessage>().kind) {
    case RaftMessage::Kind::kAppend:
      return "append";
    case RaftMessage::Kind::kAppendReply:
      return "append_reply";
    case RaftMessage::Kind::kPreVote:
      return "pre_vote";
    case RaftMessage::Kind::kPreVoteReply:
      return "pre_vote_reply";
    case RaftMessage::Kind::kVote:
      return "vote";
    case RaftMessage::Kind::kVoteReply:
      return "vote_reply";
  }
  return "unknown";
}

std::unique_ptr<Replica> RaftProtocol::make(const ReplicaOptions& options) const {
  return std::make_unique<RaftReplica>(options, options_);
}

}  // namespace vouch::sim
