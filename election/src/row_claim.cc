#include "vouch/election/row_claim.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vouch::election {
namespace {

/// Writes on one version whose outcome is open. With more of them only reads go out.
constexpr std::size_t kAttemptsMax = 32;

/// Changes of a record with this process's owner name that it did not make, until somebody else
/// must be alive under that name: one may be a late write of a process that is gone.
constexpr std::uint32_t kTwinChanges = 2;

constexpr Duration kInstantAfter{1};

constexpr const char* kDigits = "0123456789abcdef";

std::optional<RecordVersion> version_of(const std::optional<LockRecord>& record) {
  return record ? std::optional(record->version) : std::nullopt;
}

std::string holder_of(const std::optional<LockRecord>& record) {
  return record && !record->is_released ? record->owner : std::string();
}

}  // namespace

RowClaim::RowClaim(const ElectorConfig& config, Rng rng)
    : name_(config.name),
      owner_(config.owner),
      data_(config.data),
      lease_(config.lease),
      held_lease_(config.held_lease()),
      heartbeat_interval_(config.heartbeat_interval),
      refresh_interval_(config.refresh_interval),
      request_timeout_(config.request_timeout),
      rng_(rng),
      peer_leave_(config) {}

void RowClaim::begin_release(Instant now) {
  if (!holds_) return;
  holds_ = false;
  is_releasing_ = true;
  release_until_ = now + lease_;
  next_at_ = now;
}

/// If nobody knows whether the lock was given back, what the record shows is still our own.
void RowClaim::end_release() {
  is_releasing_ = false;
  is_unsure_ = true;
  attempts_.push_back({.version = confirmed_, .expected = {}, .sent_at = kLongAgo});
}

/// The tenure ended by the clock, with the record perhaps still ours: what we take over from
/// ourselves needs no waiting.
void RowClaim::notice_loss(Instant now, const Tenure& tenure) {
  if (!holds_ || tenure.leads()) return;
  holds_ = false;
  is_unsure_ = true;
  next_at_ = now;
  attempts_.push_back({.version = confirmed_, .expected = {}, .sent_at = kLongAgo});
}

std::optional<AnyRequest> RowClaim::act(Instant now, Tenure& tenure) {
  notice_loss(now, tenure);
  if (out_ || now < next_at_) return std::nullopt;
  if (is_releasing_ && now >= release_until_) end_release();
  if (is_releasing_) {
    if (is_unsure_) return send(now, Kind::kRead, ReadLock{});
    return send(now, Kind::kRelease, ReleaseLock{owner_, confirmed_});
  }
  const bool has_room = attempts_.size() < kAttemptsMax;
  if (holds_) {
    if (is_unsure_) return send(now, Kind::kRead, ReadLock{});
    if (now >= tenure.renews_until()) return std::nullopt;
    return has_room ? renew(now) : send(now, Kind::kRead, ReadLock{});
  }
  if (!wants_) return std::nullopt;
  if (!is_unsure_ && has_room && is_takeable(now)) return take(now, version_of(seen_));
  return send(now, Kind::kRead, ReadLock{});
}

Instant RowClaim::due(const Tenure& tenure) const {
  const Instant peers_due = watches_holder() ? peer_leave_.due() : kNever;
  if (out_) return peers_due;
  if (is_releasing_) return next_at_;
  if (holds_) return is_unsure_ || next_at_ < tenure.renews_until() ? next_at_ : kNever;
  return wants_ ? std::min(next_at_, peers_due) : kNever;
}

/// Somebody else's lock is watched: nothing of our own is open.
bool RowClaim::watches_holder() const {
  return wants_ && !holds_ && !is_releasing_ && has_seen_ && seen_ && !seen_->is_released &&
         !is_own(*seen_);
}

std::optional<PeerQuestion> RowClaim::ask_peers(Instant now) {
  if (!watches_holder()) return std::nullopt;
  const bool is_due = now >= peer_leave_.due();
  std::optional<PeerQuestion> question = peer_leave_.ask(now, *seen_);
  if (question) ++counters_.peers_asked;
  if (is_due && !question && peer_leave_.is_given(now)) next_at_ = now;
  return question;
}

void RowClaim::handle_answer(Instant now, const PeerAnswer& answer) {
  if (!peer_leave_.handle_answer(now, answer)) return;
  if (answer.verdict == PeerVerdict::kReached) {
    ++counters_.held_off;
  } else {
    next_at_ = now;
  }
}

