#include "version.h"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

namespace vouch::cli {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "clang++ " __clang_version__;
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

#if defined(NDEBUG)
constexpr const char* kBuild = "optimised";
#else
constexpr const char* kBuild = "debug";
#endif

}  // namespace

void register_version(CLI::App& app, Outcome& outcome) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("version", "Print the version and how it was built");
  command->add_flag("--json", *json, "Print JSON");
  command->callback([json, &outcome] {
    if (*json) {
      const nlohmann::ordered_json document = {{"name", "vouch"},
                                               {"version", VOUCH_VERSION},
                                               {"compiler", kCompiler},
                                               {"build", kBuild}};
      std::cout << document.dump(2) << '\n';
    } else {
      std::cout << "vouch " VOUCH_VERSION " (" << kCompiler << ", " << kBuild << ")\n";
    }
    outcome = ExitCode::kSuccess;
  });
}

}  // namespace vouch::cli
