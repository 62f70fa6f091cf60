#include "vouch/detector/detector.h"

#include <utility>

namespace vouch {

void Detector::heartbeat(Instant now, Seq seq) {
  VOUCH_ASSERT(now >= last_);
  if (seq <= newest_) return;
  // The index is switched over by hand: std::visit costs an indirect call per heartbeat.
  if (auto* fixed = std::get_if<FixedTimeout>(&estimator_)) {
    suspect_at_ = fixed->heartbeat(now);
  } else if (auto* chen = std::get_if<ChenNfdE>(&estimator_)) {
    suspect_at_ = chen->heartbeat(now, seq, suspect_at_, newest_);
  } else {
    suspect_at_ = std::get_if<PhiAccrual>(&estimator_)->heartbeat(now, last_, suspect_at_);
  }
  last_ = now;
  newest_ = seq;
}

void Detector::reset() {
  suspect_at_ = kNever;
  last_ = kLongAgo;
  newest_ = Seq{};  // The estimators start afresh when suspect_at_ is kNever.
}

Result<Detector> make_detector(const DetectorConfig& config) {
  if (Status status = validate(config); !status) return status.error();
  switch (config.kind) {
    case DetectorKind::kFixedTimeout:
      return Detector(FixedTimeout(config.timeout));
    case DetectorKind::kChen:
      return Detector(ChenNfdE(config));
    case DetectorKind::kPhiAccrual:
      return Detector(PhiAccrual(config));
  }
  assert_failed("validate() knows every kind", __FILE__, __LINE__);
}

}  // namespace vouch
