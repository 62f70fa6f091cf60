#include "vouch/detector/detector.h"

#include <utility>

namespace vouch {

namespace {

/// By what an estimator looks at.
template <typename Estimator>
void move(Instant& suspect_at, Estimator& estimator, Instant now, Seq seq, Instant last,
          Sampling sampling) {
  if constexpr (requires { estimator.heartbeat(now); }) {
    suspect_at = estimator.heartbeat(now);
  } else if constexpr (requires { estimator.heartbeat(now, seq, sampling, suspect_at); }) {
    estimator.heartbeat(now, seq, sampling, suspect_at);
  } else {
    suspect_at = estimator.heartbeat(now, last, suspect_at, sampling);
  }
}

}  // namespace

/// Not inline, so that each kind saves only the registers that it needs itself.
template <typename Estimator>
[[gnu::noinline]] void Detector::take(Instant now, Seq seq, Sampling sampling) {
  const Instant last = std::exchange(last_, now);
  newest_ = seq;
  move(suspect_at_, *std::get_if<Estimator>(&estimator_), now, seq, last, sampling);
}

void Detector::heartbeat(Instant now, Seq seq, Sampling sampling) {
  VOUCH_ASSERT(now >= last_);
  if (seq <= newest_) return;
  // The index is switched over by hand: std::visit costs an indirect call per heartbeat.
  if (std::holds_alternative<FixedTimeout>(estimator_)) {
    take<FixedTimeout>(now, seq, sampling);
  } else if (std::holds_alternative<ChenNfdE>(estimator_)) {
    take<ChenNfdE>(now, seq, sampling);
  } else if (std::holds_alternative<AdaptiveMargin>(estimator_)) {
    take<AdaptiveMargin>(now, seq, sampling);
  } else if (std::holds_alternative<PhiAccrual>(estimator_)) {
    take<PhiAccrual>(now, seq, sampling);
  } else if (std::holds_alternative<Bertier>(estimator_)) {
    take<Bertier>(now, seq, sampling);
  } else if (std::holds_alternative<TwoWindow>(estimator_)) {
    take<TwoWindow>(now, seq, sampling);
  } else if (std::holds_alternative<ChenNfdS>(estimator_)) {
    take<ChenNfdS>(now, seq, sampling);
  } else if (std::holds_alternative<PhiExponential>(estimator_)) {
    take<PhiExponential>(now, seq, sampling);
  } else {
    take<WindowedQuantile>(now, seq, sampling);
  }
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
