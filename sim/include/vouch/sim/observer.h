#pragma once

#include <cstdint>

#include "vouch/sim/network.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// What became of a message when it was sent, or later.
enum class Fate : std::uint8_t {
  kSent,       ///< On its way; it will arrive unless the receiver is down then.
  kCut,        ///< Lost: the link is cut.
  kLost,       ///< Lost by chance.
  kDelivered,  ///< Handed to the receiver.
  kQueued,     ///< The receiver is paused; it waits in the receive buffer.
  kOverflow,   ///< The receiver is paused and its receive buffer is full.
  kDown,       ///< Nobody listens: the receiver is down.
};
inline constexpr std::uint8_t kFateCount = 7;

/// Something that was done to the network or to a node.
enum class FaultKind : std::uint8_t {
  kCut,      ///< Directed link a -> b.
  kHeal,     ///< Directed link a -> b carries again, with the loss and delay that it was made with.
  kLoss,     ///< Directed link a -> b; value: parts per million.
  kDelay,    ///< Directed link a -> b; value: least delay in ns, extra: jitter in ns.
  kCrash,    ///< Node a.
  kRestart,  ///< Node a; value 1: with an empty disk.
  kPause,    ///< Node a.
  kResume,   ///< Node a.
  kClock,    ///< Node a; value: rate in ppm.
};
inline constexpr std::uint8_t kFaultKindCount = 9;

struct Fault {
  FaultKind kind{};
  NodeIndex a = 0;
  NodeIndex b = 0;
  std::int64_t value = 0;
  std::int64_t extra = 0;

  friend bool operator==(const Fault&, const Fault&) = default;
};

/// Watches a simulation. Must not change it. Costs a virtual call for what it watches (see Watch);
/// without an observer the engine makes none.
class Observer {
 public:
  /// A message was sent, lost, delivered. `payload` is valid during the call only.
  virtual void moved(const Engine&, NodeIndex, NodeIndex, const Payload&, Fate) {}

  /// The replica of a node has handled something by which its status has changed, or has started.
  virtual void stepped(const Engine&, NodeIndex, const ReplicaStatus&) {}

  /// The replica of a node reported something. Comes before `stepped` of the same event.
  virtual void noted(const Engine&, NodeIndex, const Note&) {}

  /// The network or a node was changed from outside. Reachability is the new one already.
  virtual void faulted(const Engine&, const Fault&) {}

 protected:
  Observer() = default;
  Observer(const Observer&) = default;
  Observer& operator=(const Observer&) = default;
  ~Observer() = default;
};

}  // namespace vouch::sim
