#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "vouch/election/queue.h"
#include "vouch/election/store.h"

namespace vouch::election {

/// A request to a store of either kind.
using AnyRequest = std::variant<StoreRequest, QueueRequest>;

/// Whether peers still reach the process that holds a lock. They say so about what they saw a
/// moment ago, and nothing depends on it but who waits for how long.
enum class PeerVerdict : std::uint8_t {
  kUnknown,     ///< Nobody can tell.
  kReached,     ///< Somebody who was asked reaches it.
  kNotReached,  ///< Nobody who was asked does.
};

[[nodiscard]] const char* to_string(PeerVerdict verdict);

/// Asks for it, before a lock is taken from a holder that has not renewed it in time.
struct PeerQuestion {
  std::uint64_t id = 0;
  std::string holder;  ///< As the record names its owner.
  FencingToken token{};
  /// An answer that comes later counts for nothing; none need come at all.
  Duration timeout{};
};

struct PeerAnswer {
  std::uint64_t id = 0;
  PeerVerdict verdict = PeerVerdict::kUnknown;
};

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
  std::uint64_t peers_asked = 0;
  std::uint64_t held_off = 0;         ///< Answers that left a late holder the lock.
  std::uint64_t replies_dropped = 0;  ///< Of no request that is out.
};

}  // namespace vouch::election
