#include "vouch/sim/group_cluster.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "vouch/probe/codec.h"

namespace vouch::sim {
namespace {

/// A candidacy that has not been decided for so long is given up.
constexpr Duration kVoteWindow = std::chrono::milliseconds(300);

Error bad(std::string message) {
  return Error{Errc::kBadConfig, std::move(message)};
}

}  // namespace

Result<GroupCluster> GroupCluster::create(const GroupClusterOptions& options) {
  const std::uint32_t sharing = options.around_first != 0 ? options.around_first : options.nodes;
  if (options.nodes < 1 || options.nodes > kMaxRoster || sharing > options.nodes) {
    return bad("nodes: must be in [1, " + std::to_string(kMaxRoster) + "], at least around_first");
  }
  if (options.voters < 1 || options.voters > sharing || options.voters > kMaxNodes) {
    return bad("voters: must be in [1, number of nodes that share groups], at most 16");
  }
  if (options.groups < 1 || options.groups > kMaxGroups) {
    return bad("groups: must be in [1, " + std::to_string(kMaxGroups) + "]");
  }
  GroupCluster cluster(options);
  for (std::uint32_t id = 1; id <= sharing; ++id) {
    if (const Status valid = validate(cluster.config_of(NodeId{id})); !valid) return valid.error();
    cluster.boot(cluster.nodes_[id], NodeId{id}, BootMode::kFirstBoot);
  }
  return cluster;
}

GroupCluster::GroupCluster(const GroupClusterOptions& options)
    : options_(options),
      rng_(options.seed),
      now_(std::chrono::seconds(1)),
      groups_(options.groups),
      nodes_(options.nodes + 1U),
      cut_((options.nodes + 1U) * std::size_t{options.nodes + 1U}) {
  const std::uint32_t sharing = options.around_first != 0 ? options.around_first : options.nodes;
  for (Group& group : groups_) {
    if (options.around_first != 0) group.voters.emplace_back(1U);
    while (group.voters.size() < options.voters) {
      const NodeId node{static_cast<std::uint32_t>(rng_.below(sharing)) + 1};
      if (std::ranges::find(group.voters, node) == group.voters.end()) group.voters.push_back(node);
    }
    std::ranges::sort(group.voters);
  }
  for (Node& node : nodes_)
    node.ballots.resize(options.groups);
}

MonitorConfig GroupCluster::config_of(NodeId id) const {
  MonitorConfig config = options_.monitor;
  config.self = id;
  config.incarnation =
      Incarnation{std::max<std::uint64_t>(nodes_[id.value()].incarnation.value(), 1)};
  config.peers.clear();
  config.groups.clear();
  for (std::uint32_t peer = 1; peer <= options_.nodes; ++peer) {
    if (NodeId{peer} != id) config.peers.emplace_back(peer);
  }
  for (std::uint32_t number = 0; number < groups_.size(); ++number) {
    const std::vector<NodeId>& voters = groups_[number].voters;
    if (std::ranges::find(voters, id) == voters.end()) continue;
    GroupConfig group{.id = GroupCluster::group(number), .voters = voters};
    group.term = nodes_[id.value()].ballots[number].term;
    group.may_lead = !options_.first_leads || id == NodeId{1};
    config.groups.push_back(group);
  }
  return config;
}

void GroupCluster::boot(Node& node, NodeId id, BootMode mode) {
  node.incarnation = node.incarnation.next();
  MonitorConfig config = config_of(id);
  if (config.groups.empty()) return;
  config.boot = mode;
  Result<Monitor> monitor = Monitor::create(
      config, now_, rng_.fork(std::uint64_t{id.value()} * 1000 + node.incarnation.value()));
  VOUCH_ASSERT(monitor.has_value());
  node.monitor.emplace(*std::move(monitor));
  node.is_up = true;
  node.armed = kNever;
  settle(id);
}

void GroupCluster::crash(NodeId id) {
  Node& node = nodes_[id.value()];
  node.is_up = false;
  ++node.timer;
  for (Ballot& ballot : node.ballots)
    ballot.stands = false;
  for (Group& group : groups_) {
    if (group.leader == id) group.leader = kNobody;
  }
}

void GroupCluster::restart(NodeId id) {
  boot(nodes_[id.value()], id, BootMode::kRestarted);
}

void GroupCluster::set_cut(NodeId from, NodeId to, bool is_cut) {
  cut_[from.value() * (options_.nodes + 1U) + to.value()] = is_cut ? 1 : 0;
}

void GroupCluster::tell(NodeId id, const LocalEvent& event) {
  nodes_[id.value()].monitor->handle_local(now_, event);
  settle(id);
}

void GroupCluster::make_eligible() {
  options_.first_leads = false;
  for (std::uint32_t number = 0; number < options_.groups; ++number) {
    for (const NodeId voter : groups_[number].voters)
      tell(voter, EligibilityChanged{group(number), true});
  }
}

void GroupCluster::reset_traffic() {
  traffic_ = {};
  for (Node& node : nodes_)
    node.in_window = 0;
}

NodeId GroupCluster::leader(std::uint32_t number) const {
  for (const NodeId id : groups_[number].voters) {
    const Node& node = nodes_[id.value()];
    if (node.is_up && node.monitor->lease_held(group(number), now_)) return id;
  }
  return kNobody;
}

std::uint32_t GroupCluster::leaderless() const {
  std::uint32_t count = 0;
  for (std::uint32_t number = 0; number < options_.groups; ++number)
    count += leader(number) == kNobody ? 1U : 0U;
  return count;
}

std::vector<std::uint32_t> GroupCluster::groups_of(NodeId node) const {
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t number = 0; number < options_.groups; ++number) {
    if (leader(number) == node) numbers.push_back(number);
  }
  return numbers;
}

