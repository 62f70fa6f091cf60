// What clients see, with replicas that say what the test wants.

#include "vouch/sim/clients.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <utility>

#include "tests/sim/toy_protocol.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/measures.h"

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

/// Three replicas that all believe in replica 0, which leads with a lease that does not end.
class ClientsTest : public ::testing::Test {
 protected:
  ClientsTest()
      : protocol_([](ToyReplica& replica, const ToyEvent&, Context&) {
          replica.reported.leader = NodeId{1};
          replica.reported.term = Term{1};
          if (replica.self == NodeId{1}) {
            replica.reported.role = Role::kLeader;
            replica.reported.lease_until = kNever;
          }
          return kNever;
        }),
        engine_(protocol_, {.replicas = 3}) {
    engine_.observe(measures_, Watch::kReplicas);
    plan_.count = 1;
    plan_.endpoints = {0};
  }

  /// Lets the time pass with the clients of `plan_`.
  void pass(Duration span) {
    if (!clients_) {
      engine_.start();
      measures_.start_phase(engine_);
      clients_.emplace(plan_, measures_, engine_.size(), 1);
      clients_->start_phase(engine_.now());
    }
    const TrueTime end = engine_.now() + span;
    while (clients_->next() < end) {
      engine_.run_until(clients_->next());
      clients_->act(engine_);
    }
    engine_.run_until(end);
  }

  [[nodiscard]] ClientOutcome seen() const { return clients_->outcome(engine_.now()); }

  ToyProtocol protocol_;
  Engine engine_;
  Measures measures_;
  ClientPlan plan_;
  std::optional<Clients> clients_;
};

TEST_F(ClientsTest, SendEveryIntervalAndStayWhereItSucceeds) {
  plan_.count = 2;
  plan_.endpoints = {0, 1};
  pass(10s);
  EXPECT_EQ(seen().requests, 200U);
  EXPECT_EQ(seen().successes, 200U);
  EXPECT_EQ(seen().unavailable, 0s);
  EXPECT_EQ(seen().useless_front_end, 0s);
  EXPECT_EQ(seen().availability_per_million(), 1'000'000);
  EXPECT_EQ(clients_->endpoint(0), 0U);
  EXPECT_EQ(clients_->endpoint(1), 1U) << "a follower forwards";
}

TEST_F(ClientsTest, ACutToTheEndpointCostsOneTry) {
  for (const auto& [a, b] : {std::pair{kFirstClient, NodeIndex{0}}, {NodeIndex{0}, kFirstClient}}) {
    plan_.faults = {{kStart + 5s, {FaultKind::kCut, a, b}}};
    Engine engine(protocol_, {.replicas = 3});
    Measures measures;
    engine.observe(measures, Watch::kReplicas);
    engine.start();
    Clients clients(plan_, measures, 3, 1);
    clients.start_phase(engine.now());
    while (clients.next() < kStart + 10s) {
      engine.run_until(clients.next());
      clients.act(engine);
    }
    const ClientOutcome outcome = clients.outcome(kStart + 10s);
    EXPECT_EQ(outcome.unavailable, 300ms);
    EXPECT_EQ(outcome.longest_gap, 300ms);
    EXPECT_EQ(outcome.availability_per_million(), 970'000);
    EXPECT_EQ(clients.endpoint(0), 1U);
    EXPECT_EQ(outcome.useless_front_end, 0s) << "nobody reaches replica 0, so it is no front end";
  }
}

TEST_F(ClientsTest, AFollowerWithoutItsLeaderIsAUselessFrontEnd) {
  plan_.endpoints = {1};
  pass(2s);
  engine_.cut(0, 1);  // The answers of the leader do not come back.
  clients_->start_phase(engine_.now());
  pass(3s);
  EXPECT_EQ(seen().unavailable, 300ms);
  EXPECT_EQ(seen().useless_front_end, 3s);
  EXPECT_EQ(clients_->endpoint(0), 2U);
  EXPECT_EQ(seen().wrong_leader + seen().not_leader, 0U) << "its request went nowhere";
}

TEST_F(ClientsTest, ALeaderWithoutAMajorityIsTheWrongOne) {
  pass(1s);
  engine_.cut(1, 0);
  engine_.cut(2, 0);
  clients_->start_phase(engine_.now());
  pass(3s);
  EXPECT_EQ(seen().successes, 0U);
  EXPECT_GE(seen().wrong_leader, 3U);
  EXPECT_EQ(seen().not_leader, 0U);
  EXPECT_EQ(seen().useless_front_end, 0s) << "without a usable leader no endpoint is to blame";
  // The gap is cut at the border of the phase, but goes on in the next.
  EXPECT_GE(seen().unavailable, 2900ms);
  clients_->start_phase(engine_.now());
  pass(1s);
  EXPECT_EQ(seen().unavailable, 1s);
  EXPECT_EQ(seen().availability_per_million(), 0);
}

TEST_F(ClientsTest, APausedOrCrashedEndpointIsLeft) {
  plan_.endpoints = {1};
  pass(1s);
  engine_.pause(1);
  pass(1s);
  EXPECT_EQ(clients_->endpoint(0), 2U);
  engine_.resume(1);
  engine_.crash(2);
  pass(1s);
  EXPECT_EQ(clients_->endpoint(0), 0U);
  EXPECT_EQ(seen().unavailable, 600ms);
  EXPECT_EQ(seen().useless_front_end, 0s) << "what is down is no front end";
}

TEST_F(ClientsTest, LossAndDelayOfLinksCount) {
  plan_.endpoints = {1};
  pass(1s);
  engine_.set_delay(1, 0, 310ms, 0ms);
  pass(1s);
  EXPECT_EQ(seen().unavailable, 300ms) << "the answer would come after the try has ended";
  EXPECT_EQ(clients_->endpoint(0), 2U);
  engine_.set_loss(2, 0, 500'000);
  engine_.set_loss(1, 0, 500'000);
  clients_->start_phase(engine_.now());
  pass(60s);
  EXPECT_GT(seen().successes, 0U);
  EXPECT_GT(seen().requests, seen().successes);
}

TEST_F(ClientsTest, NobodyAsksWithoutClients) {
  plan_ = {};
  pass(1s);
  EXPECT_EQ(clients_->next(), kEndOfTime);
  EXPECT_EQ(seen().requests, 0U);
  EXPECT_EQ(seen().unavailable, 0s);
}

}  // namespace
}  // namespace vouch::sim
