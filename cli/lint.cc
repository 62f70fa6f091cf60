#include "lint.h"

#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vouch/host/election_lint.h"
#include "vouch/quorum_check/lint.h"
#include "vouch/quorum_check/profile.h"
#include "vouch/runtime/node_config.h"

namespace vouch::cli {
namespace {

using Json = nlohmann::ordered_json;

struct LintOptions {
  std::vector<std::string> files;
  std::string profile;
  std::optional<double> round_trip_ms;
  bool all = false;
  bool json = false;
};

/// One configuration and its rows; or one pair of them.
struct Judged {
  std::string title;
  std::vector<LintRow> rows;
};

struct Subject {
  std::string name;
  std::optional<Profile> profile;
  MonitorConfig monitor;
  host::ElectionConfig election;
};

Result<std::vector<Subject>> read_subjects(const LintOptions& options) {
  std::vector<Subject> subjects;
  if (!options.profile.empty()) {
    const std::optional<Profile> profile = profile_named(options.profile);
    if (!profile) {
      std::string known;
      for (const Profile each : kProfiles)
        known += (known.empty() ? "" : ", ") + std::string(to_string(each));
      return Error{Errc::kBadInput,
                   "--profile: must be one of " + known + ", but it is " + options.profile};
    }
    Subject subject{.name = "profile " + options.profile, .profile = profile};
    apply_profile(*profile, subject.monitor);
    host::apply_profile(*profile, subject.election);
    subjects.push_back(std::move(subject));
  }
  for (const std::string& file : options.files) {
    auto config = runtime::load_node_config(file, runtime::NodeCheck::kMembers);
    if (!config) return config.error();
    subjects.push_back({file, config->profile, config->replica.monitor, config->replica.election});
  }
  if (subjects.empty()) {
    return Error{Errc::kBadInput, "needs a configuration file, or --profile NAME"};
  }
  return subjects;
}

Judged judge(const Subject& subject) {
  Judged judged{subject.name, lint(subject.monitor)};
  if (subject.profile && subject.name != "profile " + std::string(to_string(*subject.profile))) {
    judged.title += " (profile " + std::string(to_string(*subject.profile)) + ")";
  }
  for (const LintRow& row : host::lint(subject.election, subject.monitor))
    judged.rows.push_back(row);
  return judged;
}

/// Each ordered pair of different files: one leads, the other promises.
std::vector<Judged> judge_pairs(const std::vector<Subject>& subjects) {
  std::vector<Judged> pairs;
  for (const Subject& leader : subjects) {
    for (const Subject& follower : subjects) {
      if (&leader == &follower) continue;
      pairs.push_back({leader.name + " leads, " + follower.name + " promises",
                       lint_pair(leader.monitor, follower.monitor)});
    }
  }
  return pairs;
}

bool is_bad(Judgement judgement) {
  return judgement == Judgement::kWarning || judgement == Judgement::kUnsafe;
}

void print_table(const Judged& judged, bool all) {
  using enum Align;
  std::cout << judged.title << '\n';
  Table table(
      {{"rule", kLeft}, {"left", kLeft}, {"right", kLeft}, {"slack"}, {"judgement", kLeft}});
  for (const LintRow& row : judged.rows) {
    // Bounds that are plain constants interest only who breaks them.
    if (!all && !row.is_between_knobs() && !is_bad(row.judgement())) continue;
    table.add_row({std::string(row.name), row.left.arithmetic(), "<= " + row.right.arithmetic(),
                   row.judgement() == Judgement::kOff ? "-" : row.slack_text(),
                   std::string(to_string(row.judgement()))});
  }
  table.print(std::cout);
  for (const LintRow& row : judged.rows) {
    if (!is_bad(row.judgement())) continue;
    std::cout << to_string(row.judgement()) << ": " << row.name << ": " << row.message() << ": "
              << row.why << '\n';
  }
  std::string unknown;
  for (const LintRow& row : judged.rows) {
    if (row.judgement() != Judgement::kNotJudged) continue;
    unknown += (unknown.empty() ? "" : ", ") + std::string(row.name);
  }
  if (!unknown.empty()) {
    std::cout << "not judged without the round trip (--rtt MS, or round_trip_ms in the file): "
              << unknown << '\n';
  }
}

Json side_json(const LintSide& side) {
  Json json = {{"formula", side.formula()}};
  const bool is_time = side.unit() == LintSide::Unit::kTime;
  if (!side.is_known()) {
    json[is_time ? "value_ms" : "value"] = nullptr;
  } else if (is_time) {
    json["value_ms"] = static_cast<double>(side.value()) / 1e6;
  } else {
    json["value"] = side.value();
  }
  return json;
}

Json rows_json(const Judged& judged) {
  Json rows = Json::array();
  for (const LintRow& row : judged.rows) {
    Json json = {{"rule", row.name},
                 {"field", row.field},
                 {"left", side_json(row.left)},
                 {"right", side_json(row.right)}};
    const bool is_known = row.left.is_known() && row.right.is_known();
    const bool is_time = row.left.unit() == LintSide::Unit::kTime;
    Json slack;
    if (is_known && is_time) slack = static_cast<double>(row.slack()) / 1e6;
    if (is_known && !is_time) slack = row.slack();
    json[is_time ? "slack_ms" : "slack"] = slack;
    json["judgement"] = to_string(row.judgement());
    if (is_bad(row.judgement())) {
      json["message"] = row.message();
      json["why"] = row.why;
    }
    rows.push_back(std::move(json));
  }
  return rows;
}

void print_json(const std::vector<Judged>& configs, const std::vector<Judged>& pairs,
                Judgement verdict) {
  Json document = {{"verdict", to_string(verdict)}};
  document["configs"] = Json::array();
  for (const Judged& judged : configs)
    document["configs"].push_back({{"config", judged.title}, {"rows", rows_json(judged)}});
  document["pairs"] = Json::array();
  for (const Judged& judged : pairs)
    document["pairs"].push_back({{"pair", judged.title}, {"rows", rows_json(judged)}});
  std::cout << document.dump(2) << '\n';
}

/// The sentence on which the exit code hangs.
void print_verdict(Judgement verdict) {
  switch (verdict) {
    case Judgement::kUnsafe:
      std::cout << "refused\n";
      return;
    case Judgement::kWarning:
      std::cout << "accepted, with warnings\n";
      return;
    case Judgement::kNotJudged:
      std::cout << "accepted, as far as it can be judged\n";
      return;
    case Judgement::kOk:
    case Judgement::kOff:
      std::cout << "accepted\n";
      return;
  }
}

Outcome run_lint(const LintOptions& options) {
  Result<std::vector<Subject>> subjects = read_subjects(options);
  if (!subjects) return subjects.error();
  if (options.round_trip_ms) {
    if (!(*options.round_trip_ms > 0 && *options.round_trip_ms <= 3'600'000)) {
      return Error{Errc::kBadInput, "--rtt: must be above 0 and at most 3600000 ms, but it is " +
                                        short_text(*options.round_trip_ms, 6)};
    }
    const auto nanoseconds = static_cast<std::int64_t>(std::ceil(*options.round_trip_ms * 1e6));
    for (Subject& subject : *subjects)
      subject.monitor.round_trip = Duration(nanoseconds);
  }
  std::vector<Judged> configs;
  Judgement verdict = Judgement::kOk;
  for (const Subject& subject : *subjects) {
    configs.push_back(judge(subject));
    verdict = std::max(verdict, worst(configs.back().rows));
  }
  const std::vector<Judged> pairs = judge_pairs(*subjects);
  for (const Judged& pair : pairs)
    verdict = std::max(verdict, worst(pair.rows));

  if (options.json) {
    print_json(configs, pairs, verdict);
  } else {
    configs.insert(configs.end(), pairs.begin(), pairs.end());
    for (const Judged& judged : configs) {
      print_table(judged, options.all);
      std::cout << '\n';
    }
    print_verdict(verdict);
  }
  return verdict == Judgement::kUnsafe ? ExitCode::kMissed : ExitCode::kSuccess;
}

}  // namespace

void register_lint(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<LintOptions>();
  CLI::App* command = app.add_subcommand(
      "lint",
      "Judge the times of a configuration: every inequality between them, with its slack "
      "(docs/CONFIG.md). Exit code 1: unsafe");
  command->add_option("config", options->files,
                      "Configuration files of `vouch node`; several of one cluster are judged "
                      "against each other too");
  command->add_option("--profile", options->profile, "Judge this profile: lan, multi-az or wan");
  command->add_option("--rtt", options->round_trip_ms,
                      "Greatest round trip among the voters in ms, instead of round_trip_ms");
  command->add_flag("--all", options->all, "Show bounds that are constants too");
  command->add_flag("--json", options->json, "Print JSON, with every row");
  command->callback([options, &outcome] { outcome = run_lint(*options); });
}

}  // namespace vouch::cli
