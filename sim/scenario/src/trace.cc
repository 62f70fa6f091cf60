#include "vouch/scenario/trace.h"

#include <string>
#include <utility>

#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/diagnosis_text.h"
#include "vouch/sim/diagnoses.h"

namespace vouch::scenario {
namespace {

std::string_view name_of(sim::Fate fate) {
  switch (fate) {
    case sim::Fate::kSent:
      return "send";
    case sim::Fate::kCut:
      return "cut";
    case sim::Fate::kLost:
      return "lose";
    case sim::Fate::kDelivered:
      return "deliver";
    case sim::Fate::kQueued:
      return "queue";
    case sim::Fate::kOverflow:
      return "overflow";
    case sim::Fate::kDown:
      return "down";
    case sim::Fate::kTooLong:
      return "too_long";
    case sim::Fate::kQueueFull:
      return "queue_full";
    case sim::Fate::kCorrupt:
      return "corrupt";
  }
  return "unknown";
}

std::string_view name_of(sim::FaultKind kind) {
  switch (kind) {
    case sim::FaultKind::kCut:
      return "fault_cut";
    case sim::FaultKind::kHeal:
      return "fault_heal";
    case sim::FaultKind::kLoss:
      return "fault_loss";
    case sim::FaultKind::kDelay:
      return "fault_delay";
    case sim::FaultKind::kCrash:
      return "fault_crash";
    case sim::FaultKind::kRestart:
      return "fault_restart";
    case sim::FaultKind::kPause:
      return "fault_pause";
    case sim::FaultKind::kResume:
      return "fault_resume";
    case sim::FaultKind::kClock:
      return "fault_clock";
    case sim::FaultKind::kBurstLoss:
      return "fault_burst_loss";
    case sim::FaultKind::kLognormal:
      return "fault_lognormal";
    case sim::FaultKind::kPareto:
      return "fault_pareto";
    case sim::FaultKind::kDelayTrace:
      return "fault_delay_trace";
    case sim::FaultKind::kDelayJump:
      return "fault_delay_jump";
    case sim::FaultKind::kReorder:
      return "fault_reorder";
    case sim::FaultKind::kDuplicate:
      return "fault_duplicate";
    case sim::FaultKind::kCorrupt:
      return "fault_corrupt";
    case sim::FaultKind::kMtu:
      return "fault_mtu";
    case sim::FaultKind::kRate:
      return "fault_rate";
    case sim::FaultKind::kTrickle:
      return "fault_trickle";
    case sim::FaultKind::kExit:
      return "fault_exit";
    case sim::FaultKind::kSuspend:
      return "fault_suspend";
    case sim::FaultKind::kFreeze:
      return "fault_freeze";
    case sim::FaultKind::kSlow:
      return "fault_slow";
    case sim::FaultKind::kFlood:
      return "fault_flood";
    case sim::FaultKind::kWorkerStall:
      return "fault_worker_stall";
    case sim::FaultKind::kDiskStall:
      return "fault_disk_stall";
    case sim::FaultKind::kDrain:
      return "fault_drain";
    case sim::FaultKind::kWallStep:
      return "fault_wall_step";
  }
  return "unknown";
}

std::string_view name_of(sim::NoteKind kind) {
  switch (kind) {
    case sim::NoteKind::kCampaign:
      return "campaign";
    case sim::NoteKind::kElected:
      return "elected";
    case sim::NoteKind::kSteppedDown:
      return "stepped_down";
    case sim::NoteKind::kFollows:
      return "follows";
    case sim::NoteKind::kConsent:
      return "consent";
    case sim::NoteKind::kDecision:
      return "decision";
    case sim::NoteKind::kSuspects:
      return "suspects";
    case sim::NoteKind::kTrusts:
      return "trusts";
    case sim::NoteKind::kOther:
      return "note";
    case sim::NoteKind::kDiagnosis:
      return "diagnosis";
    case sim::NoteKind::kAdvice:
      return "transfer_advice";
  }
  return "unknown";
}

}  // namespace

std::string_view event_name(sim::Fate fate) {
  return name_of(fate);
}

std::string_view event_name(sim::FaultKind kind) {
  return name_of(kind);
}

std::string_view event_name(sim::NoteKind kind) {
  return name_of(kind);
}

void JsonlTrace::moved(const sim::Engine& engine, sim::NodeIndex from, sim::NodeIndex to,
                       const sim::Payload& payload, sim::Fate fate) {
  begin(engine, name_of(fate), from);
  add("to", std::uint64_t{to});
  add("message", engine.protocol().message_kind(payload));
  end();
}

void JsonlTrace::noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) {
  begin(engine, name_of(note.kind), node);
  if (!note.word.empty()) add("word", note.word);
  if (note.term != Term{}) add("term", note.term.value());
  if (note.node != kNobody) add("about", std::uint64_t{note.node.value() - 1});
  if (note.round != 0) add("round", note.round);
  if (note.diagnosis != nullptr) {
    add("culprit", culprit_text(*note.diagnosis, sim::index_name));
    add("change", to_string(note.diagnosis->change));
  }
  if (note.kind == sim::NoteKind::kDecision) {
    add("attempt", std::uint64_t{note.attempt});
    add("answers", std::uint64_t{note.answers});
    add("consents", std::uint64_t{note.consents});
    add("quorum", std::uint64_t{note.quorum});
    if (note.best != kNobody) add("best", std::uint64_t{note.best.value() - 1});
  }
  if (note.until > engine.local_now(node) && note.until < kNever) {
    add("until_ns", (note.until - engine.local_now(node)).count());
  }
  end();
}

void JsonlTrace::faulted(const sim::Engine& engine, const sim::Fault& fault) {
  begin(engine, name_of(fault.kind), fault.a);
  if (sim::is_about_link(fault.kind)) add("to", std::uint64_t{fault.b});
  if (fault.value != 0) add("value", fault.value);
  if (fault.extra != 0) add("extra", fault.extra);
  if (fault.third != 0) add("third", fault.third);
  if (fault.fourth != 0) add("fourth", fault.fourth);
  end();
}

void JsonlTrace::finish() {
  text_ += "{\"event\":\"end\",\"lines\":" + std::to_string(lines_) + ",\"hash\":\"" +
           std::to_string(hash_) + "\"}\n";
  line_start_ = text_.size();
}

std::string JsonlTrace::take() {
  line_start_ = 0;
  return std::exchange(text_, {});
}

void JsonlTrace::begin(const sim::Engine& engine, std::string_view event, sim::NodeIndex node) {
  text_ += "{\"at_ns\":" + std::to_string((engine.now() - sim::kStart).count());
  add("node", std::uint64_t{node});
  add("event", event);
}

void JsonlTrace::add(std::string_view key, std::uint64_t value) {
  text_.append(",\"").append(key).append("\":").append(std::to_string(value));
}

void JsonlTrace::add(std::string_view key, std::int64_t value) {
  text_.append(",\"").append(key).append("\":").append(std::to_string(value));
}

void JsonlTrace::add(std::string_view key, std::string_view word) {
  text_.append(",\"").append(key).append("\":\"").append(word).append("\"");
}

void JsonlTrace::end() {
  text_ += "}\n";
  for (std::size_t i = line_start_; i < text_.size(); ++i) {
    hash_ = (hash_ ^ static_cast<unsigned char>(text_[i])) * 0x100000001b3ULL;
  }
  line_start_ = text_.size();
  ++lines_;
}

}  // namespace vouch::scenario
