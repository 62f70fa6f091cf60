#include "vouch/tune/search.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "vouch/detector/assert.h"
#include "vouch/quorum_check/lint.h"

namespace vouch::tune {
namespace {

// How much each stage tries, per point, with an effort of 1. A chunk is kChunkSlots heartbeats of
// the recording.
constexpr std::size_t kScreenChunks = 3;
constexpr std::uint32_t kScreenCrashes = 12;
constexpr std::size_t kProveChunks = 24;
constexpr std::uint32_t kProveCrashes = 40;
constexpr std::uint32_t kProveHangs = 12;
constexpr std::size_t kNeighbourChunks = 8;
constexpr std::uint32_t kNeighbourCrashes = 24;
constexpr std::uint32_t kNeighbourHangs = 8;

/// So many of the best points are tried at length, and besides them the front.
constexpr std::size_t kProvenMax = 4;
constexpr std::size_t kFrontMax = 6;

/// Where even the best failover of the quick trials takes so many times the goal, all that is left
/// to say is by how much it is missed: that takes one setting, and few trials.
constexpr std::int64_t kOutOfReach = 3;
constexpr std::uint32_t kThinned = 4;

/// Of the other kinds of detectors so many are neighbours.
constexpr std::size_t kOtherKindsMax = 3;

std::uint8_t place(std::size_t index) {
  return static_cast<std::uint8_t>(index);
}

/// Where the knobs that are not screened stand until the neighbours are tried.
constexpr std::uint8_t kUsualConfirmation = 1;
constexpr std::uint8_t kUsualProgress = 2;

void add_sorted(std::vector<Duration>& durations, std::int64_t value) {
  const Duration duration(value);
  durations.insert(std::upper_bound(durations.begin(), durations.end(), duration), duration);
}

/// Adds a trial of the group to its candidate.
void add_outcome(Candidate& candidate, TrialKind kind, const TrialOutcome& outcome) {
  switch (kind) {
    case TrialKind::kReplay:
      candidate.link.add(outcome);
      return;
    case TrialKind::kIndependent:
      candidate.independent.add(outcome);
      return;
    case TrialKind::kCommon:
      candidate.common.add(outcome);
      return;
    case TrialKind::kCrash:
    case TrialKind::kHang:
      if (outcome.observed == 0) {
        ++candidate.not_counted;
        return;
      }
      add_sorted(kind == TrialKind::kCrash ? candidate.failovers : candidate.hangs, outcome.time);
      return;
  }
}

/// Needless elections per year seen, of both kinds together.
double seen_rate(const Candidate& candidate) {
  return rate_per_year(candidate.independent.elections, candidate.independent.observed) +
         rate_per_year(candidate.common.elections, candidate.common.observed);
}

}  // namespace

void LinkFigures::add(const TrialOutcome& outcome) {
  const std::int64_t phases = std::max<std::int64_t>(outcome.phases, 1);
  mistakes += static_cast<std::uint64_t>((outcome.mistakes + phases - 1) / phases);
  observed += Duration(outcome.observed / phases);
  dispersion = std::max(dispersion, static_cast<double>(outcome.dispersion) / 1000);
  detection_median = std::max(detection_median, Duration(outcome.time));
  detection_p99 = std::max(detection_p99, Duration(outcome.time_high));
  detection_max = std::max(detection_max, Duration(outcome.time_max));
}

double mistake_bound(const LinkFigures& link) {
  return rate_bound_per_year(link.mistakes, link.observed, link.dispersion);
}

void GroupFigures::add(const TrialOutcome& outcome) {
  mistakes += static_cast<std::uint64_t>(outcome.mistakes);
  elections += static_cast<std::uint64_t>(outcome.elections);
  unavailable += Duration(outcome.unavailable);
  observed += Duration(outcome.observed);
}

double Validation::promised() const {
  if (first.observed <= Duration::zero()) return 0;
  return count_bound(first.mistakes, first.dispersion) * seconds_of(second.observed) /
         seconds_of(first.observed);
}

Reach reach_of(const std::vector<Recording>& recordings) {
  Reach reach;
  for (const Recording& recording : recordings) {
    ++reach.links;
    reach.heartbeats += recording.beats.size();
    reach.lost += recording.lost;
    reach.observed += recording.observed;
    reach.longest_silence = std::max(reach.longest_silence, recording.longest_silence);
    reach.interval = std::max(reach.interval, recording.interval);
  }
  return reach;
}

double needless_bound(const GroupFigures& figures, const Reach& reach) {
  if (figures.observed <= reach.observed) {
    return rate_bound_per_year(figures.elections, figures.observed);
  }
  // The recordings were used several times over: so many elections are as good as what one pass
  // over them would have shown.
  const double passes = seconds_of(figures.observed) / std::max(seconds_of(reach.observed), 1e-9);
  const double of_one = std::ceil(static_cast<double>(figures.elections) / passes);
  return rate_bound_per_year(static_cast<std::uint64_t>(of_one), reach.observed);
}

double needless_rate(const Candidate& candidate) {
  return std::max(rate_per_year(candidate.independent.elections, candidate.independent.observed),
                  rate_per_year(candidate.common.elections, candidate.common.observed));
}

double needless_bound(const Candidate& candidate, const Reach& reach) {
  return std::max(needless_bound(candidate.independent, reach),
                  needless_bound(candidate.common, reach));
}

double mistakes_within(const LinkFigures& link, Duration observed, std::size_t replicas) {
  if (link.observed <= Duration::zero()) return 0;
  return static_cast<double>(link.mistakes) * seconds_of(observed) / seconds_of(link.observed) *
         static_cast<double>(replicas - 1);
}

Unavailability unavailability(const Candidate& candidate, const Reach& reach,
                              const SearchOptions& options) {
  Unavailability result;
  double sum = 0;
  for (const Duration failover : candidate.failovers)
    sum += seconds_of(failover);
  const double mean =
      candidate.failovers.empty() ? 0 : sum / static_cast<double>(candidate.failovers.size());
  result.crashes_s = options.crashes_per_year * mean;
  const std::uint64_t elections = candidate.independent.elections + candidate.common.elections;
  const Duration gaps = candidate.independent.unavailable + candidate.common.unavailable;
  result.election_cost = options.election_cost;
  if (result.election_cost == Duration::zero()) {
    // None was seen: it costs no more than a crash, whose leader never comes back.
    result.election_cost = elections > 0 ? gaps / static_cast<std::int64_t>(elections)
                                         : Duration(static_cast<std::int64_t>(mean * 1e9));
  }
  result.needless_s = needless_rate(candidate) * seconds_of(result.election_cost);
  result.needless_bound_s = needless_bound(candidate, reach) * seconds_of(result.election_cost);
  return result;
}

Search::Search(const Inputs& inputs, const SearchOptions& options)
    : inputs_(inputs), options_(options) {
  begin_replay();
}

const char* Search::stage_name() const {
  switch (stage_) {
    case Stage::kReplay:
      return "1 of 4: detectors on the recordings";
    case Stage::kScreen:
      return "2 of 4: leases and heartbeat intervals in the simulator";
    case Stage::kProve:
      return "3 of 4: the best at length";
    case Stage::kNeighbours:
      return "4 of 4: one step from the recommended";
    case Stage::kValidate:
      return "validation on the second halves";
    case Stage::kDone:
      break;
  }
  return "done";
}

void Search::take(const std::vector<TrialOutcome>& outcomes) {
  VOUCH_ASSERT(outcomes.size() == trials_.size() && stage_ != Stage::kDone);
  switch (stage_) {
    case Stage::kReplay:
      finish_replay(outcomes);
      begin_screen();
      return;
    case Stage::kScreen:
    case Stage::kProve:
      for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const auto found =
            std::find_if(tuning_.candidates.begin(), tuning_.candidates.end(),
                         [&](const Candidate& each) { return each.point == trials_[i].point; });
        add_outcome(*found, trials_[i].kind, outcomes[i]);
      }
      stage_ == Stage::kScreen ? begin_prove() : begin_neighbours();
      return;
    case Stage::kNeighbours:
      finish_neighbours(outcomes);
      begin_validate();
      return;
    case Stage::kValidate:
      finish_validate(outcomes);
      return;
    case Stage::kDone:
      return;
  }
}

