#include "vouch/sim/liveness.h"

#include <bit>
#include <string>

#include "vouch/quorum_check/action.h"

namespace vouch::sim {
namespace {

bool loses_at_random(const Links& links) {
  for (NodeIndex from = 0; from < links.count(); ++from) {
    for (NodeIndex to = 0; to < links.count(); ++to) {
      const Link& link = links.at(from, to);
      if (!link.is_cut && link.loss_per_million > 0 && link.loss_per_million < 1'000'000) {
        return true;
      }
    }
  }
  return false;
}

bool is_whole(const Reachability& reachability) {
  for (const NodeSet reached : reachability.two_way) {
    if (reached != all_nodes(reachability.count)) return false;
  }
  return true;
}

/// The nodes that may lead and reach a majority whose logs are not longer than theirs: who could
/// win an election. The others of a majority would refuse their votes, as they must.
NodeSet electable(const Engine& engine, const Reachability& reachability) {
  NodeSet set = 0;
  const NodeSet candidates = reachability.with_majority();
  for (NodeIndex node = 0; node < reachability.count; ++node) {
    if ((candidates & node_bit(node)) == 0) continue;
    std::size_t voters = 0;
    for (NodeIndex voter = 0; voter < reachability.count; ++voter) {
      const bool is_reached = (reachability.two_way[node] & node_bit(voter)) != 0;
      if (is_reached && engine.work_log(voter) <= engine.work_log(node)) ++voters;
    }
    if (voters > reachability.count / 2) set |= node_bit(node);
  }
  return set;
}

std::string milliseconds(Duration span) {
  return std::to_string(span.count() / 1'000'000) + " ms";
}

}  // namespace

void Liveness::noted(const Engine& engine, NodeIndex, const Note& note) {
  // What front-ends have lost no graph of replicas shows. From here on it is a planned move: one
  // election, and a stable leader soon.
  const bool is_planned =
      note.kind == NoteKind::kAdvice && note.word == to_string(TransferReason::kFrontEnds);
  if (is_open_ && is_planned) {
    if (engine.now() > period_.began) close(engine);
    was_settled_ = false;
    open(engine);
  }
  if (note.kind == NoteKind::kCampaign) {
    ++period_.elections;
    last_election_ = engine.now();
  }
  if (note.kind == NoteKind::kElected) ++period_.leader_changes;
  if (is_open_ && is_fit_ && note.kind == NoteKind::kSteppedDown &&
      suffers_from_before(engine, note.word)) {
    if (engine.now() > period_.began) close(engine);
    was_settled_ = false;
    open(engine);
  }
}

/// Whether a leader that stands down for `reason` may do so for what was lost before this period.
bool Liveness::suffers_from_before(const Engine& engine, std::string_view reason) const {
  if (reason == to_string(StandDownReason::kTransferred)) {
    return engine.now() < troubled_until_ + advice_memory_;
  }
  // Only one that could have stayed: that the lease of another lapses begins no new bound.
  return reason == to_string(StandDownReason::kLeaseLapsed) &&
         period_.situation == Situation::kKept && engine.now() < troubled_until_ + lease_memory_;
}

void Liveness::moved(const Engine& engine, NodeIndex, NodeIndex, const Payload&, Fate) {
  // Asked before the receiver has handled what arrives: if it is the missing log, until just then.
  if (!is_open_ || !is_fit_ || period_.situation != Situation::kRecoverable) return;
  if (measures_.usable_leaders(engine) != 0) return;
  if (electable(engine, reachability_) == 0) constrained_until_ = engine.now();
}

void Liveness::begin(const Engine& engine) {
  is_open_ = true;
  was_settled_ = measures_.usable_leaders(engine) != 0;
  open(engine);
}

void Liveness::faulted(const Engine& engine, const Fault&) {
  if (!is_open_) return;
  if (engine.now() > period_.began) close(engine);
  open(engine);
}

void Liveness::finish(const Engine& engine) {
  if (is_open_ && engine.now() > period_.began) close(engine);
  is_open_ = false;
}

void Liveness::open(const Engine& engine) {
  period_ = {};
  period_.began = engine.now();
  constrained_until_ = engine.now();
  period_.is_healed = is_whole(engine.reachability());
  is_troubled_ = engine.is_troubled();
  const bool was_fit = is_fit_;
  is_fit_ = !loses_at_random(engine.links()) && !is_troubled_;
  if (is_fit_ && !was_fit) troubled_until_ = engine.now();
  reachability_ = engine.reachability();
  if (reachability_.with_majority() == 0) {
    // Who could commit but is drained may stay for want of a successor, or go: both are right.
    for (NodeIndex node = 0; node < engine.size(); ++node) {
      if (reachability_.has_majority(node)) is_fit_ = false;
    }
    period_.situation = Situation::kHopeless;
  } else if (was_settled_ && (measures_.usable_leaders(engine) & reachability_.eligible) != 0) {
    period_.situation = Situation::kKept;
  } else {
    period_.situation = Situation::kRecoverable;
  }
}

void Liveness::close(const Engine& engine) {
  measures_.settle(engine);
  period_.ended = engine.now();
  if (measures_.last_unusable() > period_.began) {
    period_.recovery = measures_.last_unusable() - period_.began;
  }
  const bool is_usable = measures_.last_unusable() < period_.ended;
  const Duration length = period_.ended - period_.began;
  // The fault that ends the period is done already: what it left is not what the period had.
  const NodeSet could_lead = electable(engine, reachability_);
  if (period_.situation == Situation::kRecoverable && !is_usable && could_lead == 0) {
    // A constrained election: those with a majority and those with the log are not the same. Asked
    // at the end, because the old leader may have brought a log on its way as long as it led.
    period_.situation = Situation::kHopeless;
  }
  if (is_fit_ && length >= 2 * bound_) {
    switch (period_.situation) {
      case Situation::kKept:
        period_.is_disturbed = period_.elections > 0 || period_.recovery > Duration::zero();
        break;
      case Situation::kRecoverable:
        // A log that left over a slow link before the period began arrives in its time. Until then
        // the election was constrained, and from then on the bound counts.
        period_.is_stuck = !is_usable && period_.ended - constrained_until_ > bound_;
        // A campaign that was under way when the links changed may still end in a leadership that
        // cannot last: one election of this period after it is no churn.
        period_.is_churning = (period_.leader_changes > 1 && period_.elections > 1) ||
                              (period_.elections > 0 && last_election_ > measures_.last_unusable());
        period_.is_late =
            is_usable && period_.recovery > constrained_until_ - period_.began + bound_;
        break;
      case Situation::kHopeless: {
        bool leads = false;
        for (NodeIndex node = 0; node < engine.size(); ++node) {
          const bool is_working = (reachability_.working & node_bit(node)) != 0;
          leads |= is_working && engine.status(node).role == Role::kLeader;
        }
        // What was begun while the links still worked may end in one campaign.
        period_.is_noisy = leads || period_.elections > (was_settled_ ? 0U : 1U);
        break;
      }
    }
    report(period_, could_lead);
    periods_.push_back(period_);
  }
  // Work that stands still takes a leader its office after a time that is not known here. One that
  // was elected meanwhile may be about to go, however well it is reached.
  const bool is_doomed = is_troubled_ && period_.leader_changes > 0;
  was_settled_ =
      is_usable && length >= 2 * bound_ && period_.recovery <= length - bound_ && !is_doomed;
}

void Liveness::report(const Period& period, NodeSet could_lead) {
  if (period.is_clean()) return;
  const std::string counts = std::to_string(period.elections) + " elections, " +
                             std::to_string(period.leader_changes) + " leader changes in " +
                             milliseconds(period.ended - period.began) + " since " +
                             milliseconds(period.began - kStart);
  if (period.is_disturbed) {
    checker_.report(period.is_healed ? Rule::kL6 : Rule::kL1, period.ended, 0,
                    "a leader that keeps its majority was disturbed: " + counts);
  } else if (period.situation == Situation::kRecoverable) {
    const std::string what = period.is_stuck ? "no usable leader at the end"
                             : period.is_churning
                                 ? "the leader changes again and again"
                                 : "a usable leader only after " + milliseconds(period.recovery);
    // Who leads now, or by what the period had could.
    const NodeSet named = could_lead != 0 ? could_lead : reachability_.with_majority();
    const auto first = static_cast<NodeIndex>(std::countr_zero(named));
    checker_.report(Rule::kL2, period.ended, first,
                    "n" + std::to_string(first) + " could lead, but " + what + ": " + counts);
  } else {
    checker_.report(Rule::kL3, period.ended, 0, "nobody can be elected, but not quiet: " + counts);
  }
}

}  // namespace vouch::sim
