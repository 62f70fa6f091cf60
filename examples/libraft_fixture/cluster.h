#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "guard.h"
#include "libraft.h"
#include "network.h"

namespace vouch::libraft {

/// Who decides about elections.
enum class Mode : std::uint8_t {
  kUnguarded,  ///< libraft as it comes.
  kPreVote,    ///< libraft with its pre-vote.
  kGuarded,    ///< vouch; without pre-vote, which it does not need.
};

/// What was seen since Cluster::mark().
struct Seen {
  unsigned candidacies = 0;           ///< Times that a server asked for votes in a new term.
  unsigned terms = 0;                 ///< By how much the newest term has grown.
  unsigned leaders = 0;               ///< Times that a server became leader.
  unsigned writes = 0;                ///< Committed, and its client told.
  unsigned writes_offered = 0;        ///< One every 100 ms.
  std::uint64_t first_leader_ms = 0;  ///< Until the first of `leaders`; 0: none.
  unsigned leases_at_once = 0;    ///< Steps after which two servers held the lease. Must stay 0.
  unsigned leases_overtaken = 0;  ///< ... a server held it and another led a newer term. The same.
};

/// One of libraft's own fixture clusters, with its own clock, network and disks.
class Cluster {
 public:
  /// Bootstrapped and started. `seed` is for the Monitors.
  Cluster(unsigned servers, Mode mode, std::uint64_t seed = 1);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] unsigned size() const { return raft_fixture_n(&fixture_); }

  /// Lets virtual time pass, a client writing all the while.
  void run_for(unsigned msecs);

  /// Runs until somebody leads and is heard by everybody; whether that came about.
  bool run_until_settled(unsigned max_msecs);

  /// The server in leader state with the newest term; size() if there is none.
  [[nodiscard]] unsigned leader() const;
  [[nodiscard]] raft_term newest_term() const;
  [[nodiscard]] std::uint64_t time() const { return fixture_.time; }

  /// Loses what `from` sends to `to`, from now on.
  void cut(unsigned from, unsigned to);
  void heal(unsigned from, unsigned to);
  void heal_all();
  void kill(unsigned server);

  /// Begins to count.
  void mark();
  [[nodiscard]] const Seen& seen() const { return seen_; }

  /// Only of a guarded cluster.
  [[nodiscard]] const Guard& guard(unsigned server) const { return *guards_[server]; }

 private:
  struct Write {
    struct raft_apply request {};  // A function has the same name.
    Cluster* cluster = nullptr;
    bool counts = false;
  };

  void step();
  void look();
  void check_leases();
  void write();
  [[nodiscard]] bool may_serve(unsigned server) const;
  raft& at(unsigned server) { return *raft_fixture_get(&fixture_, server); }
  [[nodiscard]] const raft& at(unsigned server) const { return fixture_.servers[server].raft; }

  mutable raft_fixture fixture_{};
  std::array<raft_fsm, RAFT_FIXTURE_MAX_SERVERS> machines_{};
  Network network_{fixture_};
  std::vector<std::unique_ptr<Guard>> guards_;
  std::deque<Write> writes_;  ///< libraft keeps pointers to them until they are done.
  std::uint64_t next_write_ms_ = 0;

  std::array<raft_term, RAFT_FIXTURE_MAX_SERVERS> asked_in_{};
  std::array<raft_term, RAFT_FIXTURE_MAX_SERVERS> led_in_{};
  raft_term marked_term_ = 0;
  std::uint64_t marked_ms_ = 0;
  Seen seen_{};
};

}  // namespace vouch::libraft
