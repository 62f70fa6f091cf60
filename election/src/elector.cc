#include "vouch/election/elector.h"

#include <algorithm>
#include <utility>

namespace vouch::election {
namespace {

std::variant<RowClaim, QueueClaim> claim_of(const ElectorConfig& config, Rng rng) {
  if (config.store == StoreKind::kQueue) return QueueClaim(config, rng);
  return RowClaim(config, rng);
}

}  // namespace

Result<Elector> Elector::create(const ElectorConfig& config, Instant now, Rng rng) {
  if (Status checked = validate(config); !checked) return checked.error();
  return Elector(config, now, rng);
}

Elector::Elector(const ElectorConfig& config, Instant now, Rng rng)
    : config_(config), tenure_(config), claim_(claim_of(config, rng)), last_(now) {}

Instant Elector::enter(Instant now) {
  last_ = std::max(last_, now);
  tenure_.check(last_);
  return last_;
}

void Elector::leave(Instant now) {
  const bool may_stand =
      is_started_ && is_eligible_ && now >= out_until_ && tenure_.role() == Role::kIdle;
  std::visit(
      [&](auto& claim) {
        claim.want(may_stand && !claim.is_refused());
        if constexpr (requires { claim.ask_peers(now); }) {
          if (auto question = claim.ask_peers(now)) question_ = std::move(question);
        }
        if (auto request = claim.act(now, tenure_)) request_ = std::move(request);
      },
      claim_);
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
  if (tenure_.work_stopped(now)) {
    std::visit([now](auto& claim) { claim.begin_release(now); }, claim_);
  }
  leave(now);
}

void Elector::handle_reply(Instant now, const StoreReply& reply) {
  now = enter(now);
  if (auto* row = std::get_if<RowClaim>(&claim_)) row->handle_reply(now, reply, tenure_);
  leave(now);
}

void Elector::handle_reply(Instant now, const QueueReply& reply) {
  now = enter(now);
  if (auto* queue = std::get_if<QueueClaim>(&claim_)) queue->handle_reply(now, reply, tenure_);
  leave(now);
}

void Elector::handle_notice(Instant now, const QueueNotice& notice) {
  now = enter(now);
  if (auto* queue = std::get_if<QueueClaim>(&claim_)) queue->handle_notice(now, notice, tenure_);
  leave(now);
}

void Elector::handle_answer(Instant now, const PeerAnswer& answer) {
  now = enter(now);
  if (auto* row = std::get_if<RowClaim>(&claim_)) row->handle_answer(now, answer);
  leave(now);
}

void Elector::handle_timeout(Instant now) {
  now = enter(now);
  leave(now);
}

std::optional<ElectorAction> Elector::poll_action() {
  // What happened before what is to be sent: `kLost` stands before the release.
  if (std::optional<LeadershipEvent> event = tenure_.poll_event()) return *std::move(event);
  if (question_) return *std::exchange(question_, std::nullopt);
  if (!request_) return std::nullopt;
  return std::visit(
      [](auto&& request) { return ElectorAction(std::forward<decltype(request)>(request)); },
      *std::exchange(request_, std::nullopt));
}

Instant Elector::next_timeout() const {
  Instant due = std::min(tenure_.due(), claim([&](const auto& c) { return c.due(tenure_); }));
  if (is_started_ && is_eligible_ && out_until_ > last_) due = std::min(due, out_until_);
  return due;
}

std::optional<Leadership> Elector::current(Instant now) const {
  return tenure_.current(std::max(now, last_));
}

Role Elector::role() const {
  if (tenure_.role() != Role::kIdle) return tenure_.role();
  if (claim([](const auto& c) { return c.is_refused(); })) return Role::kRefused;
  return is_started_ && is_eligible_ ? Role::kWaiting : Role::kIdle;
}

bool Elector::is_settled() const {
  return tenure_.role() == Role::kIdle && claim([](const auto& c) { return c.is_settled(); });
}

ElectorStatus Elector::status(Instant now) const {
  return claim([&](const auto& c) {
    return ElectorStatus{role(), current(now), c.seen(), c.expires_at(), c.trouble(), c.counters()};
  });
}

}  // namespace vouch::election
