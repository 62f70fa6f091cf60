// The words of the lock stores' vocabulary, and the check of names.

#include <algorithm>

#include "vouch/election/claim.h"
#include "vouch/election/leadership.h"
#include "vouch/election/lock.h"
#include "vouch/election/store.h"

namespace vouch::election {

const char* to_string(StoreOutcome outcome) {
  switch (outcome) {
    case StoreOutcome::kApplied:
      return "applied";
    case StoreOutcome::kConditionFailed:
      return "condition failed";
    case StoreOutcome::kUnavailable:
      return "unavailable";
    case StoreOutcome::kAmbiguous:
      return "ambiguous";
  }
  return "unknown";
}

const char* to_string(PeerVerdict verdict) {
  switch (verdict) {
    case PeerVerdict::kUnknown:
      return "unknown";
    case PeerVerdict::kReached:
      return "reached";
    case PeerVerdict::kNotReached:
      return "not_reached";
  }
  return "unknown";
}

const char* to_string(Role role) {
  switch (role) {
    case Role::kIdle:
      return "idle";
    case Role::kWaiting:
      return "waiting";
    case Role::kLeading:
      return "leading";
    case Role::kStopping:
      return "stopping";
    case Role::kWindingUp:
      return "winding_up";
    case Role::kRefused:
      return "refused";
  }
  return "unknown";
}

const char* to_string(EndReason reason) {
  switch (reason) {
    case EndReason::kNone:
      return "none";
    case EndReason::kResigned:
      return "resigned";
    case EndReason::kIneligible:
      return "ineligible";
    case EndReason::kClosed:
      return "closed";
    case EndReason::kLapsed:
      return "lapsed";
    case EndReason::kNoProgress:
      return "no_progress";
    case EndReason::kTaken:
      return "taken";
    case EndReason::kForced:
      return "forced";
    case EndReason::kRecordGone:
      return "record_gone";
    case EndReason::kSessionEnded:
      return "session_ended";
    case EndReason::kLinkLost:
      return "link_lost";
    case EndReason::kOwnerNameInUse:
      return "owner_name_in_use";
  }
  return "unknown";
}

const char* to_string(EventKind kind) {
  switch (kind) {
    case EventKind::kElected:
      return "elected";
    case EventKind::kDanger:
      return "danger";
    case EventKind::kSafe:
      return "safe";
    case EventKind::kStop:
      return "stop";
    case EventKind::kLost:
      return "lost";
    case EventKind::kHolderChanged:
      return "holder_changed";
    case EventKind::kRefused:
      return "refused";
  }
  return "unknown";
}

Status check_name(const std::string& field, const std::string& value) {
  if (value.empty() || value.size() > kNameMax) {
    return Error{Errc::kBadConfig, field + ": in [1, " + std::to_string(kNameMax) +
                                       "] bytes, but it has " + std::to_string(value.size())};
  }
  const auto is_control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  };
  const auto found = std::find_if(value.begin(), value.end(), is_control);
  if (found == value.end()) return Done{};
  return Error{Errc::kBadConfig, field + ": without control characters, but byte " +
                                     std::to_string(found - value.begin() + 1) + " is one"};
}

}  // namespace vouch::election
