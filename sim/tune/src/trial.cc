#include "vouch/tune/trial.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "vouch/detector/assert.h"
#include "vouch/detector/replay.h"
#include "vouch/detector/rng.h"
#include "vouch/sim/run.h"
#include "vouch/sim/vouch_protocol.h"
#include "vouch/tune/statistics.h"

namespace vouch::tune {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// At the start the links are as good as they can be for so long, so that every run begins with a
/// leader, whose first election is not counted.
Duration warm_up(const MonitorConfig& config) {
  return std::max<Duration>(seconds(2), 2 * config.lease + 10 * config.heartbeat_interval);
}

/// A leader accepts work so often; each piece counts for progress_timeout.
constexpr Duration kWorkInterval = milliseconds(100);

/// The streams of this file.
enum Stream : std::uint64_t { kPlaces = 1, kMoments = 2, kRuns = 3, kFaults = 4 };

/// Only every `multiple`-th heartbeat, from `phase` on: what a slower sender would have sent.
void replay_phase(const Recording& recording, std::uint64_t multiple, std::uint64_t phase,
                  Replay& replay) {
  std::uint32_t segment = 0;
  for (const Beat& beat : recording.beats) {
    if (beat.segment != segment) replay.end_segment();
    segment = beat.segment;
    const std::uint64_t number = beat.seq.value() + phase;
    if (number % multiple != 0) continue;
    replay.heartbeat(beat.arrival, Seq(number / multiple), beat.sent);
  }
  replay.end_segment();
}

/// Equal parts of a recording in which mistakes are counted apart.
constexpr std::size_t kParts = 16;

void add_parts(const Replay& replay, std::vector<double>& parts) {
  const std::span<const QosBlock> blocks = replay.blocks();
  for (std::size_t i = 0; i < blocks.size(); ++i)
    parts[i * kParts / blocks.size()] += static_cast<double>(blocks[i].mistakes);
}

TrialOutcome replay_link(const Inputs& inputs, const Recording& recording, const Point& point) {
  const Duration heartbeat = inputs.space.heartbeats()[point.heartbeat];
  const std::int64_t multiple =
      std::max<std::int64_t>(1, (heartbeat + recording.interval / 2) / recording.interval);
  TrialOutcome outcome;
  outcome.phases = multiple;
  std::vector<double> parts(kParts);
  for (std::int64_t phase = 0; phase < multiple; ++phase) {
    Result<Detector> detector =
        make_detector(inputs.space.detector(point, multiple * recording.interval));
    if (!detector) return {};
    Replay replay(*std::move(detector));
    replay_phase(recording, static_cast<std::uint64_t>(multiple), static_cast<std::uint64_t>(phase),
                 replay);
    add_parts(replay, parts);
    const QosSummary summary = replay.mistakes();
    outcome.observed += summary.observed.count();
    outcome.mistakes += static_cast<std::int64_t>(summary.mistakes);
    outcome.unavailable += summary.suspected.count();
    const DurationHistogram& times = replay.detection_times();
    outcome.time = std::max(outcome.time, times.quantile(500).count());
    outcome.time_high = std::max(outcome.time_high, times.quantile(990).count());
    outcome.time_max = std::max(outcome.time_max, times.max().count());
  }
  for (double& part : parts)
    part /= static_cast<double>(multiple);
  outcome.dispersion = std::llround(1000 * dispersion_of(parts));
  return outcome;
}

/// Counts how often followers suspect the leader that they follow.
class SuspicionCounter final : public sim::Observer {
 public:
  void noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) override {
    if (note.kind != sim::NoteKind::kSuspects || engine.now() < from_) return;
    if (engine.status(node).leader == note.node) ++count_;
  }

  void begin(sim::TrueTime from) { from_ = from; }
  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  sim::TrueTime from_{};
  std::int64_t count_ = 0;
};

/// One run of the group on links that are as recorded.
class GroupTrial {
 public:
  GroupTrial(const Inputs& inputs, const std::vector<Recording>& recordings, const Trial& trial)
      : inputs_(inputs),
        recordings_(recordings),
        trial_(trial),
        config_(inputs.space.configure(trial.point)),
        // What happens to the links must not depend on the knobs: points are compared.
        rng_(Rng(inputs.seed)
                 .fork(kRuns)
                 .fork(static_cast<std::uint64_t>(trial.kind))
                 .fork(trial.part)) {
    plan_.replicas = inputs.replicas;
    plan_.link = {.delay = inputs.one_way, .jitter = inputs.one_way / 4};
    for (const Recording& recording : recordings)
      plan_.delay_traces.push_back(recording.delays);
  }

  TrialOutcome run() {
    switch (trial_.kind) {
      case TrialKind::kReplay:
        break;
      case TrialKind::kIndependent:
        return run_calm(independent(), kChunkSlots);
      case TrialKind::kCommon: {
        const ChunkPlace place = chunk_place(recordings_, trial_.part);
        return run_calm({place}, place.slots);
      }
      case TrialKind::kCrash:
        return run_fault({sim::FaultKind::kCrash, sim::kTheLeader});
      case TrialKind::kHang:
        return run_fault({sim::FaultKind::kWorkerStall, sim::kTheLeader, 0, 1});
    }
    return {};
  }

 private:
  /// A place for every link; or one for all.
  using Places = std::vector<ChunkPlace>;

  ChunkPlace any_place(Rng& rng) const {
    // Long recordings in proportion: each moment is as likely as every other.
    std::size_t all = 0;
    for (const Recording& recording : recordings_)
      all += recording.delays.size();
    std::size_t slot = rng.below(all);
    std::size_t index = 0;
    while (slot >= recordings_[index].delays.size())
      slot -= recordings_[index++].delays.size();
    return {index, slot, kChunkSlots};
  }

