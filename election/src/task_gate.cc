#include "vouch/election/task_gate.h"

#include <algorithm>
#include <map>
#include <utility>

namespace vouch::election {
namespace {

Error bad(const std::string& task, const std::string& what) {
  return Error{Errc::kBadConfig, "task \"" + task + "\": " + what};
}

/// Whether every task can be reached from those without predecessors: if not, some form a circle.
std::optional<std::size_t> on_a_circle(const std::vector<std::vector<TaskIndex>>& before) {
  std::vector<bool> is_placed(before.size(), false);
  for (std::size_t round = 0; round < before.size(); ++round) {
    for (std::size_t i = 0; i < before.size(); ++i) {
      is_placed[i] = is_placed[i] || std::all_of(before[i].begin(), before[i].end(),
                                                 [&](TaskIndex b) { return is_placed[b]; });
    }
  }
  const auto left = std::find(is_placed.begin(), is_placed.end(), false);
  if (left == is_placed.end()) return std::nullopt;
  return static_cast<std::size_t>(left - is_placed.begin());
}

}  // namespace

Result<TaskGate> TaskGate::create(std::vector<TaskSpec> tasks) {
  std::map<std::string, TaskIndex> index;
  for (const TaskSpec& task : tasks) {
    if (Status checked = check_name("task", task.name); !checked) return checked.error();
    const auto at = static_cast<TaskIndex>(index.size());
    if (!index.emplace(task.name, at).second) return bad(task.name, "each name once");
  }
  std::vector<std::vector<TaskIndex>> before(tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    for (const std::string& name : tasks[i].after) {
      const auto found = index.find(name);
      if (found == index.end()) {
        return bad(tasks[i].name, "after: there is no task \"" + name + "\"");
      }
      const bool waits_for_leader = tasks[found->second].kind == TaskKind::kLeaderOnly;
      if (waits_for_leader && tasks[i].kind == TaskKind::kAlways) {
        return bad(tasks[i].name, "runs always, so not after the leader-only \"" + name + "\"");
      }
      before[i].push_back(found->second);
    }
  }
  if (const auto at = on_a_circle(before)) return bad(tasks[*at].name, "waits for itself");
  return TaskGate(std::move(tasks), std::move(before));
}

TaskGate::TaskGate(std::vector<TaskSpec> tasks, std::vector<std::vector<TaskIndex>> before)
    : tasks_(std::move(tasks)),
      before_(std::move(before)),
      states_(tasks_.size(), State::kOff),
      is_doomed_(tasks_.size(), false),
      actions_(2 * tasks_.size() + 4) {}

void TaskGate::start() {
  is_on_ = true;
  failed_.reset();
  advance();
}

void TaskGate::stop() {
  is_on_ = false;
  end_leadership();
  owes_all_stopped_ = true;
  advance();
}

void TaskGate::handle_event(const LeadershipEvent& event) {
  switch (event.kind) {
    case EventKind::kElected:
      if (leadership_) end_leadership();
      leadership_ = Leadership{event.token, event.valid_until, false};
      break;
    case EventKind::kStop:
    case EventKind::kLost:
      end_leadership();
      break;
    case EventKind::kDanger:
    case EventKind::kSafe:
    case EventKind::kHolderChanged:
    case EventKind::kRefused:
      return;
  }
  advance();
}

void TaskGate::handle_running(TaskIndex task) {
  if (states_[task] != State::kStarting) return;
  states_[task] = State::kRunning;
  advance();
}

void TaskGate::handle_stopped(TaskIndex task) {
  if (states_[task] == State::kStarting || states_[task] == State::kRunning) {
    handle_failed(task);
    return;
  }
  end(task);
}

/// A token that comes next is for tasks that start anew: what runs was given another.
void TaskGate::end_leadership() {
  if (leadership_) winding_up_ = leadership_->token;
  leadership_.reset();
  is_winding_up_ = true;
}

void TaskGate::end(TaskIndex task) {
  states_[task] = State::kOff;
  is_doomed_[task] = false;
  advance();
}

void TaskGate::handle_failed(TaskIndex task) {
  const bool was_wanted = states_[task] == State::kStarting || states_[task] == State::kRunning;
  if (was_wanted && tasks_[task].on_failure == FailurePolicy::kAbort) {
    failed_ = task;
    is_on_ = false;
    end_leadership();
    owes_all_stopped_ = true;
  } else if (was_wanted && tasks_[task].on_failure == FailurePolicy::kResign &&
             tasks_[task].kind == TaskKind::kLeaderOnly && leadership_) {
    end_leadership();
    actions_.push(GiveUpLeadership{task});
  }
  end(task);
}

/// Whether everything that `task` needs is there for it to run, or to go on.
bool TaskGate::may_run(TaskIndex task) const {
  if (!is_on_) return false;
  const bool is_leader_only = tasks_[task].kind == TaskKind::kLeaderOnly;
  if (is_leader_only && (!leadership_ || is_winding_up_)) return false;
  return std::all_of(before_[task].begin(), before_[task].end(),
                     [&](TaskIndex b) { return states_[b] == State::kRunning && !is_doomed_[b]; });
}

bool TaskGate::leader_work_runs() const {
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    if (tasks_[i].kind == TaskKind::kLeaderOnly && states_[i] != State::kOff) return true;
  }
  return false;
}

