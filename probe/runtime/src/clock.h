#pragma once

#include <time.h>

#include "vouch/detector/time.h"

namespace vouch::runtime {

/// The clock of the core on Linux: CLOCK_BOOTTIME, which counts suspend, so that a machine that
/// wakes up does not believe in a lease that ended while it slept. Common to all processes of one
/// machine, so their logs can be laid over each other.
[[nodiscard]] inline Instant boottime_now() {
  timespec at{};
  clock_gettime(CLOCK_BOOTTIME, &at);
  return Instant(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
}

}  // namespace vouch::runtime
