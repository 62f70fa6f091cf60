#include <algorithm>

#include "tell.h"
#include "vouch/record/explain.h"

namespace vouch::record {
namespace {

/// One decision and what its sentences need.
struct Told {
  const Tell& tell;
  const DecisionInput& in;
  const DecisionOutput& out;

  [[nodiscard]] std::string subject() const { return tell.name(in.round.subject); }
  [[nodiscard]] bool has_subject() const { return in.round.subject != kNoSlot; }
  [[nodiscard]] std::string self() const { return tell.name(in.self); }
  [[nodiscard]] SlotSet other_voters() const {
    return tell.others([&](Slot slot, const PeerFacts&) { return in.voters.contains(slot); });
  }
};

std::string verdict_text(const Told& told) {
  const std::string about = told.has_subject() ? " " + told.subject() : " a leader";
  switch (told.out.verdict) {
    case Verdict::kTrust:
      return "has a leader again, " + told.tell.name(told.in.leader) + ", and asks no more";
    case Verdict::kQuiesceSelf:
      return "does not judge" + (told.has_subject() ? about : std::string(" its group")) +
             ": it is itself slow";
    case Verdict::kSuperseded:
      return "gives its question up: there is a newer term, " +
             std::to_string(told.in.term.value());
    case Verdict::kSuppress:
      return "does not elect: the quorum lease of " +
             (told.has_subject() ? told.subject() : "a leader") + " runs " +
             told.tell.lasting(told.out.until);
    case Verdict::kIsolatedSelf:
      return "does not elect: too few voters answer, it may be cut off itself";
    case Verdict::kNoElectableCandidate:
      return "does not elect: it knows nobody who can lead";
    case Verdict::kCampaign:
      return "stands for election" + (told.has_subject() ? " to replace" + about : std::string()) +
             ", above term " + std::to_string(told.in.term.value());
    case Verdict::kEndorse:
      return "leaves the election to " + told.tell.name(told.out.best);
    case Verdict::kWait:
      return told.in.voters.is_quorum(told.out.answered)
                 ? "waits with the election until a quorum is free"
                 : "waits for answers";
  }
  return "decides";
}

std::string rule_text(const Told& told) {
  const DecisionInput& in = told.in;
  switch (told.out.verdict) {
    case Verdict::kTrust:
      return "the leader is heard in time and claims term " + std::to_string(in.term.value());
    case Verdict::kQuiesceSelf:
      return "a node that is slow itself neither judges others nor consents until it has caught up";
    case Verdict::kSuperseded:
      return "it asked in term " + std::to_string(in.round.term.value()) +
             "; a newer term ends every question of an older one";
    case Verdict::kSuppress:
      return "valid evidence: a leader whose quorum lease is proved to run is not replaced";
    case Verdict::kIsolatedSelf:
      return "answers from fewer than a quorum: no term is spent, it goes on asking";
    case Verdict::kNoElectableCandidate:
      return "who leads must reach a quorum both ways whose logs are not longer than its own, and "
             "be allowed to lead";
    case Verdict::kCampaign:
      return "it is the best candidate and a quorum consents; it must begin " +
             told.tell.relative(told.out.consents_until) + " at the latest";
    case Verdict::kEndorse:
      return "one candidate, not several: the best one by strikes, log, priority, reach and id";
    case Verdict::kWait:
      if (!in.voters.is_quorum(told.out.answered)) {
        return "answers may still come: the question is younger than " + span_text(in.hold);
      }
      return "it is the best candidate, but no quorum consents yet; a quorum may be free " +
             (told.out.until == kNever   ? "at a time that is not known"
              : told.out.until <= in.now ? "now"
                                         : told.tell.relative(told.out.until));
  }
  return "unknown";
}

/// Whom it suspects, and on what ground.
std::string suspicion_text(const Told& told) {
  const DecisionInput& in = told.in;
  const std::string term = " of term " + std::to_string(in.round.term.value());
  const std::string since =
      in.now == in.round.started
          ? "; asks for the first time"
          : "; asking for " + span_text(saturating_difference(in.now, in.round.started));
  if (!told.has_subject()) return "nobody: it knows no leader" + term + since;
  const PeerFacts& subject = told.tell.peer(in.round.subject);
  std::string text = told.subject() + ", the leader" + term + ": ";
  if (subject.trusted) {
    text += in.leader_heard ? "it is heard again" : "it is heard, but does not claim to lead now";
  } else if (subject.incarnation == Incarnation{}) {
    text += "never heard";
  } else if (subject.suspect_at <= in.now && subject.suspect_at != kLongAgo) {
    text +=
        subject.suspect_at == in.now
            ? "silent, overdue as of now"
            : "silent, overdue for " + span_text(saturating_difference(in.now, subject.suspect_at));
  } else {
    text += "something told of trouble with it (a refused probe or connection)";
  }
  return text + since;
}

std::string proof_text(const Told& told, const ConfirmAnswer& answer) {
  if (answer.evidence_until == kLongAgo) return "";
  const std::string leader = told.tell.name(answer.leader);
  if (answer.evidence_until <= told.in.now) {
    return "; its proof of the lease of " + leader + " ended " +
           told.tell.relative(answer.evidence_until);
  }
  return "; proves that the lease of " + leader + " runs " +
         told.tell.lasting(answer.evidence_until) + " (proof of " +
         told.tell.relative(answer.asked_at) + ")";
}

std::string consent_text(const Told& told, const ConfirmAnswer& answer) {
  if (answer.consent_until < told.in.now) {
    return "consented, but that ended " + told.tell.relative(answer.consent_until);
  }
  return "consents, bound " + told.tell.lasting(answer.consent_until);
}

/// `for another 50 ms, as it said 20 ms ago`.
std::string bound_text(const Told& told, const ConfirmAnswer& answer) {
  if (answer.bound_until <= told.in.now) {
    return "until " + told.tell.relative(answer.bound_until) + ", as it said";
  }
  return told.tell.lasting(answer.bound_until);
}

std::string said_text(const Told& told, const ConfirmAnswer& answer) {
  switch (answer.answer) {
    case Answer::kConsent:
      return consent_text(told, answer);
    case Answer::kNotAsked:
      return answer.bound_until > told.in.now
                 ? "bound " + bound_text(told, answer) + " (its consent was not asked for)"
                 : "bound to nobody (its consent was not asked for)";
    case Answer::kLeading:
      return "leads itself";
    case Answer::kPromised:
      return "bound by a promise " + bound_text(told, answer);
    case Answer::kEndorseOther:
      return answer.endorses == kNobody
                 ? "does not consent: knows nobody who can lead"
                 : "does not consent: prefers " + told.tell.name(answer.endorses);
    case Answer::kHeld:
      return "has consented to another candidate, bound " + bound_text(told, answer);
    case Answer::kNewerTerm:
      return "knows of term " + std::to_string(answer.term.value());
    case Answer::kJustStarted:
      return "has restarted and may have promised before, silent " + bound_text(told, answer);
    case Answer::kSick:
      return "is itself slow, its judgement does not count";
    case Answer::kNotVoter:
      return "sees no vote for one of the two, or other members";
  }
  return "answered";
}

/// What one voter answered, that has answered.
std::string voter_text(const Told& told, Slot slot) {
  const ConfirmAnswer& answer = told.in.answers[slot];
  const std::string name = told.tell.name(slot);
  if (!told.out.answered.contains(slot)) {
    return name + " last answered a question of " + told.tell.relative(answer.asked_at) +
           ": too old to count" + proof_text(told, answer);
  }
  std::string text = name + ": " + said_text(told, answer);
  if (answer.sick && answer.answer != Answer::kSick) text += ", but says that it is slow";
  return text + proof_text(told, answer);
}

/// What this node itself is bound by.
std::string own_text(const Told& told) {
  const std::string bound = binding_text(told.tell, told.in.bindings, told.in.self);
  return told.self() + " itself: " + (bound.empty() ? "bound to nobody" : bound);
}

std::string answers_text(const Told& told) {
  std::string text = std::to_string(told.out.answered.size()) + " of " +
                     counted(static_cast<std::size_t>(told.in.voters.all().size()), "voter") +
                     " (itself included), " + std::to_string(told.out.consenting.size()) +
                     " free or consenting; it takes " + needed_text(told.in.voters);
  text = Tell::section("answers", text);
  if (told.in.voters.contains(told.in.self)) text += Tell::section("", own_text(told));
  SlotSet silent;
  told.other_voters().for_each([&](Slot slot) {
    if (told.in.answers[slot].attempt == 0) {
      silent.insert(slot);
    } else {
      text += Tell::section("", voter_text(told, slot));
    }
  });
  if (silent.empty()) return text;
  const std::string have = silent.size() == 1 ? " has" : " have";
  return text + Tell::section("", told.tell.names(silent) + have + " not answered");
}

/// Whose answers come too late to bind; empty when nobody's do.
std::string late_text(const Told& told) {
  SlotSet late;
  told.other_voters().for_each([&](Slot slot) {
    if (told.tell.peer(slot).answers_late) late.insert(slot);
  });
  if (late.empty()) return "";
  return ", and consents of " + told.tell.names(late) + " would be over when they are here";
}

/// Why `best` is better than this node.
std::string rank_text(const Told& told) {
  const Candidacy& own = told.out.own;
  const Candidacy& best = told.tell.peer(told.out.best).candidacy;
  const std::string name = told.tell.name(told.out.best);
  if (!told.in.own.may_lead) return told.self() + " may not lead (drained, or a witness)";
  if (!own.may_lead) return told.self() + " is of no use as a leader now: slow, or its work hangs";
  if (!own.electable) {
    return told.self() + " reaches too few voters both ways whose logs are not longer (" +
           counted(own.consenters, "voter") + ", itself included)" + late_text(told);
  }
  if (best.strikes != own.strikes) {
    return name + " has lost fewer leaderships lately (" + std::to_string(best.strikes) +
           " against " + std::to_string(own.strikes) + ")";
  }
  if (best.log != own.log) {
    return name + " has the longer log: " + log_text(best.log) + ", against " + log_text(own.log);
  }
  if (best.priority != own.priority) {
    return name + " has the higher priority (" + std::to_string(best.priority) + " against " +
           std::to_string(own.priority) + ")";
  }
  if (best.consenters != own.consenters) {
    return name + " reaches more voters (" + std::to_string(best.consenters) + " against " +
           std::to_string(own.consenters) + ")";
  }
  return name + " and " + told.self() + " are equal, and " + name + " has the lower id";
}

/// What keeps a voter from leading; empty when this node has not heard of it.
std::string obstacle_text(const Told& told, Slot slot) {
  const bool is_self = slot == told.in.self;
  const PeerFacts& peer = told.tell.peer(slot);
  const Candidacy& known = is_self ? told.out.own : peer.candidacy;
  const std::string name = told.tell.name(slot) + (is_self ? " itself" : "");
  if (!is_self && !peer.trusted) return name + " is not heard";
  std::string text = name + ": ";
  if (!known.may_lead) {
    text += "may not lead (drained, a witness, slow, or its work hangs), ";
  }
  text += known.reaches_quorum ? "reaches a quorum both ways" : "reaches no quorum both ways";
  if (known.reaches_quorum && known.may_lead && !known.electable) {
    text += ", but too few of those have a log that is not longer than its own";
    if (is_self) text += late_text(told);
  }
  if (known.electable && !is_self) {
    text += !peer.is_heard ? ", but does not hear " + told.self()
            : peer.sick    ? ", but says that it is slow"
                           : "";
  }
  return text + "; log: " + log_text(known.log);
}

std::string obstacles_text(const Told& told) {
  std::string text;
  told.in.voters.all().for_each([&](Slot slot) {
    text += Tell::section(text.empty() ? "obstacles" : "", obstacle_text(told, slot));
  });
  return text;
}

/// Those of `holders` that have surely heard the leader since it fell silent here. What they prove
/// ends at most one lease after they heard it, and no lease is longer than the window of an answer.
SlotSet heard_since(const Told& told, SlotSet holders) {
  const Instant silent_since = told.tell.peer(told.in.round.subject).suspect_at;
  SlotSet heard;
  holders.for_each([&](Slot slot) {
    if (saturating_add(told.in.answers[slot].evidence_until, -told.in.window) > silent_since)
      heard.insert(slot);
  });
  return heard;
}

std::string look_at_evidence(const Told& told) {
  SlotSet holders = told.out.via;
  holders.erase(told.in.self);
  if (holders.empty()) return "nothing yet: its own proof has not run out";
  if (!told.has_subject()) return told.tell.names(holders) + ", which know a leader";
  const Slot subject = told.in.round.subject;
  const std::string link = told.subject() + " -> " + told.self();
  if (holders.contains(subject)) {
    return told.subject() + " itself answered a question of " +
           told.tell.relative(told.in.answers[subject].asked_at) +
           ", so both directions carry something: heartbeats " + link + " are late or get lost";
  }
  const SlotSet heard = heard_since(told, holders);
  if (heard.empty() || told.tell.peer(subject).trusted) {
    return "nothing yet: the proof may be older than the silence, so it may be " + told.subject() +
           " itself or the link " + link;
  }
  return "the link " + link + ": " + told.tell.names(heard) +
         (heard.size() == 1 ? " has" : " have") + " heard " + told.subject() + " since, " +
         told.self() + " has not (whether " + told.subject() + " hears " + told.self() +
         " cannot be seen from here)";
}

std::string look_at_isolation(const Told& told) {
  const SlotSet voters = told.other_voters();
  const SlotSet heard = told.tell.others(
      [&](Slot slot, const PeerFacts& peer) { return voters.contains(slot) && peer.trusted; });
  if (heard.empty()) {
    return "the network of " + told.self() +
           " first: it hears none of the other voters (cut off, or they are down)";
  }
  SlotSet mute = heard;
  told.out.answered.for_each([&](Slot slot) { mute.erase(slot); });
  std::string text =
      "the network of " + told.self() + " first: it hears " + told.tell.names(heard) + " only";
  if (heard == voters) text = "what " + told.self() + " sends: it hears everybody";
  if (!mute.empty()) text += "; no answer comes from " + told.tell.names(mute) + " although heard";
  return text;
}

std::string look_at_obstacles(const Told& told) {
  const Decision decision = conclude(told.in, told.out);
  const auto list = [&](const NodeList& nodes) {
    SlotSet set;
    for (Slot slot = 0; slot < told.tell.size(); ++slot) {
      if (std::find(nodes.begin(), nodes.end(), told.tell.peer(slot).node) != nodes.end()) {
        set.insert(slot);
      }
    }
    return set;
  };
  const SlotSet with_quorum = list(decision.with_quorum);
  const SlotSet with_log = list(decision.with_log);
  if (with_quorum.empty()) return "the links: nobody who is heard reaches a quorum both ways";
  if ((with_quorum & with_log).empty()) {
    return "the links of " + told.tell.names(with_log) + ", which " +
           (with_log.size() == 1 ? "has" : "have") + " the longest log; " +
           told.tell.names(with_quorum) + (with_quorum.size() == 1 ? " reaches" : " reach") +
           " a quorum, but with a shorter log (a constrained election: whole links or a way around "
           "them end it)";
  }
  return told.tell.names(with_quorum & with_log) + ": quorum and log would do, see above";
}

std::string look_at(const Told& told) {
  switch (told.out.verdict) {
    case Verdict::kTrust:
      return "nothing, if it stays so";
    case Verdict::kQuiesceSelf:
      return "what stops the process of " + told.self() + " (memory, processor, a paused machine)";
    case Verdict::kSuperseded:
      return "the decision CAMPAIGN for that term on the other nodes";
    case Verdict::kSuppress:
      return look_at_evidence(told);
    case Verdict::kIsolatedSelf:
      return look_at_isolation(told);
    case Verdict::kNoElectableCandidate:
      return look_at_obstacles(told);
    case Verdict::kCampaign:
      if (!told.has_subject()) {
        return "why the last leader left (its stand-down, or the end of its process)";
      }
      return told.subject() + (told.tell.peer(told.in.round.subject).trusted
                                   ? ": it gave its leadership up, see its stand-down"
                                   : ": nobody who answers can prove its lease any more");
    case Verdict::kEndorse:
      return told.tell.name(told.out.best) + ": it should stand for election soon";
    case Verdict::kWait:
      return "nothing yet";
  }
  return "unknown";
}

std::string health_text(const Told& told) {
  const OwnFacts& own = told.in.own;
  if (own.sick_until > told.in.now) {
    return "it stood still a moment ago and catches up " + told.tell.lasting(own.sick_until);
  }
  return "its own timers fire late (" + std::to_string(own.late_timers) +
         " more late ones than ones in time)";
}

}  // namespace

std::string explain_decision(const Line& line, const DecisionCase& what) {
  const Tell tell(line, what.input.peers, what.input.self, what.input.now);
  const Told told{tell, what.input, what.output};
  const std::string verdict(vouch::to_string(what.output.verdict));
  std::string text = tell.headline(verdict_text(told) + " (" + verdict + ")");
  text += Tell::section("suspects", suspicion_text(told));
  if (what.output.verdict == Verdict::kQuiesceSelf) {
    text += Tell::section("health", health_text(told));
  }
  if (what.output.verdict != Verdict::kTrust) text += answers_text(told);
  if (what.output.verdict == Verdict::kNoElectableCandidate) text += obstacles_text(told);
  if (what.output.verdict == Verdict::kEndorse) text += Tell::section("rank", rank_text(told));
  text += Tell::section("rule", rule_text(told));
  return text + Tell::section("look at", look_at(told));
}

}  // namespace vouch::record