void Search::begin_replay() {
  const Space& space = inputs_.space;
  for (std::size_t heartbeat = 0; heartbeat < space.heartbeats().size(); ++heartbeat) {
    for (std::size_t kind = 0; kind < space.kinds().size(); ++kind) {
      for (std::size_t margin = 0; margin < Space::kMargins; ++margin) {
        for (std::size_t part = 0; part < inputs_.recordings.size(); ++part) {
          trials_.push_back({.kind = TrialKind::kReplay,
                             .point = {place(heartbeat), place(kind), place(margin)},
                             .part = static_cast<std::uint32_t>(part)});
        }
      }
    }
  }
}

void Search::finish_replay(const std::vector<TrialOutcome>& outcomes) {
  const std::size_t parts = inputs_.recordings.size();
  links_.resize(outcomes.size() / parts);
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    links_[i / parts].add(outcomes[i]);
}

const LinkFigures* Search::link_of(const Point& point) const {
  const std::size_t kinds = inputs_.space.kinds().size();
  return &links_[(point.heartbeat * kinds + point.kind) * Space::kMargins + point.margin];
}

/// Whether a failover would wait for the suspicion: the question must have been asked twice before
/// the lease ends (the linter's question_in_lease, with a repetition, and by what the detector
/// really took).
bool Search::is_late(const Point& point) const {
  const MonitorConfig config = inputs_.space.configure(point);
  return link_of(point)->detection_p99 > config.lease - config.round_trip - config.confirm_interval;
}

