#include "vouch/election/memory_queue.h"

#include <algorithm>
#include <utility>

namespace vouch::election {
namespace {

SessionId session_of(const QueueOperation& operation) {
  return std::visit(
      [](const auto& op) {
        if constexpr (requires { op.session; }) {
          return op.session;
        } else {
          return SessionId{};
        }
      },
      operation);
}

}  // namespace

QueueReply QueueTable::open(Instant now, const OpenSession& open) {
  const SessionId id{++made_};
  const Duration timeout = std::clamp(open.timeout, timeout_min_, timeout_max_);
  sessions_[id] = {timeout, now};
  return {.outcome = StoreOutcome::kApplied, .session = id, .timeout = timeout};
}

QueueReply QueueTable::apply(Instant now, const QueueRequest& request) {
  expire(now);
  QueueReply reply{.id = request.id, .outcome = StoreOutcome::kConditionFailed};
  if (const auto* wanted = std::get_if<OpenSession>(&request.operation)) {
    reply = open(now, *wanted);
    reply.id = request.id;
    return reply;
  }
  const SessionId session = session_of(request.operation);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return reply;
  found->second.heard_at = now;
  const auto has_place = [&](const std::string& id) {
    return std::any_of(places_.begin(), places_.end(),
                       [&](const QueuePlace& place) { return place.id == id; });
  };
  if (std::holds_alternative<CloseSession>(request.operation)) {
    end(session);
  } else if (const auto* keep = std::get_if<KeepSession>(&request.operation)) {
    if (!keep->place.empty() && !has_place(keep->place)) return reply;
  } else if (const auto* join = std::get_if<JoinQueue>(&request.operation)) {
    const std::uint64_t number = ++made_;
    places_.push_back({.id = "place-" + std::to_string(number),
                       .guid = join->guid,
                       .owner = join->owner,
                       .session = session,
                       .token = FencingToken{number}});
    reply.places = {places_.back()};
  } else if (const auto* watch = std::get_if<WatchPlace>(&request.operation)) {
    if (!has_place(watch->place)) return reply;
    // Once, however often it is asked for.
    const auto is_same = [&](const Watch& w) {
      return w.session == session && w.place == watch->place;
    };
    if (std::none_of(watches_.begin(), watches_.end(), is_same)) {
      watches_.push_back({session, watch->place});
    }
  } else {
    reply.places = places_;
  }
  reply.outcome = StoreOutcome::kApplied;
  return reply;
}

void QueueTable::end(SessionId session) {
  sessions_.erase(session);
  std::erase_if(watches_, [&](const Watch& watch) { return watch.session == session; });
  for (std::size_t at = places_.size(); at > 0; --at) {
    if (places_[at - 1].session == session) erase_place(at - 1);
  }
}

void QueueTable::erase_place(std::size_t at) {
  const std::string id = places_[at].id;
  places_.erase(places_.begin() + static_cast<std::ptrdiff_t>(at));
  for (const Watch& watch : watches_) {
    if (watch.place == id) notices_.push_back({QueueNoticeKind::kPlaceGone, watch.session});
  }
  // A watch speaks once.
  std::erase_if(watches_, [&](const Watch& watch) { return watch.place == id; });
}

bool QueueTable::remove_place(const std::string& id) {
  for (std::size_t at = 0; at < places_.size(); ++at) {
    if (places_[at].id != id) continue;
    erase_place(at);
    return true;
  }
  return false;
}

void QueueTable::expire(Instant now) {
  std::vector<SessionId> over;
  for (const auto& [id, session] : sessions_) {
    if (now > session.heard_at + session.timeout) over.push_back(id);
  }
  for (const SessionId id : over) {
    end(id);
    notices_.push_back({QueueNoticeKind::kSessionEnded, id});
  }
}

Instant QueueTable::next_expiry() const {
  Instant next = kNever;
  for (const auto& [id, session] : sessions_)
    next = std::min(next, session.heard_at + session.timeout + Duration(1));
  return next;
}

std::vector<QueueNotice> QueueTable::take_notices() {
  return std::exchange(notices_, {});
}

void MemoryQueue::submit(Instant now, ClientId client, const QueueRequest& request) {
  flights_.submit(client, request, plan_flight(rng_, faults_, now, request.timeout));
}

Instant MemoryQueue::next_event() const {
  return std::min(table_.next_expiry(), flights_.next_event());
}

void MemoryQueue::apply_due(Instant now) {
  for (;;) {
    auto* const flight = flights_.arrived(now);
    const Instant expiry = table_.next_expiry();
    if (expiry <= now && (flight == nullptr || expiry <= flight->apply_at)) {
      table_.expire(expiry);
      send_notices(expiry);
      continue;
    }
    if (flight == nullptr) return;
    const Instant at = flight->apply_at;
    QueueReply reply = table_.apply(at, flight->request);
    if (reply.session != SessionId{}) clients_[reply.session] = flight->client;
    flights_.done(*flight, std::move(reply));
    send_notices(at);
  }
}

void MemoryQueue::send_notices(Instant now) {
  for (const QueueNotice& notice : table_.take_notices()) {
    ++notices_sent_;
    const Duration back(rng_.between(faults_.latency_min.count(), faults_.latency_max.count()));
    if (rng_.chance(faults_.lost_reply_per_million)) continue;
    flights_.send(clients_[notice.session], notice, now + back);
  }
}

std::optional<MemoryQueue::Delivery> MemoryQueue::poll(Instant now) {
  apply_due(now);
  return flights_.poll(now);
}

}  // namespace vouch::election
