#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vouch::tune {

/// What a knob does, in plain words.
struct KnobText {
  std::string name;  ///< As in the configuration file, without its unit: `detector.timeout`.
  std::string what;
  std::string up;    ///< What a greater value does,
  std::string down;  ///< and a smaller one.
};

/// Every knob of a configuration file that is about time or chance, those of all kinds of detectors
/// included.
[[nodiscard]] std::vector<KnobText> knob_texts();

/// The text of the knob called `name`: as in the file, with or without `_ms`; `timeout` will do for
/// `detector.timeout`. Null: there is none.
[[nodiscard]] const KnobText* find_knob(const std::vector<KnobText>& texts, std::string_view name);

}  // namespace vouch::tune