/// The margin with which the point's detector makes the fewest mistakes and is still in time. Among
/// equals the slowest: a suspicion that is in time costs a failover nothing, and the data does not
/// show what comes next.
std::optional<Point> Search::best_margin(Point point) const {
  std::optional<Point> best;
  const auto order = [&](const Point& each) {
    const LinkFigures& link = *link_of(each);
    return std::tuple(is_late(each), link.mistakes,
                      is_late(each) ? link.detection_p99 : -link.detection_p99);
  };
  for (std::size_t margin = 0; margin < Space::kMargins; ++margin) {
    point.margin = place(margin);
    if (!inputs_.space.is_accepted(point)) continue;
    if (!best || order(point) < order(*best)) best = point;
  }
  return best;
}

void Search::add_group_trials(const Point& point, std::size_t chunks, std::uint32_t crashes,
                              std::uint32_t hangs, std::vector<Trial>& trials) const {
  const std::uint32_t effort = options_.effort;
  const std::size_t all = chunk_count(inputs_.recordings);
  chunks = (chunks + thinned_ - 1) / thinned_;
  const std::size_t common = std::min(all, chunks * effort);
  // Evenly over all recordings.
  for (std::size_t i = 0; i < common; ++i) {
    trials.push_back({.kind = TrialKind::kCommon,
                      .point = point,
                      .part = static_cast<std::uint32_t>(i * all / common)});
  }
  const auto add = [&](TrialKind kind, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count * effort; ++i)
      trials.push_back({.kind = kind, .point = point, .part = i});
  };
  add(TrialKind::kIndependent, static_cast<std::uint32_t>(chunks));
  add(TrialKind::kCrash, (crashes + thinned_ - 1) / thinned_);
  add(TrialKind::kHang, (hangs + thinned_ - 1) / thinned_);
}

void Search::begin_screen() {
  stage_ = Stage::kScreen;
  trials_.clear();
  const Space& space = inputs_.space;
  for (std::size_t lease = 0; lease < space.leases().size(); ++lease) {
    for (std::size_t heartbeat = 0; heartbeat < space.heartbeats().size(); ++heartbeat) {
      std::optional<Point> best;
      for (std::size_t kind = 0; kind < space.kinds().size(); ++kind) {
        const auto point = best_margin(
            {place(heartbeat), place(kind), 0, place(lease), kUsualConfirmation, kUsualProgress});
        if (!point) continue;
        const auto order = [&](const Point& each) {
          const bool is_other = space.kinds()[each.kind].kind != kRecommendedDetector;
          return std::tuple(is_late(each), link_of(each)->mistakes, is_other);
        };
        if (!best || order(*point) < order(*best)) best = point;
      }
      if (!best) continue;
      Candidate candidate;
      candidate.point = *best;
      candidate.link = *link_of(*best);
      tuning_.candidates.push_back(candidate);
      add_group_trials(*best, kScreenChunks, kScreenCrashes, 0, trials_);
    }
  }
  if (trials_.empty()) stage_ = Stage::kDone;  // The linter accepts nothing near the goal.
}

