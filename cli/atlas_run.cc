#include <algorithm>
#include <memory>

#include "atlas.h"
#include "parallel.h"
#include "vouch/detector/rng.h"

namespace vouch::cli {
namespace {

/// A policy that promises no bound is late after this: several election timeouts. The heal must
/// last twice as long to be judged.
constexpr Duration kPatience = std::chrono::seconds(5);

sim::RunOptions checks(const AtlasSettings& settings, std::string_view policy) {
  const MonitorConfig config = policy_settings(settings).vouch;
  sim::RunOptions options;
  options.seed = settings.seed;
  options.liveness_bound = sim::is_vouch(policy) ? sim::liveness_bound(config) : kPatience;
  if (sim::is_vouch(policy)) options.consent_limit = sim::consent_limit(config);
  return options;
}

/// What one item came to: of the two only the one that the settings ask for.
struct ItemOutcome {
  sim::GraphOutcome graph{};
  sim::SequenceOutcome sequence{};
};

/// The items of an atlas: one policy after the other, each with the same graphs or sequences.
class AtlasItems {
 public:
  explicit AtlasItems(const AtlasSettings& settings) : settings_(settings) {
    if (settings.transitions > 0) {
      count_ = (settings.transitions + kTransitionsPerSequence - 1) / kTransitionsPerSequence;
      return;
    }
    if (settings.sample > 0) {
      graphs_ = sim::sample_graphs(settings.replicas, settings.sample, settings.seed);
    } else {
      // At random within each stretch: a fixed step beats with the bits of the graphs' numbers.
      const std::vector<sim::GraphClass> all = sim::graph_classes(settings.replicas);
      Rng rng(settings.seed);
      for (std::size_t first = 0; first < all.size(); first += settings.every) {
        const std::size_t length = std::min<std::size_t>(settings.every, all.size() - first);
        graphs_.push_back(all[first + rng.below(length)]);
      }
    }
    count_ = graphs_.size();
  }

  Status make_policies() {
    for (const std::string& name : settings_.policies) {
      auto policy = sim::make_policy(name, policy_settings(settings_));
      if (!policy) return policy.error();
      policies_.push_back(*std::move(policy));
      graph_options_.push_back(atlas_options(settings_, name));
      sequence_options_.push_back(transition_options(settings_, name));
    }
    return Done{};
  }

  [[nodiscard]] std::uint64_t total() const { return count_ * settings_.policies.size(); }
  [[nodiscard]] std::size_t policy_of(std::uint64_t item) const {
    return static_cast<std::size_t>(item / count_);
  }

  [[nodiscard]] ItemOutcome run(std::uint64_t item) const {
    const std::size_t policy = policy_of(item);
    const std::uint64_t index = item % count_;
    ItemOutcome outcome;
    if (settings_.transitions == 0) {
      outcome.graph = sim::try_graph(*policies_[policy], graphs_[index], graph_options_[policy]);
      return outcome;
    }
    sim::TransitionOptions options = sequence_options_[policy];
    options.transitions =
        std::min(kTransitionsPerSequence, settings_.transitions - index * kTransitionsPerSequence);
    options.run.seed = settings_.seed + index;
    outcome.sequence = sim::try_sequence(*policies_[policy], options);
    return outcome;
  }

 private:
  const AtlasSettings& settings_;
  std::vector<sim::GraphClass> graphs_;
  std::uint64_t count_ = 0;  ///< Per policy.
  std::vector<std::unique_ptr<sim::Protocol>> policies_;
  std::vector<sim::AtlasOptions> graph_options_;
  std::vector<sim::TransitionOptions> sequence_options_;
};

}  // namespace

sim::PolicySettings policy_settings(const AtlasSettings& settings) {
  sim::PolicySettings result;
  result.replicas = settings.replicas;
  if (settings.digests) result.vouch.group_limits.claims = ClaimMode::kDigest;
  return result;
}

AtlasState begin_atlas(const AtlasSettings& settings) {
  AtlasState state;
  state.settings = settings;
  if (settings.transitions > 0) {
    state.transitions.resize(settings.policies.size());
  } else {
    state.graphs.resize(settings.policies.size());
  }
  return state;
}

sim::AtlasOptions atlas_options(const AtlasSettings& settings, std::string_view policy) {
  sim::AtlasOptions options;
  options.replicas = settings.replicas;
  options.run = checks(settings, policy);
  return options;
}

sim::TransitionOptions transition_options(const AtlasSettings& settings, std::string_view policy) {
  sim::TransitionOptions options;
  options.replicas = settings.replicas;
  options.transitions = std::min(settings.transitions, kTransitionsPerSequence);
  options.drift_ppm = static_cast<std::int32_t>(policy_settings(settings).vouch.clock_drift_ppm);
  options.run = checks(settings, policy);
  return options;
}

Result<std::uint64_t> run_atlas(AtlasState& state, const AtlasControl& control) {
  AtlasItems items(state.settings);
  if (Status status = items.make_policies(); !status) return status.error();
  const std::uint64_t total = items.total();
  if (state.done > total) {
    return Error{Errc::kBadInput, "state: done must be at most " + std::to_string(total) + ", is " +
                                      std::to_string(state.done)};
  }
  const std::uint64_t end = state.done + std::min(control.stop_after, total - state.done);
  OrderedWork<ItemOutcome> work([&](std::uint64_t item) { return items.run(item); },
                                control.is_stopped);
  work.run(state.done, end, control.jobs, [&](std::uint64_t item, const ItemOutcome& outcome) {
    const std::size_t policy = items.policy_of(item);
    if (state.settings.transitions > 0) {
      state.transitions[policy].add(outcome.sequence);
    } else {
      state.graphs[policy].add(outcome.graph);
    }
    state.done = item + 1;
    control.progress(state, total);
  });
  return total;
}

bool is_violated(const AtlasState& state) {
  for (std::size_t i = 0; i < state.settings.policies.size(); ++i) {
    if (!sim::is_vouch(state.settings.policies[i])) continue;
    if (state.settings.transitions > 0 ? state.transitions[i].failing > 0
                                       : !state.graphs[i].is_clean()) {
      return true;
    }
  }
  return false;
}

}  // namespace vouch::cli
