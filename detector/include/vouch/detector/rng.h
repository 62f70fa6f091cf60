#pragma once

#include <array>
#include <cstdint>

namespace vouch {

/// The only source of chance below the edges: xoshiro256++ (Blackman and Vigna, "Scrambled linear
/// pseudorandom number generators", 2021), seeded by splitmix64. Passed by value at construction.
///
/// Equal seeds give equal numbers on every compiler: no std distribution is involved. Not for keys;
/// the edges seed it from the operating system where guessing must be hard.
/// Not thread-safe: give it one owner.
class Rng {
 public:
  explicit constexpr Rng(std::uint64_t seed) {
    for (auto& word : state_)
      word = splitmix64(seed);
  }

  /// 64 uniformly random bits.
  constexpr std::uint64_t next() {
    const std::uint64_t result = rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, bound); 0 when `bound` is 0. The bias of the multiply-shift is below
  /// bound / 2^32 and bounds here are small (Lemire 2019 without the rejection step).
  constexpr std::uint64_t below(std::uint64_t bound) {
    if (bound <= 0xffffffffULL) return ((next() >> 32) * bound) >> 32;
    return next() % bound;
  }

  /// Uniform in [low, high], both included.
  constexpr std::int64_t between(std::int64_t low, std::int64_t high) {
    if (high <= low) return low;
    const auto span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
    return low + static_cast<std::int64_t>(below(span));
  }

  /// True in `per_million` of a million cases. Draws nothing for 0 and for a million, so that
  /// switching a fault off does not shift the others.
  constexpr bool chance(std::uint32_t per_million) {
    if (per_million == 0) return false;
    if (per_million >= 1'000'000) return true;
    return below(1'000'000) < per_million;
  }

  /// An independent generator for another purpose. Equal (state, purpose) give equal streams, and
  /// forking does not advance this one: adding a consumer does not disturb those that exist.
  [[nodiscard]] constexpr Rng fork(std::uint64_t purpose) const {
    std::uint64_t mix = state_[0] ^ rotl(state_[2], 29) ^ (purpose * 0x9e3779b97f4a7c15ULL);
    return Rng(splitmix64(mix));
  }

 private:
  static constexpr std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

  static constexpr std::uint64_t splitmix64(std::uint64_t& seed) {
    seed += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  std::array<std::uint64_t, 4> state_{};
};

}  // namespace vouch
