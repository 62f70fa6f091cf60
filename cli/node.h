#pragma once

#include "command.h"

namespace vouch::cli {

/// `vouch node --config FILE`: the daemon.
void register_node(CLI::App& app, Outcome& outcome);

/// `vouch status --control PATH`: what a daemon knows now.
void register_status(CLI::App& app, Outcome& outcome);
/// `vouch reach --control PATH NODE`: who reaches a node.
void register_reach(CLI::App& app, Outcome& outcome);

/// `vouch drill --control PATH ACTION PEER`: breaks a link of a daemon on purpose.
void register_drill(CLI::App& app, Outcome& outcome);

/// `vouch drain|undrain --control PATH`: takes a daemon out of the candidates, and back.
void register_drain(CLI::App& app, Outcome& outcome);

/// `vouch record`: writes heartbeats as a trace: those that a daemon sees, or its own between hosts
/// of no cluster (`--peer`), which another answers (`--respond`).
void register_record(CLI::App& app, Outcome& outcome);

}  // namespace vouch::cli
