#pragma once

#include "command.h"

namespace vouch::cli {

/// `vouch elect`: runs a command only while this process leads.
void register_elect(CLI::App& app, Outcome& outcome);

/// `vouch lock`: what a store holds.
void register_lock(CLI::App& app, Outcome& outcome);

/// `vouch elect --demo`: three candidates here, one of them killed.
[[nodiscard]] Status run_elect_demo();

}  // namespace vouch::cli
