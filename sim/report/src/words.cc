#include "vouch/report/words.h"

#include <algorithm>

#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/diagnosis_text.h"
#include "vouch/scenario/trace.h"
#include "vouch/sim/clients.h"

namespace vouch::report {
namespace {

std::string node_name(NodeId node) {
  return node == kNobody ? "nobody" : report::node_name(node.value() - 1);
}

std::string spaced(std::string_view word) {
  std::string text(word);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string count(std::uint64_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

/// " for another 400 ms", or nothing when the note names no end that lies ahead.
std::string until_text(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note,
                       std::string_view before) {
  const Instant now = engine.local_now(node);
  if (note.until <= now || note.until >= kNever) return "";
  return std::string(before) + duration_text(note.until - now);
}

/// Who answered, for the decisions that count answers.
std::string tally(const sim::Note& note) {
  return count(note.answers, "answer") + " and " + count(note.consents, "consent") +
         ", a quorum is " + std::to_string(note.quorum);
}

/// The rule that decided, in words (vouch/quorum_check/decide.h has the rules).
std::string decision(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) {
  const std::string subject = node_name(note.node);
  const bool has_leader = note.node != kNobody;
  if (note.word == "QUIESCE_SELF") return "does not judge " + subject + ": it is itself slow";
  if (note.word == "SUPERSEDED") {
    return (has_leader ? "gives the question about " + subject
                       : std::string("gives its question")) +
           " up: a newer term is known";
  }
  if (note.word == "SUPPRESS") {
    return "does not elect: there is proof that " + subject + " holds its quorum" +
           until_text(engine, node, note, ", good for another ");
  }
  if (note.word == "ISOLATED_SELF") {
    return "does not elect: too few answer, it may be cut off itself (" + tally(note) +
           "); no term is spent";
  }
  if (note.word == "NO_ELECTABLE_CANDIDATE") {
    return "finds nobody electable: who reaches a quorum may not lead or lacks the log (" +
           tally(note) + ")";
  }
  if (note.word == "CAMPAIGN") {
    return (has_leader ? "may replace " + subject : std::string("may lead")) + ": " + tally(note);
  }
  if (note.word == "ENDORSE") {
    return "leaves it to " + node_name(note.best) + ", the better candidate (" + tally(note) + ")";
  }
  if (note.word == "WAIT") {
    return "waits: promises" + (has_leader ? " to " + subject : std::string()) +
           " still run or answers are missing (" + tally(note) + ")" +
           until_text(engine, node, note, "; a quorum may be free in ");
  }
  if (note.word == "TRUST") return "hears " + subject + " again: no question any more";
  return "decides about " + subject + ": " + spaced(note.word) + " (" + tally(note) + ")";
}

std::string other(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) {
  const std::string about = node_name(note.node);
  if (note.word == "vouched") {
    return "is told that " + about + " is fine" + until_text(engine, node, note, " for another ");
  }
  if (note.word == "suppress_alert") {
    return "raises an alert: peers have vouched for " + about + " for long, it does not hear it";
  }
  if (note.word == "vote_granted") {
    return "votes for " + about + " in term " + std::to_string(note.term.value());
  }
  std::string text = spaced(note.word);
  if (note.node != kNobody && note.node != NodeId{node + 1}) text += ", about " + about;
  if (note.term != Term{}) text += ", term " + std::to_string(note.term.value());
  return text;
}

/// Parts per million as "30.5 %".
std::string percent(std::int64_t per_million) {
  const std::int64_t tenths = per_million / 1000;
  if (tenths == 0 && per_million > 0) return "under 0.1 %";
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %";
}

/// What a fault does to its link; nothing for kinds that are not known here.
std::string link_sentence(const sim::Fault& fault) {
  using Kind = sim::FaultKind;
  const std::string link =
      "link " + report::node_name(fault.a) + " -> " + report::node_name(fault.b);
  const std::string by = duration_text(Duration(fault.value));
  if (fault.kind == Kind::kCut) return link + " is cut";
  if (fault.kind == Kind::kHeal) return link + " is whole again";
  if (fault.kind == Kind::kLoss)
    return link + " loses " + percent(fault.value) + " of its messages";
  if (fault.kind == Kind::kDelay) {
    return link + " delays by " + by +
           (fault.extra > 0 ? " to " + duration_text(Duration(fault.value + fault.extra)) : "");
  }
  const auto on_off = [&](const std::string& on, const std::string& off) {
    return link + (fault.value != 0 ? " " + on : " " + off);
  };
  if (fault.kind == Kind::kBurstLoss) {
    return on_off("loses messages in bursts, " + percent(fault.fourth) + " within one",
                  "has no bursts of loss any more");
  }
  if (fault.kind == Kind::kLognormal) {
    return on_off("adds a lognormal delay, median " + by, "adds no lognormal delay any more");
  }
  if (fault.kind == Kind::kPareto) {
    return on_off("adds a Pareto delay, from " + by, "adds no Pareto delay any more");
  }
  if (fault.kind == Kind::kDelayTrace) {
    return on_off("adds recorded delays", "adds no recorded delays any more");
  }
  if (fault.kind == Kind::kDelayJump) {
    return on_off("delays everything by another " + by, "is as fast as before the jump");
  }
  if (fault.kind == Kind::kReorder) {
    return on_off("holds back " + percent(fault.value) + " of its messages", "keeps their order");
  }
  if (fault.kind == Kind::kDuplicate) {
    return on_off("repeats " + percent(fault.value) + " of its messages", "repeats no more");
  }
  if (fault.kind == Kind::kCorrupt) {
    return on_off("damages " + percent(fault.value) + " of its messages", "damages no more");
  }
  if (fault.kind == Kind::kMtu) {
    return on_off("loses what is longer than " + std::to_string(fault.value) + " bytes",
                  "carries messages of any length");
  }
  if (fault.kind == Kind::kRate) {
    return on_off("carries " + std::to_string(fault.value) + " bits a second",
                  "has its full bandwidth again");
  }
  if (fault.kind == Kind::kTrickle) {
    return on_off("lets one message through every " + by, "trickles no more");
  }
  return "";
}

/// What a fault does to its node; nothing for kinds that are not known here.
std::string node_sentence(const sim::Fault& fault) {
  using Kind = sim::FaultKind;
  const std::string node = report::node_name(fault.a);
  const bool begins = fault.value != 0;
  if (fault.kind == Kind::kCrash) return node + " crashes";
  if (fault.kind == Kind::kRestart)
    return node + " starts again" + (begins ? ", with an empty disk" : "");
  if (fault.kind == Kind::kPause) return node + " stands still";
  if (fault.kind == Kind::kResume) return node + " runs on";
  if (fault.kind == Kind::kClock) {
    std::string text = "the clock of " + node + " runs " +
                       std::to_string(fault.value < 0 ? -fault.value : fault.value) + " ppm " +
                       (fault.value < 0 ? "slow" : "fast");
    if (fault.value == 0) text = "the clock of " + node + " runs at its right rate";
    return fault.extra > 0 ? text + ", and jumps ahead by " + duration_text(Duration(fault.extra))
                           : text;
  }
  if (fault.kind == Kind::kExit) {
    return "the process of " + node + " exits" + (begins ? ", its supervisor says so" : "");
  }
  if (fault.kind == Kind::kSuspend) return node + " is suspended";
  if (fault.kind == Kind::kFreeze) return node + " is frozen with its clock";
  if (fault.kind == Kind::kSlow) {
    return begins ? node + " takes " + duration_text(Duration(fault.value)) + " for each message"
                  : node + " is fast again";
  }
  if (fault.kind == Kind::kFlood) {
    return begins ? node + " is flooded and loses " + percent(fault.value) + " of what arrives"
                  : node + " is not flooded any more";
  }
  if (fault.kind == Kind::kWorkerStall) {
    return "the worker of " + node + (begins ? " hangs, its heartbeats go on" : " works again");
  }
  if (fault.kind == Kind::kDiskStall) {
    return "the disk of " + node + (begins ? " takes nothing" : " works again");
  }
  if (fault.kind == Kind::kDrain) return node + (begins ? " is drained" : " may lead again");
  if (fault.kind == Kind::kWallStep) {
    return "the wall clock of " + node + " is set " +
           duration_text(Duration(fault.value < 0 ? -fault.value : fault.value)) +
           (fault.value < 0 ? " back" : " ahead");
  }
  return "";
}

std::string diagnosis(const sim::Note& note) {
  if (note.diagnosis == nullptr) return "diagnoses " + spaced(note.word);
  const bool is_raised = note.diagnosis->change == DiagnosisChange::kRaised;
  const auto name_of = [](NodeId node) { return node_name(node); };
  return (is_raised ? "diagnoses " : "finds no more ") + spaced(note.word) + ": " +
         culprit_text(*note.diagnosis, name_of);
}

}  // namespace

std::string node_name(sim::NodeIndex node) {
  if (sim::is_client(node)) return "c" + std::to_string(node - sim::kFirstClient);
  return "n" + std::to_string(node);
}

std::string duration_text(Duration span) {
  const std::int64_t us = span.count() / 1000;
  if (us < 1000) return std::to_string(us) + " us";
  if (us < 1'000'000) return std::to_string(us / 1000) + " ms";
  const std::int64_t tenths = us / 100'000;
  if (tenths >= 1000 || tenths % 10 == 0) return std::to_string(tenths / 10) + " s";
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

std::string sentence(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) {
  const std::string term = std::to_string(note.term.value());
  switch (note.kind) {
    case sim::NoteKind::kCampaign:
      return "begins an election for term " + term;
    case sim::NoteKind::kElected:
      return "is elected and leads term " + term;
    case sim::NoteKind::kSteppedDown:
      return "steps down from term " + term + (note.word.empty() ? "" : ": " + spaced(note.word));
    case sim::NoteKind::kFollows:
      if (note.node == kNobody) return "knows no leader any more";
      return "follows " + node_name(note.node) + " in term " + term;
    case sim::NoteKind::kConsent:
      return "consents to " + node_name(note.node);
    case sim::NoteKind::kDecision:
      return decision(engine, node, note);
    case sim::NoteKind::kSuspects:
      return "suspects " + node_name(note.node);
    case sim::NoteKind::kTrusts:
      return "trusts " + node_name(note.node) + " again";
    case sim::NoteKind::kDiagnosis:
      return diagnosis(note);
    case sim::NoteKind::kAdvice:
      if (note.word == to_string(TransferReason::kFrontEnds)) {
        return "advises to hand over to " + node_name(note.node) +
               ": most front-ends do not reach it";
      }
      return "advises to hand over to " + node_name(note.node) + ": it is " + spaced(note.word);
    case sim::NoteKind::kOther:
      return other(engine, node, note);
  }
  return "unknown";
}

std::string sentence(const sim::Fault& fault) {
  const std::string text =
      sim::is_about_link(fault.kind) ? link_sentence(fault) : node_sentence(fault);
  if (!text.empty()) return text;
  // A kind that has no sentence yet is told by its name in the trace.
  std::string name(scenario::event_name(fault.kind));
  if (name.starts_with("fault_")) name.erase(0, 6);
  name = spaced(name) + ": " + node_name(fault.a);
  if (sim::is_about_link(fault.kind)) name += " -> " + node_name(fault.b);
  return fault.value == 0 ? name : name + ", " + std::to_string(fault.value);
}

}  // namespace vouch::report
