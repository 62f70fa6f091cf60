#include "vouch/record/line.h"

#include <nlohmann/json.hpp>

#include "json_out.h"
#include "line_fields.h"

namespace vouch::record {
namespace {

/// The lists of an input: what is known of each node, and what each has answered.
Json peers_json(std::span<const PeerFacts> peers) {
  Json list = Json::array();
  for (const PeerFacts& peer : peers) {
    Json entry = Json::object();
    JsonOut out(entry, peers);
    peer_fields(out, peer);
    list.push_back(std::move(entry));
  }
  return list;
}

Json answers_json(const DecisionInput& in) {
  Json list = Json::array();
  for (std::size_t slot = 0; slot < in.answers.size(); ++slot) {
    if (in.answers[slot].attempt == 0) continue;
    Json entry = {{"node", in.peers[slot].node.value()}};
    JsonOut out(entry, in.peers);
    answer_fields(out, in.answers[slot]);
    list.push_back(std::move(entry));
  }
  return list;
}

/// A majority as it was counted: one entry, or two in a joint configuration.
Json quorums_json(const DecisionInput& in, const DecisionOutput& output) {
  Json list = Json::array();
  Json none = Json::object();
  const JsonOut out(none, in.peers);
  for (const SlotSet set : {in.voters.current, in.voters.joint}) {
    if (set.empty()) continue;
    list.push_back({{"voters", out.nodes(set)},
                    {"needed", set.size() / 2 + 1},
                    {"answered", out.nodes(set & output.answered)},
                    {"consenting", out.nodes(set & output.consenting)}});
  }
  return list;
}

Json ids(const NodeList& nodes) {
  Json list = Json::array();
  for (const NodeId node : nodes)
    list.push_back(node.value());
  return list;
}

void add_outcome(Json& line, const DecisionCase& what) {
  const DecisionInput& in = what.input;
  const DecisionOutput& output = what.output;
  const Decision decision = conclude(in, output);
  line["subject"] = decision.subject.value();
  line["round"] = decision.round.value();
  line["attempt"] = decision.attempt;
  line["verdict"] = vouch::to_string(decision.verdict);
  line["rule"] = rule_of(in, output);
  line["until_ns"] = json_of(decision.until);
  line["answers"] = decision.answers;
  line["consents"] = decision.consents;
  line["quorum"] = decision.quorum;
  line["best"] = decision.best.value();
  line["via"] = ids(decision.via);
  line["with_quorum"] = ids(decision.with_quorum);
  line["with_log"] = ids(decision.with_log);
  line["consents_until_ns"] = json_of(output.consents_until);
  line["quorums"] = quorums_json(in, output);
  JsonOut out(line, in.peers);
  out.object("candidacy", [&](auto& own) { candidacy_fields(own, output.own); });
}

void add_outcome(Json& line, const StandDownCase& what) {
  const LeadershipOutput& output = what.output;
  line["reason"] = output.reason ? Json(vouch::to_string(*output.reason)) : Json();
  line["lease_until_ns"] = json_of(output.lease_until);
  line["stuck_at_ns"] = json_of(output.stuck_at);
  JsonOut(line, what.input.peers).slot("successor", output.successor);
}

void add_outcome(Json& line, const AnswerCase& what) {
  const AnswerInput& in = what.input;
  JsonOut out(line, in.peers);
  out.slot("asker", in.asker);
  out.id("subject", in.subject);
  out.id("round", in.round);
  out.number("attempt", in.attempt);
  line["answer"] = vouch::to_string(what.output);
  out.slot("best", in.best);
  out.instant("held_until_ns", what.held_until);
}

void add_outcome(Json& line, const VoteCase& what) {
  JsonOut(line, what.input.peers).slot("candidate", what.input.candidate);
  line["verdict"] = to_string(what.output);
}

void add_lists(Json& inputs, const DecisionInput& in) {
  inputs["nodes"] = peers_json(in.peers);
  inputs["answers"] = answers_json(in);
}

void add_lists(Json& inputs, const LeadershipInput& in) {
  inputs["demanded"] = in.demanded ? Json(vouch::to_string(*in.demanded)) : Json();
  inputs["nodes"] = peers_json(in.peers);
  Json support = Json::array();
  for (std::size_t slot = 0; slot < in.peers.size(); ++slot) {
    if (slot == in.self) continue;
    support.push_back(
        {{"node", in.peers[slot].node.value()}, {"until_ns", json_of(in.support[slot])}});
  }
  inputs["support"] = std::move(support);
}

template <typename Input>
void add_lists(Json& inputs, const Input& in) {
  inputs["nodes"] = peers_json(in.peers);
}

template <typename C>
Json line_json(const Stamp& stamp, const C& what) {
  Json line;
  line["at_ns"] = json_of(what.input.now);
  if (!stamp.wall.empty()) line["wall"] = stamp.wall;
  if (!stamp.run.empty()) line["run"] = stamp.run;
  if (stamp.sim_ns) line["sim_ns"] = *stamp.sim_ns;
  line["node"] = stamp.node.value();
  line["event"] = C::kEvent;
  line["schema"] = kSchemaVersion;
  line["group"] = what.input.group.value();
  if constexpr (requires { what.input.epoch; }) line["epoch"] = what.input.epoch.value();
  line["term"] = what.input.term.value();
  add_outcome(line, what);
  Json inputs = Json::object();
  JsonOut out(inputs, what.input.peers);
  input_fields(out, what.input, &what.input);
  add_lists(inputs, what.input);
  line["inputs"] = std::move(inputs);
  return line;
}

}  // namespace

Json json_of(const Line& line) {
  return std::visit([&](const auto& what) { return line_json(line.stamp, what); }, line.what);
}

std::string write(const Line& line) {
  return json_of(line).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string_view rule_of(const DecisionInput& input, const DecisionOutput& output) {
  switch (output.verdict) {
    case Verdict::kTrust:
      return "leader_heard";
    case Verdict::kQuiesceSelf:
      return "self_sick";
    case Verdict::kSuperseded:
      return "newer_term";
    case Verdict::kSuppress:
      return "valid_evidence";
    case Verdict::kIsolatedSelf:
      return "too_few_answers";
    case Verdict::kNoElectableCandidate:
      return "nobody_electable";
    case Verdict::kCampaign:
      return "quorum_consents";
    case Verdict::kEndorse:
      return "better_candidate";
    case Verdict::kWait:
      return input.voters.is_quorum(output.answered) ? "consents_outstanding"
                                                     : "answers_outstanding";
  }
  return "invalid";
}

std::string_view to_string(VoteVerdict verdict) {
  switch (verdict) {
    case VoteVerdict::kMay:
      return "may";
    case VoteVerdict::kPromised:
      return "promised";
    case VoteVerdict::kHeld:
      return "held";
    case VoteVerdict::kJustStarted:
      return "just_started";
    case VoteVerdict::kNotVoter:
      return "not_voter";
  }
  return "invalid";
}

}  // namespace vouch::record
