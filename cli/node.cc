#include "node.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "vouch/runtime/node.h"

namespace vouch::cli {
namespace {

Outcome run_node(const std::string& config_file, const std::string& log_file,
                 std::optional<int> bound_socket) {
  Result<runtime::NodeConfig> config = runtime::load_node_config(config_file);
  if (!config) return config.error();
  std::FILE* out = stdout;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(nullptr, &std::fclose);
  if (!log_file.empty()) {
    file.reset(std::fopen(log_file.c_str(), "ae"));
    if (!file) {
      return Error{Errc::kUnavailable,
                   "--log: " + log_file + " cannot be opened: " + std::strerror(errno)};
    }
    out = file.get();
  }
  bool is_written = true;
  const auto log = [&](std::string_view line) {
    is_written = std::fprintf(out, "%.*s\n", static_cast<int>(line.size()), line.data()) >= 0 &&
                 std::fflush(out) == 0 && is_written;
  };
  // A reader of the log or of the control socket that goes away is no reason to die.
  std::signal(SIGPIPE, SIG_IGN);
  Result<runtime::Node> node = runtime::Node::create(*config, log, bound_socket);
  if (!node) return Error{node.error().code, config_file + ": " + node.error().message};
  node->stop_on_signals();
  if (Status ran = node->run(); !ran) return ran.error();
  // A log that could not be written must not look like a quiet one.
  if (!is_written) return Error{Errc::kUnavailable, "the log could not be written completely"};
  return ExitCode::kSuccess;
}

}  // namespace

void register_node(CLI::App& app, Outcome& outcome) {
  struct Options {
    std::string config;
    std::string log;
    std::optional<int> bound_socket;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "node", "Run a daemon: heartbeats over UDP, decisions as JSON lines (docs/node.schema.json)");
  command->add_option("--config", options->config, "Configuration file (JSON)")->required();
  command->add_option("--log", options->log, "Append the log to this file instead of printing it");
  command->add_option("--listen-fd", options->bound_socket,
                      "Use this inherited UDP socket, already bound, instead of `listen`");
  command->callback([options, &outcome] {
    outcome = run_node(options->config, options->log, options->bound_socket);
  });
}

}  // namespace vouch::cli
