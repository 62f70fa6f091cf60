#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "vouch/sim/engine.h"
#include "vouch/sim/replica.h"

namespace vouch::sim {

/// What toy replicas send: a number.
struct ToyMessage {
  std::uint64_t number = 0;
};

/// What a toy replica saw, by its own clock.
struct ToyEvent {
  enum class Kind : std::uint8_t { kStarted, kMessage, kTimeout };
  Kind kind{};
  Instant at{};
  NodeId from{};
  std::uint64_t number = 0;
};

/// A replica that does what the test says: calls `behave` for every event and writes it down.
class ToyReplica final : public TypedReplica<ToyReplica, ToyMessage> {
 public:
  using Behave = std::function<Instant(ToyReplica&, const ToyEvent&, Context&)>;

  ToyReplica(NodeId id, Behave do_what) : self(id), behave_(std::move(do_what)) {}

  Instant start(const Boot& boot, Context& context) override {
    last_boot = boot;
    return see({ToyEvent::Kind::kStarted, context.now(), kNobody, boot.incarnation.value()},
               context);
  }
  Instant handle(NodeId from, const ToyMessage& message, Context& context) {
    return see({ToyEvent::Kind::kMessage, context.now(), from, message.number}, context);
  }
  Instant handle_timeout(Context& context) override {
    return see({ToyEvent::Kind::kTimeout, context.now(), kNobody, 0}, context);
  }
  [[nodiscard]] ReplicaStatus status(Instant) const override { return reported; }
  [[nodiscard]] LogPosition work_log() const override { return log; }
  std::optional<Instant> handle_node_fault(const NodeFault& fault, Context& context) override {
    told.push_back(fault);
    told_at.push_back(context.now());
    return std::nullopt;
  }

  NodeId self;
  ReplicaStatus reported{};
  LogPosition log{};
  Boot last_boot{};
  std::vector<ToyEvent> seen;
  std::vector<NodeFault> told;
  std::vector<Instant> told_at;

 private:
  Instant see(const ToyEvent& event, Context& context) {
    seen.push_back(event);
    return behave_ ? behave_(*this, event, context) : kNever;
  }

  Behave behave_;
};

class ToyProtocol final : public Protocol {
 public:
  explicit ToyProtocol(ToyReplica::Behave behave = {}) : behave_(std::move(behave)) {}

  [[nodiscard]] std::string_view name() const override { return "toy"; }
  [[nodiscard]] std::size_t largest_message() const override { return sizeof(ToyMessage); }
  [[nodiscard]] bool has_lease() const override { return true; }
  [[nodiscard]] std::string_view message_kind(const Payload&) const override { return "toy"; }
  [[nodiscard]] std::unique_ptr<Replica> make(const ReplicaOptions& options) const override {
    return std::make_unique<ToyReplica>(options.self, behave_);
  }

 private:
  ToyReplica::Behave behave_;
};

inline const ToyReplica& toy(const Engine& engine, NodeIndex node) {
  return static_cast<const ToyReplica&>(engine.replica(node));
}

}  // namespace vouch::sim
