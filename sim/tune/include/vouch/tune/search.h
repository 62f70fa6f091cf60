#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vouch/detector/time.h"
#include "vouch/host/builtin_election.h"
#include "vouch/quorum_check/config.h"
#include "vouch/tune/space.h"
#include "vouch/tune/statistics.h"
#include "vouch/tune/trial.h"

namespace vouch::tune {

/// How one detector did on single links, all recordings together.
struct LinkFigures {
  std::uint64_t mistakes = 0;  ///< Of one pass over the recordings, rounded up.
  Duration observed{};         ///< By one pass.
  double dispersion = 1;       ///< Of the mistakes; of the worst recording, as all below.
  Duration detection_median{};
  Duration detection_p99{};
  Duration detection_max{};

  void add(const TrialOutcome& outcome);
};

/// Mistakes of one link per year that the data cannot exclude.
[[nodiscard]] double mistake_bound(const LinkFigures& link);

/// How the group did while no node failed.
struct GroupFigures {
  std::uint64_t mistakes = 0;  ///< Followers' suspicions of their leader: what each would have cost
                               ///< without confirmation.
  std::uint64_t elections = 0;  ///< All of them needless.
  Duration unavailable{};
  Duration observed{};

  void add(const TrialOutcome& outcome);
};

/// One combination of knobs and what became of it.
struct Candidate {
  Point point{};
  LinkFigures link;
  GroupFigures independent;         ///< Each link had troubles of its own.
  GroupFigures common;              ///< All links had the same at the same time.
  std::vector<Duration> failovers;  ///< Of crashed leaders, ascending.
  std::vector<Duration> hangs;      ///< Of leaders whose worker hung, ascending.
  std::uint64_t not_counted = 0;    ///< Trials of these two that had no leader when it should fail.

  /// What a goal is compared with: 95 of 100 failovers are not longer.
  [[nodiscard]] Duration failover() const { return quantile_of(failovers, 95); }
};

/// What a search is for, and how thorough it is.
struct SearchOptions {
  Duration failover{};           ///< The goal.
  double needless_per_year = 1;  ///< The goal.
  double crashes_per_year = 12;  ///< Of whoever leads.
  Duration election_cost{};      ///< Of a needless election; zero: as it was seen, or a failover.
  std::uint32_t effort = 5;      ///< Times the trials of a quick look.
};

/// The same knob one step away from the recommended point, on the same trials.
struct Neighbour {
  Knob knob{};
  int direction = 0;  ///< -1 or +1; 0: another kind of detector.
  Candidate candidate;
  Candidate base;  ///< The recommended point, on these trials only.
};

/// What was promised from the first half of a recording, and what the second half showed.
struct Validation {
  std::string recording;
  LinkFigures first;
  LinkFigures second;

  /// Mistakes that the second half may show if the rate is what the first half allows at most.
  [[nodiscard]] double promised() const;
  [[nodiscard]] bool is_kept() const { return static_cast<double>(second.mistakes) <= promised(); }
};

/// How much there was to learn from.
struct Reach {
  std::size_t links = 0;
  std::uint64_t heartbeats = 0;
  std::uint64_t lost = 0;
  Duration observed{};         ///< Time of all links together.
  Duration longest_silence{};  ///< Of any link.
  Duration interval{};         ///< The shortest heartbeat interval that can be tried.
};
[[nodiscard]] Reach reach_of(const std::vector<Recording>& recordings);

/// What a search found.
struct Tuning {
  std::vector<Candidate> candidates;  ///< All that were simulated, by lease and heartbeat interval.
  std::size_t recommended = 0;        ///< The one to take; if none meets the goal, the nearest.
  bool meets_failover = false;
  std::vector<std::size_t> front;   ///< Nothing fails over faster with as few needless elections.
  std::vector<std::size_t> proven;  ///< Tried at length.
  std::vector<Neighbour> neighbours;
  std::vector<Candidate> kinds;  ///< The best of each kind of detector at the recommended lease and
                                 ///< heartbeat interval: single links only.
  std::vector<Validation> validations;
  GroupFigures validated_independent;  ///< The recommended one on the second halves.
  GroupFigures validated_common;
};

/// So many elections the group would have begun within `observed` if each mistake of a follower
/// about its leader cost one, as without confirmation: by what the detector did on single links.
[[nodiscard]] double mistakes_within(const LinkFigures& link, Duration observed,
                                     std::size_t replicas);

/// Yearly unavailability, in seconds: what crashes cost and what needless elections cost.
struct Unavailability {
  double crashes_s = 0;
  double needless_s = 0;        ///< By the rate that was seen, the worse of the two kinds.
  double needless_bound_s = 0;  ///< By the rate that the data cannot exclude.
  Duration election_cost{};
};

/// Needless elections per year that the data cannot exclude. Simulated time says no more than the
/// recordings that it is made of: it counts as at most `reach.observed`, and the elections in it in
/// the same proportion.
[[nodiscard]] double needless_bound(const GroupFigures& figures, const Reach& reach);
[[nodiscard]] double needless_rate(const Candidate& candidate);
[[nodiscard]] double needless_bound(const Candidate& candidate, const Reach& reach);
[[nodiscard]] Unavailability unavailability(const Candidate& candidate, const Reach& reach,
                                            const SearchOptions& options);

/// A search in stages; each is a list of trials that may be made in any order by anybody.
///
/// Order of calls: while `stage()` is not empty make its trials and hand their outcomes, in the
/// order of the list, to `take`; then `result`. Equal inputs give equal stages and results.
class Search {
 public:
  /// `inputs` must outlive it.
  Search(const Inputs& inputs, const SearchOptions& options);

  [[nodiscard]] const std::vector<Trial>& stage() const { return trials_; }
  [[nodiscard]] const char* stage_name() const;
  void take(const std::vector<TrialOutcome>& outcomes);

  /// Once no stage is left.
  [[nodiscard]] const Tuning& result() const { return tuning_; }

 private:
  enum class Stage : std::uint8_t { kReplay, kScreen, kProve, kNeighbours, kValidate, kDone };

  void begin_replay();
  void begin_screen();
  void begin_prove();
  void begin_neighbours();
  void begin_validate();
  void finish_replay(const std::vector<TrialOutcome>& outcomes);
  void finish_neighbours(const std::vector<TrialOutcome>& outcomes);
  void finish_validate(const std::vector<TrialOutcome>& outcomes);
  void add_group_trials(const Point& point, std::size_t chunks, std::uint32_t crashes,
                        std::uint32_t hangs, std::vector<Trial>& trials) const;
  [[nodiscard]] bool is_late(const Point& point) const;
  [[nodiscard]] std::optional<Point> best_margin(Point point) const;
  [[nodiscard]] const LinkFigures* link_of(const Point& point) const;
  [[nodiscard]] bool is_better(const Candidate& a, const Candidate& b) const;
  void recommend();
  [[nodiscard]] std::vector<std::size_t> front_of(const std::vector<std::size_t>& among) const;

  const Inputs& inputs_;
  SearchOptions options_;
  Stage stage_ = Stage::kReplay;
  std::vector<Trial> trials_;
  std::vector<LinkFigures> links_;  ///< By heartbeat, kind, margin.
  std::uint32_t thinned_ = 1;  ///< Only one of so many trials is made: the goal is out of reach.
  Tuning tuning_;
};

}  // namespace vouch::tune
