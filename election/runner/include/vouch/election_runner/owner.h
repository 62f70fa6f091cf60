#pragma once

#include <cstdint>
#include <string>

namespace vouch::election {

/// An owner name that no other process incarnation has: host name, `-`, a random number. If the
/// host name is unknown, the number alone.
[[nodiscard]] std::string unique_owner();

/// 64 bits from the operating system, to seed an Rng whose numbers nobody else draws.
[[nodiscard]] std::uint64_t entropy();

}  // namespace vouch::election
