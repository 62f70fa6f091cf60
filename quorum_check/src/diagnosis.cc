#include "vouch/quorum_check/diagnosis.h"

#include <algorithm>
#include <bit>

#include "vouch/detector/assert.h"

namespace vouch {
namespace {

/// The kind of the same trouble of most links of a node.
DiagnosisKind whole_of(DiagnosisKind kind) {
  if (kind == DiagnosisKind::kLossyLink) return DiagnosisKind::kLossyNode;
  if (kind == DiagnosisKind::kSlowLink) return DiagnosisKind::kSlowNode;
  return kind;
}

}  // namespace

std::uint8_t Diagnoser::raise_after(const Finding& finding) {
  switch (finding.kind) {
    case DiagnosisKind::kSickNode:
    case DiagnosisKind::kHungWorker:
    case DiagnosisKind::kProcessExit:
    case DiagnosisKind::kLossyNode:
    case DiagnosisKind::kLossyLink:
      // Said by the node itself, or known for certain; of losses the counts behind it are long
      // enough.
      return 1;
    case DiagnosisKind::kOneWayCut:
      // A single direction must have lost twelve in a row, which at a loss of 40 % that begins
      // comes with a chance of 0.4^12 = 1.7e-5; several at once eight each, 4.3e-7 already for two.
      return finding.peer == Finding::kNone ? 3 : 7;
    case DiagnosisKind::kHostSilent:
    case DiagnosisKind::kIsolated:
    case DiagnosisKind::kPartialPartition:
    case DiagnosisKind::kHubOnly:
    case DiagnosisKind::kFlappingLink:
    case DiagnosisKind::kLargeLost:
    case DiagnosisKind::kSlowNode:
    case DiagnosisKind::kSlowLink:
    case DiagnosisKind::kFrontEndPath:
      return 4;
  }
  return 4;
}

std::uint8_t Diagnoser::clear_after(DiagnosisKind kind) {
  // Where loss is close to what is called lossy it comes and goes.
  const bool is_loss = kind == DiagnosisKind::kLossyNode || kind == DiagnosisKind::kLossyLink;
  return is_loss ? 20 : 5;
}

void Diagnoser::note(Instant now, const Findings& findings) {
  for (std::size_t i = 0; i < count_; ++i) {
    Entry& entry = entries_[i];
    // What was known of others before this node became sick stands until it can judge again.
    if (!findings.judges_others && entry.finding.kind != DiagnosisKind::kSickNode) continue;
    entry.absent = static_cast<std::uint8_t>(std::min(entry.absent + 1, 255));
  }
  for (const Finding& finding : findings.all()) {
    if (Entry* const whole = find_whole(finding)) {
      whole->absent = 0;
      continue;
    }
    Entry* entry = std::find_if(entries_.data(), entries_.data() + count_,
                                [&](const Entry& e) { return e.finding.is_same(finding); });
    if (entry == entries_.data() + count_) {
      if (count_ == entries_.size()) continue;  // As much as anybody can read at once.
      *entry = Entry{finding, now, 0, 0, false};
      ++count_;
    }
    // Evidence that was read in both directions is not taken back by what is seen of one.
    const Path before = entry->finding.path;
    const bool was_other = entry->seen > 0 && finding.path != before;
    entry->finding = finding;
    if (was_other && finding.kind != DiagnosisKind::kOneWayCut) entry->finding.path = Path::kBoth;
    const bool is_news = entry->seen == 0 || (finding.witnesses & findings.fresh) != 0;
    entry->seen = static_cast<std::uint8_t>(std::min(entry->seen + (is_news ? 1 : 0), 255));
    entry->absent = 0;
  }
}

/// What is raised about the whole node of which `finding` is one link, if anything. It stands as
/// long as one of them is bad: links heal one after the other, and the last ones are no new
/// trouble.
Diagnoser::Entry* Diagnoser::find_whole(const Finding& finding) {
  if (finding.peer == Finding::kNone) return nullptr;
  const DiagnosisKind kind = whole_of(finding.kind);
  for (std::size_t i = 0; i < count_; ++i) {
    const Finding& known = entries_[i].finding;
    if (!entries_[i].is_raised || known.kind != kind || known.peer != Finding::kNone) continue;
    const bool has_part = known.node == finding.node || known.node == finding.peer;
    if (has_part || known.node == Finding::kNone) return &entries_[i];
  }
  return nullptr;
}

void Diagnoser::drop_forgotten() {
  const auto is_forgotten = [](const Entry& e) { return e.absent > 0 && !e.is_raised; };
  Entry* const end = entries_.data() + count_;
  count_ = static_cast<std::size_t>(std::remove_if(entries_.data(), end, is_forgotten) -
                                    entries_.data());
}

const Diagnoser::Entry* Diagnoser::raised_entry(std::size_t at) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (entries_[i].is_raised && at-- == 0) return &entries_[i];
  }
  return nullptr;
}

const Finding* Diagnoser::raised(std::size_t at) const {
  const Entry* const entry = raised_entry(at);
  return entry == nullptr ? nullptr : &entry->finding;
}

Instant Diagnoser::since(std::size_t at) const {
  const Entry* const entry = raised_entry(at);
  VOUCH_ASSERT(entry != nullptr);
  return entry->since;
}

Diagnosis Diagnoser::diagnosis(std::size_t at, Instant now, const ReachMatrix& matrix) const {
  const Entry* const entry = raised_entry(at);
  VOUCH_ASSERT(entry != nullptr);
  return describe(now, matrix, *entry, DiagnosisChange::kRaised);
}

Diagnosis Diagnoser::describe(Instant now, const ReachMatrix& matrix, const Entry& entry,
                              DiagnosisChange change) {
  const Finding& finding = entry.finding;
  Diagnosis diagnosis{.at = now, .since = entry.since, .kind = finding.kind, .change = change};
  diagnosis.path = finding.path;
  if (finding.node != Finding::kNone) diagnosis.node = matrix.node(finding.node);
  if (finding.peer != Finding::kNone) diagnosis.peer = matrix.node(finding.peer);
  diagnosis.lost_per_mille = finding.lost_per_mille;
  for (std::size_t index = 0; index < matrix.size(); ++index) {
    if (has(finding.others, index)) diagnosis.others.push(matrix.node(index));
    if (has(finding.witnesses, index)) diagnosis.witnesses.push(matrix.node(index));
  }
  return diagnosis;
}

}  // namespace vouch
