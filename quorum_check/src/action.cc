#include "vouch/quorum_check/action.h"

namespace vouch {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kQuiesceSelf:
      return "QUIESCE_SELF";
    case Verdict::kSuperseded:
      return "SUPERSEDED";
    case Verdict::kSuppress:
      return "SUPPRESS";
    case Verdict::kIsolatedSelf:
      return "ISOLATED_SELF";
    case Verdict::kNoElectableCandidate:
      return "NO_ELECTABLE_CANDIDATE";
    case Verdict::kCampaign:
      return "CAMPAIGN";
    case Verdict::kEndorse:
      return "ENDORSE";
    case Verdict::kWait:
      return "WAIT";
    case Verdict::kTrust:
      return "TRUST";
  }
  return "invalid";
}

std::string_view to_string(StandDownReason reason) {
  switch (reason) {
    case StandDownReason::kLeaseLapsed:
      return "lease_lapsed";
    case StandDownReason::kDeposed:
      return "deposed";
    case StandDownReason::kNoProgress:
      return "no_progress";
    case StandDownReason::kDraining:
      return "draining";
    case StandDownReason::kResigned:
      return "resigned";
    case StandDownReason::kStalling:
      return "stalling";
  }
  return "invalid";
}

std::string_view to_string(PeerState state) {
  switch (state) {
    case PeerState::kUnknown:
      return "unknown";
    case PeerState::kTrusted:
      return "trusted";
    case PeerState::kSuspect:
      return "suspect";
  }
  return "invalid";
}

std::string_view to_string(Answer answer) {
  switch (answer) {
    case Answer::kConsent:
      return "consent";
    case Answer::kNotAsked:
      return "not_asked";
    case Answer::kLeading:
      return "leading";
    case Answer::kPromised:
      return "promised";
    case Answer::kEndorseOther:
      return "endorse_other";
    case Answer::kHeld:
      return "held";
    case Answer::kNewerTerm:
      return "newer_term";
    case Answer::kJustStarted:
      return "just_started";
    case Answer::kSick:
      return "sick";
    case Answer::kNotVoter:
      return "not_voter";
  }
  return "invalid";
}

}  // namespace vouch
