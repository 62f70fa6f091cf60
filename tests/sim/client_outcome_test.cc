// Clients in whole scenarios: outcomes as measured on real clusters (one client fail-over is a try
// of 300 ms), how files name clients, and that they change nothing of what replicas do.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/support/sample.h"
#include "vouch/scenario/scenario.h"
#include "vouch/scenario/trace.h"
#include "vouch/sim/clients.h"
#include "vouch/sim/policies.h"

namespace vouch::scenario {
namespace {

using namespace std::chrono_literals;

sim::RunResult run_of(std::string_view name, std::string_view policy, std::uint64_t seed) {
  const auto scenario = load_scenario(std::string(name));
  const auto protocol = sim::make_policy(policy, scenario->settings);
  sim::RunOptions options = run_options(*scenario, policy, seed);
  options.is_checked = false;
  return sim::run(**protocol, scenario->plan, options);
}

// Real etcd with pre-vote: 0.35 s in s03, 0.36 s in s05, 0.35 s in s13, none after the heal.
TEST(ClientOutcomes, AKeptLeaderCostsOneFailoverOfAClient) {
  for (const char* name : {"s03", "s05", "s13"}) {
    for (const char* policy : {"vouch", "raft+prevote+checkquorum"}) {
      for (std::uint64_t seed = 1; seed <= vouch::testing::sampled(3); ++seed) {
        const sim::RunResult result = run_of(name, policy, seed);
        EXPECT_EQ(result.clients_during.unavailable, 300ms) << name << " " << policy;
        EXPECT_EQ(result.clients_during.longest_gap, 300ms) << name << " " << policy;
        EXPECT_EQ(result.clients_after.unavailable, 0ms) << name << " " << policy;
        EXPECT_EQ(result.clients_during.availability_per_million(), 990'000) << name;
        EXPECT_EQ(result.clients_during.wrong_leader, 0U) << name << " " << policy;
      }
    }
  }
}

// The cut-off follower is of no use to its clients for the whole fault; behind s13's cut nobody is.
TEST(ClientOutcomes, ACutOffFollowerIsAUselessFrontEnd) {
  EXPECT_EQ(run_of("s03", "vouch", 1).clients_during.useless_front_end, 30s);
  EXPECT_EQ(run_of("s05", "vouch", 1).clients_during.useless_front_end, 30s);
  EXPECT_EQ(run_of("s13", "vouch", 1).clients_during.useless_front_end, 0s);
}

// Real etcd: 1.5 s down in s09, and 2.2 s more after the heal without pre-vote. Clients wait at
// least as long as the group has no leader, less what passes until their next request.
TEST(ClientOutcomes, ALeaderLostCostsTheFailoverAndSomeTries) {
  for (const char* policy : {"vouch", "raft+prevote+checkquorum"}) {
    for (std::uint64_t seed = 1; seed <= vouch::testing::sampled(3); ++seed) {
      const sim::RunResult result = run_of("s09", policy, seed);
      const Duration down = result.clients_during.unavailable;
      EXPECT_GE(down, result.failover() - 100ms) << policy;
      EXPECT_LE(down, result.failover() + 900ms) << policy;
      EXPECT_GT(result.clients_during.useless_front_end, 25s) << "the old leader, as an endpoint";
    }
  }
}

// Redis Sentinel's old master goes on acknowledging writes; a lease that has run out does not.
TEST(ClientOutcomes, OnlyALeaseStopsAWrongLeader) {
  const sim::RunResult lease = run_of("s09", "vouch", 1);
  const sim::RunResult none = run_of("s09", "sentinel", 1);
  EXPECT_LE(lease.clients_during.wrong_leader, 6U) << "until the lease has run out";
  EXPECT_GT(none.clients_during.wrong_leader, 0U);
}

TEST(ClientOutcomes, ReplicasDoTheSameWithAndWithoutClients) {
  for (const char* policy : {"vouch", "raft"}) {
    for (const char* name : {"s06", "s07", "s13", "leader_limps"}) {
      const auto scenario = load_scenario(name);
      const auto protocol = sim::make_policy(policy, scenario->settings);
      const auto traced = [&](std::size_t count) {
        sim::Plan plan = scenario->plan;
        plan.clients = {};
        plan.clients.count = count;
        if (count == 2) plan.clients = scenario->plan.clients;
        JsonlTrace trace;
        sim::RunOptions options = run_options(*scenario, policy, 3);
        options.observers.push_back(&trace);
        const sim::RunResult result = sim::run(**protocol, plan, options);
        EXPECT_EQ(result.clients_during.requests > 0, count > 0);
        return std::pair{trace.hash(), result.counters.events};
      };
      const auto without = traced(0);
      EXPECT_EQ(traced(2), without) << policy << " " << name;
      EXPECT_EQ(traced(9), without) << policy << " " << name;
    }
  }
}

/// A file with these clients and this event.
std::string file_with(std::string_view clients, std::string_view event) {
  return R"({"format": "vouch-scenario/1", "name": "t", "title": "test",
    "replicas": 3, "initial_leader": 1,
    "duration_ms": 20000, "fault_from_ms": 5000, "fault_until_ms": 15000,
    )" + std::string(clients) +
         R"("events": [)" + "\n" + std::string(event) + "\n]}";
}

constexpr sim::NodeIndex kC0 = sim::kFirstClient;

/// The ends of the links of a pattern, each fault's.
std::vector<std::pair<sim::NodeIndex, sim::NodeIndex>> links_of(const std::string& pattern) {
  const auto scenario =
      read_scenario(file_with(R"("clients": {"count": 3, "zones": {"east": [0, 2]}}, )",
                              R"({"at_ms": 6000, "op": "cut", "links": [")" + pattern + R"("]})"),
                    "f.json");
  EXPECT_TRUE(scenario) << pattern << ": " << (scenario ? "" : scenario.error().message);
  std::vector<std::pair<sim::NodeIndex, sim::NodeIndex>> links;
  if (!scenario) return links;
  EXPECT_TRUE(scenario->plan.faults.empty()) << "the replicas have none of it";
  for (const sim::TimedFault& timed : scenario->plan.clients.faults)
    links.emplace_back(timed.fault.a, timed.fault.b);
  return links;
}

TEST(ClientReader, NamesLinksOfClientsAndZones) {
  using Links = std::vector<std::pair<sim::NodeIndex, sim::NodeIndex>>;
  EXPECT_EQ(links_of("c0->1"), (Links{{kC0, 1}}));
  EXPECT_EQ(links_of("1->c0"), (Links{{1, kC0}}));
  EXPECT_EQ(links_of("c1-2"), (Links{{kC0 + 1, 2}, {2, kC0 + 1}}));
  EXPECT_EQ(links_of("east->0"), (Links{{kC0, 0}, {kC0 + 2, 0}}));
  EXPECT_EQ(links_of("c0->{0,2}"), (Links{{kC0, 0}, {kC0, 2}}));
  EXPECT_EQ(links_of("*->c2"), (Links{{0, kC0 + 2}, {1, kC0 + 2}, {2, kC0 + 2}}));
}

TEST(ClientReader, HasTwoClientsThatBeginWithTheLeader) {
  const auto plain = read_scenario(file_with("", ""), "f.json");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(plain->plan.clients.count, 2U);
  EXPECT_EQ(plain->plan.clients.endpoints, (std::vector<sim::NodeIndex>{1, 2}));
  EXPECT_EQ(load_scenario("s13")->plan.clients.faults.size(), 8U) << "two links both ways, healed";
}

TEST(ClientReader, NamesWhatIsWrong) {
  struct Broken {
    std::string_view clients;
    std::string_view event;
    std::string_view error;
  };
  const Broken cases[] = {
      {R"("clients": {"count": 0}, )", "", "f.json:4: clients.count: must be in [1, 64], is 0"},
      {R"("clients": {"counts": 1}, )", "", "f.json:4: clients.counts: unknown key"},
      {R"("clients": {"endpoints": [0]}, )", "",
       "f.json:4: clients.endpoints: must name a node for each of the 2 clients, is an array of 1"},
      {R"("clients": {"endpoints": [0, 3]}, )", "",
       "f.json:4: clients.endpoints: must hold nodes in [0, 2], has 3"},
      {R"("clients": {"zones": {"c1": [0]}}, )", "",
       "f.json:4: clients.zones.c1: a zone's name must be made of a-z, 0-9 and _, begin with a "
       "letter and not be that of a client"},
      {R"("clients": {"zones": {"a": [0, 0]}}, )", "",
       "f.json:4: clients.zones.a[1]: must be a client in [0, 1], each once, is 0"},
      {"", R"({"at_ms": 1, "op": "cut", "links": ["c2->0"]})",
       "f.json:5: events[0].links[0]: must be \"c->n\", \"n->c\" or \"c-n\" with c one of the "
       "clients (c0 to c1) or zones, and n a node in [0, 2], \"{n,..}\" or \"*\", is 'c2->0'"},
      {"", R"({"at_ms": 1, "op": "mtu", "links": ["c0->0"], "bytes": 9})",
       "f.json:5: events[0].links[0]: is a link of clients, on which only cut, heal, flap and loss "
       "work"},
  };
  for (const Broken& broken : cases) {
    const auto scenario = read_scenario(file_with(broken.clients, broken.event), "f.json");
    EXPECT_EQ(scenario ? "no error" : scenario.error().message, broken.error);
  }
  const auto between =
      read_scenario(file_with("", R"({"at_ms": 1, "op": "cut", "links": ["c0-c1"]})"), "f.json");
  EXPECT_FALSE(between) << "clients do not talk to each other";
}

}  // namespace
}  // namespace vouch::scenario
