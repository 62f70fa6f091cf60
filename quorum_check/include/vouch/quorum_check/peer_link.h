#pragma once

#include <array>
#include <cstdint>

#include "vouch/detector/time.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/quorum.h"

namespace vouch {

/// The support vector of one node as its newest heartbeat told it, on our clock: until when the
/// others support it at the least. Peers that it names stand apart; the floor is that of the rest.
struct SupportFloor {
  Instant until = kLongAgo;
  std::uint8_t count = 0;
  std::array<PeerIndex, kMaxNodes - 1> peers{};
  std::array<Instant, kMaxNodes - 1> ends{};

  [[nodiscard]] Instant of(PeerIndex peer) const {
    for (std::uint8_t i = 0; i < count; ++i) {
      if (peers[i] == peer) return ends[i];
    }
    return until;
  }
};

/// What this node states to one peer, as a stream of numbered positions: first its groups in the
/// order of the table (positions below the number of groups), then what changed since, in order.
struct StreamOut {
  std::uint32_t stream = 0;
  std::uint32_t count = 0;  ///< Statements that stand, and their sum.
  std::uint64_t hash = 0;
  std::uint64_t base = 0;          ///< Number of the change that follows the groups.
  std::uint64_t head = 0;          ///< Behind the newest position that concerns the peer.
  std::uint64_t removed = 0;       ///< Behind the newest one that took a statement back.
  std::uint64_t sent = 0;          ///< Everything below has been sent,
  std::uint64_t next = 0;          ///< and nothing between concerns the peer.
  std::uint64_t acked = 0;         ///< The peer has everything below.
  Duration patience{};             ///< Sent again after so long; doubles while nothing comes.
  Instant waits_since = kLongAgo;  ///< For an acknowledgement: since then `acked` stands still.
};

/// What the peer states to this node, as far as it has come.
struct StreamIn {
  std::uint32_t stream = 0;  ///< 0: none; the peer begins anew.
  std::uint32_t count = 0;   ///< What we hold of its statements, and the sum.
  std::uint64_t hash = 0;
  std::uint64_t applied = 0;
  std::uint64_t removed = 0;       ///< As its newest heartbeat told it.
  Instant differs_since = kNever;  ///< Everything is here, but the sums differ.
  Duration patience{};             ///< For so long that may last; doubles with each new beginning.
};

/// What one node knows of one peer beyond Peer, when groups travel apart from heartbeats.
struct PeerLink {
  StreamOut out{};
  StreamIn in{};
  SupportFloor floor{};               ///< The peer's support vector.
  Instant promised_until = kLongAgo;  ///< Our promise to it, for every claim of it that we accept.
  Instant heartbeat_at = kLongAgo;    ///< Our newest heartbeat to it.
  std::uint32_t held = 0;             ///< Its datagrams that wait for an earlier one.
  bool has_lapsed = true;             ///< Its support has run out, and that was seen to.
  bool is_dirty = false;              ///< `open` holds something.
  bool is_lagging = false;            ///< It has not been sent everything.
  GroupBatch open{};                  ///< The datagram that is being filled.
};

}  // namespace vouch
