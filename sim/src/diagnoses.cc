#include "vouch/sim/diagnoses.h"

#include <algorithm>

#include "vouch/sim/engine.h"
#include "vouch/sim/front_end.h"

namespace vouch::sim {

std::string index_name(NodeId node) {
  const NodeIndex index = node.value() - 1;
  return is_client(index) ? "c" + std::to_string(index - kFirstClient) : std::to_string(index);
}

void DiagnosisLog::noted(const Engine& engine, NodeIndex node, const Note& note) {
  if (note.kind == NoteKind::kAdvice && advices_.size() < kMost) {
    advices_.push_back({node, note.node.value() - 1, engine.now(), note.word});
  }
  if (note.kind != NoteKind::kDiagnosis || note.diagnosis == nullptr) return;
  const Diagnosis& diagnosis = *note.diagnosis;
  if (diagnosis.change == DiagnosisChange::kRaised) {
    if (spans_.size() == kMost) return;
    open_.push_back(spans_.size());
    spans_.push_back({node, diagnosis, engine.now()});
    return;
  }
  const auto ended = std::find_if(open_.begin(), open_.end(), [&](std::size_t index) {
    const Diagnosis& raised = spans_[index].diagnosis;
    return spans_[index].by == node && raised.kind == diagnosis.kind &&
           raised.node == diagnosis.node && raised.peer == diagnosis.peer;
  });
  if (ended == open_.end()) return;
  spans_[*ended].cleared_at = engine.now();
  open_.erase(ended);
}

void DiagnosisLog::faulted(const Engine& engine, const Fault& fault) {
  const bool ends = fault.kind == FaultKind::kCrash || fault.kind == FaultKind::kExit;
  if (!ends) return;
  std::erase_if(open_, [&](std::size_t index) {
    if (spans_[index].by != fault.a) return false;
    spans_[index].cleared_at = engine.now();
    return true;
  });
}

}  // namespace vouch::sim
