// Answers that lie: random, stale, repeated, forged. The network cuts, loses and pauses meanwhile.
// Whatever they say, no two leases overlap and no rule of safety breaks.

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <utility>

#include "tests/rules/rule_runs.h"
#include "tests/support/sample.h"

namespace vouch::testing {
namespace {

using namespace std::chrono_literals;
using sim::VouchMessage;

/// What may be done to the answers on their way.
enum class Lies : std::uint8_t {
  kAboutTheLeader,  ///< Anything but a consent that was never given: what authentication leaves.
  kEverything,      ///< Consents too: only the votes stand between this and two leaders.
};

/// The shipped replica behind a receiver that repeats, delays and falsifies what it is told.
class LiedTo final : public sim::TypedReplica<LiedTo, VouchMessage> {
 public:
  LiedTo(const sim::ReplicaOptions& options, const MonitorConfig& config, Lies lies)
      : replica_(options, config, {}), rng_(options.rng.fork(77)), lies_(lies) {}

  Instant start(const sim::Boot& boot, sim::Context& context) override {
    return replica_.start(boot, context);
  }
  Instant handle_timeout(sim::Context& context) override {
    return replica_.handle_timeout(context);
  }
  [[nodiscard]] sim::ReplicaStatus status(Instant now) const override {
    return replica_.status(now);
  }

  Instant handle(NodeId from, const VouchMessage& message, sim::Context& context) {
    Instant due = replica_.handle(from, falsified(message), context);
    if (rng_.below(4) == 0) due = replica_.handle(from, falsified(message), context);
    if (rng_.below(3) == 0) {
      Kept& kept = kept_[rng_.below(kept_.size())];
      if (kept.from != kNobody) due = replica_.handle(kept.from, falsified(kept.message), context);
      kept = {from, message};
    }
    return due;
  }

 private:
  struct Kept {
    NodeId from{};
    VouchMessage message{};
  };

  VouchMessage falsified(const VouchMessage& message) {
    const auto* core = std::get_if<0>(&message);
    const auto* reply = core == nullptr ? nullptr : std::get_if<ConfirmReply>(core);
    if (reply == nullptr || rng_.below(2) == 0) return message;
    ConfirmReply lie = *reply;
    lie.evidence = micros();
    if (rng_.below(2) == 0) lie.sick = !lie.sick;
    if (rng_.below(4) == 0) lie.round = Nonce{lie.round.value() ^ rng_.below(2)};
    if (rng_.below(4) == 0) lie.attempt += static_cast<std::uint32_t>(rng_.below(3));
    if (rng_.below(4) == 0) lie.leader = NodeId{static_cast<std::uint32_t>(rng_.below(6))};
    if (rng_.below(8) == 0) lie.term = Term{lie.term.value() + rng_.below(2)};
    if (rng_.below(4) == 0) lie.leader_incarnation = Incarnation{rng_.below(4)};
    if (rng_.below(4) == 0) lie.log = {Term{rng_.below(9)}, rng_.below(100)};
    if (lies_ == Lies::kEverything) {
      lie.answer =
          rng_.below(2) == 0 ? Answer::kConsent : static_cast<Answer>(rng_.below(kAnswerCount));
      lie.promise = micros();
    } else if (lie.answer != Answer::kConsent) {
      const auto other = static_cast<Answer>(rng_.below(kAnswerCount));
      if (other != Answer::kConsent) lie.answer = other;
      lie.promise = micros();
    }
    return VouchMessage(std::in_place_index<0>, lie);
  }

  WireMicros micros() { return WireMicros{static_cast<std::uint32_t>(rng_.below(2'000'000))}; }

  sim::VouchReplica replica_;
  Rng rng_;
  Lies lies_;
  std::array<Kept, 8> kept_{};
};

class LiedToProtocol final : public sim::Protocol {
 public:
  LiedToProtocol(sim::VouchProtocol vouch, Lies lies) : vouch_(std::move(vouch)), lies_(lies) {}

