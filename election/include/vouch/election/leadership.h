#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "vouch/detector/time.h"
#include "vouch/election/lock.h"

namespace vouch::election {

/// What an Elector is at the moment.
enum class Role : std::uint8_t {
  kIdle,       ///< Not started, not eligible, or closed.
  kWaiting,    ///< Wants to lead; another does, or nobody yet.
  kLeading,    ///< Holds the lock.
  kStopping,   ///< Still holds the lock and renews it, while the host stops the work of a leader.
  kWindingUp,  ///< No longer holds it, and the host has not yet said that the work has stopped.
  kRefused,    ///< Another process with the same owner name holds the lock: this one stays out.
};

[[nodiscard]] const char* to_string(Role role);

/// Why leadership ends.
enum class EndReason : std::uint8_t {
  kNone,
  kResigned,        ///< The host asked for it, or its work ended.
  kIneligible,      ///< set_eligible(kNo).
  kClosed,          ///< close().
  kLapsed,          ///< No heartbeat got through in time.
  kNoProgress,      ///< The work has not moved for progress_timeout.
  kTaken,           ///< Another holds the lock.
  kForced,          ///< Somebody released it by force.
  kRecordGone,      ///< Somebody removed the record.
  kSessionEnded,    ///< The store ended the session, or somebody removed the place in the queue.
  kLinkLost,        ///< The store with the session cannot be reached.
  kOwnerNameInUse,  ///< Another process has the same owner name and is alive.
};

[[nodiscard]] const char* to_string(EndReason reason);

enum class EventKind : std::uint8_t {
  kElected,        ///< Leads: the work of a leader may start.
  kDanger,         ///< Heartbeats have not got through for danger_after. Still leads.
  kSafe,           ///< One has got through again.
  kStop,           ///< Stop the work, then call work_stopped(). Still leads, until `valid_until`.
  kLost,           ///< Leads no more. Work that still runs must stop at once; then work_stopped().
  kHolderChanged,  ///< Another process was seen to hold the lock; empty: nobody.
  kRefused,        ///< See Role::kRefused.
};

[[nodiscard]] const char* to_string(EventKind kind);

/// What happened, pushed in order. For each token: kElected, then kDanger and kSafe in turns, then
/// kStop at most once, then kLost exactly once.
struct LeadershipEvent {
  std::uint64_t number = 0;  ///< 1, 2, ...: one that is missed is noticed.
  Instant at{};
  EventKind kind = EventKind::kLost;
  EndReason reason = EndReason::kNone;  ///< Of kStop, kLost and kRefused.
  FencingToken token{};                 ///< Of kHolderChanged: the holder's.
  Instant valid_until = kLongAgo;       ///< By the own clock. kLongAgo of kLost.
  std::string holder;                   ///< Of kHolderChanged and kRefused.
};

/// Permission to do the work of a leader until `valid_until`, with `token` for what is written to.
struct Leadership {
  FencingToken token{};
  Instant valid_until = kLongAgo;
  bool is_stopping = false;  ///< The host was told to stop.
};

}  // namespace vouch::election
