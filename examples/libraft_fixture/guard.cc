#include "guard.h"

#include <utility>
#include <variant>

#include "vouch/detector/assert.h"

namespace vouch::libraft {
namespace {

NodeId node(raft_id id) {
  return NodeId{static_cast<NodeId::rep>(id)};
}

/// Where the log ends: its last entry, or the snapshot that replaced all of them.
LogPosition end_of_log(raft& raft) {
  const raft_log& log = raft.log;
  const raft_index index = raft_last_index(&raft);
  if (log.front == log.back) return {Term{log.snapshot.last_term}, index};
  const std::size_t last = (log.back + log.size - 1) % log.size;
  return {Term{log.entries[last].term}, index};
}

/// Followers and candidates: the timeout is the first field of both states.
unsigned& election_timeout_of(raft& raft) {
  return raft.state == RAFT_FOLLOWER ? raft.follower_state.randomized_election_timeout
                                     : raft.candidate_state.randomized_election_timeout;
}

}  // namespace

Guard::Guard(raft& raft, Monitor monitor, Network& network)
    : raft_(&raft), monitor_(std::move(monitor)), network_(&network), self_(node(raft.id)) {}

void Guard::attach() {
  VOUCH_ASSERT(raft_->data == nullptr);
  raft_->data = this;
  next_start_ = std::exchange(raft_->io->start, &Guard::start);
  next_send_ = std::exchange(raft_->io->send, &Guard::send);
}

Instant Guard::now() const {
  return Instant{std::chrono::milliseconds(raft_->io->time(raft_->io))};
}

/// raft_init stores the raft in io->data.
Guard& Guard::of(raft_io* io) {
  return *static_cast<Guard*>(static_cast<raft*>(io->data)->data);
}

int Guard::start(raft_io* io, unsigned msecs, raft_io_tick_cb tick, raft_io_recv_cb recv) {
  Guard& guard = of(io);
  guard.raft_tick_ = tick;
  guard.raft_recv_ = recv;
  guard.tick_interval_ms_ = msecs;
  guard.next_tick_ms_ = io->time(io) + msecs;
  return guard.next_start_(io, kPollMs, &Guard::tick, &Guard::recv);
}

int Guard::send(raft_io* io, raft_io_send* request, const raft_message* message,
                raft_io_send_cb callback) {
  Guard& guard = of(io);
  if (message->type != RAFT_IO_REQUEST_VOTE) {
    return guard.next_send_(io, request, message, callback);
  }
  raft_message permitted = *message;
  permitted.request_vote.disrupt_leader = true;
  return guard.next_send_(io, request, &permitted, callback);
}

void Guard::tick(raft_io* io) {
  of(io).poll();
}

void Guard::poll() {
  if (!alive_) return;
  while (const std::optional<Packet> packet = network_->receive(self_)) {
    monitor_.handle_message(now(), packet->from, packet->message);
    act();
  }
  if (now() >= monitor_.next_timeout()) monitor_.handle_timeout(now());
  act();
  end_late_candidacy();
  hold_election_timer();
  if (raft_->io->time(raft_->io) < next_tick_ms_) return;
  next_tick_ms_ += tick_interval_ms_;
  call_tick();
}

void Guard::call_tick() {
  raft_tick_(raft_->io);
  tell_changes();
  act();
}

void Guard::recv(raft_io* io, raft_message* message) {
  Guard& guard = of(io);
  if (!guard.alive_ || guard.is_withheld(*message)) return;
  guard.raft_recv_(io, message);
  guard.tell_changes();
  guard.act();
}

/// Messages of these types own no memory, so that to leave one unread is to lose it.
bool Guard::is_withheld(const raft_message& message) {
  switch (message.type) {
    case RAFT_IO_REQUEST_VOTE: {
      const NodeId candidate = node(message.request_vote.candidate_id);
      return monitor_.may_vote(kGroup, candidate, now()) != VoteVerdict::kMay;
    }
    case RAFT_IO_REQUEST_VOTE_RESULT: {
      const raft_request_vote_result& result = message.request_vote_result;
      // A newer term must be heard; a vote only within the candidacy that asked for it.
      if (result.term > raft_->current_term) return false;
      if (!candidacy_ || result.term != candidacy_->term) return true;
      if (result.vote_granted) candidacy_->votes.push(node(message.server_id));
      return false;
    }
    case RAFT_IO_TIMEOUT_NOW:
      return true;  // An election without a question. Leadership moves by EligibilityChanged.
    default:
      return false;
  }
}

void Guard::hold_election_timer() {
  if (raft_->state == RAFT_FOLLOWER || raft_->state == RAFT_CANDIDATE) {
    raft_->election_timer_start = raft_->io->time(raft_->io);
  }
}

/// Unsigned on purpose: before the first timeout of a run the start lies "below" 0, and the
/// difference that libraft takes is right again.
void Guard::expire_election_timer() {
  raft_->election_timer_start = raft_->io->time(raft_->io) - election_timeout_of(*raft_);
}

void Guard::act() {
  while (const std::optional<Action> action = monitor_.poll_action()) {
    if (const auto* message = std::get_if<Send>(&*action)) {
      network_->send(self_, message->to, message->message);
    } else if (const auto* campaign = std::get_if<Campaign>(&*action)) {
      begin_candidacy(*campaign);
    } else if (const auto* stand_down = std::get_if<StandDown>(&*action)) {
      step_down(*stand_down);
    }
  }
}

void Guard::begin_candidacy(const Campaign& campaign) {
  if (raft_->state == RAFT_FOLLOWER || raft_->state == RAFT_CANDIDATE) {
    expire_election_timer();
    candidacy_ = Candidacy{.term = raft_->current_term + 1, .since_ms = raft_->io->time(raft_->io)};
    candidacy_->votes.push(self_);
    raft_tick_(raft_->io);
    tell_changes();
    if (candidacy_ && raft_->current_term == candidacy_->term) return;
    candidacy_.reset();
  }
  monitor_.handle_local(now(), CandidacyEnded{kGroup, campaign.after});
}

/// libraft would stay a candidate and begin the next term by itself. Held back by its timer it
/// waits for the next Campaign instead.
void Guard::end_late_candidacy() {
  if (candidacy_ && raft_->io->time(raft_->io) > candidacy_->since_ms + kVoteWindowMs) {
    end_candidacy();
    act();
  }
}

void Guard::end_candidacy() {
  const Term term{candidacy_->term};
  candidacy_.reset();
  monitor_.handle_local(now(), CandidacyEnded{kGroup, term});
}

/// The leader's own check: no contact with a majority for an election timeout.
void Guard::step_down(const StandDown& stand_down) {
  if (raft_->state != RAFT_LEADER || raft_->current_term != stand_down.term.value()) return;
  for (unsigned i = 0; i < raft_->configuration.n; ++i)
    raft_->leader_state.progress[i].recent_recv = false;
  raft_->election_timer_start = raft_->io->time(raft_->io) - raft_->election_timeout;
  raft_tick_(raft_->io);
  VOUCH_ASSERT(raft_->state != RAFT_LEADER);
  tell_changes();
}

void Guard::tell_changes() {
  tell_vote();
  monitor_.handle_local(now(), TermObserved{kGroup, Term{raft_->current_term}});
  tell_leadership();
  tell_log();
}

/// A vote binds like an acknowledged heartbeat; the one for oneself too.
void Guard::tell_vote() {
  if (raft_->voted_for == 0) return;
  if (raft_->voted_for == voted_for_ && raft_->current_term == voted_in_) return;
  voted_for_ = raft_->voted_for;
  voted_in_ = raft_->current_term;
  monitor_.handle_local(now(), VoteGranted{kGroup, node(voted_for_), Term{voted_in_}});
}

void Guard::tell_leadership() {
  const raft_term leads = raft_->state == RAFT_LEADER ? raft_->current_term : 0;
  if (led_term_ != 0 && leads != led_term_) {
    monitor_.handle_local(now(), Resigned{kGroup, Term{led_term_}});
    led_term_ = 0;
  }
  if (candidacy_ && leads == candidacy_->term) {
    const Instant asked{std::chrono::milliseconds(candidacy_->since_ms)};
    monitor_.handle_local(now(), Elected{.group = kGroup,
                                         .term = Term{leads},
                                         .requested_at = asked,
                                         .voters = candidacy_->votes});
    led_term_ = leads;
    candidacy_.reset();
  } else if (candidacy_ &&
             (raft_->state != RAFT_CANDIDATE || raft_->current_term != candidacy_->term)) {
    end_candidacy();
  }
}

void Guard::tell_log() {
  const LogPosition log = end_of_log(*raft_);
  if (log != log_) monitor_.handle_local(now(), LogAdvanced{kGroup, log});
  log_ = log;
  if (raft_->commit_index == commit_) return;
  commit_ = raft_->commit_index;
  monitor_.handle_local(now(), CommitReported{kGroup, commit_});
}

}  // namespace vouch::libraft
