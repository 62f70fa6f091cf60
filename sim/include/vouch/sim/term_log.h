#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vouch/detector/ids.h"

namespace vouch::sim {

/// Entries of one term that follow each other in a log: from `first` on.
struct TermRun {
  Term term{};
  std::uint64_t first = 0;
};

/// A piece of a log as it travels: the entries after `after`, up to index `last`.
struct LogSlice {
  static constexpr std::size_t kMaxRuns = 8;

  LogPosition after{};
  std::uint64_t last = 0;
  std::uint8_t run_count = 0;
  std::array<TermRun, kMaxRuns> runs{};
};

/// A replicated log without contents: only the term of each entry matters for elections, so it is
/// kept as runs of equal terms. Index 0 means the empty log; the first entry has index 1.
class TermLog {
 public:
  TermLog() { runs_.reserve(64); }

  [[nodiscard]] LogPosition last() const {
    return {runs_.empty() ? Term{} : runs_.back().term, last_};
  }

  /// The term of the entry; 0 for index 0 and beyond the end.
  [[nodiscard]] Term term_at(std::uint64_t index) const;

  /// The leader's own new entry.
  void append(Term term);

  /// What follows `after`, an index of this log; cut short after kMaxRuns terms.
  [[nodiscard]] LogSlice slice_after(std::uint64_t after) const;

  /// The receiver's side of AppendEntries (Raft section 5.3): false when the entry at `slice.after`
  /// is not here; otherwise conflicting entries are removed and missing ones appended.
  bool accept(const LogSlice& slice);

  void clear() {
    runs_.clear();
    last_ = 0;
  }

 private:
  void truncate_to(std::uint64_t last);

  std::vector<TermRun> runs_;  ///< Ascending.
  std::uint64_t last_ = 0;
};

}  // namespace vouch::sim
