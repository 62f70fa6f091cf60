#pragma once

#include <algorithm>
#include <cstdint>

#include "vouch/detector/detector_config.h"
#include "vouch/detector/schedule.h"

namespace vouch {

/// The two-window detector 2W-FD (Tomsic, Sens, Garcia, Arantes, Sopena, "2W-FD: a failure detector
/// algorithm with QoS", IPDPS 2015): the later of two expected arrivals of NFD-E, one over a long
/// and one over a short window, plus a margin.
///
/// The long window is steady, the short one follows a burst at its second heartbeat. The paper's
/// best pair is 1,000 and 1; a short window of up to 16 is summed anew per heartbeat. Both are
/// views of one ring.
class TwoWindow : public OnSchedule<TwoWindow> {
 public:
  /// `config` has been validated. Allocates the window.
  explicit TwoWindow(const DetectorConfig& config)
      : OnSchedule(config.heartbeat_interval),
        short_size_(static_cast<std::uint16_t>(config.short_window_size)),
        window_(static_cast<std::uint16_t>(config.window_size),
                4 * (config.heartbeat_interval + config.safety_margin)),
        margin_(config.safety_margin.count()) {}

  void restart(std::int64_t offset) { window_.restart(offset); }
  void sample(std::int64_t offset) { window_.sample(offset); }
  [[nodiscard]] bool is_routine(std::int64_t offset) const { return window_.is_routine(offset); }
  void sample_routine(std::int64_t offset) { window_.sample_routine(offset); }

  [[nodiscard]] std::int64_t expected() const {
    const std::int64_t of_long = window_.mean();
    // Offsets wrap, their difference does not.
    const std::int64_t later = wrapping_subtract(window_.newest_mean(short_size_), of_long);
    return wrapping_add(of_long, std::max<std::int64_t>(later, 0));
  }
  [[nodiscard]] std::int64_t margin() const { return margin_; }

 private:
  std::uint16_t short_size_;
  OffsetWindow window_;
  std::int64_t margin_;
};

}  // namespace vouch
