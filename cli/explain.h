#pragma once

#include "command.h"

namespace vouch::cli {

/// `vouch explain FILE`: the decisions of a record in plain words.
void register_explain(CLI::App& app, Outcome& outcome);

/// `vouch replay FILE`: feeds recorded decisions back through the core and compares.
void register_replay(CLI::App& app, Outcome& outcome);

}  // namespace vouch::cli