  [[nodiscard]] std::string_view name() const override { return "lied-to"; }
  [[nodiscard]] std::size_t largest_message() const override { return vouch_.largest_message(); }
  [[nodiscard]] bool has_lease() const override { return true; }
  [[nodiscard]] std::string_view message_kind(const sim::Payload& payload) const override {
    return vouch_.message_kind(payload);
  }
  [[nodiscard]] std::unique_ptr<sim::Replica> make(
      const sim::ReplicaOptions& options) const override {
    return std::make_unique<LiedTo>(options, vouch_.config(), lies_);
  }

 private:
  sim::VouchProtocol vouch_;
  Lies lies_;
};

/// Faults that make everybody ask: the leader's links, pauses, crashes, and a heal at the end.
sim::Plan trouble(std::uint64_t seed) {
  Rng rng = Rng(seed).fork(31);
  sim::Plan plan = plan_of(static_cast<std::size_t>(rng.between(3, 5)), 30s, 10s);
  const auto node = [&] { return static_cast<sim::NodeIndex>(rng.below(plan.replicas)); };
  for (sim::TrueTime at = plan.fault_from; at < plan.fault_until;
       at += Duration(rng.between(20'000'000, 900'000'000))) {
    const sim::NodeIndex a = node();
    const auto b =
        static_cast<sim::NodeIndex>((a + 1 + rng.below(plan.replicas - 1)) % plan.replicas);
    const sim::FaultKind kinds[] = {sim::FaultKind::kCut,     sim::FaultKind::kCut,
                                    sim::FaultKind::kHeal,    sim::FaultKind::kPause,
                                    sim::FaultKind::kResume,  sim::FaultKind::kResume,
                                    sim::FaultKind::kCrash,   sim::FaultKind::kRestart,
                                    sim::FaultKind::kRestart, sim::FaultKind::kHeal};
    plan.faults.push_back({at, {kinds[rng.below(std::size(kinds))], a, b, 0, 0}});
  }
  for (sim::NodeIndex each = 0; each < plan.replicas; ++each) {
    plan.faults.push_back({plan.fault_until, {sim::FaultKind::kRestart, each, 0, 0, 0}});
    plan.faults.push_back({plan.fault_until, {sim::FaultKind::kResume, each, 0, 0, 0}});
  }
  heal_all(plan, plan.fault_until);
  return plan;
}

void run_with(Lies lies, std::uint64_t seed, std::uint64_t& leaderships) {
  const sim::Plan plan = trouble(seed);
  const MonitorConfig config{};
  auto vouch = sim::VouchProtocol::create(config, plan.replicas);
  ASSERT_TRUE(vouch);
  const LiedToProtocol protocol(*std::move(vouch), lies);
  const sim::RunResult result =
      sim::run(protocol, plan, {.seed = seed, .consent_limit = sim::consent_limit(config)});
  leaderships += result.during.leader_changes;
  EXPECT_EQ(result.split_lease, Duration::zero()) << "seed " << seed;
  expect_rule(result, sim::Rule::kS2);
  expect_rule(result, sim::Rule::kS6);
  if (lies == Lies::kAboutTheLeader) {
    expect_rule(result, sim::Rule::kS1);
    expect_rule(result, sim::Rule::kS3);
  }
  if (::testing::Test::HasFailure()) GTEST_FAIL() << "seed " << seed;
}

const std::uint64_t kSeeds = sampled(60);

TEST(Adversary, FalseAnswersBreakNoSafetyRule) {
  std::uint64_t leaderships = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed)
    run_with(Lies::kAboutTheLeader, seed, leaderships);
  EXPECT_GT(leaderships, kSeeds / 4) << "something must happen";
}

TEST(Adversary, EvenForgedConsentsMakeNoTwoLeaders) {
  std::uint64_t leaderships = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed)
    run_with(Lies::kEverything, seed, leaderships);
  EXPECT_GT(leaderships, kSeeds / 4) << "something must happen";
}

}  // namespace
}  // namespace vouch::testing
