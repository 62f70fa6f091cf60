// The commands that speak to a daemon over its control socket.

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "node.h"
#include "vouch/runtime/control.h"

namespace vouch::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Asks, and turns a refusal into an Error.
Result<Json> ask(const std::string& control, const Json& request) {
  Result<std::string> answer = runtime::ask_control(control, request.dump());
  if (!answer) return answer.error();
  Json json = Json::parse(*answer, nullptr, false);
  if (json.is_discarded() || !json.is_object()) {
    return Error{Errc::kUnknown, "control socket " + control + ": not an answer of a node"};
  }
  if (!json.value("ok", false)) {
    return Error{Errc::kBadInput, json.value("error", "refused without a reason")};
  }
  return json;
}

std::string text_of(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float()) return fixed_text(value.get<double>(), 1);
  if (value.is_string()) return value.get<std::string>();
  return value.dump();
}

void print_objects(const Json& rows, const std::vector<const char*>& keys) {
  std::vector<Table::Column> columns;
  for (const char* key : keys)
    columns.push_back({key, Align::kRight});
  Table table(columns);
  for (const Json& row : rows) {
    std::vector<std::string> cells;
    for (const char* key : keys)
      cells.push_back(text_of(row.value(key, Json())));
    table.add_row(cells);
  }
  table.print(std::cout);
}

Outcome run_status(const std::string& control, bool as_json) {
  Result<Json> status = ask(control, {{"command", "status"}});
  if (!status) return status.error();
  if (as_json) {
    std::cout << status->dump(2) << "\n";
    return ExitCode::kSuccess;
  }
  std::cout << "node " << text_of((*status)["node"]) << " at " << text_of((*status)["listen"])
            << ", incarnation " << text_of((*status)["incarnation"]) << "\n\n";
  print_objects((*status)["groups"], {"group", "term", "leader", "leads", "lease_left_ms",
                                      "suspects", "electable", "verdict"});
  std::cout << "\n";
  print_objects((*status)["peers"], {"peer", "address", "state", "hears_us", "echo_ms",
                                     "drill_cut_out", "drill_cut_in", "drill_loss_per_million"});
  std::cout << "\n";
  for (const auto& [name, value] : (*status)["counters"].items()) {
    if (value != 0) std::cout << name << " " << value << "\n";
  }
  return ExitCode::kSuccess;
}

void add_control(CLI::App* command, std::string& control) {
  command->add_option("--control", control, "Control socket of the node (its config's `control`)")
      ->required();
}

}  // namespace

void register_status(CLI::App& app, Outcome& outcome) {
  struct Options {
    std::string control;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("status", "Show what a running node knows");
  add_control(command, options->control);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &outcome] { outcome = run_status(options->control, options->json); });
}

void register_reach(CLI::App& app, Outcome& outcome) {
  struct Options {
    std::string control;
    std::uint32_t node = 0;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("reach", "Show who reaches a node, as a running node knows it");
  add_control(command, options->control);
  command->add_option("node", options->node, "The node that is asked about")->required();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &outcome] {
    Result<Json> answer = ask(options->control, {{"command", "reach"}, {"node", options->node}});
    outcome = answer ? Outcome(ExitCode::kSuccess) : Outcome(answer.error());
    if (!answer) return;
    if (options->json) {
      std::cout << answer->dump(2) << "\n";
      return;
    }
    std::cout << "node " << options->node << ": " << text_of((*answer)["verdict"]) << ", by "
              << (*answer)["reached_by"].dump() << ", not by " << (*answer)["not_reached_by"].dump()
              << "\n";
  });
}

void register_drill(CLI::App& app, Outcome& outcome) {
  struct Options {
    std::string control;
    std::string action;
    std::uint32_t peer = 0;
    double loss_percent = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "drill", "Break a link of a running node on purpose (its config must have allow_drills)");
  add_control(command, options->control);
  command->add_option("action", options->action, "cut-out, cut-in, cut, loss or heal")
      ->required()
      ->check(CLI::IsMember({"cut-out", "cut-in", "cut", "loss", "heal"}));
  command->add_option("peer", options->peer, "The peer at the other end")->required();
  command->add_option("--percent", options->loss_percent, "With loss: share of what is sent")
      ->check(CLI::Range(0.0, 100.0));
  command->callback([options, &outcome] {
    std::string action = options->action;
    std::replace(action.begin(), action.end(), '-', '_');
    Json request{{"command", "drill"}, {"action", action}, {"peer", options->peer}};
    request["loss_per_million"] = static_cast<std::uint32_t>(options->loss_percent * 10'000.0);
    Result<Json> answer = ask(options->control, request);
    outcome = answer ? Outcome(ExitCode::kSuccess) : Outcome(answer.error());
  });
}

void register_drain(CLI::App& app, Outcome& outcome) {
  for (const char* name : {"drain", "undrain"}) {
    auto control = std::make_shared<std::string>();
    const bool is_drain = std::string_view(name) == "drain";
    CLI::App* command = app.add_subcommand(
        name, is_drain ? "Make a running node ineligible: it stands down and leads no more"
                       : "Make a drained node eligible again");
    add_control(command, *control);
    command->callback([control, name, &outcome] {
      Result<Json> answer = ask(*control, {{"command", name}});
      outcome = answer ? Outcome(ExitCode::kSuccess) : Outcome(answer.error());
    });
  }
}

}  // namespace vouch::cli
