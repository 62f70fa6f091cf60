#pragma once

#include <string>
#include <vector>

#include "document.h"
#include "fields.h"
#include "vouch/scenario/scenario.h"

namespace vouch::scenario {

/// Reads the list `diagnosis` of an expectation; `path` names it in errors.
[[nodiscard]] std::vector<ExpectedDiagnosis> read_diagnosis(const Value& list,
                                                            const std::string& path,
                                                            ErrorSink& errors);

/// What the run misses of `expected`, in words, appended to `misses`.
void check_diagnosis(const std::vector<ExpectedDiagnosis>& expected, const sim::RunResult& result,
                     std::vector<std::string>& misses);

}  // namespace vouch::scenario
