#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vouch/election/elector.h"
#include "vouch/election/memory_store.h"

namespace vouch::election::testing {

using std::chrono::milliseconds;

/// Short round times: lease 1000 ms, heartbeat 200, refresh 100, request timeout 100, danger after
/// 500, stop time 200; clocks are exact and nothing is set aside.
[[nodiscard]] inline ElectorConfig exact_config(const std::string& owner = "a") {
  ElectorConfig config = scaled_to(milliseconds(1000));
  config.name = "lock";
  config.owner = owner;
  config.guard = {};
  config.clock_drift_ppm = 0;
  return config;
}

/// Electors on one MemoryStore, on one clock that the test moves.
class Driver {
 public:
  struct Node {
    std::optional<Elector> elector;
    std::vector<LeadershipEvent> events;
    std::vector<StoreRequest> requests;
    bool stops_at_once = true;    ///< The work stops as soon as it shall.
    Instant wrote_at = kLongAgo;  ///< Sent a take or a heartbeat.
    bool is_paused = false;
    std::optional<PeerVerdict> peers;  ///< What they say; nobody answers if empty.
    std::vector<PeerQuestion> questions;
    bool loses_write_replies = false;  ///< Applied, and nobody tells it.
    std::vector<StoreReply> inbox;
  };

  explicit Driver(std::uint64_t seed = 1) : store(Rng(seed).fork(7)), seed_(seed) {
    set_latency(milliseconds(1));
  }

  /// Each way.
  void set_latency(Duration latency) {
    faults.latency_min = faults.latency_max = latency;
    store.set_faults(faults);
  }

  std::size_t add(const ElectorConfig& config) {
    nodes.push_back(std::make_unique<Node>());
    nodes.back()->elector.emplace(
        Elector::create(config, now, Rng(seed_).fork(100 + nodes.size())).value());
    return nodes.size() - 1;
  }

  std::size_t start(const ElectorConfig& config) {
    const std::size_t at = add(config);
    give(at, [&](Elector& elector) { elector.start(now); });
    return at;
  }

  void give(std::size_t at, const std::function<void(Elector&)>& input) {
    input(*nodes[at]->elector);
    take_actions(at);
  }

  void run_for(Duration span) { run_until(now + span); }

  void run_until(Instant end) {
    for (;;) {
      Instant next = store.next_event();
      for (const auto& node : nodes) {
        if (!node->elector || node->is_paused) continue;
        next = std::min(next, node->elector->next_timeout());
        if (!node->inbox.empty()) next = now;
      }
      if (next > end) break;
      now = std::max(now, next);
      step();
    }
    now = end;
  }

  /// Runs until `holds`; false if that takes longer than `patience`.
  bool run_until(const std::function<bool()>& holds, Duration patience = std::chrono::minutes(1)) {
    const Instant end = now + patience;
    while (!holds() && now < end)
      run_until(now + milliseconds(1));
    return holds();
  }

  [[nodiscard]] bool leads(std::size_t at) const {
    return nodes[at]->elector->current(now).has_value();
  }
  [[nodiscard]] FencingToken token(std::size_t at) const {
    return nodes[at]->elector->current(now).value_or(Leadership{}).token;
  }

  /// The kinds of what was told of its own leadership.
  [[nodiscard]] std::vector<EventKind> kinds(std::size_t at) const {
    std::vector<EventKind> kinds;
    for (const LeadershipEvent& event : nodes[at]->events) {
      if (event.kind != EventKind::kHolderChanged) kinds.push_back(event.kind);
    }
    return kinds;
  }

  /// Why it lost the lock last.
  [[nodiscard]] EndReason lost_for(std::size_t at) const {
    EndReason reason = EndReason::kNone;
    for (const LeadershipEvent& event : nodes[at]->events) {
      if (event.kind == EventKind::kLost) reason = event.reason;
    }
    return reason;
  }

  [[nodiscard]] LockRecord record() { return store.table().list().at(0); }

  Instant now{std::chrono::seconds(100)};
  StoreFaults faults;
  MemoryStore store;
  std::vector<std::unique_ptr<Node>> nodes;

 private:
  void step() {
    while (auto delivery = store.poll(now)) {
      Node& node = *nodes[delivery->client];
      const bool is_write = delivery->reply.token != FencingToken{};
      if (is_write && node.loses_write_replies) {
        delivery->reply.outcome = StoreOutcome::kAmbiguous;
        delivery->reply.token = {};
      }
      node.inbox.push_back(delivery->reply);
    }
    for (std::size_t at = 0; at < nodes.size(); ++at) {
      Node& node = *nodes[at];
      if (!node.elector || node.is_paused) continue;
      for (const StoreReply& reply : std::exchange(node.inbox, {}))
        give(at, [&](Elector& elector) { elector.handle_reply(now, reply); });
      if (now >= node.elector->next_timeout()) {
        give(at, [&](Elector& elector) { elector.handle_timeout(now); });
      }
    }
  }

  void take_actions(std::size_t at) {
    Node& node = *nodes[at];
    while (std::optional<ElectorAction> action = node.elector->poll_action()) {
      if (const auto* request = std::get_if<StoreRequest>(&*action)) {
        node.requests.push_back(*request);
        if (!std::holds_alternative<ReadLock>(request->operation)) node.wrote_at = now;
        store.submit(now, static_cast<MemoryStore::ClientId>(at), *request);
        continue;
      }
      if (const auto* question = std::get_if<PeerQuestion>(&*action)) {
        node.questions.push_back(*question);
        if (node.peers) node.elector->handle_answer(now, {question->id, *node.peers});
        continue;
      }
      const auto& event = std::get<LeadershipEvent>(*action);
      node.events.push_back(event);
      const bool ends = event.kind == EventKind::kStop || event.kind == EventKind::kLost;
      if (ends && node.stops_at_once) node.elector->work_stopped(now);
    }
  }

  std::uint64_t seed_;
};

}  // namespace vouch::election::testing
