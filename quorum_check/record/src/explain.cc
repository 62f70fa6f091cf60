#include "vouch/record/explain.h"

#include <cstdio>

#include "tell.h"

namespace vouch::record {
namespace {

/// What ends a leadership, in words.
std::string reason_text(const Tell& tell, const LeadershipInput& in, const LeadershipOutput& out,
                        StandDownReason reason) {
  switch (reason) {
    case StandDownReason::kLeaseLapsed:
      return "no quorum acknowledged its heartbeats within the lease, so others may elect: it "
             "stops "
             "first";
    case StandDownReason::kDeposed:
      return "it knows of term " + std::to_string(in.newer_term.value()) +
             ": somebody else may lead there";
    case StandDownReason::kNoProgress:
      return "its work has not moved for " +
             span_text(saturating_difference(in.now, in.work.stuck_since())) + ", the limit is " +
             span_text(in.work.progress_timeout) +
             ": it is of no use although its heartbeats go on";
    case StandDownReason::kDraining:
      return "its host wants no leadership here (drained), and " + tell.name(out.successor) +
             " can lead";
    case StandDownReason::kResigned:
      return "its host gave the leadership up";
    case StandDownReason::kStalling:
      return "its own pauses add up to a whole lease: better handed over than limping on";
    case StandDownReason::kTransferred:
      return "its host handed the leadership over, as it was advised or on its own account";
  }
  return "unknown";
}

std::string where_to_look(const Tell& tell, const LeadershipInput& in, StandDownReason reason) {
  const SlotSet voters = in.voters.all();
  switch (reason) {
    case StandDownReason::kLeaseLapsed: {
      if (in.own.sick) {
        return "what stopped the process of " + tell.name(tell.self()) +
               ": it was itself slow a moment ago";
      }
      const SlotSet silent = tell.others([&](Slot slot, const PeerFacts&) {
        return voters.contains(slot) && in.support[slot] <= in.now;
      });
      const SlotSet heard = tell.others(
          [&](Slot slot, const PeerFacts& peer) { return silent.contains(slot) && peer.trusted; });
      std::string text = "the links between " + tell.name(tell.self()) + " and " +
                         tell.names(silent) + ": an acknowledgement needs both directions";
      if (!heard.empty()) {
        text += "; it still hears " + tell.names(heard) +
                ", which do not hear it or promise "
                "nothing";
      }
      return text;
    }
    case StandDownReason::kNoProgress:
      return "the worker and the disk of " + tell.name(tell.self()) + ", not the network";
    case StandDownReason::kStalling:
      return "what stops the process of " + tell.name(tell.self()) +
             " (memory, processor, a paused machine)";
    case StandDownReason::kDeposed:
      return "the decision CAMPAIGN for term " + std::to_string(in.newer_term.value()) +
             " on the other nodes";
    case StandDownReason::kTransferred:
      return "the advice before it, and the diagnosis that led to it";
    case StandDownReason::kDraining:
    case StandDownReason::kResigned:
      return "nothing, if the change was planned";
  }
  return "unknown";
}

std::string lease_text(const Tell& tell, const LeadershipInput& in, const LeadershipOutput& out) {
  std::string text;
  if (out.lease_until > in.now) {
    text = "runs " + tell.lasting(out.lease_until);
  } else {
    text = "ran out " + tell.relative(out.lease_until);
  }
  text += "; it needs " + needed_text(in.voters) + ", itself included; supported by ";
  std::string list;
  in.voters.all().for_each([&](Slot slot) {
    if (slot == in.self) return;
    if (!list.empty()) list += ", ";
    list += tell.name(slot);
    list += in.support[slot] == kLongAgo ? " never" : " " + tell.lasting(in.support[slot]);
  });
  return text + (list.empty() ? "nobody else" : list);
}

std::string tell_case(const Line& line, const DecisionCase& what) {
  return explain_decision(line, what);
}

std::string tell_case(const Line& line, const StandDownCase& what) {
  const LeadershipInput& in = what.input;
  const Tell tell(line, in.peers, in.self, in.now);
  if (!what.output.reason) return tell.headline("goes on leading");
  const StandDownReason reason = *what.output.reason;
  return tell.headline("stands down from term " + std::to_string(in.term.value()) + " (" +
                       std::string(vouch::to_string(reason)) + ")") +
         Tell::section("rule", reason_text(tell, in, what.output, reason)) +
         Tell::section("lease", lease_text(tell, in, what.output)) +
         Tell::section("look at", where_to_look(tell, in, reason));
}

/// Why a question was answered as it was.
std::string answer_text(const Tell& tell, const AnswerCase& what) {
  const AnswerInput& in = what.input;
  const std::string asker = tell.name(in.asker);
  switch (what.output) {
    case Answer::kConsent:
      return "consents to " + asker + ", and is bound to it " + tell.lasting(what.held_until) +
             ": nothing else binds it, and it knows no better candidate";
    case Answer::kNotAsked:
      return "tells " + asker + " what it knows; its consent was not asked for";
    case Answer::kLeading:
      return "tells " + asker + " that it leads itself and holds its quorum " +
             tell.lasting(in.bindings.lease_until);
    case Answer::kPromised:
      return "does not consent to " + asker + ": " + binding_text(tell, in.bindings, in.asker);
    case Answer::kEndorseOther:
      if (in.asker_sick) return "does not consent to " + asker + ", which says that it is slow";
      if (in.asker_log < in.own.log)
        return "does not consent to " + asker + ", whose log is shorter than its own";
      return "does not consent to " + asker + ": " +
             (in.best == kNoSlot ? "it knows nobody who can lead"
                                 : tell.name(in.best) + " is the better candidate");
    case Answer::kHeld:
      return "does not consent to " + asker + ": it consented to " +
             tell.name(in.bindings.hold.candidate) + ", binding " +
             tell.lasting(in.bindings.hold.until);
    case Answer::kNewerTerm:
      return "tells " + asker + " of term " + std::to_string(in.term.value()) + "; it asked in " +
             std::to_string(in.asked_term.value());
    case Answer::kJustStarted:
      return "does not consent to " + asker +
             ": it has restarted and may have promised before, silent " +
             tell.lasting(in.bindings.silent_until);
    case Answer::kSick:
      return "recuses itself before " + asker + ": it is itself slow";
    case Answer::kNotVoter:
      return "does not consent to " + asker + ": by its membership (version " +
             std::to_string(in.epoch.value()) + ") one of the two has no vote, or the version " +
             std::to_string(in.asked_epoch.value()) + " asked by is replaced";
  }
  return "answers " + asker;
}

std::string tell_case(const Line& line, const AnswerCase& what) {
  const AnswerInput& in = what.input;
  const Tell tell(line, in.peers, in.self, in.now);
  const std::string about = in.subject == kNobody ? "asked because the group has no leader"
                                                  : "asked about " + tell.name(in.subject);
  return tell.headline(answer_text(tell, what) + " (" + about + ")");
}

std::string tell_case(const Line& line, const VoteCase& what) {
  const VoteInput& in = what.input;
  const Tell tell(line, in.peers, in.self, in.now);
  const std::string candidate = tell.name(in.candidate);
  switch (what.output) {
    case VoteVerdict::kMay:
      return tell.headline("may vote for " + candidate +
                           ", as far as its promises go; log and term are its host's to judge");
    case VoteVerdict::kPromised:
    case VoteVerdict::kHeld:
    case VoteVerdict::kJustStarted:
      return tell.headline("must not vote for " + candidate + " (" +
                           std::string(to_string(what.output)) +
                           "): " + binding_text(tell, in.bindings, in.candidate));
    case VoteVerdict::kNotVoter:
      return tell.headline("must not vote for " + candidate + ": one of the two has no vote");
  }
  return tell.headline("was asked for a vote");
}

}  // namespace

std::string span_text(Duration span) {
  const std::int64_t us = span.count() / 1000;
  if (us < 1000) return std::to_string(us) + " us";
  if (us < 10'000'000) return std::to_string(us / 1000) + " ms";
  const std::int64_t tenths = us / 100'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

std::string counted(std::size_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string when_of(const Line& line) {
  if (line.stamp.sim_ns) {
    const std::int64_t ms = *line.stamp.sim_ns / 1'000'000;
    char text[40];
    std::snprintf(text, sizeof text, "%lld.%03lld s", static_cast<long long>(ms / 1000),
                  static_cast<long long>(ms % 1000));
    return text;
  }
  if (!line.stamp.wall.empty()) return line.stamp.wall;
  const Instant now = std::visit([](const auto& what) { return what.input.now; }, line.what);
  return std::to_string(now.time_since_epoch().count()) + " ns";
}

std::string name_of(const Line& line, NodeId node) {
  if (node == kNobody) return "nobody";
  if (line.stamp.run.empty()) return "node " + std::to_string(node.value());
  return "n" + std::to_string(node.value() - 1);
}

std::string Tell::name(NodeId node) const {
  return name_of(line_, node);
}

std::string Tell::name(Slot slot) const {
  return name(slot < peers_.size() ? peers_[slot].node : kNobody);
}

std::string Tell::names(SlotSet slots) const {
  if (slots.empty()) return "nobody";
  std::string text;
  int left = slots.size();
  slots.for_each([&](Slot slot) {
    text += name(slot);
    if (slot == self_) text += " itself";
    --left;
    if (left > 1) text += ", ";
    if (left == 1) text += " and ";
  });
  return text;
}

std::string Tell::lasting(Instant until) const {
  if (until == kNever) return "without an end";
  if (until == kLongAgo) return "no longer";
  if (until <= now_) return "until " + relative(until);
  return "for another " + span_text(saturating_difference(until, now_));
}

std::string Tell::relative(Instant at) const {
  if (at == kNever || at == kLongAgo) return "never";
  if (at == now_) return "just now";
  return at <= now_ ? span_text(saturating_difference(now_, at)) + " ago"
                    : "in " + span_text(saturating_difference(at, now_));
}

std::string Tell::headline(const std::string& sentence) const {
  // A simulation has one group only.
  const GroupId group = std::visit([](const auto& what) { return what.input.group; }, line_.what);
  const std::string of_group =
      line_.stamp.run.empty() ? " (group " + std::to_string(group.value()) + ")" : "";
  return when_of(line_) + "  " + name(self_) + of_group + " " + sentence + "\n";
}

std::string Tell::section(const std::string& heading, const std::string& text) {
  std::string line = "    " + heading;
  line.resize(14, ' ');
  return line + text + "\n";
}

SlotSet Tell::others(const std::function<bool(Slot, const PeerFacts&)>& is_so) const {
  SlotSet set;
  for (Slot slot = 0; slot < size(); ++slot) {
    if (slot != self_ && is_so(slot, peers_[slot])) set.insert(slot);
  }
  return set;
}

std::string binding_text(const Tell& tell, const Bindings& bindings, Slot candidate) {
  std::string text;
  const auto add = [&](const std::string& clause) { text += (text.empty() ? "" : "; ") + clause; };
  if (bindings.lease_held(tell.now()) && candidate != tell.self()) {
    add("it leads itself and holds its quorum " + tell.lasting(bindings.lease_until));
  }
  const Promise& promise = bindings.promise;
  if (promise.to != kNoSlot && promise.to != candidate && promise.until > tell.now()) {
    add("its promise to " + tell.name(promise.to) + " runs " + tell.lasting(promise.until));
  }
  if (bindings.earlier_until > tell.now()) {
    add("a promise to an earlier leader runs " + tell.lasting(bindings.earlier_until));
  }
  const LeaderEvidence& evidence = bindings.evidence;
  if (evidence.leader != kNoSlot && evidence.leader != candidate && evidence.until > tell.now()) {
    add("it knows first-hand that the lease of " + tell.name(evidence.leader) + " runs " +
        tell.lasting(evidence.until));
  }
  if (bindings.hold.candidate != candidate && bindings.hold.until > tell.now()) {
    add("it consented to " + tell.name(bindings.hold.candidate) + ", binding " +
        tell.lasting(bindings.hold.until));
  }
  if (bindings.silent_until > tell.now()) {
    add("it has restarted and may have promised before, silent " +
        tell.lasting(bindings.silent_until));
  }
  return text;
}

std::string log_text(const LogPosition& log) {
  if (log == LogPosition{}) return "empty";
  return "entry " + std::to_string(log.index) + " of term " + std::to_string(log.term.value());
}

std::string needed_text(const Voters& voters) {
  const auto part = [](SlotSet set) {
    return std::to_string(set.size() / 2 + 1) + " of " + std::to_string(set.size()) + " voters";
  };
  std::string text = part(voters.current);
  if (!voters.joint.empty()) text += " and " + part(voters.joint) + " of the other configuration";
  return text;
}

std::string explain(const Line& line) {
  return std::visit([&](const auto& what) { return tell_case(line, what); }, line.what);
}

}  // namespace vouch::record