std::uint32_t GroupCluster::led_by(NodeId node) const {
  return static_cast<std::uint32_t>(groups_of(node).size());
}

void GroupCluster::push(Event event) {
  event.order = order_++;
  heap_.push_back(event);
  std::ranges::push_heap(heap_, std::greater<>{});
}

void GroupCluster::run(Duration time) {
  const Instant end = now_ + time;
  while (!heap_.empty() && heap_.front().at < end) {
    std::ranges::pop_heap(heap_, std::greater<>{});
    const Event event = heap_.back();
    heap_.pop_back();
    now_ = event.at;
    handle(event);
  }
  now_ = end;
}

void GroupCluster::handle(const Event& event) {
  Node& node = nodes_[event.to.value()];
  switch (event.kind) {
    case Kind::kTimer:
      if (!node.is_up || event.number != static_cast<std::uint32_t>(node.timer)) return;
      node.armed = kNever;
      ++traffic_.timeouts;
      node.monitor->handle_timeout(now_);
      break;
    case Kind::kMessage:
      if (node.is_up) node.monitor->handle_message(now_, event.from, messages_[event.number]);
      free_messages_.push_back(event.number);
      break;
    case Kind::kVoteRequest:
      if (node.is_up) handle_vote_request(event);
      break;
    case Kind::kVoteReply:
      if (node.is_up) handle_vote_reply(event);
      break;
  }
  if (node.is_up) settle(event.to);
}

/// Takes what the node's Monitor wants done, and arms its timer.
void GroupCluster::settle(NodeId id) {
  Node& node = nodes_[id.value()];
  Monitor& monitor = *node.monitor;
  while (const Action* front = monitor.front_action()) {
    const Action action = *front;
    monitor.pop_action();
    std::visit([&](const auto& a) { take(id, a); }, action);
  }
  const Instant due = std::max(monitor.next_timeout(), now_);
  if (due == node.armed) return;
  node.armed = due;
  ++node.timer;
  push({.at = due,
        .kind = Kind::kTimer,
        .to = id,
        .number = static_cast<std::uint32_t>(node.timer)});
}

bool GroupCluster::is_carried(NodeId from, NodeId to) {
  if (!nodes_[to.value()].is_up) return false;
  if (cut_[from.value() * (options_.nodes + 1U) + to.value()] != 0) return false;
  return !rng_.chance(options_.loss_per_million);
}

Instant GroupCluster::arrival() {
  return now_ + options_.delay + Duration(rng_.between(0, options_.jitter.count()));
}

void GroupCluster::take(NodeId id, const Send& send) {
  Node& node = nodes_[id.value()];
  if (std::holds_alternative<NodeHeartbeat>(send.message) ||
      std::holds_alternative<Heartbeat>(send.message)) {
    ++traffic_.heartbeats;
  } else {
    ++traffic_.batches;
    const Duration interval = options_.monitor.heartbeat_interval;
    if (now_ - node.window >= interval) {
      node.window = now_;
      node.in_window = 0;
    }
    traffic_.batches_most = std::max(traffic_.batches_most, ++node.in_window);
  }
  if (options_.measure_bytes) traffic_.bytes += wire_size(send.message);
  if (!is_carried(id, send.to)) return;
  std::uint32_t number = 0;
  if (free_messages_.empty()) {
    number = static_cast<std::uint32_t>(messages_.size());
    messages_.push_back(send.message);
  } else {
    number = free_messages_.back();
    free_messages_.pop_back();
    messages_[number] = send.message;
  }
  push({.at = arrival(), .kind = Kind::kMessage, .from = id, .to = send.to, .number = number});
}

/// No other node may hold the lease of the group.
void GroupCluster::check_alone(NodeId id, std::uint32_t number) {
  for (const NodeId other : groups_[number].voters) {
    const Node& node = nodes_[other.value()];
    if (other != id && node.is_up && node.monitor->lease_held(group(number), now_)) {
      ++counts_.violations;
    }
  }
}

