// The part of Engine that deals with what goes wrong beyond cuts, loss, crashes and pauses. A run
// without such faults never comes here but for the ground truth of who reaches whom.

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>

#include "vouch/detector/assert.h"
#include "vouch/sim/engine.h"

namespace vouch::sim {

void Engine::compute_reachability() {
  const std::size_t count = nodes_.size();
  Reachability& result = reachability_;
  result.count = count;
  result.working = 0;
  result.serving = all_nodes(count);
  result.eligible = all_nodes(count);
  for (NodeIndex index = 0; index < count; ++index) {
    const Node& node = nodes_[index];
    if (node.is_up && !node.is_paused) result.working |= node_bit(index);
    const bool is_stalled = node.trouble.is_worker_stalled || node.trouble.is_disk_stalled;
    if (is_stalled) result.serving &= ~node_bit(index);
    if (node.trouble.is_drained) result.eligible &= ~node_bit(index);
  }
  result.two_way.assign(count, 0);
  for (NodeIndex a = 0; a < count; ++a) {
    if ((result.working & node_bit(a)) == 0) continue;
    for (NodeIndex b = 0; b < count; ++b) {
      if ((result.working & node_bit(b)) == 0) continue;
      if (a == b || (carries(a, b) && carries(b, a))) result.two_way[a] |= node_bit(b);
    }
  }
  if (!protocol_.routes_work()) return;
  result.routed = result.two_way;
  for (NodeIndex a = 0; a < count; ++a) {
    for (NodeIndex over = 0; over < count; ++over) {
      if ((result.two_way[a] & node_bit(over)) != 0) result.routed[a] |= result.two_way[over];
    }
  }
}

bool Engine::carries(NodeIndex from, NodeIndex to) const {
  const Link& link = links_.at(from, to);
  if (link.is_cut || link.loss_per_million >= 1'000'000) return false;
  if (!link.has_model) return true;
  const std::size_t mtu = models_->at(from, to).mtu;
  return mtu == 0 || options_.work_bytes <= mtu;
}

bool Engine::is_troubled() const {
  for (NodeIndex a = 0; a < nodes_.size(); ++a) {
    const Trouble& trouble = nodes_[a].trouble;
    if (trouble.handling > Duration::zero() || trouble.flood > 0 || trouble.is_worker_stalled ||
        trouble.is_disk_stalled) {
      return true;
    }
    for (NodeIndex b = 0; b < nodes_.size(); ++b) {
      if (links_.at(a, b).has_model) return true;
    }
  }
  return false;
}

void Engine::set_running(Node& node, bool is_up, bool is_paused) {
  node.is_up = is_up;
  node.is_paused = is_paused;
  if (is_up) node.trouble.refuses = false;
  if (!is_up) {
    // A new process begins with a working worker and an empty queue; its disk, its orders and the
    // load on its host stay what they are.
    node.trouble.is_worker_stalled = false;
    node.trouble.is_suspended = false;
    node.trouble.is_frozen = false;
    node.trouble.is_timer_next = false;
    node.trouble.waiting = 0;
  }
  node.is_prompt =
      is_up && !is_paused && node.trouble.handling == Duration::zero() && node.trouble.flood == 0;
}

/// A node that is down, paused, slow or flooded.
void Engine::arrive_late(MessagePool::Number number) {
  MessagePool::Header& header = pool_.header(number);
  Node& node = nodes_[header.to];
  Trouble& trouble = node.trouble;
  if (!node.is_up || trouble.is_suspended) {
    if (!node.is_up && trouble.refuses && header.size > 0) {
      notify(header.to, header.from,
             {NodeFaultKind::kPeerRefused, NodeId{header.to + 1U}, node.incarnation});
    }
    return lose(number, Fate::kDown);
  }
  if (header.is_served) {
    header.is_served = false;
    if (trouble.waiting > 0) --trouble.waiting;
    if (!node.is_paused) return deliver(number);
  } else if (flood_rng_.chance(trouble.flood)) {
    return lose(number, Fate::kOverflow);
  }
  if (node.is_paused) {
    if (node.backlog.size() >= options_.receive_buffer) return lose(number, Fate::kOverflow);
    if (!message_observers_.empty() && header.size > 0) moved(number, Fate::kQueued);
    node.backlog.push_back(number);
    return;
  }
  if (trouble.handling == Duration::zero()) return deliver(number);
  if (trouble.waiting >= options_.receive_buffer) return lose(number, Fate::kOverflow);
  if (!message_observers_.empty() && header.size > 0) moved(number, Fate::kQueued);
  ++trouble.waiting;
  header.is_served = true;
  trouble.busy_until = std::max(trouble.busy_until, now_) + trouble.handling;
  heap_.push(trouble.busy_until, kFirstMessage + number);
}

void Engine::lose(MessagePool::Number number, Fate fate) {
  if (!message_observers_.empty() && pool_.header(number).size > 0) moved(number, fate);
  ++counters_.lost;
  if (fate == Fate::kOverflow) ++counters_.overflow;
  pool_.give_back(number);
}

/// Whether the timer that is due may fire now. On a slow node it waits until what came before it
/// has been handled.
bool Engine::is_timers_turn(Node& node) {
  if (!node.is_up || node.is_paused) return false;
  Trouble& trouble = node.trouble;
  if (trouble.handling == Duration::zero()) return true;
  if (!trouble.is_timer_next && now_ < trouble.busy_until) {
    trouble.is_timer_next = true;
    node.armed = trouble.busy_until;
    heap_.push(node.armed, static_cast<EventHeap::SlotNumber>(&node - nodes_.data()));
    return false;
  }
  trouble.is_timer_next = false;
  trouble.busy_until = std::max(trouble.busy_until, now_) + trouble.handling;
  return true;
}

/// The links to those outside are theirs. What goes there is neither counted nor watched.
void* Engine::begin_send_outside(NodeIndex from, NodeIndex to, std::size_t size) {
  VOUCH_ASSERT(outside_ != nullptr && size <= pool_.largest_message());
  const std::optional<Duration> takes = outside_->carries(from, to);
  if (!takes) return nullptr;
  sending_fate_ = Fate::kSent;
  sending_has_model_ = true;  // Leads to end_modelled_send, away from what is done for replicas.
  sending_arrives_ = now_ + *takes;
  sending_ = take_slot(from, to, size);
  return pool_.bytes(sending_);
}

void Engine::arrive_outside(MessagePool::Number number) {
  const MessagePool::Header header = pool_.header(number);
  outside_->arrived(*this, header.from, header.to, Payload(pool_.bytes(number), header.size));
  pool_.give_back(number);
  run_end_ = now_;
}

void Engine::end_modelled_send() {
  const MessagePool::Header header = pool_.header(sending_);
  if (header.to >= nodes_.size()) {
    heap_.push(sending_arrives_, kFirstMessage + sending_);
    return;
  }
  const std::size_t size = protocol_.wire_size(Payload(pool_.bytes(sending_), header.size));
  LinkModels::Passage passage =
      models_->pass(header.from, header.to, size, now_, sending_arrives_ - now_);
  if (passage.fate == Fate::kSent && passage.is_corrupt) {
    if (protocol_.corrupt(pool_.bytes(sending_), header.size, models_->corruption())) {
      ++counters_.damaged;
    } else {
      passage.fate = Fate::kCorrupt;
    }
  }
  if (!message_observers_.empty()) moved(sending_, passage.fate);
  if (passage.fate != Fate::kSent) {
    ++counters_.lost;
    if (passage.fate == Fate::kTooLong) ++counters_.too_long;
    if (passage.fate == Fate::kQueueFull) ++counters_.queue_full;
    if (passage.fate == Fate::kCorrupt) ++counters_.corrupt;
    pool_.give_back(sending_);
    return;
  }
  const MessagePool::Number original = sending_;
  heap_.push(passage.arrives[0], kFirstMessage + original);
  for (std::size_t i = 1; i < passage.count; ++i) {
    const MessagePool::Number copy = pool_.take();
    pool_.header(copy) = header;
    std::memcpy(pool_.bytes(copy), pool_.bytes(original), header.size);
    heap_.push(passage.arrives[i], kFirstMessage + copy);
    ++counters_.copies;
  }
}

/// Sends a notice as the network would: over the link as it is, without jitter.
void Engine::notify(NodeIndex from, NodeIndex to, const NodeFault& notice) {
  static_assert(std::is_trivially_copyable_v<NodeFault>);
  if (to >= nodes_.size()) return;  // Somebody outside, who finds out otherwise.
  const Link& link = links_.at(from, to);
  if (link.is_cut || notice_rng_.chance(link.loss_per_million)) return;
  const MessagePool::Number number = pool_.take();
  pool_.header(number) = {static_cast<std::uint8_t>(from), static_cast<std::uint8_t>(to), false, 0};
  ::new (pool_.bytes(number)) NodeFault(notice);
  heap_.push(now_ + link.delay, kFirstMessage + number);
}

void Engine::deliver_notice(MessagePool::Number number) {
  const NodeIndex to = pool_.header(number).to;
  const NodeFault notice = *std::launder(reinterpret_cast<const NodeFault*>(pool_.bytes(number)));
  pool_.give_back(number);
  tell(to, notice);
}

void Engine::tell(NodeIndex index, const NodeFault& fault) {
  Node& node = nodes_[index];
  if (!node.is_up || node.is_paused) return;  // tell_trouble says it when it runs again.
  Context context(*this, index, node.clock.local(now_));
  const std::optional<Instant> timeout = node.replica->handle_node_fault(fault, context);
  if (timeout) stepped(index, *timeout);
}

/// What a node that starts or wakes finds on its host.
void Engine::tell_trouble(NodeIndex index) {
  const Trouble& trouble = nodes_[index].trouble;
  using Kind = NodeFaultKind;
  tell(index, {trouble.is_worker_stalled ? Kind::kWorkerStalled : Kind::kWorkerRuns});
  tell(index, {trouble.is_disk_stalled ? Kind::kDiskStalled : Kind::kDiskRuns});
  tell(index, {trouble.is_drained ? Kind::kDrained : Kind::kUndrained});
}

NodeIndex Engine::resolve(NodeIndex node) {
  if (node == kTheSame) return resolved_;
  if (node != kTheLeader) return node;
  Term newest{};
  for (NodeIndex index = 0; index < nodes_.size(); ++index) {
    if (!nodes_[index].is_up || nodes_[index].is_paused) continue;
    const ReplicaStatus found = status(index);
    if (found.role != Role::kLeader || found.term < newest) continue;
    newest = found.term;
    resolved_ = index;
  }
  return resolved_;
}

void Engine::apply(const Fault& fault) {
  if (is_link_model(fault.kind)) return set_link_model(fault);
  if (!is_about_link(fault.kind)) return apply_to_node(fault);
  if (fault.kind == FaultKind::kCut) return cut(fault.a, fault.b);
  if (fault.kind == FaultKind::kHeal) return heal(fault.a, fault.b);
  if (fault.kind == FaultKind::kLoss) {
    return set_loss(fault.a, fault.b, static_cast<std::uint32_t>(fault.value));
  }
  set_delay(fault.a, fault.b, Duration(fault.value), Duration(fault.extra));
}

void Engine::apply_to_node(const Fault& fault) {
  const NodeIndex node = resolve(fault.a);
  const std::int64_t value = fault.value;
  switch (fault.kind) {
    case FaultKind::kCrash:
      return crash(node);
    case FaultKind::kRestart:
      return restart(node, value != 0 ? Disk::kLost : Disk::kKept);
    case FaultKind::kPause:
      return pause(node);
    case FaultKind::kResume:
      return resume(node);
    case FaultKind::kClock:
      set_clock_rate(node, static_cast<std::int32_t>(value));
      if (fault.extra > 0) advance_clock(node, Duration(fault.extra));
      return;
    case FaultKind::kExit:
      return exit(node, value != 0);
    case FaultKind::kSuspend:
      return suspend(node);
    case FaultKind::kFreeze:
      return freeze(node);
    case FaultKind::kSlow:
      return set_slow(node, Duration(value));
    case FaultKind::kFlood:
      return set_flood(node, static_cast<std::uint32_t>(value));
    case FaultKind::kWorkerStall:
      return set_worker_stalled(node, value != 0);
    case FaultKind::kDiskStall:
      return set_disk_stalled(node, value != 0);
    case FaultKind::kDrain:
      return set_drained(node, value != 0);
    case FaultKind::kWallStep:
      // There is no wall clock below the edges, so there is nothing to change.
      return faulted({fault.kind, node, 0, value});
    case FaultKind::kCut:
    case FaultKind::kHeal:
    case FaultKind::kLoss:
    case FaultKind::kDelay:
    case FaultKind::kBurstLoss:
    case FaultKind::kLognormal:
    case FaultKind::kPareto:
    case FaultKind::kDelayTrace:
    case FaultKind::kDelayJump:
    case FaultKind::kReorder:
    case FaultKind::kDuplicate:
    case FaultKind::kCorrupt:
    case FaultKind::kMtu:
    case FaultKind::kRate:
    case FaultKind::kTrickle:
      VOUCH_ASSERT(false);  // `apply` keeps the faults of links away from here.
  }
}

void Engine::set_link_model(const Fault& fault) {
  VOUCH_ASSERT(is_link_model(fault.kind));
  if (models_ == nullptr) {
    models_ =
        std::make_unique<LinkModels>(nodes_.size(), Rng(options_.seed), options_.delay_traces);
  }
  links_.at(fault.a, fault.b).has_model = models_->apply(fault, now_);
  faulted(fault);
}

void Engine::advance_clock(NodeIndex index, Duration ahead) {
  VOUCH_ASSERT(ahead >= Duration::zero());
  set_clock(index, nodes_[index].clock.local(now_) + ahead, nodes_[index].rate_ppm);
}

void Engine::exit(NodeIndex index, bool has_supervisor) {
  Node& node = nodes_[index];
  if (!node.is_up) return;
  crash(index);
  node.trouble.refuses = true;
  faulted({FaultKind::kExit, index, 0, has_supervisor ? 1 : 0});
  if (!has_supervisor) return;
  for (NodeIndex peer = 0; peer < nodes_.size(); ++peer) {
    if (peer == index) continue;
    notify(index, peer, {NodeFaultKind::kPeerExited, id_of(index), node.incarnation});
  }
}

void Engine::suspend(NodeIndex index) {
  Node& node = nodes_[index];
  if (!node.is_up || node.is_paused) return;
  set_running(node, true, true);
  node.trouble.is_suspended = true;
  faulted({FaultKind::kSuspend, index, 0, 0});
}

void Engine::freeze(NodeIndex index) {
  Node& node = nodes_[index];
  if (!node.is_up || node.is_paused) return;
  set_running(node, true, true);
  node.trouble.is_frozen = true;
  node.trouble.frozen_at = node.clock.local(now_);
  faulted({FaultKind::kFreeze, index, 0, 0});
}

void Engine::set_slow(NodeIndex index, Duration handling) {
  Node& node = nodes_[index];
  node.trouble.handling = handling;
  if (handling == Duration::zero()) {
    node.trouble.busy_until = now_;
    node.trouble.waiting = 0;
  }
  set_running(node, node.is_up, node.is_paused);
  faulted({FaultKind::kSlow, index, 0, handling.count()});
}

void Engine::set_flood(NodeIndex index, std::uint32_t per_million) {
  Node& node = nodes_[index];
  node.trouble.flood = per_million;
  set_running(node, node.is_up, node.is_paused);
  faulted({FaultKind::kFlood, index, 0, per_million});
}

void Engine::set_worker_stalled(NodeIndex index, bool is_stalled) {
  nodes_[index].trouble.is_worker_stalled = is_stalled && nodes_[index].is_up;
  faulted({FaultKind::kWorkerStall, index, 0, is_stalled ? 1 : 0});
  tell(index, {is_stalled ? NodeFaultKind::kWorkerStalled : NodeFaultKind::kWorkerRuns});
}

void Engine::set_disk_stalled(NodeIndex index, bool is_stalled) {
  nodes_[index].trouble.is_disk_stalled = is_stalled;
  faulted({FaultKind::kDiskStall, index, 0, is_stalled ? 1 : 0});
  tell(index, {is_stalled ? NodeFaultKind::kDiskStalled : NodeFaultKind::kDiskRuns});
}

void Engine::set_drained(NodeIndex index, bool is_drained) {
  nodes_[index].trouble.is_drained = is_drained;
  faulted({FaultKind::kDrain, index, 0, is_drained ? 1 : 0});
  tell(index, {is_drained ? NodeFaultKind::kDrained : NodeFaultKind::kUndrained});
}

}  // namespace vouch::sim
