#pragma once

#include <memory>
#include <optional>

#include "vouch/detector/result.h"
#include "vouch/election/elector.h"
#include "vouch/election/queue.h"
#include "vouch/election/store.h"

namespace vouch::election {

/// Hears what an election brings, on the Candidate's thread, in order. Must return soon: while it
/// runs no heartbeat is sent. It may call the Candidate, but not destroy it.
class CandidateListener {
 public:
  virtual void handle_event(const LeadershipEvent& event) = 0;
  /// A heartbeat got through: the lease runs longer than was told before.
  virtual void handle_extended(const Leadership& leadership);
  /// Peers are to be asked (ElectorConfig::peer_patience). Ask them elsewhere, and give what they
  /// say to `Candidate::answer`; who does not answer lets the lock be taken.
  virtual void handle_question(const PeerQuestion& question);

 protected:
  ~CandidateListener() = default;
};

/// An Elector with a clock, a store and two threads: one keeps its time, the other waits for the
/// store, so that a store that hangs delays no warning.
///
/// Any thread may call any function. Destroying it without `close` leaves the lock to run out.
class Candidate {
 public:
  /// `store` and `listener` (nullptr: nobody listens) must outlive it; the store is called by one
  /// thread only. An empty `config.owner` becomes a unique one.
  static Result<std::unique_ptr<Candidate>> create(ElectorConfig config, LockStore& store,
                                                   CandidateListener* listener);

  /// The same over a store that keeps queues; `config.store` becomes kQueue. The store is this
  /// candidate's alone: its notices go here, until the candidate is destroyed.
  static Result<std::unique_ptr<Candidate>> create(ElectorConfig config, QueueStore& store,
                                                   CandidateListener* listener);
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;
  ~Candidate();

  /// As of the Elector.
  void start();
  void resign();
  void set_eligible(Eligibility eligible);
  void report_progress();
  void work_stopped();
  void answer(const PeerAnswer& answer);
  /// Resigns for good. After work_stopped() the lock is given back; `wait_settled` waits for that.
  void close();
  /// Until nothing is left to do and the listener has heard of everything, so not to be called by
  /// the listener. False if that takes longer than `patience`.
  [[nodiscard]] bool wait_settled(Duration patience);

  /// Permission to do the work of a leader now. By the clock, whatever the threads are doing.
  [[nodiscard]] std::optional<Leadership> current() const;
  [[nodiscard]] ElectorStatus status() const;
  [[nodiscard]] const ElectorConfig& config() const;

 private:
  class Impl;
  explicit Candidate(std::unique_ptr<Impl> impl);

  template <typename StorePointer>
  static Result<std::unique_ptr<Candidate>> make(ElectorConfig config, StorePointer store,
                                                 CandidateListener* listener);

  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch::election
