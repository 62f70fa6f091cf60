#pragma once

#include "command.h"

namespace vouch::cli {

/// `vouch version [--json]`: what this program is and how it was built.
void register_version(CLI::App& app, Outcome& outcome);

}  // namespace vouch::cli
