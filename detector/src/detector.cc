#include "vouch/detector/detector.h"

#include <utility>

namespace vouch {

void Detector::heartbeat(Instant now, Seq seq) {
  VOUCH_ASSERT(now >= last_);
  if (seq <= newest_) return;
  last_ = now;
  newest_ = seq;
  suspect_at_ = std::get_if<FixedTimeout>(&estimator_)->heartbeat(now);
}

void Detector::reset() {
  suspect_at_ = kNever;
  last_ = kLongAgo;
  newest_ = Seq{};
}

Result<Detector> make_detector(const DetectorConfig& config) {
  if (Status status = validate(config); !status) return status.error();
  switch (config.kind) {
    case DetectorKind::kFixedTimeout:
      return Detector(FixedTimeout(config.timeout));
    case DetectorKind::kChen:
    case DetectorKind::kPhiAccrual:
      break;
  }
  return Error{Errc::kBadConfig, "kind must be fixed: chen and phi are not in this build"};
}

}  // namespace vouch
