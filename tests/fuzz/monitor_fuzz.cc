// Feeds a Monitor with what a hostile network and a living host could do, in any order. Holds: no
// crash, no assertion, no overflow, sends go to peers only, terms never decrease (rule S6), a lease
// is held by a leader only, and a timeout that was handled is not due again at the same instant.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <variant>

#include "vouch/detector/assert.h"
#include "vouch/quorum_check/monitor.h"

namespace {

using vouch::Duration;
using vouch::GroupId;
using vouch::Instant;
using vouch::NodeId;
using vouch::Term;

constexpr NodeId kSelf{3};
constexpr std::uint32_t kNodes = 5;
constexpr std::array kGroups = {GroupId{1}, GroupId{2}};

/// Takes the input apart; behind its end everything is 0.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> rest) : rest_(rest) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }

  bool flag() { return (byte() & 1U) != 0; }

  std::uint64_t whole(int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i)
      value = value << 8 | byte();
    return value;
  }

  /// Small as a rule, anything at times, the limits now and then.
  std::uint64_t number() {
    const std::uint8_t kind = byte();
    if (kind < 0xc0) return kind;
    if (kind < 0xe0) return whole(4);
    if (kind < 0xf0) return whole(8);
    return kind < 0xf8 ? UINT64_MAX - (kind - 0xf0U) : (std::uint64_t{1} << 63) - 4U + kind % 8U;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

/// One Monitor, the clock of its host, and what the input does to both.
class Session {
 public:
  Session(Input& input, vouch::Monitor monitor, Instant now)
      : input_(&input), monitor_(std::move(monitor)), now_(now) {}

  void step() {
    const std::uint8_t kind = input_->byte();
    if (kind >= 0xf0) return take_front_end();
    const bool has_relays = monitor_.config().relay != vouch::RelayMode::kOff;
    switch (kind % (has_relays ? 11 : 8)) {
      case 0:
        return pass_time();
      case 1:
        return take(vouch::Message(heartbeat()));
      case 2:
        return take(vouch::Message(request()));
      case 3:
        return take(vouch::Message(reply()));
      case 4:
        return tell();
      case 5:
        return clock_back();
      case 6:
        return take_answer();
      case 7:
        return take(vouch::Message(relay_request()));
      case 8:
        return take(vouch::Message(relayed()));
      case 9:
        return take(vouch::Message(relayed_promise()));
      default:
        return run_timer();
    }
  }

 private:
  void pass_time() {
    const std::uint8_t kind = input_->byte();
    std::int64_t nanos = std::int64_t{kind} * 1'000'000;
    if (kind >= 0xf0) nanos = static_cast<std::int64_t>(input_->whole(6));
    if (nanos < 1'000'000'000'000'000) now_ += Duration(nanos);
  }

  void run_timer() {
    const Instant due = monitor_.next_timeout();
    // A host may be a little late.
    if (due > now_ && due - now_ < std::chrono::hours(24)) now_ = due;
    now_ += Duration(input_->byte());
    monitor_.handle_timeout(now_);
    drain();
    VOUCH_ASSERT(monitor_.next_timeout() > now_);
  }

  void clock_back() {
    monitor_.handle_timeout(now_ - std::chrono::milliseconds(input_->byte()));
    drain();
  }

  NodeId node() { return NodeId{input_->byte() % (kNodes + 2)}; }
  Term term() { return Term{input_->number()}; }
  GroupId group() { return GroupId{input_->byte() % 4U}; }
  vouch::WireMicros micros() {
    const std::uint64_t value = input_->number();
    return vouch::WireMicros{static_cast<std::uint32_t>(value < 0xc0 ? value * 10'000 : value)};
  }
  vouch::Incarnation incarnation() { return vouch::Incarnation{input_->number()}; }

  /// An instant of this node's clock of late, or any other number.
  vouch::ClockStamp stamp() {
    const std::uint64_t value = input_->number();
    if (value >= 0xc0) return vouch::ClockStamp{static_cast<std::int64_t>(value)};
    return vouch::Core::stamp(now_ - Duration(static_cast<std::int64_t>(value) * 5'000'000));
  }

  vouch::Sender sender() {
    return {NodeId{1 + input_->byte() % kNodes}, vouch::Incarnation{1U + input_->byte() / 64U}};
  }

  vouch::Candidacy candidacy() {
    vouch::Candidacy c;
    c.log = {term(), input_->number()};
    c.priority = static_cast<std::uint16_t>(input_->number());
    c.consenters = input_->byte();
    c.may_lead = input_->flag();
    c.electable = input_->flag();
    return c;
  }

  vouch::Heartbeat heartbeat() {
    vouch::Heartbeat h{.from = sender()};
    h.seq = vouch::Seq{input_->flag() ? ++sequence_ : input_->number()};
    h.sent_at = stamp();
    h.echo_incarnation = vouch::Incarnation{input_->byte() < 0xe0 ? 1 : input_->number()};
    h.echo = stamp();
    h.promised = stamp();
    h.sick = input_->flag();
    h.report_count = input_->byte() % 18;
    h.group_count = input_->byte() % 4;
    for (std::size_t i = 0; i < std::min<std::size_t>(h.report_count, h.reports.size()); ++i) {
      h.reports[i] = {node(), micros(), input_->flag(), input_->flag()};
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(h.group_count, h.groups.size()); ++i) {
      vouch::GroupRecord& r = h.groups[i];
      r.group = group();
      r.epoch = vouch::ConfigEpoch{input_->byte() < 0xe0 ? 1U : 2U};
      r.term = term();
      r.leader = node();
      r.claim = input_->flag() ? r.term : term();
      r.lease = micros();
      r.pending_age = micros();
      r.abdicated = term();
      r.candidacy = candidacy();
      r.withheld = input_->flag();
    }
    return h;
  }

  vouch::ConfirmRequest request() {
    vouch::ConfirmRequest r{.from = sender()};
    r.group = group();
    r.epoch = vouch::ConfigEpoch{input_->byte() < 0xe0 ? 1U : 2U};
    r.round = vouch::Nonce{input_->number()};
    r.attempt = static_cast<std::uint32_t>(input_->number());
    r.subject = node();
    r.subject_incarnation = incarnation();
    r.term = term();
    r.hold = micros();
    r.wants_consent = input_->flag();
    r.sick = input_->flag();
    r.candidacy = candidacy();
    return r;
  }

  vouch::ConfirmReply reply() {
    vouch::ConfirmReply r{.from = sender()};
    r.group = group();
    r.epoch = vouch::ConfigEpoch{input_->byte() < 0xe0 ? 1U : 2U};
    r.round = vouch::Nonce{input_->number()};
    r.attempt = static_cast<std::uint32_t>(input_->number());
    r.subject = node();
    r.subject_incarnation = incarnation();
    r.term = term();
    r.leader = node();
    r.leader_incarnation = incarnation();
    r.answer = static_cast<vouch::Answer>(input_->byte() % vouch::kAnswerCount);
    r.evidence = micros();
    r.promise = micros();
    r.endorses = node();
    r.sick = input_->flag();
    r.log = {term(), input_->number()};
    return r;
  }

  vouch::RelayRequest relay_request() {
    vouch::RelayRequest r{.from = sender()};
    r.origin = node();
    r.origin_incarnation = vouch::Incarnation{1U + input_->byte() / 64U};
    r.wants_heartbeats = input_->flag();
    r.promised = stamp();
    r.group_count = input_->byte() % 4;
    r.groups = {group(), group()};
    return r;
  }

  vouch::RelayedHeartbeat relayed() {
    vouch::RelayedHeartbeat r{.from = sender(), .origin = sender()};
    const vouch::Heartbeat h = heartbeat();
    r.sent_at = h.sent_at;
    r.echo_incarnation = h.echo_incarnation;
    r.echo = h.echo;
    r.age = micros();
    r.group_count = h.group_count;
    r.groups = h.groups;
    return r;
  }

  vouch::RelayedPromise relayed_promise() {
    vouch::RelayedPromise r{.from = sender(), .promiser = sender()};
    r.origin_incarnation = vouch::Incarnation{input_->byte() < 0xe0 ? 1 : input_->number()};
    r.promised = stamp();
    r.group_count = input_->byte() % 4;
    r.groups = {group(), group()};
    return r;
  }

  /// An answer that fits the newest question, but for what the input changes.
  void take_answer() {
    vouch::ConfirmReply r = reply();
    if (asked_) {
      r.group = asked_->group;
      r.epoch = asked_->epoch;
      r.round = asked_->round;
      r.attempt = asked_->attempt;
      r.subject = asked_->subject;
      r.subject_incarnation = asked_->subject_incarnation;
      if (input_->flag()) r.term = asked_->term;
    }
    take(vouch::Message(r));
  }

  /// What a front-end, or a peer about front-ends, says.
  void take_front_end() {
    vouch::FrontEndMessage message;
    const std::uint8_t kind = input_->byte();
    if (kind % 2 == 0) {
      vouch::FrontEndProbe p{.from = {NodeId{101 + kind % 8U}, vouch::Incarnation{1}}};
      p.group = group();
      p.sent_at = input_->flag() ? vouch::Core::stamp(now_) : stamp();
      p.echo_incarnation = vouch::Incarnation{input_->byte() < 0xe0 ? 1 : input_->number()};
      p.echo = stamp();
      p.term = term();
      p.leader = node();
      p.lost = input_->flag();
      message = p;
    } else {
      vouch::FrontEndTally t{.from = sender()};
      t.sent_at = input_->flag() ? vouch::Core::stamp(now_) : stamp();
      t.list = input_->byte() < 0xf0 ? monitor_.front_ends().list().hash() : input_->number();
      t.lost = input_->number();
      t.reached = input_->number();
      message = t;
    }
    const NodeId from = input_->byte() < 0xf0 ? vouch::sender_of(message).node : node();
    monitor_.handle_message(now_, from, message);
    drain();
  }

  void take(const vouch::Message& message) {
    // The transport tells the truth about the sender most of the time.
    const NodeId from = input_->byte() < 0xf0 ? vouch::sender_of(message).node : node();
    monitor_.handle_message(now_, from, message);
    drain();
  }

  Term known_term(GroupId group) const { return monitor_.status(group, now_).term; }

  /// What a host may say: a vote is preceded by may_vote, an election by a vote of its own.
  void tell() {
    const GroupId group = this->group();
    const Term above{known_term(group).value() + 1U + input_->byte() % 3U};
    switch (input_->byte() % 9) {
      case 0:
        return stand(group, above);
      case 1:
        return tell(vouch::CandidacyEnded{group, input_->flag() ? above : term()});
      case 2: {
        const NodeId candidate = node();
        const Term voted = above.value() == 0 ? Term{UINT64_MAX} : above;
        if (monitor_.may_vote(group, candidate, now_) != vouch::VoteVerdict::kMay) return;
        return tell(vouch::VoteGranted{group, candidate, voted});
      }
      case 3:
        return tell(vouch::TermObserved{group, term()});
      case 4:
        return tell(vouch::LogAdvanced{group, {term(), input_->number()}});
      case 5:
        return tell(vouch::EligibilityChanged{group, input_->flag()});
      case 6:
        return tell(vouch::Resigned{group, input_->flag() ? known_term(group) : term()});
      case 7:
        return tell(vouch::ProgressReported{
            group, Duration(static_cast<std::int64_t>(input_->number() & 0x3fff'ffff'ffff'ffffU))});
      default:
        break;
    }
    if (input_->flag()) return tell(vouch::Hint{node()});
    tell(vouch::Obituary{node(), vouch::Incarnation{input_->byte() / 64U}});
  }

  void stand(GroupId group, Term term) {
    if (term.value() == 0) return;  // The host has no term left to stand at.
    tell(vouch::VoteGranted{group, kSelf, term});
    vouch::Elected elected{.group = group, .term = term, .requested_at = now_};
    for (std::uint32_t id = 1; id <= kNodes; ++id) {
      if (input_->flag() || id == kSelf.value()) elected.voters.push(NodeId{id});
    }
    elected.bound = std::chrono::milliseconds(input_->byte());
    if (input_->flag()) pass_time();
    tell(elected);
  }

  void tell(const vouch::LocalEvent& event) {
    monitor_.handle_local(now_, event);
    drain();
  }

  void drain() {
    while (const std::optional<vouch::Action> action = monitor_.poll_action()) {
      if (const auto* told = std::get_if<vouch::SendFrontEnd>(&*action)) {
        // Answers go to front-ends, tallies to peers.
        const bool is_answer = std::holds_alternative<vouch::FrontEndAnswer>(told->message);
        VOUCH_ASSERT((told->to.value() > 100) == is_answer && told->to != kSelf);
      }
      const auto* send = std::get_if<vouch::Send>(&*action);
      if (send == nullptr) continue;
      VOUCH_ASSERT(send->to != kSelf && send->to.value() >= 1 && send->to.value() <= kNodes);
      VOUCH_ASSERT(vouch::sender_of(send->message).node == kSelf);
      if (const auto* asked = std::get_if<vouch::ConfirmRequest>(&send->message)) asked_ = *asked;
    }
    for (std::size_t i = 0; i < kGroups.size(); ++i) {
      const vouch::GroupStatus status = monitor_.status(kGroups[i], now_);
      VOUCH_ASSERT(status.term >= terms_[i]);
      VOUCH_ASSERT(status.leads || !monitor_.lease_held(kGroups[i], now_));
      terms_[i] = status.term;
    }
  }

  Input* input_;
  vouch::Monitor monitor_;
  Instant now_;
  std::array<Term, kGroups.size()> terms_{};
  std::optional<vouch::ConfirmRequest> asked_;
  std::uint64_t sequence_ = 0;
};

vouch::MonitorConfig configuration(Input& input) {
  vouch::MonitorConfig config{.self = kSelf, .incarnation = vouch::Incarnation{1}};
  for (std::uint32_t id = 1; id <= kNodes; ++id) {
    if (NodeId{id} != kSelf) config.peers.push_back(NodeId{id});
  }
  const std::uint8_t flags = input.byte();
  if ((flags & 1U) != 0) config.boot = vouch::BootMode::kFirstBoot;
  if ((flags & 2U) != 0) config.lease_mode = vouch::LeaseMode::kWaitOut;
  config.detector.kind = vouch::kDetectorKinds[(flags >> 2) % vouch::kDetectorKinds.size()];
  config.relay = static_cast<vouch::RelayMode>((flags >> 5) % 3);
  for (std::uint32_t id = 101; id < 107; ++id)
    config.front_ends.push_back({NodeId{id}, vouch::ZoneId{static_cast<std::uint16_t>(id % 3)}});
  const std::vector<NodeId> all = {NodeId{1}, NodeId{2}, kSelf, NodeId{4}, NodeId{5}};
  config.groups.push_back({.id = kGroups[0], .voters = all});
  config.groups.push_back({.id = kGroups[1],
                           .voters = {NodeId{1}, NodeId{2}, kSelf},
                           .joint_voters = {NodeId{2}, NodeId{4}, NodeId{5}},
                           .term = Term{7}});
  return config;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input({data, size});
  const vouch::MonitorConfig config = configuration(input);
  // The clock of a machine that has just started, and of one that has run for long.
  const Instant start{Duration(input.flag() ? 0 : 1'000'000'000'000'000)};
  vouch::Result<vouch::Monitor> monitor = vouch::Monitor::create(config, start, vouch::Rng(1));
  VOUCH_ASSERT(monitor.has_value());
  Session session(input, std::move(*monitor), start);
  while (!input.empty())
    session.step();
  return 0;
}
