// What no core library may do, compiled, so that tidy_test can show that it would be found.

#include <chrono>
#include <cstdlib>

namespace vouch::testing {

long bad_sample();

long bad_sample() {
  const long offset = std::getenv("OFFSET") == nullptr ? 0 : 1;
  return std::chrono::steady_clock::now().time_since_epoch().count() + offset;
}

}  // namespace vouch::testing
