#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
#include "vouch/host/replica.h"

namespace vouch::runtime {

/// Where another node listens.
struct PeerAddress {
  NodeId id{};
  std::string address;  ///< "IP:PORT" or "[IPv6]:PORT".
};

/// Everything that a daemon is made from: the configuration file, checked (docs/node.schema.json).
struct NodeConfig {
  std::string cluster = "vouch";  ///< Datagrams of another cluster are dropped.
  std::string listen;             ///< "IP:PORT"; port 0 lets the system choose.
  std::vector<PeerAddress> peers;
  host::ReplicaConfig replica;        ///< Without incarnation and ballots: the state file has them.
  std::filesystem::path state_dir;    ///< Incarnation and votes; one process at a time.
  std::filesystem::path control;      ///< Path of the control socket; empty: none.
  bool allow_drills = false;          ///< Whether `vouch drill` may cut links of this node.
  std::optional<std::uint64_t> seed;  ///< For repeatable round numbers; otherwise by the system.
};

/// Reads the text of a configuration file. Relative paths in it are taken from `folder`. The error
/// is one line: the JSON pointer of the field, its rule, its value.
[[nodiscard]] Result<NodeConfig> parse_node_config(std::string_view text,
                                                   const std::filesystem::path& folder);

/// Reads the file; errors begin with its path.
[[nodiscard]] Result<NodeConfig> load_node_config(const std::filesystem::path& file);

}  // namespace vouch::runtime
