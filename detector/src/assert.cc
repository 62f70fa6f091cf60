#include "vouch/detector/assert.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace vouch {
namespace {

[[noreturn]] void print_and_abort(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "vouch: broken invariant `%s` at %s:%d\n", condition, file, line);
  std::abort();
}

std::atomic<AssertHandler> current_handler{&print_and_abort};

}  // namespace

AssertHandler set_assert_handler(AssertHandler handler) noexcept {
  return current_handler.exchange(handler == nullptr ? &print_and_abort : handler);
}

void assert_failed(const char* condition, const char* file, int line) noexcept {
  current_handler.load()(condition, file, line);
  std::abort();
}

}  // namespace vouch