/// Whether `a` is to be recommended rather than `b`.
bool Search::is_better(const Candidate& a, const Candidate& b) const {
  const auto order = [&](const Candidate& each) {
    const bool meets = !each.failovers.empty() && each.failover() <= options_.failover;
    const Duration lease = inputs_.space.leases()[each.point.lease];
    const Duration heartbeat = inputs_.space.heartbeats()[each.point.heartbeat];
    // Among equals as much room as the goal allows: the data does not show what comes next.
    return std::tuple(!meets, meets ? Duration::zero() : each.failover(), seen_rate(each),
                      each.link.mistakes, -lease, heartbeat);
  };
  return order(a) < order(b);
}

void Search::recommend() {
  std::size_t best = 0;
  const std::vector<std::size_t>& from = tuning_.proven;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (i == 0 || is_better(tuning_.candidates[from[i]], tuning_.candidates[best])) best = from[i];
  }
  tuning_.recommended = best;
  const Candidate& chosen = tuning_.candidates[best];
  tuning_.meets_failover = !chosen.failovers.empty() && chosen.failover() <= options_.failover;
}

/// Of the points at `among` those that no other beats in both.
std::vector<std::size_t> Search::front_of(const std::vector<std::size_t>& among) const {
  const std::vector<Candidate>& all = tuning_.candidates;
  const auto of = [&](std::size_t i) {
    return std::tuple(needless_rate(all[i]), all[i].failover());
  };
  std::vector<std::size_t> front;
  for (const std::size_t i : among) {
    const auto beats = [&](std::size_t other) {
      return std::get<0>(of(other)) <= std::get<0>(of(i)) &&
             std::get<1>(of(other)) <= std::get<1>(of(i)) && of(other) != of(i);
    };
    if (std::none_of(among.begin(), among.end(), beats)) front.push_back(i);
  }
  std::stable_sort(front.begin(), front.end(), [&](std::size_t a, std::size_t b) {
    return all[a].failover() < all[b].failover();
  });
  return front;
}

void Search::begin_prove() {
  stage_ = Stage::kProve;
  trials_.clear();
  std::vector<std::size_t> order(tuning_.candidates.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return is_better(tuning_.candidates[a], tuning_.candidates[b]);
  });
  std::vector<std::size_t> front = front_of(order);
  front.resize(std::min(front.size(), kFrontMax));
  order.resize(std::min(order.size(), kProvenMax));
  if (tuning_.candidates[order[0]].failover() > kOutOfReach * options_.failover) {
    thinned_ = kThinned;
    front.clear();
    order.resize(1);
  }
  order.insert(order.end(), front.begin(), front.end());
  std::sort(order.begin(), order.end());
  order.erase(std::unique(order.begin(), order.end()), order.end());
  tuning_.proven = order;
  for (const std::size_t index : order) {
    Candidate& candidate = tuning_.candidates[index];
    // The short trials are among the long ones.
    Candidate fresh;
    fresh.point = candidate.point;
    fresh.link = candidate.link;
    candidate = fresh;
    add_group_trials(candidate.point, kProveChunks, kProveCrashes, kProveHangs, trials_);
  }
}

