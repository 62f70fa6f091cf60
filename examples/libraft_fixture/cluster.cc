#include "cluster.h"

#include <algorithm>

#include "vouch/detector/assert.h"

namespace vouch::libraft {
namespace {

constexpr std::uint64_t kWriteEveryMs = 100;

/// A state machine without state: what is committed is what counts.
int apply(raft_fsm*, const raft_buffer*, void** result) {
  *result = nullptr;
  return 0;
}

int snapshot(raft_fsm*, raft_buffer*[], unsigned* count) {
  *count = 0;
  return 0;
}

int restore(raft_fsm*, raft_buffer* buffer) {
  raft_free(buffer->base);
  return 0;
}

MonitorConfig config_of(unsigned self, unsigned servers) {
  MonitorConfig config;
  config.self = NodeId{self + 1};
  config.incarnation = Incarnation{1};
  config.boot = BootMode::kFirstBoot;
  // The fixture's messages take 15 ms each way, and are looked at every kPollMs.
  config.round_trip = std::chrono::milliseconds(2 * (Network::kLatencyMs + Guard::kPollMs));
  // As coarse as the virtual timers are.
  config.guard = std::chrono::milliseconds(Guard::kPollMs);
  GroupConfig group{.id = kGroup};
  for (unsigned i = 0; i < servers; ++i) {
    if (i != self) config.peers.emplace_back(i + 1);
    group.voters.emplace_back(i + 1);
  }
  config.groups = {group};
  return config;
}

void must(int error) {
  VOUCH_ASSERT(error == 0);
}

}  // namespace

Cluster::Cluster(unsigned servers, Mode mode, std::uint64_t seed) {
  must(raft_fixture_initialize(&fixture_));
  for (unsigned i = 0; i < servers; ++i) {
    machines_[i] = {.version = 1, .apply = apply, .snapshot = snapshot, .restore = restore};
    must(raft_fixture_grow(&fixture_, &machines_[i]));
  }
  raft_configuration configuration;
  must(raft_fixture_configuration(&fixture_, servers, &configuration));
  must(raft_fixture_bootstrap(&fixture_, &configuration));
  raft_configuration_close(&configuration);
  for (unsigned i = 0; i < servers; ++i)
    raft_set_pre_vote(&at(i), mode == Mode::kPreVote);
  for (unsigned i = 0; mode == Mode::kGuarded && i < servers; ++i) {
    Result<Monitor> monitor =
        Monitor::create(config_of(i, servers), Instant{}, Rng(seed * 100 + i));
    VOUCH_ASSERT(monitor.has_value());
    guards_.push_back(std::make_unique<Guard>(at(i), std::move(*monitor), network_));
    guards_.back()->attach();
  }
  must(raft_fixture_start(&fixture_));
}

Cluster::~Cluster() {
  raft_fixture_close(&fixture_);
}

void Cluster::run_for(unsigned msecs) {
  const std::uint64_t until = time() + msecs;
  while (time() < until)
    step();
}

bool Cluster::run_until_settled(unsigned max_msecs) {
  const std::uint64_t until = time() + max_msecs;
  while (time() < until) {
    step();
    const unsigned server = leader();
    if (server == size() || !may_serve(server)) continue;
    bool settled = true;
    for (unsigned i = 0; i < size(); ++i) {
      if (i == server || !raft_fixture_alive(&fixture_, i)) continue;
      settled = settled && at(i).state == RAFT_FOLLOWER &&
                at(i).follower_state.current_leader.id == at(server).id;
    }
    if (settled) return true;
  }
  return false;
}

unsigned Cluster::leader() const {
  unsigned best = size();
  for (unsigned i = 0; i < size(); ++i) {
    if (!raft_fixture_alive(&fixture_, i) || at(i).state != RAFT_LEADER) continue;
    if (best == size() || at(i).current_term > at(best).current_term) best = i;
  }
  return best;
}

raft_term Cluster::newest_term() const {
  raft_term newest = 0;
  for (unsigned i = 0; i < size(); ++i)
    newest = std::max(newest, at(i).current_term);
  return newest;
}

void Cluster::cut(unsigned from, unsigned to) {
  raft_fixture_saturate(&fixture_, from, to);
}

void Cluster::heal(unsigned from, unsigned to) {
  raft_fixture_desaturate(&fixture_, from, to);
}

void Cluster::heal_all() {
  for (unsigned from = 0; from < size(); ++from) {
    for (unsigned to = 0; to < size(); ++to) {
      if (from != to) heal(from, to);
    }
  }
}

void Cluster::kill(unsigned server) {
  raft_fixture_kill(&fixture_, server);
  if (guards_.empty()) return;
  guards_[server]->kill();
  network_.forget(NodeId{server + 1});
}

void Cluster::mark() {
  seen_ = Seen{};
  marked_term_ = newest_term();
  marked_ms_ = time();
  for (Write& write : writes_)
    write.counts = false;
}

void Cluster::step() {
  raft_fixture_step(&fixture_);
  look();
  check_leases();
  if (time() < next_write_ms_) return;
  next_write_ms_ = time() + kWriteEveryMs;
  write();
}

/// Counts what can be seen from outside, in the same way with and without a guard.
void Cluster::look() {
  for (unsigned i = 0; i < size(); ++i) {
    const raft& server = at(i);
    if (server.voted_for == server.id && server.current_term > asked_in_[i]) {
      asked_in_[i] = server.current_term;
      ++seen_.candidacies;
    }
    if (server.state == RAFT_LEADER && server.current_term > led_in_[i]) {
      led_in_[i] = server.current_term;
      if (seen_.leaders++ == 0) seen_.first_leader_ms = time() - marked_ms_;
    }
  }
  seen_.terms = static_cast<unsigned>(newest_term() - marked_term_);
}

void Cluster::check_leases() {
  unsigned held = 0;
  bool overtaken = false;
  for (unsigned i = 0; i < guards_.size(); ++i) {
    if (!raft_fixture_alive(&fixture_, i) || !guards_[i]->lease_held()) continue;
    ++held;
    overtaken = overtaken || at(i).state != RAFT_LEADER || leader() != i;
  }
  if (held > 1) ++seen_.leases_at_once;
  if (overtaken) ++seen_.leases_overtaken;
}

bool Cluster::may_serve(unsigned server) const {
  return guards_.empty() || guards_[server]->lease_held();
}

/// A client that finds the leader at once, if there is one.
void Cluster::write() {
  ++seen_.writes_offered;
  const unsigned server = leader();
  if (server == size() || !may_serve(server)) return;
  raft_buffer buffer{.base = raft_malloc(8), .len = 8};
  std::fill_n(static_cast<char*>(buffer.base), buffer.len, 'w');
  Write& write = writes_.emplace_back();
  write.cluster = this;
  write.counts = true;
  write.request.data = &write;
  const int error = raft_apply(&at(server), &write.request, &buffer, 1,
                               [](struct raft_apply* request, int status, void*) {
                                 auto* done = static_cast<Write*>(request->data);
                                 if (status == 0 && done->counts) ++done->cluster->seen_.writes;
                               });
  if (error != 0) raft_free(buffer.base);
}

}  // namespace vouch::libraft
