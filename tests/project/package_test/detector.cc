// What a user of the vocabulary alone writes. Headers, one inline and one linked function.

#include <chrono>
#include <cstdio>

#include "vouch/detector/assert.h"
#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"

namespace {

vouch::Result<vouch::NodeId> node_from(unsigned number) {
  if (number == 0) return vouch::Error{vouch::Errc::kBadInput, "node: must not be 0, is 0"};
  return vouch::NodeId{number};
}

}  // namespace

int main() {
  vouch::set_assert_handler(nullptr);
  const vouch::Instant start{};
  const vouch::Instant later = vouch::saturating_add(start, std::chrono::milliseconds(3));
  if (vouch::remaining(later, start) != std::chrono::milliseconds(3)) return 1;
  if (vouch::Rng(7).next() != vouch::Rng(7).next()) return 2;
  if (node_from(0) || !node_from(4)) return 3;
  std::printf("node %u\n", static_cast<unsigned>(node_from(4)->value()));
  return 0;
}
