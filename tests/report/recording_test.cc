#include "vouch/report/recording.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/sample.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/policies.h"

namespace vouch::report {
namespace {

struct Recorded {
  scenario::Scenario scenario;
  sim::RunResult result;
  Recording recording;
};

Recorded record(const std::string& name, std::string_view policy, std::uint64_t seed,
                Recorder::Options limits = {}) {
  Recorded recorded{*scenario::load_scenario(name), {}, {}};
  const auto protocol = sim::make_policy(policy, recorded.scenario.settings);
  limits.seed = seed;
  Recorder recorder(recorded.scenario.plan, limits);
  sim::RunOptions options = scenario::run_options(recorded.scenario, policy, seed);
  options.observers.push_back(&recorder);
  recorded.result = sim::run(**protocol, recorded.scenario.plan, options);
  recorded.recording = recorder.finish();
  return recorded;
}

/// How much of [from, until) is not in `spans`.
Duration uncovered(const std::vector<Span>& spans, sim::TrueTime from, sim::TrueTime until) {
  Duration rest = until - from;
  for (const Span& span : spans) {
    const auto common = std::min(span.until, until) - std::max(span.from, from);
    if (common > Duration::zero()) rest -= common;
  }
  return rest;
}

/// The picture and the table come from two computations; they must not disagree by a nanosecond.
/// Every scenario with one policy in turn: all pairs would take minutes.
TEST(Recording, TheLanesGiveTheAvailabilityThatTheMeasuresGive) {
  const std::size_t step = std::min<std::size_t>(testing::sample_step(), 5);
  std::size_t turn = 0;
  for (const scenario::Shipped& shipped : scenario::shipped_scenarios()) {
    if (++turn % step != 0) continue;
    const std::string_view policy = sim::policy_names()[turn % sim::policy_names().size()];
    const Recorded run = record(std::string(shipped.name), policy, turn);
    const sim::Plan& plan = run.scenario.plan;
    const std::vector<Span> usable = usable_times(run.recording);
    const std::string place = std::string(shipped.name) + " " + std::string(policy);
    EXPECT_EQ(uncovered(usable, plan.fault_from, plan.fault_until), run.result.during.unavailable)
        << place;
    EXPECT_EQ(uncovered(usable, plan.fault_until, plan.end), run.result.after.unavailable) << place;
  }
}

TEST(Recording, EveryNodeStandsSomewhereAllTheTime) {
  for (const char* name : {"s10", "long_pause", "follower_restarts", "s01"}) {
    for (const char* policy : {"vouch", "raft"}) {
      const Recorded run = record(name, policy, 3);
      for (const NodeLane& lane : run.recording.nodes) {
        ASSERT_FALSE(lane.standings.empty());
        EXPECT_EQ(lane.standings.front().span.from, sim::kStart);
        EXPECT_EQ(lane.standings.back().span.until, run.scenario.plan.end);
        for (std::size_t i = 1; i < lane.standings.size(); ++i) {
          EXPECT_EQ(lane.standings[i].span.from, lane.standings[i - 1].span.until);
          EXPECT_NE(lane.standings[i].standing, lane.standings[i - 1].standing);
        }
      }
    }
  }
}

TEST(Recording, SpansOfOneKindAreInOrderAndApart) {
  const Recorded run = record("long_pause", "vouch", 1);
  std::size_t promises = 0;
  for (const NodeLane& lane : run.recording.nodes) {
    for (std::size_t i = 1; i < lane.leases.size(); ++i)
      EXPECT_LE(lane.leases[i - 1].until, lane.leases[i].from);
    for (std::size_t i = 1; i < lane.promises.size(); ++i)
      EXPECT_LE(lane.promises[i - 1].span.until, lane.promises[i].span.from);
    promises += lane.promises.size();
  }
  EXPECT_GT(promises, 0U);
}

/// What vouch rests on, seen in the picture: whoever votes for another leader is not bound any
/// more.
TEST(Recording, ANewLeaderComesWhenTheOldLeaseIsOver) {
  const Recorded run = record("long_pause", "vouch", 1);
  ASSERT_EQ(run.recording.nodes[0].leases.size(), 1U);
  const sim::TrueTime old_ends = run.recording.nodes[0].leases[0].until;
  std::size_t later = 0;
  for (sim::NodeIndex node = 1; node < run.recording.replicas; ++node) {
    for (const Span& lease : run.recording.nodes[node].leases) {
      EXPECT_GE(lease.from, old_ends);
      ++later;
    }
  }
  EXPECT_EQ(later, 1U);
}

TEST(Recording, TrafficAddsUpToTheCounters) {
  for (const char* policy : {"vouch", "raft"}) {
    const Recorded run = record("s08", policy, 2);
    std::uint64_t sent = 0;
    std::uint64_t delivered = 0;
    for (const Traffic& traffic : run.recording.traffic) {
      sent += traffic.sent;
      delivered += traffic.delivered;
      EXPECT_LE(traffic.delivered, traffic.sent);
    }
    EXPECT_EQ(sent, run.result.counters.sent);
    EXPECT_EQ(delivered, run.result.counters.delivered);
  }
}

TEST(Recording, LinksSayWhatWasDoneToThem) {
  const Recorded run = record("s04", "vouch", 1);
  ASSERT_EQ(run.recording.links.size(), 2U);
  EXPECT_EQ(run.recording.links[0].at, run.scenario.plan.fault_from);
  EXPECT_EQ(run.recording.links[0].from, 1U);
  EXPECT_EQ(run.recording.links[0].to, 0U);
  EXPECT_EQ(run.recording.links[0].state, LinkState::kCut);
  EXPECT_EQ(run.recording.links[1].state, LinkState::kWhole);
}

/// No engine sees what happens to a client's links; the record tells it all the same, in its place.
TEST(Recording, CutsOfClientsAreInTheRecord) {
  const Recorded run = record("s13", "vouch", 1);
  std::vector<std::string> texts;
  sim::TrueTime before = sim::kStart;
  for (const RecordLine& line : run.recording.lines) {
    EXPECT_LE(before, line.at);
    before = line.at;
    if (line.kind == "fault_cut" || line.kind == "fault_heal") texts.push_back(line.text);
  }
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_EQ(texts[0],
            "link c0 -> n0 is cut; link n0 -> c0 is cut; link c1 -> n0 is cut; link n0 -> c1 is "
            "cut");
  EXPECT_EQ(texts[1].rfind("link c0 -> n0 is whole again; ", 0), 0U) << texts[1];
  const Recorded many = record("front_ends_of_two_zones", "vouch", 1);
  EXPECT_TRUE(std::any_of(
      many.recording.lines.begin(), many.recording.lines.end(),
      [](const RecordLine& line) { return line.text.find("; and so do ") != std::string::npos; }));
}

TEST(Recording, WhatIsWrongWithANodeHasASpan) {
  const Recorded run = record("worker_hung", "vouch", 1);
  std::size_t troubles = 0;
  for (const NodeLane& lane : run.recording.nodes) {
    for (const TroubleSpan& trouble : lane.troubles) {
      EXPECT_EQ(trouble.kind, sim::FaultKind::kWorkerStall);
      EXPECT_GE(trouble.span.from, run.scenario.plan.fault_from);
      EXPECT_LE(trouble.span.until, run.scenario.plan.end);
      EXPECT_LT(trouble.span.from, trouble.span.until);
      ++troubles;
    }
  }
  EXPECT_EQ(troubles, 1U);
}

TEST(Recording, MessagesAreKeptInWindowsWithoutHoles) {
  const Recorded all = record("s10", "vouch", 1, {.messages_max = 1'000'000});
  ASSERT_EQ(all.recording.message_windows.size(), 1U);
  const Recorded some = record("s10", "vouch", 1, {.messages_max = 600});
  EXPECT_EQ(some.recording.messages.size(), 600U);
  ASSERT_EQ(some.recording.message_windows.size(), 2U);
  std::size_t expected = 0;
  for (const SentMessage& message : all.recording.messages) {
    for (const Span& window : some.recording.message_windows) {
      expected +=
          static_cast<std::size_t>(message.sent >= window.from && message.sent < window.until);
    }
  }
  // Messages of the very instant at which the room ran out may be cut off.
  EXPECT_LE(expected, some.recording.messages.size());
  EXPECT_GE(expected + 8, some.recording.messages.size());
  for (const SentMessage& message : some.recording.messages) {
    if (message.fate == sim::Fate::kDelivered) {
      EXPECT_GT(message.arrived, message.sent);
    }
  }
}

TEST(Recording, TheRecordTellsTheStoryAndStopsAtItsLimit) {
  const Recorded run = record("s10", "vouch", 1);
  std::vector<std::string> words;
  for (const RecordLine& line : run.recording.lines) {
    if (line.kind == "campaign" && line.at > run.scenario.plan.fault_from) {
      words.push_back("n" + std::to_string(*line.node) + " " + line.text);
    }
    if (line.kind == "trusts") {
      EXPECT_GT(line.at, run.scenario.plan.fault_from) << "never suspected";
    }
  }
  EXPECT_EQ(words, std::vector<std::string>{"n1 begins an election for term 2"});
  const Recorded cut = record("s10", "vouch", 1, {.lines_max = 20});
  ASSERT_EQ(cut.recording.lines.size(), 21U);
  EXPECT_EQ(cut.recording.lines.back().text, "the record ends here: it holds 20 lines");
}

}  // namespace
}  // namespace vouch::report
