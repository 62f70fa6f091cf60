#include "diagnose.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vouch/quorum_check/diagnosis_text.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/vouch_protocol.h"

namespace vouch::cli {
namespace {

using Json = nlohmann::ordered_json;

struct DiagnoseRequest {
  std::string scenario;
  std::uint64_t seed = 1;
  std::optional<std::int64_t> at_ms;
  std::optional<std::uint32_t> node;
  bool json = false;
};

/// What one node knew at the instant that was asked for.
struct Snapshot {
  sim::NodeIndex node = 0;
  sim::TrueTime at{};
  Instant now{};
  ReachMatrix matrix;
  std::vector<Diagnosis> diagnoses;
};

/// Looks into the replicas at the first event at or after `at`.
class Camera final : public sim::Observer {
 public:
  Camera(sim::TrueTime at, std::optional<std::uint32_t> node) : at_(at), node_(node) {}

  void moved(const sim::Engine& engine, sim::NodeIndex, sim::NodeIndex, const sim::Payload&,
             sim::Fate) override {
    if (snapshot_ || engine.now() < at_) return;
    std::optional<sim::NodeIndex> best;
    std::size_t most = 0;
    for (sim::NodeIndex node = 0; node < engine.size(); ++node) {
      if (node_ ? node != *node_ : !engine.is_up(node) || engine.is_paused(node)) continue;
      const std::size_t known = known_cells(engine, node);
      if (best && known <= most) continue;
      best = node;
      most = known;
    }
    if (best) take(engine, *best);
  }

  [[nodiscard]] const std::optional<Snapshot>& snapshot() const { return snapshot_; }

 private:
  static const HealthWatch& health_of(const sim::Engine& engine, sim::NodeIndex node) {
    return static_cast<const sim::VouchReplica&>(engine.replica(node)).monitor().health();
  }

  static std::size_t known_cells(const sim::Engine& engine, sim::NodeIndex node) {
    const ReachMatrix& matrix = health_of(engine, node).matrix();
    std::size_t known = 0;
    for (std::size_t i = 0; i < matrix.size(); ++i) {
      for (std::size_t j = 0; j < matrix.size(); ++j) {
        if (i == j) continue;
        known += matrix.cell(i, j, engine.local_now(node)).known == CellKnown::kFirst ? 1U : 0U;
      }
    }
    return known;
  }

  void take(const sim::Engine& engine, sim::NodeIndex node) {
    const HealthWatch& health = health_of(engine, node);
    const Instant now = engine.local_now(node);
    snapshot_.emplace(Snapshot{node, engine.now(), now, health.matrix(), {}});
    for (std::size_t i = 0; health.diagnoser().raised(i) != nullptr; ++i) {
      snapshot_->diagnoses.push_back(health.diagnoser().diagnosis(i, now, health.matrix()));
    }
    const auto& monitor = static_cast<const sim::VouchReplica&>(engine.replica(node)).monitor();
    for (std::size_t i = 0; const auto path = monitor.front_ends().raised(i, now); ++i)
      snapshot_->diagnoses.push_back(*path);
  }

  sim::TrueTime at_;
  std::optional<std::uint32_t> node_;
  std::optional<Snapshot> snapshot_;
};

/// The same diagnosis as all nodes see it: one after the other raises and clears it.
struct Line {
  std::string code;
  std::string culprit;
  DiagnosisKind kind{};
  sim::TrueTime raised_at{};
  sim::TrueTime cleared_at{};
  std::vector<sim::NodeIndex> by;
  std::string witnesses;
  unsigned lost_per_mille = 0;
};

/// Diagnoses of several nodes whose times overlap are one line.
std::vector<Line> lines_of(const sim::RunResult& result) {
  std::vector<Line> lines;
  for (const sim::DiagnosisSpan& span : result.diagnoses) {
    const std::string code(to_string(span.diagnosis.kind));
    const std::string culprit = culprit_text(span.diagnosis, sim::index_name);
    const auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& l) {
      return l.code == code && l.culprit == culprit && span.raised_at <= l.cleared_at;
    });
    if (line == lines.end()) {
      lines.push_back({code,
                       culprit,
                       span.diagnosis.kind,
                       span.raised_at,
                       span.cleared_at,
                       {span.by},
                       list_text(span.diagnosis.witnesses, sim::index_name),
                       span.diagnosis.lost_per_mille});
      continue;
    }
    line->cleared_at = std::max(line->cleared_at, span.cleared_at);
    if (std::find(line->by.begin(), line->by.end(), span.by) == line->by.end()) {
      line->by.push_back(span.by);
    }
  }
  for (Line& line : lines)
    std::sort(line.by.begin(), line.by.end());
  return lines;
}

