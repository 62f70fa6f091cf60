#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/message.h"

namespace vouch::sim {

/// The work of the modelled host of every replica.
struct WorkOptions {
  Duration interval{};      ///< A leader accepts one piece of work so often; zero: no work at all.
  std::uint32_t bytes = 0;  ///< Size of the datagram that replicates it.
  bool follows_advice = true;  ///< Hands leadership over when the Monitor advises it.
};

/// "This is the work of my term up to `index`, and all before it." As long as a datagram of work.
struct WorkAppend {
  Term term{};
  std::uint64_t index = 0;
};

/// "I have stored it."
struct WorkAck {
  Term term{};
  std::uint64_t index = 0;
};

using WorkMessage = std::variant<WorkAppend, WorkAck>;

/// Work that goes to `to` over a third node, which hands it to that node itself.
struct RoutedWork {
  NodeId from{};
  NodeId to{};
  WorkMessage work{};
};

/// The host around one replica as far as progress goes: as a leader it accepts work steadily,
/// replicates it and has it committed once a majority has stored it; as a follower it stores.
///
/// The front that accepts work and the thread that sends heartbeats live on while the worker hangs
/// or the disk stalls. Then nothing is replicated, stored or committed, and the oldest pending work
/// grows old: that is what a Monitor must be told. Not thread-safe: give it one owner.
class HostWork {
 public:
  HostWork(NodeId self, std::size_t replicas, const WorkOptions& options)
      : self_(self), replicas_(replicas), options_(options) {}

  [[nodiscard]] bool is_modelled() const { return options_.interval > Duration::zero(); }

  /// A new process. The disk's state is the host's and stays; the log too, unless it is lost.
  void start(bool lost_disk);

  /// It leads `term` from now on; Term{}: it does not lead any more, and a working worker gives up
  /// what was pending.
  void lead(Instant now, Term term);

  /// Whether anything has changed by it.
  bool set_worker(bool runs) { return std::exchange(worker_runs_, runs) != runs; }
  bool set_disk(bool runs) { return std::exchange(disk_runs_, runs) != runs; }

  /// Accepts what is due. Returns what to send to every peer, if anything.
  [[nodiscard]] std::optional<WorkAppend> advance(Instant now);

  /// Returns the answer, if the worker and the disk give one.
  [[nodiscard]] std::optional<WorkAck> handle(Instant now, const WorkAppend& append);
  void handle(NodeId from, const WorkAck& ack);

  /// When `advance` is due; kNever without work to accept.
  [[nodiscard]] Instant next_due() const { return next_; }

  /// Age of the oldest pending work; zero: nothing is pending.
  [[nodiscard]] Duration oldest_pending(Instant now) const;

  [[nodiscard]] std::uint64_t committed() const { return committed_; }

  /// The end of what this node has stored.
  [[nodiscard]] LogPosition log() const { return log_; }

 private:
  [[nodiscard]] bool works() const { return worker_runs_ && disk_runs_; }
  void commit();

  NodeId self_;
  std::size_t replicas_;
  WorkOptions options_;
  bool worker_runs_ = true;
  bool disk_runs_ = true;
  Term term_{};      ///< That it leads, or 0.
  Instant began_{};  ///< Piece i (from 1) was accepted at began_ + i * interval.
  Instant next_ = kNever;
  std::uint64_t accepted_ = 0;
  std::uint64_t committed_ = 0;
  std::array<std::uint64_t, kMaxNodes + 1> stored_{};  ///< By node id: how far each has stored.
  LogPosition log_{};
  Instant unstored_since_ = kNever;  ///< A follower: since when it holds what it cannot store.
};

}  // namespace vouch::sim
