#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <utility>
#include <variant>

#include "vouch/detector/result.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/host/builtin_election.h"
#include "vouch/host/vote.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/event.h"
#include "vouch/quorum_check/monitor.h"

namespace vouch::host {

/// Everything that a replica is made from.
struct ReplicaConfig {
  MonitorConfig monitor;
  ElectionConfig election{};
  /// Whether an advice to hand leadership over is followed at once. False: it is for the sink only.
  bool follows_advice = true;
};

/// One replica without I/O: a Monitor and the built-in election, wired to each other. The simulator
/// and the daemon drive this same object.
///
/// Order of calls. After each handle_* call `drain` at the same `now`, then look at `next_timeout`.
///
/// `drain(now, sink)` calls `sink(x)` for every output in order, where x is one of
///  - to be done: `const Send&`, `const SendVote&`, `const SendFrontEnd&` (deliver it), `const
///  Persist&` (make it durable
///    before returning: a vote follows);
///  - to be known: the other alternatives of Action, and every LocalEvent that the election tells
///    the Monitor (Elected, CandidacyEnded, VoteGranted, TermObserved). These are acted upon
///    already; the sink only watches.
///
/// Does not allocate after `create()`. Not thread-safe: give it one owner.
class Replica {
 public:
  /// Errc::kBadConfig names the field, the rule and the value. A group's term is raised to that of
  /// its persisted ballot.
  static Result<Replica> create(ReplicaConfig config, Instant now, Rng rng);

  void handle_message(Instant now, NodeId from, const Message& message) {
    monitor_.handle_message(now, from, message);
  }

  void handle_message(Instant now, NodeId from, const FrontEndMessage& message) {
    monitor_.handle_message(now, from, message);
  }

  void handle_message(Instant now, NodeId from, const VoteMessage& message) {
    // A process that wakes from a pause must notice it before it is asked for a vote (rule S4).
    if (now >= monitor_.next_timeout()) monitor_.handle_timeout(now);
    if (const auto* request = std::get_if<VoteRequest>(&message)) {
      election_.handle_request(now, from, *request, permission(request->group, from, now));
    } else {
      election_.handle_reply(now, from, *std::get_if<VoteReply>(&message));
    }
  }

  void handle_timeout(Instant now) {
    if (now >= election_.next_timeout()) election_.handle_timeout(now);
    monitor_.handle_timeout(now);
  }

  /// What the program around the replica learned: its log, its eligibility, its progress.
  void handle_local(Instant now, const LocalEvent& event) {
    if (const auto* advanced = std::get_if<LogAdvanced>(&event)) {
      election_.set_log(advanced->group, advanced->log);
    }
    const std::uint64_t refused = monitor_.counters().dropped_bad_field;
    monitor_.handle_local(now, event);
    if (const auto* changed = std::get_if<MembershipChanged>(&event)) {
      if (monitor_.counters().dropped_bad_field == refused) election_.set_membership(*changed);
    }
  }

  template <typename Sink>
  void drain(Instant now, Sink&& sink) {
    for (;;) {
      // In place: an action is as large as the largest message, and most of what there is to do.
      while (const Action* action = monitor_.front_action()) {
        std::visit([&](const auto& a) { pass(now, a, sink); }, *action);
        monitor_.pop_action();
      }
      const std::optional<ElectionOutput> output = election_.poll_output();
      if (!output) return;
      std::visit([&](const auto& o) { pass(now, o, sink); }, *output);
    }
  }

  [[nodiscard]] Instant next_timeout() const {
    return std::min(monitor_.next_timeout(), election_.next_timeout());
  }

  /// See Monitor::set_recorder.
  void set_recorder(DecisionRecorder* recorder) { monitor_.set_recorder(recorder); }

  [[nodiscard]] const Monitor& monitor() const { return monitor_; }
  [[nodiscard]] const BuiltinElection& election() const { return election_; }

 private:
  Replica(Monitor monitor, BuiltinElection election, bool follows_advice)
      : monitor_(std::move(monitor)),
        election_(std::move(election)),
        follows_advice_(follows_advice) {}

  [[nodiscard]] VotePermission permission(GroupId group, NodeId candidate, Instant now) const {
    return {monitor_.may_vote(group, candidate, now), monitor_.bound(group, candidate, now)};
  }

  /// One output: what concerns the other half goes there first, then the sink sees it.
  template <typename Output, typename Sink>
  void pass(Instant now, const Output& output, Sink& sink) {
    if constexpr (std::same_as<Output, LocalEvent>) {
      monitor_.handle_local(now, output);
      std::visit(sink, output);
    } else {
      if constexpr (std::same_as<Output, Campaign>) {
        const NodeId self = monitor_.config().self;
        election_.handle_campaign(now, output, monitor_.bound(output.group, self, now));
      } else if constexpr (std::same_as<Output, StandDown>) {
        election_.handle_stand_down(now, output);
      } else if constexpr (std::same_as<Output, LeaderChanged>) {
        election_.observe_term(now, output.group, output.term);
      } else if constexpr (std::same_as<Output, TransferAdvice>) {
        if (follows_advice_) monitor_.handle_local(now, HandOver{output.group, output.term});
      }
      sink(output);
    }
  }

  Monitor monitor_;
  BuiltinElection election_;
  bool follows_advice_;
};

}  // namespace vouch::host
