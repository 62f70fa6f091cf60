#include "vouch/sim/link_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "../../sim/src/quantile_table.h"
#include "toy_protocol.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/vouch_protocol.h"

// What goes wrong on a link beyond cuts, plain loss and plain delay.

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;
using Kind = ToyEvent::Kind;

constexpr Duration kBase = 200us;

/// Node 0 sends a number to every other node each millisecond, from 1 ms on.
Instant send_every_ms(ToyReplica& replica, const ToyEvent& event, Context& context) {
  if (replica.self != NodeId{1} || event.kind == Kind::kMessage) return kNever;
  if (event.kind == Kind::kTimeout) {
    const std::uint64_t number = replica.seen.size() - 1;
    context.send<ToyMessage>(NodeId{2}, ToyMessage{number});
    context.send<ToyMessage>(NodeId{3}, ToyMessage{number});
  }
  return context.now() + 1ms;
}

/// An engine in which one fault holds on the link 0 -> 1 from the start; 0 -> 2 stays as made.
struct FaultyLink {
  explicit FaultyLink(const Fault& fault, Duration length = 10s, std::uint64_t seed = 1,
                      std::vector<std::vector<Duration>> traces = {})
      : protocol(send_every_ms),
        engine(protocol, {.replicas = 3,
                          .seed = seed,
                          .link = {.delay = kBase, .jitter = Duration::zero()},
                          .delay_traces = std::move(traces)}) {
    engine.start();
    engine.apply(fault);
    engine.run_until(kStart + length);
  }

  /// Delays of what node `index` got, beyond the link's own, in the order of arrival. Message i is
  /// sent at i ms.
  [[nodiscard]] std::vector<Duration> added(NodeIndex index) const {
    std::vector<Duration> result;
    for (const ToyEvent& event : toy(engine, index).seen) {
      if (event.kind != Kind::kMessage) continue;
      const TrueTime sent = kStart + static_cast<std::int64_t>(event.number) * 1ms;
      result.push_back(engine.clock(index).when(event.at) - sent - kBase);
    }
    return result;
  }
  [[nodiscard]] std::vector<std::uint64_t> numbers(NodeIndex index) const {
    std::vector<std::uint64_t> result;
    for (const ToyEvent& event : toy(engine, index).seen) {
      if (event.kind == Kind::kMessage) result.push_back(event.number);
    }
    return result;
  }

  ToyProtocol protocol;
  Engine engine;
};

