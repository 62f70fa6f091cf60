#include <algorithm>
#include <bit>
#include <string>

#include "diagnosis.h"
#include "vouch/scenario/scenario.h"

namespace vouch::scenario {
namespace {

std::int64_t milliseconds_of(Duration span) {
  return (span.count() + 999'999) / 1'000'000;
}

std::int64_t client_value_of(Measure measure, const sim::ClientOutcome& during,
                             const sim::ClientOutcome& after) {
  if (measure == Measure::kClientUnavailable) return milliseconds_of(during.unavailable);
  if (measure == Measure::kClientUnavailableAfter) return milliseconds_of(after.unavailable);
  if (measure == Measure::kClientLongestGap) {
    return milliseconds_of(std::max(during.longest_gap, after.longest_gap));
  }
  if (measure == Measure::kUselessFrontEnd) return milliseconds_of(during.useless_front_end);
  const bool is_wrong = measure == Measure::kWrongLeaderRequests;
  return static_cast<std::int64_t>(is_wrong ? during.wrong_leader + after.wrong_leader
                                            : during.not_leader + after.not_leader);
}

std::string shown(sim::NodeSet nodes) {
  std::string text;
  for (sim::NodeIndex node = 0; node < sim::kMaxSimNodes; ++node) {
    if ((nodes & sim::node_bit(node)) == 0) continue;
    text += text.empty() ? "n" : ", n";
    text += std::to_string(node);
  }
  return text.empty() ? "nobody" : text;
}

void check_leader(std::string_view what, const std::optional<sim::NodeSet>& expected,
                  sim::NodeSet leaders, std::vector<std::string>& misses) {
  if (!expected) return;
  const bool is_met =
      *expected == 0 ? leaders == 0 : std::popcount(leaders) == 1 && (leaders & *expected) != 0;
  if (is_met) return;
  misses.push_back(std::string(what) + ": expected " + (*expected == 0 ? "" : "one of ") +
                   shown(*expected) + ", is " + shown(leaders));
}

}  // namespace

std::string_view to_string(Measure measure) {
  switch (measure) {
    case Measure::kElections:
      return "elections";
    case Measure::kUnnecessaryElections:
      return "unnecessary_elections";
    case Measure::kElectionsAfter:
      return "elections_after";
    case Measure::kLeaderChanges:
      return "leader_changes";
    case Measure::kTermGrowth:
      return "term_growth";
    case Measure::kFailover:
      return "failover_ms";
    case Measure::kUnavailable:
      return "unavailable_ms";
    case Measure::kUnavailableAfter:
      return "unavailable_after_ms";
    case Measure::kLongestGap:
      return "longest_gap_ms";
    case Measure::kSplitLease:
      return "split_lease_ms";
    case Measure::kMessages:
      return "messages_per_node_second";
    case Measure::kClientUnavailable:
      return "client_unavailable_ms";
    case Measure::kClientUnavailableAfter:
      return "client_unavailable_after_ms";
    case Measure::kClientLongestGap:
      return "client_longest_gap_ms";
    case Measure::kUselessFrontEnd:
      return "useless_front_end_ms";
    case Measure::kWrongLeaderRequests:
      return "wrong_leader_requests";
    case Measure::kNotLeaderRequests:
      return "not_leader_requests";
    case Measure::kTransfersAdvised:
      return "transfers_advised";
  }
  return "unknown";
}

std::int64_t value_of(Measure measure, const sim::RunResult& result, std::size_t replicas) {
  const sim::Outcome& during = result.during;
  const sim::Outcome& after = result.after;
  switch (measure) {
    case Measure::kElections:
      return during.elections + after.elections;
    case Measure::kUnnecessaryElections:
      return during.unnecessary_elections + after.unnecessary_elections;
    case Measure::kElectionsAfter:
      return after.elections;
    case Measure::kLeaderChanges:
      return during.leader_changes + after.leader_changes;
    case Measure::kTermGrowth:
      return static_cast<std::int64_t>(during.term_growth + after.term_growth);
    case Measure::kFailover:
      return milliseconds_of(result.failover());
    case Measure::kUnavailable:
      return milliseconds_of(during.unavailable);
    case Measure::kUnavailableAfter:
      return milliseconds_of(after.unavailable);
    case Measure::kLongestGap:
      return milliseconds_of(std::max(during.longest_gap, after.longest_gap));
    case Measure::kSplitLease:
      return milliseconds_of(result.split_lease);
    case Measure::kMessages: {
      const std::int64_t node_ms =
          milliseconds_of(during.length) * static_cast<std::int64_t>(replicas);
      return node_ms == 0 ? 0 : static_cast<std::int64_t>(during.messages) * 1000 / node_ms;
    }
    case Measure::kTransfersAdvised:
      return static_cast<std::int64_t>(result.advices.size());
    case Measure::kClientUnavailable:
    case Measure::kClientUnavailableAfter:
    case Measure::kClientLongestGap:
    case Measure::kUselessFrontEnd:
    case Measure::kWrongLeaderRequests:
    case Measure::kNotLeaderRequests:
      return client_value_of(measure, result.clients_during, result.clients_after);
  }
  return 0;
}

std::vector<std::string> misses(const Expectation& expectation, const sim::RunResult& result,
                                std::size_t replicas) {
  std::vector<std::string> misses;
  for (const Bound& bound : expectation.bounds) {
    const std::int64_t value = value_of(bound.measure, result, replicas);
    if (bound.min && value < *bound.min) {
      misses.push_back(std::string(to_string(bound.measure)) + ": expected at least " +
                       std::to_string(*bound.min) + ", is " + std::to_string(value));
    }
    if (bound.max && value > *bound.max) {
      misses.push_back(std::string(to_string(bound.measure)) + ": expected at most " +
                       std::to_string(*bound.max) + ", is " + std::to_string(value));
    }
  }
  check_leader("leader_at_heal", expectation.leader_at_heal, result.leaders_at_heal, misses);
  check_leader("final_leader", expectation.final_leader, result.final_leaders, misses);
  if (expectation.diagnosis) check_diagnosis(*expectation.diagnosis, result, misses);
  return misses;
}

}  // namespace vouch::scenario