bool TaskGate::is_quiet() const {
  return std::all_of(states_.begin(), states_.end(), [](State s) { return s == State::kOff; });
}

/// A task that came after it has not stopped yet.
bool TaskGate::is_needed(TaskIndex task) const {
  for (std::size_t i = 0; i < before_.size(); ++i) {
    const auto& needs = before_[i];
    const bool needs_it = std::find(needs.begin(), needs.end(), task) != needs.end();
    if (needs_it && states_[i] != State::kOff) return true;
  }
  return false;
}

/// Marks what must stop; true if there was more of it. For good: what stood on something that has
/// failed starts anew even if that is back at once.
bool TaskGate::doom() {
  bool has_grown = false;
  for (TaskIndex i = 0; i < tasks_.size(); ++i) {
    if (states_[i] == State::kOff || is_doomed_[i] || may_run(i)) continue;
    is_doomed_[i] = has_grown = true;
  }
  return has_grown;
}

void TaskGate::stop_what_must() {
  // What stands on a doomed task is doomed too: each turn finds one more step of it.
  while (doom()) {
  }
  for (TaskIndex i = 0; i < tasks_.size(); ++i) {
    const bool is_active = states_[i] == State::kStarting || states_[i] == State::kRunning;
    if (!is_active || !is_doomed_[i] || is_needed(i)) continue;
    states_[i] = State::kStopping;
    actions_.push(StopTask{i});
  }
}

void TaskGate::start_what_may() {
  for (TaskIndex i = 0; i < tasks_.size(); ++i) {
    if (states_[i] != State::kOff || !may_run(i) || is_needed(i)) continue;
    states_[i] = State::kStarting;
    const bool is_leader_only = tasks_[i].kind == TaskKind::kLeaderOnly;
    actions_.push(StartTask{i, is_leader_only ? leadership_ : std::nullopt});
  }
}

/// Stops what must and starts what may, as far as the order permits.
void TaskGate::advance() {
  stop_what_must();
  if (is_winding_up_ && !leader_work_runs()) {
    is_winding_up_ = false;
    if (winding_up_ != FencingToken{}) actions_.push(LeaderWorkStopped{winding_up_});
    winding_up_ = {};
  }
  start_what_may();
  if (owes_all_stopped_ && is_quiet()) {
    owes_all_stopped_ = false;
    actions_.push(AllStopped{failed_});
  }
}

std::optional<GateAction> TaskGate::poll_action() {
  if (actions_.empty()) return std::nullopt;
  const GateAction action = actions_.front();
  actions_.pop();
  return action;
}

}  // namespace vouch::election
