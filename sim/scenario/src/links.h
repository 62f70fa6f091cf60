#pragma once

#include <cstddef>
#include <string>
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

/// The clients of a scenario and how patterns name them.
struct ClientNames {
  std::size_t count = 0;
  /// Sets of clients by name; a zone's name is never that of a client.
  std::vector<std::pair<std::string, std::vector<std::size_t>>> zones;
};

/// Whether a pattern is about links between clients and replicas: one of its ends begins with a
/// letter.
[[nodiscard]] bool names_clients(std::string_view pattern);

/// The links of such a pattern: "c0->1" the requests of client 0 to replica 1, "1->c0" the answers,
/// "c0-1" both; a zone's name stands for all of its clients, "*" for all replicas and "{0,1}" for
/// some. Clients are numbered from sim::kFirstClient.
[[nodiscard]] Result<std::vector<LinkEnds>> parse_client_links(std::string_view pattern,
                                                               const ClientNames& clients,
                                                               std::size_t replicas);

}  // namespace vouch::scenario
