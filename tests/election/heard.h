#pragma once

#include <algorithm>
#include <mutex>
#include <vector>

#include "vouch/election_runner/candidate.h"

namespace vouch::election::testing {

/// Keeps what a Candidate tells. Any thread may ask.
class Heard final : public CandidateListener {
 public:
  void handle_event(const LeadershipEvent& event) override {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
  void handle_extended(const Leadership& /*leadership*/) override {
    const std::lock_guard lock(mutex_);
    ++extensions_;
  }
  [[nodiscard]] std::vector<LeadershipEvent> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  /// Of the take, and of each heartbeat that got through.
  [[nodiscard]] int extensions() const {
    const std::lock_guard lock(mutex_);
    return extensions_;
  }
  /// The first of its kind; number 0 if there is none.
  [[nodiscard]] LeadershipEvent first(EventKind kind) const {
    const std::vector<LeadershipEvent> all = events();
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const LeadershipEvent& e) { return e.kind == kind; });
    return found == all.end() ? LeadershipEvent{} : *found;
  }
  [[nodiscard]] bool has(EventKind kind) const { return first(kind).number != 0; }

 private:
  mutable std::mutex mutex_;
  std::vector<LeadershipEvent> events_;
  int extensions_ = 0;
};

}  // namespace vouch::election::testing