std::int64_t ms(sim::TrueTime at) {
  return (at - sim::kStart).count() / 1'000'000;
}

std::string names_text(const std::vector<sim::NodeIndex>& nodes) {
  std::string text;
  for (const sim::NodeIndex node : nodes)
    text += (text.empty() ? "" : ",") + std::to_string(node);
  return text;
}

std::vector<std::string> names_of(const ReachMatrix& matrix) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < matrix.size(); ++i)
    names.push_back(sim::index_name(matrix.node(i)));
  return names;
}

void print(const scenario::Scenario& scenario, const sim::RunResult& result,
           const std::optional<Snapshot>& snapshot, std::ostream& out) {
  out << scenario.label() << ": " << scenario.title << "\n"
      << "faults from " << ms(scenario.plan.fault_from) << " ms until "
      << ms(scenario.plan.fault_until) << " ms\n\n";
  const std::vector<Line> lines = lines_of(result);
  if (lines.empty()) {
    out << "Nothing is diagnosed.\n";
  } else {
    Table table({{"raised ms"},
                 {"cleared ms"},
                 {"diagnosis", Align::kLeft},
                 {"culprit", Align::kLeft},
                 {"by", Align::kLeft},
                 {"witnesses", Align::kLeft}});
    for (const Line& line : lines) {
      table.add_row({std::to_string(ms(line.raised_at)),
                     line.cleared_at == sim::kEndOfTime ? "-" : std::to_string(ms(line.cleared_at)),
                     line.code, line.culprit, names_text(line.by), line.witnesses});
    }
    table.print(out);
  }
  for (const sim::AdviceGiven& advice : result.advices) {
    out << "\n"
        << ms(advice.at) << " ms: node " << advice.by << " advises to hand over to " << advice.to
        << ": " << advice.reason << "\n";
  }
  if (!snapshot) {
    out << "\nNobody to look at then.\n";
    return;
  }
  out << "\nThe matrix at " << ms(snapshot->at) << " ms as node " << snapshot->node
      << " knows it (a line: whom the node hears; in brackets: hearsay)\n\n"
      << matrix_text(snapshot->matrix, snapshot->now, names_of(snapshot->matrix)) << "\n";
  if (snapshot->diagnoses.empty()) out << "It reads: nothing is wrong.\n";
  for (const Diagnosis& diagnosis : snapshot->diagnoses) {
    out << "It reads: " << to_string(diagnosis.kind) << " "
        << culprit_text(diagnosis, sim::index_name);
    if (diagnosis.others.count > 0)
      out << ", with " << list_text(diagnosis.others, sim::index_name);
    if (diagnosis.lost_per_mille > 0) out << ", " << diagnosis.lost_per_mille / 10 << " % lost";
    out << " (say " << list_text(diagnosis.witnesses, sim::index_name) << ")\n"
        << "  " << advice_text(diagnosis.kind) << "\n";
  }
}

Json list_json(const NodeList& nodes) {
  Json list = Json::array();
  for (const NodeId node : nodes)
    list.push_back(node.value() - 1);
  return list;
}

Json cell_json(const ReachMatrix& matrix, std::size_t observer, std::size_t subject, Instant now) {
  const MatrixCell cell = matrix.cell(observer, subject, now);
  Json json = {{"hears", matrix.node(observer).value() - 1},
               {"of", matrix.node(subject).value() - 1},
               {"state", cell_text(cell)}};
  if (cell.known == CellKnown::kNot) return json;
  json["age_ms"] = cell.age.count() / 1'000'000;
  if (cell.known == CellKnown::kFirst) {
    json["lost_of_32"] = cell.link.lost;
    json["latency_class"] = cell.link.latency;
    json["silent_intervals"] = cell.link.silence;
  }
  return json;
}

