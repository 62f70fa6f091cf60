#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "vouch/detector/result.h"
#include "vouch/detector/strong.h"
#include "vouch/detector/time.h"

namespace vouch::election {

/// Grows by one or more with each change of the holder, never goes back, and is checked by what the
/// leader writes to (Kleppmann, "How to do distributed locking", 2016). 0 means "none".
using FencingToken = Strong<struct FencingTokenTag, std::uint64_t>;

/// Opaque text that changes with each take and each heartbeat, and never comes back: a random
/// number, not a counter. Whoever sees the same one for a whole lease, by its own clock, knows that
/// the holder did not renew. (The record version number of Amazon's DynamoDB lock client.)
struct RecordVersion {
  std::string text;

  friend auto operator<=>(const RecordVersion&, const RecordVersion&) = default;
};

/// One lock as the store keeps it. No absolute time is ever stored: clocks of two machines are not
/// compared. A lock once taken has a record for ever, so that its token never starts anew.
struct LockRecord {
  std::string name;
  std::string owner;  ///< Unique per process incarnation.
  RecordVersion version;
  Duration lease{};  ///< What the holder promised to renew within; waiters obey this one.
  FencingToken token{};
  bool is_released = false;
  std::string data;  ///< What the holder publishes with the lock, such as its address.

  friend bool operator==(const LockRecord&, const LockRecord&) = default;
};

inline constexpr std::size_t kNameMax = 255;
inline constexpr std::size_t kDataMax = 4096;

/// Bytes in [1, 255] and none of them a control character. The message names `field`.
[[nodiscard]] Status check_name(const std::string& field, const std::string& value);

}  // namespace vouch::election
