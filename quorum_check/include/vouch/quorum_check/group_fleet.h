#pragma once

#include <cstdint>
#include <vector>

#include "vouch/quorum_check/core.h"
#include "vouch/quorum_check/group_table.h"
#include "vouch/quorum_check/group_watch.h"

namespace vouch {

/// All groups of one Monitor when there are many (ClaimMode::kDigest). A part of the Monitor, which
/// owns it.
///
/// While nothing changes a group is a GroupState and costs nothing: its promises and its support
/// are those of nodes, and a digest in each heartbeat says that nothing was missed. A group about
/// which something goes on has a GroupWatch from a pool until it is settled again. How much goes on
/// at once is limited (GroupLimits); the rest waits its turn in lists by leader.
///
/// Every method takes the shared Core, whose `now` is the present. `leave` concludes each call into
/// the Monitor. Does not allocate after the constructor. Not thread-safe: give it one owner.
class GroupFleet {
 public:
  explicit GroupFleet(Core& core);

  // From other nodes.
  void handle_digest(Core& core, PeerIndex from, const NodeHeartbeat& heartbeat, bool echo_fresh);
  void handle_batch(Core& core, PeerIndex from, const GroupBatch& batch);

  // What was learned about nodes.
  /// A process of the peer was heard for the first time.
  void handle_heard(Core& core, PeerIndex peer);
  /// The peer was suspected, or is trusted again.
  void handle_peer_changed(Core& core, PeerIndex peer);
  /// This node and the peer hear each other now, or do not any more.
  void handle_reach_changed(Core& core, PeerIndex peer);
  void handle_process_end(Core& core, PeerIndex peer);
  /// The support of the peer was prolonged.
  void handle_support(Core& core, PeerIndex peer);
  /// This node was stalled for `gap`; see GroupWatch::extend_promises.
  void extend_promises(Core& core, Instant since, Duration gap);
  /// Everything that this node leads is given up, a part with each call.
  void hand_over(StandDownReason reason);
  /// This node had better not lead (Core::trouble): for every group that it leads it looks for
  /// somebody else and advises to hand over, group by group. Call it once per heartbeat interval
  /// while that is so.
  void advise(Core& core);

  /// From the host.
  template <typename Event>
  void handle(Core& core, const Event& event) {
    const GroupIndex index = table_.find(event.group);
    if (index == kNoGroup) {
      ++core.counters.dropped_unknown_group;
    } else if (!handle_idle(core, index, event)) {
      if (!with_group(core, index, Origin::kHost, [&](GroupWatch& watch) {
            watch.handle(core, event);
            return false;
          })) {
        handle_no_room(core, event);
      }
    }
  }

  /// A heartbeat interval has passed: what was not acknowledged goes out again.
  void tick(Core& core);
  /// What the heartbeat to `peer` says of the groups.
  [[nodiscard]] StreamDigest digest_for(const Core& core, PeerIndex peer) const;
  /// Does what is due, begins rounds as there is room, sends what has been gathered.
  void leave(Core& core);
  [[nodiscard]] Instant next_timeout(const Core& core) const;

  // Queries.
  [[nodiscard]] bool knows(GroupId id) const { return table_.find(id) != kNoGroup; }
  /// The group as of now. Costs a copy of some kilobytes.
  [[nodiscard]] GroupWatch watch(const Core& core, GroupId id) const;
  /// The same as of the GroupWatch, for an idle group without a copy.
  [[nodiscard]] bool lease_held(const Core& core, GroupId id, Instant now) const;
  [[nodiscard]] Instant guard(const Core& core, GroupId id, Term term) const;
  [[nodiscard]] Instant promised_until(const Core& core) const;
  [[nodiscard]] std::size_t bytes_per_idle_group() const { return table_.bytes(); }
  [[nodiscard]] std::uint32_t active() const {
    return static_cast<std::uint32_t>(pool_.size() - free_.size());
  }
  [[nodiscard]] std::uint32_t in_flight() const { return in_flight_; }
  /// The work of this node's host does not move in some group, as of its last look.
  [[nodiscard]] bool is_stuck() const { return stuck_ > 0; }

 private:
  /// On whose behalf a group becomes active. The last places are the host's.
  enum class Origin { kHost, kNetwork };

  struct Active {
    GroupWatch watch{};
    Told told{};  ///< As the digests sum it up.
    GroupIndex index = kNoGroup;
    Instant due = kNever;
    std::uint32_t heap_at = 0;
    bool in_flight = false;
    bool is_seeking = false;
    bool is_stuck = false;
  };

  /// A datagram that overtook an earlier one.
  struct Held {
    PeerIndex peer = kNoPeer;
    GroupBatch batch{};
  };

  /// How the groups of one list are taken up: first those in which this node is likely to be the
  /// best candidate, later the others, if they are still without a leader.
  struct Pass {
    std::uint32_t first = 0;  ///< Groups that have not been looked at.
    Instant second_at = kLongAgo;
  };

  template <typename Work>
  bool with_group(Core& core, GroupIndex index, Origin origin, Work&& work) {
    if (origin == Origin::kNetwork && !core.has_room()) return false;
    const std::uint32_t number = activate(core, index, origin);
    if (number == kNoGroup) return false;
    Active& active = pool_[number];
    active.watch.refresh(core);
    const bool may_start = work(active.watch);
    conclude(core, number, may_start);
    return true;
  }

