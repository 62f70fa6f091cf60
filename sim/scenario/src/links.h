#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/sim/network.h"

namespace vouch::scenario {

/// A directed link.
using LinkEnds = std::pair<sim::NodeIndex, sim::NodeIndex>;

/// The links that a pattern names, in ascending order of sender and receiver:
/// "0->1" one way, "0-1" both ways, "{0,1}=>{2,3}" every pair one way, "{0,1}x{2,3}" every pair
/// both ways, "*" all. The error says what is wrong, without a place.
[[nodiscard]] Result<std::vector<LinkEnds>> parse_links(std::string_view pattern,
                                                        std::size_t replicas);

}  // namespace vouch::scenario
