#include "vouch/detector/phi_accrual.h"

#include <cmath>
#include <numbers>

namespace vouch {

double normal_quantile_of_phi(double threshold) {
  const double tail = std::pow(10.0, -threshold);
  // The tail falls with z; at -40 it is 1 and at 40 it is below 10^-300, the largest threshold.
  double low = -40.0;
  double high = 40.0;
  for (int step = 0; step < 200; ++step) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    if (0.5 * std::erfc(middle / std::numbers::sqrt2) > tail) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return high;
}

PhiAccrual::PhiAccrual(const DetectorConfig& config)
    : window_(static_cast<std::uint16_t>(config.window_size),
              Window::shift_for(64 * config.heartbeat_interval, 32)),
      acceptable_pause_(config.acceptable_pause) {
  const double z = normal_quantile_of_phi(config.threshold);
  quantile_ = z * static_cast<double>(std::uint64_t{1} << window_.shift());
  margin_min_ = z * static_cast<double>(config.stddev_min.count());
  interval_ = static_cast<std::uint32_t>(config.heartbeat_interval.count() >> window_.shift());
}

void PhiAccrual::seed() {
  window_.clear();
  sum_ = 0;
  squares_ = Squares{};
  unsampled_ = 0;
  if (window_.capacity() == 1) {
    push(interval_);
    return;
  }
  push(interval_ - interval_ / 4);
  push(interval_ + interval_ / 4);
}

}  // namespace vouch
