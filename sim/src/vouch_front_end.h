#pragma once

#include <memory>

#include "vouch/quorum_check/config.h"
#include "vouch/sim/front_end.h"

namespace vouch::sim {

/// The shipped FrontEndObserver as a client's half of the policy `vouch`; nullptr if `config` does
/// not name this front-end.
[[nodiscard]] std::unique_ptr<FrontEnd> make_vouch_front_end(const MonitorConfig& config,
                                                             GroupId group,
                                                             const FrontEndOptions& options);

}  // namespace vouch::sim
