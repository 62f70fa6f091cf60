#pragma once

namespace vouch {

/// Receives a broken invariant: the condition as written, and where. Must not return.
using AssertHandler = void (*)(const char* condition, const char* file, int line);

/// Replaces the handler, which by default prints one line to standard error and aborts.
/// Returns the previous one. Call it before the first Monitor is made; not thread-safe.
AssertHandler set_assert_handler(AssertHandler handler) noexcept;

/// Calls the current handler, and aborts should it return.
[[noreturn]] void assert_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace vouch

/// Checks an invariant of our own code, in every build type. Never for input from outside: a
/// datagram, a file and a configuration are handled, not asserted.
#define VOUCH_ASSERT(condition)                        \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::vouch::assert_failed(#condition, __FILE__, __LINE__))
