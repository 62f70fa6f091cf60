#include <algorithm>
#include <cmath>
#include <ostream>

#include "tune.h"

namespace vouch::cli {
namespace {

using tune::Candidate;
using tune::GroupFigures;
using tune::LinkFigures;

std::string grouped_whole(double value) {
  std::string text = fixed_text(value, 0);
  for (std::size_t at = text.size(); at > 3; at -= 3)
    text.insert(at - 3, ",");
  return text;
}

std::string seconds_text(double seconds) {
  return std::isfinite(seconds) ? short_text(seconds, 3) + " s" : "-";
}

/// "0", or what was seen; and what cannot be excluded behind it.
std::string rate_and_bound(double rate, double bound) {
  return rate_text(rate) + " (<= " + rate_text(bound) + ")";
}

/// Single-link mistakes per election; a bound where there was none.
std::string ratio_text(double mistakes, const GroupFigures& figures) {
  if (mistakes <= 0) return "-";
  if (figures.elections > 0)
    return short_text(mistakes / static_cast<double>(figures.elections), 3);
  return "> " + short_text(mistakes / tune::count_bound(0), 3);
}

void print_data(const TuneReport& report, std::ostream& out) {
  const tune::Reach& reach = report.reach;
  out << "data: " << reach.links << (reach.links == 1 ? " link, " : " links, ")
      << grouped_whole(static_cast<double>(reach.heartbeats)) << " heartbeats, at most "
      << time_text(reach.interval) << " apart; " << grouped_whole(static_cast<double>(reach.lost))
      << " lost; " << time_text(reach.observed) << " of link time; longest silence "
      << time_text(reach.longest_silence) << '\n';
  if (report.settings.validate) out << "of each recording only the first half was searched on\n";
  for (const std::string& note : report.notes)
    out << "assumed: " << note << '\n';
}

void print_kinds(const TuneReport& report, std::ostream& out) {
  const tune::Tuning& tuning = report.tuning;
  const Candidate& chosen = tuning.candidates[tuning.recommended];
  const tune::Space& space = report.inputs.space;
  out << "\nDetectors on single links (heartbeats every "
      << time_text(space.heartbeats()[chosen.point.heartbeat])
      << "): the best setting of each for the lease\n";
  Table table({{"detector", Align::kLeft},
               {"mistakes"},
               {"a year, seen (not excluded)"},
               {"T_D median"},
               {"T_D p99"}});
  for (const Candidate& each : tuning.kinds) {
    const LinkFigures& link = each.link;
    const DetectorConfig config =
        space.detector(each.point, space.heartbeats()[each.point.heartbeat]);
    table.add_row(
        {detector_text(config), std::to_string(link.mistakes),
         rate_and_bound(tune::rate_per_year(link.mistakes, link.observed), mistake_bound(link)),
         time_text(link.detection_median), time_text(link.detection_p99)});
  }
  table.print(out);
  out << "T_D is the detection time; a kind without a setting that the linter accepts is left "
         "out\n";
}

void print_group(const TuneReport& report, std::ostream& out) {
  const Candidate& chosen = report.tuning.candidates[report.tuning.recommended];
  out << "\nWhat confirmation buys: a group of " << report.inputs.replicas
      << " in the simulator, no node fails\n";
  Table table({{"troubles of links", Align::kLeft},
               {"group time"},
               {"single-link mistakes"},
               {"needless elections"},
               {"mistakes per election"},
               {"elections a year, seen (not excluded)"},
               {"suspicions of the leader"}});
  const auto add = [&](const char* name, const GroupFigures& figures) {
    const double mistakes =
        tune::mistakes_within(chosen.link, figures.observed, report.inputs.replicas);
    table.add_row({name, time_text(figures.observed), short_text(mistakes, 3),
                   std::to_string(figures.elections), ratio_text(mistakes, figures),
                   rate_and_bound(tune::rate_per_year(figures.elections, figures.observed),
                                  tune::needless_bound(figures, report.reach)),
                   std::to_string(figures.mistakes)});
  };
  add("each its own", chosen.independent);
  add("all the same", chosen.common);
  table.print(out);
  out << "single-link mistakes: of the followers about their leader in that time, by the replay; "
         "without confirmation each is an election\n";
}

std::vector<std::string> candidate_cells(const TuneReport& report, const Candidate& each) {
  const MonitorConfig config = report.inputs.space.configure(each.point);
  return {time_text(config.lease),
          time_text(config.heartbeat_interval),
          detector_text(config.detector),
          time_text(tune::quantile_of(each.failovers, 50)),
          time_text(each.failover()),
          each.failovers.empty() ? "-" : time_text(each.failovers.back()),
          rate_text(tune::rate_per_year(each.link.mistakes, each.link.observed)),
          rate_text(tune::rate_per_year(each.independent.elections, each.independent.observed)),
          rate_text(tune::rate_per_year(each.common.elections, each.common.observed)),
          rate_text(needless_bound(each, report.reach))};
}

void print_front(const TuneReport& report, std::ostream& out) {
  const tune::Tuning& tuning = report.tuning;
  out << "\nPareto front: failover time against needless elections; rates a year, * the "
         "recommended\n";
  Table table({{"", Align::kLeft},
               {"lease"},
               {"heartbeat"},
               {"detector", Align::kLeft},
               {"failover median"},
               {"p95"},
               {"max"},
               {"mistakes of one link"},
               {"needless: own troubles"},
               {"same troubles"},
               {"not excluded"}});
  const auto add = [&](std::size_t index) {
    std::vector<std::string> cells = candidate_cells(report, tuning.candidates[index]);
    cells.insert(cells.begin(), index == tuning.recommended ? "*" : "");
    table.add_row(std::move(cells));
  };
  for (const std::size_t index : tuning.front)
    add(index);
  const auto& front = tuning.front;
  const bool is_on_front = std::find(front.begin(), front.end(), tuning.recommended) != front.end();
  if (!is_on_front) add(tuning.recommended);
  table.print(out);
  if (!is_on_front) {
    out << "the recommended one is as good as the data can tell, and has more room: a longer lease "
           "within the goal\n";
  }
  out << tuning.candidates.size() << " settings were simulated, " << tuning.proven.size()
      << " of them at length; the linter accepts all of them without a warning\n";
}

std::string change_text(Duration from, Duration to) {
  // In whole tenths, so that nothing is "-0.0".
  const double change = static_cast<double>((to - from).count() / 100'000) / 10;
  return (change >= 0.05 ? "+" : "") + fixed_text(change, 1) + " ms";
}

/// The value of a knob in a configuration.
std::string knob_value(tune::Knob knob, const MonitorConfig& config) {
  switch (knob) {
    case tune::Knob::kHeartbeat:
      return time_text(config.heartbeat_interval);
    case tune::Knob::kKind:
    case tune::Knob::kMargin:
      return detector_text(config.detector);
    case tune::Knob::kLease:
      return time_text(config.lease);
    case tune::Knob::kConfirmation:
      return time_text(config.consent_hold);
    case tune::Knob::kProgress:
      return time_text(config.progress_timeout);
  }
  return "";
}

void print_sensitivity(const TuneReport& report, std::ostream& out) {
  const tune::Space& space = report.inputs.space;
  out << "\nSensitivity: one knob at a time, one step, on equal trials\n";
  Table table({{"knob", Align::kLeft},
               {"from", Align::kLeft},
               {"to", Align::kLeft},
               {"failover p95"},
               {"hung leader p95"},
               {"single-link mistakes"},
               {"suspicions of the leader"},
               {"needless elections"}});
  const auto pair = [](std::uint64_t from, std::uint64_t to) {
    return std::to_string(from) + " -> " + std::to_string(to);
  };
  const auto sum = [](const Candidate& each, auto GroupFigures::*field) {
    return each.independent.*field + each.common.*field;
  };
  for (const tune::Neighbour& each : report.tuning.neighbours) {
    table.add_row({std::string(to_string(each.knob)),
                   knob_value(each.knob, space.configure(each.base.point)),
                   knob_value(each.knob, space.configure(each.candidate.point)),
                   change_text(each.base.failover(), each.candidate.failover()),
                   change_text(tune::quantile_of(each.base.hangs, 95),
                               tune::quantile_of(each.candidate.hangs, 95)),
                   pair(each.base.link.mistakes, each.candidate.link.mistakes),
                   pair(sum(each.base, &GroupFigures::mistakes),
                        sum(each.candidate, &GroupFigures::mistakes)),
                   pair(sum(each.base, &GroupFigures::elections),
                        sum(each.candidate, &GroupFigures::elections))});
  }
  table.print(out);
  out << "steps that the linter warns of are left out; vouch tune --explain KNOB tells what each "
         "does\n"
         "consent_hold is hardly felt where one node fails at a time, as here; it counts when the "
         "candidate fails too\n";
}

void print_unavailability(const TuneReport& report, std::ostream& out) {
  const Candidate& chosen = report.tuning.candidates[report.tuning.recommended];
  const tune::Unavailability sum = unavailability(chosen, report.reach, report.settings.search);
  out << "\nUnavailable in a year\n  crashes:            "
      << rate_text(report.settings.search.crashes_per_year)
      << " a year (--crashes) x failover = " << seconds_text(sum.crashes_s)
      << "\n  needless elections: " << rate_text(needless_rate(chosen)) << " a year as seen x "
      << time_text(sum.election_cost) << " = " << seconds_text(sum.needless_s)
      << "; the data cannot exclude " << rate_text(needless_bound(chosen, report.reach))
      << " a year = " << seconds_text(sum.needless_bound_s) << '\n';
  if (!chosen.hangs.empty()) {
    out << "  a leader whose worker hangs is replaced within "
        << time_text(tune::quantile_of(chosen.hangs, 95)) << " (95 of 100)\n";
  }
}

void print_validation(const TuneReport& report, std::ostream& out) {
  if (report.tuning.validations.empty()) return;
  out << "\nOn the second halves, which the search has not seen\n";
  Table table({{"recording", Align::kLeft},
               {"mistakes, first half"},
               {"promised at most"},
               {"second half"},
               {"kept", Align::kLeft}});
  for (const tune::Validation& each : report.tuning.validations) {
    table.add_row({each.recording, std::to_string(each.first.mistakes),
                   short_text(each.promised(), 3), std::to_string(each.second.mistakes),
                   each.is_kept() ? "yes" : "NO"});
  }
  table.print(out);
  out << "the group on them: " << report.tuning.validated_independent.elections
      << " needless elections in " << time_text(report.tuning.validated_independent.observed)
      << " with troubles of each link's own, " << report.tuning.validated_common.elections << " in "
      << time_text(report.tuning.validated_common.observed) << " with the same for all\n";
}

void print_extrapolation(const TuneReport& report, std::ostream& out) {
  if (!report.extrapolate) return;
  const tune::Point& point = report.tuning.candidates[report.tuning.recommended].point;
  out << "\nEXTRAPOLATED, not shown by the data: generalised Pareto tails fitted to the longest "
         "twentieth of the silences\n";
  Table table({{"recording", Align::kLeft},
               {"silences fitted"},
               {"longest seen"},
               {"shape"},
               {"longer than the lease, a year"},
               {"elections a year: own troubles"},
               {"same troubles"}});
  for (const Extrapolation& each : extrapolate(report, point)) {
    table.add_row({each.recording, std::to_string(each.tail.count), time_text(each.tail.longest),
                   short_text(each.tail.shape, 2), rate_text(each.silences_per_year),
                   rate_text(each.independent_per_year), rate_text(each.common_per_year)});
  }
  table.print(out);
  out << "recordings with too few silences of different length are left out; a tail knows nothing "
         "of causes that the recording did not meet\n";
}

}  // namespace

std::string time_text(Duration duration) {
  const double ms = static_cast<double>(duration.count()) / 1e6;
  if (ms < 1000) return short_text(ms, 3) + " ms";
  const double seconds = ms / 1000;
  if (seconds < 120) return short_text(seconds, 3) + " s";
  if (seconds < 7200) return short_text(seconds / 60, 3) + " min";
  if (seconds < 172'800) return short_text(seconds / 3600, 3) + " h";
  if (seconds < 2 * 31'557'600.0) return short_text(seconds / 86'400, 3) + " days";
  return short_text(seconds / 31'557'600, 3) + " years";
}

std::string rate_text(double per_year) {
  if (!std::isfinite(per_year)) return "any";
  if (per_year >= 1000) {
    // Three digits; the others are noise.
    const double scale = std::pow(10.0, std::floor(std::log10(per_year)) - 2);
    return grouped_whole(std::round(per_year / scale) * scale);
  }
  return short_text(per_year, 3);
}

std::string detector_text(const DetectorConfig& config) {
  const DetectorKnob knob = knob_of(config.kind);
  return std::string(to_string(config.kind)) + " " + short_text(knob_setting(config), 6) +
         (knob.is_duration ? " ms" : "") +
         (config.agility == DetectorConfig{}.agility
              ? ""
              : ", agility " + short_text(config.agility, 3));
}

std::vector<Extrapolation> extrapolate(const TuneReport& report, const tune::Point& point) {
  std::vector<Extrapolation> result;
  const MonitorConfig config = report.inputs.space.configure(point);
  const Duration limit = config.lease - config.round_trip;
  for (const tune::Recording& recording : report.inputs.recordings) {
    std::vector<Duration> silences;
    for (std::size_t i = 1; i < recording.beats.size(); ++i) {
      const tune::Beat& before = recording.beats[i - 1];
      if (before.segment != recording.beats[i].segment) continue;
      silences.push_back(recording.beats[i].arrival - before.arrival);
    }
    const auto tail = tune::fit_tail(std::move(silences), recording.observed);
    if (!tail) continue;
    Extrapolation each{.recording = recording.name, .tail = *tail};
    const double rate = tail->rate(limit);
    each.silences_per_year = rate * tune::kSecondsPerYear;
    each.independent_per_year =
        tune::quorum_losses_per_year(rate, tail->mean_excess_s(limit), report.inputs.replicas);
    each.common_per_year = each.silences_per_year;
    result.push_back(each);
  }
  return result;
}

namespace {

/// The data neither breaks the goal nor can it show that it is met.
std::string not_shown_text(const TuneReport& report, double rate, double bound) {
  const Candidate& chosen = report.tuning.candidates[report.tuning.recommended];
  const double goal = report.settings.search.needless_per_year;
  const double needed_s = std::min(3 / std::max(goal, 1e-9) * tune::kSecondsPerYear, 9e9);
  return "needless elections: " + (rate > 0 ? rate_text(rate) + " a year were" : "none was") +
         " seen in " + time_text(chosen.independent.observed) + " and " +
         time_text(chosen.common.observed) + " of simulated group time, but " +
         time_text(report.reach.observed) + " of link time cannot show " + rate_text(goal) +
         " a year: NOT SHOWN. It excludes no rate below " + rate_text(bound) + " a year (" +
         (rate > 0 ? "Poisson bound" : "rule of three") + "), " +
         short_text(bound / std::max(goal, 1e-9), 3) + " times the goal; " +
         (goal > 0 ? "to show it takes " +
                         time_text(Duration(static_cast<std::int64_t>(needed_s * 1e9))) +
                         " of link time without one"
                   : "zero can never be shown");
}

}  // namespace

std::vector<std::string> verdicts_of(const TuneReport& report) {
  const tune::SearchOptions& goal = report.settings.search;
  const Candidate& chosen = report.tuning.candidates[report.tuning.recommended];
  std::vector<std::string> lines;
  const MonitorConfig config = report.inputs.space.configure(chosen.point);
  Duration shortest = config.lease;
  for (const Candidate& each : report.tuning.candidates)
    shortest = std::min(shortest, report.inputs.space.leases()[each.point.lease]);
  if (report.tuning.meets_failover) {
    lines.push_back("failover: 95 of 100 simulated crashes within " + time_text(chosen.failover()) +
                    ", the goal is " + time_text(goal.failover) + ": met");
  } else {
    lines.push_back("failover: NO setting meets " + time_text(goal.failover) +
                    "; the nearest takes " + time_text(chosen.failover()) + ", " +
                    time_text(chosen.failover() - goal.failover) +
                    " too long. The recordings show heartbeats every " +
                    time_text(report.reach.interval) + "; with them and a round trip of " +
                    time_text(config.round_trip) + " the linter accepts no lease below " +
                    time_text(shortest) + ": record at a shorter interval, or allow more");
  }
  const double rate = needless_rate(chosen);
  const double bound = needless_bound(chosen, report.reach);
  const std::string wanted = rate_text(goal.needless_per_year) + " a year";
  if (bound <= goal.needless_per_year) {
    lines.push_back("needless elections: at most " + rate_text(bound) +
                    " a year with 95 % confidence, the goal is " + wanted + ": shown");
  } else if (rate > goal.needless_per_year) {
    lines.push_back("needless elections: " + rate_text(rate) + " a year as seen, the goal is " +
                    wanted + ": MISSED by a factor of " +
                    short_text(rate / std::max(goal.needless_per_year, 1e-9), 3));
  } else {
    lines.push_back(not_shown_text(report, rate, bound));
  }
  return lines;
}

void print_tuning(const TuneReport& report, std::ostream& out) {
  print_data(report, out);
  print_kinds(report, out);
  print_group(report, out);
  print_front(report, out);
  print_sensitivity(report, out);
  print_unavailability(report, out);
  print_validation(report, out);
  print_extrapolation(report, out);
  const tune::Tuning& tuning = report.tuning;
  const std::string config = tuned_config(
      report.inputs.space, tuning.candidates[tuning.recommended].point, report.inputs.replicas);
  out << "\nRecommended: the file of node 1; node_id, addresses and paths are to be replaced\n"
      << config << "lint: ";
  const auto lines = lint_tuned(config);
  if (!lines) {
    out << lines.error().message << '\n';
  } else {
    for (const std::string& line : *lines)
      out << line << '\n';
  }
  for (const std::string& line : verdicts_of(report))
    out << line << '\n';
  const Candidate& chosen = tuning.candidates[tuning.recommended];
  if (chosen.not_counted > 0) {
    out << chosen.not_counted
        << " simulated faults did not count: the links had cost the leader its office before\n";
  }
  out << "longer runs: --effort N simulates N times as much as a quick look (this was "
      << report.settings.search.effort
      << "): more crashes, more combinations of troubles; only longer recordings reach lower "
         "rates\n";
}

}  // namespace vouch::cli
