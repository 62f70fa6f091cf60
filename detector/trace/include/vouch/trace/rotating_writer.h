#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "vouch/detector/result.h"
#include "vouch/trace/trace_record.h"

namespace vouch {

/// When a recording goes on in a new file. A limit of 0 is none.
struct RotationLimits {
  std::uint64_t bytes = 0;  ///< A file that has reached so many bytes is full.
  Duration age{};           ///< So is one whose first heartbeat was written so long ago.
};

/// Appends heartbeats to `PATH` in the kRecorded format. A full file becomes `PATH` with a number
/// before its extension (`trace.000001.csv`), is compressed by a thread of its own, and is then
/// `trace.000001.csv.gz`: nothing that is written waits for it.
///
/// After kill -9 every heartbeat that was flushed is in one of the files; a compression that was
/// cut off is begun anew by the next `open` of the same path. A file that cannot be compressed
/// stays as it is, and `trouble` says why.
/// Not thread-safe: give it one owner. The destructor flushes, and waits for the compression.
class RotatingWriter {
 public:
  /// Continues the recording, or begins one. Refuses what is no recording, as TraceWriter does.
  [[nodiscard]] static Result<RotatingWriter> open(const std::string& path, RotationLimits limits);

  RotatingWriter(RotatingWriter&&) noexcept;
  RotatingWriter& operator=(RotatingWriter&&) noexcept;
  ~RotatingWriter();

  Status append(const RecordedHeartbeat& heartbeat);

  /// Hands all lines to the system, and begins a new file if this one is full.
  Status flush();

  /// Files that were full, so far.
  [[nodiscard]] std::uint64_t full_files() const;

  /// Why a file was not compressed, once per file; empty if nothing new.
  [[nodiscard]] std::string trouble();

 private:
  class Impl;
  explicit RotatingWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch
