// Single calls into a Monitor whose effect is easier to read alone than in a story.

#include "vouch/quorum_check/monitor.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace vouch {
namespace {

using std::chrono::milliseconds;

constexpr GroupId kGroup{1};
constexpr NodeId kSelf{1};
constexpr NodeId kOther{2};

MonitorConfig config_of_three() {
  MonitorConfig config{.self = kSelf, .incarnation = Incarnation{1}};
  config.peers = {kOther, NodeId{3}};
  config.groups = {GroupConfig{.id = kGroup, .voters = {kSelf, kOther, NodeId{3}}}};
  config.boot = BootMode::kFirstBoot;
  return config;
}

/// A Monitor, a clock and what came out.
class Bench {
 public:
  explicit Bench(const MonitorConfig& config)
      : monitor_(Monitor::create(config, now_, Rng(1)).value()) {}

  void tell(const LocalEvent& event) { monitor_.handle_local(now_, event), drain(); }
  void receive(NodeId from, const Message& message) {
    monitor_.handle_message(now_, from, message);
    drain();
  }
  void lead() {
    tell(VoteGranted{kGroup, kSelf, Term{1}});
    Elected elected{.group = kGroup, .term = Term{1}, .requested_at = now_};
    for (NodeId voter : {kSelf, kOther, NodeId{3}})
      elected.voters.push(voter);
    tell(elected);
  }
  void pass(Duration span) { now_ += span; }
  void run_timer() { monitor_.handle_timeout(now_), drain(); }

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] Monitor& monitor() { return monitor_; }
  /// Heartbeats sent to `to` since the last call.
  int heartbeats_to(NodeId to) {
    int count = 0;
    for (const Send& send : sent_)
      count += send.to == to && std::holds_alternative<Heartbeat>(send.message) ? 1 : 0;
    sent_.clear();
    return count;
  }

 private:
  void drain() {
    while (const std::optional<Action> action = monitor_.poll_action()) {
      if (const auto* send = std::get_if<Send>(&*action)) sent_.push_back(*send);
    }
  }

  Instant now_{std::chrono::hours(1)};
  Monitor monitor_;
  std::vector<Send> sent_;
};

/// A heartbeat of kOther as leader of term 1 that has just heard this node.
Heartbeat claim(Instant now, std::uint64_t seq, Duration lease) {
  Heartbeat heartbeat{.from = {kOther, Incarnation{1}}, .seq = Seq{seq}};
  heartbeat.sent_at = ClockStamp{static_cast<std::int64_t>(seq)};
  heartbeat.echo_incarnation = Incarnation{1};
  heartbeat.echo = Core::stamp(now);
  heartbeat.group_count = 1;
  heartbeat.groups[0] = {.group = kGroup,
                         .epoch = ConfigEpoch{1},
                         .term = Term{1},
                         .leader = kOther,
                         .claim = Term{1},
                         .lease = to_wire(lease)};
  return heartbeat;
}

// Found by the fuzzer: the leader slept beyond its lease, its oldest work is too old as well, and
// until the buffers are read neither may end its leadership. The timer must not be due meanwhile.
TEST(Monitor, ALeaderThatWakesStuckAsksForNoTimerBeforeItsBuffersAreRead) {
  Bench bench(config_of_three());
  bench.lead();
  bench.tell(ProgressReported{kGroup, milliseconds(900)});
  bench.pass(milliseconds(2000));
  bench.run_timer();
  EXPECT_FALSE(bench.monitor().lease_held(kGroup, bench.now()));
  EXPECT_GT(bench.monitor().next_timeout(), bench.now());
  bench.pass(milliseconds(60));
  bench.run_timer();
  EXPECT_EQ(bench.monitor().status(kGroup, bench.now()).leader, kNobody);
}

TEST(Monitor, AnswersALeaderAtOnceWhoseLeaseRunsLow) {
  Bench bench(config_of_three());
  bench.receive(kOther, claim(bench.now(), 1, milliseconds(790)));
  bench.heartbeats_to(kOther);
  bench.pass(milliseconds(1));
  bench.receive(kOther, claim(bench.now(), 2, milliseconds(700)));
  EXPECT_EQ(bench.heartbeats_to(kOther), 0) << "an ample lease waits for the interval";
  bench.pass(milliseconds(1));
  bench.receive(kOther, claim(bench.now(), 3, milliseconds(70)));
  EXPECT_EQ(bench.heartbeats_to(kOther), 1);
}

}  // namespace
}  // namespace vouch
