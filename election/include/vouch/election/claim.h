#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "vouch/election/queue.h"
#include "vouch/election/store.h"

namespace vouch::election {

/// A request to a store of either kind.
using AnyRequest = std::variant<StoreRequest, QueueRequest>;

/// What an Elector counts.
struct ElectorCounters {
  std::uint64_t reads = 0;
  std::uint64_t takes = 0;  ///< And joins of a queue.
  std::uint64_t heartbeats = 0;
  std::uint64_t releases = 0;
  std::uint64_t unavailable = 0;
  std::uint64_t ambiguous = 0;
  std::uint64_t adopted = 0;  ///< Own writes without a reply, found by reading.
  std::uint64_t condition_failed = 0;
  std::uint64_t replies_dropped = 0;  ///< Of no request that is out.
};

}  // namespace vouch::election
