#pragma once

#include <algorithm>
#include <cstdint>

#include "vouch/detector/detector_config.h"
#include "vouch/detector/schedule.h"

namespace vouch {

/// NFD-E (Chen, Toueg, Aguilera, "On the quality of service of failure detectors", IEEE ToC 2002,
/// section 6.3): the freshness point is the expected arrival of the next heartbeat plus a margin.
///
/// The expected arrival of heartbeat l+1 is the mean offset of the newest `window_size` heartbeats
/// plus `interval * (l + 1)`. Outages and moved schedules: see OnSchedule.
class ChenNfdE : public OnSchedule<ChenNfdE> {
 public:
  /// `config` has been validated. Allocates the window.
  explicit ChenNfdE(const DetectorConfig& config)
      : OnSchedule(config.heartbeat_interval),
        window_(static_cast<std::uint16_t>(config.window_size),
                4 * (config.heartbeat_interval + config.safety_margin)),
        margin_(config.safety_margin.count()) {}

  void restart(std::int64_t offset) { window_.restart(offset); }
  void forget() { window_.clear(); }
  void sample(std::int64_t offset) { window_.sample(offset); }
  /// A usual offset is at most an interval and the margin from the mean: near enough.
  [[nodiscard]] bool is_routine(std::int64_t /*offset*/) const { return window_.full(); }
  void sample_routine(std::int64_t offset) { window_.sample_routine(offset); }
  [[nodiscard]] std::int64_t expected() const { return window_.mean(); }
  [[nodiscard]] std::int64_t margin() const { return margin_; }

 private:
  OffsetWindow window_;
  std::int64_t margin_;
};

/// NFD-S (the same, section 3): the freshness point of heartbeat l+1 is its *sending time* plus a
/// constant delta, whatever the heartbeats before it did.
///
/// Modification: the paper's clocks are synchronised, so that the receiver knows when heartbeat l+1
/// is sent; here no two nodes' instants are compared. The fastest of the newest heartbeats (at
/// least `window_size` of them and fewer than twice as many) stands for the sending time: delta is
/// `safety_margin` plus the least delay, and a clock that drifts is followed. Holds two numbers, no
/// window.
class ChenNfdS : public OnSchedule<ChenNfdS> {
 public:
  /// `config` has been validated. Does not allocate.
  explicit ChenNfdS(const DetectorConfig& config)
      : OnSchedule(config.heartbeat_interval),
        block_size_(static_cast<std::uint16_t>(config.window_size)),
        margin_(config.safety_margin.count()) {}

  void restart(std::int64_t offset) {
    anchor_ = offset;
    before_ = block_ = 0;
    in_block_ = 1;
  }

  void sample(std::int64_t absolute) {
    const std::int64_t offset = wrapping_subtract(absolute, anchor_);
    if (in_block_ == block_size_) {
      before_ = block_;
      block_ = offset;
      in_block_ = 1;
      return;
    }
    block_ = std::min(block_, offset);
    ++in_block_;
  }

  [[nodiscard]] std::int64_t expected() const {
    return wrapping_add(anchor_, std::min(before_, block_));
  }
  [[nodiscard]] std::int64_t margin() const { return margin_; }

 private:
  std::uint16_t block_size_;
  std::uint16_t in_block_ = 0;
  std::int64_t margin_;
  std::int64_t anchor_ = 0;  ///< The offset that began the estimate; wraps.
  std::int64_t before_ = 0;  ///< Least offset of the block before, against the anchor.
  std::int64_t block_ = 0;   ///< Least offset of this block.
};

}  // namespace vouch