TEST(QuantileTable, AgreesWithFloatingPoint) {
  for (const std::uint32_t u : {0U, 1U, 255U, 77'777U, 1'000'000'000U, 3'000'000'000U, ~0U}) {
    const double expected = 32 - std::log2(static_cast<double>(u) + 1);
    EXPECT_LT(std::abs(static_cast<double>(negative_log2(u)) / 65536 - expected), 1e-4) << u;
    // The tail's probability (u + 1) / 2^33, found again by the complementary error function.
    const double z = static_cast<double>(normal_quantile(u)) / 65536;
    const double tail = 0.5 * std::erfc(z / std::sqrt(2.0));
    const double wanted = std::max(std::ldexp(static_cast<double>(u) + 1, -33), std::exp2(-32));
    EXPECT_LT(std::abs(tail / wanted - 1), 0.01) << u;
    EXPECT_EQ(normal_quantile(u | std::uint64_t{1} << 32), -normal_quantile(u));
  }
  for (const std::int64_t exponent : {-700'000, -65'536, -1, 0, 1, 65'535, 65'536, 300'000}) {
    const double exact = 1e6 * std::exp2(static_cast<double>(exponent) / 65536);
    EXPECT_LT(std::abs(static_cast<double>(scale_by_exp2(1'000'000, exponent)) - exact),
              1 + exact * 1e-5);
  }
  EXPECT_EQ(scale_by_exp2(1'000'000, std::int64_t{100} << 16), std::int64_t{1} << 50);
}

TEST(LinkModel, LossComesInBursts) {
  // A burst takes two messages on average and begins at one in 50.
  const FaultyLink run({FaultKind::kBurstLoss, 0, 1, 20'000, 500'000, 0, 1'000'000}, 100s);
  const auto numbers = run.numbers(1);
  std::size_t bursts = 0;
  std::size_t lost = 0;
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    const std::uint64_t gap = numbers[i] - numbers[i - 1] - 1;
    bursts += gap > 0 ? 1 : 0;
    lost += gap;
  }
  // Expected: 100,000 / (50 + 2) bursts, of 2 each.
  EXPECT_GT(bursts, 1'700U);
  EXPECT_LT(bursts, 2'150U);
  EXPECT_GT(lost * 10, bursts * 18);
  EXPECT_LT(lost * 10, bursts * 22);
  EXPECT_EQ(run.numbers(2).size(), 99'999U);
}

TEST(LinkModel, LognormalDelaysHaveTheirMedianAndSpread) {
  const FaultyLink run({FaultKind::kLognormal, 0, 1, 2'000'000, 500, 1'000'000'000, 0}, 40s);
  std::vector<Duration> added = run.added(1);
  std::sort(added.begin(), added.end());
  const std::size_t count = added.size();
  ASSERT_GT(count, 39'000U);
  EXPECT_GT(added[count / 2], 1950us);
  EXPECT_LT(added[count / 2], 2050us);
  // exp(0.5 * 1.96) = 2.664 at the 97.5th percentile.
  EXPECT_GT(added[count * 975 / 1000], 5150us);
  EXPECT_LT(added[count * 975 / 1000], 5500us);
}

TEST(LinkModel, AParetoTailStrikesSomeAndIsCapped) {
  const FaultyLink run({FaultKind::kPareto, 0, 1, 1'000'000, 1500, 50'000'000, 100'000}, 100s);
  const std::vector<Duration> added = run.added(1);
  const auto above = [&](Duration limit) {
    return std::count_if(added.begin(), added.end(), [&](Duration d) { return d >= limit; });
  };
  EXPECT_GT(above(1ms), 9'600);  // One in ten of 100,000.
  EXPECT_LT(above(1ms), 10'400);
  // P(> 4 ms) = 4^-1.5 = 1/8 of these.
  EXPECT_GT(above(4ms) * 8, above(1ms) * 9 / 10);
  EXPECT_LT(above(4ms) * 8, above(1ms) * 11 / 10);
  EXPECT_EQ(*std::max_element(added.begin(), added.end()), 50ms);
}

TEST(LinkModel, ATraceIsReplayedOverAndOver) {
  const std::vector<Duration> trace = {0us, 100us, 250us, 400us};
  const FaultyLink run({FaultKind::kDelayTrace, 0, 1, 1}, 100ms, 1, {trace});
  const std::vector<Duration> added = run.added(1);
  ASSERT_GE(added.size(), 90U);
  const auto first = std::find(trace.begin(), trace.end(), added[0]) - trace.begin();
  for (std::size_t i = 0; i < added.size(); ++i) {
    EXPECT_EQ(added[i], trace[(static_cast<std::size_t>(first) + i) % trace.size()]) << i;
  }
}

TEST(LinkModel, ATraceByTimeHoldsEachDelayAndLosesWhereItIsNegative) {
  // Begins half a step before the third delay; each holds for 10 ms.
  const std::vector<Duration> trace = {0us, 100us, -1ns, 400us};
  const FaultyLink run({FaultKind::kDelayTrace, 0, 1, 1, 10'000'000, 15'000'000}, 100ms, 1,
                       {trace});
  const std::vector<Duration> added = run.added(1);
  const std::vector<std::uint64_t> numbers = run.numbers(1);
  std::size_t arrived = 0;
  for (std::uint64_t i = 1; i < 100; ++i) {
    const Duration delay = trace[(15 + i) / 10 % trace.size()];
    if (delay < Duration::zero()) continue;
    ASSERT_LT(arrived, numbers.size());
    EXPECT_EQ(numbers[arrived], i);
    EXPECT_EQ(added[arrived], delay) << i;
    ++arrived;
  }
  EXPECT_EQ(arrived, numbers.size());
  EXPECT_EQ(run.added(2).size(), 99U);
}

TEST(LinkModel, AJumpShiftsAllMessagesAtOnceOrInARamp) {
  const FaultyLink step({FaultKind::kDelayJump, 0, 1, 5'000'000}, 50ms);
  for (const Duration added : step.added(1))
    EXPECT_EQ(added, 5ms);
  const FaultyLink ramp({FaultKind::kDelayJump, 0, 1, 10'000'000, 100'000'000}, 200ms);
  const std::vector<Duration> added = ramp.added(1);
  ASSERT_GT(added.size(), 150U);
  for (std::size_t i = 0; i < added.size(); ++i) {
    // Message i + 1 is sent at (i + 1) ms.
    const std::int64_t at = std::min<std::int64_t>(static_cast<std::int64_t>(i) + 1, 100);
    EXPECT_EQ(added[i], at * 100us) << i;
  }
}

TEST(LinkModel, SomeMessagesAreHeldBack) {
  const FaultyLink run({FaultKind::kReorder, 0, 1, 300'000, 5'500'000}, 10s);
  const auto added = run.added(1);
  const auto late = std::count(added.begin(), added.end(), Duration(5500us));
  EXPECT_EQ(late + std::count(added.begin(), added.end(), Duration::zero()),
            static_cast<std::ptrdiff_t>(added.size()));
  EXPECT_GT(late, 2'800);
  EXPECT_LT(late, 3'200);
  const auto numbers = run.numbers(1);
  EXPECT_FALSE(std::is_sorted(numbers.begin(), numbers.end()));
}

TEST(LinkModel, ADuplicateComesSoOftenAsSaid) {
  const FaultyLink run({FaultKind::kDuplicate, 0, 1, 1'000'000, 4}, 1s);
  std::vector<std::uint64_t> numbers = run.numbers(1);
  std::sort(numbers.begin(), numbers.end());
  for (std::uint64_t number = 1; number < 990; ++number) {
    EXPECT_EQ(std::count(numbers.begin(), numbers.end(), number), 5) << number;
  }
  EXPECT_EQ(run.engine.counters().copies, 999U * 4);
  EXPECT_EQ(run.engine.counters().sent, 999U * 2);
}

TEST(LinkModel, DropsWhatIsDamagedWhenTheProtocolHasNoWireFormat) {
  const FaultyLink run({FaultKind::kCorrupt, 0, 1, 250'000}, 10s);
  EXPECT_EQ(run.engine.counters().corrupt + run.numbers(1).size(), 9'999U);
  EXPECT_GT(run.engine.counters().corrupt, 2'300U);
  EXPECT_LT(run.engine.counters().corrupt, 2'700U);
  EXPECT_EQ(run.engine.counters().damaged, 0U);
}

TEST(LinkModel, FlipsBitsOfVouchDatagramsInTheRealCodec) {
  const auto protocol = VouchProtocol::create({}, 3);
  ASSERT_TRUE(protocol);
  Engine engine(*protocol, {.replicas = 3, .initial_leader = NodeId{1}});
  engine.start();
  engine.apply({FaultKind::kCorrupt, 0, 1, 1'000'000});
  engine.run_until(kStart + 20s);
  // The checksum of a datagram finds up to four flipped bits, so nothing damaged is ever believed.
  EXPECT_GT(engine.counters().corrupt, 100U);
  EXPECT_EQ(engine.counters().damaged, 0U);
}

TEST(LinkModel, LongDatagramsAreLostInAnMtuHole) {
  const FaultyLink all({FaultKind::kMtu, 0, 1, sizeof(ToyMessage) - 1}, 100ms);
  EXPECT_TRUE(all.numbers(1).empty());
  EXPECT_EQ(all.engine.counters().too_long, 99U);
  EXPECT_EQ(all.numbers(2).size(), 99U);
  const FaultyLink none({FaultKind::kMtu, 0, 1, sizeof(ToyMessage)}, 100ms);
  EXPECT_EQ(none.numbers(1).size(), 99U);
}

TEST(LinkModel, AThinPipeQueuesAndDropsItsTail) {
  // 8 bytes take 4 ms at 16 kbit/s; one comes each millisecond; five may be there at once.
  const FaultyLink run({FaultKind::kRate, 0, 1, 16'000, 5}, 100ms);
  const std::vector<Duration> added = run.added(1);
  ASSERT_GE(added.size(), 20U);
  EXPECT_EQ(added[0], 4ms);
  EXPECT_EQ(added[1], 7ms);  // Sent a millisecond later, sent out four later.
  EXPECT_EQ(*std::max_element(added.begin(), added.end()), 20ms);
  EXPECT_EQ(run.engine.counters().queue_full + added.size() + 5, 99U);
}

TEST(LinkModel, ATrickleLetsOneOutAfterTheOther) {
  const FaultyLink run({FaultKind::kTrickle, 0, 1, 30'000'000, 3}, 200ms);
  const auto& seen = toy(run.engine, 1).seen;
  ASSERT_GE(seen.size(), 6U);
  for (std::size_t i = 1; i < 6; ++i) {
    EXPECT_EQ(run.engine.clock(1).when(seen[i].at),
              kStart + 1ms + static_cast<std::int64_t>(i) * 30ms + kBase);
  }
}

TEST(LinkModel, AFaultShiftsNoOtherLinkAndHealsWithoutATrace) {
  const ToyProtocol protocol(send_every_ms);
  const auto arrivals = [&](bool is_faulty, NodeIndex node) {
    Engine engine(protocol, {.replicas = 3, .seed = 5});
    engine.start();
    engine.set_loss(0, 2, 200'000);
    if (is_faulty) {
      engine.apply({FaultKind::kBurstLoss, 0, 1, 500'000, 500'000, 0, 1'000'000});
      engine.apply({FaultKind::kLognormal, 0, 1, 1'000'000, 500, 1'000'000'000});
      engine.apply({FaultKind::kDuplicate, 0, 1, 500'000, 2});
      EXPECT_TRUE(engine.links().at(0, 1).has_model);
    }
    engine.run_until(kStart + 500ms);
    engine.heal(0, 1);
    EXPECT_FALSE(engine.links().at(0, 1).has_model);
    engine.run_until(kStart + 1s);
    std::vector<Instant> at;
    for (const ToyEvent& event : toy(engine, node).seen) {
      if (event.kind == Kind::kMessage && (node == 2 || event.number > 600)) at.push_back(event.at);
    }
    return at;
  };
  EXPECT_EQ(arrivals(true, 2), arrivals(false, 2));
  EXPECT_EQ(arrivals(true, 1), arrivals(false, 1));
  EXPECT_GT(arrivals(true, 1).size(), 300U);
}

TEST(LinkModel, AFirstNumberOfZeroEndsAFault) {
  const ToyProtocol protocol(send_every_ms);
  Engine engine(protocol, {.replicas = 3});
  engine.start();
  for (auto kind = static_cast<std::uint8_t>(FaultKind::kBurstLoss);
       kind <= static_cast<std::uint8_t>(FaultKind::kTrickle); ++kind) {
    if (static_cast<FaultKind>(kind) == FaultKind::kDelayTrace) continue;
    engine.apply({static_cast<FaultKind>(kind), 0, 1, 1000, 1000, 1000, 1000});
    EXPECT_TRUE(engine.links().at(0, 1).has_model) << int{kind};
    engine.apply({static_cast<FaultKind>(kind), 0, 1});
    EXPECT_FALSE(engine.links().at(0, 1).has_model) << int{kind};
  }
}

}  // namespace
}  // namespace vouch::sim
