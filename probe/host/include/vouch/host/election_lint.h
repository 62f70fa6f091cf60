#pragma once

#include <vector>

#include "vouch/host/builtin_election.h"
#include "vouch/quorum_check/lint.h"
#include "vouch/quorum_check/profile.h"

namespace vouch::host {

/// The inequalities between the knobs of the built-in election and those of the Monitor beside it,
/// judged as vouch::lint does. `validate` refuses what has an unsafe row.
[[nodiscard]] std::vector<LintRow> lint(const ElectionConfig& config, const MonitorConfig& monitor);

/// Sets both times to those that go with apply_profile(profile, MonitorConfig&).
void apply_profile(Profile profile, ElectionConfig& config);

}  // namespace vouch::host
