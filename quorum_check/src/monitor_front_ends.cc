// The part of Monitor that deals with front-ends: answers what they ask, passes on what they report
// to those whom it is about, and advises a leader that most of them do not reach.

#include "vouch/quorum_check/monitor.h"

namespace vouch {

void Monitor::handle_message(Instant now, NodeId from, const FrontEndMessage& message) {
  enter(now);
  if (sender_of(message).node != from) {
    ++core_.counters.dropped_unknown_front_end;
  } else if (const auto* probe = std::get_if<FrontEndProbe>(&message)) {
    handle_front_end(from, *probe);
  } else if (const auto* tally = std::get_if<FrontEndTally>(&message)) {
    handle_front_end(from, *tally);
  } else {
    ++core_.counters.dropped_bad_field;  // An answer: nobody here asked.
  }
  leave();
}

void Monitor::handle_front_end(NodeId from, const FrontEndProbe& probe) {
  switch (front_ends_.take(core_.now, core_.began, core_.config.incarnation, from, probe)) {
    case ProbeVerdict::kTaken:
      break;
    case ProbeVerdict::kUnknown:
      ++core_.counters.dropped_unknown_front_end;
      return;
    case ProbeVerdict::kStale:
      ++core_.counters.dropped_stale_front_end;
      return;
    case ProbeVerdict::kTooMany:
      ++core_.counters.dropped_front_end_flood;
      return;
  }
  ++core_.counters.front_end_probes;
  FrontEndAnswer answer{.from = {core_.roster.self_id(), core_.config.incarnation}};
  answer.group = probe.group;
  answer.echo_incarnation = probe.from.incarnation;
  answer.echo = probe.sent_at;
  answer.sent_at = Core::stamp(core_.now);
  answer.sick = core_.sick();
  // An unknown group has no leader here.
  const LeaderKnown known = leader_known(probe.group);
  answer.term = known.term;
  answer.leader = known.leader;
  answer.view = known.view;
  answer.lease = to_wire(known.lease);
  answer.age = to_wire(known.age);
  core_.out.push(SendFrontEnd{from, answer});
}

void Monitor::handle_front_end(NodeId from, const FrontEndTally& tally) {
  const PeerIndex index = core_.roster.index_of(from);
  if (index == kNoPeer || index == core_.roster.self()) {
    ++core_.counters.dropped_unknown_sender;
  } else if (!take_sender(index, tally.from)) {
    ++core_.counters.dropped_old_incarnation;
  } else if (!front_ends_.take(core_.now, index, tally)) {
    ++core_.counters.dropped_stale_front_end;
  }
}

/// Once per heartbeat interval: front-ends that do not reach a leader cannot tell it, so this node
/// does, as long as they say so. What is not repeated ages out.
void Monitor::check_front_ends() {
  const NodeId self = core_.roster.self_id();
  FrontEndTally tally{.from = {self, core_.config.incarnation}};
  tally.sent_at = Core::stamp(core_.now);
  tally.list = front_ends_.list().hash();
  const bool any = front_ends_.any_lost(core_.now);
  for (PeerIndex index = 0; any && index < core_.roster.size(); ++index) {
    if (index == core_.roster.self()) continue;
    tally.lost = front_ends_.lost(core_.now, core_.roster.node(index));
    if (tally.lost == 0) continue;
    tally.reached = front_ends_.reached(core_.now);
    core_.out.push(SendFrontEnd{core_.roster.node(index), tally});
  }
  bool leads = fleet_.has_value();  // Of so many groups it may lead some: who asks names it.
  for (const GroupWatch& group : groups_)
    leads |= group.leads();
  const auto is_reached = [this](NodeId node) {
    const PeerIndex index = core_.roster.index_of(node);
    return index != kNoPeer && index != core_.roster.self() && core_.two_way(index);
  };
  front_ends_.tick(core_.now, self, leads, is_reached,
                   [this](const Diagnosis& diagnosis) { core_.out.push(diagnosis); });
  // Where groups travel apart a slot is one of a group, not of the roster.
  if (!leads || fleet_) return;
  const std::optional<SlotSet> unfit =
      front_ends_.wants_transfer(core_.now, core_.roster.self_slot());
  if (unfit) advise(TransferReason::kFrontEnds, *unfit);
}

}  // namespace vouch
