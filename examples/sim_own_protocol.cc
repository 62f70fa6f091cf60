// A protocol of one's own on the simulated network: primary and backups with heartbeats, and a
// naive takeover on silence. A crash and a cut happen to it, the checker judges, and vouch stands
// beside it. docs/SIMULATOR.md goes through it. With an argument: that scenario, shipped or a file.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string_view>

#include "vouch/scenario/scenario.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/run.h"

using namespace vouch;                 // NOLINT: an example
using namespace std::chrono_literals;  // NOLINT

namespace {

/// The only message: who sends it is the primary of `view`. Trivially copyable, as all must be.
struct Beat {
  Term view;
};

class PrimaryBackup final : public sim::TypedReplica<PrimaryBackup, Beat> {
 public:
  explicit PrimaryBackup(const sim::ReplicaOptions& options) : options_(options) {}

  /// A life begins: `view_` is what a disk would have kept.
  Instant start(const sim::Boot& boot, sim::Context& context) override {
    if (boot.is_first || boot.lost_disk) view_ = Term{1};
    leader_ = boot.is_first ? boot.initial_leader : kNobody;
    heard_ = context.now();
    return leader_ == options_.self ? beat(context) : heard_ + patience();
  }

  Instant handle(NodeId from, const Beat& message, sim::Context& context) {
    if (message.view < view_) return wanted_;  // From a primary that is not any more.
    if (leader_ == options_.self) {
      context.note({.kind = sim::NoteKind::kSteppedDown, .term = view_, .word = "newer view"});
    }
    view_ = message.view;
    leader_ = from;
    heard_ = context.now();
    return wanted_ = heard_ + patience();
  }

  /// A timeout may come late, but never early: no need to look at the time.
  Instant handle_timeout(sim::Context& context) override {
    if (leader_ != options_.self) take_over(context);
    return beat(context);
  }

  /// Whoever is primary believes so until it is told otherwise: that is what is naive here.
  [[nodiscard]] sim::ReplicaStatus status(Instant) const override {
    const bool leads = leader_ == options_.self;
    return {leads ? sim::Role::kLeader : sim::Role::kFollower, view_, leader_,
            leads ? kNever : kLongAgo};
  }

 private:
  /// The backups wait for different times, so that one of them is first.
  [[nodiscard]] Duration patience() const { return 200ms + 100ms * options_.self.value(); }

  void take_over(sim::Context& context) {
    do {  // Each view has one possible primary.
      view_ = view_.next();
    } while (view_.value() % options_.replicas != options_.self.value() % options_.replicas);
    leader_ = options_.self;
    context.note({.kind = sim::NoteKind::kCampaign, .term = view_});
    context.note({.kind = sim::NoteKind::kElected, .term = view_});
  }

  Instant beat(sim::Context& context) {
    for (std::uint32_t peer = 1; peer <= options_.replicas; ++peer) {
      if (NodeId{peer} != options_.self) context.send<Beat>(NodeId{peer}, view_);
    }
    return wanted_ = context.now() + 100ms;
  }

  sim::ReplicaOptions options_;
  Term view_{};
  NodeId leader_{};
  Instant heard_{};
  Instant wanted_ = kNever;
};

class PrimaryBackupProtocol final : public sim::Protocol {
 public:
  [[nodiscard]] std::string_view name() const override { return "primary-backup"; }
  [[nodiscard]] std::size_t largest_message() const override { return sizeof(Beat); }
  [[nodiscard]] bool has_lease() const override { return false; }
  [[nodiscard]] std::string_view message_kind(const sim::Payload&) const override { return "beat"; }
  [[nodiscard]] std::unique_ptr<sim::Replica> make(const sim::ReplicaOptions& o) const override {
    return std::make_unique<PrimaryBackup>(o);
  }
};

/// Three replicas for 20 s, n0 leads at first; from 5 s to 15 s is the fault.
sim::Plan plan_of(std::vector<sim::TimedFault> faults) {
  sim::Plan plan{.replicas = 3, .faults = std::move(faults)};
  plan.fault_from = sim::kStart + 5s;
  plan.fault_until = sim::kStart + 15s;
  plan.end = sim::kStart + 20s;
  return plan;
}

void show(const char* what, const sim::Protocol& protocol, const sim::Plan& plan,
          const sim::RunOptions& options) {
  const sim::RunResult result = sim::run(protocol, plan, options);
  std::printf(
      "%-9s %-15s failover %5lld ms, elections %llu (unnecessary %llu), two leases %5lld ms\n",
      what, protocol.name().data(), static_cast<long long>(result.failover() / 1ms),
      static_cast<unsigned long long>(result.during.elections),
      static_cast<unsigned long long>(result.during.unnecessary_elections),
      static_cast<long long>(result.split_lease / 1ms));
  for (const sim::Violation& broken : result.violations) {
    std::printf("  %s at %lld ms: %s\n", sim::to_string(broken.rule).data(),
                static_cast<long long>((broken.at - sim::kStart) / 1ms), broken.text.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const PrimaryBackupProtocol own;
  if (argc > 1) {
    const auto scenarios = scenario::load_scenarios(argv[1]);
    if (!scenarios) return std::fprintf(stderr, "%s\n", scenarios.error().message.c_str()), 2;
    for (const scenario::Scenario& s : *scenarios)
      show(s.name.c_str(), own, s.plan, scenario::run_options(s, own.name(), 1));
    return 0;
  }
  const sim::TrueTime at = sim::kStart + 5s;
  const sim::Plan crash = plan_of({{at, {.kind = sim::FaultKind::kCrash, .a = 0}}});
  const sim::Plan cut = plan_of({{at, {.kind = sim::FaultKind::kCut, .a = 0, .b = 1}},
                                 {at, {.kind = sim::FaultKind::kCut, .a = 1, .b = 0}},
                                 {at + 10s, {.kind = sim::FaultKind::kHeal, .a = 0, .b = 1}},
                                 {at + 10s, {.kind = sim::FaultKind::kHeal, .a = 1, .b = 0}}});
  const sim::PolicySettings settings{.replicas = 3};
  const auto vouch = sim::make_policy("vouch", settings);
  const sim::RunOptions checked{.consent_limit = sim::consent_limit(settings.vouch)};
  show("crash", own, crash, {});
  show("crash", **vouch, crash, checked);
  show("cut", own, cut, {});
  show("cut", **vouch, cut, checked);
}
