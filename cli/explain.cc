#include "explain.h"

#include <charconv>
#include <deque>
#include <iostream>
#include <memory>
#include <optional>

#include "record_file.h"
#include "vouch/record/explain.h"

namespace vouch::cli {
namespace {

struct ExplainRequest {
  std::string file;
  std::optional<std::uint64_t> group;
  std::string node;
  std::string since;
  std::optional<std::uint64_t> last;
  bool all = false;
};

/// A decision in words, and the run that it belongs to.
struct Told {
  std::string run;
  std::string text;
};

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_asked_for(const ExplainRequest& request, const record::Line& line) {
  const auto* const answer = std::get_if<record::AnswerCase>(&line.what);
  if (answer != nullptr && answer->output == Answer::kNotAsked && !request.all) return false;
  const auto in_case = [](const auto& what) { return what.input.group.value(); };
  if (request.group && std::visit(in_case, line.what) != *request.group) return false;
  if (!request.node.empty() && request.node != record::name_of(line, line.stamp.node) &&
      request.node != std::to_string(line.stamp.node.value())) {
    return false;
  }
  if (request.since.empty()) return true;
  if (const std::optional<double> seconds = number_of(request.since)) {
    const auto at = [](const auto& what) { return what.input.now.time_since_epoch().count(); };
    const std::int64_t ns = line.stamp.sim_ns ? *line.stamp.sim_ns : std::visit(at, line.what);
    return static_cast<double>(ns) >= *seconds * 1e9;
  }
  return line.stamp.wall >= request.since;
}

/// What a reader should know about a line beside what it says.
std::string notes_on(const record::Reading& reading) {
  std::string text;
  if (reading.schema > record::kSchemaVersion) {
    text += "    note      written by a newer version (schema " + std::to_string(reading.schema) +
            "); what this one does not know is left out\n";
  } else if (!reading.unknown_fields.empty()) {
    text += "    note      has fields that this version does not know: " +
            reading.unknown_fields.front() + "\n";
  }
  if (!reading.differences.empty()) {
    text += "    note      this version decides differently: " + reading.differences.front() + "\n";
  }
  return text;
}

Outcome explain(const ExplainRequest& request) {
  if (!request.since.empty() && !number_of(request.since) &&
      request.since.find('T') == std::string::npos) {
    return Error{Errc::kBadInput,
                 "--since: must be seconds, or a time as the log has it "
                 "(2026-01-31T12:00:00), is " +
                     request.since};
  }
  std::string run;
  const auto print = [&](const Told& told) {
    if (told.run != run) std::cout << "--- " << told.run << " ---\n";
    run = told.run;
    std::cout << told.text;
  };
  std::deque<Told> kept;
  std::uint64_t count = 0;
  const auto take = [&](std::uint64_t, const record::Reading& reading) {
    if (!is_asked_for(request, reading.line)) return;
    ++count;
    Told told{reading.line.stamp.run, record::explain(reading.line) + notes_on(reading)};
    if (!request.last) return print(told);
    kept.push_back(std::move(told));
    if (kept.size() > *request.last) kept.pop_front();
  };
  const auto counts = read_record(request.file, record::Strictness::kTolerant, take);
  if (!counts) return counts.error();
  for (const Told& told : kept)
    print(told);
  if (counts->is_cut_off) {
    std::cerr << "vouch: note: the last line is cut off and left out" << std::endl;
  }
  if (count == 0) {
    std::cerr << "vouch: note: no decision of " << counts->decisions << " is asked for"
              << std::endl;
  }
  return ExitCode::kSuccess;
}

}  // namespace

void register_explain(CLI::App& app, Outcome& outcome) {
  auto request = std::make_shared<ExplainRequest>();
  CLI::App* command =
      app.add_subcommand("explain", "Say in plain words why each decision of a record was taken");
  command
      ->add_option("FILE", request->file,
                   "Log of vouch node, or file of vouch simulate --decisions; - reads standard "
                   "input")
      ->required();
  command->add_option("--group", request->group, "Only decisions on this group");
  command->add_option("--node", request->node,
                      "Only decisions of this node: its id, or its name as it is printed (n2)");
  command->add_option("--since", request->since,
                      "Only decisions from then on: seconds of the simulation (or of the node's "
                      "clock), or a time as the log has it");
  command->add_option("--last", request->last, "Only the last so many of them");
  command->add_flag("--all", request->all,
                    "Also answers that only pass on what a node knows, without being asked for a "
                    "consent");
  command->callback([request, &outcome] { outcome = explain(*request); });
}

}  // namespace vouch::cli
