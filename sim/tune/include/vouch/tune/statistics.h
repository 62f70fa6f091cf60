#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vouch/detector/time.h"

namespace vouch::tune {

inline constexpr double kSecondsPerYear = 365.25 * 86'400;

[[nodiscard]] constexpr double seconds_of(Duration duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

/// Events per year, as seen: `count` within `observed`. Zero if nothing was observed.
[[nodiscard]] double rate_per_year(std::uint64_t count, Duration observed);

/// The greatest mean number of events that is compatible with `count` of them, with 95 %
/// confidence, if they come independently (Poisson). Of none it is 3: the rule of three (Hanley and
/// Lippman-Hand, JAMA 1983). Of more, Wilson and Hilferty's approximation (1931) of the quantile
/// of chi-squared, off by less than one in a hundred.
///
/// Events that come in bursts are fewer than they look: with a `dispersion` d, n of them say as
/// much as n / d independent ones, each of which counts d times (quasi-Poisson: McCullagh, Nelder,
/// "Generalized linear models", 1989, section 6.2.3).
[[nodiscard]] double count_bound(std::uint64_t count, double dispersion = 1);

/// The variance of counts in equal stretches of time over their mean, at least 1, as which
/// independent events have it; 1 if nothing was counted.
[[nodiscard]] double dispersion_of(const std::vector<double>& counts);

/// Events per year that the data cannot exclude: count_bound within `observed`; infinite if nothing
/// was observed.
[[nodiscard]] double rate_bound_per_year(std::uint64_t count, Duration observed,
                                         double dispersion = 1);

/// The value that `per_hundred` of a hundred do not exceed, by nearest rank. `sorted` ascending;
/// zero of none.
[[nodiscard]] Duration quantile_of(const std::vector<Duration>& sorted, std::uint32_t per_hundred);

/// How long silences of a link last beyond `from`: a generalised Pareto distribution, fitted by
/// probability-weighted moments (Hosking and Wallis, Technometrics 1987). Where it is asked about
/// silences longer than any seen it is an extrapolation: the data does not show it.
struct Tail {
  Duration from{};
  std::uint64_t count = 0;  ///< Silences longer than `from`,
  Duration observed{};      ///< within this time.
  double shape = 0;         ///< xi: above zero the tail is heavier than exponential.
  double scale_s = 0;       ///< sigma, in seconds.
  Duration longest{};       ///< The longest silence that was seen.

  /// Silences longer than `silence` per second.
  [[nodiscard]] double rate(Duration silence) const;

  /// How long these last beyond `silence` on average, in seconds; infinite for a shape of 1.
  [[nodiscard]] double mean_excess_s(Duration silence) const;
};

/// Fewest silences that a tail is fitted to.
inline constexpr std::size_t kTailMin = 20;

/// Fits the longest twentieth of `silences`, of any order; nothing if these are fewer than kTailMin
/// or all alike.
[[nodiscard]] std::optional<Tail> fit_tail(std::vector<Duration> silences, Duration observed);

/// How often a leader of `replicas` loses its majority when each way of each link falls silent at
/// `rate` per second for `length_s` on average, each on its own: so many followers must be silent
/// at the same time. Per year.
[[nodiscard]] double quorum_losses_per_year(double rate, double length_s, std::size_t replicas);

}  // namespace vouch::tune
