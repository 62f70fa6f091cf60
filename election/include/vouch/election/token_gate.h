#pragma once

#include <algorithm>
#include <cstdint>

#include "vouch/election/lock.h"

namespace vouch::election {

/// What a TokenGate says to an effect.
enum class Admission : std::uint8_t {
  kAdmitted,
  kStale,    ///< A later leader has been here: the effect must not be applied.
  kNoToken,  ///< Token 0: who sends it never led.
};

/// For a resource that a leader writes to: refuses what an earlier leader sends after a later one
/// was admitted, however late it arrives. This is what keeps two leaders apart when a clock or an
/// operator breaks the assumptions of the lease; the lease alone cannot.
///
/// A resource that survives a restart keeps `highest()` with its data, in the same write, and
/// starts from it. Not thread-safe: give it one owner.
class TokenGate {
 public:
  explicit TokenGate(FencingToken highest = {}) : highest_(highest) {}

  /// Call it right before the effect is applied, with nothing in between.
  [[nodiscard]] Admission admit(FencingToken token) {
    if (token == FencingToken{}) return Admission::kNoToken;
    if (token < highest_) {
      ++stale_;
      return Admission::kStale;
    }
    highest_ = token;
    ++admitted_;
    return Admission::kAdmitted;
  }

  [[nodiscard]] FencingToken highest() const { return highest_; }
  [[nodiscard]] std::uint64_t admitted() const { return admitted_; }
  [[nodiscard]] std::uint64_t stale() const { return stale_; }

 private:
  FencingToken highest_;
  std::uint64_t admitted_ = 0;
  std::uint64_t stale_ = 0;
};

}  // namespace vouch::election
