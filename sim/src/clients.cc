#include "vouch/sim/clients.h"

#include <algorithm>

#include "vouch/detector/assert.h"

namespace vouch::sim {
namespace {

/// The clients' stream of chance; those of the engine and of the link models are others.
constexpr std::uint64_t kClientStream = 31;
constexpr std::uint64_t kFrontEndStream = 32;

bool carries(const Link& link) {
  return !link.is_cut && link.loss_per_million < 1'000'000;
}

/// Whether `node` is up, runs, and acts as a leader.
bool acts_as_leader(const Engine& engine, NodeIndex node) {
  const ReplicaStatus status = engine.status(node);
  if (status.role != Role::kLeader) return false;
  return !engine.protocol().has_lease() || status.lease_until > engine.local_now(node);
}

}  // namespace

std::unique_ptr<FrontEnd> Protocol::make_front_end(const FrontEndOptions&) const {
  return nullptr;
}

std::int64_t ClientOutcome::availability_per_million() const {
  if (length == Duration::zero()) return 1'000'000;
  // In milliseconds, so that the product fits for years.
  const std::int64_t whole = std::max<std::int64_t>(length.count() / 1'000'000, 1);
  const std::int64_t down = std::min(unavailable.count() / 1'000'000, whole);
  return 1'000'000 - down * 1'000'000 / whole;
}

Clients::Clients(const ClientPlan& plan, const Measures& measures, std::size_t replicas,
                 std::uint64_t seed)
    : plan_(plan),
      measures_(measures),
      replicas_(replicas),
      rng_(Rng(seed).fork(kClientStream)),
      front_end_rng_(Rng(seed).fork(kFrontEndStream)),
      clients_(plan.count),
      request_links_(plan.count * replicas, plan.link),
      answer_links_(plan.count * replicas, plan.link) {
  VOUCH_ASSERT(plan.count <= kMaxClients && plan.request_interval > Duration::zero() &&
               plan.try_limit > Duration::zero());
  VOUCH_ASSERT(plan.endpoints.empty() || plan.endpoints.size() == plan.count);
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    clients_[i].endpoint =
        plan.endpoints.empty() ? static_cast<NodeIndex>(i % replicas) : plan.endpoints[i];
    VOUCH_ASSERT(clients_[i].endpoint < replicas);
  }
  find_next();
}

void Clients::find_next() {
  if (clients_.empty()) return;
  next_ = sample_at_;
  if (next_fault_ < plan_.faults.size()) next_ = std::min(next_, plan_.faults[next_fault_].at);
  for (const Client& client : clients_) {
    next_ = std::min(next_, client.due);
    if (client.front_end == nullptr) continue;
    next_ = std::min(next_, client.clock.when(client.front_end->next_timeout()));
  }
}

void Clients::join(const Protocol& protocol, Engine& engine) {
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    Client& client = clients_[i];
    // No two clocks show the same.
    client.clock = LocalClock(kStart, Instant(std::chrono::seconds(2000 + i)), 0);
    client.front_end = protocol.make_front_end({.self = static_cast<NodeIndex>(kFirstClient + i),
                                                .replicas = replicas_,
                                                .rng = front_end_rng_.fork(i),
                                                .now = client.clock.local(kStart),
                                                .lies = (plan_.liars >> i & 1U) != 0});
  }
  engine.connect(*this);
  find_next();
}

FrontEndContext Clients::context_of(Engine& engine, std::size_t index) {
  return {engine, *this, static_cast<NodeIndex>(kFirstClient + index),
          clients_[index].clock.local(engine.now())};
}

std::optional<Duration> Clients::carries(NodeIndex from, NodeIndex to) {
  const bool is_request = is_client(from);
  const std::size_t client = (is_request ? from : to) - kFirstClient;
  VOUCH_ASSERT(client < clients_.size());
  Duration takes{};
  const Link& link = is_request ? request_link(client, to) : answer_link(client, from);
  if (!crosses(link, takes, front_end_rng_)) return std::nullopt;
  return takes;
}

