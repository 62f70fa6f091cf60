#pragma once

#include <string>
#include <vector>

#include "command.h"
#include "vouch/election/elector_config.h"

namespace vouch::cli {

/// What `vouch elect` was asked to do.
struct ElectOptions {
  std::string store;
  election::ElectorConfig config;
  std::string peers;       ///< Control socket of the node beside it; empty: nobody is asked.
  std::string lease_file;  ///< Empty: in a temporary folder.
  std::string log;         ///< Empty: words on standard error.
  int warning_signal = 0;  ///< Sent at kDanger; 0: none.
  std::vector<std::string> command;
};

/// Stands for election, and runs the command only while this process leads: until the command ends
/// by itself (the exit code is its own), or SIGINT or SIGTERM comes (0). SIGUSR1 drains it: it
/// gives leadership up and stays out; SIGUSR2 lets it stand again.
[[nodiscard]] Outcome run_elect_session(const ElectOptions& options);

}  // namespace vouch::cli
