#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "vouch/detector/detector.h"
#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
#include "vouch/detector/time.h"

namespace vouch {

/// How a new leader makes sure that no earlier lease still runs (rule S8).
enum class LeaseMode : std::uint8_t {
  kRefuse,   ///< Voters refuse their vote until their promise has run out. Default.
  kWaitOut,  ///< Voters vote at once and say how long they are bound; the winner waits it out.
};

/// What a starting node must assume of the promises of its earlier life (rule S7).
enum class BootMode : std::uint8_t {
  kRestarted,  ///< It may have promised a moment ago: consents to nothing for one promise. Default.
  kFirstBoot,  ///< The node has never run before, or its promises are known to be over.
  kPersisted,  ///< Its promises were stored: consents to nothing for MonitorConfig::boot_promise.
};

/// One group as its host configures it.
struct GroupConfig {
  GroupId id{};
  ConfigEpoch epoch{1};
  std::vector<NodeId> voters;        ///< Members with a vote. At least one, all in the roster.
  std::vector<NodeId> joint_voters;  ///< The other half of a joint configuration; usually empty.
  bool may_lead = true;              ///< False for a witness, or a node that starts drained.
  std::uint16_t priority = 0;        ///< Higher is preferred among equally long logs.
  Term term{};                       ///< Newest term that the host knows from its own storage.
};

/// Where front-ends stand: what breaks a path to one front-end often breaks those of its zone.
using ZoneId = Strong<struct ZoneIdTag, std::uint16_t>;

/// A front-end that may speak to this node. Its zone is what the operator says, not what it claims.
struct FrontEndConfig {
  NodeId id{};    ///< Not 0, and no node of the roster.
  ZoneId zone{};  ///< Any numbers.
};

/// How the nodes of a cluster tell each other what they say about groups. One cluster, one way.
enum class ClaimMode : std::uint8_t {
  kAuto,    ///< kInline if this node's groups and peers fit, else kDigest. Default.
  kInline,  ///< Whole in each heartbeat: at most kMaxGroupsPerHeartbeat groups, kMaxNodes nodes.
  kDigest,  ///< When it changes, and a digest in each heartbeat: any number of groups and nodes.
};

/// Whether nodes pass on heartbeats to those who do not hear their leader (docs/ROUTES.md). One
/// cluster, one way.
enum class RelayMode : std::uint8_t {
  kOff,         ///< Nobody passes anything on. Default.
  kHeartbeats,  ///< Who does not hear its leader keeps it, and its freshness; it supports nobody.
  /// It supports the leader too. Right only where the hosts' own traffic follows
  /// Monitor::next_hop: a leader is kept that reaches its quorum over a peer.
  kAll,
};

/// `off`, `heartbeats` or `all`, as files say it.
[[nodiscard]] std::string_view to_string(RelayMode mode);
[[nodiscard]] std::optional<RelayMode> relay_mode_named(std::string_view name);

/// What the many groups of one Monitor may use at once (docs/GROUPS.md). For kDigest only.
struct GroupLimits {
  /// kAuto looks at this node alone: set it when nodes of a cluster have different numbers of
  /// groups.
  ClaimMode claims = ClaimMode::kAuto;

  /// Most groups about which something is going on: a round, a candidacy, a consent or a vote that
  /// binds, work that is pending. The others take some 60 bytes each. What finds no room is refused
  /// or comes later, and is counted. 0: as many as there are groups, at most 4096. Else >= 64.
  std::uint32_t active_max = 0;

  /// Most confirmation rounds and candidacies of this node at once: when a node with thousands of
  /// groups dies, its groups come up one after the other. In [1, active_max / 2].
  std::uint32_t rounds_max = 256;

  /// Most datagrams about groups that this node sends within one heartbeat_interval; heartbeats do
  /// not count. At least 100.
  std::uint32_t packets_max = 2000;

  /// Most members of a group, those of both halves of a joint configuration and this node included.
  /// In [1, kMaxNodes]; 0: as many as the largest group has at the start.
  std::uint32_t members_max = 0;
};

/// Everything that a Monitor is made from. Monitor::create checks each rule and names the field.
///
/// Defaults suit a local network: a crash is survived in about one lease.
struct MonitorConfig {
  NodeId self{};              ///< Not 0, not among `peers`.
  Incarnation incarnation{};  ///< Not 0; higher after each restart of this node.
  /// Every other node of the roster, each once; at most kMaxNodes - 1 inline, else kMaxRoster - 1.
  std::vector<NodeId> peers;
  /// At least one; at most kMaxGroupsPerHeartbeat inline, else kMaxGroups.
  std::vector<GroupConfig> groups;
  GroupLimits group_limits{};

  /// Period of heartbeats to every peer. In (0, lease / 4]: three lost heartbeats in a row must not
  /// cost the lease.
  Duration heartbeat_interval = std::chrono::milliseconds(100);

  /// When a silent peer becomes suspect. Suspicion costs a question, not an election, so it may be
  /// aggressive. Its heartbeat_interval is overwritten by the one above.
  DetectorConfig detector{.timeout = std::chrono::milliseconds(350)};

  /// How long one acknowledged heartbeat supports its sender, counted from its sending. A leader
  /// that hears from no quorum stops after this; a crash costs about this.
  Duration lease = std::chrono::milliseconds(800);

