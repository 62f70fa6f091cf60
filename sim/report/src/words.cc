#include "vouch/report/words.h"

#include <algorithm>

#include "vouch/scenario/trace.h"

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

}  // namespace

std::string node_name(sim::NodeIndex node) {
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
    case sim::NoteKind::kOther:
      return other(engine, node, note);
  }
  return "unknown";
}

std::string sentence(const sim::Fault& fault) {
  const std::string node = node_name(fault.a);
  const std::string link = "link " + node + " -> " + node_name(fault.b);
  using Kind = sim::FaultKind;
  // Not a switch: a kind that has no sentence yet is told by its name in the trace.
  if (fault.kind == Kind::kCut) return link + " is cut";
  if (fault.kind == Kind::kHeal) return link + " is whole again";
  if (fault.kind == Kind::kLoss) {
    const std::int64_t tenths = fault.value / 1000;
    return link + " loses " + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) +
           " % of its messages";
  }
  if (fault.kind == Kind::kDelay) {
    return link + " delays by " + duration_text(Duration(fault.value)) +
           (fault.extra > 0 ? " to " + duration_text(Duration(fault.value + fault.extra)) : "");
  }
  if (fault.kind == Kind::kCrash) return node + " crashes";
  if (fault.kind == Kind::kRestart) {
    return node + " starts again" + (fault.value != 0 ? ", with an empty disk" : "");
  }
  if (fault.kind == Kind::kPause) return node + " stands still";
  if (fault.kind == Kind::kResume) return node + " runs on";
  if (fault.kind == Kind::kClock) {
    return "the clock of " + node + " runs " + std::to_string(fault.value) + " ppm fast";
  }
  std::string text(scenario::event_name(fault.kind));
  if (text.starts_with("fault_")) text.erase(0, 6);
  std::replace(text.begin(), text.end(), '_', ' ');
  text += sim::is_about_link(fault.kind) ? ": " + link : ": " + node;
  if (fault.value != 0) text += ", " + std::to_string(fault.value);
  if (fault.extra != 0) text += ", " + std::to_string(fault.extra);
  return text;
}

}  // namespace vouch::report
