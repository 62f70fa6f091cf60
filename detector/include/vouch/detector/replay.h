#pragma once

#include <optional>

#include "vouch/detector/detector.h"
#include "vouch/detector/qos.h"

namespace vouch {

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
  explicit Replay(Detector detector) : detector_(std::move(detector)) {}

  /// Heartbeat `seq` arrived at `now`. `sent` is its sending time on the same clock, if that is
  /// known; otherwise detection times count from the arrival and lack one delay.
  void heartbeat(Instant now, Seq seq, std::optional<Instant> sent = std::nullopt);

  /// Forgets the subject's past. Time until the next heartbeat is not observed.
  void end_segment();

  [[nodiscard]] QosSummary mistakes() const { return meter_.summary(); }
  [[nodiscard]] const DurationHistogram& detection_times() const { return detection_times_; }

 private:
  Detector detector_;
  QosMeter meter_;
  DurationHistogram detection_times_;
  Instant last_ = kLongAgo;             ///< The newest arrival of this segment.
  Instant suspected_since_ = kLongAgo;  ///< Valid while the meter says suspected.
};

}  // namespace vouch
