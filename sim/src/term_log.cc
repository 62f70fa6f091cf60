#include "vouch/sim/term_log.h"

#include "vouch/detector/assert.h"

namespace vouch::sim {

Term TermLog::term_at(std::uint64_t index) const {
  if (index == 0 || index > last_) return Term{};
  for (std::size_t i = runs_.size(); i > 0; --i) {
    if (runs_[i - 1].first <= index) return runs_[i - 1].term;
  }
  return Term{};
}

void TermLog::append(Term term) {
  VOUCH_ASSERT(runs_.empty() || term >= runs_.back().term);
  ++last_;
  if (runs_.empty() || runs_.back().term != term) runs_.push_back({term, last_});
}

LogSlice TermLog::slice_after(std::uint64_t after) const {
  VOUCH_ASSERT(after <= last_);
  LogSlice slice;
  slice.after = {term_at(after), after};
  slice.last = last_;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const std::uint64_t end = i + 1 < runs_.size() ? runs_[i + 1].first - 1 : last_;
    if (end <= after) continue;
    if (slice.run_count == LogSlice::kMaxRuns) {
      slice.last = runs_[i].first - 1;
      break;
    }
    const std::uint64_t first = runs_[i].first > after ? runs_[i].first : after + 1;
    slice.runs[slice.run_count++] = {runs_[i].term, first};
  }
  return slice;
}

bool TermLog::accept(const LogSlice& slice) {
  if (slice.after.index > last_ || term_at(slice.after.index) != slice.after.term) return false;
  for (std::size_t i = 0; i < slice.run_count; ++i) {
    const TermRun& run = slice.runs[i];
    const std::uint64_t end = i + 1U < slice.run_count ? slice.runs[i + 1].first - 1 : slice.last;
    for (std::uint64_t index = run.first; index <= end; ++index) {
      if (index <= last_ && term_at(index) == run.term) continue;
      if (index <= last_) truncate_to(index - 1);
      append(run.term);
    }
  }
  return true;
}

void TermLog::truncate_to(std::uint64_t last) {
  last_ = last;
  while (!runs_.empty() && runs_.back().first > last_)
    runs_.pop_back();
}

}  // namespace vouch::sim
