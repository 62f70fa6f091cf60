#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <vector>

#include "vouch/detector/assert.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/sim/event_heap.h"
#include "vouch/sim/link_model.h"
#include "vouch/sim/message_pool.h"
#include "vouch/sim/network.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// What an Engine is made from.
struct EngineOptions {
  std::size_t replicas = 5;  ///< In [1, kMaxSimNodes].
  std::uint64_t seed = 1;
  NodeId initial_leader{};           ///< Passed to the replicas (Boot::initial_leader).
  Link link{};                       ///< Every link at the start.
  std::size_t receive_buffer = 256;  ///< Messages that a paused node keeps: the oldest ones.
  std::size_t work_bytes = 0;        ///< Size of the host's work: a shorter MTU does not carry it.
  std::vector<std::vector<Duration>> delay_traces;  ///< For FaultKind::kDelayTrace.
  /// After so many events nothing more happens: a storm of messages must not run for ever.
  std::uint64_t event_limit = UINT64_MAX;
};

/// What a restarting node finds of what it had stored.
enum class Disk : std::uint8_t { kKept, kLost };

/// What an observer is told.
enum class Watch : std::uint8_t {
  kAll,
  kReplicas,  ///< All but single messages, which are most of what happens.
};

class Engine;

/// Who is on the network besides the replicas: ends of links that are no nodes of the engine.
class Outside {
 public:
  /// How long a message that is sent now takes from one end to the other, one of which is outside;
  /// nothing: it is lost.
  virtual std::optional<Duration> carries(NodeIndex from, NodeIndex to) = 0;

  /// A message has arrived at `to`, which is outside. `payload` is valid during the call only.
  virtual void arrived(Engine& engine, NodeIndex from, NodeIndex to, const Payload& payload) = 0;

 protected:
  ~Outside() = default;
};

/// What has happened since the start.
struct EngineCounters {
  std::uint64_t events = 0;  ///< Messages arrived and timers fired.
  std::uint64_t sent = 0;    ///< Messages sent, lost ones included.
  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;  ///< By a cut, by chance, by a full buffer or a receiver that is down.
  std::uint64_t too_long = 0;    ///< Of these, longer than the link carries,
  std::uint64_t queue_full = 0;  ///< by the full queue of a link,
  std::uint64_t overflow = 0;    ///< by the full receive buffer of a node,
  std::uint64_t corrupt = 0;     ///< or damaged beyond reading.
  std::uint64_t damaged = 0;     ///< Delivered or on the way with flipped bits.
  std::uint64_t copies = 0;      ///< Duplicates made by links; not counted as sent.
  std::uint64_t timeouts = 0;    ///< Timeouts handled by replicas.
};

