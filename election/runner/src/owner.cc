#include "vouch/election_runner/owner.h"

#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <random>

#include "vouch/election_runner/clock.h"

namespace vouch::election {

Instant boottime_now() {
  timespec at{};
  clock_gettime(CLOCK_BOOTTIME, &at);
  return Instant(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
}

std::uint64_t entropy() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

std::string unique_owner() {
  std::array<char, 65> host{};
  const bool is_known = gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0';
  std::array<char, 17> number{};
  std::snprintf(number.data(), number.size(), "%016llx",
                static_cast<unsigned long long>(entropy()));
  return (is_known ? std::string(host.data()) + "-" : std::string()) + number.data();
}

}  // namespace vouch::election
