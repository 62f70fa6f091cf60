#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace vouch::testing {

/// How many of `all` seeds to run: all, or with VOUCH_SAMPLE=n in the environment one in n, at
/// least one. scripts/check sets it where sanitizers make each seed many times as slow, and says
/// so.
[[nodiscard]] inline std::uint64_t sampled(std::uint64_t all) {
  const char* text = std::getenv("VOUCH_SAMPLE");
  if (text == nullptr) return all;
  const std::uint64_t one_in = std::stoull(text);  // What is no number fails the test: it throws.
  return one_in <= 1 ? all : (all + one_in - 1) / one_in;
}

/// The step by which to go through a range, so that one in VOUCH_SAMPLE is visited.
[[nodiscard]] inline std::uint64_t sample_step() {
  constexpr std::uint64_t kMany = 1'000'000;
  return kMany / sampled(kMany);
}

}  // namespace vouch::testing
