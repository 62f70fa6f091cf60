#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/election/memory_store.h"
#include "vouch/election/queue.h"

namespace vouch::election {

/// The sessions and places of a store with queues, and what each operation does to them. Time is
/// the store's own. The reference for every other such store. Not thread-safe: give it one owner.
class QueueTable {
 public:
  /// Sessions get a timeout within these bounds, whatever they ask for.
  void set_timeouts(Duration least, Duration most) {
    timeout_min_ = least;
    timeout_max_ = most;
  }

  [[nodiscard]] QueueReply apply(Instant now, const QueueRequest& request);

  /// Ends sessions that were not heard of for their timeout. Calling it early is harmless.
  void expire(Instant now);
  [[nodiscard]] Instant next_expiry() const;

  /// As an operator removes it. False if there is no such place.
  bool remove_place(const std::string& id);

  /// What has to be told since the last call: of watched places that went, and of sessions that
  /// ended.
  [[nodiscard]] std::vector<QueueNotice> take_notices();

  [[nodiscard]] const std::vector<QueuePlace>& places() const { return places_; }

 private:
  struct Session {
    Duration timeout{};
    Instant heard_at{};
  };
  struct Watch {
    SessionId session{};
    std::string place;
  };

  [[nodiscard]] QueueReply open(Instant now, const OpenSession& open);
  void end(SessionId session);
  void erase_place(std::size_t at);

  Duration timeout_min_{};
  Duration timeout_max_ = std::chrono::hours(24);
  std::map<SessionId, Session> sessions_;
  std::vector<QueuePlace> places_;
  std::vector<Watch> watches_;
  std::vector<QueueNotice> notices_;
  std::uint64_t made_ = 0;  ///< Sessions and places: the last number given out.
};

/// A QueueTable behind a network that delays and loses, in virtual time, as MemoryStore is for a
/// LockTable. Notices are lost as replies are.
/// Not thread-safe: give it one owner.
class MemoryQueue {
 public:
  using ClientId = MemoryStore::ClientId;

  using Ways = Flights<QueueRequest, QueueReply, std::variant<QueueReply, QueueNotice>>;
  using Delivery = Ways::Delivery;

  explicit MemoryQueue(Rng rng) : rng_(rng) {}

  void set_faults(const StoreFaults& faults) { faults_ = faults; }
  void submit(Instant now, ClientId client, const QueueRequest& request);
  [[nodiscard]] Instant next_event() const;
  [[nodiscard]] std::optional<Delivery> poll(Instant now);

  [[nodiscard]] QueueTable& table() { return table_; }
  /// Notices that were on their way, ever: one for each departure of a watched place.
  [[nodiscard]] std::uint64_t notices_sent() const { return notices_sent_; }

 private:
  void apply_due(Instant now);
  void send_notices(Instant now);

  QueueTable table_;
  StoreFaults faults_;
  Rng rng_;
  Ways flights_;
  std::map<SessionId, ClientId> clients_;
  std::uint64_t notices_sent_ = 0;
};

}  // namespace vouch::election
