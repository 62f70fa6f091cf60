// The program `vouch`: one subcommand per job, each in its own file.

#include <array>

#include "atlas.h"
#include "command.h"
#include "demo.h"
#include "diagnose.h"
#include "elect.h"
#include "evaluate.h"
#include "explain.h"
#include "lint.h"
#include "node.h"
#include "simulate.h"
#include "swarm.h"
#include "tune.h"
#include "version.h"

namespace vouch::cli {
namespace {

constexpr std::array kCommands = {
    RegisterCommand{register_demo},     RegisterCommand{register_node},
    RegisterCommand{register_status},   RegisterCommand{register_reach},
    RegisterCommand{register_drain},    RegisterCommand{register_drill},
    RegisterCommand{register_record},   RegisterCommand{register_evaluate},
    RegisterCommand{register_simulate}, RegisterCommand{register_tune},
    RegisterCommand{register_atlas},    RegisterCommand{register_swarm},
    RegisterCommand{register_explain},  RegisterCommand{register_replay},
    RegisterCommand{register_lint},     RegisterCommand{register_diagnose},
    RegisterCommand{register_elect},    RegisterCommand{register_lock},
    RegisterCommand{register_version},
};

int run(int argc, char** argv) {
  CLI::App app{
      "Decides when a replica group should replace its leader: at once when the leader is really "
      "gone or has lost its quorum, and never while a quorum still vouches for it.",
      "vouch"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "vouch " VOUCH_VERSION);

  Outcome outcome = ExitCode::kSuccess;
  for (const RegisterCommand register_command : kCommands)
    register_command(app, outcome);
  check_counts(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Requests for help and for the version come as exceptions too; they exit with 0.
    if (error.get_exit_code() == 0) return app.exit(error);
    const bool unknown = argc > 1 && argv[1][0] != '-' && app.get_subcommands().empty();
    print_error((unknown ? "there is no command \"" + std::string(argv[1]) + "\""
                         : std::string(error.what())) +
                " (see vouch --help)");
    return static_cast<int>(ExitCode::kError);
  }
  if (!outcome) {
    print_error(outcome.error().message);
    return static_cast<int>(ExitCode::kError);
  }
  return static_cast<int>(*outcome);
}

}  // namespace
}  // namespace vouch::cli

int main(int argc, char** argv) {
  try {
    return vouch::cli::run(argc, argv);
  } catch (const std::exception& error) {
    vouch::cli::print_error(error.what());
    return static_cast<int>(vouch::cli::ExitCode::kError);
  }
}
