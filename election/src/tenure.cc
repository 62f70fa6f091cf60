#include "vouch/election/tenure.h"

#include <algorithm>
#include <utility>

namespace vouch::election {
namespace {

/// An input tells at most danger, stop, lost, a grant and a change of the holder.
constexpr std::size_t kEventsMax = 16;

}  // namespace

Tenure::Tenure(const ElectorConfig& config)
    : config_(config),
      lease_(config.lease),
      held_lease_(config.held_lease()),
      danger_after_(config.danger_after),
      stop_time_(config.stop_time),
      progress_timeout_(config.progress_timeout),
      events_(kEventsMax) {}

void Tenure::set_lease(Duration lease) {
  VOUCH_ASSERT(!leads());
  config_.lease = lease_ = lease;
  held_lease_ = config_.held_lease();
}

void Tenure::grant(Instant now, FencingToken token, Instant sent_at) {
  VOUCH_ASSERT(role_ == Role::kIdle);
  VOUCH_ASSERT(now < sent_at + held_lease_);
  role_ = Role::kLeading;
  token_ = token;
  sent_at_ = sent_at;
  progressed_at_ = now;
  in_danger_ = false;
  stop_reason_ = EndReason::kNone;
  tell_own(now, EventKind::kElected, EndReason::kNone);
}

void Tenure::extend(Instant now, Instant sent_at) {
  VOUCH_ASSERT(leads());
  sent_at_ = std::max(sent_at_, sent_at);
  if (!in_danger_ || role_ != Role::kLeading || now >= sent_at_ + danger_after_) return;
  in_danger_ = false;
  tell_own(now, EventKind::kSafe, EndReason::kNone);
}

void Tenure::ask_to_stop(Instant now, EndReason reason) {
  if (role_ != Role::kLeading) return;
  role_ = Role::kStopping;
  stop_since_ = now;
  stop_reason_ = reason;
  tell_own(now, EventKind::kStop, reason);
}

void Tenure::lose(Instant now, EndReason reason) {
  if (!leads()) return;
  role_ = Role::kWindingUp;
  tell_own(now, EventKind::kLost, reason);
}

bool Tenure::work_stopped(Instant now) {
  const bool led = leads();
  lose(now, role_ == Role::kStopping ? stop_reason_ : EndReason::kResigned);
  role_ = Role::kIdle;
  return led;
}

void Tenure::check(Instant now) {
  if (!leads()) return;
  if (now >= valid_until()) {
    lose(now, role_ == Role::kStopping ? stop_reason_ : EndReason::kLapsed);
    return;
  }
  if (role_ != Role::kLeading) return;
  if (!in_danger_ && now >= sent_at_ + danger_after_) {
    in_danger_ = true;
    tell_own(now, EventKind::kDanger, EndReason::kNone);
  }
  if (progress_timeout_ != Duration::zero() && now - progressed_at_ >= progress_timeout_) {
    ask_to_stop(now, EndReason::kNoProgress);
  } else if (now >= valid_until() - stop_time_) {
    ask_to_stop(now, EndReason::kLapsed);
  }
}

Instant Tenure::due() const {
  if (!leads()) return kNever;
  if (role_ != Role::kLeading) return valid_until();
  Instant due = valid_until() - stop_time_;
  if (!in_danger_) due = std::min(due, sent_at_ + danger_after_);
  if (progress_timeout_ != Duration::zero())
    due = std::min(due, progressed_at_ + progress_timeout_);
  return due;
}

std::optional<Leadership> Tenure::current(Instant now) const {
  if (!leads() || now >= valid_until()) return std::nullopt;
  return Leadership{token_, valid_until(), role_ == Role::kStopping};
}

Instant Tenure::renews_until() const {
  if (role_ == Role::kLeading) return kNever;
  if (role_ != Role::kStopping || stop_reason_ == EndReason::kNoProgress) return kLongAgo;
  return stop_since_ + lease_;
}

void Tenure::tell(LeadershipEvent event, Instant now) {
  event.number = ++told_;
  event.at = now;
  events_.push(event);
}

void Tenure::tell_own(Instant now, EventKind kind, EndReason reason) {
  const Instant until = kind == EventKind::kLost ? kLongAgo : valid_until();
  tell({.kind = kind, .reason = reason, .token = token_, .valid_until = until, .holder = {}}, now);
}

std::optional<LeadershipEvent> Tenure::poll_event() {
  if (events_.empty()) return std::nullopt;
  LeadershipEvent event = events_.front();
  events_.pop();
  return event;
}

}  // namespace vouch::election
