#include "vouch/detector/detector.h"

#include <array>
#include <utility>
#include <variant>

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
template <typename Kind>
[[gnu::noinline]] void Detector::take(Detector& self, Instant now, Seq seq, Sampling sampling) {
  const Instant last = std::exchange(self.last_, now);
  self.newest_ = seq;
  Kind* const estimator = std::get_if<Kind>(&self.estimator_);
  if (estimator == nullptr) __builtin_unreachable();  // It was looked up by its index.
  move(self.suspect_at_, *estimator, now, seq, last, sampling);
}

/// By the index of the variant.
template <typename... Kinds>
struct Detector::Takes<std::variant<Kinds...>> {
  static constexpr std::array kByIndex{&Detector::take<Kinds>...};
};

void Detector::heartbeat(Instant now, Seq seq, Sampling sampling) {
  VOUCH_ASSERT(now >= last_);
  if (seq <= newest_) return;
  // std::visit would cost a check and a second call per heartbeat.
  Takes<Estimator>::kByIndex[estimator_.index()](*this, now, seq, sampling);
}

void Detector::reset() {
  suspect_at_ = kNever;
  last_ = kLongAgo;
  newest_ = Seq{};
  // The others start afresh when suspect_at_ is kNever.
  std::visit(
      [](auto& estimator) {
        if constexpr (requires { estimator.forget(); }) estimator.forget();
      },
      estimator_);
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
