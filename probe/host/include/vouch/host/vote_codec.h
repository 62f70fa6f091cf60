#pragma once

#include <cstddef>
#include <span>

#include "vouch/host/vote.h"
#include "vouch/probe/wire.h"

namespace vouch::host {

/// Writes `message` as one datagram of `cluster` and returns its size. `room` of kMaxDatagram bytes
/// is always enough.
[[nodiscard]] std::size_t encode(const VoteMessage& message, ClusterHash cluster,
                                 std::span<std::byte> room);

/// Reads one datagram of the host's range of types, as decode of the core reads its own.
[[nodiscard]] Decoded<VoteMessage> decode_vote(std::span<const std::byte> datagram,
                                               ClusterHash cluster);

}  // namespace vouch::host
