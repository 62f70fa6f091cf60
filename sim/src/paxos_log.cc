#include "vouch/sim/paxos_log.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "vouch/detector/assert.h"

namespace vouch::sim {

std::string_view to_string(PaxosMessage::Kind kind) {
  switch (kind) {
    case PaxosMessage::Kind::kPrepare:
      return "prepare";
    case PaxosMessage::Kind::kPromise:
      return "promise";
    case PaxosMessage::Kind::kAccept:
      return "accept";
    case PaxosMessage::Kind::kAccepted:
      return "accepted";
    case PaxosMessage::Kind::kReject:
      return "reject";
  }
  return "unknown";
}

PaxosLog::PaxosLog(NodeIndex self, std::size_t replicas) : self_(self), replicas_(replicas) {
  VOUCH_ASSERT(replicas_ <= kMaxSimNodes && self_ < replicas_);
}

void PaxosLog::prepare(Term ballot) {
  VOUCH_ASSERT(ballot > promised_);
  promise(self_, ballot);
  ballot_ = ballot;
  phase_ = Phase::kPreparing;
  promises_ = node_bit(self_);
  best_ = self_;
  best_last_ = log_.last();
  incoming_ = log_;
}

PaxosMessage PaxosLog::prepare_for(NodeIndex to) const {
  const bool goes_on = to == best_ && best_ != self_;
  return {.kind = PaxosMessage::Kind::kPrepare,
          .ballot = ballot_,
          .index = goes_on ? incoming_.last().index : commit_,
          .last = log_.last()};
}

bool PaxosLog::wants_promise(NodeIndex from) const {
  if (phase_ != Phase::kPreparing || from == self_) return false;
  return (promises_ & node_bit(from)) == 0 || (from == best_ && incoming_.last() != best_last_);
}

bool PaxosLog::is_prepared() const {
  return phase_ == Phase::kPreparing &&
         static_cast<std::size_t>(std::popcount(promises_)) >= majority() &&
         incoming_.last() == best_last_;
}

void PaxosLog::lead() {
  VOUCH_ASSERT(is_prepared());
  log_ = incoming_;
  phase_ = Phase::kLeading;
  match_.fill(0);
  next_.fill(log_.last().index + 1);
  append();
}

void PaxosLog::append() {
  VOUCH_ASSERT(phase_ == Phase::kLeading);
  log_.append(ballot_);
  match_[self_] = log_.last().index;
  advance_commit();
}

PaxosMessage PaxosLog::accept_for(NodeIndex to) const {
  return {.kind = PaxosMessage::Kind::kAccept,
          .ballot = ballot_,
          .commit = commit_,
          .entries = log_.slice_after(std::min(next_[to] - 1, log_.last().index))};
}

bool PaxosLog::may_promise(NodeIndex from, Term ballot) const {
  return ballot > promised_ || (ballot == promised_ && from == promised_to_);
}

void PaxosLog::promise(NodeIndex to, Term ballot) {
  if (ballot > promised_) phase_ = Phase::kIdle;
  promised_ = ballot;
  promised_to_ = to;
}

void PaxosLog::promise_initially(Term ballot, NodeIndex to) {
  promised_ = ballot;
  promised_to_ = to;
}

PaxosMessage PaxosLog::answer_prepare(NodeIndex from, const PaxosMessage& message) {
  if (!may_promise(from, message.ballot)) {
    return {.kind = PaxosMessage::Kind::kReject, .ballot = promised_};
  }
  promise(from, message.ballot);
  PaxosMessage answer{
      .kind = PaxosMessage::Kind::kPromise, .ballot = promised_, .last = log_.last()};
  if (answer.last > message.last) {
    answer.entries = log_.slice_after(std::min(message.index, answer.last.index));
  }
  return answer;
}

void PaxosLog::on_promise(NodeIndex from, const PaxosMessage& message) {
  if (phase_ != Phase::kPreparing || message.ballot != ballot_) return;
  promises_ |= node_bit(from);
  if (message.last > best_last_) {
    best_ = from;
    best_last_ = message.last;
    incoming_ = log_;
  } else if (from != best_ || incoming_.last() == best_last_) {
    return;
  }
  // A log that does not contain what is committed here comes from a lost disk: take all of it.
  if (!incoming_.accept(message.entries)) incoming_.clear();
}

PaxosMessage PaxosLog::answer_accept(NodeIndex from, const PaxosMessage& message) {
  if (!may_promise(from, message.ballot)) {
    return {.kind = PaxosMessage::Kind::kReject, .ballot = promised_};
  }
  promise(from, message.ballot);
  PaxosMessage answer{.kind = PaxosMessage::Kind::kAccepted, .ballot = promised_};
  if (log_.accept(message.entries)) {
    answer.index = message.entries.last;
    commit_ = std::max(commit_, std::min(message.commit, message.entries.last));
  } else {
    answer.is_mismatch = true;
    answer.index = std::min(message.entries.after.index - 1, log_.last().index);
  }
  return answer;
}

bool PaxosLog::on_accepted(NodeIndex from, const PaxosMessage& message) {
  if (phase_ != Phase::kLeading || message.ballot != ballot_) return false;
  if (message.is_mismatch) {
    next_[from] = std::max(match_[from], std::min(message.index, next_[from] - 1)) + 1;
    return true;
  }
  if (message.index > match_[from]) {
    match_[from] = message.index;
    next_[from] = std::max(next_[from], message.index + 1);
    advance_commit();
  }
  return false;
}

void PaxosLog::lose_disk() {
  promised_ = Term{};
  promised_to_ = 0;
  log_.clear();
  commit_ = 0;
  phase_ = Phase::kIdle;
}

void PaxosLog::advance_commit() {
  std::array<std::uint64_t, kMaxSimNodes> sorted = match_;
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(replicas_);
  std::sort(sorted.begin(), end, std::greater<>());
  const std::uint64_t reached = sorted[majority() - 1];
  if (reached > commit_ && log_.term_at(reached) == ballot_) commit_ = reached;
}

}  // namespace vouch::sim
