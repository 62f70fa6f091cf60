#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/trace/trace_record.h"

namespace vouch::tune {

/// One recorded heartbeat, with the number that it had or was inferred to have.
struct Beat {
  Instant arrival{};
  std::optional<Instant> sent;  ///< On the clock of `arrival`; absent where clocks differ.
  Seq seq{};
  std::uint32_t segment = 0;  ///< Nothing is known of the time between two segments.
};

/// In Recording::delays: what was sent then did not arrive.
inline constexpr Duration kLostDelay{-1};

/// All that was recorded on one link, kept in memory: some 40 bytes per heartbeat.
struct Recording {
  std::string name;  ///< The file, and the link if the file names any.
  TraceFormat format = TraceFormat::kArrivals;
  Duration interval{};         ///< Of the heartbeats: the longest one that the recording can show.
  std::vector<Beat> beats;     ///< In order of arrival.
  std::uint64_t lost = 0;      ///< Numbers that never came.
  Duration observed{};         ///< All segments together.
  Duration longest_silence{};  ///< Between two arrivals of one segment.
  Duration round_trip{};       ///< Probes: 99 of 100 were not longer. Zero: not recorded.
  Duration one_way{};          ///< Probes: the least delay. Zero: not recorded.

  /// How the link was at each moment, for the simulator: entry i holds for one `interval`. What a
  /// message sent then took beyond the least delay, or kLostDelay. While the sender itself stood
  /// still, messages take as long as it stood.
  std::vector<Duration> delays;
};

/// How a file is read.
struct ReadOptions {
  Duration interval{};  ///< Of the heartbeats; zero: estimated for each link.
  Duration gap{};       ///< A longer step parts two segments; zero: default_gap of the interval.
  /// Called now and then with the bytes read and all of them (0 if unknown).
  std::function<void(std::uint64_t read, std::uint64_t total)> progress;
};

/// Reads all links of a trace file; those with fewer than kBeatsMin heartbeats are left out. The
/// error names the file and what is wrong with it; at least one link must remain.
[[nodiscard]] Result<std::vector<Recording>> read_recordings(const std::string& path,
                                                             const ReadOptions& options);

/// A link with fewer heartbeats says nothing worth a search.
inline constexpr std::size_t kBeatsMin = 20;

/// Computes what follows from `beats`: lost, observed, silence and delays.
void complete(Recording& recording);

/// The part of a recording before or from the middle one of its heartbeats on.
enum class Half : std::uint8_t { kFirst, kSecond };
[[nodiscard]] Recording half_of(const Recording& recording, Half half);

/// Changes whenever anything does that a search depends on.
[[nodiscard]] std::uint64_t fingerprint(const std::vector<Recording>& recordings);

}  // namespace vouch::tune
