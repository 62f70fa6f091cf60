#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/detector/ring.h"
#include "vouch/election/leadership.h"

namespace vouch::election {

/// Where a task runs.
enum class TaskKind : std::uint8_t {
  kAlways,      ///< On every process, whoever leads.
  kLeaderOnly,  ///< Waits for the election: only where this process leads.
};

/// What to do when a task fails, or ends although it should run.
enum class FailurePolicy : std::uint8_t {
  kResign,  ///< Give up leadership: another process may do better. Of a kAlways task: retry.
  kRetry,   ///< Start it again.
  kAbort,   ///< Stop everything.
};

/// One piece of an application's start.
struct TaskSpec {
  std::string name;
  std::vector<std::string> after;  ///< It starts when these run, and stops before they do.
  TaskKind kind = TaskKind::kAlways;
  FailurePolicy on_failure = FailurePolicy::kResign;
};

using TaskIndex = std::uint32_t;

struct StartTask {
  TaskIndex task = 0;
  std::optional<Leadership> leadership;  ///< Of a kLeaderOnly task.
};
struct StopTask {
  TaskIndex task = 0;
};
/// No leader-only task of that leadership runs any more: call Elector::work_stopped.
struct LeaderWorkStopped {
  FencingToken token{};
};
/// A task that must not fail has failed: call Elector::resign.
struct GiveUpLeadership {
  TaskIndex task = 0;
};
/// Everything has stopped, because the host asked for it or a task with kAbort failed.
struct AllStopped {
  std::optional<TaskIndex> failed;
};

using GateAction =
    std::variant<StartTask, StopTask, LeaderWorkStopped, GiveUpLeadership, AllStopped>;

/// An application's start as tasks with dependencies, of which the election blocks the leader-only
/// ones. They start in order when this process is elected and stop in reverse order when it leads
/// no more; none starts before all have stopped, even if it is elected again at once.
///
/// Order of calls. `start` once; feed it every LeadershipEvent of the Elector, and say when a task
/// that was to be started runs (`handle_running`), when one has ended (`handle_stopped`) or failed
/// (`handle_failed`). After each input take actions until `poll_action` yields nothing.
/// Does no I/O, reads no clock. Not thread-safe: give it one owner.
class TaskGate {
 public:
  /// Refuses names that occur twice, unknown names in `after`, circles, and a kAlways task after a
  /// leader-only one, which could never be told to run.
  static Result<TaskGate> create(std::vector<TaskSpec> tasks);

  void start();
  /// Stops everything, leader-only tasks included: the last action is AllStopped.
  void stop();
  void handle_event(const LeadershipEvent& event);
  void handle_running(TaskIndex task);
  void handle_stopped(TaskIndex task);
  void handle_failed(TaskIndex task);

  [[nodiscard]] std::optional<GateAction> poll_action();

  [[nodiscard]] bool is_running(TaskIndex task) const { return states_[task] == State::kRunning; }
  /// Nothing runs, starts or stops.
  [[nodiscard]] bool is_quiet() const;
  [[nodiscard]] const std::vector<TaskSpec>& tasks() const { return tasks_; }

 private:
  enum class State : std::uint8_t { kOff, kStarting, kRunning, kStopping };

  TaskGate(std::vector<TaskSpec> tasks, std::vector<std::vector<TaskIndex>> before);

  void end(TaskIndex task);
  void end_leadership();
  void advance();
  [[nodiscard]] bool doom();
  void stop_what_must();
  void start_what_may();
  [[nodiscard]] bool is_needed(TaskIndex task) const;
  [[nodiscard]] bool may_run(TaskIndex task) const;
  [[nodiscard]] bool leader_work_runs() const;

  std::vector<TaskSpec> tasks_;
  std::vector<std::vector<TaskIndex>> before_;  ///< Of each task: what must run before it.
  std::vector<State> states_;
  std::vector<bool> is_doomed_;  ///< Must stop, as soon as none that came after it is left.
  std::optional<Leadership> leadership_;  ///< While leader-only tasks may start.
  std::optional<TaskIndex> failed_;
  bool is_on_ = false;
  bool is_winding_up_ = false;  ///< Until the last leader-only task has stopped none starts.
  FencingToken winding_up_{};   ///< LeaderWorkStopped has to be said of it; 0: of none.
  bool owes_all_stopped_ = false;
  Ring<GateAction> actions_;
};

}  // namespace vouch::election
