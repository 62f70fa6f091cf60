#include <algorithm>
#include <bit>
#include <utility>

#include "vouch/sim/swarm.h"

namespace vouch::sim {
namespace {

/// Tries smaller cases and keeps each that still breaks the rule.
class Shrinker {
 public:
  Shrinker(const ProtocolMaker& make, const SwarmCase& swarm, Rule rule, std::uint64_t runs_max)
      : make_(make), rule_(rule), runs_max_(runs_max), best_(swarm) {
    static_cast<void>(accept(swarm));
  }

  Shrunk shrink() {
    // Each step makes room for the others; what none can make smaller is the result.
    for (bool is_smaller = true; is_smaller && has_runs();) {
      is_smaller = drop_incidents();
      is_smaller |= drop_places();
      is_smaller |= shorten();
      is_smaller |= simplify();
    }
    return {std::move(best_), std::move(violation_), runs_};
  }

 private:
  [[nodiscard]] bool has_runs() const { return runs_ < runs_max_; }

  bool accept(SwarmCase candidate) {
    if (!has_runs()) return false;
    ++runs_;
    const SwarmOutcome outcome = try_case(make_, candidate);
    for (const Violation& violation : outcome.violations) {
      if (violation.rule != rule_) continue;
      violation_ = violation;
      best_ = std::move(candidate);
      return true;
    }
    return false;
  }

  /// ddmin's complements: without one chunk of the incidents, chunks ever smaller.
  bool drop_incidents() {
    bool is_smaller = false;
    for (std::size_t chunk = std::max<std::size_t>(best_.incidents.size() / 2, 1); chunk > 0;
         chunk /= 2) {
      // From the end: what comes after the violation goes first.
      std::size_t end = best_.incidents.size();
      while (end > 0 && has_runs()) {
        const std::size_t begin = end > chunk ? end - chunk : 0;
        SwarmCase candidate = best_;
        candidate.incidents.erase(candidate.incidents.begin() + static_cast<std::ptrdiff_t>(begin),
                                  candidate.incidents.begin() + static_cast<std::ptrdiff_t>(end));
        is_smaller |= accept(std::move(candidate));
        end = begin;
      }
    }
    return is_smaller;
  }

  bool drop_places() {
    bool is_smaller = false;
    for (std::size_t i = 0; i < best_.incidents.size(); ++i) {
      // A short MTU is drawn both ways, and stays so (draw_case).
      if (best_.incidents[i].faults.front().kind == FaultKind::kMtu) continue;
      for (std::size_t place = best_.incidents[i].faults.size();
           place > 0 && best_.incidents[i].faults.size() > 1;) {
        --place;
        SwarmCase candidate = best_;
        std::vector<Fault>& faults = candidate.incidents[i].faults;
        faults.erase(faults.begin() + static_cast<std::ptrdiff_t>(place));
        is_smaller |= accept(std::move(candidate));
      }
    }
    return is_smaller;
  }

  bool shorten() {
    bool is_smaller = false;
    for (std::size_t i = 0; i < best_.incidents.size(); ++i) {
      for (;;) {
        const std::int64_t half = best_.incidents[i].lasts / std::chrono::milliseconds(2);
        if (half == 0) break;
        SwarmCase candidate = best_;
        candidate.incidents[i].lasts = std::chrono::milliseconds(half);
        if (!accept(std::move(candidate))) break;
        is_smaller = true;
      }
    }
    return is_smaller;
  }

  /// What is not needed besides incidents: relays, drift, the slowness of the links, an early
  /// start.
  bool simplify() {
    bool is_smaller = false;
    if (best_.settings.vouch.relay != RelayMode::kOff) {
      SwarmCase candidate = best_;
      candidate.settings.vouch.relay = RelayMode::kOff;
      is_smaller |= accept(std::move(candidate));
    }
    for (std::size_t node = 0; node < best_.clock_ppm.size(); ++node) {
      if (best_.clock_ppm[node] == 0) continue;
      SwarmCase candidate = best_;
      candidate.clock_ppm[node] = 0;
      is_smaller |= accept(std::move(candidate));
    }
    if (best_.link != Link{}) {
      SwarmCase candidate = best_;
      candidate.link = {};
      is_smaller |= accept(std::move(candidate));
    }
    is_smaller |= advance();
    is_smaller |= drop_last_node();
    return is_smaller;
  }

  /// Everything earlier by the calm before the first incident, and the core healed sooner after the
  /// last one.
  bool advance() {
    if (best_.incidents.empty()) return false;
    bool is_smaller = false;
    const Duration calm = best_.incidents.front().at - best_.faults_from;
    if (calm > Duration::zero()) {
      SwarmCase candidate = best_;
      for (Incident& incident : candidate.incidents)
        incident.at -= calm;
      candidate.core_from -= calm;
      candidate.core_until -= calm;
      candidate.end -= calm;
      is_smaller |= accept(std::move(candidate));
    }
    const Duration rest = best_.core_from - best_.incidents.back().at;
    const Duration cut = std::chrono::milliseconds(rest / std::chrono::milliseconds(2));
    if (cut > Duration::zero()) {
      SwarmCase candidate = best_;
      candidate.core_from -= cut;
      candidate.core_until -= cut;
      candidate.end -= cut;
      is_smaller |= accept(std::move(candidate));
    }
    return is_smaller;
  }

  /// A smaller group, if the last node takes no part and the core is a majority without it.
  bool drop_last_node() {
    const auto last = static_cast<NodeIndex>(best_.replicas() - 1);
    if (best_.replicas() <= 3) return false;
    SwarmCase candidate = best_;
    candidate.clock_ppm.pop_back();
    candidate.settings.replicas = candidate.clock_ppm.size();
    candidate.core &= ~node_bit(last);
    for (Incident& incident : candidate.incidents) {
      std::erase_if(incident.faults, [&](const Fault& fault) {
        return fault.a == last || (is_about_link(fault.kind) && fault.b == last);
      });
    }
    std::erase_if(candidate.incidents,
                  [](const Incident& incident) { return incident.faults.empty(); });
    const auto core = static_cast<std::size_t>(std::popcount(candidate.core));
    return core > candidate.replicas() / 2 && accept(std::move(candidate));
  }

  const ProtocolMaker& make_;
  Rule rule_;
  std::uint64_t runs_max_;
  std::uint64_t runs_ = 0;
  SwarmCase best_;
  Violation violation_{};
};

}  // namespace

Shrunk shrink(const ProtocolMaker& make, const SwarmCase& swarm, Rule rule,
              std::uint64_t runs_max) {
  return Shrinker(make, swarm, rule, runs_max).shrink();
}

}  // namespace vouch::sim
