#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/election/store.h"

namespace vouch::election {

/// The records of a store and nothing else: what each operation does to them, at once. The
/// reference for every other store. Not thread-safe: give it one owner.
class LockTable {
 public:
  [[nodiscard]] StoreReply apply(const StoreRequest& request);
  [[nodiscard]] std::vector<LockRecord> list() const;
  [[nodiscard]] StoreOutcome force_release(const std::string& name);
  [[nodiscard]] StoreOutcome fenced_put(const std::string& name, FencingToken token,
                                        const std::string& key, const std::string& value);
  [[nodiscard]] std::optional<std::string> fenced_get(const std::string& key) const;

  /// As an operator's mistake does it. A store that forgets a record starts its tokens anew.
  void remove(const std::string& name) { records_.erase(name); }

 private:
  std::map<std::string, LockRecord> records_;
  std::map<std::string, std::string> values_;
};

/// What goes wrong between a client and a MemoryStore: of a million requests so many each.
struct StoreFaults {
  Duration latency_min{};  ///< One way.
  Duration latency_max{};
  std::uint32_t refused_per_million = 0;       ///< kUnavailable, and surely not applied.
  std::uint32_t lost_request_per_million = 0;  ///< Never applied; ambiguous to the client.
  std::uint32_t lost_reply_per_million = 0;    ///< Applied; ambiguous to the client.
  std::uint32_t late_apply_per_million = 0;    ///< Applied after the client has given up.
  Duration late_apply_max{};                   ///< So long after the client's timeout at most.
};

/// What becomes of one request on its way there and back.
struct FlightPlan {
  Instant apply_at = kNever;         ///< kNever: it is never applied.
  Instant reply_at = kNever;         ///< When the client has its answer.
  std::optional<StoreOutcome> told;  ///< That answer, if it is not what the store says.
  const char* trouble = "";
};

/// Draws it. The same number of draws for every request, so that a fault that is added does not
/// shift the rest.
[[nodiscard]] FlightPlan plan_flight(Rng& rng, const StoreFaults& faults, Instant now,
                                     Duration timeout);

/// Requests on their way to a store and replies on their way back. `Told` is the reply to a
/// request, `Reply` what else may come back as well. Not thread-safe: give it one owner.
template <typename Request, typename Told, typename Reply = Told>
class Flights {
 public:
  using ClientId = std::uint32_t;

  struct Delivery {
    ClientId client = 0;
    Reply reply;
  };

  /// Arrives at the store, then its reply at the client.
  struct Flight {
    ClientId client = 0;
    Request request;
    Instant apply_at = kNever;
    Instant reply_at = kNever;
    std::optional<Reply> reply;  ///< Known before it is applied, or not at all.
  };

  void submit(ClientId client, const Request& request, const FlightPlan& plan) {
    Flight flight{client, request, plan.apply_at, plan.reply_at, {}};
    if (plan.told) {
      flight.reply = Told{.id = request.id, .outcome = *plan.told, .trouble = plan.trouble};
    }
    flights_.push_back(std::move(flight));
  }

  /// Something that nobody asked for.
  void send(ClientId client, Reply reply, Instant reply_at) {
    flights_.push_back({client, {}, kNever, reply_at, std::move(reply)});
  }

  /// When something happens next; kNever if nothing is under way.
  [[nodiscard]] Instant next_event() const {
    Instant next = kNever;
    for (const Flight& flight : flights_)
      next = std::min({next, flight.apply_at, flight.reply_at});
    return next;
  }

  /// What arrives first at the store, until `now`; of two at one instant what was sent first. Null:
  /// nothing does. It is to be `done` before the next call.
  [[nodiscard]] Flight* arrived(Instant now) { return earliest(&Flight::apply_at, now); }

  /// It was applied, with this reply.
  void done(Flight& flight, Told reply) {
    if (!flight.reply) flight.reply = std::move(reply);
    flight.apply_at = kNever;
    drop_if_over(flight);
  }

  /// The next reply that has arrived at its client by `now`, if any.
  [[nodiscard]] std::optional<Delivery> poll(Instant now) {
    Flight* const first = earliest(&Flight::reply_at, now);
    if (first == nullptr) return std::nullopt;
    Delivery delivery{first->client, *first->reply};
    first->reply_at = kNever;
    drop_if_over(*first);
    return delivery;
  }

 private:
  Flight* earliest(Instant Flight::*at, Instant now) {
    const auto first =
        std::min_element(flights_.begin(), flights_.end(),
                         [&](const Flight& a, const Flight& b) { return a.*at < b.*at; });
    return first == flights_.end() || (*first).*at > now ? nullptr : &*first;
  }

  /// What was answered before it was applied is over when it has been applied.
  void drop_if_over(const Flight& flight) {
    if (flight.apply_at != kNever || flight.reply_at != kNever) return;
    flights_.erase(flights_.begin() + (&flight - flights_.data()));
  }

  std::vector<Flight> flights_;
};

/// A store in memory behind a network that delays and loses, in virtual time. Its time is the
/// simulation's or the test's; no node's clock.
/// Not thread-safe: give it one owner.
class MemoryStore {
 public:
  using ClientId = std::uint32_t;
  using Delivery = Flights<StoreRequest, StoreReply>::Delivery;

  explicit MemoryStore(Rng rng) : rng_(rng) {}

  /// From the next request on.
  void set_faults(const StoreFaults& faults) { faults_ = faults; }

  /// A request leaves its client. What becomes of it is drawn now.
  void submit(Instant now, ClientId client, const StoreRequest& request);

  /// When something happens next inside; kNever if nothing is under way.
  [[nodiscard]] Instant next_event() const { return flights_.next_event(); }

  /// Carries out what is due until `now`, in order of time, and gives the replies out one by one.
  [[nodiscard]] std::optional<Delivery> poll(Instant now);

  [[nodiscard]] LockTable& table() { return table_; }

 private:
  LockTable table_;
  StoreFaults faults_;
  Rng rng_;
  Flights<StoreRequest, StoreReply> flights_;
};

}  // namespace vouch::election
