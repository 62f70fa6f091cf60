#include "vouch/detector/replay.h"

#include <algorithm>

namespace vouch {

void Replay::heartbeat(Instant now, Seq seq, std::optional<Instant> sent) {
  if (!meter_.running()) meter_.begin(now);
  last_ = now;

  // A heartbeat that arrives at its very freshness point is in time.
  const Instant before = detector_.suspect_at();
  if (!meter_.suspected() && before < now) {
    meter_.suspect(before);
    suspected_since_ = before;
  }
  const bool newest = seq > detector_.newest();
  detector_.heartbeat(now, seq);
  const Instant after = detector_.suspect_at();
  if (meter_.suspected() && after > now) {
    meter_.trust(now);
  } else if (!meter_.suspected() && after <= now) {
    // The estimate of the next arrival may move back behind the present.
    meter_.suspect(now);
    suspected_since_ = now;
  }

  if (!newest) return;
  const Instant for_good = meter_.suspected() ? suspected_since_ : after;
  detection_times_.add(for_good - sent.value_or(now));
}

void Replay::end_segment() {
  if (!meter_.running()) return;
  meter_.end(last_);
  detector_.reset();
}

}  // namespace vouch
