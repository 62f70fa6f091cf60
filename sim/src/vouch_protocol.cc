#include "vouch/sim/vouch_protocol.h"

#include <algorithm>
#include <array>
#include <new>
#include <span>

#include "vouch/detector/assert.h"
#include "vouch/host/vote_codec.h"
#include "vouch/probe/codec.h"
#include "vouch/probe/front_end_codec.h"
#include "vouch/probe/group_entry.h"
#include "vouch/quorum_check/monitor.h"
#include "vouch/sim/network.h"
#include "vouch_front_end.h"

namespace vouch::sim {
namespace {

/// The only group of a simulation.
constexpr GroupId kGroup{1};

/// To which every datagram of a simulation belongs.
constexpr ClusterHash kCluster = cluster_hash("simulation");

/// Most bits that one corruption flips.
constexpr std::int64_t kFlipsMax = 4;

/// `config` with what a replica of its own adds.
MonitorConfig complete(MonitorConfig config, NodeId self, std::size_t replicas) {
  config.self = self;
  if (config.incarnation == Incarnation{}) config.incarnation = Incarnation{1};
  config.peers.clear();
  GroupConfig group;
  group.id = kGroup;
  for (NodeIndex index = 0; index < replicas; ++index) {
    const NodeId node{index + 1};
    group.voters.push_back(node);
    if (node != self) config.peers.push_back(node);
  }
  config.groups = {group};
  return config;
}

/// Delivers what a replica sends and reports what it decides.
struct Sink {
  Context& context;
  host::Ballot& ballot;
  Term& led;
  NodeId& leader;

