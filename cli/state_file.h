#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "vouch/detector/result.h"

// What long work saves to be continued (`--state`, `--resume`).

namespace vouch::cli {

/// What a state belongs to. Only the same program and format can go on with it.
struct StateKind {
  const char* key;     ///< Field that holds the format: `vouch_atlas_state`.
  int format;          ///< Raised whenever the file or what it counts changes its meaning.
  const char* name;    ///< In words: `atlas`.
  const char* counts;  ///< What of two programs does not add up: `outcomes`.
};

/// Writes `document` with its kind, under another name first: a state that is interrupted while it
/// is written must not be lost.
[[nodiscard]] Status write_state_file(const std::string& path, const StateKind& kind,
                                      const nlohmann::ordered_json& document);

/// Reads it; another kind or version is an error.
[[nodiscard]] Result<nlohmann::ordered_json> read_state_file(const std::string& path,
                                                             const StateKind& kind);

/// Says that a field of a state breaks its rule; `value` null: it is not there.
[[noreturn]] void bad_state_field(const std::string& field, const std::string& rule,
                                  const nlohmann::ordered_json* value);

/// The field `name` of a state in [least, most], for whole numbers. Throws what is wrong with it: a
/// conversion that cuts a number off would go on with another search than was saved.
template <std::integral T>
[[nodiscard]] T state_number(const nlohmann::ordered_json& json, const char* name, T least,
                             T most = std::numeric_limits<T>::max()) {
  const auto found = json.find(name);
  const bool is_there = found != json.end();
  if (is_there && found->is_number_integer()) {
    const bool is_big = found->is_number_unsigned() &&
                        found->template get<std::uint64_t>() > std::uint64_t{INT64_MAX};
    const bool is_in_range =
        is_big ? std::cmp_greater_equal(most, found->template get<std::uint64_t>())
               : std::cmp_less_equal(least, found->template get<std::int64_t>()) &&
                     std::cmp_greater_equal(most, found->template get<std::int64_t>());
    if (is_in_range) return found->template get<T>();
  }
  bad_state_field(name,
                  "a whole number in [" + std::to_string(least) + ", " + std::to_string(most) + "]",
                  is_there ? &*found : nullptr);
}

/// The same for everything else; `rule` says in words what it must be.
template <typename T>
[[nodiscard]] T state_field(const nlohmann::ordered_json& json, const char* name,
                            const char* rule) {
  const auto found = json.find(name);
  if (found == json.end()) bad_state_field(name, rule, nullptr);
  try {
    return found->template get<T>();
  } catch (const nlohmann::json::exception&) {
    bad_state_field(name, rule, &*found);
  }
}

/// A list of whole numbers, none of them below 0.
[[nodiscard]] std::vector<std::uint64_t> state_numbers(const nlohmann::ordered_json& json,
                                                       const char* name);

/// Reads a part of a state: what is wrong with it is said with its `place` before the field.
template <typename Read>
void within_state(const std::string& place, const Read& read) {
  try {
    read();
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(place + error.what());
  }
}

/// What `take` makes of the state. What it throws becomes the error that it is none.
template <typename State, typename Take>
[[nodiscard]] Result<State> state_from_file(const std::string& path, const StateKind& kind,
                                            const Take& take) {
  const Result<nlohmann::ordered_json> document = read_state_file(path, kind);
  if (!document) return document.error();
  try {
    return State(take(*document));
  } catch (const std::exception& error) {
    return Error{Errc::kBadInput,
                 "--resume: " + path + " is no saved " + kind.name + ": " + error.what()};
  }
}

}  // namespace vouch::cli
