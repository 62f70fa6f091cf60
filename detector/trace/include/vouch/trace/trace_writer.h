#pragma once

#include <string>

#include "vouch/detector/result.h"
#include "vouch/trace/trace_record.h"

namespace vouch {

/// Appends heartbeats to a plain CSV file in the kRecorded format.
///
/// Lines are collected and handed to the system in one piece by `flush`: after kill -9 the file
/// holds whole lines up to the last flush. An existing recording is continued; a half line at its
/// end (a full disk, a power cut) is cut off first.
/// Not thread-safe: give it one owner. Movable, not copyable. The destructor flushes.
class TraceWriter {
 public:
  /// Opens or creates the file. Refuses one that is not a recording, and changes nothing in it.
  [[nodiscard]] static Result<TraceWriter> open(const std::string& path);

  TraceWriter(TraceWriter&& other) noexcept;
  TraceWriter& operator=(TraceWriter&& other) noexcept;
  ~TraceWriter();

  /// Adds one line; flushes by itself once 64 KiB have gathered.
  Status append(const RecordedHeartbeat& heartbeat);

  /// Hands all lines to the system. On an error the lines are kept for the next attempt, except
  /// that what has been written stays written.
  Status flush();

 private:
  TraceWriter(int descriptor, std::string path);

  int descriptor_ = -1;
  std::string path_;
  std::string pending_;
};

}  // namespace vouch