void print_json(const scenario::Scenario& scenario, const sim::RunResult& result,
                const std::optional<Snapshot>& snapshot, std::uint64_t seed, std::ostream& out) {
  Json json = {{"scenario", scenario.label()}, {"seed", seed}};
  json["diagnoses"] = Json::array();
  for (const sim::DiagnosisSpan& span : result.diagnoses) {
    Json one = {{"code", to_string(span.diagnosis.kind)},
                {"culprit", culprit_text(span.diagnosis, sim::index_name)},
                {"by", span.by},
                {"raised_ms", ms(span.raised_at)},
                {"cleared_ms", nullptr},
                {"others", list_json(span.diagnosis.others)},
                {"witnesses", list_json(span.diagnosis.witnesses)},
                {"lost_per_mille", span.diagnosis.lost_per_mille}};
    if (span.cleared_at != sim::kEndOfTime) one["cleared_ms"] = ms(span.cleared_at);
    json["diagnoses"].push_back(std::move(one));
  }
  json["advices"] = Json::array();
  for (const sim::AdviceGiven& advice : result.advices) {
    json["advices"].push_back({{"at_ms", ms(advice.at)},
                               {"by", advice.by},
                               {"to", advice.to},
                               {"reason", advice.reason}});
  }
  if (snapshot) {
    Json& matrix = json["matrix"];
    matrix = {{"at_ms", ms(snapshot->at)}, {"node", snapshot->node}, {"cells", Json::array()}};
    for (std::size_t i = 0; i < snapshot->matrix.size(); ++i) {
      for (std::size_t j = 0; j < snapshot->matrix.size(); ++j) {
        if (i != j) matrix["cells"].push_back(cell_json(snapshot->matrix, i, j, snapshot->now));
      }
    }
  }
  out << json.dump(2) << "\n";
}

Outcome diagnose(const DiagnoseRequest& request) {
  const Result<scenario::Scenario> scenario = scenario::load_scenario(request.scenario);
  if (!scenario) return scenario.error();
  const sim::Plan& plan = scenario->plan;
  if (request.at_ms && (*request.at_ms < 0 || *request.at_ms > ms(plan.end))) {
    return Error{Errc::kBadInput, "--at: must be in [0, " + std::to_string(ms(plan.end)) +
                                      "] ms, is " + std::to_string(*request.at_ms)};
  }
  if (request.node && *request.node >= plan.replicas) {
    return Error{Errc::kBadInput, "--node: must be in [0, " + std::to_string(plan.replicas - 1) +
                                      "], is " + std::to_string(*request.node)};
  }
  const auto protocol = sim::make_policy("vouch", scenario->settings);
  if (!protocol) return protocol.error();
  const Duration middle = (plan.fault_until - plan.fault_from) / 2;
  Camera camera(request.at_ms
                    ? sim::kStart + std::chrono::milliseconds(*request.at_ms)
                    : plan.fault_from + std::min<Duration>(middle, std::chrono::seconds(2)),
                request.node);
  sim::RunOptions options = scenario::run_options(*scenario, "vouch", request.seed);
  options.observers.push_back(&camera);
  const sim::RunResult result = sim::run(**protocol, plan, options);
  if (request.json) {
    print_json(*scenario, result, camera.snapshot(), request.seed, std::cout);
  } else {
    print(*scenario, result, camera.snapshot(), std::cout);
  }
  return ExitCode::kSuccess;
}

}  // namespace

void register_diagnose(CLI::App& app, Outcome& outcome) {
  auto request = std::make_shared<DiagnoseRequest>();
  CLI::App* command = app.add_subcommand(
      "diagnose", "Tell what a group in a scenario finds to be broken, when, and by what");
  command->footer("The codes and what to do about them: docs/DIAGNOSIS.md.");
  command
      ->add_option("SCENARIO", request->scenario, "A scenario file, or the name of a shipped one")
      ->required();
  command->add_option("--seed", request->seed, "Seed of the run")->capture_default_str();
  command->add_option("--at", request->at_ms,
                      "When to look at the matrix, in ms (default: 2 s into the faults)");
  command->add_option("--node", request->node,
                      "Whose matrix (default: of the node that knows most of it)");
  command->add_flag("--json", request->json, "Print JSON");
  command->callback([request, &outcome] { outcome = diagnose(*request); });
}

}  // namespace vouch::cli