void RowClaim::handle_reply(Instant now, const StoreReply& reply, Tenure& tenure) {
  if (!out_ || out_->id != reply.id) {
    ++counters_.replies_dropped;
    return;
  }
  const Out out = *std::exchange(out_, std::nullopt);
  notice_loss(now, tenure);
  if (reply.outcome == StoreOutcome::kUnavailable) ++counters_.unavailable;
  if (reply.outcome == StoreOutcome::kAmbiguous) ++counters_.ambiguous;
  if (reply.outcome == StoreOutcome::kConditionFailed) ++counters_.condition_failed;
  trouble_ = reply.trouble;
  // What surely never takes effect need not be looked for.
  const bool never = reply.outcome == StoreOutcome::kUnavailable ||
                     reply.outcome == StoreOutcome::kConditionFailed;
  if (never && out.kind != Kind::kRead) forget(out.version);
  switch (out.kind) {
    case Kind::kRead:
      if (reply.outcome == StoreOutcome::kApplied) {
        handle_read(now, reply.record, tenure);
      } else {
        next_at_ = now + retry_interval();
      }
      return;
    case Kind::kTake:
      handle_take(now, out, reply, tenure);
      return;
    case Kind::kRenew:
      handle_renew(now, out, reply, tenure);
      return;
    case Kind::kRelease:
      handle_release(now, reply);
      return;
  }
}

void RowClaim::handle_read(Instant now, const std::optional<LockRecord>& record, Tenure& tenure) {
  if (holds_ || is_releasing_) {
    settle(now, record, tenure);
  } else {
    observe(now, record, tenure);
  }
}

/// What became of the writes whose outcome is open: the record tells.
void RowClaim::settle(Instant now, const std::optional<LockRecord>& record, Tenure& tenure) {
  const bool is_held = record && record->owner == owner_ && !record->is_released;
  const Attempt* const attempt = is_held ? find_attempt(record->version) : nullptr;
  if (attempt != nullptr) {
    ++counters_.adopted;
    confirmed_ = attempt->version;
    // By when it was sent: that it is seen now proves nothing about when it was applied.
    const Instant sent_at = attempt->sent_at;
    attempts_.clear();
    is_unsure_ = false;
    if (tenure.leads()) tenure.extend(now, sent_at);
    next_at_ = is_releasing_ ? now : std::max(now, sent_at + heartbeat_interval_);
    return;
  }
  prune(record);
  if (is_held && record->version == confirmed_) {
    is_unsure_ = false;
    next_at_ = attempts_.size() < kAttemptsMax ? now : now + retry_interval();
    return;
  }
  if (is_releasing_) {
    end_release();
  } else {
    holds_ = false;
    EndReason reason = EndReason::kTaken;
    if (!record) reason = EndReason::kRecordGone;
    if (record && record->version == confirmed_) reason = EndReason::kForced;
    tenure.lose(now, reason);
  }
  observe(now, record, tenure);
}

void RowClaim::observe(Instant now, const std::optional<LockRecord>& record, Tenure& tenure) {
  prune(record);
  is_unsure_ = false;
  const bool may_hold = wants_ && tenure.role() == Role::kIdle;
  if (may_hold && record && is_own(*record) && !record->is_released) {
    const Attempt attempt = *find_attempt(record->version);
    if (attempt.is_take && now < attempt.sent_at + held_lease_) {
      ++counters_.adopted;
      hold(now, attempt.version, record->token, attempt.sent_at, tenure);
      return;
    }
  }
  if (record) watch_for_twin(now, *record, tenure);
  const bool is_same =
      has_seen_ && version_of(seen_) == version_of(record) && holder_of(seen_) == holder_of(record);
  if (!is_same) {
    seen_at_ = now;
    peer_leave_.forget();
  }
  if (is_same) peer_leave_.look(now, expires_at());
  has_seen_ = true;
  seen_ = record;
  tell_holder(now, record, tenure);
  const Instant look_again = now + refresh_interval_;
  const bool may_take = attempts_.size() < kAttemptsMax;
  next_at_ = may_take && is_takeable(now) ? now : look_again;
  if (may_take && now < expires_at()) next_at_ = std::min(next_at_, expires_at());
}

/// Twice another version under the own name: that process is alive, and the two would undo each
/// other's work.
void RowClaim::watch_for_twin(Instant now, const LockRecord& record, Tenure& tenure) {
  const bool is_foreign = record.owner == owner_ && !record.is_released && !is_own(record);
  if (!is_foreign) {
    if (record.owner != owner_) twin_changes_ = 0;
    return;
  }
  const bool was_foreign = seen_ && seen_->owner == owner_ && !is_own(*seen_);
  if (!was_foreign || seen_->version == record.version) return;
  if (++twin_changes_ < kTwinChanges) return;
  is_refused_ = true;
  tenure.tell({.kind = EventKind::kRefused,
               .reason = EndReason::kOwnerNameInUse,
               .token = record.token,
               .holder = record.owner},
              now);
}

void RowClaim::tell_holder(Instant now, const std::optional<LockRecord>& record, Tenure& tenure) {
  const std::string holder = holder_of(record);
  const FencingToken token = holder.empty() ? FencingToken{} : record->token;
  if (holder == told_holder_ && token == told_token_) return;
  told_holder_ = holder;
  told_token_ = token;
  tenure.tell({.kind = EventKind::kHolderChanged, .token = token, .holder = holder}, now);
}

/// What was not applied, or nobody knows whether, is asked for again; unless it surely was not, the
/// record is read first.
void RowClaim::try_again(Instant now, StoreOutcome outcome) {
  if (outcome != StoreOutcome::kUnavailable) is_unsure_ = true;
  next_at_ = outcome == StoreOutcome::kConditionFailed ? now : now + retry_interval();
}