  Places independent() const {
    Rng rng = rng_.fork(kPlaces);
    Places places;
    for (std::size_t link = 0; link < inputs_.replicas * inputs_.replicas; ++link)
      places.push_back(any_place(rng));
    return places;
  }

  Places common() const {
    Rng rng = rng_.fork(kPlaces);
    return {any_place(rng)};
  }

  void put_on_links(const Places& places) {
    const auto count = static_cast<sim::NodeIndex>(inputs_.replicas);
    for (sim::NodeIndex from = 0; from < count; ++from) {
      for (sim::NodeIndex to = 0; to < count; ++to) {
        if (from == to) continue;
        const ChunkPlace& place = places.size() == 1 ? places[0] : places[from * count + to];
        const Duration step = recordings_[place.recording].interval;
        plan_.faults.push_back({sim::kStart + warm_up(config_),
                                {.kind = sim::FaultKind::kDelayTrace,
                                 .a = from,
                                 .b = to,
                                 .value = static_cast<std::int64_t>(place.recording) + 1,
                                 .extra = step.count(),
                                 .third = static_cast<std::int64_t>(place.slot) * step.count()}});
      }
    }
  }

  sim::RunResult run_plan(std::vector<sim::Observer*> observers) {
    const Result<sim::VouchProtocol> protocol = sim::VouchProtocol::create(
        config_, inputs_.replicas, {.interval = kWorkInterval, .follows_advice = false});
    VOUCH_ASSERT(static_cast<bool>(protocol));  // The linter has accepted it.
    sim::RunOptions options;
    options.seed = rng_.fork(kMoments).next();
    options.is_checked = false;
    options.observers = std::move(observers);
    return sim::run(*protocol, plan_, options);
  }

  TrialOutcome run_calm(const Places& places, std::size_t slots) {
    put_on_links(places);
    plan_.fault_from = sim::kStart + warm_up(config_);
    plan_.fault_until = plan_.fault_from + static_cast<std::int64_t>(slots) *
                                               recordings_[places[0].recording].interval;
    plan_.end = plan_.fault_until;
    SuspicionCounter suspicions;
    suspicions.begin(plan_.fault_from);
    const sim::RunResult result = run_plan({&suspicions});
    TrialOutcome outcome;
    if (!result.began_led) return outcome;
    outcome.observed = result.during.length.count();
    outcome.mistakes = suspicions.count();
    outcome.elections = result.during.elections;
    outcome.unavailable = result.during.unavailable.count();
    return outcome;
  }

  TrialOutcome run_fault(const sim::Fault& fault) {
    put_on_links(trial_.part % 2 == 0 ? independent() : common());
    Rng rng = rng_.fork(kFaults);
    // Long enough for the detectors to know their links.
    const Duration settled = std::min<Duration>(20 * config_.heartbeat_interval, seconds(20));
    plan_.fault_from = sim::kStart + warm_up(config_) + settled +
                       Duration(rng.between(0, 10 * config_.heartbeat_interval.count()));
    plan_.faults.push_back({plan_.fault_from, fault});
    // Most are replaced by the first of these; what happens until then is the same in both runs.
    const Duration usual =
        2 * config_.lease + seconds(1) +
        (trial_.kind == TrialKind::kHang ? config_.progress_timeout : Duration{});
    const Duration longest = 8 * config_.lease + 2 * config_.progress_timeout + seconds(1);
    TrialOutcome outcome;
    for (const Duration length : {usual, longest}) {
      plan_.fault_until = plan_.end = plan_.fault_from + length;
      const sim::RunResult result = run_plan({});
      // Where no leader was there to fail the gap is the links' work.
      if (!result.began_led) return outcome;
      outcome.observed = result.during.length.count();
      outcome.time = result.during.first_gap.count();
      outcome.elections = result.during.elections;
      outcome.unavailable = result.during.unavailable.count();
      if (outcome.time > 0 && result.leaders_at_heal != 0) break;
    }
    return outcome;
  }

  const Inputs& inputs_;
  const std::vector<Recording>& recordings_;
  Trial trial_;
  MonitorConfig config_;
  Rng rng_;
  sim::Plan plan_;
};

}  // namespace

std::size_t chunk_count(const std::vector<Recording>& recordings) {
  std::size_t count = 0;
  for (const Recording& recording : recordings)
    count += (recording.delays.size() + kChunkSlots - 1) / kChunkSlots;
  return count;
}

ChunkPlace chunk_place(const std::vector<Recording>& recordings, std::size_t part) {
  for (std::size_t i = 0; i < recordings.size(); ++i) {
    const std::size_t slots = recordings[i].delays.size();
    const std::size_t chunks = (slots + kChunkSlots - 1) / kChunkSlots;
    if (part < chunks) {
      const std::size_t first = part * kChunkSlots;
      return {i, first, std::min(kChunkSlots, slots - first)};
    }
    part -= chunks;
  }
  VOUCH_ASSERT(false);
  return {};
}

TrialOutcome make_trial(const Inputs& inputs, const Trial& trial) {
  const auto& recordings = trial.is_second_half != 0 ? inputs.held_back : inputs.recordings;
  if (trial.kind == TrialKind::kReplay) {
    return replay_link(inputs, recordings[trial.part], trial.point);
  }
  return GroupTrial(inputs, recordings, trial).run();
}

}  // namespace vouch::tune
