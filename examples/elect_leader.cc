// An application whose parts start in order, some of them only on the process that leads. Two of
// its processes, here in one program over a store in memory: the first leads, is drained, and the
// second takes over. With SqliteStore instead they would be two processes.

#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

#include "vouch/election/task_gate.h"
#include "vouch/election_runner/candidate.h"
#include "vouch/election_runner/memory_lock_store.h"

namespace {

namespace ve = vouch::election;

/// One process of the application: a candidate, and the gate that its election opens and closes.
class Application final : public ve::CandidateListener {
 public:
  Application(const char* name, ve::LockStore& store)
      : name_(name),
        gate_(ve::TaskGate::create(
                  {{.name = "cache", .after = {}},
                   {.name = "writer", .after = {"cache"}, .kind = ve::TaskKind::kLeaderOnly},
                   {.name = "cron", .after = {"writer"}, .kind = ve::TaskKind::kLeaderOnly}})
                  .value()) {
    ve::ElectorConfig config = ve::scaled_to(std::chrono::milliseconds(500));
    config.name = "example";
    config.owner = name;
    candidate_ = ve::Candidate::create(config, store, this).value();
    const std::lock_guard lock(mutex_);
    gate_.start();
    carry_out();
  }

  /// On the candidate's thread, in order.
  void handle_event(const ve::LeadershipEvent& event) override {
    const std::lock_guard lock(mutex_);
    gate_.handle_event(event);
    carry_out();
  }

  [[nodiscard]] ve::Candidate& candidate() { return *candidate_; }

 private:
  /// A real application would start and stop threads, and say when they run and have ended.
  void carry_out() {
    while (const std::optional<ve::GateAction> action = gate_.poll_action()) {
      if (const auto* start = std::get_if<ve::StartTask>(&*action)) {
        std::printf("%s: starts %s", name_, gate_.tasks()[start->task].name.c_str());
        if (start->leadership) {
          std::printf(" with token %d", static_cast<int>(start->leadership->token.value()));
        }
        std::printf("\n");
        gate_.handle_running(start->task);
      } else if (const auto* stop = std::get_if<ve::StopTask>(&*action)) {
        std::printf("%s: stops %s\n", name_, gate_.tasks()[stop->task].name.c_str());
        gate_.handle_stopped(stop->task);
      } else if (std::holds_alternative<ve::LeaderWorkStopped>(*action)) {
        candidate_->work_stopped();
      } else if (std::holds_alternative<ve::GiveUpLeadership>(*action)) {
        candidate_->resign();
      }
    }
  }

  const char* name_;
  std::mutex mutex_;
  ve::TaskGate gate_;
  std::unique_ptr<ve::Candidate> candidate_;  ///< Last: its thread uses all of the above.
};

void await_leadership(ve::Candidate& candidate) {
  while (!candidate.current())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace

int main() {
  ve::MemoryLockStore store;
  Application first("first", store);
  Application second("second", store);
  first.candidate().start();
  await_leadership(first.candidate());
  second.candidate().start();
  first.candidate().set_eligible(ve::Eligibility::kNo);  // Before a deployment.
  await_leadership(second.candidate());
  second.candidate().close();
  return second.candidate().wait_settled(std::chrono::seconds(5)) ? 0 : 1;
}
