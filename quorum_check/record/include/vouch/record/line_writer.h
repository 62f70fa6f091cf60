#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "vouch/quorum_check/recorder.h"
#include "vouch/record/line.h"

namespace vouch::record {

/// Makes a line of each decision of one or more Monitors.
///
/// A question is asked, and a vote requested, again and again until it is answered as wished: an
/// answer or a vote verdict that only repeats the one before, to the same node in the same round or
/// term, is left out. Decisions and stand-downs are never left out.
///
/// Not thread-safe: give it one owner.
class LineWriter final : public DecisionRecorder {
 public:
  /// Says who writes and when; called for each line, with the node's own instant.
  using Stamper = std::function<Stamp(NodeId node, Instant now)>;
  /// Takes a line, valid during the call only.
  using Sink = std::function<void(const Line& line)>;

  LineWriter(Stamper stamper, Sink sink) : stamper_(std::move(stamper)), sink_(std::move(sink)) {}

  void decided(const DecisionInput& input, const DecisionOutput& output,
               const Decision& decision) override;
  void stood_down(const LeadershipInput& input, const StandDown& stand_down) override;
  void answered(const AnswerInput& input, Answer answer, Instant held_until) override;
  void judged_vote(const VoteInput& input, VoteVerdict verdict) override;

 private:
  /// Who said something about whom in which group.
  using Key = std::tuple<NodeId, GroupId, NodeId>;

  void write(NodeId node, Instant now, Case what);

  Stamper stamper_;
  Sink sink_;
  /// What was said last, in which round or term. Bounded.
  std::map<Key, std::pair<std::uint64_t, Answer>> last_answers_;
  std::map<Key, std::pair<std::uint64_t, VoteVerdict>> last_votes_;
};

}  // namespace vouch::record
