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
  kTooLong,    ///< Lost: longer than the link carries.
  kQueueFull,  ///< Lost: the link's queue is full.
  kCorrupt,    ///< Damaged on its way so that no receiver can read it: dropped.
};
inline constexpr std::uint8_t kFateCount = 10;

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
  kClock,    ///< Node a; value: rate in ppm; extra: the clock jumps ahead by so many ns.

  // Directed link a -> b, by its LinkModel; a first value of 0 ends it.
  kBurstLoss,   ///< Chances in ppm: enter and leave a burst, loss outside and inside.
  kLognormal,   ///< Added delay: median in ns, sigma * 1000, most in ns.
  kPareto,      ///< Added delay: scale in ns, alpha * 1000, most in ns, chance in ppm.
  kDelayTrace,  ///< Added delay: 1 + index of the recorded trace (EngineOptions::delay_traces);
                ///< by time: how many ns each delay holds, and so many ns into it it begins.
  kDelayJump,   ///< Added to all messages from now on: ns, reached within `extra` ns.
  kReorder,     ///< Chance in ppm that a message is held back; by so many ns.
  kDuplicate,   ///< Chance in ppm that it comes again; how many more times.
  kCorrupt,     ///< Chance in ppm that bits of its datagram flip.
  kMtu,         ///< Datagrams longer than so many bytes are lost.
  kRate,        ///< Bits per second; messages that may wait.
  kTrickle,     ///< ns from one message to the next whatever its size; messages that may wait.

  // Node a; where it has a value, 0 ends it.
  kExit,         ///< The process exits, its host stays up; value 1: a supervisor says so.
  kSuspend,      ///< Paused and off the network; its clock counts on. kResume ends it.
  kFreeze,       ///< Paused with its clock (a stopped VM). kResume ends it.
  kSlow,         ///< Handling one message or timer takes `value` ns.
  kFlood,        ///< Its receive buffer is full of others' traffic: loses `value` ppm of messages.
  kWorkerStall,  ///< 1: the worker hangs while the heartbeats go on.
  kDiskStall,    ///< 1: the disk takes nothing.
  kDrain,        ///< 1: drained, 0: undrained.
  kWallStep,     ///< The wall clock jumps by `value` ns. No replica can see it.
};
inline constexpr std::uint8_t kFaultKindCount = 29;

[[nodiscard]] constexpr bool is_link_model(FaultKind kind) {
  return kind >= FaultKind::kBurstLoss && kind <= FaultKind::kTrickle;
}
[[nodiscard]] constexpr bool is_about_link(FaultKind kind) {
  return kind <= FaultKind::kDelay || is_link_model(kind);
}

/// Stand for a node in faults of nodes: whoever leads when the fault happens, and whoever that was
/// the last time.
inline constexpr NodeIndex kTheLeader = 0xffff'ffff;
inline constexpr NodeIndex kTheSame = 0xffff'fffe;

struct Fault {
  FaultKind kind{};
  NodeIndex a = 0;
  NodeIndex b = 0;
  std::int64_t value = 0;
  std::int64_t extra = 0;
  std::int64_t third = 0;
  std::int64_t fourth = 0;

  friend bool operator==(const Fault&, const Fault&) = default;
};

/// A fault and when it happens.
struct TimedFault {
  TrueTime at{};
  Fault fault{};

  friend bool operator==(const TimedFault&, const TimedFault&) = default;
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
