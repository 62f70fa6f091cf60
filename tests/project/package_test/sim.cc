// What a user of the simulator writes: a protocol of their own in which n0 leads for ever, run on
// the crash that proves it useless, and judged.

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string_view>

#include "vouch/sim/replica.h"
#include "vouch/sim/run.h"

namespace {

using namespace std::chrono_literals;

struct Beat {};

class Fixed final : public vouch::sim::TypedReplica<Fixed, Beat> {
 public:
  explicit Fixed(vouch::NodeId self) : leads_(self == vouch::NodeId{1}) {}
  vouch::Instant start(const vouch::sim::Boot&, vouch::sim::Context& context) override {
    return leads_ ? handle_timeout(context) : vouch::kNever;
  }
  vouch::Instant handle(vouch::NodeId, const Beat&, vouch::sim::Context&) { return vouch::kNever; }
  vouch::Instant handle_timeout(vouch::sim::Context& context) override {
    context.send<Beat>(vouch::NodeId{2});
    return context.now() + 100ms;
  }
  vouch::sim::ReplicaStatus status(vouch::Instant) const override {
    return {leads_ ? vouch::sim::Role::kLeader : vouch::sim::Role::kFollower};
  }

 private:
  bool leads_;
};

class FixedProtocol final : public vouch::sim::Protocol {
 public:
  std::string_view name() const override { return "fixed"; }
  std::size_t largest_message() const override { return sizeof(Beat); }
  bool has_lease() const override { return false; }
  std::string_view message_kind(const vouch::sim::Payload&) const override { return "beat"; }
  std::unique_ptr<vouch::sim::Replica> make(const vouch::sim::ReplicaOptions& o) const override {
    return std::make_unique<Fixed>(o.self);
  }
};

}  // namespace

int main() {
  namespace sim = vouch::sim;
  sim::Plan plan{.replicas = 3};
  plan.faults = {{sim::kStart + 1s, {.kind = sim::FaultKind::kCrash, .a = 0}}};
  plan.fault_from = sim::kStart + 1s;
  plan.fault_until = sim::kStart + 3s;
  plan.end = sim::kStart + 4s;
  const sim::RunResult result = sim::run(FixedProtocol(), plan, {.seed = 7});
  if (!result.began_led || result.counters.delivered != 10) return 1;
  if (result.during.unavailable != 2s || result.final_leaders != 0) return 2;
  if (result.violations.empty() || result.violations[0].rule != sim::Rule::kL2) return 3;
  std::printf("%s\n", result.violations[0].text.c_str());
  return 0;
}
