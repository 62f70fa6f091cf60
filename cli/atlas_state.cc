#include <algorithm>
#include <concepts>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "atlas.h"
#include "state_file.h"

namespace vouch::cli {
namespace {

using nlohmann::ordered_json;

constexpr StateKind kAtlasState = {"vouch_atlas_state", 3, "atlas", "outcomes"};
constexpr const char* kFlag = "true or false";

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
  settings.replicas = state_number<std::size_t>(json, "replicas", 3);
  settings.policies =
      state_field<std::vector<std::string>>(json, "policies", "a list of names of policies");
  settings.every = state_number<std::uint64_t>(json, "every", 1);
  settings.sample = state_number<std::uint64_t>(json, "sample", 0);
  settings.transitions = state_number<std::uint64_t>(json, "transitions", 0);
  settings.seed = state_number<std::uint64_t>(json, "seed", 0);
  settings.digests = state_field<bool>(json, "digests", kFlag);
  return settings;
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
    json["failures"].push_back({{"graph", failure.graph.graph},
                                {"weight", failure.graph.weight},
                                {"situation", static_cast<unsigned>(failure.situation)},
                                {"deposed", failure.is_deposed},
                                {"stuck", failure.is_stuck},
                                {"churning", failure.is_churning},
                                {"late", failure.is_late},
                                {"noisy", failure.is_noisy},
                                {"disturbed", failure.is_disturbed},
                                {"split", failure.is_split},
                                {"unsafe", failure.safety_violations},
                                {"split_votes", failure.split_votes},
                                {"recovery_ns", failure.recovery.count()}});
  }
  return json;
}

void read(const ordered_json& json, sim::GraphOutcome& failure) {
  failure.graph.graph = state_number<sim::Graph>(json, "graph", 0);
  failure.graph.weight = state_number<std::uint32_t>(json, "weight", 1);
  failure.situation = static_cast<sim::Situation>(state_number<unsigned>(json, "situation", 0, 2));
  failure.is_deposed = state_field<bool>(json, "deposed", kFlag);
  failure.is_stuck = state_field<bool>(json, "stuck", kFlag);
  failure.is_churning = state_field<bool>(json, "churning", kFlag);
  failure.is_late = state_field<bool>(json, "late", kFlag);
  failure.is_noisy = state_field<bool>(json, "noisy", kFlag);
  failure.is_disturbed = state_field<bool>(json, "disturbed", kFlag);
  failure.is_split = state_field<bool>(json, "split", kFlag);
  failure.safety_violations = state_number<std::uint64_t>(json, "unsafe", 0);
  failure.split_votes = state_number<std::uint32_t>(json, "split_votes", 0);
  failure.recovery = Duration(state_number<std::int64_t>(json, "recovery_ns", 0));
}

void read(const ordered_json& json, sim::TransitionSummary::Failure& failure) {
  failure.seed = state_number<std::uint64_t>(json, "seed", 0);
  failure.transitions = state_number<std::uint64_t>(json, "transitions", 0);
  failure.rule =
      static_cast<sim::Rule>(state_number<unsigned>(json, "rule", 0, sim::kRuleCount - 1));
  failure.at_ms = state_number<std::int64_t>(json, "at_ms", 0);
  failure.text = state_field<std::string>(json, "text", "a text");
}

void read(const ordered_json& json, sim::AtlasSummary& summary);
void read(const ordered_json& json, sim::TransitionSummary& summary);

/// The elements of the list `name`, each at its place: what is wrong with one names it.
template <typename T>
std::vector<T> read_list(const ordered_json& json, const char* name) {
  std::vector<T> list;
  for (const ordered_json& entry : state_field<std::vector<ordered_json>>(json, name, "a list")) {
    const std::string place = std::string(name) + "[" + std::to_string(list.size()) + "].";
    within_state(place, [&] { read(entry, list.emplace_back()); });
  }
  return list;
}

template <typename Summary>
void read_counters(const ordered_json& json, Summary& summary) {
  for_each_counter(summary, [&](const char* name, std::uint64_t& value) {
    value = state_number<std::uint64_t>(json, name, 0);
  });
}

void read(const ordered_json& json, sim::AtlasSummary& summary) {
  read_counters(json, summary);
  summary.recovery_ms = state_numbers(json, "recovery_ms");
  summary.failures = read_list<sim::GraphOutcome>(json, "failures");
}

ordered_json json_of(const sim::TransitionSummary& summary) {
  ordered_json json = counters_of(summary);
  json["by_rule"] = summary.by_rule;
  json["failures"] = ordered_json::array();
  for (const auto& failure : summary.failures) {
    json["failures"].push_back({{"seed", failure.seed},
                                {"transitions", failure.transitions},
                                {"rule", static_cast<unsigned>(failure.rule)},
                                {"at_ms", failure.at_ms},
                                {"text", failure.text}});
  }
  return json;
}

void read(const ordered_json& json, sim::TransitionSummary& summary) {
  read_counters(json, summary);
  const std::vector<std::uint64_t> by_rule = state_numbers(json, "by_rule");
  if (by_rule.size() != summary.by_rule.size()) {
    bad_state_field("by_rule", "a list of " + std::to_string(summary.by_rule.size()) + " numbers",
                    &json.at("by_rule"));
  }
  std::copy(by_rule.begin(), by_rule.end(), summary.by_rule.begin());
  summary.failures = read_list<sim::TransitionSummary::Failure>(json, "failures");
}

template <typename Summary>
void read_all(const ordered_json& document, std::vector<Summary>& summaries) {
  const std::size_t policies = summaries.size();
  summaries = read_list<Summary>(document, "summaries");
  if (summaries.size() != policies) {
    const ordered_json count = summaries.size();
    bad_state_field("summaries", "one for each of " + std::to_string(policies) + " policies",
                    &count);
  }
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
    AtlasState state;
    const auto settings = state_field<ordered_json>(document, "settings", "an object");
    within_state("settings.", [&] { state = begin_atlas(settings_of(settings)); });
    state.done = state_number<std::uint64_t>(document, "done", 0);
    state.settings.transitions > 0 ? read_all(document, state.transitions)
                                   : read_all(document, state.graphs);
    return state;
  });
}

}  // namespace vouch::cli
