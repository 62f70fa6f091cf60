#pragma once

#include <cstdint>

namespace vouch::test {

/// How often this thread has called operator new since it began. Link `vouch_allocation_counter`:
/// it replaces operator new and delete of the whole program.
///
/// Use: `const auto before = allocations(); work(); EXPECT_EQ(allocations(), before);`
[[nodiscard]] std::uint64_t allocations();

/// How many bytes it has asked for in these calls.
[[nodiscard]] std::uint64_t allocated_bytes();

}  // namespace vouch::test
