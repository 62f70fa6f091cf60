#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "libraft.h"
#include "vouch/probe/message.h"

namespace vouch::libraft {

/// One of vouch's messages under way between two servers.
struct Packet {
  std::uint64_t deliver_at_ms = 0;
  NodeId from{};
  NodeId to{};
  Message message;
};

/// vouch's messages beside libraft's, on the same virtual network: they take the same time and
/// are lost where the fixture loses its own (`raft_fixture_saturate`, `raft_fixture_kill`). A host
/// with sockets has a second message type in its own transport here.
class Network {
 public:
  /// What the fixture's own messages take, unless told otherwise.
  static constexpr std::uint64_t kLatencyMs = 15;

  explicit Network(raft_fixture& fixture) : fixture_(&fixture) {}

  void send(NodeId from, NodeId to, const Message& message) {
    under_way_.push_back({raft_fixture_time(fixture_) + kLatencyMs, from, to, message});
  }

  /// The next message that has arrived at `to`, if any. As in the fixture, a link that is cut when
  /// a message should arrive loses it.
  std::optional<Packet> receive(NodeId to) {
    const std::uint64_t now = raft_fixture_time(fixture_);
    for (auto at = under_way_.begin(); at != under_way_.end(); ++at) {
      if (at->deliver_at_ms > now) break;  // All take equally long: the rest is later.
      if (at->to != to) continue;
      Packet packet = *at;
      at = under_way_.erase(at);
      if (!raft_fixture_saturated(fixture_, index(packet.from), index(packet.to))) return packet;
      return receive(to);
    }
    return std::nullopt;
  }

  /// What was under way to a process that has died is lost with it.
  void forget(NodeId to) {
    std::erase_if(under_way_, [to](const Packet& packet) { return packet.to == to; });
  }

  /// The fixture numbers its servers from 0, and their ids from 1.
  static unsigned index(NodeId node) { return node.value() - 1; }

 private:
  raft_fixture* fixture_;
  std::deque<Packet> under_way_;
};

}  // namespace vouch::libraft