void GroupCluster::take(NodeId id, const Campaign& campaign) {
  const auto number = static_cast<std::uint32_t>(campaign.group.value() - group(0).value());
  ++counts_.campaigns;
  check_alone(id, number);
  Ballot& ballot = nodes_[id.value()].ballots[number];
  ballot = Ballot{std::max(campaign.after, ballot.term).next(), id, 0, 0, true, now_};
  nodes_[id.value()].monitor->handle_local(now_, VoteGranted{campaign.group, id, ballot.term});
  const std::vector<NodeId>& voters = groups_[number].voters;
  for (std::size_t i = 0; i < voters.size(); ++i) {
    if (voters[i] == id) {
      ballot.yes |= 1U << i;
    } else {
      send_control(Kind::kVoteRequest, id, voters[i], number, ballot.term, false);
    }
  }
  // Given up by itself when answers are lost.
  push({.at = now_ + kVoteWindow,
        .kind = Kind::kVoteReply,
        .from = id,
        .to = id,
        .number = number,
        .term = ballot.term});
  conclude(id, number);
}

void GroupCluster::take(NodeId id, const StandDown& down) {
  const auto number = static_cast<std::uint32_t>(down.group.value() - group(0).value());
  ++counts_.stood_down;
  nodes_[id.value()].ballots[number].stands = false;
  if (groups_[number].leader == id) groups_[number].leader = kNobody;
}

void GroupCluster::take(NodeId id, const LeaderChanged& changed) {
  const auto number = static_cast<std::uint32_t>(changed.group.value() - group(0).value());
  Ballot& ballot = nodes_[id.value()].ballots[number];
  if (changed.term <= ballot.term) return;
  ballot = Ballot{.term = changed.term};
}

void GroupCluster::send_control(Kind kind, NodeId from, NodeId to, std::uint32_t number, Term term,
                                bool granted) {
  if (!is_carried(from, to)) return;
  push({.at = arrival(),
        .kind = kind,
        .granted = granted,
        .from = from,
        .to = to,
        .number = number,
        .term = term});
}

void GroupCluster::handle_vote_request(const Event& event) {
  Node& node = nodes_[event.to.value()];
  Ballot& ballot = node.ballots[event.number];
  const GroupId id = group(event.number);
  if (now_ >= node.monitor->next_timeout()) node.monitor->handle_timeout(now_);
  const bool is_free =
      event.term > ballot.term || (event.term == ballot.term && ballot.voted_for == event.from);
  const bool grants = is_free && node.monitor->may_vote(id, event.from, now_) == VoteVerdict::kMay;
  if (grants) {
    ballot = Ballot{.term = event.term, .voted_for = event.from};
    node.monitor->handle_local(now_, VoteGranted{id, event.from, event.term});
  } else if (event.term > ballot.term) {
    ballot = Ballot{.term = event.term};
    node.monitor->handle_local(now_, TermObserved{id, event.term});
  }
  send_control(Kind::kVoteReply, event.to, event.from, event.number, event.term, grants);
}

void GroupCluster::handle_vote_reply(const Event& event) {
  Ballot& ballot = nodes_[event.to.value()].ballots[event.number];
  if (!ballot.stands || event.term != ballot.term) return;
  const std::vector<NodeId>& voters = groups_[event.number].voters;
  if (event.from == event.to) {
    ballot.no = ~0U;
  } else {
    const auto at = std::ranges::find(voters, event.from) - voters.begin();
    (event.granted ? ballot.yes : ballot.no) |= 1U << at;
  }
  conclude(event.to, event.number);
}

void GroupCluster::conclude(NodeId id, std::uint32_t number) {
  Node& node = nodes_[id.value()];
  Ballot& ballot = node.ballots[number];
  const std::vector<NodeId>& voters = groups_[number].voters;
  const std::size_t majority = voters.size() / 2 + 1;
  if (static_cast<std::size_t>(std::popcount(ballot.yes)) >= majority) {
    ballot.stands = false;
    Elected elected{group(number), ballot.term, ballot.requested_at, {}, {}};
    for (std::size_t i = 0; i < voters.size(); ++i) {
      if ((ballot.yes >> i & 1U) != 0) elected.voters.push(voters[i]);
    }
    ++counts_.elected;
    check_alone(id, number);
    groups_[number].leader = id;
    groups_[number].term = ballot.term;
    groups_[number].elected_at = now_;
    node.monitor->handle_local(now_, elected);
  } else if (static_cast<std::size_t>(std::popcount(ballot.no)) > voters.size() - majority) {
    ballot.stands = false;
    ++counts_.candidacies_failed;
    node.monitor->handle_local(now_, CandidacyEnded{group(number), ballot.term});
  }
}

}  // namespace vouch::sim
