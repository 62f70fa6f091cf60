#include "vouch/quorum_check/front_end_observer.h"

#include <algorithm>
#include <string>

#include "vouch/detector/assert.h"

namespace vouch {
namespace {

/// What one call can want done: a round of probes, a hint for each replica, a new route.
constexpr std::size_t kObserverActions = 2 * kMaxNodes + 1;

Error observer_error(const char* field, const std::string& rule, const std::string& value) {
  return Error{Errc::kBadConfig, std::string(field) + ": " + rule + ", but it is " + value};
}

std::string milliseconds_text(Duration duration) {
  return std::to_string(duration.count() / 1'000'000) + " ms";
}

Status check_observer(const FrontEndObserverConfig& config) {
  if (config.self == kNobody) return observer_error("self", "must not be 0", "0");
  if (config.incarnation.value() == 0) return observer_error("incarnation", "must not be 0", "0");
  const std::vector<NodeId>& replicas = config.replicas;
  if (replicas.empty() || replicas.size() > kMaxNodes) {
    return observer_error("replicas", "1 to " + std::to_string(kMaxNodes) + " replicas",
                          std::to_string(replicas.size()));
  }
  for (auto one = replicas.begin(); one != replicas.end(); ++one) {
    const std::string id = std::to_string(one->value());
    if (*one == kNobody) return observer_error("replicas", "an id must not be 0", "0");
    if (*one == config.self) return observer_error("replicas", "must not name self", id);
    if (std::find(replicas.begin(), one, *one) != one) {
      return observer_error("replicas", "each replica once", id + " twice");
    }
  }
  constexpr Duration least = std::chrono::milliseconds(1);
  constexpr Duration most = std::chrono::hours(1);
  const Duration interval = config.probe_interval;
  if (interval < least || interval > most) {
    return observer_error("probe_interval", "in [1 ms, 1 h]", milliseconds_text(interval));
  }
  if (config.patience < least || config.patience > interval) {
    return observer_error("patience", "in [1 ms, probe_interval]",
                          milliseconds_text(config.patience));
  }
  if (config.ask_interval < least || config.ask_interval > interval) {
    return observer_error("ask_interval", "in [1 ms, probe_interval]",
                          milliseconds_text(config.ask_interval));
  }
  if (config.return_after < Duration::zero() || config.return_after > most) {
    return observer_error("return_after", "in [0, 1 h]", milliseconds_text(config.return_after));
  }
  return Done{};
}

/// An instant of the front-end's clock as it travels; 0 means "none".
ClockStamp observer_stamp(Instant at) {
  const auto count = at.time_since_epoch().count();
  return ClockStamp{count == 0 ? 1 : count};
}

}  // namespace

std::string_view to_string(FrontEndRoute route) {
  switch (route) {
    case FrontEndRoute::kUnknown:
      return "unknown";
    case FrontEndRoute::kDirect:
      return "direct";
    case FrontEndRoute::kVia:
      return "via";
    case FrontEndRoute::kIsolated:
      return "isolated";
  }
  return "invalid";
}

Result<FrontEndObserver> FrontEndObserver::create(const FrontEndObserverConfig& config, Instant now,
                                                  Rng rng) {
  if (Status checked = check_observer(config); !checked) return checked.error();
  return FrontEndObserver(config, now, rng);
}

FrontEndObserver::FrontEndObserver(const FrontEndObserverConfig& config, Instant now, Rng rng)
    : config_(config), out_(kObserverActions), began_(now), now_(now) {
  for (const NodeId node : config.replicas)
    replicas_[count_++].node = node;
  // Front-ends that start together shall not speak in chorus.
  next_probe_ = now + Duration(rng.between(0, config.probe_interval.count() - 1));
  due_ = compute_due();
}

void FrontEndObserver::enter(Instant now) {
  now_ = std::max(now_, now);
}

/// What time alone has changed is noticed in every call.
void FrontEndObserver::leave() {
  bool asks = doubts_somebody();
  watch_leader();
  choose_route();
  if (now_ >= next_ask_) {
    asks = true;
    ask_after_ = std::min(2 * ask_after_, config_.probe_interval);
    next_ask_ = now_ + ask_after_;
  }
  if (now_ >= next_probe_) {
    asks = true;
    // A lost leader is to be missed no longer than need be, and the way around it is watched.
    next_probe_ = now_ + (lost_ ? config_.probe_interval / 2 : config_.probe_interval);
  }
  if (asks) probe_all();
  reroute_requests();
  due_ = compute_due();
}

void FrontEndObserver::handle_timeout(Instant now) {
  enter(now);
  leave();
}

void FrontEndObserver::handle_message(Instant now, NodeId from, const FrontEndMessage& message) {
  enter(now);
  const auto* answer = std::get_if<FrontEndAnswer>(&message);
  const std::uint8_t slot = slot_of(from);
  if (answer == nullptr || slot == kNone || answer->from.node != from ||
      answer->group != config_.group || answer->echo_incarnation != config_.incarnation) {
    ++dropped_;
  } else {
    take_answer(replicas_[slot], *answer);
  }
  leave();
}

void FrontEndObserver::take_answer(Replica& replica, const FrontEndAnswer& answer) {
  const Instant asked_at{Duration(answer.echo.value())};
  const bool is_old =
      answer.from.incarnation < replica.incarnation ||
      (answer.from.incarnation == replica.incarnation && answer.sent_at < replica.newest) ||
      asked_at < replica.answered_at;
  if (is_old || asked_at > now_ || asked_at < began_) {
    ++dropped_;
    return;
  }
  replica.incarnation = answer.from.incarnation;
  replica.newest = answer.sent_at;
  replica.answered_at = asked_at;
  // A later probe is still on its way.
  if (replica.probe_since <= asked_at) {
    replica.probe_since = replica.probed_at > asked_at ? replica.probed_at : kNever;
  }
  replica.doubt_at = kNever;
  replica.asked = replica.asked && replica.request_since != kNever;
  const Duration sample = now_ - asked_at;
  replica.round_trip = replica.round_trip == Duration::zero()
                           ? sample
                           : replica.round_trip + (sample - replica.round_trip) / 8;
  replica.view = answer.view;
  replica.term = answer.term;
  replica.leader = answer.leader;
  replica.sick = answer.sick;
  // Aged, never refreshed: counted from when it was asked.
  replica.proved_until = asked_at + from_wire(answer.lease);
  follow(answer);
}

/// The newest term wins; a leader that vouches for itself is better than a name passed on.
void FrontEndObserver::follow(const FrontEndAnswer& answer) {
  if (answer.term < term_) return;
  const std::uint8_t leader = slot_of(answer.leader);
  const bool is_newer = answer.term > term_;
  term_ = answer.term;
  if (leader == kNone) {
    if (is_newer) leader_ = kNone;
    return;
  }
  if (leader == leader_) return;
  // One term has one leader: whoever names another one is wrong.
  if (!is_newer && leader_ != kNone) return;
  leader_ = leader;
  lost_ = false;
  steady_since_ = kNever;
}

/// Loses the leader when it leaves something unanswered, and takes it back when it has answered for
/// long enough.
void FrontEndObserver::watch_leader() {
  if (leader_ == kNone) return;
  Replica& leader = replicas_[leader_];
  if (is_silent(leader)) {
    steady_since_ = kNever;
    if (lost_) return;
    lost_ = true;
    next_probe_ = std::min(next_probe_, now_ + config_.probe_interval / 2);
  } else if (lost_ && leader.answered_at != kLongAgo) {
    if (steady_since_ == kNever) steady_since_ = now_;
    if (now_ - steady_since_ >= config_.return_after) lost_ = false;
  }
}

/// Whether a replica has just become silent, or leaves a request unanswered: what do all of them
/// know now?
bool FrontEndObserver::doubts_somebody() {
  bool doubts = false;
  for (std::uint8_t slot = 0; slot < count_; ++slot) {
    Replica& replica = replicas_[slot];
    const bool is_overdue = now_ >= overdue_at(replica);
    if (replica.asked || !(is_overdue || is_silent(replica))) continue;
    replica.asked = true;
    if (is_overdue) replica.doubt_at = now_ + patience(replica, config_.patience / 5);
    // Nothing depends on another one that is silent; the probes go on.
    doubts |= is_overdue || slot == leader_ || slot == to_;
  }
  return doubts;
}

void FrontEndObserver::probe_all() {
  const bool is_lost = leader_ != kNone && is_silent(replicas_[leader_]);
  for (std::uint8_t slot = 0; slot < count_; ++slot) {
    Replica& replica = replicas_[slot];
    FrontEndProbe probe{.from = {config_.self, config_.incarnation}};
    probe.group = config_.group;
    probe.sent_at = observer_stamp(now_);
    probe.echo_incarnation = replica.incarnation;
    probe.echo = replica.newest;
    probe.term = term_;
    probe.leader = node_of(leader_);
    probe.lost = is_lost;
    replica.probed_at = now_;
    replica.probe_since = std::min(replica.probe_since, now_);
    out_.push(SendFrontEnd{replica.node, probe});
  }
}

Duration FrontEndObserver::patience(const Replica& replica, Duration least) const {
  return std::clamp(3 * replica.round_trip, least, config_.probe_interval);
}

/// When the replica is silent, if nothing comes.
Instant FrontEndObserver::silent_at(const Replica& replica) const {
  if (replica.probe_since == kNever) return kNever;
  return std::min(replica.probe_since + patience(replica, config_.patience), replica.doubt_at);
}

Instant FrontEndObserver::overdue_at(const Replica& replica) const {
  return saturating_add(replica.request_since, patience(replica, config_.patience));
}

/// Whether requests that go to this replica reach the leader, as far as known.
bool FrontEndObserver::leads_on(std::uint8_t slot) const {
  const Replica& replica = replicas_[slot];
  if (is_silent(replica) || replica.sick || replica.answered_at == kLongAgo) return false;
  if (replica.term != term_ || replica.leader != node_of(leader_)) return false;
  return replica.view == LeaderView::kReached || replica.view == LeaderView::kLeading;
}

/// The nearest replica that reaches the leader, the present way before others; kNone: there is
/// none.
std::uint8_t FrontEndObserver::best_way(std::uint8_t but) const {
  if (leader_ == kNone) return kNone;
  if (!lost_ && leader_ != but && leads_on(leader_)) return leader_;
  if (to_ != kNone && to_ != but && to_ != leader_ && leads_on(to_)) return to_;
  std::uint8_t best = kNone;
  for (std::uint8_t slot = 0; slot < count_; ++slot) {
    if (slot == but || (lost_ && slot == leader_) || !leads_on(slot)) continue;
    if (best == kNone || replicas_[slot].round_trip < replicas_[best].round_trip) best = slot;
  }
  // Better the leader that may fall silent again than nobody.
  return best == kNone && leader_ != but && leads_on(leader_) ? leader_ : best;
}

void FrontEndObserver::choose_route() {
  const std::uint8_t to = best_way(kNone);
  FrontEndRoute route = FrontEndRoute::kUnknown;
  if (to != kNone) {
    route = to == leader_ ? FrontEndRoute::kDirect : FrontEndRoute::kVia;
  } else if (std::all_of(replicas_.begin(), replicas_.begin() + count_,
                         [&](const Replica& replica) { return is_silent(replica); })) {
    route = FrontEndRoute::kIsolated;
  }
  if (to != kNone) {
    next_ask_ = kNever;
  } else if (next_ask_ == kNever) {
    ask_after_ = config_.ask_interval;
    next_ask_ = now_ + ask_after_;
  }
  if (route == route_ && to == to_) return;
  route_ = route;
  to_ = to;
  RouteChanged changed{route, term_, node_of(leader_), node_of(to)};
  if (route == FrontEndRoute::kVia) changed.until = replicas_[to].proved_until;
  out_.push(changed);
}

/// Points requests that wait in vain to where they are answered.
void FrontEndObserver::reroute_requests() {
  for (std::uint8_t slot = 0; slot < count_; ++slot) {
    Replica& replica = replicas_[slot];
    if (replica.rerouted || now_ < overdue_at(replica)) continue;
    // It may only be slow: what it says itself must be newer than the request.
    const bool is_useless =
        is_silent(replica) || (replica.answered_at > replica.request_since && !leads_on(slot));
    // What was sent before the leader changed was sent to nobody.
    const bool is_lost = replica.request_term < term_;
    if (!is_useless && !is_lost) continue;
    const std::uint8_t to = best_way(is_useless ? slot : kNone);
    if (to == kNone || replicas_[to].answered_at < replica.request_since) continue;
    replica.rerouted = true;
    out_.push(Reroute{replica.node, replicas_[to].node});
  }
}

void FrontEndObserver::request_sent(Instant now, NodeId replica) {
  enter(now);
  const std::uint8_t slot = slot_of(replica);
  if (slot != kNone && replicas_[slot].request_since == kNever) {
    replicas_[slot].request_since = now_;
    replicas_[slot].request_term = term_;
    replicas_[slot].rerouted = false;
    replicas_[slot].asked = false;
  }
  leave();
}

void FrontEndObserver::request_answered(Instant now, NodeId replica) {
  enter(now);
  const std::uint8_t slot = slot_of(replica);
  if (slot != kNone && replicas_[slot].request_since != kNever) {
    // A request that comes back is as good as a probe that does.
    Replica& one = replicas_[slot];
    if (one.probe_since <= one.request_since) one.probe_since = kNever;
    one.doubt_at = kNever;
    one.request_since = kNever;
    one.asked = false;
  }
  leave();
}

void FrontEndObserver::request_given_up(Instant now, NodeId replica) {
  enter(now);
  const std::uint8_t slot = slot_of(replica);
  if (slot != kNone) replicas_[slot].request_since = kNever;
  leave();
}

bool FrontEndObserver::avoids(NodeId replica) const {
  const std::uint8_t slot = slot_of(replica);
  return slot != kNone && to_ != kNone && slot != to_ && !leads_on(slot);
}

std::uint8_t FrontEndObserver::slot_of(NodeId node) const {
  for (std::uint8_t slot = 0; slot < count_; ++slot) {
    if (replicas_[slot].node == node) return slot;
  }
  return kNone;
}

std::optional<FrontEndAction> FrontEndObserver::poll_action() {
  if (out_.empty()) return std::nullopt;
  std::optional<FrontEndAction> action = out_.front();
  out_.pop();
  return action;
}

Instant FrontEndObserver::compute_due() const {
  Instant at = std::min(next_probe_, next_ask_);
  if (lost_ && steady_since_ != kNever) at = std::min(at, steady_since_ + config_.return_after);
  for (std::uint8_t slot = 0; slot < count_; ++slot) {
    const Replica& replica = replicas_[slot];
    if (now_ < silent_at(replica)) at = std::min(at, silent_at(replica));
    if (now_ < overdue_at(replica)) at = std::min(at, overdue_at(replica));
  }
  return at;
}

}  // namespace vouch
