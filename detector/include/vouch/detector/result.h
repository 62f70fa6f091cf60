#pragma once

#include <string>
#include <utility>
#include <variant>

#include "vouch/detector/assert.h"

namespace vouch {

/// What kind of thing went wrong. Each says whether anything changed.
enum class Errc {
  kBadConfig,    ///< A field of a configuration breaks its rule. Nothing was made.
  kBadInput,     ///< A file, a line or an argument cannot be read as it should. Nothing changed.
  kUnavailable,  ///< Something outside (a socket, a file, a peer) refused. Nothing changed.
  kUnknown,      ///< An outside call may or may not have taken effect.
};

/// An error that a person can act on: names the field, the rule and the value.
struct Error {
  Errc code = Errc::kBadInput;
  std::string message;
};

/// A `T`, or the reason why there is none. Spelled like std::expected, which can replace it.
template <typename T>
class [[nodiscard]] Result {
 public:
  /// Not explicit on purpose: `return value;` and `return Error{...};` read as what they are.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// The value. Asking a failed result for it is a bug of the caller.
  T& value() & {
    VOUCH_ASSERT(has_value());
    return *std::get_if<0>(&state_);
  }
  T&& value() && { return std::move(value()); }
  const T& value() const& {
    VOUCH_ASSERT(has_value());
    return *std::get_if<0>(&state_);
  }

  /// The error. Asking a successful result for it is a bug of the caller.
  [[nodiscard]] const Error& error() const {
    VOUCH_ASSERT(!has_value());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

/// The result of something that yields nothing but success.
struct Done {};
using Status = Result<Done>;

}  // namespace vouch
