#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "vouch/detector/result.h"
#include "vouch/record/line.h"

namespace vouch::cli {

/// What a record held.
struct RecordCounts {
  std::uint64_t decisions = 0;  ///< Lines of any of the four kinds.
  std::uint64_t others = 0;     ///< Other lines of a log.
  bool is_cut_off = false;      ///< kTolerant: the last line has no end and was left out.
};

/// Takes each decision with the number of its line, counted from 1.
using TakeReading = std::function<void(std::uint64_t number, const record::Reading& reading)>;

/// Reads a decision record or a daemon's log line by line; `-` is standard input. The first bad
/// line ends it with an error that names file, line, field, rule and value. With kTolerant a last
/// line without an end is no error: it is still being written, or its writer died.
[[nodiscard]] Result<RecordCounts> read_record(const std::string& file,
                                               record::Strictness strictness,
                                               const TakeReading& take);

}  // namespace vouch::cli
