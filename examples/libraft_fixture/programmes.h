#pragma once

#include <ostream>
#include <string_view>
#include <vector>

#include "cluster.h"

namespace vouch::libraft {

/// One fault, told once: it runs against a cluster that has settled, and says what was seen.
struct Programme {
  std::string_view name;
  std::string_view story;
  unsigned servers;
  void (*run)(Cluster& cluster, unsigned leader);
  /// Whether the leader keeps a majority that it reaches both ways, so that no election is needed.
  bool leader_keeps_quorum;
};

/// For GoogleTest.
inline void PrintTo(const Programme& programme, std::ostream* out) {
  *out << programme.name;
}

/// The seven fault programmes, and one in which nothing happens.
[[nodiscard]] const std::vector<Programme>& programmes();

struct Outcome {
  Seen seen;
  bool settled = false;  ///< At the end somebody leads, and everybody alive follows.
};

/// Plays one of them.
[[nodiscard]] Outcome play(const Programme& programme, Mode mode, std::uint64_t seed = 1);

}  // namespace vouch::libraft
