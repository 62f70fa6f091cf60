// The rules of statements on groups (ClaimMode::kDigest), one by one: a Monitor whose two peers are
// played here, message by message.

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <optional>
#include <vector>

#include "vouch/probe/group_entry.h"
#include "vouch/quorum_check/monitor.h"

namespace vouch {
namespace {

using namespace std::chrono_literals;

constexpr GroupId kGroup{7};
constexpr Term kTerm{1};

/// A peer as it is played: what it says in its heartbeats.
struct Played {
  NodeId id{};
  bool speaks = true;
  bool acknowledges = true;
  int told = 0;  ///< Statements that it was sent, however often.
  Seq seq{};
  ClockStamp sent_at{};   ///< Of its newest heartbeat.
  NodeHeartbeat heard{};  ///< What it was sent last.
  StreamDigest digest{.stream = 1};
};

/// Node 1 of three, all of which vote in one group.
class Statements : public ::testing::Test {
 protected:
  void boot(BootMode mode) {
    MonitorConfig config{.self = NodeId{1}, .incarnation = Incarnation{1}};
    config.boot = mode;
    config.peers = {NodeId{2}, NodeId{3}};
    config.groups = {{.id = kGroup, .voters = {NodeId{1}, NodeId{2}, NodeId{3}}}};
    config.group_limits.claims = ClaimMode::kDigest;
    monitor_.emplace(Monitor::create(config, now_, Rng(1)).value());
  }

  /// Both peers speak every 100 ms, as long as they do; node 1 whenever it likes.
  void run(Duration time) {
    for (const Instant end = now_ + time; now_ < end;) {
      now_ += 10ms;
      if (monitor_->next_timeout() <= now_) monitor_->handle_timeout(now_);
      take();
      if ((now_.time_since_epoch() / 10ms) % 10 != 0) continue;
      for (Played& peer : peers_) {
        if (peer.speaks) beat(peer);
      }
    }
  }

  void beat(Played& peer) {
    NodeHeartbeat heartbeat{.from = {peer.id, Incarnation{1}}};
    heartbeat.seq = peer.seq = peer.seq.next();
    heartbeat.sent_at = peer.sent_at = ClockStamp{now_.time_since_epoch().count()};
    heartbeat.echo_incarnation = Incarnation{1};
    heartbeat.echo = heartbeat.promised = peer.heard.sent_at;
    heartbeat.lease_floor = to_wire(700ms);
    heartbeat.digest = peer.digest;
    deliver(heartbeat);
  }

  /// Tells one statement at the peer's next position, and counts it into its sums.
  void state(Played& peer, EntryKind kind) {
    GroupBatch batch{.from = {peer.id, Incarnation{1}}, .stream = 1};
    batch.begin = peer.digest.head;
    batch.end = ++peer.digest.head;
    ASSERT_TRUE(EntryWriter(batch).append(Statement{kind, kGroup, kTerm, {}}));
    ++peer.digest.count;
    peer.digest.hash += statement_hash(kind, kGroup, kTerm);
    deliver(batch);
  }

  void deliver(const Message& message) {
    monitor_->handle_message(now_, sender_of(message).node, message);
    take();
  }

  void take() {
    while (const auto action = monitor_->poll_action()) {
      const auto* send = std::get_if<Send>(&*action);
      if (send == nullptr) continue;
      Played& peer = peers_[send->to.value() - 2];
      if (const auto* heartbeat = std::get_if<NodeHeartbeat>(&send->message)) {
        peer.heard = *heartbeat;
        if (!peer.acknowledges) continue;
        peer.digest.ack_stream = heartbeat->digest.stream;
        peer.digest.ack = heartbeat->digest.head;
      } else if (const auto* batch = std::get_if<GroupBatch>(&send->message)) {
        EntryReader reader(*batch);
        GroupEntry entry;
        while (reader.next(entry)) {
          if (entry.kind == EntryKind::kReply) answers_.push_back(entry.reply.answer);
          if (entry.kind == EntryKind::kRequest) asked_ = entry.request;
          if (entry.kind == EntryKind::kSupport) ++peer.told;
        }
      }
    }
  }

