#pragma once

#include <span>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/trace/trace_record.h"

namespace vouch {

/// The heartbeat interval of a link, estimated from its first records (a few thousand are plenty).
///
/// It is the median step from one record to the next, per number where the records have numbers,
/// and then refined to the mean over all steps that lie within half of it, which sees through
/// outages and run boundaries. Zero if there are fewer than two records.
[[nodiscard]] Duration estimate_interval(std::span<const TraceRecord> records);

/// Where a recording has a gap longer than this, a new run begins, unless the user says otherwise:
/// a hundred heartbeat intervals and at least five seconds.
[[nodiscard]] Duration default_gap(Duration heartbeat_interval);

/// Gives numbers to heartbeats that were recorded without: the number that the sender's schedule
/// has reached, so that a lost heartbeat skips one. An inference, not a measurement: a delay of
/// more than half an interval is taken for a loss.
class NumberInference {
 public:
  explicit NumberInference(Duration heartbeat_interval) : interval_(heartbeat_interval) {}

  /// The number of the heartbeat that arrived at `arrival`; always above the one before.
  [[nodiscard]] Seq number(Instant arrival);

  /// Begins a new run, numbered from 1.
  void restart() { newest_ = Seq{}; }

 private:
  Duration interval_;
  Instant expected_{};  ///< When heartbeat `newest_` was due, by the smoothed schedule.
  Seq newest_{};
};

}  // namespace vouch
