#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "vouch/detector/ids.h"

namespace vouch::sim {

/// Messages in flight: slots of one fixed size that are used again and again, so that a message
/// costs no allocation once as many slots exist as were ever needed at once.
///
/// Slots never move (they stand in chunks), so a replica may read its message while it sends
/// others. Not thread-safe: give it one owner.
class MessagePool {
 public:
  using Number = std::uint32_t;

  /// Who sent the message to whom, and how long it is.
  struct Header {
    std::uint8_t from = 0;  ///< Index of the sender.
    std::uint8_t to = 0;
    bool is_served = false;  ///< A slow receiver has spent its time on it.
    std::uint32_t size = 0;  ///< 0: a notice of the engine, not a replica's message.
  };

  explicit MessagePool(std::size_t largest_message);

  /// A free slot. Grows by a chunk when there is none.
  Number take() {
    if (free_.empty()) grow();
    const Number number = free_.back();
    free_.pop_back();
    return number;
  }

  void give_back(Number number) { free_.push_back(number); }

  [[nodiscard]] Header& header(Number number) { return headers_[number]; }
  [[nodiscard]] const Header& header(Number number) const { return headers_[number]; }

  /// The bytes of the slot, aligned to a cache line.
  [[nodiscard]] std::byte* bytes(Number number) {
    return chunks_[number / kChunk].get() + number % kChunk * stride_;
  }
  [[nodiscard]] std::size_t largest_message() const { return largest_; }
  [[nodiscard]] std::size_t slots() const { return headers_.size(); }
  [[nodiscard]] std::size_t in_use() const { return headers_.size() - free_.size(); }

 private:
  static constexpr std::size_t kChunk = 64;
  struct Free {
    void operator()(std::byte* chunk) const;
  };

  void grow();

  std::size_t largest_;
  std::size_t stride_;
  std::vector<std::unique_ptr<std::byte[], Free>> chunks_;
  std::vector<Header> headers_;
  std::vector<Number> free_;
};

}  // namespace vouch::sim