void Clients::arrived(Engine& engine, NodeIndex from, NodeIndex to, const Payload& payload) {
  const std::size_t index = to - kFirstClient;
  VOUCH_ASSERT(index < clients_.size());
  if (clients_[index].front_end == nullptr) return;
  FrontEndContext context = context_of(engine, index);
  clients_[index].front_end->handle_message(from, payload, context);
  take_hint(engine, index);
  find_next();
}

/// A hint ends the try that waits, and the next one is sent to where it says at once.
void Clients::take_hint(Engine& engine, std::size_t index) {
  Client& client = clients_[index];
  const std::optional<NodeIndex> to = client.front_end->take_hint();
  if (!to || !client.waits) return;
  give_up(engine, index);
  client.endpoint = *to;
  client.due = engine.now();
}

void Clients::give_up(Engine& engine, std::size_t index) {
  Client& client = clients_[index];
  client.waits = false;
  FrontEndContext context = context_of(engine, index);
  client.front_end->request_given_up(client.endpoint, context);
}

void Clients::act(Engine& engine) {
  const TrueTime now = engine.now();
  VOUCH_ASSERT(now == next_);
  while (next_fault_ < plan_.faults.size() && plan_.faults[next_fault_].at <= now)
    apply(plan_.faults[next_fault_++].fault);
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    Client& client = clients_[i];
    if (client.front_end != nullptr && client.clock.when(client.front_end->next_timeout()) <= now) {
      FrontEndContext context = context_of(engine, i);
      client.front_end->handle_timeout(context);
      take_hint(engine, i);
    }
    if (client.due <= now) request(engine, i);
  }
  if (sample_at_ <= now) {
    sample(engine);
    sample_at_ = now + plan_.request_interval;
  }
  find_next();
}

void Clients::apply(const Fault& fault) {
  const bool is_request = is_client(fault.a);
  const std::size_t client = (is_request ? fault.a : fault.b) - kFirstClient;
  const NodeIndex endpoint = is_request ? fault.b : fault.a;
  VOUCH_ASSERT(client < clients_.size() && endpoint < replicas_);
  Link& link = is_request ? request_link(client, endpoint) : answer_link(client, endpoint);
  if (fault.kind == FaultKind::kCut) {
    link.is_cut = true;
  } else if (fault.kind == FaultKind::kHeal) {
    link = plan_.link;
  } else {
    VOUCH_ASSERT(fault.kind == FaultKind::kLoss);
    link.loss_per_million = static_cast<std::uint32_t>(fault.value);
  }
}

Clients::Service Clients::service(const Engine& engine, NodeIndex endpoint) const {
  const Reachability& reachability = engine.reachability();
  if ((reachability.working & node_bit(endpoint)) == 0) return {Service::Kind::kLost, 0};
  const ReplicaStatus status = engine.status(endpoint);
  NodeIndex leader = endpoint;
  if (status.role != Role::kLeader) {
    if (status.leader == kNobody) return {Service::Kind::kNotLeader, 0};
    leader = status.leader.value() - 1;
    // Two-way links to nodes that are down or paused do not count as reached.
    if ((reachability.reached(endpoint) & node_bit(leader)) == 0) return {Service::Kind::kLost, 0};
  }
  if ((measures_.usable_leaders(engine) & node_bit(leader)) != 0) {
    return {Service::Kind::kServed, leader};
  }
  return {acts_as_leader(engine, leader) ? Service::Kind::kWrongLeader : Service::Kind::kNotLeader,
          leader};
}

bool Clients::crosses(const Link& link, Duration& takes, Rng& rng) {
  takes += link.delay + Duration(rng.between(0, link.jitter.count()));
  return sim::carries(link) && !rng.chance(link.loss_per_million);
}