  /// How long a promise given to a leader binds this node: L_follower of rule S8. Zero: the
  /// shortest that covers `lease`. Longer while the lease of a running group is being changed, node
  /// by node: first this everywhere, then `lease`. lease (1+r)/(1-r) + guard <= follower_lease, and
  /// at most 1 h.
  Duration follower_lease{};

  /// Greatest difference of a clock's rate from true time, in parts per million. [0, 100000].
  /// 1000 is twice the greatest slew of NTP.
  std::uint32_t clock_drift_ppm = 1000;

  /// Added to every promise for what the drift bound does not cover (granularity of timers).
  Duration guard = std::chrono::milliseconds(1);

  /// Time between two attempts of a confirmation round while an answer could change something.
  /// May be shorter than the round trip (rule L5).
  Duration confirm_interval = std::chrono::milliseconds(50);

  /// How long a consent binds the one who gives it; a candidate must campaign within it. Longer
  /// when the measured round trip asks for it, but never above lease / 2.
  Duration consent_hold = std::chrono::milliseconds(150);

  /// The greatest round trip among the voters that the host has measured or expects. Nothing is
  /// timed by it: it is what the knobs are checked against. Zero: not known, and those checks are
  /// left out. In [0, 1 h].
  Duration round_trip{};

  /// After suppressing for this long without an end an alert says so; it never elects against valid
  /// evidence (rule S9).
  Duration suppress_cap = std::chrono::seconds(10);

  /// A timer that fires later than this after its instant means that this node itself was stalled
  /// (rule S4): it neither suspects nor consents until it has caught up.
  Duration stall_limit = std::chrono::milliseconds(300);

  /// A leader whose oldest uncommitted work is older than this is of no use: its evidence is void
  /// and it stands down. Zero switches the check off. Takes effect once the host reports progress.
  Duration progress_timeout = std::chrono::milliseconds(1000);

  /// How often the host's worker reports progress at the least (ProgressReported, CommitReported),
  /// once it has begun to: one that falls silent for progress_timeout is hung, even if nothing was
  /// pending. Zero: it reports changes only, and silence means nothing. At most progress_timeout
  /// / 2.
  Duration worker_interval{};

  /// A leadership or candidacy that this node lost against its will is a strike: for this long
  /// (doubled with each further strike, at most 32 times this) it ranks behind every electable node
  /// with fewer. It never blocks the failover to the only one that can lead. Zero: no strikes.
  Duration hold_off = std::chrono::seconds(10);

  /// Own stalls above stall_limit that add up to one lease within about this time cost a leader its
  /// office: it hands over on purpose instead of limping on. Zero switches it off.
  Duration stall_window = std::chrono::seconds(60);

  /// Between two advices to hand over, and after a change of leader before the first one:
  /// leadership that moves again and again serves nobody. Zero: no advice at all.
  Duration transfer_cooldown = std::chrono::seconds(30);

  /// Every so many-th heartbeat fills a whole datagram. A peer that does not echo these, although
  /// it echoes the small ones, cannot be sent a log: it does not count towards this node's quorum.
  /// Zero: none does.
  std::uint32_t padded_every = 0;

  /// Not with ClaimMode::kDigest.
  RelayMode relay = RelayMode::kOff;

  /// Front-ends that may ask and report (docs/FRONT_ENDS.md), each once, the same on all nodes; at
  /// most kMaxFrontEnds. Others are not listened to. Nothing that they say counts for a quorum, a
  /// lease or evidence.
  std::vector<FrontEndConfig> front_ends;

  /// How often a front-end speaks at the least (FrontEndObserverConfig::probe_interval). What one
  /// has said ages out after 3.5 of these. In [1 ms, 1 h].
  Duration front_end_interval = std::chrono::milliseconds(500);

  /// For so long, without a break, most front-ends of enough zones must have reported that they do
  /// not reach the leader before it is advised to hand over. Zero: never. In [0, 24 h].
  Duration front_end_window = std::chrono::seconds(3);

  /// In so many zones at the least most front-ends must have lost the leader, and always in more
  /// than half of all zones. In [1, kMaxFrontEnds]; with 1 a single zone that is all there is can
  /// move it.
  std::uint32_t front_end_zones = 2;

  LeaseMode lease_mode = LeaseMode::kRefuse;
  BootMode boot = BootMode::kRestarted;
  /// kPersisted only: what was left of Monitor::promised_until() when the host measured it last, by
  /// a clock that ran on through the restart. In [0, 1 h].
  Duration boot_promise{};

  /// What `group_limits.claims` comes to: kInline or kDigest.
  [[nodiscard]] ClaimMode claim_mode() const;

  /// `group_limits` with its zeros replaced.
  [[nodiscard]] GroupLimits completed_limits() const;

  /// How long a promise binds: follower_lease, or what covers `lease` on any clock within the drift
  /// bound: lease (1 + r) / (1 - r) + guard, rounded up.
  [[nodiscard]] Duration promise() const;

  /// The second of the two, whatever follower_lease says.
  [[nodiscard]] Duration shortest_promise() const;

  /// Longest consent: lease / 2.
  [[nodiscard]] Duration consent_hold_max() const { return lease / 2; }
};

/// Checks every rule above, those between the knobs by lint() (lint.h). The message names the
/// field, the rule and the value.
[[nodiscard]] Status validate(const MonitorConfig& config);

/// The part of it that is not about knobs: nodes, groups, voters.
[[nodiscard]] Status validate_members(const MonitorConfig& config);

}  // namespace vouch
