#include <concepts>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <type_traits>

#include "atlas.h"
#include "state_file.h"

namespace vouch::cli {
namespace {

using nlohmann::ordered_json;

constexpr StateKind kAtlasState = {"vouch_atlas_state", 2, "atlas", "outcomes"};

ordered_json json_of(const AtlasSettings& settings) {
  return {{"replicas", settings.replicas},
          {"policies", settings.policies},
          {"every", settings.every},
          {"sample", settings.sample},
          {"transitions", settings.transitions},
          {"seed", settings.seed},
          {"digests", settings.digests}};
}

AtlasSettings settings_of(const ordered_json& json) {
  AtlasSettings settings;
  json.at("replicas").get_to(settings.replicas);
  json.at("policies").get_to(settings.policies);
  json.at("every").get_to(settings.every);
  json.at("sample").get_to(settings.sample);
  json.at("transitions").get_to(settings.transitions);
  json.at("seed").get_to(settings.seed);
  settings.digests = json.value("digests", false);
  return settings;
}

template <typename Enum>
Enum enumerator(const ordered_json& json, unsigned count) {
  const auto value = json.get<unsigned>();
  if (value >= count) throw std::invalid_argument("an enumerator is out of range");
  return static_cast<Enum>(value);
}

/// Calls `visit(name, number)` for every counter of a summary: written and read by the same list.
template <typename Summary, typename Visit>
requires std::same_as<std::remove_const_t<Summary>, sim::AtlasSummary>
void for_each_counter(Summary& summary, Visit visit) {
  visit("graphs", summary.graphs);
  visit("kept", summary.kept);
  visit("recoverable", summary.recoverable);
  visit("hopeless", summary.hopeless);
  visit("deposed", summary.deposed);
  visit("stuck", summary.stuck);
  visit("churning", summary.churning);
  visit("late", summary.late);
  visit("noisy", summary.noisy);
  visit("disturbed", summary.disturbed);
  visit("split", summary.split);
  visit("unsafe", summary.unsafe);
  visit("split_votes", summary.split_votes);
}

template <typename Summary, typename Visit>
requires std::same_as<std::remove_const_t<Summary>, sim::TransitionSummary>
void for_each_counter(Summary& summary, Visit visit) {
  visit("sequences", summary.sequences);
  visit("transitions", summary.transitions);
  visit("kept", summary.kept);
  visit("recoverable", summary.recoverable);
  visit("hopeless", summary.hopeless);
  visit("elections", summary.elections);
  visit("leader_changes", summary.leader_changes);
  visit("violations", summary.violations);
  visit("failing", summary.failing);
}

template <typename Summary>
ordered_json counters_of(const Summary& summary) {
  ordered_json json = ordered_json::object();
  for_each_counter(summary, [&](const char* name, std::uint64_t value) { json[name] = value; });
  return json;
}

ordered_json json_of(const sim::AtlasSummary& summary) {
  ordered_json json = counters_of(summary);
  json["recovery_ms"] = summary.recovery_ms;
  json["failures"] = ordered_json::array();
  for (const sim::GraphOutcome& failure : summary.failures) {
    json["failures"].push_back({failure.graph.graph, failure.graph.weight,
                                static_cast<int>(failure.situation), failure.is_deposed,
                                failure.is_stuck, failure.is_churning, failure.is_noisy,
                                failure.is_disturbed, failure.is_split, failure.safety_violations,
                                failure.recovery.count(), failure.is_late, failure.split_votes});
  }
  return json;
}

void read(const ordered_json& json, sim::AtlasSummary& summary) {
  for_each_counter(summary,
                   [&](const char* name, std::uint64_t& value) { json.at(name).get_to(value); });
  json.at("recovery_ms").get_to(summary.recovery_ms);
  for (const ordered_json& row : json.at("failures")) {
    sim::GraphOutcome failure;
    row.at(0).get_to(failure.graph.graph);
    row.at(1).get_to(failure.graph.weight);
    failure.situation = enumerator<sim::Situation>(row.at(2), 3);
    row.at(3).get_to(failure.is_deposed);
    row.at(4).get_to(failure.is_stuck);
    row.at(5).get_to(failure.is_churning);
    row.at(6).get_to(failure.is_noisy);
    row.at(7).get_to(failure.is_disturbed);
    row.at(8).get_to(failure.is_split);
    row.at(9).get_to(failure.safety_violations);
    failure.recovery = Duration(row.at(10).get<std::int64_t>());
    row.at(11).get_to(failure.is_late);
    row.at(12).get_to(failure.split_votes);
    summary.failures.push_back(failure);
  }
}

ordered_json json_of(const sim::TransitionSummary& summary) {
  ordered_json json = counters_of(summary);
  json["by_rule"] = summary.by_rule;
  json["failures"] = ordered_json::array();
  for (const auto& failure : summary.failures) {
    json["failures"].push_back({failure.seed, failure.transitions, static_cast<int>(failure.rule),
                                failure.at_ms, failure.text});
  }
  return json;
}

void read(const ordered_json& json, sim::TransitionSummary& summary) {
  for_each_counter(summary,
                   [&](const char* name, std::uint64_t& value) { json.at(name).get_to(value); });
  json.at("by_rule").get_to(summary.by_rule);
  for (const ordered_json& row : json.at("failures")) {
    sim::TransitionSummary::Failure failure;
    row.at(0).get_to(failure.seed);
    row.at(1).get_to(failure.transitions);
    failure.rule = enumerator<sim::Rule>(row.at(2), sim::kRuleCount);
    row.at(3).get_to(failure.at_ms);
    row.at(4).get_to(failure.text);
    summary.failures.push_back(failure);
  }
}

template <typename Summary>
void read_all(const ordered_json& json, std::vector<Summary>& summaries) {
  std::size_t i = 0;
  for (const ordered_json& entry : json) {
    if (i < summaries.size()) read(entry, summaries[i]);
    ++i;
  }
  if (i != summaries.size()) throw std::invalid_argument("it has not one summary per policy");
}

}  // namespace

Status write_state(const std::string& path, const AtlasState& state) {
  ordered_json document = {{"settings", json_of(state.settings)}, {"done", state.done}};
  ordered_json summaries = ordered_json::array();
  for (const sim::AtlasSummary& summary : state.graphs)
    summaries.push_back(json_of(summary));
  for (const sim::TransitionSummary& summary : state.transitions)
    summaries.push_back(json_of(summary));
  document["summaries"] = std::move(summaries);
  return write_state_file(path, kAtlasState, document);
}

Result<AtlasState> read_state(const std::string& path) {
  return state_from_file<AtlasState>(path, kAtlasState, [](const ordered_json& document) {
    AtlasState state = begin_atlas(settings_of(document.at("settings")));
    document.at("done").get_to(state.done);
    const ordered_json& summaries = document.at("summaries");
    state.settings.transitions > 0 ? read_all(summaries, state.transitions)
                                   : read_all(summaries, state.graphs);
    return state;
  });
}

}  // namespace vouch::cli
