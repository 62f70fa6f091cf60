#include "clock_drift.h"

#include <cmath>

namespace vouch::runtime {

void DelaySlope::add(ClockStamp sent_at, ClockStamp arrived_at) {
  // Both clocks are a peer's word: the difference may be anything, so it is taken without overflow.
  const auto delay = static_cast<std::int64_t>(static_cast<std::uint64_t>(arrived_at.value()) -
                                               static_cast<std::uint64_t>(sent_at.value()));
  if (!has_first_) {
    has_first_ = true;
    first_sent_ = least_at_ = sent_at.value();
    first_delay_ = least_delay_ = delay;
    return;
  }
  const auto since = static_cast<std::int64_t>(static_cast<std::uint64_t>(sent_at.value()) -
                                               static_cast<std::uint64_t>(first_sent_));
  const std::int64_t window = since / kWindow;
  if (window > window_) {
    close_window();
    window_ = window;
    least_at_ = sent_at.value();
    least_delay_ = delay;
  } else if (window == window_ && delay < least_delay_) {
    least_at_ = sent_at.value();
    least_delay_ = delay;
  }
}

void DelaySlope::close_window() {
  ++windows_;
  // In seconds, and relative to the first: a double then holds nanoseconds over centuries.
  const double x = (static_cast<double>(least_at_) - static_cast<double>(first_sent_)) / 1e9;
  const double y = (static_cast<double>(least_delay_) - static_cast<double>(first_delay_)) / 1e9;
  sum_x_ += x;
  sum_y_ += y;
  sum_xx_ += x * x;
  sum_xy_ += x * y;
}

double DelaySlope::ppm() const {
  const auto n = static_cast<double>(windows_);
  const double spread = n * sum_xx_ - sum_x_ * sum_x_;
  return spread > 0 ? 1e6 * (n * sum_xy_ - sum_x_ * sum_y_) / spread : 0;
}

DriftEstimate ClockDrift::estimate() const {
  if (!out_.is_known() || !in_.is_known()) return {};
  // Out, the peer's clock is the receiver's: if it is fast the delay grows; in, it shrinks.
  return {.is_known = true,
          .ppm = (out_.ppm() - in_.ppm()) / 2,
          .spread_ppm = std::abs(out_.ppm() + in_.ppm()) / 2};
}

}  // namespace vouch::runtime
