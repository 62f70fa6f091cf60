#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/reach_matrix.h"

namespace vouch {

/// One thing that is wrong, as the matrix reads at one instant. Nodes are indices of the matrix.
struct Finding {
  DiagnosisKind kind{};
  Path path = Path::kNode;
  std::uint8_t node = kNone;  ///< The culprit, or the lower end of a link; kNone: no single one.
  std::uint8_t peer = kNone;  ///< The other end of a link.
  NodeMask others = 0;        ///< Whom it concerns besides.
  NodeMask witnesses = 0;     ///< Whose rows say so.
  std::uint16_t lost_per_mille = 0;
  /// Of a lossy node: how clearly its links lose more than others (clarity(), in bits).
  std::uint16_t clarity = 0;

  static constexpr std::uint8_t kNone = 0xff;

  /// The same diagnosis, whatever its evidence. But for a cut the direction is evidence: the
  /// counts of two directions pass a limit, and fall below it, at different times.
  [[nodiscard]] bool is_same(const Finding& other) const {
    return kind == other.kind && node == other.node && peer == other.peer &&
           (kind != DiagnosisKind::kOneWayCut || path == other.path);
  }
};

/// What a reading found: at most kMax, the gravest first.
struct Findings {
  static constexpr std::size_t kMax = 16;

  void push(const Finding& finding) {
    if (count < kMax) list[count++] = finding;
  }
  [[nodiscard]] std::span<const Finding> all() const { return {list.data(), count}; }

  std::array<Finding, kMax> list{};
  std::size_t count = 0;
  bool judges_others = true;  ///< False: only this node's own state was read.
  NodeMask fresh = 0xffff;    ///< MatrixView::fresh.
};

/// Reads the matrix: names what is broken, and blames one end of a link, the one with more
/// complainers (docs/DIAGNOSIS.md tells the rules). A pure function.
///
/// A node that limps itself finds only that: it judges nobody else (rule S4).
[[nodiscard]] Findings read_matrix(const MatrixView& view);

/// Makes findings into diagnoses that are raised and cleared, each once.
///
/// A finding must stand for some readings in a row before it is raised, and be absent for some
/// before it is cleared: links fail and heal a little apart, and what holds for
/// a moment only would name the wrong one. A reading counts only if a witness has spoken since the
/// last one: what was heard once is not heard again by waiting. Not thread-safe: give it one owner.
class Diagnoser {
 public:
  /// Readings that raise a finding. One reading comes with each heartbeat interval.
  [[nodiscard]] static std::uint8_t raise_after(const Finding& finding);
  /// Readings without it that clear one of this kind.
  [[nodiscard]] static std::uint8_t clear_after(DiagnosisKind kind);

  /// Takes one reading. Calls `push(Diagnosis)` for each change, clearing ones first.
  template <typename Push>
  void update(Instant now, const ReachMatrix& matrix, const Findings& findings, Push&& push) {
    note(now, findings);
    for (std::size_t i = 0; i < count_; ++i) {
      if (!entries_[i].is_raised) continue;
      if (entries_[i].absent < clear_after(entries_[i].finding.kind)) continue;
      push(describe(now, matrix, entries_[i], DiagnosisChange::kCleared));
      entries_[i].is_raised = false;
    }
    for (std::size_t i = 0; i < count_; ++i) {
      Entry& entry = entries_[i];
      if (entry.is_raised || entry.absent > 0) continue;
      if (entry.seen < raise_after(entry.finding)) continue;
      entry.is_raised = true;
      push(describe(now, matrix, entry, DiagnosisChange::kRaised));
    }
    drop_forgotten();
  }

  /// Nothing is raised and nothing is about to be.
  [[nodiscard]] bool is_idle() const { return count_ == 0; }

  /// The raised one at `at`, in the order in which they were found; nullptr behind the last.
  [[nodiscard]] const Finding* raised(std::size_t at) const;

  /// Since when its evidence has been there.
  [[nodiscard]] Instant since(std::size_t at) const;

  /// As raised() says it, for a status.
  [[nodiscard]] Diagnosis diagnosis(std::size_t at, Instant now, const ReachMatrix& matrix) const;

 private:
  struct Entry {
    Finding finding{};
    Instant since{};          ///< When it was found first.
    std::uint8_t seen = 0;    ///< Readings that found it, up to 255.
    std::uint8_t absent = 0;  ///< Readings in a row that did not.
    bool is_raised = false;
  };

  void note(Instant now, const Findings& findings);
  [[nodiscard]] const Entry* raised_entry(std::size_t at) const;
  [[nodiscard]] Entry* find_whole(const Finding& finding);
  void drop_forgotten();
  [[nodiscard]] static Diagnosis describe(Instant now, const ReachMatrix& matrix,
                                          const Entry& entry, DiagnosisChange change);

  std::array<Entry, 2 * Findings::kMax> entries_{};
  std::size_t count_ = 0;
};

}  // namespace vouch
