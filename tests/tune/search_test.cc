// The search: what it tries, and what it makes of it.

#include "vouch/tune/search.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "vouch/host/election_lint.h"
#include "vouch/quorum_check/lint.h"
#include "vouch/tune/knob_texts.h"

namespace vouch::tune {
namespace {

using namespace std::chrono_literals;

/// Heartbeats every 50 ms for 60 s. Every tenth is 40 ms late; those of one second do not come.
Recording troubled() {
  Recording recording;
  recording.name = "troubled";
  recording.interval = 50ms;
  for (int i = 1; i <= 1200; ++i) {
    if (i >= 700 && i < 720) continue;
    const Duration late = i % 10 == 0 ? 40ms : 0ms;
    recording.beats.push_back({.arrival = Instant() + i * 50ms + late,
                               .sent = {},
                               .seq = Seq(static_cast<std::uint64_t>(i)),
                               .segment = 0});
  }
  complete(recording);
  return recording;
}

Space space_of(Duration failover, Duration interval, Profile profile, Duration round_trip) {
  return Space({.failover = failover,
                .interval = interval,
                .profile = profile,
                .round_trip = round_trip,
                .kinds = {kDetectorKinds.begin(), kDetectorKinds.end()}});
}

const Inputs& inputs() {
  static const Inputs all{.recordings = {troubled()},
                          .held_back = {troubled()},
                          .space = space_of(500ms, 50ms, Profile::kLan, 5ms),
                          .replicas = 3,
                          .one_way = 250us,
                          .seed = 1};
  return all;
}

const SearchOptions kQuick{.failover = 500ms, .effort = 1};

enum class Order { kForwards, kBackwards };

Tuning search(Order order) {
  Search run(inputs(), kQuick);
  while (!run.stage().empty()) {
    std::vector<TrialOutcome> outcomes(run.stage().size());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      const std::size_t at = order == Order::kForwards ? i : outcomes.size() - 1 - i;
      outcomes[at] = make_trial(inputs(), run.stage()[at]);
    }
    run.take(outcomes);
  }
  return run.result();
}

const Tuning& found() {
  static const Tuning tuning = search(Order::kForwards);
  return tuning;
}

TEST(TuneSpace, AcceptedPointsPassTheLinterWithoutAWarning) {
  std::size_t accepted = 0;
  for (const auto& [profile, round_trip] :
       {std::pair(Profile::kLan, 20ms), std::pair(Profile::kMultiAz, 50ms),
        std::pair(Profile::kWan, 400ms)}) {
    for (const Duration failover : {Duration(300ms), Duration(2s), Duration(10s)}) {
      const Space space = space_of(failover, 33ms, profile, round_trip);
      for (std::uint8_t i = 0; i < 255; ++i) {
        Point point;
        point.heartbeat = static_cast<std::uint8_t>(i % space.heartbeats().size());
        point.kind = static_cast<std::uint8_t>(i % space.kinds().size());
        point.margin = i % Space::kMargins;
        point.lease = static_cast<std::uint8_t>(i / 3 % space.leases().size());
        point.confirmation = i % std::size(Space::kConfirmations);
        point.progress = i % std::size(Space::kProgresses);
        if (!space.is_accepted(point)) continue;
        ++accepted;
        const MonitorConfig config = space.configure(point);
        EXPECT_LT(worst(lint(config)), Judgement::kWarning);
        EXPECT_LT(worst(host::lint(space.election(point), config)), Judgement::kWarning);
        for (const Duration knob :
             {config.heartbeat_interval, config.lease, config.consent_hold, config.confirm_interval,
              config.progress_timeout, config.stall_limit}) {
          EXPECT_EQ(knob % 1ms, Duration::zero()) << "files count in milliseconds";
        }
      }
    }
  }
  EXPECT_GT(accepted, 100U);
}

TEST(TuneSpace, NoHeartbeatIntervalIsShorterThanTheData) {
  const Space space = space_of(200ms, 150ms, Profile::kLan, 20ms);
  for (const Duration heartbeat : space.heartbeats())
    EXPECT_GE(heartbeat, 150ms);
}

TEST(TuneTrial, ReplayCountsTheOneOutageAndThinsForSlowerHeartbeats) {
  for (std::uint8_t heartbeat = 0; heartbeat < 2; ++heartbeat) {
    Trial trial{.kind = TrialKind::kReplay};
    trial.point.heartbeat = heartbeat;
    trial.point.margin = 7;  // More than two intervals, less than the outage.
    const TrialOutcome outcome = make_trial(inputs(), trial);
    EXPECT_EQ(outcome.phases, heartbeat + 1);
    LinkFigures figures;
    figures.add(outcome);
    EXPECT_EQ(figures.mistakes, 1U);
    EXPECT_GT(figures.observed, 59s);
    EXPECT_LT(figures.observed, 60s);
  }
}

TEST(TuneTrial, NothingHappensOnCalmLinksHoweverSlowTheHeartbeats) {
  Recording calm;
  calm.interval = 1s;
  for (int i = 1; i <= 100; ++i) {
    calm.beats.push_back({.arrival = Instant() + i * 1s,
                          .sent = {},
                          .seq = Seq(static_cast<std::uint64_t>(i)),
                          .segment = 0});
  }
  complete(calm);
  const Inputs slow{.recordings = {calm},
                    .held_back = {},
                    .space = space_of(6s, 1s, Profile::kLan, 5ms),
                    .replicas = 3,
                    .one_way = 250us,
                    .seed = 1};
  Point point;
  point.lease = static_cast<std::uint8_t>(slow.space.leases().size() / 2);
  point.margin = 6;
  ASSERT_TRUE(slow.space.is_accepted(point));
  for (const TrialKind kind : {TrialKind::kIndependent, TrialKind::kCommon}) {
    const TrialOutcome outcome = make_trial(slow, {.kind = kind, .point = point});
    EXPECT_GE(outcome.observed, 100'000'000'000);
    EXPECT_EQ(outcome.elections, 0);
    EXPECT_EQ(outcome.mistakes, 0);
    EXPECT_EQ(outcome.unavailable, 0);
  }
}

TEST(TuneTrial, OnlyACommonOutageCostsTheLeader) {
  const Point point = found().candidates[found().recommended].point;
  GroupFigures common;
  for (std::uint32_t part = 0; part < chunk_count(inputs().recordings); ++part)
    common.add(make_trial(inputs(), {.kind = TrialKind::kCommon, .point = point, .part = part}));
  EXPECT_EQ(common.elections, 1U);
  EXPECT_GT(common.unavailable, 300ms);
  EXPECT_LT(common.unavailable, 1500ms);
  EXPECT_GE(common.observed, 60s);
}

TEST(TuneSearch, TheAnswerDoesNotDependOnTheOrderOfTrials) {
  const Tuning& a = found();
  const Tuning b = search(Order::kBackwards);
  EXPECT_EQ(a.recommended, b.recommended);
  EXPECT_EQ(a.front, b.front);
  ASSERT_EQ(a.candidates.size(), b.candidates.size());
  for (std::size_t i = 0; i < a.candidates.size(); ++i) {
    EXPECT_EQ(a.candidates[i].point, b.candidates[i].point);
    EXPECT_EQ(a.candidates[i].failovers, b.candidates[i].failovers);
    EXPECT_EQ(a.candidates[i].common.elections, b.candidates[i].common.elections);
    EXPECT_EQ(a.candidates[i].independent.mistakes, b.candidates[i].independent.mistakes);
  }
}

TEST(TuneSearch, TheRecommendedMeetsTheGoalAndTheLinter) {
  const Candidate& chosen = found().candidates[found().recommended];
  EXPECT_TRUE(found().meets_failover);
  EXPECT_LE(chosen.failover(), 500ms);
  EXPECT_GE(chosen.failovers.size(), 30U);
  for (const Candidate& each : found().candidates)
    EXPECT_TRUE(inputs().space.is_accepted(each.point));
  EXPECT_GE(found().kinds.size(), 3U);
  EXPECT_LE(found().kinds.size(), inputs().space.kinds().size());
}

TEST(TuneSearch, AGoalOutOfReachCostsFewTrials) {
  Search run(inputs(), {.failover = 20ms, .effort = 1});
  std::size_t trials = 0;
  while (!run.stage().empty()) {
    std::vector<TrialOutcome> outcomes;
    for (const Trial& trial : run.stage())
      outcomes.push_back(make_trial(inputs(), trial));
    if (run.stage()[0].kind != TrialKind::kReplay) trials += outcomes.size();
    run.take(outcomes);
  }
  EXPECT_FALSE(run.result().meets_failover);
  EXPECT_EQ(run.result().proven.size(), 1U);
  EXPECT_GE(run.result().candidates[run.result().recommended].failovers.size(), 10U);
  EXPECT_LT(trials, 1'500U);
}

TEST(TuneSearch, NothingBeatsTheFront) {
  const auto of = [](std::size_t i) {
    return std::pair(needless_rate(found().candidates[i]), found().candidates[i].failover());
  };
  EXPECT_FALSE(found().front.empty());
  for (const std::size_t i : found().front) {
    for (const std::size_t other : found().proven) {
      const bool beats =
          of(other).first <= of(i).first && of(other).second <= of(i).second && of(other) != of(i);
      EXPECT_FALSE(beats) << other << " beats " << i;
    }
  }
}

TEST(TuneSearch, NeighboursDifferInOneKnobAndLongerLeasesFailOverLater) {
  bool has_longer = false;
  for (const Neighbour& each : found().neighbours) {
    const Point& from = each.base.point;
    const Point& to = each.candidate.point;
    if (each.knob == Knob::kLease) {
      EXPECT_EQ(to.lease, from.lease + each.direction);
      EXPECT_EQ(each.candidate.failovers.size(), each.base.failovers.size());
      if (each.direction > 0) {
        has_longer = true;
        EXPECT_GT(each.candidate.failover(), each.base.failover());
      }
    }
    if (each.knob == Knob::kProgress && each.direction > 0) {
      EXPECT_EQ(each.candidate.failover(), each.base.failover());
      EXPECT_GT(quantile_of(each.candidate.hangs, 50), quantile_of(each.base.hangs, 50));
    }
  }
  EXPECT_TRUE(has_longer);
}

TEST(TuneSearch, SimulatedTimeShowsNoMoreThanTheDataItIsMadeOf) {
  const Reach reach = reach_of(inputs().recordings);
  const Candidate& chosen = found().candidates[found().recommended];
  EXPECT_GT(chosen.independent.observed, 2 * reach.observed);
  GroupFigures calm = chosen.independent;
  calm.elections = 0;
  EXPECT_DOUBLE_EQ(needless_bound(calm, reach), rate_bound_per_year(0, reach.observed));
  // Four passes over the recordings with ten elections: one pass shows three at the most.
  calm.elections = 10;
  calm.observed = 4 * reach.observed;
  EXPECT_DOUBLE_EQ(needless_bound(calm, reach), rate_bound_per_year(3, reach.observed));
  calm.observed = reach.observed / 2;
  EXPECT_DOUBLE_EQ(needless_bound(calm, reach), rate_bound_per_year(10, calm.observed));
  // Troubles of each link's own rarely meet.
  EXPECT_LT(rate_per_year(chosen.independent.elections, chosen.independent.observed),
            rate_per_year(chosen.common.elections, chosen.common.observed));
  const Unavailability sum = unavailability(chosen, reach, kQuick);
  EXPECT_GT(sum.crashes_s, 12 * 0.2);
  EXPECT_LT(sum.crashes_s, 12 * 0.5);
  EXPECT_GT(sum.needless_bound_s, sum.needless_s);
}

TEST(TuneSearch, EqualHalvesKeepTheirPromise) {
  ASSERT_EQ(found().validations.size(), 1U);
  const Validation& validation = found().validations[0];
  EXPECT_EQ(validation.first.mistakes, validation.second.mistakes);
  EXPECT_TRUE(validation.is_kept());
  Validation broken = validation;
  broken.second.mistakes = static_cast<std::uint64_t>(validation.promised()) + 1;
  EXPECT_FALSE(broken.is_kept());
}

TEST(TuneKnobs, EveryKnobIsExplainedInBothDirections) {
  const auto texts = knob_texts();
  for (const KnobText& text : texts) {
    EXPECT_FALSE(text.what.empty() || text.up.empty() || text.down.empty()) << text.name;
    EXPECT_EQ(find_knob(texts, text.name), &text);
  }
  for (const DetectorKind kind : kDetectorKinds)
    EXPECT_NE(find_knob(texts, knob_of(kind).field), nullptr) << to_string(kind);
  EXPECT_EQ(find_knob(texts, "lease_ms"), find_knob(texts, "lease"));
  EXPECT_EQ(find_knob(texts, "leese"), nullptr);
}

}  // namespace
}  // namespace vouch::tune
