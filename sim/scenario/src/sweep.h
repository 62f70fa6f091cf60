#pragma once

#include <string>
#include <vector>

#include "document.h"
#include "fields.h"

namespace vouch::scenario {

/// One choice of values for all parameters of a file.
struct Variant {
  std::string text;  ///< "loss=100000 down=500"; empty without parameters.
  Value document;    ///< With each "$name" replaced by its value, and without `sweep`.
};

/// All variants of a file: its member `sweep` names parameters with a list of integers each; a
/// string "$name" anywhere else stands for the parameter's value.
[[nodiscard]] std::vector<Variant> expand_sweep(const Value& document, ErrorSink& errors);

}  // namespace vouch::scenario
