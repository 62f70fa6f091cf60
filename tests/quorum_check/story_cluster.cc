#include "tests/quorum_check/story_cluster.h"

#include <algorithm>
#include <cstdio>

#include "vouch/quorum_check/diagnosis_text.h"

#include "tests/support/golden.h"

namespace vouch::testing {
namespace {

constexpr GroupId kGroup{1};

std::int64_t number(const std::vector<std::string>& args, const char* key, std::int64_t otherwise) {
  const auto text = golden_argument(args, key);
  return text ? std::stoll(*text) : otherwise;
}

Duration millis(const std::vector<std::string>& args, const char* key, Duration otherwise) {
  const auto text = golden_argument(args, key);
  return text ? Duration(std::stoll(*text) * 1'000'000) : otherwise;
}

std::string text_of(NodeId node) {
  return node == kNobody ? "nobody" : "n" + std::to_string(node.value());
}

std::string text_of(const NodeList& nodes) {
  std::string text;
  for (NodeId node : nodes)
    text += (text.empty() ? "" : ",") + text_of(node);
  return text.empty() ? "nobody" : text;
}

std::string in_ms(std::int64_t nanos) {
  char text[32];
  std::snprintf(text, sizeof text, "%lld.%01lld", static_cast<long long>(nanos / 1'000'000),
                static_cast<long long>(nanos % 1'000'000 / 100'000));
  return text;
}

std::string text_of_number(std::uint64_t value) {
  return std::to_string(value);
}

}  // namespace

std::string StoryCluster::play(const std::string& command, const std::vector<std::string>& args) {
  said_.clear();
  if (command == "start") return start(args);
  if (command == "run") return run(args);
  if (command == "cut") return link(args, false);
  if (command == "heal") return link(args, true);
  if (command == "delay") return delay(args);
  if (command == "local") return local(args);
  if (command == "status") return status(args);
  if (command == "traffic") return traffic();
  if (command == "inject") return inject(args);
  return node_command(command, args);
}

std::string StoryCluster::start(const std::vector<std::string>& args) {
  *this = StoryCluster{};
  const auto count = number(args, "nodes", 3);
  const auto leader = number(args, "leader", 0);
  base_.lease = millis(args, "lease_ms", base_.lease);
  base_.confirm_interval = millis(args, "confirm_interval_ms", base_.confirm_interval);
  base_.consent_hold = millis(args, "consent_hold_ms", base_.consent_hold);
  base_.suppress_cap = millis(args, "suppress_cap_ms", base_.suppress_cap);
  link_delay_ = millis(args, "delay_ms", Duration(link_delay_)).count();
  base_.relay = relay_mode_named(golden_argument(args, "relay").value_or("off")).value();
  if (golden_argument(args, "lease_mode") == "wait_out") base_.lease_mode = LeaseMode::kWaitOut;
  show_peers_ = golden_argument(args, "show").value_or("") == "peers";
  nodes_.resize(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].id = NodeId{static_cast<std::uint32_t>(i + 1)};
    nodes_[i].ballot.group = kGroup;
    if (leader != 0) nodes_[i].ballot.term = Term{1};
    if (leader != 0) nodes_[i].ballot.voted_for = NodeId{static_cast<std::uint32_t>(leader)};
  }
  NodeList all;
  for (const Node& node : nodes_)
    all.push(node.id);
  for (Node& node : nodes_)
    boot(node, leader == 0 ? BootMode::kRestarted : BootMode::kFirstBoot);
  for (Node& node : nodes_) {
    if (leader == 0) continue;
    const NodeId chosen{static_cast<std::uint32_t>(leader)};
    const Instant at = local_time(node);
    if (node.id == chosen) {
      node.replica->handle_local(at, Elected{kGroup, Term{1}, at, all, Duration::zero()});
    } else {
      node.replica->handle_local(at, VoteGranted{kGroup, chosen, Term{1}});
    }
    drain(node);
  }
  return said_;
}

void StoryCluster::boot(Node& node, BootMode mode) {
  host::ReplicaConfig config{.monitor = base_};
  config.monitor.self = node.id;
  config.monitor.incarnation = node.incarnation;
  config.monitor.boot = mode;
  GroupConfig group{.id = kGroup};
  for (const Node& other : nodes_) {
    group.voters.push_back(other.id);
    if (other.id != node.id) config.monitor.peers.push_back(other.id);
  }
  config.monitor.groups.push_back(group);
  if (node.ballot.term.value() != 0) config.election.ballots.push_back(node.ballot);
  auto replica = host::Replica::create(config, local_time(node), Rng(node.id.value()));
  if (!replica) {
    said_ += "error: " + replica.error().message + "\n";
    return;
  }
  node.replica.emplace(std::move(*replica));
}

std::string StoryCluster::run(const std::vector<std::string>& args) {
  const std::int64_t end = now_ + number(args, "ms", 0) * 1'000'000;
  for (;;) {
    std::int64_t next = end;
    if (!in_flight_.empty()) next = std::min(next, in_flight_.begin()->first);
    for (Node& node : nodes_) {
      if (!node.replica || node.paused) continue;
      const Instant due = node.replica->next_timeout();
      if (due == kNever) continue;
      next = std::min(next, std::max(now_, now_ + (due - local_time(node)).count()));
    }
    step_to(next);
    if (now_ >= end) break;
  }
  return said_;
}

void StoryCluster::step_to(std::int64_t at) {
  now_ = std::max(now_, at);
  while (!in_flight_.empty() && in_flight_.begin()->first <= now_) {
    const Delivery delivery = in_flight_.begin()->second;
    in_flight_.erase(in_flight_.begin());
    deliver(delivery);
  }
  for (Node& node : nodes_) {
    if (!node.replica || node.paused) continue;
    const Instant local = local_time(node);
    if (node.replica->next_timeout() > local) continue;
    node.replica->handle_timeout(local);
    drain(node);
  }
}

void StoryCluster::deliver(const Delivery& delivery) {
  Node& to = node(delivery.to.value());
  if (!to.replica) return;
  if (to.paused) {
    to.inbox.emplace_back(delivery.from, delivery.message);
    return;
  }
  std::visit([&](const auto& m) { to.replica->handle_message(local_time(to), delivery.from, m); },
             delivery.message);
  drain(to);
}

void StoryCluster::send(NodeId from, NodeId to, std::variant<Message, host::VoteMessage> message) {
  ++sent_[from.value()];
  const std::pair link{from.value(), to.value()};
  if (cut_[link]) return;
  const auto found = delays_.find(link);
  const std::int64_t delay = found == delays_.end() ? link_delay_ : found->second;
  in_flight_.emplace(now_ + delay, Delivery{from, to, std::move(message)});
}

void StoryCluster::drain(Node& node) {
  node.replica->drain(local_time(node), [&](const auto& output) {
    using Output = std::decay_t<decltype(output)>;
    if constexpr (std::is_same_v<Output, Send>) {
      send(node.id, output.to, output.message);
    } else if constexpr (std::is_same_v<Output, host::SendVote>) {
      send(node.id, output.to, output.message);
    } else if constexpr (std::is_same_v<Output, host::Persist>) {
      node.ballot = output.ballot;
    } else {
      show(node, output);
    }
  });
}

void StoryCluster::say(const Node& node, const std::string& what) {
  char at[32];
  std::snprintf(at, sizeof at, "%8s", in_ms(now_).c_str());
  said_ += std::string(at) + " " + text_of(node.id) + " " + what + "\n";
}

/// Clocks of different nodes have nothing to do with each other.
Instant StoryCluster::local_time(const Node& node) const {
  return Instant(Duration(now_ + 1'000'000'000'000 * node.id.value()));
}

std::string StoryCluster::relative(const Node& node, Instant at) const {
  if (at == kLongAgo) return "-";
  if (at == kNever) return "never";
  return in_ms(now_ + (at - local_time(node)).count());
}

void StoryCluster::show(Node& node, const Decision& d) {
  std::string text = std::string(to_string(d.verdict)) + " about " + text_of(d.subject) + " term " +
                     text_of_number(d.term.value()) + " attempt " + text_of_number(d.attempt) +
                     " answers " + text_of_number(d.answers) + "/" + text_of_number(d.quorum) +
                     " consents " + text_of_number(d.consents) + " best " + text_of(d.best);
  if (d.until != kLongAgo) text += " until " + relative(node, d.until);
  if (d.verdict == Verdict::kSuppress) text += " via " + text_of(d.via);
  if (d.verdict == Verdict::kNoElectableCandidate) {
    text += " with quorum " + text_of(d.with_quorum) + " with log " + text_of(d.with_log);
  }
  say(node, text);
}

void StoryCluster::show(Node& node, const Campaign& campaign) {
  say(node, "campaigns above term " + text_of_number(campaign.after.value()));
}

void StoryCluster::show(Node& node, const StandDown& stand_down) {
  say(node, "stands down from term " + text_of_number(stand_down.term.value()) + ": " +
                std::string(to_string(stand_down.reason)));
}

void StoryCluster::show(Node& node, const LeaderChanged& changed) {
  say(node, "leader " + text_of(changed.leader) + " term " + text_of_number(changed.term.value()));
}

void StoryCluster::show(Node& node, const Vouched& vouched) {
  say(node, "vouched " + text_of(vouched.leader) + " until " + relative(node, vouched.until) +
                " via " + text_of(vouched.via));
}

void StoryCluster::show(Node& node, const SuppressAlert& alert) {
  say(node, "alert: suppressed about " + text_of(alert.leader) + " for " +
                in_ms(alert.lasting.count()) + " ms");
}

void StoryCluster::show(Node& node, const Diagnosis& diagnosis) {
  if (!show_peers_) return;
  say(node, "diagnosis " + std::string(to_string(diagnosis.change)) + ": " +
                std::string(to_string(diagnosis.kind)) + " " +
                culprit_text(diagnosis, [](NodeId id) { return text_of(id); }));
}

void StoryCluster::show(Node& node, const TransferAdvice& advice) {
  say(node, "advises to hand over to " + text_of(advice.to) + ": " +
                std::string(to_string(advice.reason)));
}

void StoryCluster::show(Node& node, const PeerChanged& changed) {
  if (!show_peers_) return;
  say(node, "peer " + text_of(changed.peer) + " " + std::string(to_string(changed.to)));
}

void StoryCluster::show(Node& node, const Elected& elected) {
  say(node,
      "elected at term " + text_of_number(elected.term.value()) + " by " + text_of(elected.voters));
}

void StoryCluster::show(Node& node, const CandidacyEnded& ended) {
  say(node, "candidacy at term " + text_of_number(ended.term.value()) + " ended");
}

std::string StoryCluster::link(const std::vector<std::string>& args, bool up) {
  for (const std::string& arg : args) {
    if (arg == "*") {
      for (auto& [link, cut] : cut_)
        cut = false;
      continue;
    }
    const bool one_way = arg.find("->") != std::string::npos;
    const std::size_t at = arg.find('-');
    const auto from = static_cast<std::uint32_t>(std::stoul(arg.substr(0, at)));
    const auto to = static_cast<std::uint32_t>(std::stoul(arg.substr(at + (one_way ? 2 : 1))));
    cut_[{from, to}] = !up;
    if (!one_way) cut_[{to, from}] = !up;
  }
  return {};
}

std::string StoryCluster::delay(const std::vector<std::string>& args) {
  const auto from = static_cast<std::uint32_t>(number(args, "from", 0));
  const auto to = static_cast<std::uint32_t>(number(args, "to", 0));
  delays_[{from, to}] = number(args, "ms", 0) * 1'000'000;
  return {};
}

std::string StoryCluster::node_command(const std::string& command,
                                       const std::vector<std::string>& args) {
  Node& one = node(static_cast<std::uint32_t>(std::stoul(args.at(0))));
  if (command == "crash") {
    one.replica.reset();
    one.inbox.clear();
  } else if (command == "restart") {
    one.incarnation = one.incarnation.next();
    one.replica.reset();
    boot(one, BootMode::kRestarted);
  } else if (command == "pause") {
    one.paused = true;
  } else if (command == "resume") {
    one.paused = false;
    // What waited in the socket is read before the timers run.
    for (const auto& [from, message] : one.inbox)
      deliver(Delivery{from, one.id, message});
    one.inbox.clear();
  } else {
    return "error: no such command: " + command + "\n";
  }
  return said_;
}

std::string StoryCluster::local(const std::vector<std::string>& args) {
  Node& one = node(static_cast<std::uint32_t>(number(args, "node", 1)));
  const std::string event = golden_argument(args, "event").value_or("");
  const auto about = static_cast<std::uint32_t>(number(args, "about", 0));
  LocalEvent told = Hint{NodeId{about}};
  if (event == "obituary") told = Obituary{NodeId{about}, node(about).incarnation};
  if (event == "drain") told = EligibilityChanged{kGroup, false};
  if (event == "undrain") told = EligibilityChanged{kGroup, true};
  if (event == "log") {
    told = LogAdvanced{kGroup, {Term{1}, static_cast<std::uint64_t>(number(args, "index", 0))}};
  }
  if (event == "pending") told = ProgressReported{kGroup, millis(args, "ms", Duration::zero())};
  one.replica->handle_local(local_time(one), told);
  drain(one);
  return said_;
}

std::string StoryCluster::status(const std::vector<std::string>&) {
  for (Node& one : nodes_) {
    if (!one.replica) {
      say(one, "down");
      continue;
    }
    const GroupStatus s = one.replica->monitor().status(kGroup, local_time(one));
    say(one, "term " + text_of_number(s.term.value()) + " leader " + text_of(s.leader) +
                 (s.leads ? " leads" : "") + (s.suspects ? " suspects" : "") + " verdict " +
                 std::string(to_string(s.verdict)) +
                 (s.relayer == kNobody ? "" : " over " + text_of(s.relayer)));
  }
  return said_;
}

std::string StoryCluster::traffic() {
  std::string text;
  for (auto& [id, count] : sent_) {
    text += "n" + std::to_string(id) + " sent " + std::to_string(count) + "\n";
    count = 0;
  }
  return text;
}

/// A consent of `from` to `to` that belongs to nobody's question: forged, or from another round.
std::string StoryCluster::inject(const std::vector<std::string>& args) {
  Node& to = node(static_cast<std::uint32_t>(number(args, "to", 1)));
  const Node& from = node(static_cast<std::uint32_t>(number(args, "from", 2)));
  ConfirmReply reply{.from = {from.id, from.incarnation}, .group = kGroup};
  reply.epoch = ConfigEpoch{1};
  reply.round = Nonce{static_cast<std::uint64_t>(number(args, "round", 1))};
  reply.attempt = static_cast<std::uint32_t>(number(args, "attempt", 1));
  reply.subject = NodeId{static_cast<std::uint32_t>(number(args, "subject", 0))};
  reply.subject_incarnation = Incarnation{reply.subject == kNobody ? 0U : 1U};
  reply.term = Term{static_cast<std::uint64_t>(number(args, "term", 1))};
  reply.answer = Answer::kConsent;
  reply.promise = to_wire(std::chrono::milliseconds(150));
  const auto before = to.replica->monitor().counters().dropped_stale_answer;
  deliver(Delivery{from.id, to.id, reply});
  const auto after = to.replica->monitor().counters().dropped_stale_answer;
  return said_ + (after > before ? "dropped\n" : "taken\n");
}

}  // namespace vouch::testing
