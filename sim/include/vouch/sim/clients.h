#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/front_end.h"
#include "vouch/sim/measures.h"
#include "vouch/sim/network.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// Who sends requests to the group, and what happens to the links of those.
struct ClientPlan {
  std::size_t count = 0;  ///< At most kMaxClients.
  /// The replica that each begins with; empty: client i begins with replica i, and again from 0.
  std::vector<NodeIndex> endpoints{};
  Duration request_interval = std::chrono::milliseconds(100);
  Duration try_limit = std::chrono::milliseconds(300);  ///< Then the next endpoint's turn comes.
  Link link{};  ///< Every link between a client and a replica at the start and after a heal.
  /// Those that report a lost leader whatever they see, if they run a protocol's half (FrontEnd).
  std::uint64_t liars = 0;
  /// Of kCut, kHeal and kLoss, one end a client and the other a replica, in order of time.
  std::vector<TimedFault> faults{};
};

/// What clients saw of the group in one phase. Of the worse of them where it is about one.
struct ClientOutcome {
  Duration length{};
  std::uint64_t requests = 0;   ///< Tries, retries included.
  std::uint64_t successes = 0;  ///< Of these.
  /// Time without successful writes: from the first try that fails to the next that succeeds.
  Duration unavailable{};
  Duration longest_gap{};
  /// Tries that came to a node that acts as a leader (by a lease of its own, if the policy has
  /// leases) and is none that could commit. A policy that acknowledges before a majority has the
  /// write would have lost it.
  std::uint64_t wrong_leader = 0;
  std::uint64_t not_leader = 0;  ///< Tries that ended at a node that leads nothing.
  /// Endpoint-time in which an endpoint that a client reaches, and does not know to be useless,
  /// could serve no write although a usable leader was there. Sampled once per request interval.
  Duration useless_front_end{};

  /// Share of the phase with successful writes, in millionths; all of it when it has no length.
  [[nodiscard]] std::int64_t availability_per_million() const;
};

/// Sticky clients with retry and next endpoint, as in the measurements of real clusters.
///
/// Each sends a write to its current endpoint every `request_interval`. An endpoint that does not
/// lead forwards it to the leader that it believes in. The write succeeds if all links on the way
/// carry both ways and that leader is usable (see Measures). Otherwise the try takes `try_limit`,
/// and the next is sent to the next replica at once. Whether a write succeeds is decided when it is
/// sent. Loss and delay of links count with draws from a stream of the clients' own; the model of a
/// link (bursts, jumps, queues) does not.
///
/// Clients only look at the engine: the replicas' run is the same with and without them. Unless the
/// protocol has a half for them (Protocol::make_front_end): then these talk to the replicas over
/// the clients' links, and a hint ends a try that waits and names the next endpoint.
///
/// Whoever runs the engine stops it at `next`, which may be sooner after each stop, and calls
/// `act`. Not thread-safe: give it one owner.
class Clients final : public Outside {
 public:
  /// `plan` and `measures`, which must observe the same engine, must outlive it.
  Clients(const ClientPlan& plan, const Measures& measures, std::size_t replicas,
          std::uint64_t seed);

  /// Lets the clients run the protocol's half, if it has one, on the network of `engine`, which
  /// must not have started.
  void join(const Protocol& protocol, Engine& engine);

  /// When it wants to act; kEndOfTime without clients.
  [[nodiscard]] TrueTime next() const { return next_; }

  /// Does what is due at engine.now(), which must be next().
  void act(Engine& engine);

  /// Begins a phase and ends the one before. The first one sends the clients off: a group that
  /// still starts would drive them away from their endpoints.
  void start_phase(TrueTime now);

  /// The outcome of the running phase up to `now`.
  [[nodiscard]] ClientOutcome outcome(TrueTime now) const;

  /// Where client `index` will send its next request.
  [[nodiscard]] NodeIndex endpoint(std::size_t index) const { return clients_[index].endpoint; }

  std::optional<Duration> carries(NodeIndex from, NodeIndex to) override;
  void arrived(Engine& engine, NodeIndex from, NodeIndex to, const Payload& payload) override;

 private:
  struct Gaps {
    std::optional<TrueTime> failing_since;  ///< Of the try that failed first.
    Duration unavailable{};                 ///< Of the phase, without the gap that still runs.
    Duration longest_gap{};
  };
  struct Client : Gaps {
    NodeIndex endpoint = 0;
    TrueTime due = kEndOfTime;
    std::unique_ptr<FrontEnd> front_end;  ///< None: it only tries.
    LocalClock clock{};
    bool waits = false;  ///< A try that failed waits for the endpoint until `due`.
  };

  /// What an endpoint could do with a write.
  struct Service {
    enum class Kind : std::uint8_t { kServed, kLost, kWrongLeader, kNotLeader };
    Kind kind = Kind::kLost;
    NodeIndex leader = 0;  ///< kServed: who would commit it.
  };

  void find_next();
  void apply(const Fault& fault);
  void request(Engine& engine, std::size_t index);
  void fail(Engine& engine, std::size_t index);
  void give_up(Engine& engine, std::size_t index);
  void take_hint(Engine& engine, std::size_t index);
  [[nodiscard]] FrontEndContext context_of(Engine& engine, std::size_t index);
  void sample(const Engine& engine);
  void close_gap(Gaps& client, TrueTime now) const;
  [[nodiscard]] Service service(const Engine& engine, NodeIndex endpoint) const;
  [[nodiscard]] static bool crosses(const Link& link, Duration& takes, Rng& rng);
  [[nodiscard]] bool reaches(std::size_t client, NodeIndex endpoint) const;
  [[nodiscard]] bool is_used(std::size_t client, NodeIndex endpoint) const;
  [[nodiscard]] Link& request_link(std::size_t client, NodeIndex endpoint) {
    return request_links_[client * replicas_ + endpoint];
  }
  [[nodiscard]] Link& answer_link(std::size_t client, NodeIndex endpoint) {
    return answer_links_[client * replicas_ + endpoint];
  }

  const ClientPlan& plan_;
  const Measures& measures_;
  std::size_t replicas_;
  Rng rng_;
  Rng front_end_rng_;  ///< Of the messages of front-ends.
  std::vector<Client> clients_;
  std::vector<Link> request_links_;  ///< Client to replica.
  std::vector<Link> answer_links_;   ///< Replica to client.
  std::size_t next_fault_ = 0;
  TrueTime sample_at_ = kEndOfTime;
  bool has_begun_ = false;
  TrueTime next_ = kEndOfTime;
  TrueTime phase_began_{};
  ClientOutcome phase_{};
};

}  // namespace vouch::sim
