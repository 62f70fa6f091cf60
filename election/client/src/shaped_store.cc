#include "shaped_store.h"

#include <algorithm>
#include <utility>

#include "vouch/election_runner/clock.h"

namespace vouch::election {
namespace {

/// Heartbeats in a row that only seem to get through; then what the store says counts.
constexpr std::size_t kPerhapsMax = 1000;

}  // namespace

bool Observations::has_expired(Instant now, const LockRecord& record) {
  const std::lock_guard lock(mutex_);
  const auto found = seen_.find(record.name);
  if (found != seen_.end() && found->second.version == record.version) {
    return now - found->second.since > found->second.lease;
  }
  if (found == seen_.end()) make_room(now);
  seen_[record.name] = {record.version, now, record.lease};
  return false;
}

/// What nobody has looked at for long goes first, then any.
void Observations::make_room(Instant now) {
  if (seen_.size() < max_) return;
  std::erase_if(
      seen_, [&](const auto& entry) { return now - entry.second.since > 2 * entry.second.lease; });
  while (!seen_.empty() && seen_.size() >= max_)
    seen_.erase(seen_.begin());
}

StoreReply ShapedStore::apply(const StoreRequest& request) {
  StoreRequest shaped = request;
  if (auto* const take_lock = std::get_if<TakeLock>(&shaped.operation)) {
    TakeLock changed = *take_lock;
    return take(std::move(shaped), changed);
  }
  if (auto* const renew_lock = std::get_if<RenewLock>(&shaped.operation)) {
    RenewLock changed = *renew_lock;
    return renew(std::move(shaped), changed);
  }
  if (auto* const release_lock = std::get_if<ReleaseLock>(&shaped.operation)) {
    ReleaseLock changed = *release_lock;
    return release(std::move(shaped), changed);
  }
  return read(request);
}

ShapedStore::Progress ShapedStore::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

StoreReply ShapedStore::read(const StoreRequest& request) {
  StoreReply reply = inner_->apply(request);
  if (reply.outcome != StoreOutcome::kApplied) return reply;
  {
    const std::lock_guard lock(mutex_);
    progress_.has_answered = true;
    // Of a release without a reply the record tells.
    const bool shows_it = reply.record && reply.record->owner == shape_.owner &&
                          reply.record->is_released && has_sent_release_;
    if (shows_it) progress_.has_released = true;
  }
  last_read_ = reply.record;
  if (!reply.record || reply.record->is_released || reply.record->owner == shape_.owner) {
    return reply;
  }
  // What has run out by an earlier look may be taken at its version as what was released.
  reply.record->is_released = observations_->has_expired(boottime_now(), *reply.record);
  return reply;
}

StoreReply ShapedStore::take(StoreRequest request, TakeLock& take) {
  if (shape_.only_if_exists && !take.expected) {
    StoreReply reply{.id = request.id, .outcome = StoreOutcome::kConditionFailed};
    reply.trouble = "the lock must exist";
    return reply;
  }
  const bool is_as_read = take.expected && last_read_ && last_read_->version == *take.expected;
  if (!shape_.replace_data && is_as_read && !last_read_->data.empty()) {
    take.data = last_read_->data;
  }
  request.operation = std::move(take);
  StoreReply reply = inner_->apply(request);
  if (reply.outcome == StoreOutcome::kApplied) token_ = reply.token;
  if (reply.outcome == StoreOutcome::kConditionFailed) {
    const std::lock_guard lock(mutex_);
    progress_.was_refused = true;
  }
  return reply;
}

StoreReply ShapedStore::find_actual(const StoreRequest& request, RecordVersion& version) {
  StoreRequest look{.id = request.id,
                    .name = request.name,
                    .operation = ReadLock{},
                    .timeout = request.timeout / 2};
  StoreReply reply = inner_->apply(look);
  if (reply.outcome != StoreOutcome::kApplied) return reply;
  const std::optional<LockRecord>& record = reply.record;
  const bool is_ours =
      record && record->owner == shape_.owner && !record->is_released &&
      std::find(perhaps_.begin(), perhaps_.end(), record->version) != perhaps_.end();
  if (is_ours) {
    version = record->version;
  } else {
    perhaps_.clear();
    reply.outcome = StoreOutcome::kConditionFailed;
  }
  reply.record.reset();
  return reply;
}

StoreReply ShapedStore::renew(StoreRequest request, RenewLock& renew) {
  const RecordVersion confirmed = renew.expected;
  StoreReply reply{.id = request.id, .outcome = StoreOutcome::kApplied};
  if (!perhaps_.empty()) reply = find_actual(request, renew.expected);
  if (reply.outcome == StoreOutcome::kConditionFailed) return reply;
  const RecordVersion next = renew.version;
  if (reply.outcome == StoreOutcome::kApplied) {
    if (!perhaps_.empty()) request.timeout /= 2;
    request.operation = std::move(renew);
    reply = inner_->apply(request);
  }
  if (reply.outcome == StoreOutcome::kApplied) {
    perhaps_.clear();
    return reply;
  }
  const bool is_away =
      reply.outcome == StoreOutcome::kUnavailable || reply.outcome == StoreOutcome::kAmbiguous;
  if (!shape_.hold_on_unavailable || !is_away || perhaps_.size() >= kPerhapsMax) return reply;
  if (perhaps_.empty()) perhaps_.push_back(confirmed);
  perhaps_.push_back(next);
  reply.outcome = StoreOutcome::kApplied;
  reply.token = token_;
  return reply;
}

StoreReply ShapedStore::release(StoreRequest request, ReleaseLock& release) {
  if (!perhaps_.empty()) {
    StoreReply found = find_actual(request, release.expected);
    if (found.outcome != StoreOutcome::kApplied) return found;
    request.timeout /= 2;
  }
  has_sent_release_ = true;
  request.operation = std::move(release);
  StoreReply reply = inner_->apply(request);
  if (reply.outcome == StoreOutcome::kApplied) {
    const std::lock_guard lock(mutex_);
    progress_.has_released = true;
  }
  return reply;
}

}  // namespace vouch::election
