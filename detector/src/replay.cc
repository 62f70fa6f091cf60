#include "vouch/detector/replay.h"

#include <algorithm>

namespace vouch {

QosBlock& QosBlock::operator+=(const QosBlock& other) {
  mistakes += other.mistakes;
  ended += other.ended;
  cuts += other.cuts;
  observed += other.observed;
  suspected += other.suspected;
  detection += other.detection;
  silence += other.silence;
  return *this;
}

QosBlock& QosBlocks::next() {
  if (filled_ < length_) {
    ++filled_;
    return blocks_.back();
  }
  if (blocks_.size() == kMax) {
    for (std::size_t i = 0; i < kMax / 2; ++i) {
      blocks_[i] = blocks_[2 * i];
      blocks_[i] += blocks_[2 * i + 1];
    }
    blocks_.resize(kMax / 2);
    length_ *= 2;
  }
  filled_ = 1;
  return blocks_.emplace_back();
}

void Replay::heartbeat(Instant now, Seq seq, std::optional<Instant> sent) {
  const auto nanoseconds = [](Duration value) { return static_cast<double>(value.count()); };
  QosBlock& block = blocks_.next();
  if (meter_.running()) {
    block.observed += nanoseconds(now - last_);
  } else {
    meter_.begin(now);
  }
  last_ = now;

  // A heartbeat that arrives at its very freshness point is in time.
  const Instant before = detector_.suspect_at();
  if (!meter_.suspected() && before < now) suspect(before, block);
  const bool newest = seq > detector_.newest();
  detector_.heartbeat(now, seq);
  const Instant after = detector_.suspect_at();
  if (meter_.suspected() && after > now) {
    meter_.trust(now);
    ++block.ended;
    block.suspected += nanoseconds(now - suspected_since_);
  } else if (!meter_.suspected() && after <= now) {
    // The estimate of the next arrival may move back behind the present.
    suspect(now, block);
  }

  if (!newest) return;
  const Instant for_good = meter_.suspected() ? suspected_since_ : after;
  const Duration detection = for_good - sent.value_or(now);
  if (detection_times_) detection_times_->add(detection);
  ++block.cuts;
  block.detection += nanoseconds(std::max(detection, Duration::zero()));
  block.silence += nanoseconds(after - now);
}

void Replay::suspect(Instant since, QosBlock& block) {
  meter_.suspect(since);
  suspected_since_ = since;
  ++block.mistakes;
}

void Replay::end_segment() {
  if (!meter_.running()) return;
  if (meter_.suspected()) {
    blocks_.current().suspected += static_cast<double>((last_ - suspected_since_).count());
  }
  meter_.end(last_);
  detector_.reset();
}

}  // namespace vouch
