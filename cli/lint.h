#pragma once

#include "command.h"

namespace vouch::cli {

/// `vouch lint CONFIG...`: every inequality between the knobs, judged.
void register_lint(CLI::App& app, Outcome& outcome);

}  // namespace vouch::cli
