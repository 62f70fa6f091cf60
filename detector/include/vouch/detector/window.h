#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "vouch/detector/time.h"

namespace vouch {

/// Whether a heartbeat changes what a detector has learned, or only moves the freshness point.
///
/// kOff is for heartbeats that the observer's own trouble has delayed (it was paused or starved):
/// how late they are says nothing about the subject.
enum class Sampling : std::uint8_t { kOn, kOff };

/// The newest samples of a detector: a ring of 32-bit numbers in units of 2^shift nanoseconds.
///
/// 32 bits instead of 64 halve what a peer costs in cache. The unit is 256 ns (far below the noise
/// of any timer) unless a configuration of many minutes needs a coarser one.
/// Allocates once, in the constructor. Movable, not copyable.
class Window {
 public:
  static constexpr std::uint8_t kShiftMin = 8;

  Window(std::uint16_t capacity, std::uint8_t shift)
      : slots_(std::make_unique<std::uint32_t[]>(capacity)),
        capacity_(capacity),
        shift_(shift),
        half_shift_(static_cast<std::uint8_t>(shift - 1)) {}

  /// The finest unit in which `longest` still fits into `bits` bits.
  [[nodiscard]] static constexpr std::uint8_t shift_for(Duration longest, int bits) {
    const int width = 64 - std::countl_zero(static_cast<std::uint64_t>(longest.count()));
    return static_cast<std::uint8_t>(width - bits > kShiftMin ? width - bits : kShiftMin);
  }

  [[nodiscard]] bool full() const { return size_ == capacity_; }
  [[nodiscard]] std::uint16_t size() const { return size_; }
  [[nodiscard]] std::uint16_t capacity() const { return capacity_; }
  [[nodiscard]] std::uint8_t shift() const { return shift_; }
  /// The same for halves of the unit.
  [[nodiscard]] std::uint8_t half_shift() const { return half_shift_; }

  /// The oldest sample if the window is full. Before that, the slot that is filled next.
  [[nodiscard]] std::uint32_t oldest() const { return slots_[head_]; }

  /// The sample that was pushed `back` pushes before the newest; `back` is below size().
  [[nodiscard]] std::uint32_t newest(std::uint16_t back) const {
    const int at = head_ + 1 + back;
    return slots_[static_cast<std::size_t>(at < capacity_ ? at : at - capacity_)];
  }

  /// Adds a sample, over the oldest one if the window is full.
  void push(std::uint32_t sample) {
    slots_[head_] = sample;
    advance();
    if (size_ < capacity_) ++size_;
  }

  /// The same for a full window, where nothing is left to count. Returns what it overwrites.
  std::uint32_t replace_oldest(std::uint32_t sample) {
    const std::uint32_t replaced = slots_[head_];
    slots_[head_] = sample;
    advance();
    return replaced;
  }

  void clear() {
    head_ = 0;
    size_ = 0;
  }

 private:
  /// Downwards, which takes fewer instructions.
  void advance() {
    const int below = head_ - 1;
    head_ = static_cast<std::uint16_t>(below < 0 ? capacity_ - 1 : below);
  }

  std::unique_ptr<std::uint32_t[]> slots_;
  std::uint16_t capacity_;
  std::uint16_t head_ = 0;
  std::uint16_t size_ = 0;
  std::uint8_t shift_;
  std::uint8_t half_shift_;  ///< Kept, as subtracting takes an instruction per heartbeat.
};

}  // namespace vouch
