#include "vouch/sim/engine.h"

#include <algorithm>

#include "vouch/detector/assert.h"

namespace vouch::sim {
namespace {

/// One stream of chance per concern.
enum Stream : std::uint64_t {
  kLoss = 1,
  kDelay = 2,
  kNodes = 3,
  kFloods = 4,
  kNotices = 5,
  kReplicas = 100,
};

}  // namespace

void Context::note(const Note& note) {
  for (Observer* observer : engine_.observers_)
    observer->noted(engine_, self_, note);
}

bool Context::is_observed() const {
  return !engine_.observers_.empty();
}

void* Context::begin_send(NodeId to, std::size_t size) {
  return engine_.begin_send(self_, to.value() - 1, size);
}

void Context::end_send() {
  engine_.end_send();
}

Engine::Engine(const Protocol& protocol, const EngineOptions& options)
    : protocol_(protocol),
      options_(options),
      links_(options.replicas, options.link),
      pool_(std::max(protocol.largest_message(), sizeof(NodeFault))),
      loss_rng_(Rng(options.seed).fork(kLoss)),
      delay_rng_(Rng(options.seed).fork(kDelay)),
      node_rng_(Rng(options.seed).fork(kNodes)),
      flood_rng_(Rng(options.seed).fork(kFloods)),
      notice_rng_(Rng(options.seed).fork(kNotices)) {
  nodes_.resize(options.replicas);
  for (NodeIndex index = 0; index < nodes_.size(); ++index) {
    nodes_[index].replica =
        protocol.make({id_of(index), nodes_.size(), Rng(options.seed).fork(kReplicas + index)});
    // Clocks of different nodes show different times, so that nobody compares them unnoticed.
    const auto offset = std::chrono::milliseconds(node_rng_.between(1'000, 1'000'000));
    nodes_[index].clock = LocalClock(kStart, Instant(offset), 0);
  }
  compute_reachability();
}

Engine::~Engine() = default;

void Engine::start() {
  for (Node& node : nodes_)
    set_running(node, true, false);
  compute_reachability();
  for (NodeIndex index = 0; index < nodes_.size(); ++index) {
    boot(index, {Incarnation{1}, true, false, options_.initial_leader});
  }
}

void Engine::run_until(TrueTime end) {
  run_end_ = end;
  while (!heap_.empty() && heap_.top().time() < run_end_ && !is_exhausted()) {
    const EventHeap::Entry entry = heap_.pop();
    now_ = entry.time();
    const EventHeap::SlotNumber slot = entry.slot();
    if (slot >= kFirstMessage) {
      handle_arrival(slot - kFirstMessage);
    } else {
      handle_timer(slot, entry.time());
    }
  }
  VOUCH_ASSERT(run_end_ >= now_);
  now_ = run_end_;
}

void Engine::boot(NodeIndex index, const Boot& boot) {
  Node& node = nodes_[index];
  node.incarnation = boot.incarnation;
  Context context(*this, index, node.clock.local(now_));
  node.timeout = node.replica->start(boot, context);
  arm(index);
  if (!observers_.empty()) show(index, status(index));
  tell_trouble(index);
}

void Engine::handle_timer(NodeIndex index, TrueTime at) {
  Node& node = nodes_[index];
  if (at != node.armed) return;  // A later timer that an earlier one has replaced.
  node.armed = kEndOfTime;
  if (!node.is_prompt && !is_timers_turn(node)) return;
  ++counters_.events;
  if (node.clock.local(now_) < node.timeout) {
    arm(index);  // The replica has moved its timeout on since.
    return;
  }
  fire(index);
}

void Engine::fire(NodeIndex index) {
  ++counters_.timeouts;
  Node& node = nodes_[index];
  Context context(*this, index, node.clock.local(now_));
  stepped(index, node.replica->handle_timeout(context));
}

void Engine::handle_arrival(MessagePool::Number number) {
  ++counters_.events;
  const NodeIndex to = pool_.header(number).to;
  if (to >= nodes_.size()) return arrive_outside(number);
  Node& node = nodes_[to];
  if (node.is_prompt) {
    deliver(number);
  } else {
    arrive_late(number);
  }
}

void Engine::deliver(MessagePool::Number number) {
  const MessagePool::Header header = pool_.header(number);
  if (header.size == 0) {
    deliver_notice(number);
    return;
  }
  ++counters_.delivered;
  Node& node = nodes_[header.to];
  if (!message_observers_.empty()) moved(number, Fate::kDelivered);
  Context context(*this, header.to, node.clock.local(now_));
  const Instant timeout = node.replica->handle_message(
      NodeId{header.from + 1U}, Payload(pool_.bytes(number), header.size), context);
  pool_.give_back(number);
  stepped(header.to, timeout);
}

void Engine::stepped(NodeIndex index, Instant timeout) {
  nodes_[index].timeout = timeout;
  arm(index);
  if (observers_.empty()) return;
  // Asked once for all observers, who hear of it only when it has changed.
  const ReplicaStatus now = status(index);
  if (now != nodes_[index].status) show(index, now);
}

void Engine::show(NodeIndex index, const ReplicaStatus& status) {
  nodes_[index].status = status;
  for (Observer* observer : observers_)
    observer->stepped(*this, index, status);
}

void Engine::arm(NodeIndex index) {
  Node& node = nodes_[index];
  if (node.timeout == kNever) return;
  TrueTime due = node.clock.when(node.timeout);
  if (due < now_) due = now_;
  // An armed timer that is earlier stays: firing too early costs a look, moving it costs a search.
  if (due >= node.armed) return;
  node.armed = due;
  heap_.push(due, index);
}

void* Engine::begin_send(NodeIndex from, NodeIndex to, std::size_t size) {
  if (to >= nodes_.size()) return begin_send_outside(from, to, size);
  VOUCH_ASSERT(to != from && size <= pool_.largest_message());
  const Link& link = links_.at(from, to);
  ++counters_.sent;
  sending_fate_ = Fate::kSent;
  sending_has_model_ = link.has_model;
  if (link.is_cut || loss_rng_.chance(link.loss_per_million)) {
    sending_fate_ = link.is_cut ? Fate::kCut : Fate::kLost;
    ++counters_.lost;
    if (message_observers_.empty()) return nullptr;
  } else {
    sending_arrives_ = now_ + link.delay;
    if (link.jitter > Duration::zero()) {
      sending_arrives_ += Duration(delay_rng_.between(0, link.jitter.count()));
    }
  }
  sending_ = take_slot(from, to, size);
  return pool_.bytes(sending_);
}

MessagePool::Number Engine::take_slot(NodeIndex from, NodeIndex to, std::size_t size) {
  const MessagePool::Number number = pool_.take();
  pool_.header(number) = {static_cast<std::uint8_t>(from), static_cast<std::uint8_t>(to), false,
                          static_cast<std::uint32_t>(size)};
  return number;
}

void Engine::end_send() {
  if (sending_has_model_ && sending_fate_ == Fate::kSent) {
    end_modelled_send();
    return;
  }
  if (!message_observers_.empty()) moved(sending_, sending_fate_);
  if (sending_fate_ == Fate::kSent) {
    heap_.push(sending_arrives_, kFirstMessage + sending_);
  } else {
    pool_.give_back(sending_);
  }
}

void Engine::moved(MessagePool::Number number, Fate fate) {
  const MessagePool::Header header = pool_.header(number);
  // What goes on between replicas is watched.
  if (header.from >= nodes_.size()) return;
  const Payload payload(pool_.bytes(number), header.size);
  for (Observer* observer : message_observers_) {
    observer->moved(*this, header.from, header.to, payload, fate);
  }
}

void Engine::faulted(const Fault& fault) {
  compute_reachability();
  for (Observer* observer : observers_)
    observer->faulted(*this, fault);
}

void Engine::cut(NodeIndex from, NodeIndex to) {
  links_.at(from, to).is_cut = true;
  faulted({FaultKind::kCut, from, to, 0});
}

void Engine::heal(NodeIndex from, NodeIndex to) {
  links_.at(from, to) = options_.link;
  if (models_ != nullptr) models_->reset(from, to);
  faulted({FaultKind::kHeal, from, to, 0});
}

void Engine::set_loss(NodeIndex from, NodeIndex to, std::uint32_t per_million) {
  links_.at(from, to).loss_per_million = per_million;
  faulted({FaultKind::kLoss, from, to, per_million});
}

void Engine::set_delay(NodeIndex from, NodeIndex to, Duration delay, Duration jitter) {
  links_.at(from, to).delay = delay;
  links_.at(from, to).jitter = jitter;
  faulted({FaultKind::kDelay, from, to, delay.count(), jitter.count()});
}

void Engine::crash(NodeIndex index) {
  Node& node = nodes_[index];
  if (!node.is_up) return;
  set_running(node, false, false);
  node.timeout = kNever;
  node.armed = kEndOfTime;
  drop_backlog(node);
  faulted({FaultKind::kCrash, index, 0, 0});
}

void Engine::restart(NodeIndex index, Disk disk) {
  Node& node = nodes_[index];
  if (node.is_up) return;
  set_running(node, true, false);
  faulted({FaultKind::kRestart, index, 0, disk == Disk::kLost ? 1 : 0});
  boot(index, {node.incarnation.next(), false, disk == Disk::kLost, kNobody});
}

void Engine::pause(NodeIndex index) {
  Node& node = nodes_[index];
  if (!node.is_up || node.is_paused) return;
  set_running(node, true, true);
  faulted({FaultKind::kPause, index, 0, 0});
}

void Engine::resume(NodeIndex index) {
  Node& node = nodes_[index];
  if (!node.is_up || !node.is_paused) return;
  if (node.trouble.is_frozen) {
    // To the node no time has passed. Whoever knows better is told first.
    node.clock = LocalClock(now_, node.trouble.frozen_at, node.rate_ppm);
    node.armed = kEndOfTime;
    faulted({FaultKind::kClock, index, 0, node.rate_ppm});
  }
  node.trouble.is_suspended = false;
  node.trouble.is_frozen = false;
  set_running(node, true, false);
  faulted({FaultKind::kResume, index, 0, 0});
  // A real process may look at its sockets or at its timers first.
  const bool timer_first = node_rng_.below(2) == 0;
  const auto fire_if_due = [&] {
    if (node.clock.local(now_) >= node.timeout) fire(index);
  };
  if (timer_first) fire_if_due();
  for (const MessagePool::Number number : node.backlog)
    deliver(number);
  node.backlog.clear();
  fire_if_due();
  tell_trouble(index);
  arm(index);
}

void Engine::drop_backlog(Node& node) {
  counters_.lost += node.backlog.size();
  for (const MessagePool::Number number : node.backlog)
    pool_.give_back(number);
  node.backlog.clear();
}

void Engine::set_clock(NodeIndex index, Instant shown, std::int32_t rate_ppm) {
  Node& node = nodes_[index];
  VOUCH_ASSERT(shown >= node.clock.local(now_) || !node.is_up);
  const Duration ahead = shown - node.clock.local(now_);
  node.clock = LocalClock(now_, shown, rate_ppm);
  node.rate_ppm = rate_ppm;
  faulted({FaultKind::kClock, index, 0, rate_ppm, node.is_up ? ahead.count() : 0});
  node.armed = kEndOfTime;
  if (node.is_up) arm(index);
}

void Engine::set_clock_rate(NodeIndex index, std::int32_t rate_ppm) {
  set_clock(index, nodes_[index].clock.local(now_), rate_ppm);
}

ReplicaStatus Engine::status(NodeIndex index) const {
  return nodes_[index].replica->status(nodes_[index].clock.local(now_));
}

}  // namespace vouch::sim
