#pragma once

#include "command.h"

namespace vouch::cli {

/// `vouch demo`: five daemons on this machine; kills the leader, then cuts a link, and shows what
/// happens with measured times.
void register_demo(CLI::App& app, Outcome& outcome);

}  // namespace vouch::cli
