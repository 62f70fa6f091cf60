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
#include "vouch/quorum_check/profile.h"

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
  std::vector<PeerAddress> front_ends;  ///< As listed in replica.monitor.front_ends.
  std::optional<Profile> profile;       ///< Where the knobs that the file leaves out come from.
  host::ReplicaConfig replica;        ///< Without incarnation and ballots: the state file has them.
  std::filesystem::path state_dir;    ///< Incarnation and votes; one process at a time.
  std::filesystem::path control;      ///< Path of the control socket; empty: none.
  bool allow_drills = false;          ///< Whether `vouch drill` may cut links of this node.
  std::optional<std::uint64_t> seed;  ///< For repeatable round numbers; otherwise by the system.
};

/// What is checked of a file beyond its form.
enum class NodeCheck : std::uint8_t {
  kAll,      ///< All that a daemon needs to start. Default.
  kMembers,  ///< Names, numbers, nodes and groups, but not the rules between the knobs: for a
             ///< linter, which shows what is wrong with them (vouch/quorum_check/lint.h).
};

/// Reads the text of a configuration file. Relative paths in it are taken from `folder`. The error
/// is one line: the JSON pointer of the field, its rule, its value.
[[nodiscard]] Result<NodeConfig> parse_node_config(std::string_view text,
                                                   const std::filesystem::path& folder,
                                                   NodeCheck check = NodeCheck::kAll);

/// Reads the file; errors begin with its path.
[[nodiscard]] Result<NodeConfig> load_node_config(const std::filesystem::path& file,
                                                  NodeCheck check = NodeCheck::kAll);

}  // namespace vouch::runtime
