#pragma once

#include "vouch/detector/time.h"

namespace vouch {

/// The fixed timeout: the freshness point is the last arrival plus a constant.
///
/// Holds no history. Detection time is at most `timeout` plus the delay of the last heartbeat.
class FixedTimeout {
 public:
  explicit FixedTimeout(Duration timeout) : timeout_(timeout) {}

  /// The freshness point that follows from a heartbeat at `now`.
  [[nodiscard]] Instant heartbeat(Instant now) const { return saturating_add(now, timeout_); }

 private:
  Duration timeout_;
};

}  // namespace vouch
