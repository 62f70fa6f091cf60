#include "vouch/detector/detector.h"

#include <utility>

namespace vouch {

void Detector::heartbeat(Instant now, Seq seq, Sampling sampling) {
  VOUCH_ASSERT(now >= last_);
  if (seq <= newest_) return;
  const auto scheduled = [&](auto& estimator) {
    suspect_at_ = estimator.heartbeat(now, seq, suspect_at_, newest_, sampling);
  };
  const auto gap = [&](auto& estimator) {
    suspect_at_ = estimator.heartbeat(now, last_, suspect_at_, sampling);
  };
  // The index is switched over by hand: std::visit costs an indirect call per heartbeat.
  if (auto* fixed = std::get_if<FixedTimeout>(&estimator_)) {
    suspect_at_ = fixed->heartbeat(now);
  } else if (auto* chen = std::get_if<ChenNfdE>(&estimator_)) {
    scheduled(*chen);
  } else if (auto* adaptive = std::get_if<AdaptiveMargin>(&estimator_)) {
    scheduled(*adaptive);
  } else if (auto* phi = std::get_if<PhiAccrual>(&estimator_)) {
    gap(*phi);
  } else if (auto* bertier = std::get_if<Bertier>(&estimator_)) {
    scheduled(*bertier);
  } else if (auto* two_window = std::get_if<TwoWindow>(&estimator_)) {
    scheduled(*two_window);
  } else if (auto* nfd_s = std::get_if<ChenNfdS>(&estimator_)) {
    scheduled(*nfd_s);
  } else if (auto* exponential = std::get_if<PhiExponential>(&estimator_)) {
    gap(*exponential);
  } else {
    gap(*std::get_if<WindowedQuantile>(&estimator_));
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
    case DetectorKind::kChenNfdS:
      return Detector(ChenNfdS(config));
    case DetectorKind::kBertier:
      return Detector(Bertier(config));
    case DetectorKind::kPhiAccrual:
    case DetectorKind::kPhiLogistic:
      return Detector(PhiAccrual(config));
    case DetectorKind::kPhiExponential:
      return Detector(PhiExponential(config));
    case DetectorKind::kTwoWindow:
      return Detector(TwoWindow(config));
    case DetectorKind::kQuantile:
      return Detector(WindowedQuantile(config));
    case DetectorKind::kAdaptiveMargin:
      return Detector(AdaptiveMargin(config));
  }
  assert_failed("validate() knows every kind", __FILE__, __LINE__);
}

}  // namespace vouch
