#pragma once

#include <cstddef>
#include <vector>

#include "vouch/detector/assert.h"

namespace vouch {

/// A queue whose room is fixed at the start: allocates once, in the constructor, and never again.
///
/// Filling it up is a bug of the owner, who sized it; the assert says so. Elements are copied.
/// Not thread-safe: give it one owner.
template <typename T>
class Ring {
 public:
  explicit Ring(std::size_t capacity) : slots_(capacity == 0 ? 1 : capacity) {}

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool full() const { return size_ == slots_.size(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

  /// Appends a default element in place and returns it for filling.
  T& push() {
    VOUCH_ASSERT(!full());
    std::size_t at = head_ + size_;
    if (at >= slots_.size()) at -= slots_.size();
    ++size_;
    return slots_[at];
  }

  void push(const T& value) { push() = value; }

  /// The oldest element. The ring must not be empty.
  [[nodiscard]] const T& front() const {
    VOUCH_ASSERT(!empty());
    return slots_[head_];
  }

  /// Drops the oldest element. The ring must not be empty.
  void pop() {
    VOUCH_ASSERT(!empty());
    if (++head_ == slots_.size()) head_ = 0;
    --size_;
  }

  void clear() {
    head_ = 0;
    size_ = 0;
  }

 private:
  std::vector<T> slots_;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace vouch
