#pragma once

#include <cstdint>
#include <optional>

#include "libraft.h"
#include "network.h"
#include "vouch/quorum_check/monitor.h"

namespace vouch::libraft {

/// The group that a libraft cluster is.
inline constexpr GroupId kGroup{1};

/// Lets vouch's Monitor decide when one unmodified `struct raft` stands for election, votes and
/// stops to lead.
///
/// It stands between libraft and its raft_io: `attach` replaces the methods `start` and `send` of
/// the raft_io by its own, which call those that stood there. Nothing of libraft is changed, and
/// only what its public header shows is used:
///
/// - tick: while the Monitor has not said Campaign, `election_timer_start` of a follower or
///   candidate is moved to now, so that its timer never expires. Campaign lets it expire at once.
///   StandDown lets the leader's own check of its quorum fail.
/// - recv: a RequestVote is withheld while Monitor::may_vote says no, as if the network had lost
///   it; so are votes for a candidacy that is over.
/// - send: a RequestVote goes out with `disrupt_leader`, as in a transfer of leadership: the
///   quorum that consented has let go of the old leader, but libraft's voters do not know it.
/// - after each of them the Monitor is told what changed in `struct raft`.
///
/// `raft.data`, which libraft leaves to its user, is taken. Leadership is to be used only while
/// lease_held().
/// Not thread-safe: it lives in the loop of its raft.
class Guard {
 public:
  /// How often the Monitor looks at its timers and messages: much finer than libraft's tick.
  static constexpr unsigned kPollMs = 5;

  /// How long a candidacy may last; less than half a lease.
  static constexpr std::uint64_t kVoteWindowMs = 300;

  Guard(raft& raft, Monitor monitor, Network& network);
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// Takes over the raft_io. After raft_init, before raft_start.
  void attach();

  /// Ask right before each effect that needs leadership, instead of raft_state().
  [[nodiscard]] bool lease_held() const { return monitor_.lease_held(kGroup, now()); }

  /// What a dead process does not do: the fixture keeps calling.
  void kill() { alive_ = false; }

  [[nodiscard]] const Monitor& monitor() const { return monitor_; }
  [[nodiscard]] Instant now() const;

 private:
  static int start(raft_io* io, unsigned msecs, raft_io_tick_cb tick, raft_io_recv_cb recv);
  static int send(raft_io* io, raft_io_send* request, const raft_message* message,
                  raft_io_send_cb callback);
  static void tick(raft_io* io);
  static void recv(raft_io* io, raft_message* message);
  static Guard& of(raft_io* io);

  void poll();
  void call_tick();
  [[nodiscard]] bool is_withheld(const raft_message& message);
  void hold_election_timer();
  void expire_election_timer();
  void act();
  void begin_candidacy(const Campaign& campaign);
  void end_late_candidacy();
  void end_candidacy();
  void step_down(const StandDown& stand_down);
  void tell_changes();
  void tell_vote();
  void tell_leadership();
  void tell_log();

  struct Candidacy {
    raft_term term = 0;
    std::uint64_t since_ms = 0;
    NodeList votes{};
  };

  raft* raft_;
  Monitor monitor_;
  Network* network_;
  NodeId self_;
  bool alive_ = true;

  // What stood in the raft_io and was given to its start.
  decltype(raft_io::start) next_start_ = nullptr;
  decltype(raft_io::send) next_send_ = nullptr;
  raft_io_tick_cb raft_tick_ = nullptr;
  raft_io_recv_cb raft_recv_ = nullptr;
  unsigned tick_interval_ms_ = 0;
  std::uint64_t next_tick_ms_ = 0;

  // What the Monitor has been told last.
  std::optional<Candidacy> candidacy_;
  raft_term voted_in_ = 0;
  raft_id voted_for_ = 0;
  raft_term led_term_ = 0;  ///< The term that this server leads, or 0.
  LogPosition log_{};
  raft_index commit_ = 0;
};

}  // namespace vouch::libraft
