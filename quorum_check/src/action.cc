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
    case StandDownReason::kTransferred:
      return "transferred";
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

std::string_view to_string(DiagnosisKind kind) {
  switch (kind) {
    case DiagnosisKind::kProcessExit:
      return "process_exit";
    case DiagnosisKind::kHostSilent:
      return "host_silent";
    case DiagnosisKind::kIsolated:
      return "isolated";
    case DiagnosisKind::kSickNode:
      return "sick_node";
    case DiagnosisKind::kOneWayCut:
      return "one_way_cut";
    case DiagnosisKind::kPartialPartition:
      return "partial_partition";
    case DiagnosisKind::kHubOnly:
      return "hub_only";
    case DiagnosisKind::kFlappingLink:
      return "flapping_link";
    case DiagnosisKind::kLargeLost:
      return "large_lost";
    case DiagnosisKind::kHungWorker:
      return "hung_worker";
    case DiagnosisKind::kLossyNode:
      return "lossy_node";
    case DiagnosisKind::kLossyLink:
      return "lossy_link";
    case DiagnosisKind::kSlowNode:
      return "slow_node";
    case DiagnosisKind::kSlowLink:
      return "slow_link";
    case DiagnosisKind::kFrontEndPath:
      return "front_end_path";
  }
  return "invalid";
}

std::string_view to_string(TransferReason reason) {
  switch (reason) {
    case TransferReason::kDrained:
      return "drained";
    case TransferReason::kLossy:
      return "lossy";
    case TransferReason::kSlow:
      return "slow";
    case TransferReason::kSick:
      return "sick";
    case TransferReason::kFrontEnds:
      return "front_ends";
  }
  return "invalid";
}

std::string_view to_string(DiagnosisChange change) {
  return change == DiagnosisChange::kRaised ? "raised" : "cleared";
}

}  // namespace vouch
