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

FlightPlan plan_flight(Rng& rng, const StoreFaults& faults, Instant now, Duration timeout) {
  const auto latency = [&] {
    return Duration(rng.between(faults.latency_min.count(), faults.latency_max.count()));
  };
  const Duration there = latency();
  const Duration back = latency();
  const bool is_refused = rng.chance(faults.refused_per_million);
  const bool loses_request = rng.chance(faults.lost_request_per_million);
  const bool loses_reply = rng.chance(faults.lost_reply_per_million);
  const bool is_late = rng.chance(faults.late_apply_per_million);
  const Instant give_up = now + timeout;
  FlightPlan plan;
  if (is_refused) {
    plan.reply_at = std::min(now + there + back, give_up);
    plan.told = StoreOutcome::kUnavailable;
    plan.trouble = "refused";
    return plan;
  }
  if (!loses_request) plan.apply_at = now + there;
  if (is_late) plan.apply_at = give_up + Duration(rng.between(1, faults.late_apply_max.count()));
  plan.reply_at = plan.apply_at == kNever ? kNever : plan.apply_at + back;
  if (loses_reply || plan.reply_at > give_up) {
    plan.reply_at = give_up;
    plan.told = StoreOutcome::kAmbiguous;
    plan.trouble = "no reply in time";
  }
  return plan;
}

void MemoryStore::submit(Instant now, ClientId client, const StoreRequest& request) {
  flights_.submit(client, request, plan_flight(rng_, faults_, now, request.timeout));
}

std::optional<MemoryStore::Delivery> MemoryStore::poll(Instant now) {
  while (auto* const flight = flights_.arrived(now))
    flights_.done(*flight, table_.apply(flight->request));
  return flights_.poll(now);
}

}  // namespace vouch::election