void Clients::request(Engine& engine, std::size_t index) {
  Client& client = clients_[index];
  if (client.waits) {
    // No hint came in time.
    give_up(engine, index);
    const NodeIndex next = static_cast<NodeIndex>((client.endpoint + 1) % replicas_);
    client.endpoint = client.front_end->to().value_or(next);
  }
  const TrueTime now = engine.now();
  const NodeIndex endpoint = client.endpoint;
  ++phase_.requests;
  Duration takes{};
  bool succeeds = crosses(request_link(index, endpoint), takes, rng_);
  if (succeeds) {
    const Service found = service(engine, endpoint);
    succeeds = found.kind == Service::Kind::kServed;
    if (found.kind == Service::Kind::kWrongLeader) ++phase_.wrong_leader;
    if (found.kind == Service::Kind::kNotLeader) ++phase_.not_leader;
    if (succeeds && found.leader != endpoint) {
      const Links& links = engine.links();
      succeeds = crosses(links.at(endpoint, found.leader), takes, rng_) &&
                 crosses(links.at(found.leader, endpoint), takes, rng_);
    }
  }
  succeeds =
      succeeds && crosses(answer_link(index, endpoint), takes, rng_) && takes <= plan_.try_limit;
  if (succeeds) {
    ++phase_.successes;
    close_gap(client, now);
    client.failing_since.reset();
    client.due = now + std::max(plan_.request_interval, takes);
    return;
  }
  if (!client.failing_since) client.failing_since = now;
  fail(engine, index);
}

/// The try takes its time; then the next endpoint's turn comes.
void Clients::fail(Engine& engine, std::size_t index) {
  Client& client = clients_[index];
  client.due = engine.now() + plan_.try_limit;
  if (client.front_end == nullptr) {
    client.endpoint = static_cast<NodeIndex>((client.endpoint + 1) % replicas_);
    return;
  }
  client.waits = true;
  FrontEndContext context = context_of(engine, index);
  client.front_end->request_waits(client.endpoint, context);
}

void Clients::close_gap(Gaps& client, TrueTime now) const {
  if (!client.failing_since) return;
  const Duration gap = now - std::max(*client.failing_since, phase_began_);
  client.unavailable += gap;
  client.longest_gap = std::max(client.longest_gap, gap);
}

bool Clients::reaches(std::size_t client, NodeIndex endpoint) const {
  const std::size_t at = client * replicas_ + endpoint;
  return sim::carries(request_links_[at]) && sim::carries(answer_links_[at]);
}

/// Whether the client may send something to the endpoint, for all that it knows.
bool Clients::is_used(std::size_t client, NodeIndex endpoint) const {
  const FrontEnd* const front_end = clients_[client].front_end.get();
  return reaches(client, endpoint) && (front_end == nullptr || !front_end->avoids(endpoint));
}

void Clients::sample(const Engine& engine) {
  if (measures_.usable_leaders(engine) == 0) return;
  for (NodeIndex endpoint = 0; endpoint < replicas_; ++endpoint) {
    if ((engine.reachability().working & node_bit(endpoint)) == 0) continue;
    bool is_reached = false;
    for (std::size_t client = 0; client < clients_.size(); ++client)
      is_reached = is_reached || is_used(client, endpoint);
    if (is_reached && service(engine, endpoint).kind != Service::Kind::kServed) {
      phase_.useless_front_end += plan_.request_interval;
    }
  }
}

void Clients::start_phase(TrueTime now) {
  phase_ = {};
  phase_began_ = now;
  for (Client& client : clients_) {
    // Clients do not march in step.
    if (!has_begun_)
      client.due = now + Duration(rng_.between(0, plan_.request_interval.count() - 1));
    client.unavailable = Duration::zero();
    client.longest_gap = Duration::zero();
  }
  if (!has_begun_) sample_at_ = now;
  has_begun_ = true;
  find_next();
}

ClientOutcome Clients::outcome(TrueTime now) const {
  ClientOutcome result = phase_;
  result.length = now - phase_began_;
  for (const Client& one : clients_) {
    Gaps client = static_cast<const Gaps&>(one);
    close_gap(client, now);
    result.unavailable = std::max(result.unavailable, client.unavailable);
    result.longest_gap = std::max(result.longest_gap, client.longest_gap);
  }
  return result;
}

}  // namespace vouch::sim
