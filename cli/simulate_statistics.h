#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "simulate.h"

namespace vouch::cli {

/// The values of a measure in all runs, in ascending order.
[[nodiscard]] std::vector<std::int64_t> sorted_values(scenario::Measure measure,
                                                      const PolicyRuns& runs, std::size_t replicas);

/// The median. Of an even number of values the lower of the middle two is taken: it did occur.
[[nodiscard]] std::int64_t median_of(const std::vector<std::int64_t>& sorted);

/// In how many runs the measure was above zero, as "12 % [7, 19]": the share and its interval.
[[nodiscard]] std::string share_text(const std::vector<std::int64_t>& sorted);

/// How every interval of the JSON is made, and from how many runs on.
[[nodiscard]] nlohmann::ordered_json interval_methods();

/// Least, median, greatest and mean, with intervals; null where there are too few runs for one.
[[nodiscard]] nlohmann::ordered_json statistics_json(const std::vector<std::int64_t>& sorted);

/// In how many runs something happened at all, with intervals.
[[nodiscard]] nlohmann::ordered_json proportions_json(const PolicyRuns& runs, std::size_t replicas);

/// What the clients saw, per phase.
[[nodiscard]] nlohmann::ordered_json clients_json(const PolicyRuns& runs);

}  // namespace vouch::cli
