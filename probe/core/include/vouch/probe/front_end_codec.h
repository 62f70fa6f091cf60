#pragma once

#include <cstddef>
#include <span>

#include "vouch/probe/front_end_message.h"
#include "vouch/probe/wire.h"

namespace vouch {

/// Writes `message` as one datagram of `cluster` and returns its size. `room` of kMaxDatagram bytes
/// is always enough.
[[nodiscard]] std::size_t encode(const FrontEndMessage& message, ClusterHash cluster,
                                 std::span<std::byte> room);

/// Reads one datagram. Anything may be in it; nothing is read past its end and nothing is
/// allocated. What it accepts is canonical: encoding the result gives the same bytes.
[[nodiscard]] Decoded<FrontEndMessage> decode_front_end(std::span<const std::byte> datagram,
                                                        ClusterHash cluster);

}  // namespace vouch
