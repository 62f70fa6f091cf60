#pragma once

#include <chrono>
#include <cstdint>

#include "tests/quorum_check/one_monitor.h"

namespace vouch::testing {

inline constexpr NodeId kFourth{4};
inline constexpr Term kTerm{1};
inline constexpr Duration kLease = std::chrono::milliseconds(700);

inline MonitorConfig with_relay(RelayMode mode, std::uint32_t nodes = 5) {
  MonitorConfig config = config_of(nodes);
  config.relay = mode;
  return config;
}

}  // namespace vouch::testing
