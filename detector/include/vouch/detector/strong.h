#pragma once

#include <compare>

namespace vouch {

/// A number with a meaning: two `Strong` types with different tags do not mix.
///
/// Holds one `Rep`, is trivially copyable, totally ordered, and converts to nothing by itself.
template <typename Tag, typename Rep>
class Strong {
 public:
  using rep = Rep;

  constexpr Strong() = default;
  constexpr explicit Strong(Rep value) : value_(value) {}

  /// The bare number, for the wire, for arithmetic and for display.
  [[nodiscard]] constexpr Rep value() const { return value_; }

  /// The number after this one. Wrapping is the caller's bug: ids and terms are 64 bits wide.
  [[nodiscard]] constexpr Strong next() const { return Strong(static_cast<Rep>(value_ + 1)); }

  friend constexpr auto operator<=>(Strong, Strong) = default;

 private:
  Rep value_{};
};

}  // namespace vouch
