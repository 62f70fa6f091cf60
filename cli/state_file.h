#pragma once

#include <exception>
#include <nlohmann/json.hpp>
#include <string>

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