void RowClaim::handle_take(Instant now, const Out& out, const StoreReply& reply, Tenure& tenure) {
  is_unsure_ = true;
  if (reply.outcome != StoreOutcome::kApplied) return try_again(now, reply.outcome);
  if (!wants_ || tenure.role() != Role::kIdle) {
    // It was told to stay out meanwhile.
    confirmed_ = out.version;
    holds_ = true;
    is_unsure_ = false;
    begin_release(now);
  } else if (now < out.sent_at + held_lease_) {
    hold(now, out.version, reply.token, out.sent_at, tenure);
  } else {
    // The reply took a whole lease: the record is ours, and the lease has run out.
    next_at_ = now;
  }
}

void RowClaim::handle_renew(Instant now, const Out& out, const StoreReply& reply, Tenure& tenure) {
  // Once the lease has run out, what was applied late is an own record to take over from.
  if (!holds_ && !is_releasing_) return;
  if (reply.outcome != StoreOutcome::kApplied) return try_again(now, reply.outcome);
  confirmed_ = out.version;
  attempts_.clear();
  is_unsure_ = false;
  if (tenure.leads()) tenure.extend(now, out.sent_at);
  next_at_ = is_releasing_ ? now : out.sent_at + heartbeat_interval_;
}

void RowClaim::handle_release(Instant now, const StoreReply& reply) {
  if (reply.outcome != StoreOutcome::kApplied) return try_again(now, reply.outcome);
  end_release();
  next_at_ = now;
}

void RowClaim::hold(Instant now, const RecordVersion& version, FencingToken token, Instant sent_at,
                    Tenure& tenure) {
  holds_ = true;
  confirmed_ = version;
  attempts_.clear();
  is_unsure_ = false;
  has_seen_ = false;
  seen_.reset();
  next_at_ = sent_at + heartbeat_interval_;
  told_holder_ = owner_;
  told_token_ = token;
  tenure.grant(now, token, sent_at);
}

StoreRequest RowClaim::send(Instant now, Kind kind, LockOperation operation,
                            RecordVersion version) {
  switch (kind) {
    case Kind::kRead:
      ++counters_.reads;
      break;
    case Kind::kTake:
      ++counters_.takes;
      break;
    case Kind::kRenew:
      ++counters_.heartbeats;
      break;
    case Kind::kRelease:
      ++counters_.releases;
      break;
  }
  out_ = Out{++sent_, kind, now, std::move(version)};
  return {out_->id, name_, std::move(operation), request_timeout_};
}

StoreRequest RowClaim::take(Instant now, std::optional<RecordVersion> expected) {
  const RecordVersion version = next_version();
  attempts_.push_back({version, expected, now, true});
  return send(now, Kind::kTake, TakeLock{std::move(expected), owner_, version, lease_, data_},
              version);
}

StoreRequest RowClaim::renew(Instant now) {
  const RecordVersion version = next_version();
  attempts_.push_back({version, confirmed_, now, false});
  return send(now, Kind::kRenew, RenewLock{owner_, confirmed_, version, lease_}, version);
}

/// A random UUID (RFC 9562, version 4), as Amazon's lock client writes them.
RecordVersion RowClaim::next_version() {
  const std::array<std::uint64_t, 2> words{rng_.next(), rng_.next()};
  std::string text;
  text.reserve(36);
  for (unsigned i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) text += '-';
    std::uint64_t digit = words[i / 16] >> (60 - 4 * (i % 16)) & 0xfU;
    if (i == 12) digit = 4;
    if (i == 16) digit = 8 + digit % 4;
    text += kDigits[digit];
  }
  return {text};
}

const RowClaim::Attempt* RowClaim::find_attempt(const RecordVersion& version) const {
  const auto found = std::find_if(attempts_.begin(), attempts_.end(),
                                  [&](const Attempt& a) { return a.version == version; });
  return found == attempts_.end() ? nullptr : &*found;
}

void RowClaim::forget(const RecordVersion& version) {
  std::erase_if(attempts_, [&](const Attempt& a) { return a.version == version; });
}

/// Drops what can neither be the record nor become it any more.
void RowClaim::prune(const std::optional<LockRecord>& record) {
  const std::optional<RecordVersion> version = version_of(record);
  std::erase_if(attempts_,
                [&](const Attempt& a) { return a.version != version && a.expected != version; });
}

bool RowClaim::is_own(const LockRecord& record) const {
  return record.owner == owner_ && find_attempt(record.version) != nullptr;
}

bool RowClaim::is_takeable(Instant now) const {
  if (!has_seen_) return false;
  if (!seen_ || seen_->is_released || is_own(*seen_)) return true;
  return now >= expires_at() && peer_leave_.is_given(now);
}

Instant RowClaim::expires_at() const {
  if (!has_seen_ || !seen_) return kNever;
  // Strictly more than the lease.
  return saturating_add(saturating_add(seen_at_, seen_->lease), kInstantAfter);
}

Duration RowClaim::retry_interval() const {
  return holds_ || is_releasing_ ? heartbeat_interval_ / 4 : refresh_interval_;
}

}  // namespace vouch::election
