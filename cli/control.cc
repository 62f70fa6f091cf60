// The commands that speak to a daemon over its control socket.

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "interrupt.h"
#include "node.h"
#include "vouch/runtime/control.h"
#include "vouch/trace/trace_writer.h"

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

struct RecordOptions {
  std::string control;
  std::string out;
  double seconds = 0;
};

Outcome run_record(const RecordOptions& options) {
  Result<TraceWriter> writer = TraceWriter::open(options.out);
  if (!writer) return writer.error();
  const Interrupt interrupt;
  const auto began = std::chrono::steady_clock::now();
  auto flushed = began;
  std::uint64_t count = 0;
  Status wrote = Done{};
  const auto goes_on = [&] {
    const auto now = std::chrono::steady_clock::now();
    if (now - flushed >= std::chrono::milliseconds(200)) {
      if (wrote) wrote = writer->flush();
      flushed = now;
    }
    const double passed = std::chrono::duration<double>(now - began).count();
    return wrote && !Interrupt::is_asked() && (options.seconds <= 0 || passed < options.seconds);
  };
  bool is_first = true;
  std::string refusal;
  Status done = runtime::follow_control(
      options.control, Json{{"command", "record"}}.dump(),
      [&](std::string_view line) {
        const Json json = Json::parse(line, nullptr, false);
        if (json.is_discarded() || !json.is_object()) return goes_on();
        if (is_first) {
          is_first = false;
          if (!json.value("ok", false)) refusal = json.value("error", "refused");
          return refusal.empty() && goes_on();
        }
        RecordedHeartbeat heartbeat;
        heartbeat.observer = NodeId{json.value("observer", 0U)};
        heartbeat.subject = NodeId{json.value("subject", 0U)};
        heartbeat.incarnation = Incarnation{json.value("incarnation", std::uint64_t{0})};
        heartbeat.seq = Seq{json.value("seq", std::uint64_t{0})};
        heartbeat.sent = Instant(Duration(json.value("sent_ns", std::int64_t{0})));
        heartbeat.arrival = Instant(Duration(json.value("arrival_ns", std::int64_t{0})));
        wrote = writer->append(heartbeat);
        count += wrote ? 1U : 0U;
        return goes_on();
      },
      goes_on);
  if (Status last = writer->flush(); !last && wrote) wrote = last;
  if (!refusal.empty()) return Error{Errc::kBadInput, refusal};
  if (!wrote) return wrote.error();
  if (!done) return done.error();
  std::cerr << "vouch record: " << count << " heartbeats in " << options.out
            << "; to see what they tell: vouch evaluate " << options.out << "\n";
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

void register_record(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<RecordOptions>();
  CLI::App* command = app.add_subcommand(
      "record", "Write the heartbeats that a running node sees as a trace, until interrupted");
  add_control(command, options->control);
  command->add_option("--out", options->out, "Trace file; a recording that exists is continued")
      ->required();
  command->add_option("--for", options->seconds, "Stop after so many seconds");
  command->callback([options, &outcome] { outcome = run_record(*options); });
}

}  // namespace vouch::cli
