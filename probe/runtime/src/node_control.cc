// The part of Node::Impl that answers the control socket.

#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "clock.h"
#include "node_impl.h"

namespace vouch::runtime {
namespace {

using Ordered = nlohmann::ordered_json;

std::string refusal(const std::string& why) {
  return Ordered{{"ok", false}, {"error", why}}.dump();
}

std::string accepted() {
  return Ordered{{"ok", true}}.dump();
}

Ordered until_ms(Instant now, Instant at) {
  if (at == kLongAgo || at == kNever) return nullptr;
  return to_ms(at - now);
}

/// Who is reached, and who does not reach whom by its own word.
Ordered front_ends_status(const Monitor& monitor, Instant now) {
  const FrontEndTable& table = monitor.front_ends();
  Ordered list = Ordered::array();
  for (std::size_t index = 0; index < table.list().size(); ++index) {
    const NodeId lost = table.lost_leader(now, index);
    list.push_back({{"front_end", table.list().id(index).value()},
                    {"reached", (table.reached(now) >> index & 1U) != 0},
                    {"lost_leader", lost.value()}});
  }
  return list;
}

}  // namespace

ControlServer::Answer Node::Impl::answer(const std::string& request) {
  Result<Json> json = parse_json(request);
  if (!json) return {refusal(json.error().message)};
  JsonProblem problem;
  JsonObject root(*json, "", problem);
  const std::string command = root.text("command");
  if (command == "drill") return {answer_drill(root, problem)};
  if (command == "reach") return {answer_reach(boottime_now(), root, problem)};
  root.finish();
  if (problem.found()) return {refusal(problem.text())};
  if (command == "status") return {answer_status(boottime_now())};
  if (command == "record") return {accepted(), true};
  if (command == "drain") return {answer_eligible(false)};
  if (command == "undrain") return {answer_eligible(true)};
  if (command == "stop") {
    // Posted, so that the answer goes out first.
    boost::asio::post(io_, [this] { io_.stop(); });
    return {accepted()};
  }
  return {refusal(
      "/command: must be one of status, reach, drill, record, drain, undrain, stop, but it is \"" +
      command + "\"")};
}

std::string Node::Impl::answer_eligible(bool may_lead) {
  const Instant now = boottime_now();
  for (const GroupConfig& group : config_.replica.monitor.groups) {
    replica_.handle_local(now, EligibilityChanged{group.id, may_lead});
    drain(now);
  }
  journal_.note(now, may_lead ? "undrained" : "drained", Ordered::object());
  arm_timer();
  return accepted();
}

std::string Node::Impl::answer_drill(JsonObject& request, JsonProblem& problem) {
  const std::string action = request.text("action");
  const auto id = NodeId{static_cast<NodeId::rep>(request.number("peer", 1, UINT32_MAX))};
  const auto loss = static_cast<std::uint32_t>(request.number("loss_per_million", 0, 1'000'000, 0));
  request.finish();
  if (problem.found()) return refusal(problem.text());
  if (!config_.allow_drills) {
    return refusal("drills are not allowed: this node's configuration has allow_drills false");
  }
  Transport::Peer* peer = transport_.find(id);
  if (peer == nullptr) {
    return refusal("/peer: must be a peer of this node, but it is " + std::to_string(id.value()));
  }
  if (action == "cut_out") {
    peer->drill.cut_out = true;
  } else if (action == "cut_in") {
    peer->drill.cut_in = true;
  } else if (action == "cut") {
    peer->drill.cut_out = peer->drill.cut_in = true;
  } else if (action == "loss") {
    peer->drill.loss_per_million = loss;
  } else if (action == "heal") {
    peer->drill = LinkDrill{};
  } else {
    return refusal("/action: must be one of cut_out, cut_in, cut, loss, heal, but it is \"" +
                   action + "\"");
  }
  journal_.note(boottime_now(), "drill",
                {{"action", action}, {"peer", id.value()}, {"loss_per_million", loss}});
  return accepted();
}

/// What this node and its peers have said first-hand in the last heartbeats. That this node alone
/// does not hear the other may be its own trouble.
std::string Node::Impl::answer_reach(Instant now, JsonObject& request, JsonProblem& problem) {
  const auto id = NodeId{static_cast<NodeId::rep>(request.number("node", 1, UINT32_MAX))};
  request.finish();
  if (problem.found()) return refusal(problem.text());
  const MonitorConfig& config = config_.replica.monitor;
  if (id != config.self && transport_.find(id) == nullptr) {
    return refusal("/node: must be this node or a peer of it, but it is " +
                   std::to_string(id.value()));
  }
  const ReachMatrix& matrix = replica_.monitor().health().matrix();
  const std::size_t subject = matrix.index_of(id);
  Ordered by = Ordered::array();
  Ordered not_by = Ordered::array();
  for (std::size_t observer = 0; subject < matrix.size() && observer < matrix.size(); ++observer) {
    if (observer == subject) continue;
    const MatrixCell cell = matrix.cell(observer, subject, now);
    constexpr int kFresh = 4;
    const bool is_old = cell.age > kFresh * config.heartbeat_interval;
    if (cell.known != CellKnown::kFirst || is_old) continue;
    const bool is_silent = cell.link.has(LinkFlag::kSilent);
    (is_silent ? not_by : by).push_back(matrix.node(observer).value());
  }
  const bool is_reached = id == config.self || !by.empty();
  const char* const verdict = is_reached           ? "reached"
                              : not_by.size() >= 2 ? "not_reached"
                                                   : "unknown";
  return Ordered{{"ok", true},
                 {"node", id.value()},
                 {"verdict", verdict},
                 {"reached_by", by},
                 {"not_reached_by", not_by}}
      .dump();
}

std::string Node::Impl::answer_status(Instant now) const {
  const Monitor& monitor = replica_.monitor();
  Ordered status{{"ok", true},
                 {"node", config_.replica.monitor.self.value()},
                 {"incarnation", store_.incarnation().value()},
                 {"listen", address()}};
  Ordered groups = Ordered::array();
  for (const GroupConfig& group : config_.replica.monitor.groups) {
    const GroupStatus s = monitor.status(group.id, now);
    groups.push_back({{"group", group.id.value()},
                      {"term", s.term.value()},
                      {"leader", s.leader.value()},
                      {"leads", s.leads},
                      {"lease_left_ms", until_ms(now, s.lease_until)},
                      {"suspects", s.suspects},
                      {"promised_to", s.promised_to.value()},
                      {"promise_left_ms", until_ms(now, s.promised_until)},
                      {"electable", s.candidacy.electable},
                      {"verdict", to_string(s.verdict)},
                      {"relayer", s.relayer.value()}});
  }
  status["groups"] = groups;
  Ordered peers = Ordered::array();
  for (const Transport::Peer& peer : transport_.peers()) {
    if (monitor.front_ends().list().index_of(peer.id) != monitor.front_ends().list().size()) {
      continue;  // A front-end: below.
    }
    const PeerStatus p = monitor.peer(peer.id);
    peers.push_back({{"peer", peer.id.value()},
                     {"address", to_string(peer.endpoint)},
                     {"state", to_string(p.state)},
                     {"incarnation", p.incarnation.value()},
                     {"hears_us", p.is_heard},
                     {"echo_ms", to_ms(p.round_trip)},
                     {"drill_cut_out", peer.drill.cut_out},
                     {"drill_cut_in", peer.drill.cut_in},
                     {"drill_loss_per_million", peer.drill.loss_per_million}});
  }
  status["peers"] = peers;
  if (!monitor.front_ends().empty()) status["front_ends"] = front_ends_status(monitor, now);
  const TransportCounters& t = transport_.counters();
  const MonitorCounters& m = monitor.counters();
  Ordered counters{{"datagrams_sent_total", t.datagrams_sent},
                   {"datagrams_received_total", t.datagrams_received},
                   {"send_errors_total", t.send_errors},
                   {"refused_by_peer_total", t.refused_by_peer},
                   {"receive_overflow_total", t.receive_overflow},
                   {"drilled_total", t.drilled},
                   {"decisions_total", m.decisions},
                   {"campaigns_total", m.campaigns},
                   {"stalls_total", m.stalls},
                   {"stale_heartbeats_total", m.dropped_stale_sequence},
                   {"stale_echoes_total", m.dropped_stale_echo},
                   {"stale_answers_total", m.dropped_stale_answer},
                   {"heartbeats_passed_on_total", m.heartbeats_relayed},
                   {"relayed_heartbeats_total", m.relayed_heartbeats_received},
                   {"promises_passed_on_total", m.promises_relayed},
                   {"relayed_promises_total", m.relayed_promises_received},
                   {"front_end_probes_total", m.front_end_probes},
                   {"unknown_front_ends_total", m.dropped_unknown_front_end},
                   {"stale_front_ends_total", m.dropped_stale_front_end},
                   {"front_end_floods_total", m.dropped_front_end_flood}};
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    const auto reason = static_cast<DropReason>(i);
    counters["dropped_" + std::string(to_string(reason)) + "_total"] = dropped_[reason];
  }
  status["counters"] = counters;
  return status.dump();
}

void Node::Impl::stream_heartbeat(Instant now, const Heartbeat& heartbeat) {
  if (!control_ || !control_->has_listeners()) return;
  control_->stream(Ordered{{"observer", config_.replica.monitor.self.value()},
                           {"subject", heartbeat.from.node.value()},
                           {"incarnation", heartbeat.from.incarnation.value()},
                           {"seq", heartbeat.seq.value()},
                           {"sent_ns", heartbeat.sent_at.value()},
                           {"arrival_ns", now.time_since_epoch().count()}}
                       .dump());
}

}  // namespace vouch::runtime
