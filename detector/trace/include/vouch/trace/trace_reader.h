#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/trace/trace_record.h"

namespace vouch {

/// Reads a trace file, plain or gzip, record by record: the file may be larger than memory.
///
/// Every (observer, subject) pair in a file is a link of its own. Records come in the order of
/// the file; those of kProbes files in order of arrival, with arrival = send_s + rtt_ms / 2, which
/// assumes a symmetric path.
///
/// Order of calls: `open`, then `next` until it yields nothing or an error. Every error names the
/// file, the line, the field, its rule and its value; after one the reader is of no more use.
class TraceReader {
 public:
  [[nodiscard]] static Result<TraceReader> open(const std::string& path);

  TraceReader(TraceReader&&) noexcept;
  TraceReader& operator=(TraceReader&&) noexcept;
  ~TraceReader();

  /// The next record; nothing at the end of the file.
  [[nodiscard]] Result<std::optional<TraceRecord>> next();

  [[nodiscard]] TraceFormat format() const;

  /// The names of the links seen so far, as `subject->observer`; empty for the only link of a file
  /// that names none.
  [[nodiscard]] const std::vector<std::string>& links() const;

  /// Probes of a kProbes file that were lost, so far.
  [[nodiscard]] std::uint64_t lost_probes() const;

  /// How much of the file has been read and how long it is, in bytes as stored on disk. The length
  /// is 0 where it is unknown (a pipe).
  [[nodiscard]] std::uint64_t bytes_read() const;
  [[nodiscard]] std::uint64_t bytes_total() const;

 private:
  class Impl;
  explicit TraceReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch
