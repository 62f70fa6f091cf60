#pragma once

#include <array>
#include <cstdint>

#include "vouch/probe/link_probe.h"
#include "vouch/runtime/link_recorder.h"

namespace vouch::runtime {

/// Least squares through the least delays of windows of ten seconds, one direction of a link: what
/// the network adds to a delay changes, its least value seldom does, and the clocks' rates show as
/// its slope (Paxson 1998, section 4). Needs no memory of the arrivals.
class DelaySlope {
 public:
  void add(ClockStamp sent_at, ClockStamp arrived_at);

  /// Whether three windows are complete.
  [[nodiscard]] bool is_known() const { return windows_ >= 3; }
  /// How the delay grows, in parts per million of the sender's time.
  [[nodiscard]] double ppm() const;

 private:
  static constexpr std::int64_t kWindow = 10'000'000'000;

  void close_window();

  bool has_first_ = false;
  std::int64_t first_sent_ = 0;
  std::int64_t first_delay_ = 0;
  std::int64_t window_ = 0;    ///< Number of the window that is open.
  std::int64_t least_at_ = 0;  ///< When the least delay of the open window was sent.
  std::int64_t least_delay_ = 0;
  std::uint64_t windows_ = 0;
  double sum_x_ = 0;
  double sum_y_ = 0;
  double sum_xx_ = 0;
  double sum_xy_ = 0;
};

/// Both directions of a link.
class ClockDrift {
 public:
  void add(const ProbeArrival& arrival) {
    (arrival.is_own ? out_ : in_).add(arrival.sent_at, arrival.arrived_at);
  }
  [[nodiscard]] DriftEstimate estimate() const;

 private:
  DelaySlope out_;
  DelaySlope in_;
};

}  // namespace vouch::runtime
