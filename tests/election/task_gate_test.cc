#include "vouch/election/task_gate.h"

#include <gtest/gtest.h>

#include "vouch/detector/rng.h"
#include "vouch/election/token_gate.h"

namespace vouch::election::testing {
namespace {

LeadershipEvent event(EventKind kind, std::uint64_t token) {
  return {.kind = kind, .token = FencingToken{token}, .holder = {}};
}

/// Actions as one word each: `+cache`, `-cache`, `work stopped`, `give up`, `all stopped`.
std::string actions(TaskGate& gate) {
  std::string text;
  while (const std::optional<GateAction> action = gate.poll_action()) {
    if (!text.empty()) text += " ";
    if (const auto* start = std::get_if<StartTask>(&*action)) {
      text += "+" + gate.tasks()[start->task].name;
      if (start->leadership) text += "/" + std::to_string(start->leadership->token.value());
    } else if (const auto* stop = std::get_if<StopTask>(&*action)) {
      text += "-" + gate.tasks()[stop->task].name;
    } else if (std::holds_alternative<LeaderWorkStopped>(*action)) {
      text += "work-stopped";
    } else if (std::holds_alternative<GiveUpLeadership>(*action)) {
      text += "give-up";
    } else {
      text += "all-stopped";
    }
  }
  return text;
}

/// 0 config; 1 cache after config; 2 writer (leader) after cache; 3 cron (leader) after writer.
TaskGate application(FailurePolicy policy = FailurePolicy::kResign) {
  return TaskGate::create({{.name = "config", .after = {}},
                           {.name = "cache", .after = {"config"}},
                           {.name = "writer",
                            .after = {"cache"},
                            .kind = TaskKind::kLeaderOnly,
                            .on_failure = policy},
                           {.name = "cron",
                            .after = {"writer"},
                            .kind = TaskKind::kLeaderOnly,
                            .on_failure = policy}})
      .value();
}

TaskGate leading_application(FailurePolicy policy = FailurePolicy::kResign) {
  TaskGate gate = application(policy);
  gate.start();
  gate.handle_running(0);
  gate.handle_running(1);
  gate.handle_event(event(EventKind::kElected, 7));
  gate.handle_running(2);
  gate.handle_running(3);
  EXPECT_EQ(actions(gate), "+config +cache +writer/7 +cron/7");
  return gate;
}

TEST(TaskGate, TheElectionBlocksLeaderOnlyTasksAndNoOthers) {
  TaskGate gate = application();
  gate.start();
  EXPECT_EQ(actions(gate), "+config");
  gate.handle_running(0);
  EXPECT_EQ(actions(gate), "+cache");
  gate.handle_running(1);
  EXPECT_EQ(actions(gate), "");
  gate.handle_event(event(EventKind::kElected, 7));
  EXPECT_EQ(actions(gate), "+writer/7");
  gate.handle_running(2);
  EXPECT_EQ(actions(gate), "+cron/7");
}

TEST(TaskGate, ElectedEarlyTheyWaitForWhatTheyNeed) {
  TaskGate gate = application();
  gate.handle_event(event(EventKind::kElected, 7));
  gate.start();
  EXPECT_EQ(actions(gate), "+config");
  gate.handle_running(0);
  gate.handle_running(1);
  EXPECT_EQ(actions(gate), "+cache +writer/7");
}

TEST(TaskGate, TheyStopInReverseOrderAndOthersRunOn) {
  TaskGate gate = leading_application();
  gate.handle_event(event(EventKind::kStop, 7));
  EXPECT_EQ(actions(gate), "-cron");
  gate.handle_event(event(EventKind::kLost, 7));
  EXPECT_EQ(actions(gate), "") << "the writer waits for cron";
  gate.handle_stopped(3);
  EXPECT_EQ(actions(gate), "-writer");
  gate.handle_stopped(2);
  EXPECT_EQ(actions(gate), "work-stopped");
  EXPECT_TRUE(gate.is_running(0));
  EXPECT_TRUE(gate.is_running(1));
}

TEST(TaskGate, NoneStartsBeforeAllHaveStoppedEvenIfElectedAgainAtOnce) {
  TaskGate gate = leading_application();
  gate.handle_event(event(EventKind::kLost, 7));
  gate.handle_event(event(EventKind::kElected, 8));
  EXPECT_EQ(actions(gate), "-cron");
  gate.handle_stopped(3);
  EXPECT_EQ(actions(gate), "-writer") << "it runs with token 7";
  gate.handle_stopped(2);
  EXPECT_EQ(actions(gate), "work-stopped +writer/8");
}

TEST(TaskGate, ATaskThatWasStartingIsStoppedToo) {
  TaskGate gate = application();
  gate.start();
  gate.handle_running(0);
  gate.handle_running(1);
  gate.handle_event(event(EventKind::kElected, 7));
  gate.handle_event(event(EventKind::kLost, 7));
  EXPECT_EQ(actions(gate), "+config +cache +writer/7 -writer");
  gate.handle_running(2);  // Too late.
  EXPECT_EQ(actions(gate), "");
  gate.handle_stopped(2);
  EXPECT_EQ(actions(gate), "work-stopped");
}

TEST(TaskGate, LostWithoutAnyWorkIsSaidAtOnce) {
  TaskGate gate = application();
  gate.handle_event(event(EventKind::kElected, 7));
  gate.handle_event(event(EventKind::kLost, 7));
  EXPECT_EQ(actions(gate), "work-stopped");
}

TEST(TaskGate, FailureGivesLeadershipUp) {
  TaskGate gate = leading_application();
  gate.handle_failed(2);
  EXPECT_EQ(actions(gate), "give-up -cron");
  gate.handle_event(event(EventKind::kStop, 7));
  gate.handle_stopped(3);
  gate.handle_event(event(EventKind::kLost, 7));
  EXPECT_EQ(actions(gate), "work-stopped") << "once";
}

TEST(TaskGate, FailureIsRetried) {
  TaskGate gate = leading_application(FailurePolicy::kRetry);
  gate.handle_stopped(3);  // It ended, which it should not.
  EXPECT_EQ(actions(gate), "+cron/7");
  gate.handle_running(3);
  gate.handle_failed(0);
  EXPECT_EQ(actions(gate), "-cron") << "what stands on it stops, in order, and starts anew";
  gate.handle_stopped(3);
  gate.handle_stopped(2);
  gate.handle_stopped(1);
  gate.handle_running(0);
  EXPECT_EQ(actions(gate), "-writer -cache +config +cache");
}

TEST(TaskGate, FailureAborts) {
  TaskGate gate = leading_application(FailurePolicy::kAbort);
  gate.handle_failed(3);
  EXPECT_EQ(actions(gate), "-writer");
  gate.handle_stopped(2);
  EXPECT_EQ(actions(gate), "-cache work-stopped");
  gate.handle_stopped(1);
  gate.handle_stopped(0);
  EXPECT_EQ(actions(gate), "-config all-stopped");
}

TEST(TaskGate, StopStopsEverything) {
  TaskGate gate = leading_application();
  gate.stop();
  for (const TaskIndex task : {3U, 2U, 1U, 0U})
    gate.handle_stopped(task);
  EXPECT_EQ(actions(gate), "-cron -writer -cache work-stopped -config all-stopped");
  EXPECT_TRUE(gate.is_quiet());
}

TEST(TaskGate, BadPlansAreRefused) {
  const auto refusal = [](std::vector<TaskSpec> tasks) {
    const auto made = TaskGate::create(std::move(tasks));
    return made ? std::string("accepted") : made.error().message;
  };
  EXPECT_EQ(refusal({{.name = "a", .after = {}}, {.name = "a", .after = {}}}),
            "task \"a\": each name once");
  EXPECT_EQ(refusal({{.name = "a", .after = {"b"}}}), "task \"a\": after: there is no task \"b\"");
  EXPECT_EQ(refusal({{.name = "a", .after = {"b"}}, {.name = "b", .after = {"a"}}}),
            "task \"a\": waits for itself");
  EXPECT_EQ(refusal({{.name = "a", .after = {"a"}}}), "task \"a\": waits for itself");
  EXPECT_EQ(refusal({{.name = "a", .after = {}, .kind = TaskKind::kLeaderOnly},
                     {.name = "b", .after = {"a"}}}),
            "task \"b\": runs always, so not after the leader-only \"a\"");
  EXPECT_EQ(refusal({{.name = "", .after = {}}}), "task: in [1, 255] bytes, but it has 0");
}

// Random events in any order: never does a leader-only task of one token run beside one of another,
// and none starts before what it stands on runs.
TEST(TaskGate, RandomEventsKeepTheOrder) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Rng rng(seed);
    TaskGate gate = application(FailurePolicy::kRetry);
    gate.start();
    std::vector<std::uint64_t> runs(4, 0);  // 0: off; of leader-only tasks the token, else 1.
    std::uint64_t token = 0;
    for (int step = 0; step < 300; ++step) {
      while (const std::optional<GateAction> action = gate.poll_action()) {
        if (const auto* start = std::get_if<StartTask>(&*action)) {
          if (start->task > 0) {
            ASSERT_NE(runs[start->task - 1], 0U) << seed;
          }
          runs[start->task] = start->leadership ? start->leadership->token.value() : 1;
          for (const TaskIndex other : {2U, 3U}) {
            if (!start->leadership) continue;
            ASSERT_TRUE(runs[other] == 0 || runs[other] == runs[start->task]) << seed;
          }
        } else if (std::holds_alternative<LeaderWorkStopped>(*action)) {
          ASSERT_TRUE(runs[2] == 0 && runs[3] == 0) << seed;
        }
      }
      const auto task = static_cast<TaskIndex>(rng.below(4));
      switch (rng.below(5)) {
        case 0:
          gate.handle_event(event(EventKind::kElected, ++token));
          break;
        case 1:
          gate.handle_event(event(EventKind::kLost, token));
          break;
        case 2:
          runs[task] = 0;
          gate.handle_stopped(task);
          break;
        default:
          if (runs[task] != 0) gate.handle_running(task);
          break;
      }
    }
  }
}

TEST(TokenGate, AdmitsNothingOfAnEarlierLeader) {
  TokenGate gate;
  EXPECT_EQ(gate.admit(FencingToken{}), Admission::kNoToken);
  EXPECT_EQ(gate.admit(FencingToken{5}), Admission::kAdmitted);
  EXPECT_EQ(gate.admit(FencingToken{5}), Admission::kAdmitted);
  EXPECT_EQ(gate.admit(FencingToken{4}), Admission::kStale);
  EXPECT_EQ(gate.admit(FencingToken{6}), Admission::kAdmitted);
  EXPECT_EQ(gate.admit(FencingToken{5}), Admission::kStale);
  EXPECT_EQ(gate.admitted(), 3U);
  EXPECT_EQ(gate.stale(), 2U);
  EXPECT_EQ(TokenGate(gate.highest()).admit(FencingToken{5}), Admission::kStale) << "a restart";
}

}  // namespace
}  // namespace vouch::election::testing
