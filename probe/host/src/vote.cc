#include "vouch/host/vote.h"

namespace vouch::host {

std::string_view to_string(VoteAnswer answer) {
  switch (answer) {
    case VoteAnswer::kGranted:
      return "granted";
    case VoteAnswer::kNotVoter:
      return "not_voter";
    case VoteAnswer::kOldTerm:
      return "old_term";
    case VoteAnswer::kVotedOther:
      return "voted_other";
    case VoteAnswer::kPromised:
      return "promised";
    case VoteAnswer::kHeld:
      return "held";
    case VoteAnswer::kJustStarted:
      return "just_started";
    case VoteAnswer::kShorterLog:
      return "shorter_log";
  }
  return "invalid";
}

const Sender& sender_of(const VoteMessage& message) {
  return std::visit([](const auto& m) -> const Sender& { return m.from; }, message);
}

}  // namespace vouch::host
