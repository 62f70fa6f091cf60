#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "vouch/detector/result.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/time.h"

namespace vouch::report {

/// How a trace is written. Each is deterministic to the byte and has integers only.
enum class TraceFormat : std::uint8_t {
  kJsonl,   ///< `jsonl`: one JSON object per event (scenario::JsonlTrace).
  kChrome,  ///< `chrome`: Trace Event Format, for ui.perfetto.dev and chrome://tracing.
  kShiviz,  ///< `shiviz`: vector clocks, for bestchai.bitbucket.io/shiviz.
};

/// The format called `name`; the error lists the names.
[[nodiscard]] Result<TraceFormat> trace_format(std::string_view name);

/// Writes a run down while it goes on. Order of calls: it is an observer of one run; `take` as
/// often as wanted; after the run `finish`, then `take` once more. Not thread-safe: give it one
/// owner.
class Trace : public sim::Observer {
 public:
  virtual ~Trace() = default;

  /// Ends the trace; `end` is the end of the run.
  virtual void finish(sim::TrueTime end) = 0;

  /// What has been written since the last call.
  [[nodiscard]] virtual std::string take() = 0;

  /// Bytes that `take` would hand over: take them when it is many, and a long run needs no memory.
  [[nodiscard]] virtual std::size_t waiting() const = 0;
};

[[nodiscard]] std::unique_ptr<Trace> make_trace(TraceFormat format);

}  // namespace vouch::report
