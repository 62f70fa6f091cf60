#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vouch/detector/detector.h"
#include "vouch/detector/qos.h"

namespace vouch {

/// What happened during a run of consecutive heartbeats. Sums in nanoseconds.
struct QosBlock {
  std::uint64_t mistakes = 0;  ///< S-transitions.
  std::uint64_t ended = 0;     ///< T-transitions.
  std::uint64_t cuts = 0;      ///< Detection times.
  double observed = 0;
  double suspected = 0;  ///< Of the mistakes that ended here.
  double detection = 0;  ///< The sum of the detection times,
  double silence = 0;    ///< and of the silences after which they fell.

  QosBlock& operator+=(const QosBlock& other);
};

/// The history of a replay in at most `kMax` blocks of equally many heartbeats: when they are all
/// in use, neighbours are put together and blocks become twice as long. Any number of heartbeats in
/// bounded memory, and detectors that see the same heartbeats have the same blocks. Blocks are what
/// a bootstrap draws from: mistakes come in bursts, so single heartbeats are not independent.
class QosBlocks {
 public:
  static constexpr std::size_t kMax = 128;

  QosBlocks() { blocks_.reserve(kMax); }

  /// The block of the next heartbeat.
  QosBlock& next();

  /// The block of the newest heartbeat. There must be one.
  QosBlock& current() { return blocks_.back(); }

  [[nodiscard]] std::span<const QosBlock> blocks() const { return blocks_; }

 private:
  std::vector<QosBlock> blocks_;
  std::uint64_t length_ = 16;  ///< Heartbeats per block,
  std::uint64_t filled_ = 16;  ///< and in the newest one.
};

/// Whether a replay keeps the distribution of its detection times (60 kB) or only their mean.
enum class DetectionTimes : std::uint8_t { kDistribution, kMean };

/// Runs one detector over recorded heartbeats of a subject that lived all the time, and measures.
///
/// Mistakes: every suspicion is false. Detection time, by cutting the recording: had the subject
/// crashed right after it sent heartbeat i, when would it have been suspected for good? Heartbeat
/// i gives that answer when it arrives as the newest one; the few that are overtaken give none.
///
/// Order of calls: `heartbeat` in order of arrival; `end_segment` where the recording was
/// interrupted or the subject restarted, and once at the end.
class Replay {
 public:
  explicit Replay(Detector detector, DetectionTimes keep = DetectionTimes::kDistribution)
      : detector_(std::move(detector)) {
    if (keep == DetectionTimes::kDistribution) detection_times_.emplace();
  }

  /// Heartbeat `seq` arrived at `now`. `sent` is its sending time on the same clock, if that is
  /// known; otherwise detection times count from the arrival and lack one delay.
  void heartbeat(Instant now, Seq seq, std::optional<Instant> sent = std::nullopt);

  /// Forgets the subject's past. Time until the next heartbeat is not observed.
  void end_segment();

  [[nodiscard]] QosSummary mistakes() const { return meter_.summary(); }

  /// Only if the distribution is kept.
  [[nodiscard]] const DurationHistogram& detection_times() const { return *detection_times_; }

  /// The same, heartbeat by heartbeat.
  [[nodiscard]] std::span<const QosBlock> blocks() const { return blocks_.blocks(); }

 private:
  /// The S-transition.
  void suspect(Instant since, QosBlock& block);

  Detector detector_;
  QosMeter meter_;
  std::optional<DurationHistogram> detection_times_;
  QosBlocks blocks_;
  Instant last_ = kLongAgo;             ///< The newest arrival of this segment.
  Instant suspected_since_ = kLongAgo;  ///< Valid while the meter says suspected.
};

}  // namespace vouch
