#include "vouch/election/elector.h"

#include <algorithm>
#include <utility>

namespace vouch::election {

Result<Elector> Elector::create(const ElectorConfig& config, Instant now, Rng rng) {
  if (Status checked = validate(config); !checked) return checked.error();
  return Elector(config, now, rng);
}

Elector::Elector(const ElectorConfig& config, Instant now, Rng rng)
    : config_(config), tenure_(config), claim_(config, rng), last_(now) {}

Instant Elector::enter(Instant now) {
  last_ = std::max(last_, now);
  tenure_.check(last_);
  return last_;
}

void Elector::leave(Instant now) {
  claim_.want(is_started_ && is_eligible_ && now >= out_until_ && !claim_.is_refused() &&
              tenure_.role() == Role::kIdle);
  if (std::optional<StoreRequest> request = claim_.act(now, tenure_)) request_ = std::move(request);
}

void Elector::start(Instant now) {
  now = enter(now);
  is_started_ = true;
  leave(now);
}

void Elector::resign(Instant now) {
  now = enter(now);
  if (tenure_.leads()) out_until_ = now + config_.lease;
  tenure_.ask_to_stop(now, EndReason::kResigned);
  leave(now);
}

void Elector::set_eligible(Instant now, Eligibility eligible) {
  now = enter(now);
  is_eligible_ = eligible == Eligibility::kYes;
  if (!is_eligible_) tenure_.ask_to_stop(now, EndReason::kIneligible);
  leave(now);
}

void Elector::close(Instant now) {
  now = enter(now);
  is_started_ = false;
  tenure_.ask_to_stop(now, EndReason::kClosed);
  leave(now);
}

void Elector::report_progress(Instant now) {
  now = enter(now);
  tenure_.progress(now);
  leave(now);
}

void Elector::work_stopped(Instant now) {
  now = enter(now);
  // Work that ended by itself or hung: the others get their turn.
  if (tenure_.role() == Role::kLeading || tenure_.stop_reason() == EndReason::kNoProgress) {
    out_until_ = now + config_.lease;
  }
  if (tenure_.work_stopped(now)) claim_.begin_release(now);
  leave(now);
}

void Elector::handle_reply(Instant now, const StoreReply& reply) {
  now = enter(now);
  claim_.handle_reply(now, reply, tenure_);
  leave(now);
}

void Elector::handle_timeout(Instant now) {
  now = enter(now);
  leave(now);
}

std::optional<ElectorAction> Elector::poll_action() {
  // What happened before what is to be sent: `kLost` stands before the release.
  if (std::optional<LeadershipEvent> event = tenure_.poll_event()) return *std::move(event);
  if (request_) return *std::exchange(request_, std::nullopt);
  return std::nullopt;
}

Instant Elector::next_timeout() const {
  Instant due = std::min(tenure_.due(), claim_.due(tenure_));
  if (is_started_ && is_eligible_ && out_until_ > last_) due = std::min(due, out_until_);
  return due;
}

std::optional<Leadership> Elector::current(Instant now) const {
  return tenure_.current(std::max(now, last_));
}

Role Elector::role() const {
  if (tenure_.role() != Role::kIdle) return tenure_.role();
  if (claim_.is_refused()) return Role::kRefused;
  return is_started_ && is_eligible_ ? Role::kWaiting : Role::kIdle;
}

bool Elector::is_settled() const {
  return tenure_.role() == Role::kIdle && claim_.is_settled();
}

ElectorStatus Elector::status(Instant now) const {
  return {role(),           current(now),     claim_.seen(), claim_.expires_at(),
          claim_.trouble(), claim_.counters()};
}

}  // namespace vouch::election
