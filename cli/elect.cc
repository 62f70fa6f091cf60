#include "elect.h"

#include <csignal>
#include <memory>
#include <utility>

#include "elect_command.h"
#include "elect_session.h"
#include "lock_store.h"

namespace vouch::cli {
namespace {

struct ElectArguments {
  ElectOptions options;
  std::string lease = "10s";
  std::string heartbeat;
  std::string refresh;
  std::string request_timeout;
  std::string danger_after;
  std::string stop_time;
  std::string peer_patience;
  std::string warning_signal;
  std::uint32_t clock_drift_ppm = 1000;
  bool demo = false;
};

constexpr std::pair<const char*, int> kWarningSignals[] = {{"", 0},           {"HUP", SIGHUP},
                                                           {"INT", SIGINT},   {"USR1", SIGUSR1},
                                                           {"USR2", SIGUSR2}, {"TERM", SIGTERM}};

Result<int> read_signal(const std::string& name) {
  for (const auto& [known, number] : kWarningSignals) {
    if (name == known) return number;
  }
  return Error{
      Errc::kBadInput,
      "--warning-signal: must be HUP, INT, USR1, USR2 or TERM, but it is \"" + name + "\""};
}

/// All times follow the lease, unless one is given.
Status read_times(const ElectArguments& arguments, election::ElectorConfig& config) {
  Result<Duration> lease = read_span("--lease", arguments.lease);
  if (!lease) return lease.error();
  election::ElectorConfig times = election::scaled_to(*lease);
  times.name = config.name;
  times.owner = config.owner;
  times.data = config.data;
  times.clock_drift_ppm = arguments.clock_drift_ppm;
  config = times;
  if (!arguments.options.peers.empty()) config.peer_patience = config.lease;
  const std::pair<const char*, std::pair<const std::string*, Duration*>> given[] = {
      {"--heartbeat", {&arguments.heartbeat, &config.heartbeat_interval}},
      {"--refresh", {&arguments.refresh, &config.refresh_interval}},
      {"--request-timeout", {&arguments.request_timeout, &config.request_timeout}},
      {"--danger-after", {&arguments.danger_after, &config.danger_after}},
      {"--stop-time", {&arguments.stop_time, &config.stop_time}},
      {"--peer-patience", {&arguments.peer_patience, &config.peer_patience}},
  };
  for (const auto& [option, at] : given) {
    if (at.first->empty()) continue;
    Result<Duration> time = read_span(option, *at.first);
    if (!time) return time.error();
    *at.second = *time;
  }
  return Done{};
}

Outcome run_elect(ElectArguments& arguments) {
  if (arguments.demo) {
    Status shown = run_elect_demo();
    return shown ? Outcome(ExitCode::kSuccess) : Outcome(shown.error());
  }
  ElectOptions& options = arguments.options;
  if (options.store.empty())
    return Error{Errc::kBadInput, "--store: is required, one of " + election::store_forms()};
  if (options.config.name.empty()) return Error{Errc::kBadInput, "--name: is required"};
  if (options.peers.empty() && !arguments.peer_patience.empty()) {
    return Error{Errc::kBadInput, "--peer-patience: needs --peers, the node that knows the peers"};
  }
  if (options.command.empty()) {
    return Error{Errc::kBadInput,
                 "a command to run while this process leads is required, after --"};
  }
  if (Status read = read_times(arguments, options.config); !read) return read.error();
  // An owner that is not given is made up later, and is a good one.
  election::ElectorConfig checked = options.config;
  if (checked.owner.empty()) checked.owner = "owner";
  if (Status valid = election::validate(checked); !valid) {
    return Error{Errc::kBadInput, valid.error().message};
  }
  if (Status found = find_program(options.command.front()); !found) return found.error();
  Result<int> signal = read_signal(arguments.warning_signal);
  if (!signal) return signal.error();
  options.warning_signal = *signal;
  return run_elect_session(options);
}

}  // namespace

void register_elect(CLI::App& app, Outcome& outcome) {
  auto arguments = std::make_shared<ElectArguments>();
  CLI::App* command = app.add_subcommand(
      "elect",
      "Stand for election through a lock store, and run a command only while leading "
      "(docs/ELECTION.md)");
  ElectOptions& options = arguments->options;
  command->add_option("--store", options.store, store_help("Where the lock is"));
  command->add_option("--name", options.config.name, "Name of the lock");
  command->add_option("--owner", options.config.owner,
                      "Name of this process incarnation (default: host name and a random number)");
  command->add_option("--data", options.config.data, "Published with the lock, such as an address");
  command->add_option("--lease", arguments->lease, "How long a dead leader stays in the way")
      ->capture_default_str();
  command->add_option("--heartbeat", arguments->heartbeat, "Default: lease / 5");
  command->add_option("--refresh", arguments->refresh,
                      "How often who waits looks. Default: lease / 10");
  command->add_option("--request-timeout", arguments->request_timeout, "Default: lease / 10");
  command->add_option("--danger-after", arguments->danger_after,
                      "Without a heartbeat that got through. Default: lease / 2");
  command->add_option("--stop-time", arguments->stop_time,
                      "What the command takes to stop after SIGTERM. Default: lease / 5");
  command->add_option("--peers", options.peers,
                      "Control socket of the `vouch node` beside it: before the lock is taken from "
                      "a holder that is merely late its peers are asked whether they reach it");
  command->add_option(
      "--peer-patience", arguments->peer_patience,
      "How much longer than its lease such a holder is left the lock. Default: lease");
  command
      ->add_option("--drift-ppm", arguments->clock_drift_ppm,
                   "How much clocks may run too fast or too slow")
      ->capture_default_str();
  command->add_option("--warning-signal", arguments->warning_signal,
                      "Sent to the command when the lease is in danger (default: none)");
  command->add_option("--lease-file", options.lease_file,
                      "Where the command finds the token and the end of the lease (default: a "
                      "temporary file, in $VOUCH_LEASE_FILE)");
  command->add_option("--log", options.log, "Append events as JSON lines to this file");
  command->add_flag("--demo", arguments->demo,
                    "Three candidates here on SQLite; the leader is killed; see what happens");
  command->add_option("command", options.command, "The command and its arguments, after --");
  command->callback([arguments, &outcome] { outcome = run_elect(*arguments); });
}

}  // namespace vouch::cli
