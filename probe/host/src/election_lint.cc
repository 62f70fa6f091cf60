#include "vouch/host/election_lint.h"

namespace vouch::host {

std::vector<LintRow> lint(const ElectionConfig& config, const MonitorConfig& monitor) {
  const LintSide window("election.vote_window", config.vote_window);
  const bool is_known = monitor.round_trip != Duration::zero();
  const LintSide round_trip("round_trip", monitor.round_trip,
                            is_known ? LintTerm::Kind::kKnob : LintTerm::Kind::kUnknown);
  const LintSide heartbeat_interval("heartbeat_interval", monitor.heartbeat_interval);
  return {
      {.name = "vote_retry",
       .field = "election.retry_interval",
       .left = LintSide("election.retry_interval", config.retry_interval),
       .right = window,
       .why = "a lost request is never repeated"},
      {.name = "vote_round_trip",
       .field = "election.vote_window",
       .left = round_trip,
       .right = window,
       .why = "a candidacy ends before the first vote can be here: no election is won"},
      {.name = "vote_in_lease",
       .field = "election.vote_window",
       .left = window + round_trip + heartbeat_interval,
       .right = LintSide("lease", monitor.lease),
       .if_broken = Judgement::kWarning,
       .why = "who wins late has used up the lease of its votes before the first heartbeat is "
              "acknowledged"},
  };
}

void apply_profile(Profile profile, ElectionConfig& config) {
  using std::chrono::milliseconds;
  switch (profile) {
    case Profile::kLan:
      config.retry_interval = milliseconds(50);
      config.vote_window = milliseconds(300);
      return;
    case Profile::kMultiAz:
      config.retry_interval = milliseconds(75);
      config.vote_window = milliseconds(400);
      return;
    case Profile::kWan:
      config.retry_interval = milliseconds(400);
      config.vote_window = milliseconds(1200);
      return;
  }
}

}  // namespace vouch::host
