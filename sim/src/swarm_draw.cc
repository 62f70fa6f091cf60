#include <algorithm>
#include <map>
#include <tuple>

#include "vouch/detector/rng.h"
#include "vouch/sim/swarm.h"

namespace vouch::sim {
namespace {

using std::chrono::milliseconds;

/// The stream of chance of which cases are drawn; those of the engine are its own.
constexpr std::uint64_t kCaseStream = 11;

/// That of relays, which came later: what was drawn before stays what it was.
constexpr std::uint64_t kRelayStream = 12;

/// That of detectors, since there are more kinds than three.
constexpr std::uint64_t kDetectorStream = 13;

constexpr std::int64_t kMicro = 1'000;
constexpr std::int64_t kMilli = 1'000'000;

/// What may be drawn. A kind that is here twice is two classes, each switched off for itself.
constexpr FaultKind kClasses[] = {
    FaultKind::kCut,       FaultKind::kLoss,    FaultKind::kDelay,     FaultKind::kBurstLoss,
    FaultKind::kLognormal, FaultKind::kPareto,  FaultKind::kDelayJump, FaultKind::kReorder,
    FaultKind::kDuplicate, FaultKind::kCorrupt, FaultKind::kMtu,       FaultKind::kRate,
    FaultKind::kTrickle,   FaultKind::kCrash,   FaultKind::kExit,      FaultKind::kPause,
    FaultKind::kSuspend,   FaultKind::kSlow,    FaultKind::kFlood,     FaultKind::kWorkerStall,
    FaultKind::kDiskStall, FaultKind::kDrain,   FaultKind::kWallStep,
};
constexpr std::size_t kClassCount = std::size(kClasses);

/// Between the two, each order of magnitude as likely as the next.
std::int64_t log_between(Rng& rng, std::int64_t low, std::int64_t high) {
  std::int64_t top = low;
  std::size_t doublings = 0;
  for (; top < high; top *= 2)
    ++doublings;
  std::int64_t from = low;
  for (std::uint64_t i = rng.below(std::max<std::size_t>(doublings, 1)); i > 0; --i)
    from *= 2;
  return rng.between(from, std::min(from * 2, high));
}

Duration whole_milliseconds(Duration span) {
  return std::chrono::ceil<milliseconds>(span);
}

void draw_settings(Rng& rng, SwarmCase& swarm) {
  PolicySettings& settings = swarm.settings;
  MonitorConfig& vouch = settings.vouch;
  settings.replicas = static_cast<std::size_t>(rng.between(3, 7));
  const std::int64_t heartbeat = log_between(rng, 20, 200);
  const std::int64_t lease = heartbeat * rng.between(4, 12);
  vouch.heartbeat_interval = milliseconds(heartbeat);
  vouch.lease = milliseconds(lease);
  static_cast<void>(rng.below(3));  // A kind was drawn here: what follows stays what it was.
  vouch.detector.timeout = milliseconds(heartbeat * rng.between(2, 6));
  vouch.detector.safety_margin = milliseconds(heartbeat * rng.between(1, 4));
  vouch.confirm_interval = milliseconds(rng.between(10, std::max<std::int64_t>(heartbeat, 11)));
  vouch.consent_hold = milliseconds(rng.between(std::min<std::int64_t>(40, lease / 2), lease / 2));
  vouch.suppress_cap = milliseconds(std::max<std::int64_t>(10'000, lease));
  vouch.stall_limit = milliseconds(heartbeat * rng.between(2, 4));
  vouch.progress_timeout = milliseconds(rng.between(lease, 3 * lease));
  constexpr std::uint32_t bounds[] = {0, 200, 1000, 10'000, 50'000};
  vouch.clock_drift_ppm = bounds[rng.below(std::size(bounds))];
  vouch.lease_mode = rng.below(2) == 0 ? LeaseMode::kRefuse : LeaseMode::kWaitOut;
  settings.raft.heartbeat_interval = vouch.heartbeat_interval;
  settings.raft.election_timeout = milliseconds(heartbeat * rng.between(5, 12));
  settings.work = {milliseconds(rng.between(10, 50)),
                   static_cast<std::uint32_t>(rng.between(100, 1200))};
  for (std::size_t i = 0; i < settings.replicas; ++i) {
    const auto bound = static_cast<std::int64_t>(vouch.clock_drift_ppm);
    const std::int64_t rates[] = {-bound, bound, rng.between(-bound, bound)};
    swarm.clock_ppm.push_back(static_cast<std::int32_t>(rates[rng.below(3)]));
  }
  // A healthy round trip is short beside the heartbeat interval.
  swarm.link.delay = std::chrono::microseconds(rng.between(50, heartbeat * 1000 / 16));
  swarm.link.jitter = std::chrono::microseconds(rng.between(0, heartbeat * 1000 / 16));
}

/// The numbers of a link's fault. `delay` stays within half a heartbeat interval: the judge of
/// liveness takes it for a network that works. `jump` and the tails go beyond any lease.
void draw_link_numbers(Rng& rng, Duration heartbeat, Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kLoss:
      fault.value = rng.below(8) == 0 ? 1'000'000 : log_between(rng, 1'000, 900'000);
      return;
    case FaultKind::kDelay:
      fault.value = log_between(rng, 100, heartbeat / std::chrono::microseconds(4)) * kMicro;
      fault.extra = log_between(rng, 100, heartbeat / std::chrono::microseconds(4)) * kMicro;
      return;
    case FaultKind::kBurstLoss:
      fault.value = log_between(rng, 100, 200'000);
      fault.extra = log_between(rng, 10'000, 500'000);
      fault.third = rng.below(2) == 0 ? 0 : rng.between(0, 50'000);
      fault.fourth = rng.between(300'000, 1'000'000);
      return;
    case FaultKind::kLognormal:
      fault.value = log_between(rng, 100, 200'000) * kMicro;
      fault.extra = rng.between(100, 1500);
      fault.third = 3'000 * kMilli;
      return;
    case FaultKind::kPareto:
      fault.value = log_between(rng, 100, 200'000) * kMicro;
      fault.extra = rng.between(800, 3000);
      fault.third = 3'000 * kMilli;
      fault.fourth = log_between(rng, 1'000, 500'000);
      return;
    case FaultKind::kDelayJump:
      fault.value = log_between(rng, 1'000, 2'000'000) * kMicro;
      fault.extra = rng.below(2) == 0 ? 0 : rng.between(1, 3'000) * kMilli;
      return;
    case FaultKind::kReorder:
      fault.value = log_between(rng, 1'000, 800'000);
      fault.extra = log_between(rng, 1'000, 1'000'000) * kMicro;
      return;
    case FaultKind::kDuplicate:
      fault.value = log_between(rng, 1'000, 800'000);
      fault.extra = rng.between(1, 3);
      return;
    case FaultKind::kCorrupt:
      fault.value = log_between(rng, 1'000, 800'000);
      return;
    case FaultKind::kMtu:
      fault.value = rng.between(50, 1'200);
      return;
    case FaultKind::kRate:
      fault.value = log_between(rng, 20, 2'000) * 1'000;
      fault.extra = rng.between(2, 100);
      return;
    case FaultKind::kTrickle:
      fault.value = rng.between(5, 500) * kMilli;
      fault.extra = rng.between(2, 50);
      return;
    default:
      return;
  }
}

void draw_node_numbers(Rng& rng, Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kExit:
      fault.value = static_cast<std::int64_t>(rng.below(2));
      return;
    case FaultKind::kSlow:
      fault.value = log_between(rng, 50, 20'000) * kMicro;
      return;
    case FaultKind::kFlood:
      fault.value = log_between(rng, 10'000, 1'000'000);
      return;
    case FaultKind::kWorkerStall:
    case FaultKind::kDiskStall:
    case FaultKind::kDrain:
      fault.value = 1;
      return;
    case FaultKind::kWallStep:
      fault.value = rng.between(-3'600'000, 3'600'000) * kMilli;
      return;
    default:
      return;
  }
}

/// Which links: one, a pair, those of a node, those between two halves.
std::vector<Fault> at_links(Rng& rng, const Fault& model, NodeIndex replicas) {
  const NodeSet some = static_cast<NodeSet>(rng.below(all_nodes(replicas) + 1ULL));
  const auto a = static_cast<NodeIndex>(rng.below(replicas));
  const auto b = static_cast<NodeIndex>((a + 1 + rng.below(replicas - 1)) % replicas);
  // A short MTU is that of a way, both directions alike: a leader whose work arrives, and that
  // hears the short answers, goes on, although the ground truth counts such a link as useless.
  constexpr std::size_t both_ways[] = {2, 5, 7};
  const bool is_both_ways = model.kind == FaultKind::kMtu;
  const std::size_t shape = is_both_ways ? both_ways[rng.below(3)] : rng.below(8);
  std::vector<Fault> faults;
  for (NodeIndex from = 0; from < replicas; ++from) {
    for (NodeIndex to = 0; to < replicas; ++to) {
      if (from == to) continue;
      const bool is_pair = (from == a && to == b) || (from == b && to == a);
      const bool leaves = (some & node_bit(from)) != 0;
      const bool arrives = (some & node_bit(to)) != 0;
      const bool is_hit[] = {
          from == a && to == b, from == a && to == b, is_pair,          from == a, to == a,
          from == a || to == a, leaves && !arrives,   leaves != arrives};
      if (!is_hit[shape]) continue;
      faults.push_back(model);
      faults.back().a = from;
      faults.back().b = to;
    }
  }
  return faults;
}

/// Draws incidents one after the other. No two of the same kind, or with the same ending, are at
/// one place at a time: the end of one would end the other.
class IncidentSource {
 public:
  IncidentSource(Rng& rng, SwarmCase& swarm) : rng_(rng), swarm_(swarm) {
    for (std::uint32_t& weight : weights_) {
      weight = rng.below(2) == 0 ? 0 : static_cast<std::uint32_t>(1 + rng.below(10));
      sum_ += weight;
    }
    // Nothing at all is no test: then links are cut.
    if (sum_ == 0) sum_ = weights_[0] = 1;
    gap_ms_ = log_between(rng, 60, 6'000);
    long_ms_ = log_between(rng, 200, 20'000);
  }

  void draw_all() {
    TrueTime at = swarm_.faults_from;
    for (;;) {
      at += milliseconds(rng_.between(1, 2 * gap_ms_));
      if (at >= swarm_.core_from) return;
      draw(at);
    }
  }

 private:
  void draw(TrueTime at) {
    Fault model{pick()};
    Incident incident{at, Duration::zero(), {}};
    const auto replicas = static_cast<NodeIndex>(swarm_.replicas());
    if (is_about_link(model.kind)) {
      draw_link_numbers(rng_, swarm_.settings.vouch.heartbeat_interval, model);
      incident.faults = at_links(rng_, model, replicas);
    } else {
      model.a = static_cast<NodeIndex>(rng_.below(replicas));
      draw_node_numbers(rng_, model);
      incident.faults.push_back(model);
    }
    const bool stays = rng_.below(5) == 0;
    if (!stays) incident.lasts = milliseconds(log_between(rng_, 5, long_ms_));
    const TrueTime until = stays ? kEndOfTime : at + incident.lasts;
    const auto is_busy = [&](const Fault& fault) { return busy_[key(fault)] > at; };
    const bool is_any = std::any_of(incident.faults.begin(), incident.faults.end(), is_busy);
    if (is_any && model.kind == FaultKind::kMtu) return;  // It must stay both ways.
    std::erase_if(incident.faults, is_busy);
    if (incident.faults.empty()) return;
    if (model.kind == FaultKind::kWallStep) incident.lasts = Duration::zero();
    for (const Fault& fault : incident.faults)
      busy_[key(fault)] = until;
    swarm_.incidents.push_back(std::move(incident));
  }

  FaultKind pick() {
    std::uint64_t left = rng_.below(sum_);
    std::size_t index = 0;
    for (; left >= weights_[index]; ++index)
      left -= weights_[index];
    return kClasses[index];
  }

  static std::tuple<FaultKind, NodeIndex, NodeIndex> key(const Fault& fault) {
    // The heal that ends a cut would end a short MTU too, one way only.
    const FaultKind kind = fault.kind == FaultKind::kMtu ? FaultKind::kHeal : ending_of(fault).kind;
    return {kind, fault.a, fault.b};
  }

  Rng& rng_;
  SwarmCase& swarm_;
  std::array<std::uint32_t, kClassCount> weights_{};
  std::uint64_t sum_ = 0;
  std::int64_t gap_ms_ = 0;
  std::int64_t long_ms_ = 0;
  std::map<std::tuple<FaultKind, NodeIndex, NodeIndex>, TrueTime> busy_;
};

NodeSet draw_core(Rng& rng, std::size_t replicas) {
  const auto size = static_cast<std::size_t>(rng.between(
      static_cast<std::int64_t>(replicas / 2 + 1), static_cast<std::int64_t>(replicas)));
  NodeSet core = all_nodes(replicas);
  for (std::size_t left = replicas; left > size;) {
    const NodeSet out = node_bit(static_cast<NodeIndex>(rng.below(replicas)));
    if ((core & out) == 0) continue;
    core &= ~out;
    --left;
  }
  return core;
}

/// Half of the cases go without, as they do by default.
RelayMode draw_relay(Rng rng) {
  constexpr RelayMode modes[] = {RelayMode::kOff, RelayMode::kOff, RelayMode::kHeartbeats,
                                 RelayMode::kAll};
  return modes[rng.below(std::size(modes))];
}

DetectorKind draw_detector(Rng rng) {
  return kDetectorKinds[rng.below(kDetectorKinds.size())];
}

bool is_in_core(const SwarmCase& swarm, const Fault& fault) {
  const NodeSet ends = node_bit(fault.a) | (is_about_link(fault.kind) ? node_bit(fault.b) : 0);
  return (swarm.core & ends) == ends;
}

}  // namespace

Fault ending_of(const Fault& fault) {
  FaultKind kind = fault.kind;
  if (kind == FaultKind::kCut || kind == FaultKind::kLoss || kind == FaultKind::kDelay) {
    kind = FaultKind::kHeal;
  } else if (kind == FaultKind::kCrash || kind == FaultKind::kExit) {
    kind = FaultKind::kRestart;
  } else if (kind == FaultKind::kPause || kind == FaultKind::kSuspend ||
             kind == FaultKind::kFreeze) {
    kind = FaultKind::kResume;
  }
  return {kind, fault.a, fault.b};
}

SwarmCase draw_case(std::uint64_t seed) {
  Rng rng = Rng(seed).fork(kCaseStream);
  SwarmCase swarm;
  swarm.seed = seed;
  draw_settings(rng, swarm);
  swarm.settings.vouch.relay = draw_relay(Rng(seed).fork(kRelayStream));
  swarm.settings.vouch.detector.kind = draw_detector(Rng(seed).fork(kDetectorStream));
  const MonitorConfig& config = swarm.settings.vouch;
  const Duration promise = whole_milliseconds(config.promise());
  // After a heal also the promise of a node that has just restarted must run out.
  swarm.liveness_bound = whole_milliseconds(config.promise() + liveness_bound(config));
  swarm.faults_from = kStart + milliseconds(2'000) + 3 * promise;
  swarm.core_from = swarm.faults_from + milliseconds(rng.between(5'000, 60'000));
  swarm.core_until = swarm.core_from + milliseconds(5'000) + 8 * promise;
  swarm.end = swarm.core_until + milliseconds(2'000) + 2 * swarm.liveness_bound;
  swarm.core = draw_core(rng, swarm.replicas());
  Rng incidents = rng.fork(1);
  IncidentSource(incidents, swarm).draw_all();
  return swarm;
}

Plan plan_of(const SwarmCase& swarm) {
  Plan plan;
  plan.replicas = swarm.replicas();
  plan.link = swarm.link;
  plan.work_bytes = swarm.settings.work.bytes;
  plan.fault_from = swarm.faults_from;
  plan.fault_until = swarm.core_until;
  plan.end = swarm.end;
  for (NodeIndex node = 0; node < swarm.replicas(); ++node) {
    if (swarm.clock_ppm[node] == 0) continue;
    plan.faults.push_back({kStart, {FaultKind::kClock, node, 0, swarm.clock_ppm[node]}});
  }
  for (const Incident& incident : swarm.incidents) {
    for (const Fault& fault : incident.faults)
      plan.faults.push_back({incident.at, fault});
    for (const Fault& fault : incident.faults) {
      if (fault.kind == FaultKind::kWallStep) continue;
      TrueTime until = incident.at + incident.lasts;
      if (incident.lasts == Duration::zero() || until >= swarm.core_from) {
        until = is_in_core(swarm, fault) ? swarm.core_from : swarm.core_until;
      }
      plan.faults.push_back({until, ending_of(fault)});
    }
  }
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const TimedFault& a, const TimedFault& b) { return a.at < b.at; });
  return plan;
}

}  // namespace vouch::sim
