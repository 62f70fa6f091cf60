#include "vouch/sim/message_pool.h"

#include <new>

#include "vouch/detector/assert.h"
#include "vouch/sim/event_heap.h"

namespace vouch::sim {
namespace {

constexpr std::size_t kAlignment = 64;

}  // namespace

void MessagePool::Free::operator()(std::byte* chunk) const {
  ::operator delete[](chunk, std::align_val_t{kAlignment});
}

MessagePool::MessagePool(std::size_t largest_message)
    : largest_(largest_message),
      stride_((largest_message + kAlignment - 1) / kAlignment * kAlignment) {
  if (stride_ == 0) stride_ = kAlignment;
}

void MessagePool::grow() {
  const std::size_t first = headers_.size();
  VOUCH_ASSERT(first + kChunk < EventHeap::kSlots / 2);
  auto* memory =
      static_cast<std::byte*>(::operator new[](kChunk* stride_, std::align_val_t{kAlignment}));
  chunks_.emplace_back(memory);
  headers_.resize(first + kChunk);
  free_.reserve(headers_.size());
  for (std::size_t i = kChunk; i > 0; --i)
    free_.push_back(static_cast<Number>(first + i - 1));
}

}  // namespace vouch::sim
