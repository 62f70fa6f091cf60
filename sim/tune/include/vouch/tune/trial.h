#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vouch/detector/time.h"
#include "vouch/tune/recording.h"
#include "vouch/tune/space.h"

namespace vouch::tune {

/// What is tried of a point.
enum class TrialKind : std::uint8_t {
  kReplay,       ///< Its detector on recording `part`.
  kIndependent,  ///< The group for one chunk, each link at a place of its own in the recordings.
  kCommon,       ///< The group for chunk `part` of the recordings, all links at the same place.
  kCrash,        ///< The leader crashes. Even parts: links on their own; odd ones: all alike.
  kHang,         ///< The leader's worker hangs; as kCrash.
};
inline constexpr std::uint8_t kTrialKindCount = 5;

/// One piece of work, complete in itself: equal trials on equal inputs give equal outcomes, whoever
/// computes them.
struct Trial {
  TrialKind kind = TrialKind::kReplay;
  Point point{};
  std::uint32_t part = 0;
  std::uint32_t is_second_half = 0;  ///< On Inputs::held_back instead of Inputs::recordings.
};

/// What came of it, in nanoseconds and counts.
struct TrialOutcome {
  std::int64_t observed = 0;     ///< Of the link, or of the group. 0: the trial says nothing.
  std::int64_t mistakes = 0;     ///< Suspicions: of the subject, or of the leader by its followers.
  std::int64_t elections = 0;    ///< Terms spent.
  std::int64_t unavailable = 0;  ///< Time without a usable leader.
  std::int64_t time = 0;         ///< kReplay: median detection time. kCrash, kHang: failover time.
  std::int64_t time_high = 0;    ///< kReplay: 99 of 100 detection times,
  std::int64_t time_max = 0;     ///< and the longest.
  std::int64_t phases = 0;       ///< kReplay: how often `observed` counts the recording.
  std::int64_t dispersion = 0;   ///< kReplay: dispersion_of the mistakes, in thousandths.

  friend bool operator==(const TrialOutcome&, const TrialOutcome&) = default;
};

/// What all trials of one search share.
struct Inputs {
  std::vector<Recording> recordings;
  std::vector<Recording> held_back;  ///< The second halves, if the search sees only the first.
  Space space;
  std::size_t replicas = 3;
  Duration one_way{};  ///< Least delay of every link.
  std::uint64_t seed = 1;
};

/// Moments of a recording that one chunk of a simulation covers.
inline constexpr std::size_t kChunkSlots = 600;

/// Where chunk `part` of all `recordings` begins, all one after the other.
struct ChunkPlace {
  std::size_t recording = 0;
  std::size_t slot = 0;
  std::size_t slots = 0;
};
[[nodiscard]] std::size_t chunk_count(const std::vector<Recording>& recordings);
[[nodiscard]] ChunkPlace chunk_place(const std::vector<Recording>& recordings, std::size_t part);

/// Makes one trial. May be called by several threads at once.
[[nodiscard]] TrialOutcome make_trial(const Inputs& inputs, const Trial& trial);

}  // namespace vouch::tune
