#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/trace/trace_record.h"

namespace vouch {

/// The heartbeat interval of a link, estimated from its first records (a few thousand are plenty).
///
/// It is the median time per number over pairs of records 256 apart, which sees through outages
/// and run boundaries. Records without numbers get inferred ones, by the median step. Zero if there
/// are fewer than two records.
[[nodiscard]] Duration estimate_interval(std::span<const TraceRecord> records);

/// Where a recording has a gap longer than this, a new run begins, unless the user says otherwise:
/// a hundred heartbeat intervals and at least five seconds.
[[nodiscard]] Duration default_gap(Duration heartbeat_interval);

/// Gives numbers to heartbeats that were recorded without: the number that the sender's schedule
/// has reached, so that a lost heartbeat skips one. An inference, not a measurement. It looks a few
/// heartbeats ahead to tell a late heartbeat from one after a loss.
///
/// Order of calls: `take` each record, which yields one that is ready; at the end of a run `next`
/// until it yields nothing, then `restart`.
class NumberInference {
 public:
  /// The interval must be above zero.
  explicit NumberInference(Duration heartbeat_interval) : interval_(heartbeat_interval) {}

  /// Takes a record in order of arrival, and yields an earlier one with its number.
  [[nodiscard]] std::optional<TraceRecord> take(const TraceRecord& record);

  /// Yields the next record that waits, with what is known now.
  [[nodiscard]] std::optional<TraceRecord> next();

  /// Begins a new run, numbered from 1.
  void restart() { newest_ = 0; }

 private:
  static constexpr std::size_t kLookAhead = 8;

  Duration interval_;
  std::deque<TraceRecord> waiting_;
  Instant expected_{};       ///< When heartbeat `newest_` was due, by the smoothed schedule.
  std::int64_t newest_ = 0;  ///< 0 before the first of a run.
};

}  // namespace vouch
