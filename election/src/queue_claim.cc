#include "vouch/election/queue_claim.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vouch::election {
namespace {

/// A waiter looks at the whole queue after so many heartbeats, should a notice have been lost.
constexpr std::uint32_t kKeepsPerList = 5;

}  // namespace

QueueClaim::QueueClaim(const ElectorConfig& config, Rng rng)
    : name_(config.name),
      owner_(config.owner),
      lease_(config.lease),
      heartbeat_interval_(config.heartbeat_interval),
      refresh_interval_(config.refresh_interval),
      request_timeout_(config.request_timeout),
      rng_(rng) {}

void QueueClaim::begin_release(Instant now) {
  if (session_ != SessionId{}) leave_queue(now);
}

/// By the end of the session, which takes the place along: what was asked for and is still under
/// way ends with it.
void QueueClaim::leave_queue(Instant now) {
  leads_ = false;
  is_releasing_ = true;
  release_until_ = now + lease_;
  next_at_ = now;
}

void QueueClaim::forget_session(Instant now) {
  session_ = {};
  guid_.clear();
  place_.clear();
  watched_.clear();
  tried_join_ = leads_ = is_watching_ = is_releasing_ = false;
  must_list_ = true;
  next_at_ = now;
}

/// The tenure has ended, and its token with it: who leads again does so from another place.
void QueueClaim::notice_loss(Instant now, const Tenure& tenure) {
  if (leads_ && !tenure.leads()) leave_queue(now);
}

std::optional<AnyRequest> QueueClaim::act(Instant now, Tenure& tenure) {
  notice_loss(now, tenure);
  if (!wants_ && !leads_ && !is_releasing_ && session_ != SessionId{}) leave_queue(now);
  if (out_ || now < next_at_) return std::nullopt;
  if (is_releasing_ && now >= release_until_) forget_session(now);
  if (is_releasing_) return send(now, Kind::kClose, CloseSession{session_});
  if (leads_ ? now >= tenure.renews_until() : !wants_) return std::nullopt;
  return next_request(now);
}

QueueRequest QueueClaim::next_request(Instant now) {
  if (session_ == SessionId{}) return send(now, Kind::kOpen, OpenSession{lease_});
  if (place_.empty() && !tried_join_) {
    tried_join_ = true;
    if (guid_.empty()) guid_ = std::to_string(rng_.next()) + "-" + std::to_string(rng_.next());
    return send(now, Kind::kJoin, JoinQueue{session_, guid_, owner_});
  }
  if (place_.empty() || must_list_) return send(now, Kind::kList, ListQueue{session_});
  if (!leads_ && !is_watching_) return send(now, Kind::kWatch, WatchPlace{session_, watched_});
  return send(now, Kind::kKeep, KeepSession{session_, place_});
}

QueueRequest QueueClaim::send(Instant now, Kind kind, QueueOperation operation) {
  switch (kind) {
    case Kind::kOpen:
    case Kind::kList:
    case Kind::kWatch:
      ++counters_.reads;
      break;
    case Kind::kJoin:
      ++counters_.takes;
      break;
    case Kind::kKeep:
      ++counters_.heartbeats;
      break;
    case Kind::kClose:
      ++counters_.releases;
      break;
  }
  out_ = Out{++sent_, kind, now, session_};
  return {out_->id, name_, std::move(operation), request_timeout_};
}

Instant QueueClaim::due(const Tenure& tenure) const {
  if (out_) return kNever;
  if (is_releasing_) return next_at_;
  if (leads_) return next_at_ < tenure.renews_until() ? next_at_ : kNever;
  return wants_ ? next_at_ : kNever;
}

void QueueClaim::handle_reply(Instant now, const QueueReply& reply, Tenure& tenure) {
  if (!out_ || out_->id != reply.id) {
    ++counters_.replies_dropped;
    return;
  }
  const Out out = *std::exchange(out_, std::nullopt);
  notice_loss(now, tenure);
  trouble_ = reply.trouble;
  // A notice may have ended the session while this was under way.
  const bool is_old = out.kind != Kind::kOpen && out.session != session_;
  switch (reply.outcome) {
    case StoreOutcome::kApplied:
      if (!is_old) handle_answer(now, out, reply, tenure);
      return;
    case StoreOutcome::kConditionFailed:
      ++counters_.condition_failed;
      if (!is_old) handle_refusal(now, out, tenure);
      return;
    case StoreOutcome::kUnavailable:
      ++counters_.unavailable;
      // Surely not applied: it may be asked for again without looking.
      if (!is_old && out.kind == Kind::kJoin) tried_join_ = false;
      handle_silence(now, out);
      return;
    case StoreOutcome::kAmbiguous:
      ++counters_.ambiguous;
      handle_silence(now, out);
      return;
  }
}

void QueueClaim::handle_silence(Instant now, const Out& out) {
  const bool is_urgent = leads_ || is_releasing_ || out.kind == Kind::kJoin;
  next_at_ = now + (is_urgent ? heartbeat_interval_ / 4 : refresh_interval_);
}

