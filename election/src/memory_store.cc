#include "vouch/election/memory_store.h"

#include <algorithm>
#include <utility>

namespace vouch::election {
namespace {

StoreReply not_applied(const StoreRequest& request) {
  return {.id = request.id, .outcome = StoreOutcome::kConditionFailed};
}

StoreReply applied(const StoreRequest& request, FencingToken token) {
  return {.id = request.id, .outcome = StoreOutcome::kApplied, .token = token};
}

}  // namespace

StoreReply LockTable::apply(const StoreRequest& request) {
  const auto found = records_.find(request.name);
  LockRecord* const record = found == records_.end() ? nullptr : &found->second;
  if (std::holds_alternative<ReadLock>(request.operation)) {
    StoreReply reply{.id = request.id, .outcome = StoreOutcome::kApplied};
    if (record != nullptr) reply.record = *record;
    return reply;
  }
  if (const auto* take = std::get_if<TakeLock>(&request.operation)) {
    const bool holds = take->expected ? record != nullptr && record->version == *take->expected
                                      : record == nullptr;
    if (!holds) return not_applied(request);
    const FencingToken token = record == nullptr ? FencingToken{1} : record->token.next();
    records_[request.name] = {.name = request.name,
                              .owner = take->owner,
                              .version = take->version,
                              .lease = take->lease,
                              .token = token,
                              .is_released = false,
                              .data = take->data};
    return applied(request, token);
  }
  if (record == nullptr || record->is_released) return not_applied(request);
  if (const auto* renew = std::get_if<RenewLock>(&request.operation)) {
    if (record->owner != renew->owner || record->version != renew->expected) {
      return not_applied(request);
    }
    record->version = renew->version;
    record->lease = renew->lease;
    return applied(request, record->token);
  }
  const auto& release = std::get<ReleaseLock>(request.operation);
  if (record->owner != release.owner || record->version != release.expected) {
    return not_applied(request);
  }
  record->is_released = true;
  return applied(request, record->token);
}

std::vector<LockRecord> LockTable::list() const {
  std::vector<LockRecord> records;
  for (const auto& [name, record] : records_)
    records.push_back(record);
  return records;
}

StoreOutcome LockTable::force_release(const std::string& name) {
  const auto found = records_.find(name);
  if (found == records_.end() || found->second.is_released) return StoreOutcome::kConditionFailed;
  found->second.is_released = true;
  return StoreOutcome::kApplied;
}

StoreOutcome LockTable::fenced_put(const std::string& name, FencingToken token,
                                   const std::string& key, const std::string& value) {
  const auto found = records_.find(name);
  const bool holds =
      found != records_.end() && !found->second.is_released && found->second.token == token;
  if (!holds) return StoreOutcome::kConditionFailed;
  values_[key] = value;
  return StoreOutcome::kApplied;
}

std::optional<std::string> LockTable::fenced_get(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

void MemoryStore::submit(Instant now, ClientId client, const StoreRequest& request) {
  const auto latency = [&] {
    return Duration(rng_.between(faults_.latency_min.count(), faults_.latency_max.count()));
  };
  // Each is drawn, whatever the others come to: a fault that is added does not shift the rest.
  const Duration there = latency();
  const Duration back = latency();
  const bool is_refused = rng_.chance(faults_.refused_per_million);
  const bool loses_request = rng_.chance(faults_.lost_request_per_million);
  const bool loses_reply = rng_.chance(faults_.lost_reply_per_million);
  const bool is_late = rng_.chance(faults_.late_apply_per_million);
  const Instant give_up = now + request.timeout;
  Flight flight{.client = client, .request = request};
  if (is_refused) {
    flight.reply_at = std::min(now + there + back, give_up);
    flight.reply =
        StoreReply{.id = request.id, .outcome = StoreOutcome::kUnavailable, .trouble = "refused"};
  } else {
    if (!loses_request) flight.apply_at = now + there;
    if (is_late) {
      flight.apply_at = give_up + Duration(rng_.between(1, faults_.late_apply_max.count()));
    }
    flight.reply_at = flight.apply_at == kNever ? kNever : flight.apply_at + back;
    if (loses_reply || flight.reply_at > give_up) {
      flight.reply_at = give_up;
      flight.reply = StoreReply{
          .id = request.id, .outcome = StoreOutcome::kAmbiguous, .trouble = "no reply in time"};
    }
  }
  flights_.push_back(std::move(flight));
}

Instant MemoryStore::next_event() const {
  Instant next = kNever;
  for (const Flight& flight : flights_)
    next = std::min({next, flight.apply_at, flight.reply_at});
  return next;
}

/// Applies what has arrived until `now`, the earliest first; of two at one instant the one that was
/// sent first.
void MemoryStore::apply_due(Instant now) {
  for (;;) {
    const auto first =
        std::min_element(flights_.begin(), flights_.end(),
                         [](const Flight& a, const Flight& b) { return a.apply_at < b.apply_at; });
    if (first == flights_.end() || first->apply_at > now) return;
    StoreReply reply = table_.apply(first->request);
    if (!first->reply) first->reply = std::move(reply);
    first->apply_at = kNever;
    // What was answered before it was applied is done now.
    if (first->reply_at == kNever) flights_.erase(first);
  }
}

std::optional<MemoryStore::Delivery> MemoryStore::poll(Instant now) {
  apply_due(now);
  const auto first =
      std::min_element(flights_.begin(), flights_.end(),
                       [](const Flight& a, const Flight& b) { return a.reply_at < b.reply_at; });
  if (first == flights_.end() || first->reply_at > now) return std::nullopt;
  Delivery delivery{first->client, *first->reply};
  first->reply_at = kNever;
  if (first->apply_at == kNever) flights_.erase(first);
  return delivery;
}

}  // namespace vouch::election
