#pragma once

#include "command.h"

namespace vouch::cli {

/// Adds `vouch diagnose`: what a group in a scenario finds to be broken, and when.
void register_diagnose(CLI::App& app, Outcome& outcome);

}  // namespace vouch::cli
