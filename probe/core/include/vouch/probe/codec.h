#pragma once

#include <cstddef>
#include <span>

#include "vouch/probe/message.h"
#include "vouch/probe/wire.h"

namespace vouch {

/// Writes `message` as one datagram of `cluster` and returns its size. `room` of kMaxDatagram bytes
/// is always enough. Only the used elements of a list travel.
[[nodiscard]] std::size_t encode(const Message& message, ClusterHash cluster,
                                 std::span<std::byte> room);

/// The size of `message` as a datagram, in bytes.
[[nodiscard]] std::size_t wire_size(const Message& message);

/// Reads one datagram. Anything may be in it; nothing is read past its end and nothing is
/// allocated. What it accepts is canonical: encoding the result gives the same bytes. What the
/// fields mean is for the Monitor to judge.
[[nodiscard]] Decoded<Message> decode(std::span<const std::byte> datagram, ClusterHash cluster);

}  // namespace vouch
