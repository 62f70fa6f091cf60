#pragma once

#include <cstddef>
#include <optional>

#include "vouch/detector/ids.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/network.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// Ends of links from this on are clients: client i is kFirstClient + i.
inline constexpr NodeIndex kFirstClient = 64;
inline constexpr std::size_t kMaxClients = 64;

[[nodiscard]] constexpr bool is_client(NodeIndex end) {
  return end >= kFirstClient && end < kFirstClient + kMaxClients;
}

/// What a front-end can do while it handles something. Valid during the call only.
class FrontEndContext {
 public:
  FrontEndContext(Engine& engine, Outside& outside, NodeIndex self, Instant now)
      : engine_(engine), outside_(outside), self_(self), now_(now) {}

  [[nodiscard]] Instant now() const { return now_; }

  /// Sends a message of the protocol's type to a replica. The network may lose it.
  template <typename M>
  void send(NodeIndex to, const M& message) {
    const std::optional<Duration> takes = outside_.carries(self_, to);
    if (takes) engine_.post(self_, to, engine_.now() + *takes, message);
  }

 private:
  Engine& engine_;
  Outside& outside_;
  NodeIndex self_;
  Instant now_;
};

/// A front-end that watches the group instead of only trying one endpoint after the other: the
/// client's half of a protocol. The owner calls `handle_timeout` at the latest at `next_timeout()`.
/// Not thread-safe: give it one owner.
class FrontEnd {
 public:
  virtual ~FrontEnd() = default;

  virtual void handle_message(NodeIndex from, const Payload& payload, FrontEndContext& context) = 0;
  virtual void handle_timeout(FrontEndContext& context) = 0;
  /// Its request to `replica` waits for an answer, or does so no longer.
  virtual void request_waits(NodeIndex replica, FrontEndContext& context) = 0;
  virtual void request_given_up(NodeIndex replica, FrontEndContext& context) = 0;

  [[nodiscard]] virtual Instant next_timeout() const = 0;
  /// Whom to send requests to, if it knows.
  [[nodiscard]] virtual std::optional<NodeIndex> to() const = 0;
  /// Whether it knows a better one than `replica`.
  [[nodiscard]] virtual bool avoids(NodeIndex replica) const = 0;
  /// Where the request that waits is to be sent instead, once after each hint.
  [[nodiscard]] virtual std::optional<NodeIndex> take_hint() = 0;
};

/// What a front-end is made from.
struct FrontEndOptions {
  NodeIndex self = kFirstClient;
  std::size_t replicas = 0;
  Rng rng{0};         ///< Its own stream.
  Instant now{};      ///< Of its own clock.
  bool lies = false;  ///< Reports that it does not reach the leader, whatever it sees.
};

}  // namespace vouch::sim
