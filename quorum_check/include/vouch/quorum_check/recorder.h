#pragma once

#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/decide.h"
#include "vouch/quorum_check/leadership.h"

namespace vouch {

/// Sees each decision of a Monitor together with everything that it depends on, at the instant at
/// which it is taken and before the action that tells it comes out. Install it with
/// Monitor::set_recorder; without one nothing is gathered.
///
/// The inputs refer to the Monitor's memory: they are valid during the call only. A recorder must
/// not call the Monitor. What it does (allocate, write) is its own affair: it is an edge.
class DecisionRecorder {
 public:
  /// A confirmation came to something new.
  virtual void decided(const DecisionInput& input, const DecisionOutput& output,
                       const Decision& decision) = 0;

  /// A leader stands down.
  virtual void stood_down(const LeadershipInput& input, const StandDown& stand_down) = 0;

  /// Somebody's question was answered; with a consent, `held_until` is for how long it binds.
  virtual void answered(const AnswerInput& input, Answer answer, Instant held_until) = 0;

  /// The host asked whether it may vote.
  virtual void judged_vote(const VoteInput& input, VoteVerdict verdict) = 0;

 protected:
  DecisionRecorder() = default;
  DecisionRecorder(const DecisionRecorder&) = default;
  DecisionRecorder& operator=(const DecisionRecorder&) = default;
  ~DecisionRecorder() = default;
};

}  // namespace vouch
