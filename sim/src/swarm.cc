#include "vouch/sim/swarm.h"

#include <algorithm>
#include <utility>

#include "vouch/quorum_check/action.h"
#include "vouch/sim/vouch_protocol.h"

namespace vouch::sim {
namespace {

/// Counts what a reader of the result wants to have happened now and then, and notes the newest
/// hand-over of a leader before `core_until`.
class CoverageObserver final : public Observer {
 public:
  explicit CoverageObserver(TrueTime core_until) : core_until_(core_until) {}

  void moved(const Engine& engine, NodeIndex, NodeIndex, const Payload& payload,
             Fate fate) override {
    if (fate != Fate::kDelivered) return;
    const std::string_view kind = engine.protocol().message_kind(payload);
    if (kind == "relayed_heartbeat" || kind == "relayed_promise") return count("", kind);
    if (kind != "confirm_reply") return;
    const auto* core = std::get_if<0>(&payload.as<VouchMessage>());
    const auto* reply = core == nullptr ? nullptr : std::get_if<ConfirmReply>(core);
    if (reply != nullptr) count("answer ", to_string(reply->answer));
  }

  void noted(const Engine& engine, NodeIndex, const Note& note) override {
    switch (note.kind) {
      case NoteKind::kDecision:
        ++confirmations_;
        count("verdict ", note.word);
        return;
      case NoteKind::kSteppedDown:
        count("stood down: ", note.word);
        if (note.word == to_string(StandDownReason::kTransferred) && engine.now() <= core_until_) {
          handed_over_at_ = engine.now();
        }
        return;
      case NoteKind::kSuspects:
        count("suspicion", "");
        return;
      case NoteKind::kOther:
        if (note.word == "candidacy_ended" || note.word == "suppress_alert") count("", note.word);
        return;
      default:
        return;
    }
  }

  [[nodiscard]] TrueTime handed_over_at() const { return handed_over_at_; }

  void move_into(SwarmOutcome& outcome) {
    outcome.confirmations = confirmations_;
    outcome.coverage = std::move(coverage_);
  }

 private:
  void count(std::string_view what, std::string_view word) {
    key_.assign(what).append(word);
    ++coverage_[key_];
  }

  TrueTime core_until_;
  TrueTime handed_over_at_{kStart};
  std::uint64_t confirmations_ = 0;
  Coverage coverage_;
  std::string key_;
};

std::string shown(NodeSet leaders) {
  if (leaders == 0) return "nobody leads";
  std::string text;
  for (NodeIndex node = 0; node < kMaxSimNodes; ++node) {
    if ((leaders & node_bit(node)) == 0) continue;
    text += text.empty() ? "n" : " and n";
    text += std::to_string(node);
  }
  return text + " lead";
}

bool is_one(NodeSet leaders) {
  return leaders != 0 && (leaders & (leaders - 1)) == 0;
}

/// Adds what the checker does not judge: a leader in time, although not everything is healed.
/// `handed_over_at`: a leader that has just handed over, because it still suffers from what is not
/// healed, may have no successor at that very moment; what follows the checker judges.
void judge_leaders(const SwarmCase& swarm, const RunResult& result, TrueTime handed_over_at,
                   SwarmOutcome& outcome) {
  const auto report = [&](TrueTime at, const std::string& when, NodeSet leaders) {
    outcome.violations.push_back({Rule::kL2, at, 0, when + ": " + shown(leaders)});
  };
  if (!result.began_led) report(swarm.faults_from, "before any fault", 0);
  const bool hands_over = result.leaders_at_heal == 0 && handed_over_at > swarm.core_from &&
                          swarm.core_until - handed_over_at < swarm.liveness_bound;
  if (!is_one(result.leaders_at_heal) && !hands_over) {
    const auto seconds = (swarm.core_until - swarm.core_from) / std::chrono::milliseconds(1);
    report(swarm.core_until, std::to_string(seconds) + " ms after the core was healed",
           result.leaders_at_heal);
  }
  if (!is_one(result.final_leaders)) {
    report(swarm.end, "at the end, when all is healed", result.final_leaders);
  }
}

}  // namespace

const std::vector<std::string_view>& expected_coverage() {
  static const std::vector<std::string_view> names = {
      "suspicion",
      "verdict SUPPRESS",
      "verdict TRUST",
      "verdict SUPERSEDED",
      "verdict ISOLATED_SELF",
      "verdict NO_ELECTABLE_CANDIDATE",
      "verdict CAMPAIGN",
      "verdict ENDORSE",
      "verdict WAIT",
      "answer consent",
      "answer promised",
      "answer held",
      "answer just_started",
      "answer newer_term",
      "answer endorse_other",
      "stood down: lease_lapsed",
      "stood down: deposed",
      "stood down: no_progress",
      "stood down: draining",
      "stood down: stalling",
      "candidacy_ended",
      "suppress_alert",
      "relayed_heartbeat",
      "relayed_promise",
  };
  return names;
}

RunOptions run_options_of(const SwarmCase& swarm, std::string_view policy) {
  RunOptions options;
  options.seed = swarm.seed;
  options.liveness_bound = swarm.liveness_bound;
  if (!is_vouch(policy)) return options;
  options.consent_limit = consent_limit(swarm.settings.vouch);
  options.lease_memory = lease_memory(swarm.settings.vouch);
  if (swarm.settings.work.follows_advice) {
    options.advice_memory = advice_memory(swarm.settings.vouch);
  }
  return options;
}

SwarmOutcome try_case(const ProtocolMaker& make, const SwarmCase& swarm) {
  const std::unique_ptr<Protocol> protocol = make(swarm.settings);
  const Plan plan = plan_of(swarm);
  CoverageObserver coverage(swarm.core_until);
  RunOptions options = run_options_of(swarm, protocol->name());
  options.observers.push_back(&coverage);
  RunResult result = run(*protocol, plan, options);
  SwarmOutcome outcome;
  outcome.seed = swarm.seed;
  outcome.simulated = plan.end - kStart;
  outcome.elections = result.during.elections + result.after.elections;
  outcome.leader_changes = result.during.leader_changes + result.after.leader_changes;
  for (const Incident& incident : swarm.incidents)
    ++outcome.faults[static_cast<std::size_t>(incident.faults.front().kind)];
  outcome.violations = std::move(result.violations);
  judge_leaders(swarm, result, coverage.handed_over_at(), outcome);
  coverage.move_into(outcome);
  return outcome;
}

void SwarmSummary::add(const SwarmOutcome& outcome) {
  ++cases;
  elections += outcome.elections;
  leader_changes += outcome.leader_changes;
  confirmations += outcome.confirmations;
  simulated_ms += outcome.simulated / std::chrono::milliseconds(1);
  for (std::size_t i = 0; i < faults.size(); ++i)
    faults[i] += outcome.faults[i];
  for (const auto& [name, count] : outcome.coverage)
    coverage[name] += count;
  if (outcome.violations.empty()) return;
  ++failing;
  const Violation& first = outcome.violations.front();
  ++by_rule[static_cast<std::size_t>(first.rule)];
  if (failures.size() < kFailuresKept) failures.push_back({outcome.seed, first});
}

}  // namespace vouch::sim
