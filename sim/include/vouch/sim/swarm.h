#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/detector/time.h"
#include "vouch/sim/checker.h"
#include "vouch/sim/network.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/run.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// Something that goes wrong for a while, at one or more places at once.
struct Incident {
  TrueTime at{};
  Duration lasts{};           ///< Zero: until its place is healed (SwarmCase).
  std::vector<Fault> faults;  ///< Of one kind, with the same numbers.

  friend bool operator==(const Incident&, const Incident&) = default;
};

/// One run of a swarm: a group with its options, and what happens to it.
///
/// At first anything may fail. Then a core of a majority is healed while everything else stays as
/// broken as it is, and must come to a leader (as TigerBeetle's simulator demands it). At last all
/// is healed. All times are whole milliseconds, so that a scenario file can hold them.
struct SwarmCase {
  std::uint64_t seed = 1;  ///< Of the engine.
  PolicySettings settings{};
  Link link{};
  std::vector<std::int32_t> clock_ppm;  ///< Rate of each node's clock: the group's size too.
  std::vector<Incident> incidents;      ///< In order of time, all before core_from.
  NodeSet core = 0;                     ///< Whose nodes and links heal at core_from.
  TrueTime faults_from{};
  TrueTime core_from{};
  TrueTime core_until{};      ///< Now the core must have a leader, and the rest heals.
  TrueTime end{};             ///< Now the whole group must have one.
  Duration liveness_bound{};  ///< See Liveness.

  [[nodiscard]] std::size_t replicas() const { return clock_ppm.size(); }
};

/// Draws a case: a pure function of the seed. Swarm testing (Groce et al., "Swarm testing", 2012):
/// each kind of fault is left out of half the cases, the others have random weights, so that no
/// kind always hides what another one would show.
///
/// Drawn: 3 to 7 replicas, heartbeat interval, lease and lease mode, detector, drift bound with
/// clocks within it, work of the hosts, links, faults. Left out is what breaks an assumption of the
/// rules: clocks that stop or jump (a frozen machine) and lost disks. A voter that forgets its vote
/// votes twice in one term, in every consensus; docs/SWARM.md says more.
[[nodiscard]] SwarmCase draw_case(std::uint64_t seed);

/// The plan of a case.
[[nodiscard]] Plan plan_of(const SwarmCase& swarm);

/// How a case is checked under a policy of this name.
[[nodiscard]] RunOptions run_options_of(const SwarmCase& swarm, std::string_view policy);

/// What ends a fault of this kind at the same place.
[[nodiscard]] Fault ending_of(const Fault& fault);

/// Makes the protocol under test for the settings of a case.
using ProtocolMaker = std::function<std::unique_ptr<Protocol>(const PolicySettings&)>;

/// How often what happened, by name: verdicts of confirmation rounds ("verdict SUPPRESS"), answers
/// that arrived ("answer just_started"), reasons to stand down ("stood down: no_progress").
using Coverage = std::map<std::string, std::uint64_t, std::less<>>;

/// What a swarm of some size must have reached: names of Coverage that hold for `vouch`.
[[nodiscard]] const std::vector<std::string_view>& expected_coverage();

/// What came of one case.
struct SwarmOutcome {
  std::uint64_t seed = 0;
  Duration simulated{};
  std::uint64_t elections = 0;
  std::uint64_t leader_changes = 0;
  std::uint64_t confirmations = 0;  ///< Decisions on a suspicion.
  std::array<std::uint64_t, kFaultKindCount> faults{};
  Coverage coverage;
  /// The first ones. A core or a group without a leader at its time is a violation of L2.
  std::vector<Violation> violations;
};

/// Runs one case. Independent of every other call, so that a program may run them in parallel.
[[nodiscard]] SwarmOutcome try_case(const ProtocolMaker& make, const SwarmCase& swarm);

/// The sum over cases, in the order of their seeds.
struct SwarmSummary {
  std::uint64_t cases = 0;
  std::uint64_t elections = 0;
  std::uint64_t leader_changes = 0;
  std::uint64_t confirmations = 0;
  std::uint64_t failing = 0;  ///< Cases with a violation.
  std::int64_t simulated_ms = 0;
  std::array<std::uint64_t, kFaultKindCount> faults{};
  std::array<std::uint64_t, kRuleCount> by_rule{};  ///< Failing cases by their first violation.
  Coverage coverage;

  /// A case that broke a rule, and its first violation.
  struct Failure {
    std::uint64_t seed = 0;
    Violation violation{};
  };
  std::vector<Failure> failures;  ///< The first ones, at most kFailuresKept.
  static constexpr std::size_t kFailuresKept = 20;

  void add(const SwarmOutcome& outcome);
};

/// A case made smaller.
struct Shrunk {
  SwarmCase swarm;
  Violation violation{};
  std::uint64_t runs = 0;  ///< That it took.
};

/// Makes a failing case smaller while it still breaks `rule`: fewer incidents (Zeller and
/// Hildebrandt, "Simplifying and isolating failure-inducing input", 2002), fewer places of each,
/// shorter ones, clocks without drift, a shorter wait. At most `runs_max` runs: the result depends
/// on nothing else. `swarm` must break the rule.
[[nodiscard]] Shrunk shrink(const ProtocolMaker& make, const SwarmCase& swarm, Rule rule,
                            std::uint64_t runs_max);

}  // namespace vouch::sim