  void operator()(const Send& send) {
    // By its alternative: copying the variant would copy as much as the largest message has.
    std::visit(
        [&](const auto& m) { context.send<VouchMessage>(send.to, std::in_place_index<0>, m); },
        send.message);
    if (!context.is_observed()) return;
    if (const auto* batch = std::get_if<GroupBatch>(&send.message)) {
      EntryReader reader(*batch);
      GroupEntry entry;
      while (reader.next(entry)) {
        if (entry.kind == EntryKind::kReply) note_consent(send.to, entry.reply);
      }
    }
    const auto* reply = std::get_if<ConfirmReply>(&send.message);
    if (reply != nullptr) note_consent(send.to, *reply);
  }
  void note_consent(NodeId to, const ConfirmReply& reply) {
    if (reply.answer != Answer::kConsent) return;
    context.note({.kind = NoteKind::kConsent,
                  .term = reply.term,
                  .node = to,
                  .round = reply.round.value(),
                  .attempt = reply.attempt});
  }
  void operator()(const SendFrontEnd& send) {
    context.send<VouchMessage>(send.to, std::in_place_index<3>, send.message);
  }
  void operator()(const host::SendVote& send) {
    context.send<VouchMessage>(send.to, std::in_place_index<1>, send.message);
  }
  void operator()(const host::Persist& persist) { ballot = persist.ballot; }
  void operator()(const Campaign& campaign) {
    context.note({.kind = NoteKind::kCampaign,
                  .term = campaign.after.next(),
                  .node = context.self(),
                  .round = campaign.round.value(),
                  .until = campaign.valid_until});
  }
  void operator()(const Elected& elected) {
    led = elected.term;
    context.note({.kind = NoteKind::kElected, .term = elected.term, .node = context.self()});
  }
  void operator()(const StandDown& down) {
    // A candidate that gives its candidacy up abdicates too, but never led.
    const NoteKind kind = led == down.term ? NoteKind::kSteppedDown : NoteKind::kOther;
    led = Term{};
    context.note(
        {.kind = kind, .term = down.term, .node = context.self(), .word = to_string(down.reason)});
  }
  void operator()(const LeaderChanged& changed) {
    leader = changed.leader;
    context.note({.kind = NoteKind::kFollows, .term = changed.term, .node = changed.leader});
  }
  void operator()(const PeerChanged& changed) {
    const bool is_suspect = changed.to == PeerState::kSuspect;
    context.note(
        {.kind = is_suspect ? NoteKind::kSuspects : NoteKind::kTrusts, .node = changed.peer});
  }
  void operator()(const Decision& decision) {
    context.note({.kind = NoteKind::kDecision,
                  .term = decision.term,
                  .node = decision.subject,
                  .word = to_string(decision.verdict),
                  .round = decision.round.value(),
                  .attempt = decision.attempt,
                  .answers = decision.answers,
                  .consents = decision.consents,
                  .quorum = decision.quorum,
                  .best = decision.best,
                  .until = decision.until});
  }
  void operator()(const Vouched& vouched) {
    context.note({.kind = NoteKind::kOther,
                  .term = vouched.term,
                  .node = vouched.leader,
                  .word = "vouched",
                  .until = vouched.until});
  }
  void operator()(const SuppressAlert& alert) {
    context.note({.kind = NoteKind::kOther, .node = alert.leader, .word = "suppress_alert"});
  }
  void operator()(const Diagnosis& diagnosis) {
    context.note({.kind = NoteKind::kDiagnosis,
                  .node = diagnosis.node,
                  .word = to_string(diagnosis.kind),
                  .diagnosis = &diagnosis});
  }
  void operator()(const TransferAdvice& advice) {
    context.note({.kind = NoteKind::kAdvice,
                  .term = advice.term,
                  .node = advice.to,
                  .word = to_string(advice.reason)});
  }
  void operator()(const VoteGranted& granted) {
    context.note({.kind = NoteKind::kOther,
                  .term = granted.term,
                  .node = granted.candidate,
                  .word = "vote_granted"});
  }
  void operator()(const CandidacyEnded& ended) {
    context.note({.kind = NoteKind::kOther,
                  .term = ended.term,
                  .node = context.self(),
                  .word = "candidacy_ended"});
  }
  /// The other local events come from this file or from nowhere.
  template <typename T>
  void operator()(const T&) {}
};

}  // namespace

VouchReplica::VouchReplica(const ReplicaOptions& options, const MonitorConfig& config,
                           const WorkOptions& work, DecisionRecorder* recorder)
    : self_(options.self),
      replicas_(options.replicas),
      config_(config),
      recorder_(recorder),
      rng_(options.rng),
      work_(options.self, options.replicas, work),
      follows_advice_(work.follows_advice) {}

Instant VouchReplica::start(const Boot& boot, Context& context) {
  if (boot.lost_disk) ballot_ = {};
  host::ReplicaConfig config{complete(config_, self_, replicas_), {}, follows_advice_};
  config.monitor.incarnation = boot.incarnation;
  config.monitor.boot = boot.is_first ? BootMode::kFirstBoot : BootMode::kRestarted;
  awaited_leader_ = boot.is_first ? boot.initial_leader : kNobody;
  const bool is_awaited = awaited_leader_ == kNobody || awaited_leader_ == self_;
  config.monitor.groups.front().may_lead = is_awaited && !is_drained_;
  // The times of the election follow the round trip, where it is known.
  const Duration round_trip = config.monitor.round_trip;
  config.election.retry_interval = std::max(config.election.retry_interval, round_trip);
  config.election.vote_window = std::max(config.election.vote_window, 3 * round_trip);
  if (ballot_.group == kGroup) config.election.ballots.push_back(ballot_);
  led_ = Term{};
  work_.start(boot.lost_disk);
  working_ = Term{};
  reported_pending_ = Duration::zero();
  reported_log_ = {};
  leader_ = kNobody;
  Result<host::Replica> replica =
      host::Replica::create(std::move(config), context.now(), rng_.fork(boot.incarnation.value()));
  VOUCH_ASSERT(replica.has_value());  // VouchProtocol::create has checked the configuration.
  replica_.emplace(*std::move(replica));
  replica_->set_recorder(recorder_);
  return finish(context);
}

Instant VouchReplica::handle(NodeId from, const VouchMessage& message, Context& context) {
  if (const auto* core = std::get_if<0>(&message)) {
    replica_->handle_message(context.now(), from, *core);
  } else if (const auto* vote = std::get_if<1>(&message)) {
    replica_->handle_message(context.now(), from, *vote);
  } else if (const auto* work = std::get_if<2>(&message)) {
    handle_work(from, *work, context);
  } else if (const auto* front_end = std::get_if<3>(&message)) {
    replica_->handle_message(context.now(), from, *front_end);
  } else {
    handle_routed(*std::get_if<4>(&message), context);
  }
  return finish(context);
}

Instant VouchReplica::handle_timeout(Context& context) {
  replica_->handle_timeout(context.now());
  return finish(context);
}

void VouchReplica::handle_work(NodeId from, const WorkMessage& message, Context& context) {
  if (const auto* append = std::get_if<WorkAppend>(&message)) {
    const std::optional<WorkAck> ack = work_.handle(context.now(), *append);
    if (ack) send_work(from, *ack, context);
  } else {
    work_.handle(from, *std::get_if<WorkAck>(&message));
  }
  report_work(context);
}

/// Straight, or the way that the Monitor knows.
template <typename Work>
void VouchReplica::send_work(NodeId to, const Work& work, Context& context) {
  if (config_.relay == RelayMode::kAll) {
    const std::optional<NodeId> hop = replica_->monitor().next_hop(to);
    if (hop && *hop != to) {
      return context.send<VouchMessage>(*hop, RoutedWork{self_, to, WorkMessage(work)});
    }
  }
  context.send<VouchMessage>(to, std::in_place_index<2>, work);
}

/// Straight to whom it is for, and never on over another: no more than two hops. Also when this
/// node suspects that one just now: a suspicion may be a mistake, and what is dropped for it is
/// lost for certain.
void VouchReplica::handle_routed(const RoutedWork& routed, Context& context) {
  if (routed.to == self_) return handle_work(routed.from, routed.work, context);
  context.send<VouchMessage>(routed.to, routed);
}

std::optional<Instant> VouchReplica::handle_node_fault(const NodeFault& fault, Context& context) {
  switch (fault.kind) {
    case NodeFaultKind::kWorkerStalled:
    case NodeFaultKind::kWorkerRuns:
      if (!work_.set_worker(fault.kind == NodeFaultKind::kWorkerRuns)) return std::nullopt;
      report_work(context);
      break;
    case NodeFaultKind::kDiskStalled:
    case NodeFaultKind::kDiskRuns:
      if (!work_.set_disk(fault.kind == NodeFaultKind::kDiskRuns)) return std::nullopt;
      report_work(context);
      break;
    case NodeFaultKind::kDrained:
    case NodeFaultKind::kUndrained: {
      const bool is_drained = fault.kind == NodeFaultKind::kDrained;
      if (is_drained == is_drained_) return std::nullopt;
      is_drained_ = is_drained;
      const bool may_lead = !is_drained && awaited_leader_ == kNobody;
      replica_->handle_local(context.now(), EligibilityChanged{kGroup, may_lead});
      break;
    }
    case NodeFaultKind::kPeerExited:
      replica_->handle_local(context.now(), Obituary{fault.peer, fault.incarnation});
      break;
    case NodeFaultKind::kPeerRefused:
      replica_->handle_local(context.now(), Hint{fault.peer});
      break;
  }
  return finish(context);
}

/// Accepts and replicates what is due, for the term that this node leads.
void VouchReplica::do_work(Context& context) {
  if (led_ != working_) {
    working_ = led_;
    work_.lead(context.now(), working_);
  }
  if (const std::optional<WorkAppend> append = work_.advance(context.now())) {
    for (NodeIndex index = 0; index < replicas_; ++index) {
      const NodeId peer{index + 1};
      if (peer != self_) send_work(peer, *append, context);
    }
  }
  report_work(context);
}

/// A Monitor counts on from what it was told, so only a change is worth telling.
void VouchReplica::report_work(Context& context) {
  if (work_.log() != reported_log_) {
    reported_log_ = work_.log();
    replica_->handle_local(context.now(), LogAdvanced{kGroup, reported_log_});
  }
  const Duration pending = work_.oldest_pending(context.now());
  if (pending == Duration::zero() && reported_pending_ == Duration::zero()) return;
  reported_pending_ = pending;
  replica_->handle_local(context.now(), ProgressReported{kGroup, pending});
}

Instant VouchReplica::finish(Context& context) {
  Sink sink{context, ballot_, led_, leader_};
  replica_->drain(context.now(), sink);
  if (awaited_leader_ != kNobody) enable_when_led(context);
  if (!work_.is_modelled()) return replica_->next_timeout();
  do_work(context);
  replica_->drain(context.now(), sink);
  return std::min(replica_->next_timeout(), work_.next_due());
}

void VouchReplica::enable_when_led(Context& context) {
  if (leader_ != awaited_leader_) return;
  awaited_leader_ = kNobody;
  if (is_drained_) return;
  replica_->handle_local(context.now(), EligibilityChanged{kGroup, true});
  Sink sink{context, ballot_, led_, leader_};
  replica_->drain(context.now(), sink);
}

ReplicaStatus VouchReplica::status(Instant now) const {
  // Not Monitor::status: it counts who would follow this node, and nobody asks for that here.
  const Monitor& monitor = replica_->monitor();
  // The election follows every term that the Monitor learns of, and the Monitor those of the votes.
  const Term term = replica_->election().ballot(kGroup).term;
  if (monitor.lease_held(kGroup, now)) {
    const Instant lease_until = monitor.guard(kGroup, term);
    VOUCH_ASSERT(lease_until > now);
    return {Role::kLeader, term, leader_, lease_until};
  }
  const bool stands = replica_->election().is_candidate(kGroup);
  return {stands ? Role::kCandidate : Role::kFollower, term, leader_, kLongAgo};
}

Result<VouchProtocol> VouchProtocol::create(const MonitorConfig& config, std::size_t replicas,
                                            const WorkOptions& work) {
  if (replicas < 1 || replicas > kMaxNodes) {
    return Error{Errc::kBadConfig, "replicas: must be in [1, " + std::to_string(kMaxNodes) +
                                       "] for vouch, is " + std::to_string(replicas)};
  }
  const MonitorConfig checked = complete(config, NodeId{1}, replicas);
  if (const Status status = validate(checked); !status) return status.error();
  return VouchProtocol(config, work);
}

std::string_view VouchProtocol::name() const {
  switch (config_.relay) {
    case RelayMode::kOff:
      break;
    case RelayMode::kHeartbeats:
      return "vouch+relay=heartbeats";
    case RelayMode::kAll:
      return "vouch+relay=all";
  }
  return "vouch";
}

std::string_view VouchProtocol::message_kind(const Payload& payload) const {
  const auto& message = payload.as<VouchMessage>();
  if (const auto* core = std::get_if<0>(&message)) {
    switch (core->index()) {
      case 0:
        return "heartbeat";
      case 1:
        return "confirm_request";
      case 2:
        return "confirm_reply";
      case 3:
        return "node_heartbeat";
      case 4:
        return "group_batch";
      case 5:
        return "relay_request";
      case 6:
        return "relayed_heartbeat";
      case 7:
        return "relayed_promise";
      default:
        return "unknown";
    }
  }
  if (const auto* vote = std::get_if<1>(&message)) {
    return vote->index() == 0 ? "vote_request" : "vote_reply";
  }
  if (message.index() == 4) return "routed_work";
  if (const auto* front_end = std::get_if<3>(&message)) {
    const bool is_tally = std::holds_alternative<FrontEndTally>(*front_end);
    return is_tally ? "front_end_tally" : "front_end";
  }
  return std::get_if<2>(&message)->index() == 0 ? "work_append" : "work_ack";
}

std::size_t VouchProtocol::wire_size(const Payload& payload) const {
  std::array<std::byte, kMaxDatagram> room;
  const auto& message = payload.as<VouchMessage>();
  if (const auto* core = std::get_if<0>(&message)) return encode(*core, kCluster, room);
  if (const auto* vote = std::get_if<1>(&message)) return host::encode(*vote, kCluster, room);
  if (const auto* front_end = std::get_if<3>(&message)) return encode(*front_end, kCluster, room);
  // The host's own messages: the work itself, and a short answer.
  const auto* routed = std::get_if<4>(&message);
  const WorkMessage& work = routed != nullptr ? routed->work : *std::get_if<2>(&message);
  return work.index() == 0 ? work_.bytes : kHeaderSize + sizeof(WorkAck);
}

bool VouchProtocol::corrupt(std::byte* message, std::size_t size, Rng& rng) const {
  VOUCH_ASSERT(size == sizeof(VouchMessage));
  auto& target = *std::launder(reinterpret_cast<VouchMessage*>(message));
  std::array<std::byte, kMaxDatagram> datagram;
  const auto flip = [&](std::size_t length) {
    for (std::int64_t flips = rng.between(1, kFlipsMax); flips > 0; --flips) {
      datagram[rng.below(length)] ^= std::byte{1} << rng.below(8);
    }
    return std::span<const std::byte>(datagram.data(), length);
  };
  if (const auto* core = std::get_if<0>(&target)) {
    const auto read = decode(flip(encode(*core, kCluster, datagram)), kCluster);
    if (const auto* damaged = std::get_if<Message>(&read)) {
      target.emplace<0>(*damaged);
      return true;
    }
  } else if (const auto* vote = std::get_if<1>(&target)) {
    const auto read = host::decode_vote(flip(host::encode(*vote, kCluster, datagram)), kCluster);
    if (const auto* damaged = std::get_if<host::VoteMessage>(&read)) {
      target.emplace<1>(*damaged);
      return true;
    }
  }
  if (const auto* front_end = std::get_if<3>(&target)) {
    const auto read = decode_front_end(flip(encode(*front_end, kCluster, datagram)), kCluster);
    if (const auto* damaged = std::get_if<FrontEndMessage>(&read)) {
      target.emplace<3>(*damaged);
      return true;
    }
  }
  return false;  // The host checks its own work, as everybody does.
}

std::unique_ptr<FrontEnd> VouchProtocol::make_front_end(const FrontEndOptions& options) const {
  return make_vouch_front_end(config_, kGroup, options);
}

std::unique_ptr<Replica> VouchProtocol::make(const ReplicaOptions& options) const {
  return std::make_unique<VouchReplica>(options, config_, work_, recorder_);
}

}  // namespace vouch::sim