  /// Node 1 leads, both peers support it.
  void lead() {
    boot(BootMode::kFirstBoot);
    run(500ms);
    Elected elected{kGroup, kTerm, now_, {}, {}};
    elected.voters.push(NodeId{1});
    elected.voters.push(NodeId{2});
    monitor_->handle_local(now_, elected);
    take();
    run(100ms);
    for (Played& peer : peers_)
      state(peer, EntryKind::kSupport);
    run(2s);
    ASSERT_TRUE(monitor_->lease_held(kGroup, now_));
  }

  /// Node 2 leads, and node 1 supports it.
  void follow() {
    boot(BootMode::kFirstBoot);
    run(500ms);
    state(two(), EntryKind::kClaim);
    run(1s);
    ASSERT_EQ(two().heard.digest.count, 1U);
    ASSERT_TRUE(is_new(two().heard.promised));
  }

  /// Of the newest heartbeat of node 2 that node 1 can have known when it spoke last.
  [[nodiscard]] bool is_new(ClockStamp stamp) {
    return Duration(two().sent_at.value() - stamp.value()) <= 100ms;
  }

  [[nodiscard]] Played& two() { return peers_[0]; }
  [[nodiscard]] Played& three() { return peers_[1]; }

  Instant now_{1s};
  std::optional<Monitor> monitor_;
  std::array<Played, 2> peers_ = {Played{.id = NodeId{2}}, Played{.id = NodeId{3}}};
  std::vector<Answer> answers_;
  ConfirmRequest asked_{};  ///< The newest question of node 1.
};

// Who took a statement back that has not arrived yet may have taken back its support: its promises
// do not count until that is known (rules S1, S2).
TEST_F(Statements, D1_APromiseCountsOnlyWithEverythingThatWasTakenBefore) {
  lead();
  for (Played& peer : peers_) {
    peer.digest.head += 1;  // What was stated there is on its way.
    peer.digest.removed = peer.digest.head;
  }
  run(900ms);
  EXPECT_FALSE(monitor_->lease_held(kGroup, now_));
}

// A claim that was withdrawn must not be promised to: until what was taken back has arrived, the
// sender earns no promise.
TEST_F(Statements, D2_NoPromiseWhileWithdrawnClaimsAreUnknown) {
  follow();
  two().digest.head += 1;
  two().digest.removed = two().digest.head;
  run(100ms);
  const ClockStamp before = two().heard.promised;
  run(500ms);
  EXPECT_EQ(two().heard.promised, before);
  EXPECT_TRUE(is_new(two().heard.echo)) << "it is heard all the same";
}

// Who may have consented in an earlier life promises nothing at first (rule S7).
TEST_F(Statements, D3_ARestartedNodePromisesNothingAtFirst) {
  boot(BootMode::kRestarted);
  run(100ms);
  state(two(), EntryKind::kClaim);
  run(200ms);
  EXPECT_NE(two().heard.echo, ClockStamp{});
  EXPECT_EQ(two().heard.promised, ClockStamp{});
  EXPECT_EQ(two().heard.digest.ack, 0U) << "it must be told again";
  run(300ms);
  two().digest = {.stream = 1};
  state(two(), EntryKind::kClaim);
  run(300ms);
  EXPECT_TRUE(is_new(two().heard.promised));
}

// Who consents to another candidate takes its support back first, so that the old leader cannot
// count on what is promised to its node (rules S1, S2).
TEST_F(Statements, D4_AConsentTakesTheSupportBack) {
  follow();
  two().speaks = false;
  run(1s);
  ConfirmRequest request{.from = {NodeId{3}, Incarnation{1}}, .group = kGroup};
  request.epoch = ConfigEpoch{1};
  request.round = Nonce{99};
  request.attempt = 1;
  request.subject = NodeId{2};
  request.subject_incarnation = Incarnation{1};
  request.term = kTerm;
  request.hold = to_wire(300ms);
  request.wants_consent = true;
  request.candidacy = {
      .priority = 9, .consenters = 2, .may_lead = true, .electable = true, .reaches_quorum = true};
  // Its own candidacy may have bound node 1 to itself for a moment.
  for (int attempt = 1; attempt <= 100 && monitor_->bound(kGroup, NodeId{3}, now_) > Duration{};
       ++attempt)
    run(10ms);
  GroupBatch batch{.from = {NodeId{3}, Incarnation{1}}, .stream = 1};
  ASSERT_TRUE(EntryWriter(batch).append(request));
  answers_.clear();
  deliver(batch);
  run(10ms);
  ASSERT_FALSE(answers_.empty());
  ASSERT_EQ(answers_.back(), Answer::kConsent);
  beat(two());
  run(100ms);
  EXPECT_EQ(two().heard.digest.count, 0U);
  EXPECT_GT(two().heard.digest.removed, 0U);
}

// Everything has arrived and the sums differ: something was missed, and all is told anew.
TEST_F(Statements, D5_SumsThatDifferAreNoticed) {
  follow();
  ASSERT_EQ(monitor_->counters().resyncs, 0U);
  run(1s);
  ASSERT_EQ(monitor_->counters().resyncs, 0U);
  two().digest.hash += 1;
  run(1s);
  EXPECT_GE(monitor_->counters().resyncs, 1U);
  EXPECT_EQ(two().heard.digest.ack_stream, 0U);
}

// What is not acknowledged may be lost: it is told again, ever more seldom, until it is.
TEST_F(Statements, D6_WhatIsNotAcknowledgedIsToldAgain) {
  boot(BootMode::kFirstBoot);
  run(500ms);
  two().acknowledges = false;
  state(two(), EntryKind::kClaim);
  for (int i = 0; i < 100 && two().told == 0; ++i)
    run(10ms);
  ASSERT_EQ(two().told, 1);
  run(2s);
  EXPECT_GE(two().told, 3);
  EXPECT_LE(two().told, 6);
  two().acknowledges = true;
  run(200ms);
  const int told = two().told;
  run(5s);
  EXPECT_EQ(two().told, told);
}

// An answer that a newer one has overtaken does not say how electable its sender is (rule L2): over
// a way that was slow until a moment ago such answers keep coming.
TEST_F(Statements, L2_AnOvertakenAnswerDoesNotSayWhoIsElectable) {
  follow();
  two().speaks = false;
  asked_ = {};
  for (int i = 0; i < 100 && asked_.attempt < 2; ++i)
    run(10ms);
  ASSERT_GE(asked_.attempt, 2U);
  const auto answer = [&](std::uint32_t attempt, const Candidacy& candidacy) {
    ConfirmReply reply{.from = {NodeId{3}, Incarnation{1}}, .group = kGroup};
    reply.epoch = ConfigEpoch{1};
    reply.round = asked_.round;
    reply.attempt = attempt;
    reply.subject = NodeId{2};
    reply.subject_incarnation = Incarnation{1};
    reply.answer = Answer::kEndorseOther;
    reply.term = kTerm;
    reply.endorses = NodeId{3};
    GroupBatch batch{.from = {NodeId{3}, Incarnation{1}}, .stream = 1};
    ASSERT_TRUE(EntryWriter(batch).append(reply, candidacy));
    deliver(batch);
  };
  const std::uint32_t newest = asked_.attempt;
  answer(newest, {.priority = 9,
                  .consenters = 2,
                  .may_lead = true,
                  .electable = true,
                  .reaches_quorum = true});
  answer(newest - 1, {.may_lead = true});
  const ConfirmRequest before = asked_;
  for (int i = 0; i < 100 && asked_.attempt < before.attempt + 5; ++i) {
    run(10ms);
    EXPECT_FALSE(asked_.wants_consent) << "node 3 is electable, and better";
  }
  ASSERT_GE(asked_.attempt, before.attempt + 5);
  answer(asked_.attempt, {.may_lead = true});
  for (int i = 0; i < 100 && !asked_.wants_consent; ++i)
    run(10ms);
  EXPECT_TRUE(asked_.wants_consent) << "what it says now counts";
}

}  // namespace
}  // namespace vouch
