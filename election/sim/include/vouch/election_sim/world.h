#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vouch/election/elector_config.h"

namespace vouch::election {

/// A mistake that is put between the store and the electors on purpose, to show that the rules
/// notice it.
enum class Mistake : std::uint8_t {
  kNone,
  kAmbiguousIsApplied,  ///< Whoever gets no reply to a write takes it for done.
  kAmbiguousIsFailed,   ///< Whoever gets no reply takes it for refused: costs time, not safety.
  kHalfLease,           ///< Waiters wait half of what the record says.
};

/// What one run looks like. Chances are per million and per opportunity.
struct WorldOptions {
  std::uint32_t candidates = 3;
  ElectorConfig config;  ///< Name and owners are given to it.
  /// The clocks run up to so much too fast or too slow. The rules hold while this is at most
  /// config.clock_drift_ppm.
  std::uint32_t drift_ppm = 1000;
  Duration troubled{};  ///< Faults come until then; afterwards all is well for `calm`.
  Duration calm{};
  Duration between_faults{};  ///< On the average.
  Mistake mistake = Mistake::kNone;
};

/// What happened in a run.
struct WorldReport {
  std::vector<std::string> broken;  ///< One line for each rule that was broken, with the time.
  bool leads_at_end = false;        ///< Exactly one leads.
  std::uint64_t events = 0;
  std::uint64_t elected = 0;
  std::uint64_t lapsed = 0;
  /// Elections of another than the last leader, which runs and lost its lease to the store.
  std::uint64_t deposed = 0;
  std::uint64_t held_off = 0;  ///< Answers of peers that left a late holder the lock.
  std::uint64_t effects = 0;   ///< Leader's work that was applied.
  std::uint64_t ambiguous = 0;
  std::uint64_t adopted = 0;
  std::uint64_t condition_failed = 0;
  std::uint64_t pauses = 0;
  std::uint64_t crashes = 0;
};

/// Runs Electors, as they are shipped, on a MemoryStore or (config.store) a MemoryQueue in virtual
/// time: with clocks that drift, pauses, crashes, drains, a store that refuses, loses and applies
/// late; peers (config.peer_patience) who hear every process that runs, and answer seven times of
/// eight. After every event it is checked that at most one candidate may believe that it leads, a
/// paused one included; that each election has a greater token than all before; that no effect of a
/// leader is stale; and that each hears of its leadership in the stated order. Equal (options,
/// seed) give an equal run.
[[nodiscard]] WorldReport run_world(const WorldOptions& options, std::uint64_t seed);

}  // namespace vouch::election