void QueueClaim::handle_answer(Instant now, const Out& out, const QueueReply& reply,
                               Tenure& tenure) {
  next_at_ = now;
  switch (out.kind) {
    case Kind::kOpen:
      open(reply, tenure);
      if (session_ == SessionId{}) next_at_ = now + lease_;
      return;
    case Kind::kClose:
      forget_session(now);
      return;
    case Kind::kJoin:
      // That it is there is seen in the list, which comes next.
      must_list_ = true;
      return;
    case Kind::kList:
      if (!is_releasing_) handle_list(now, out, reply, tenure);
      return;
    case Kind::kWatch:
      // A notice may be here before the reply: then the queue is looked at, and at once.
      is_watching_ = !must_list_;
      if (is_watching_ && !is_releasing_) next_at_ = out.sent_at + heartbeat_interval_;
      return;
    case Kind::kKeep:
      if (is_releasing_) return;
      if (leads_) tenure.extend(now, out.sent_at);
      if (must_list_ && !leads_) return;  // For a notice that came meanwhile.
      next_at_ = out.sent_at + heartbeat_interval_;
      if (!leads_ && ++keeps_ >= kKeepsPerList) must_list_ = true;
      return;
  }
}

/// A timeout other than the one asked for is what counts, on both sides.
void QueueClaim::open(const QueueReply& reply, Tenure& tenure) {
  session_ = reply.session;
  tenure.set_lease(reply.timeout);
  if (2 * heartbeat_interval_ <= tenure.held_lease()) return;
  trouble_ = "the store's session timeout is too short for heartbeat_interval";
  session_ = {};
}

void QueueClaim::handle_refusal(Instant now, const Out& out, Tenure& tenure) {
  next_at_ = now;
  switch (out.kind) {
    case Kind::kOpen:
      next_at_ = now + refresh_interval_;
      return;
    case Kind::kWatch:
      must_list_ = true;
      return;
    case Kind::kClose:
    case Kind::kKeep:
    case Kind::kJoin:
    case Kind::kList:
      tenure.lose(now, EndReason::kSessionEnded);
      forget_session(now);
      return;
  }
}

void QueueClaim::handle_list(Instant now, const Out& out, const QueueReply& reply, Tenure& tenure) {
  const std::vector<QueuePlace>& places = reply.places;
  keeps_ = 0;
  must_list_ = false;
  const bool was_known = !place_.empty();
  const auto own = std::find_if(places.begin(), places.end(), [&](const QueuePlace& place) {
    return place.session == session_ && place.guid == guid_;
  });
  if (leads_) {
    if (own == places.begin() && own != places.end()) tenure.extend(now, out.sent_at);
    next_at_ = out.sent_at + heartbeat_interval_;
    return;
  }
  if (own == places.end()) {
    // It was not made, or not yet: a second one in the same session does no harm. One that was
    // there and is not any more was removed.
    place_.clear();
    tried_join_ = false;
    next_at_ = was_known ? now : now + heartbeat_interval_ / 4;
    return;
  }
  // Of two, made by a join whose reply was lost and by its repetition, the first.
  place_ = own->id;
  const QueuePlace& first = places.front();
  seen_ = LockRecord{.name = name_,
                     .owner = first.owner,
                     .version = {first.id},
                     .lease = lease_,
                     .token = first.token,
                     .is_released = false,
                     .data = {}};
  if (own == places.begin()) {
    if (!wants_ || tenure.role() != Role::kIdle || now >= out.sent_at + tenure.held_lease()) {
      must_list_ = true;
      return;
    }
    leads_ = true;
    told_holder_ = owner_;
    told_token_ = own->token;
    next_at_ = out.sent_at + heartbeat_interval_;
    tenure.grant(now, own->token, out.sent_at);
    return;
  }
  const std::string& before = std::prev(own)->id;
  is_watching_ = is_watching_ && watched_ == before;
  watched_ = before;
  if (is_watching_) next_at_ = out.sent_at + heartbeat_interval_;
  tell_holder(now, first, tenure);
}

void QueueClaim::tell_holder(Instant now, const QueuePlace& first, Tenure& tenure) {
  if (first.owner == told_holder_ && first.token == told_token_) return;
  told_holder_ = first.owner;
  told_token_ = first.token;
  tenure.tell({.kind = EventKind::kHolderChanged, .token = told_token_, .holder = told_holder_},
              now);
}

void QueueClaim::handle_notice(Instant now, const QueueNotice& notice, Tenure& tenure) {
  if (notice.session != session_ || session_ == SessionId{}) return;
  switch (notice.kind) {
    case QueueNoticeKind::kPlaceGone:
      is_watching_ = false;
      must_list_ = true;
      if (!leads_ && !is_releasing_) next_at_ = now;
      return;
    case QueueNoticeKind::kLinkLost:
      // Whether the session lives is unknown, so nothing more may be done under it.
      tenure.lose(now, EndReason::kLinkLost);
      notice_loss(now, tenure);
      // A watch went with the link.
      is_watching_ = false;
      must_list_ = true;
      if (!is_releasing_) next_at_ = std::min(next_at_, now + heartbeat_interval_ / 4);
      return;
    case QueueNoticeKind::kSessionEnded:
      tenure.lose(now, EndReason::kSessionEnded);
      forget_session(now);
      return;
  }
}

}  // namespace vouch::election
