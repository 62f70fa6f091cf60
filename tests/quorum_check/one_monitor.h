#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "vouch/quorum_check/monitor.h"

namespace vouch::testing {

inline constexpr GroupId kGroup{1};
inline constexpr NodeId kSelf{1};
inline constexpr NodeId kOther{2};
inline constexpr NodeId kThird{3};

/// Node 1 of three, or of five, which has never run before.
inline MonitorConfig config_of(std::uint32_t nodes) {
  MonitorConfig config{.self = kSelf, .incarnation = Incarnation{1}};
  GroupConfig group{.id = kGroup};
  for (std::uint32_t id = 1; id <= nodes; ++id) {
    group.voters.push_back(NodeId{id});
    if (NodeId{id} != kSelf) config.peers.push_back(NodeId{id});
  }
  config.groups = {group};
  config.boot = BootMode::kFirstBoot;
  return config;
}

/// A Monitor on a table: a clock that the test moves, messages that the test makes up, and
/// everything that came out.
class OneMonitor {
 public:
  explicit OneMonitor(const MonitorConfig& config)
      : monitor_(Monitor::create(config, now_, Rng(1)).value()) {}

  void tell(const LocalEvent& event) {
    monitor_.handle_local(now_, event);
    drain();
  }
  void receive(const Message& message) {
    monitor_.handle_message(now_, sender_of(message).node, message);
    drain();
  }
  void receive(const FrontEndMessage& message) {
    monitor_.handle_message(now_, sender_of(message).node, message);
    drain();
  }
  /// Lets time pass and calls the timer whenever it is due.
  void pass(Duration span) {
    const Instant end = now_ + span;
    while (monitor_.next_timeout() <= end) {
      now_ = std::max(now_, monitor_.next_timeout());
      run_timer();
    }
    now_ = end;
  }
  /// Lets time pass in which nothing of this process runs.
  void sleep(Duration span) { now_ += span; }
  void run_timer() {
    monitor_.handle_timeout(now_);
    drain();
  }
  /// Wins term `term` with the votes of everybody in the group.
  void lead(Term term = Term{1}) {
    tell(VoteGranted{kGroup, kSelf, term});
    Elected elected{.group = kGroup, .term = term, .requested_at = now_};
    elected.voters.push(kSelf);
    for (NodeId peer : monitor_.config().peers)
      elected.voters.push(peer);
    tell(elected);
  }

  /// A heartbeat of `from` that has just heard this node and promises it support.
  Heartbeat heartbeat(NodeId from) {
    const std::uint64_t seq = ++seq_;
    Heartbeat heartbeat{.from = {from, Incarnation{1}}, .seq = Seq{seq}};
    heartbeat.sent_at = ClockStamp{static_cast<std::int64_t>(seq)};
    heartbeat.echo_incarnation = Incarnation{1};
    heartbeat.echo = Core::stamp(now_);
    heartbeat.promised = heartbeat.echo;
    heartbeat.group_count = 1;
    const GroupStatus status = monitor_.status(kGroup, now_);
    heartbeat.groups[0] = {.group = kGroup, .epoch = ConfigEpoch{1}, .term = status.term};
    heartbeat.groups[0].candidacy.may_lead = true;
    return heartbeat;
  }
  /// The same, of a leader at `term` whose lease runs for another `lease`.
  Heartbeat claim(NodeId from, Term term, Duration lease) {
    Heartbeat heartbeat = this->heartbeat(from);
    heartbeat.groups[0].term = term;
    heartbeat.groups[0].leader = from;
    heartbeat.groups[0].claim = term;
    heartbeat.groups[0].lease = to_wire(lease);
    return heartbeat;
  }

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] Monitor& monitor() { return monitor_; }
  [[nodiscard]] bool leads() { return monitor_.lease_held(kGroup, now_); }
  [[nodiscard]] GroupStatus status() { return monitor_.status(kGroup, now_); }

  /// Everything of one type that came out since `forget`.
  template <typename T>
  [[nodiscard]] std::vector<T> all() const {
    std::vector<T> found;
    for (const Action& action : actions_) {
      if (const auto* one = std::get_if<T>(&action)) found.push_back(*one);
    }
    return found;
  }
  /// The messages of one type that were sent to `to` since `forget`.
  template <typename T>
  [[nodiscard]] std::vector<T> sent_to(NodeId to) const {
    std::vector<T> found;
    for (const Send& send : all<Send>()) {
      const auto* message = std::get_if<T>(&send.message);
      if (send.to == to && message != nullptr) found.push_back(*message);
    }
    return found;
  }
  void forget() { actions_.clear(); }

 private:
  void drain() {
    while (const std::optional<Action> action = monitor_.poll_action())
      actions_.push_back(*action);
  }

  Instant now_{std::chrono::hours(1)};
  Monitor monitor_;
  std::uint64_t seq_ = 0;
  std::vector<Action> actions_;
};

}  // namespace vouch::testing