/// The simulator: replicas of one protocol with clocks of their own, on directed links, in virtual
/// time. Jumps from event to event; nothing in it depends on how fast it runs.
///
/// Order of calls: `start`, then `run_until` and faults in turn. Equal (protocol, options, calls)
/// give equal events on every compiler. Handling takes no virtual time.
///
/// Chance comes from streams of its own per concern (loss, delay, nodes), so that one fault more
/// does not shift the draws of the others. Allocates while it grows, then no more. Not thread-safe:
/// give it one owner.
class Engine {
 public:
  Engine(const Protocol& protocol, const EngineOptions& options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// Adds a watcher, before `start`. It must outlive the engine.
  void observe(Observer& observer, Watch watch = Watch::kAll) {
    observers_.push_back(&observer);
    if (watch == Watch::kAll) message_observers_.push_back(&observer);
  }

  /// Who is outside, before `start`. It must outlive the engine.
  void connect(Outside& outside) { outside_ = &outside; }

  /// A message from `from`, which is outside, reaches the node `to` at `arrives`.
  template <typename M>
  void post(NodeIndex from, NodeIndex to, TrueTime arrives, const M& message) {
    static_assert(std::is_trivially_copyable_v<M> && alignof(M) <= 64);
    VOUCH_ASSERT(to < nodes_.size() && from >= nodes_.size() && arrives >= now_);
    const MessagePool::Number number = take_slot(from, to, sizeof(M));
    ::new (pool_.bytes(number)) M(message);
    heap_.push(arrives, kFirstMessage + number);
  }

  /// Starts all replicas at time 0, in the order of their indices.
  void start();

  /// Handles every event before `end`; then it is `end`. Events at `end` come after the faults that
  /// the caller applies there. Ends early, after the event, when a message has reached somebody
  /// outside, who may want to act sooner now.
  void run_until(TrueTime end);

  /// Does what `fault` says, by one of the following.
  void apply(const Fault& fault);

  // Faults. Each takes effect now; the latest wins. None moves time.
  void cut(NodeIndex from, NodeIndex to);
  /// The link is again as it was made (EngineOptions::link).
  void heal(NodeIndex from, NodeIndex to);
  void set_loss(NodeIndex from, NodeIndex to, std::uint32_t per_million);
  void set_delay(NodeIndex from, NodeIndex to, Duration delay, Duration jitter);
  /// The process is gone at once; what it sent is on its way. No effect on a node that is down.
  void crash(NodeIndex index);
  /// A new incarnation starts. No effect on a node that is up.
  void restart(NodeIndex index, Disk disk = Disk::kKept);
  /// The process stands still (SIGSTOP): messages wait in its receive buffer, timers are late.
  void pause(NodeIndex index);
  /// It runs on: handles what waited (the messages or the late timer first, by chance).
  void resume(NodeIndex index);
  void set_clock(NodeIndex index, Instant shown, std::int32_t rate_ppm);
  void set_clock_rate(NodeIndex index, std::int32_t rate_ppm);
  /// The clock that the replica reads jumps ahead.
  void advance_clock(NodeIndex index, Duration ahead);
  /// A fault of a link's model (is_link_model).
  void set_link_model(const Fault& fault);
  /// The process exits on a host that stays up: peers that send to it are refused, and with a
  /// supervisor an obituary goes out over the links as they are.
  void exit(NodeIndex index, bool has_supervisor);
  /// As pause, but nothing waits: what arrives meanwhile is lost. The clock counts the time.
  void suspend(NodeIndex index);
  /// As pause, and the clock stands still until `resume`.
  void freeze(NodeIndex index);
  /// Handling one message or timer keeps the node busy for so long; zero: it is fast again.
  void set_slow(NodeIndex index, Duration handling);
  void set_flood(NodeIndex index, std::uint32_t per_million);
  void set_worker_stalled(NodeIndex index, bool is_stalled);
  void set_disk_stalled(NodeIndex index, bool is_stalled);
  void set_drained(NodeIndex index, bool is_drained);

  [[nodiscard]] TrueTime now() const { return now_; }
  /// The event limit was reached: what the engine shows since is not to be believed.
  [[nodiscard]] bool is_exhausted() const { return counters_.events >= options_.event_limit; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] bool is_up(NodeIndex index) const { return nodes_[index].is_up; }
  [[nodiscard]] bool is_paused(NodeIndex index) const { return nodes_[index].is_paused; }
  [[nodiscard]] const LocalClock& clock(NodeIndex index) const { return nodes_[index].clock; }
  [[nodiscard]] Instant local_now(NodeIndex index) const { return nodes_[index].clock.local(now_); }
  [[nodiscard]] ReplicaStatus status(NodeIndex index) const;
  [[nodiscard]] LogPosition work_log(NodeIndex index) const {
    return nodes_[index].replica->work_log();
  }
  [[nodiscard]] const Replica& replica(NodeIndex index) const { return *nodes_[index].replica; }
  [[nodiscard]] const Protocol& protocol() const { return protocol_; }
  [[nodiscard]] const Links& links() const { return links_; }
  [[nodiscard]] const Reachability& reachability() const { return reachability_; }
  [[nodiscard]] const EngineCounters& counters() const { return counters_; }
  /// Whether something makes times unpredictable: a link's model, a slow, flooded or stalled node.
  [[nodiscard]] bool is_troubled() const;

 private:
  friend class Context;

  /// What is wrong with a node beyond being down or paused. Empty in a healthy run.
  struct Trouble {
    Duration handling{};         ///< Of one message or timer; zero: none to speak of.
    TrueTime busy_until{};       ///< When what has arrived will have been handled.
    std::size_t waiting = 0;     ///< Messages that wait for it.
    bool is_timer_next = false;  ///< The timer has waited for its turn.
    std::uint32_t flood = 0;
    bool is_worker_stalled = false;
    bool is_disk_stalled = false;
    bool is_drained = false;
    bool is_suspended = false;  ///< Besides being paused.
    bool is_frozen = false;     ///< Besides being paused: the clock shows `frozen_at`.
    Instant frozen_at{};
    bool refuses = false;  ///< Down, but its host answers that nobody listens.
  };

  struct Node {
    std::unique_ptr<Replica> replica;
    LocalClock clock;
    std::int32_t rate_ppm = 0;
    /// Up, running and neither slow nor flooded: what arrives is handled at once.
    bool is_prompt = false;
    Instant timeout = kNever;     ///< When the replica wants to be called, by its clock.
    TrueTime armed = kEndOfTime;  ///< The timer in the heap that counts; others are stale.
    Incarnation incarnation{1};
    bool is_up = false;
    bool is_paused = false;
    Trouble trouble;
    ReplicaStatus status{};                    ///< As the observers know it.
    std::vector<MessagePool::Number> backlog;  ///< Received while paused, oldest first.
  };

  /// Heap slots below this are the nodes' timers; the others are messages.
  static constexpr EventHeap::SlotNumber kFirstMessage = kMaxSimNodes;

  void handle_timer(NodeIndex index, TrueTime at);
  void handle_arrival(MessagePool::Number number);
  void arrive_outside(MessagePool::Number number);
  void* begin_send_outside(NodeIndex from, NodeIndex to, std::size_t size);
  [[nodiscard]] MessagePool::Number take_slot(NodeIndex from, NodeIndex to, std::size_t size);
  void deliver(MessagePool::Number number);
  void fire(NodeIndex index);
  void stepped(NodeIndex index, Instant timeout);
  void show(NodeIndex index, const ReplicaStatus& status);
  void arm(NodeIndex index);
  void drop_backlog(Node& node);
  void boot(NodeIndex index, const Boot& boot);
  void faulted(const Fault& fault);
  void compute_reachability();
  [[nodiscard]] bool carries(NodeIndex from, NodeIndex to) const;
  void set_running(Node& node, bool is_up, bool is_paused);
  void arrive_late(MessagePool::Number number);
  void deliver_notice(MessagePool::Number number);
  [[nodiscard]] bool is_timers_turn(Node& node);
  void lose(MessagePool::Number number, Fate fate);
  void end_modelled_send();
  void notify(NodeIndex from, NodeIndex to, const NodeFault& notice);
  void tell(NodeIndex index, const NodeFault& fault);
  void tell_trouble(NodeIndex index);
  [[nodiscard]] NodeIndex resolve(NodeIndex node);
  void apply_to_node(const Fault& fault);
  void moved(MessagePool::Number number, Fate fate);

  [[nodiscard]] void* begin_send(NodeIndex from, NodeIndex to, std::size_t size);
  void end_send();

  const Protocol& protocol_;
  EngineOptions options_;
  Links links_;
  Reachability reachability_;
  std::vector<Node> nodes_;
  EventHeap heap_;
  MessagePool pool_;
  std::unique_ptr<LinkModels> models_;  ///< Only when a fault asked for one.
  Rng loss_rng_;
  Rng delay_rng_;
  Rng node_rng_;
  Rng flood_rng_;
  Rng notice_rng_;
  NodeIndex resolved_ = 0;  ///< Whom kTheLeader meant the last time.
  TrueTime now_{};
  TrueTime run_end_{};  ///< Of run_until.
  Outside* outside_ = nullptr;
  MessagePool::Number sending_ = 0;  ///< Between begin_send and end_send.
  Fate sending_fate_ = Fate::kSent;
  bool sending_has_model_ = false;
  TrueTime sending_arrives_{};
  EngineCounters counters_;
  std::vector<Observer*> observers_;
  std::vector<Observer*> message_observers_;  ///< Those of observers_ that watch messages.
};

}  // namespace vouch::sim
