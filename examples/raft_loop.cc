// A replica loop that somebody already has (its own clock, timers and transport), with vouch in it.
// Three changes, marked (1) to (3), and the pumping of messages that any sans-I/O core needs.
// Three replicas run in memory; the leader loses one link, and is then killed.

#include <algorithm>
#include <cstdio>
#include <deque>
#include <vector>

#include "vouch/quorum_check/monitor.h"

using namespace vouch;  // NOLINT: an example

namespace {
using std::chrono::milliseconds;
double ms(Instant at) {
  return static_cast<double>(at.time_since_epoch().count()) / 1e6;
}
constexpr GroupId kGroup{1};

struct Vote {
  Term term;
  bool is_reply = false, granted = false;
};
struct Packet {
  NodeId from, to;
  std::variant<Message, Vote> body;
};

/// The program's own transport: a queue, delivered one tick (1 ms) later. `cut` drops a direction.
struct Network {
  std::deque<Packet> now, next;
  std::optional<std::pair<NodeId, NodeId>> cut;
  void send(const Packet& packet) {
    if (cut != std::pair{packet.from, packet.to}) next.push_back(packet);
  }
};

class Replica {
 public:
  Replica(NodeId id, Network& network, Monitor monitor)
      : id_(id), network_(network), monitor_(std::move(monitor)) {}

  void tick(Instant now) {
    // (1) Here stood: if (now >= election_deadline_) campaign(now);
    //     The Monitor watches the leader now, and its Campaign action begins the election.
    if (now >= monitor_.next_timeout()) monitor_.handle_timeout(now);
    act(now);
  }

  void receive(Instant now, const Packet& packet) {
    if (const auto* message = std::get_if<Message>(&packet.body)) {
      monitor_.handle_message(now, packet.from, *message);
    } else {
      const Vote& vote = std::get<Vote>(packet.body);
      vote.is_reply ? count(now, vote, packet.from) : answer(now, packet.from, vote.term);
    }
    act(now);
  }

  /// (3) Every effect of leadership asks first; the lease ends by this node's own clock.
  [[nodiscard]] bool may_write(Instant now) const { return monitor_.lease_held(kGroup, now); }
  [[nodiscard]] NodeId id() const { return id_; }

 private:
  void answer(Instant now, NodeId candidate, Term term) {
    // (2) A vote must not break a promise that the Monitor gave to the present leader.
    const bool grant =
        term > term_ && monitor_.may_vote(kGroup, candidate, now) == VoteVerdict::kMay;
    if (grant) {
      term_ = term;  // A real replica makes term and vote durable here.
      monitor_.handle_local(now, VoteGranted{kGroup, candidate, term});
    }
    network_.send({id_, candidate, Vote{term, true, grant}});
  }

  void campaign(Instant now, Term after) {
    term_ = std::max(term_, after).next();
    voters_ = NodeList{};
    voters_.push(id_);
    asked_at_ = now;
    monitor_.handle_local(now, VoteGranted{kGroup, id_, term_});
    for (NodeId peer : monitor_.config().peers)
      network_.send({id_, peer, Vote{term_}});
  }

  void count(Instant now, const Vote& reply, NodeId from) {
    if (!reply.granted || reply.term != term_ || voters_.count == 0) return;
    voters_.push(from);
    if (voters_.count != 2) return;
    std::printf("%7.1f ms  n%u wins term %llu\n", ms(now), id_.value(),
                static_cast<unsigned long long>(term_.value()));
    monitor_.handle_local(now, Elected{kGroup, term_, asked_at_, voters_, Duration::zero()});
    voters_ = NodeList{};
  }

  void act(Instant now) {
    while (const std::optional<Action> action = monitor_.poll_action()) {
      if (const auto* send = std::get_if<Send>(&*action)) {
        network_.send({id_, send->to, send->message});
      } else if (const auto* begin = std::get_if<Campaign>(&*action)) {
        campaign(now, begin->after);
      } else if (const auto* vouched = std::get_if<Vouched>(&*action)) {
        std::printf("%7.1f ms  n%u cannot hear n%u, but n%u vouches for it: no election\n", ms(now),
                    id_.value(), vouched->leader.value(), vouched->via.nodes[0].value());
      }
    }
  }

  NodeId id_;
  Network& network_;
  Monitor monitor_;
  Term term_{};
  NodeList voters_{};
  Instant asked_at_{};
};

}  // namespace
int main() {
  Network network;
  NodeId dead = kNobody;
  std::vector<Replica> replicas;
  const std::vector<NodeId> all{NodeId{1}, NodeId{2}, NodeId{3}};
  for (NodeId id : all) {
    MonitorConfig config{.self = id, .incarnation = Incarnation{1}};
    config.groups = {{.id = kGroup, .voters = all}};
    std::copy_if(all.begin(), all.end(), std::back_inserter(config.peers),
                 [&](NodeId peer) { return peer != id; });
    replicas.emplace_back(
        id, network, Monitor::create(config, Instant(milliseconds(1)), Rng(id.value())).value());
  }
  for (int tick = 2; tick < 5000; ++tick) {
    const Instant now{milliseconds(tick)};
    for (Replica& replica : replicas) {
      if (replica.id() == dead) continue;
      for (const Packet& packet : network.now) {
        if (packet.to == replica.id()) replica.receive(now, packet);
      }
      replica.tick(now);
      if (!replica.may_write(now)) continue;
      if (tick == 2000) {
        network.cut = {NodeId{1}, NodeId{2}};
        std::printf("--- n1 no longer reaches n2\n");
      }
      if (tick == 3000) std::printf("--- n%u is killed\n", (dead = replica.id()).value());
    }
    network.now = std::exchange(network.next, {});
  }
}
