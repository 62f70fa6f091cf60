#pragma once

#include "vouch/detector/time.h"

namespace vouch::election {

/// The clock of every lease: CLOCK_BOOTTIME, which counts suspend. A machine that wakes up does not
/// believe in a lease that ended while it slept. Common to all processes of one machine.
[[nodiscard]] Instant boottime_now();

}  // namespace vouch::election