  // Idle and active (group_fleet.cc).
  [[nodiscard]] std::uint32_t activate(Core& core, GroupIndex index, Origin origin);
  void conclude(Core& core, std::uint32_t number, bool may_start);
  [[nodiscard]] bool is_active(GroupIndex index) const {
    return table_[index].previous == kActiveMark;
  }
  [[nodiscard]] std::uint32_t list_of(GroupIndex index) const;
  [[nodiscard]] bool handle_idle(Core& core, GroupIndex index, const LogAdvanced& event);
  [[nodiscard]] bool handle_idle(Core& core, GroupIndex index, const ProgressReported& event);
  [[nodiscard]] bool handle_idle(Core& core, GroupIndex index, const CommitReported& event);
  [[nodiscard]] bool handle_idle(Core& core, GroupIndex index, const EligibilityChanged& event);
  template <typename Event>
  [[nodiscard]] bool handle_idle(Core&, GroupIndex, const Event&) {
    return false;
  }
  void handle_no_room(Core& core, const VoteGranted& event);
  template <typename Event>
  void handle_no_room(Core&, const Event&) {}
  void touch_all(Core& core, PeerIndex peer);
  void run_due(Core& core);
  [[nodiscard]] bool may_begin(const Core& core, const Active& active) const;
  void heap_set(std::uint32_t number, Instant due);
  void heap_remove(std::uint32_t number);
  void heap_sift(std::uint32_t at);
  void heap_rebuild();
  void heap_put(std::uint32_t at, std::uint32_t number);

  // Taking up groups whose leader is gone (group_backlog.cc).
  [[nodiscard]] std::uint32_t waiting(const Core& core) const;
  [[nodiscard]] bool is_waiting(const Core& core, std::uint32_t list) const;
  void split(const Core& core, std::uint32_t list, Instant second_at);
  void start_rounds(Core& core);
  [[nodiscard]] bool start_one(Core& core, std::uint32_t list);
  [[nodiscard]] bool is_likely_best(const Core& core, GroupIndex index) const;
  [[nodiscard]] Instant idle_lease(const Core& core, GroupIndex index) const;
  void give_advice(Core& core);
  [[nodiscard]] bool may_seek_more(const Core& core) const;
  void check_lapses(Core& core);
  void sweep(Core& core);

  // Statements (group_streams.cc).
  void account(Core& core, GroupIndex index, const Told& before, const Told& after);
  void sum_up(Core& core, GroupId id, const Told& told, int sign);
  void log_change(Core& core, GroupIndex index, const Told& before, const Told& after);
  void concern(Core& core, PeerIndex peer, std::uint64_t change, bool removes);
  [[nodiscard]] Statement statement_for(const Core& core, GroupIndex index, PeerIndex peer) const;
  void restart_stream(Core& core, PeerIndex peer);
  void take_ack(Core& core, PeerIndex from, const StreamDigest& digest);
  void compare(Core& core, PeerIndex from, const StreamDigest& digest);
  [[nodiscard]] bool accept_stream(const Core& core, StreamIn& in, const GroupBatch& batch) const;
  void hold(Core& core, PeerIndex from, const GroupBatch& batch);
  [[nodiscard]] bool apply(Core& core, PeerIndex from, const GroupBatch& batch);
  [[nodiscard]] bool take_statement(Core& core, PeerIndex from, const Statement& statement);
  [[nodiscard]] bool take_idle(Core& core, GroupIndex index, PeerIndex from, Slot slot,
                               const Statement& statement);
  void take_request(Core& core, PeerIndex from, const ConfirmRequest& request);
  void take_reply(Core& core, PeerIndex from, const GroupEntry& entry);
  void mark_lagging(Core& core, PeerIndex peer);
  [[nodiscard]] bool pump(Core& core, PeerIndex peer);
  void flush(Core& core);
  void refill(Core& core);

  static constexpr GroupIndex kActiveMark = 0xfffffffe;

  GroupTable table_;
  GroupLimits limits_;
  std::vector<Active> pool_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> heap_;  ///< Numbers of active groups, the earliest due first.
  std::uint32_t in_flight_ = 0;      ///< Of the active groups, those with a round or a candidacy,
  std::uint32_t seeking_ = 0;        ///< those that look for somebody to hand over to,
  std::uint32_t stuck_ = 0;          ///< and those whose work does not move.

  std::vector<Pass> passes_;         ///< By list.
  std::vector<PeerIndex> suspects_;  ///< Peers that are not trusted.
  std::uint32_t turn_ = 0;
  Instant orphans_at_{};       ///< Right after the start leaders get time to be heard.
  Instant lapse_at_ = kNever;  ///< No earlier does support run out.
  bool is_sweeping_ = false;
  bool sweep_all_ = false;
  StandDownReason sweep_reason_{};
  GroupIndex sweep_at_ = kNoGroup;

  Instant advises_until_ = kLongAgo;  ///< This node had better not lead.
  Instant advises_again_at_{};        ///< Earliest next pass through the groups that it leads,
  std::uint32_t advice_left_ = 0;     ///< and how many are left in this one.

  std::vector<Held> held_;
  std::vector<GroupIndex> log_;  ///< What changed, the newest log_.size() of changes_.
  std::uint64_t changes_ = 0;
  std::vector<PeerIndex> lagging_;  ///< Peers that have not been sent everything.
  Duration pace_{};                 ///< packets_max is spread over slots of this length.
  Instant paced_at_{};
  Instant pace_at_ = kNever;
};

}  // namespace vouch
