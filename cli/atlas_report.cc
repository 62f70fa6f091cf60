#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "atlas.h"

namespace vouch::cli {
namespace {

using nlohmann::ordered_json;

/// Failures printed per policy; the JSON has more, and the rest is counted.
constexpr std::size_t kFailuresShown = 10;

/// `12,345 (1.2 %)`: a part of all those to which it could happen.
std::string part(std::uint64_t count, std::uint64_t of) {
  if (count == 0) return "0";
  return grouped(count) + " (" +
         fixed_text(100.0 * static_cast<double>(count) / static_cast<double>(of), 1) + " %)";
}

std::uint64_t milliseconds(Duration span) {
  return static_cast<std::uint64_t>((span.count() + 999'999) / 1'000'000);
}

/// Without a lease there is none to be split, without votes neither.
struct Traits {
  bool has_lease = false;
  bool has_votes = false;
};

Traits traits_of(const AtlasSettings& settings, const std::string& policy) {
  const auto made = sim::make_policy(policy, {.replicas = settings.replicas});
  return made ? Traits{(*made)->has_lease(), (*made)->has_votes()} : Traits{};
}

std::string common_options(const AtlasSettings& settings, std::string_view policy) {
  std::string text = "vouch atlas --replicas " + std::to_string(settings.replicas);
  if (policy != "vouch") text += " --policy " + std::string(policy);
  if (settings.digests) text += " --digests";
  return text;
}

std::string what_of(const sim::GraphOutcome& outcome) {
  std::string text;
  for (const std::string_view fault : faults_of(outcome))
    text += (text.empty() ? "" : ", ") + std::string(fault);
  return text;
}

std::string title_of(const AtlasSettings& settings) {
  const std::string group =
      std::to_string(settings.replicas) + " replicas, " + (settings.digests ? "digests, " : "");
  if (settings.transitions > 0) {
    return group + grouped(settings.transitions) + " random graphs one after the other";
  }
  if (settings.sample > 0) return group + grouped(settings.sample) + " random directed graphs";
  const std::string all = grouped(sim::graph_count(settings.replicas)) +
                          " directed graphs, by classes up to the names of the followers";
  if (settings.every == 1) return group + "all " + all;
  return group + "a sample of the " + all + " (one class in " + std::to_string(settings.every) +
         ")";
}

void print_graphs(const AtlasState& state, std::ostream& out) {
  Table table({{"policy", Align::kLeft},
               {"graphs"},
               {"deposed"},
               {"stuck"},
               {"churning"},
               {"late"},
               {"recovery ms"},
               {"p99"},
               {"max"},
               {"noisy"},
               {"heal disturbs"},
               {"split lease"},
               {"other unsafe"},
               {"split votes"}});
  for (std::size_t i = 0; i < state.graphs.size(); ++i) {
    const sim::AtlasSummary& sum = state.graphs[i];
    const std::string& policy = state.settings.policies[i];
    const Traits traits = traits_of(state.settings, policy);
    table.add_row(
        {policy, grouped(sum.graphs), part(sum.deposed, sum.kept), part(sum.stuck, sum.recoverable),
         part(sum.churning, sum.recoverable), part(sum.late, sum.recoverable),
         std::to_string(milliseconds(sum.recovery_quantile(500))),
         std::to_string(milliseconds(sum.recovery_quantile(990))),
         std::to_string(milliseconds(sum.recovery_quantile(1000))), part(sum.noisy, sum.hopeless),
         part(sum.disturbed, sum.graphs), traits.has_lease ? part(sum.split, sum.graphs) : "-",
         part(sum.unsafe, sum.graphs), traits.has_votes ? grouped(sum.split_votes) : "-"});
  }
  table.print(out);
  const auto bound_of = [&](std::string_view policy) {
    return std::to_string(milliseconds(atlas_options(state.settings, policy).run.liveness_bound));
  };
  const std::string bounds =
      bound_of("vouch") + " ms for vouch, " + bound_of("raft") + " ms for the others";
  const sim::AtlasSummary& first = state.graphs.front();
  out << "\nThe leader keeps its quorum in " << grouped(first.kept) << " graphs (per cents of "
      << "deposed), another could lead in " << grouped(first.recoverable)
      << " (stuck, churning, late), nobody in " << grouped(first.hopeless) << " (noisy).\n"
      << "Late: one leader stays, but it stands later than " << bounds
      << ". Split votes: terms in\n"
      << "all graphs with several candidates and no leader; they are counted, not judged.\n";
}

void print_sequences(const AtlasState& state, std::ostream& out) {
  std::vector<Table::Column> columns = {
      {"policy", Align::kLeft}, {"transitions"}, {"judged"}, {"elections"}, {"leaders"}};
  for (std::uint8_t rule = 0; rule < sim::kRuleCount; ++rule)
    columns.push_back({std::string(to_string(static_cast<sim::Rule>(rule)))});
  columns.push_back({"broken"});
  Table table(columns);
  for (std::size_t i = 0; i < state.transitions.size(); ++i) {
    const sim::TransitionSummary& sum = state.transitions[i];
    std::vector<std::string> cells = {state.settings.policies[i], grouped(sum.transitions),
                                      grouped(sum.kept + sum.recoverable + sum.hopeless),
                                      grouped(sum.elections), grouped(sum.leader_changes)};
    for (const std::uint64_t count : sum.by_rule)
      cells.push_back(grouped(count));
    cells.push_back(grouped(sum.violations));
    table.add_row(std::move(cells));
  }
  table.print(out);
  out << "\nJudged: how many graphs stayed long enough, without loss, to be judged by L1-L6; S1-S6 "
         "are\nchecked after every event. Under a rule: sequences that broke it. Broken: "
         "violations in all.\n";
}

/// The commands by which what vouch did wrong can be looked at.
void print_failures(const AtlasState& state, std::ostream& out) {
  for (std::size_t i = 0; i < state.settings.policies.size(); ++i) {
    const std::string& policy = state.settings.policies[i];
    if (!sim::is_vouch(policy)) continue;
    std::size_t shown = 0;
    if (state.settings.transitions > 0) {
      for (const auto& failure : state.transitions[i].failures) {
        if (++shown > kFailuresShown) break;
        out << "\nseed " << failure.seed << ": " << to_string(failure.rule) << " at "
            << failure.at_ms << " ms: " << failure.text << "\n  "
            << sequence_command(state.settings, policy, failure.seed, failure.transitions) << '\n';
      }
      continue;
    }
    for (const sim::GraphOutcome& failure : state.graphs[i].failures) {
      if (++shown > kFailuresShown) break;
      out << "\n"
          << what_of(failure) << " in " << failure.graph.weight << " graphs like\n  "
          << graph_command(state.settings, policy, failure.graph.graph) << '\n';
    }
  }
}

ordered_json json_of(const AtlasSettings& settings, const std::string& policy,
                     const sim::AtlasSummary& sum) {
  const Traits traits = traits_of(settings, policy);
  ordered_json json = {{"policy", policy},
                       {"has_lease", traits.has_lease},
                       {"has_votes", traits.has_votes},
                       {"graphs", sum.graphs},
                       {"kept", sum.kept},
                       {"recoverable", sum.recoverable},
                       {"hopeless", sum.hopeless},
                       {"deposed", sum.deposed},
                       {"stuck", sum.stuck},
                       {"churning", sum.churning},
                       {"late", sum.late},
                       {"noisy", sum.noisy},
                       {"heal_disturbs", sum.disturbed},
                       {"split_lease", sum.split},
                       {"other_unsafe", sum.unsafe},
                       {"split_votes", sum.split_votes},
                       {"recovery_ms_median", milliseconds(sum.recovery_quantile(500))},
                       {"recovery_ms_p99", milliseconds(sum.recovery_quantile(990))},
                       {"recovery_ms_max", milliseconds(sum.recovery_quantile(1000))},
                       {"first_failures", ordered_json::array()}};
  for (const sim::GraphOutcome& failure : sum.failures) {
    json["first_failures"].push_back(
        {{"graph", sim::describe(settings.replicas, failure.graph.graph)},
         {"graphs", failure.graph.weight},
         {"what", faults_of(failure)},
         {"command", graph_command(settings, policy, failure.graph.graph)}});
  }
  return json;
}

ordered_json json_of(const AtlasSettings& settings, const std::string& policy,
                     const sim::TransitionSummary& sum) {
  ordered_json json = {{"policy", policy},
                       {"sequences", sum.sequences},
                       {"transitions", sum.transitions},
                       {"judged_kept", sum.kept},
                       {"judged_recoverable", sum.recoverable},
                       {"judged_hopeless", sum.hopeless},
                       {"elections", sum.elections},
                       {"leader_changes", sum.leader_changes},
                       {"violations", sum.violations},
                       {"failing_sequences", sum.failing}};
  for (std::uint8_t rule = 0; rule < sim::kRuleCount; ++rule) {
    json["failing_sequences_by_rule"][std::string(to_string(static_cast<sim::Rule>(rule)))] =
        sum.by_rule[rule];
  }
  json["first_failures"] = ordered_json::array();
  for (const auto& failure : sum.failures) {
    json["first_failures"].push_back(
        {{"seed", failure.seed},
         {"rule", to_string(failure.rule)},
         {"at_ms", failure.at_ms},
         {"text", failure.text},
         {"command", sequence_command(settings, policy, failure.seed, failure.transitions)}});
  }
  return json;
}

}  // namespace

std::string grouped(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3; at -= 3)
    digits.insert(at - 3, ",");
  return digits;
}

std::vector<std::string_view> faults_of(const sim::GraphOutcome& outcome) {
  std::vector<std::string_view> faults;
  if (outcome.is_deposed) faults.emplace_back("deposed");
  if (outcome.is_stuck) faults.emplace_back("stuck");
  if (outcome.is_churning) faults.emplace_back("churning");
  if (outcome.is_late) faults.emplace_back("late");
  if (outcome.is_noisy) faults.emplace_back("noisy");
  if (outcome.is_disturbed) faults.emplace_back("heal disturbs");
  if (outcome.is_split) faults.emplace_back("split lease");
  if (outcome.safety_violations > 0) faults.emplace_back("other unsafe");
  return faults;
}

std::string graph_command(const AtlasSettings& settings, std::string_view policy,
                          sim::Graph graph) {
  std::string text = common_options(settings, policy);
  if (settings.seed != 1) text += " --seed " + std::to_string(settings.seed);
  return text + " --graph \"" + sim::describe(settings.replicas, graph) + "\"";
}

std::string sequence_command(const AtlasSettings& settings, std::string_view policy,
                             std::uint64_t seed, std::uint64_t transitions) {
  return common_options(settings, policy) + " --transitions " + std::to_string(transitions) +
         " --seed " + std::to_string(seed);
}

void print_atlas(const AtlasState& state, std::ostream& out) {
  out << title_of(state.settings) << " (seed " << state.settings.seed << ")\n\n";
  if (state.settings.transitions > 0) {
    print_sequences(state, out);
  } else {
    print_graphs(state, out);
  }
  print_failures(state, out);
}

void print_atlas_json(const AtlasState& state, std::ostream& out) {
  const AtlasSettings& settings = state.settings;
  ordered_json document = {{"replicas", settings.replicas},
                           {"every", settings.every},
                           {"sample", settings.sample},
                           {"transitions", settings.transitions},
                           {"seed", settings.seed}};
  if (settings.digests) document["digests"] = true;
  document["policies"] = ordered_json::array();
  for (std::size_t i = 0; i < settings.policies.size(); ++i) {
    const std::string& policy = settings.policies[i];
    document["policies"].push_back(settings.transitions > 0
                                       ? json_of(settings, policy, state.transitions[i])
                                       : json_of(settings, policy, state.graphs[i]));
  }
  out << document.dump(2) << '\n';
}

}  // namespace vouch::cli