void Search::begin_neighbours() {
  recommend();
  tuning_.front = front_of(tuning_.proven);
  stage_ = Stage::kNeighbours;
  trials_.clear();
  const Candidate& chosen = tuning_.candidates[tuning_.recommended];
  const auto try_point = [&](Knob knob, int direction, const Point& point) {
    if (!inputs_.space.is_accepted(point)) return;
    Neighbour neighbour;
    neighbour.knob = knob;
    neighbour.direction = direction;
    neighbour.candidate.point = point;
    neighbour.candidate.link = *link_of(point);
    neighbour.base.point = chosen.point;
    neighbour.base.link = chosen.link;
    tuning_.neighbours.push_back(neighbour);
  };
  for (std::size_t knob = 0; knob < kKnobCount; ++knob) {
    for (const int direction : {-1, 1}) {
      auto point = inputs_.space.step(chosen.point, static_cast<Knob>(knob), direction);
      // Another heartbeat interval has other margins: the best of them is compared.
      if (point && static_cast<Knob>(knob) == Knob::kHeartbeat) point = best_margin(*point);
      if (point) try_point(static_cast<Knob>(knob), direction, *point);
    }
  }
  for (std::size_t kind = 0; kind < inputs_.space.kinds().size(); ++kind) {
    Point point = chosen.point;
    point.kind = place(kind);
    const auto best = best_margin(point);
    if (!best) continue;
    Candidate candidate;
    candidate.point = *best;
    candidate.link = *link_of(*best);
    tuning_.kinds.push_back(candidate);
  }
  std::vector<Candidate> others = tuning_.kinds;
  std::erase_if(others,
                [&](const Candidate& each) { return each.point.kind == chosen.point.kind; });
  std::stable_sort(others.begin(), others.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.link.mistakes, a.link.detection_p99) <
           std::tuple(b.link.mistakes, b.link.detection_p99);
  });
  others.resize(std::min(others.size(), kOtherKindsMax));
  for (const Candidate& other : others)
    try_point(Knob::kKind, 0, other.point);
  // All on the same trials, the recommended one first.
  const auto add = [&](const Point& point) {
    add_group_trials(point, kNeighbourChunks, kNeighbourCrashes, kNeighbourHangs, trials_);
  };
  add(chosen.point);
  for (const Neighbour& neighbour : tuning_.neighbours)
    add(neighbour.candidate.point);
}

void Search::finish_neighbours(const std::vector<TrialOutcome>& outcomes) {
  const std::size_t each = outcomes.size() / (tuning_.neighbours.size() + 1);
  Candidate base = tuning_.candidates[tuning_.recommended];
  base = Candidate{.point = base.point, .link = base.link};
  for (std::size_t i = 0; i < each; ++i)
    add_outcome(base, trials_[i].kind, outcomes[i]);
  for (std::size_t n = 0; n < tuning_.neighbours.size(); ++n) {
    Neighbour& neighbour = tuning_.neighbours[n];
    neighbour.base = base;
    for (std::size_t i = (n + 1) * each; i < (n + 2) * each; ++i)
      add_outcome(neighbour.candidate, trials_[i].kind, outcomes[i]);
  }
}

void Search::begin_validate() {
  trials_.clear();
  stage_ = inputs_.held_back.empty() ? Stage::kDone : Stage::kValidate;
  if (stage_ == Stage::kDone) return;
  const Point& point = tuning_.candidates[tuning_.recommended].point;
  const auto parts = static_cast<std::uint32_t>(inputs_.recordings.size());
  for (const std::uint32_t second : {0U, 1U}) {
    for (std::uint32_t part = 0; part < parts; ++part)
      trials_.push_back({TrialKind::kReplay, point, part, second});
  }
  const std::size_t all = chunk_count(inputs_.held_back);
  const std::size_t chunks = std::min<std::size_t>(all, kProveChunks / thinned_ * options_.effort);
  for (std::size_t i = 0; i < chunks; ++i) {
    const auto spread = static_cast<std::uint32_t>(i * all / chunks);
    trials_.push_back({TrialKind::kCommon, point, spread, 1});
    trials_.push_back({TrialKind::kIndependent, point, static_cast<std::uint32_t>(i), 1});
  }
}

void Search::finish_validate(const std::vector<TrialOutcome>& outcomes) {
  const std::size_t parts = inputs_.recordings.size();
  for (std::size_t part = 0; part < parts; ++part) {
    Validation validation;
    validation.recording = inputs_.recordings[part].name;
    validation.first.add(outcomes[part]);
    validation.second.add(outcomes[parts + part]);
    tuning_.validations.push_back(validation);
  }
  for (std::size_t i = 2 * parts; i < outcomes.size(); ++i) {
    (trials_[i].kind == TrialKind::kCommon ? tuning_.validated_common
                                           : tuning_.validated_independent)
        .add(outcomes[i]);
  }
  trials_.clear();
  stage_ = Stage::kDone;
}

}  // namespace vouch::tune
