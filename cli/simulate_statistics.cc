#include "simulate_statistics.h"

#include <algorithm>
#include <numeric>

#include "vouch/sim/intervals.h"

namespace vouch::cli {
namespace {

using Json = nlohmann::ordered_json;
using scenario::Measure;

template <typename T>
Json json_of(const sim::Interval<T>& interval) {
  return {{"low", interval.low}, {"high", interval.high}};
}

std::uint64_t count_above_zero(const std::vector<std::int64_t>& values) {
  return static_cast<std::uint64_t>(
      std::count_if(values.begin(), values.end(), [](std::int64_t value) { return value > 0; }));
}

/// The statistics of one number of each run.
template <typename Number>
Json over_runs(const PolicyRuns& runs, Number number) {
  std::vector<std::int64_t> values;
  for (const sim::RunResult& result : runs.results)
    values.push_back(number(result));
  std::sort(values.begin(), values.end());
  return statistics_json(values);
}

Json phase_json(const PolicyRuns& runs, sim::ClientOutcome sim::RunResult::*phase) {
  const auto ms = [](Duration span) { return (span.count() + 999'999) / 1'000'000; };
  const auto take = [&](auto number) {
    return over_runs(runs, [&](const sim::RunResult& result) {
      return static_cast<std::int64_t>(number(result.*phase));
    });
  };
  using Seen = const sim::ClientOutcome&;
  return {{"availability_per_million", take([](Seen s) { return s.availability_per_million(); })},
          {"unavailable_ms", take([&](Seen s) { return ms(s.unavailable); })},
          {"longest_gap_ms", take([&](Seen s) { return ms(s.longest_gap); })},
          {"requests", take([](Seen s) { return s.requests; })},
          {"successes", take([](Seen s) { return s.successes; })},
          {"wrong_leader_requests", take([](Seen s) { return s.wrong_leader; })},
          {"not_leader_requests", take([](Seen s) { return s.not_leader; })},
          {"useless_front_end_ms", take([&](Seen s) { return ms(s.useless_front_end); })}};
}

}  // namespace

std::vector<std::int64_t> sorted_values(Measure measure, const PolicyRuns& runs,
                                        std::size_t replicas) {
  std::vector<std::int64_t> values;
  for (const sim::RunResult& result : runs.results)
    values.push_back(scenario::value_of(measure, result, replicas));
  std::sort(values.begin(), values.end());
  return values;
}

std::int64_t median_of(const std::vector<std::int64_t>& sorted) {
  return sorted[(sorted.size() - 1) / 2];
}

std::string share_text(const std::vector<std::int64_t>& sorted) {
  const std::uint64_t hits = count_above_zero(sorted);
  const auto interval = sim::wilson_interval(hits, sorted.size());
  const auto percent = [](double share) { return fixed_text(share * 100, 0); };
  const double share = static_cast<double>(hits) / static_cast<double>(sorted.size());
  return percent(share) + " % [" + percent(interval->low) + ", " + percent(interval->high) + "]";
}

Json interval_methods() {
  return {{"confidence_percent", 95},
          {"median",
           {{"method", "order statistics: two of the values, by the binomial distribution"},
            {"runs_min", sim::kMedianSamplesMin}}},
          {"proportion", {{"method", "Wilson score, without correction for continuity"}}},
          {"mean",
           {{"method", "bootstrap percentile, own generator with a fixed seed"},
            {"runs_min", sim::kMeanSamplesMin}}},
          {"too_few_runs", "null"}};
}

Json statistics_json(const std::vector<std::int64_t>& sorted) {
  const auto of_median = sim::median_interval(sorted);
  const auto of_mean = sim::bootstrap_mean_interval(sorted);
  const std::int64_t sum = std::accumulate(sorted.begin(), sorted.end(), std::int64_t{0});
  Json json = {{"min", sorted.front()},
               {"median", median_of(sorted)},
               {"max", sorted.back()},
               {"median_interval", of_median ? json_of(*of_median) : Json()},
               {"mean", static_cast<double>(sum) / static_cast<double>(sorted.size())},
               {"mean_interval", of_mean ? json_of(of_mean->interval) : Json()}};
  if (of_mean) json["mean_interval"]["resamples"] = of_mean->resamples;
  return json;
}

Json proportions_json(const PolicyRuns& runs, std::size_t replicas) {
  struct Kind {
    const char* name;
    Measure measure;
  };
  constexpr Kind kKinds[] = {{"with_election", Measure::kElections},
                             {"with_unnecessary_election", Measure::kUnnecessaryElections},
                             {"with_unavailability", Measure::kUnavailable},
                             {"with_client_unavailability", Measure::kClientUnavailable},
                             {"with_wrong_leader_request", Measure::kWrongLeaderRequests},
                             {"with_split_lease", Measure::kSplitLease}};
  Json json;
  for (const Kind& kind : kKinds) {
    const auto values = sorted_values(kind.measure, runs, replicas);
    const std::uint64_t hits = count_above_zero(values);
    json[kind.name] = {{"runs", hits},
                       {"share", static_cast<double>(hits) / static_cast<double>(values.size())},
                       {"share_interval", json_of(*sim::wilson_interval(hits, values.size()))}};
  }
  return json;
}

Json clients_json(const PolicyRuns& runs) {
  return {{"fault", phase_json(runs, &sim::RunResult::clients_during)},
          {"heal", phase_json(runs, &sim::RunResult::clients_after)}};
}

}  // namespace vouch::cli
