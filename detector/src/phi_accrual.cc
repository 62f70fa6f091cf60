#include "vouch/detector/phi_accrual.h"

#include <cmath>
#include <numbers>

namespace vouch {

namespace {

/// Where `tail`, which falls from 1 at -40 to below 10^-300 at 40, passes 10^-threshold.
template <typename Tail>
double quantile_of_phi(double threshold, Tail tail) {
  const double chance = std::pow(10.0, -threshold);
  double low = -40.0;
  double high = 40.0;
  for (int step = 0; step < 200; ++step) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    if (tail(middle) > chance) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return high;
}

}  // namespace

double normal_quantile_of_phi(double threshold) {
  return quantile_of_phi(threshold,
                         [](double z) { return 0.5 * std::erfc(z / std::numbers::sqrt2); });
}

double logistic_quantile_of_phi(double threshold) {
  return quantile_of_phi(
      threshold, [](double z) { return 1.0 / (1.0 + std::exp(z * (1.5976 + 0.070566 * z * z))); });
}

PhiAccrual::PhiAccrual(const DetectorConfig& config)
    : window_(static_cast<std::uint16_t>(config.window_size),
              Window::shift_for(64 * config.heartbeat_interval, 32)),
      acceptable_pause_(config.acceptable_pause) {
  interval_ = static_cast<std::uint32_t>(config.heartbeat_interval.count() >> window_.shift());
  const double z = config.kind == DetectorKind::kPhiLogistic
                       ? logistic_quantile_of_phi(config.threshold)
                       : normal_quantile_of_phi(config.threshold);
  quantile_ = z * static_cast<double>(std::uint64_t{1} << window_.shift());
  margin_min_ = z * static_cast<double>(config.stddev_min.count());
}

void PhiAccrual::restart() {
  window_.clear();
  sum_ = 0;
  squares_ = Squares{};
  if (window_.capacity() == 1) {
    push(interval_);
    return;
  }
  push(interval_ - interval_ / 4);
  push(interval_ + interval_ / 4);
}

PhiExponential::PhiExponential(const DetectorConfig& config)
    : window_(static_cast<std::uint16_t>(config.window_size),
              Window::shift_for(64 * config.heartbeat_interval, 32)),
      factor_(config.threshold * std::numbers::ln10 *
              static_cast<double>(std::uint64_t{1} << window_.shift())),
      acceptable_pause_(config.acceptable_pause) {
  interval_ = static_cast<std::uint32_t>(config.heartbeat_interval.count() >> window_.shift());
}

}  // namespace vouch
