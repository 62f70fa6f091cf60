#include "vouch_front_end.h"

#include <algorithm>

#include "vouch/detector/assert.h"
#include "vouch/quorum_check/front_end_observer.h"
#include "vouch/sim/vouch_protocol.h"

namespace vouch::sim {
namespace {

class VouchFrontEnd final : public FrontEnd {
 public:
  VouchFrontEnd(FrontEndObserver observer, bool lies)
      : observer_(std::move(observer)), lies_(lies) {}

  void handle_message(NodeIndex from, const Payload& payload, FrontEndContext& context) override {
    const auto* message = std::get_if<FrontEndMessage>(&payload.as<VouchMessage>());
    if (message == nullptr) return;
    observer_.handle_message(context.now(), id_of(from), *message);
    drain(context);
  }
  void handle_timeout(FrontEndContext& context) override {
    observer_.handle_timeout(context.now());
    drain(context);
  }
  void request_waits(NodeIndex replica, FrontEndContext& context) override {
    observer_.request_sent(context.now(), id_of(replica));
    drain(context);
  }
  void request_given_up(NodeIndex replica, FrontEndContext& context) override {
    observer_.request_given_up(context.now(), id_of(replica));
    drain(context);
  }

  [[nodiscard]] Instant next_timeout() const override { return observer_.next_timeout(); }
  [[nodiscard]] std::optional<NodeIndex> to() const override {
    if (observer_.to() == kNobody) return std::nullopt;
    return observer_.to().value() - 1;
  }
  [[nodiscard]] bool avoids(NodeIndex replica) const override {
    return observer_.avoids(id_of(replica));
  }
  [[nodiscard]] std::optional<NodeIndex> take_hint() override {
    return std::exchange(hint_, std::nullopt);
  }

 private:
  void drain(FrontEndContext& context) {
    while (const std::optional<FrontEndAction> action = observer_.poll_action()) {
      if (const auto* reroute = std::get_if<Reroute>(&*action)) {
        hint_ = reroute->to.value() - 1;
        continue;
      }
      const auto* send = std::get_if<SendFrontEnd>(&*action);
      if (send == nullptr) continue;
      FrontEndMessage message = send->message;
      auto* probe = std::get_if<FrontEndProbe>(&message);
      if (lies_ && probe != nullptr) probe->lost = probe->leader != kNobody;
      context.send(send->to.value() - 1, VouchMessage(message));
    }
  }

  FrontEndObserver observer_;
  bool lies_;
  std::optional<NodeIndex> hint_;
};

}  // namespace

std::unique_ptr<FrontEnd> make_vouch_front_end(const MonitorConfig& config, GroupId group,
                                               const FrontEndOptions& options) {
  const NodeId self = id_of(options.self);
  const bool is_known =
      std::any_of(config.front_ends.begin(), config.front_ends.end(),
                  [&](const FrontEndConfig& front_end) { return front_end.id == self; });
  if (!is_known) return nullptr;
  FrontEndObserverConfig observer{.self = self, .incarnation = Incarnation{1}, .group = group};
  for (NodeIndex index = 0; index < options.replicas; ++index)
    observer.replicas.push_back(id_of(index));
  observer.probe_interval = config.front_end_interval;
  Result<FrontEndObserver> made = FrontEndObserver::create(observer, options.now, options.rng);
  VOUCH_ASSERT(made.has_value());  // front_end_interval is checked, the rest is fixed.
  return std::make_unique<VouchFrontEnd>(*std::move(made), options.lies);
}

}  // namespace vouch::sim
