#pragma once

#include <utility>
#include <variant>

#include "vouch/detector/adaptive_margin.h"
#include "vouch/detector/bertier.h"
#include "vouch/detector/chen.h"
#include "vouch/detector/detector_config.h"
#include "vouch/detector/fixed_timeout.h"
#include "vouch/detector/ids.h"
#include "vouch/detector/phi_accrual.h"
#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/detector/two_window.h"
#include "vouch/detector/windowed_quantile.h"

namespace vouch {

/// One observer's opinion of when silence of one subject becomes suspicious.
///
/// Every kind is a *freshness point* (Chen, Toueg, Aguilera 2002, section 3): `heartbeat` moves it,
/// and the subject is suspected from `suspect_at()` on until a heartbeat moves it past now. So one
/// timer serves a peer, nothing is polled, and `suspect_at` is one load.
///
/// Order of calls: `make_detector`, then `heartbeat` per arrival with `now` never decreasing.
/// Call `reset` when the subject restarts (a new incarnation counts its heartbeats from 1 again).
/// Allocates when it is made and never again; the kinds without a window (fixed, nfd-s, adaptive)
/// do not allocate at all. Movable, not copyable. A moved-from detector may only be assigned or
/// destroyed. Not thread-safe: give it one owner.
class Detector {
 public:
  /// Takes in heartbeat number `seq`, which arrived at `now`.
  ///
  /// A number not above the newest one is a duplicate or came out of order: it says nothing about
  /// the present and is ignored. So is the number 0, which no sender uses.
  /// With Sampling::kOff it moves the freshness point, but nothing is learned from it: for what
  /// arrives while the observer itself is sick.
  void heartbeat(Instant now, Seq seq, Sampling sampling = Sampling::kOn);

  /// The instant from which the subject is suspected; kNever before the first heartbeat (nobody
  /// is suspected who was never heard).
  [[nodiscard]] Instant suspect_at() const { return suspect_at_; }

  /// The newest heartbeat number taken in; 0 before the first.
  [[nodiscard]] Seq newest() const { return newest_; }

  /// Forgets everything heard, as if just made. Does not allocate.
  void reset();

 private:
  friend Result<Detector> make_detector(const DetectorConfig& config);
  using Estimator = std::variant<FixedTimeout, ChenNfdE, ChenNfdS, Bertier, PhiAccrual,
                                 PhiExponential, TwoWindow, WindowedQuantile, AdaptiveMargin>;

  explicit Detector(Estimator estimator) : estimator_(std::move(estimator)) {}

  template <typename Kind>
  static void take(Detector& self, Instant now, Seq seq, Sampling sampling);
  template <typename Kinds>
  struct Takes;

  Instant suspect_at_ = kNever;
  Instant last_ = kLongAgo;
  Seq newest_{};
  Estimator estimator_;
};

// A peer costs this plus four bytes per sample: under 512 bytes at a window of 100.
static_assert(sizeof(Detector) <= 112);

/// Makes a detector, or says which field of `config` breaks which rule. Allocates the window.
[[nodiscard]] Result<Detector> make_detector(const DetectorConfig& config);

}  // namespace vouch
