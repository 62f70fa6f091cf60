// The Elector over a store with queues, on the queue in memory.

#include <gtest/gtest.h>

#include <map>

#include "vouch/election/elector.h"
#include "vouch/election/memory_queue.h"

namespace vouch::election::testing {
namespace {

/// Electors on one MemoryQueue, on one clock that the test moves.
class QueueDriver {
 public:
  struct Node {
    std::optional<Elector> elector;
    std::vector<LeadershipEvent> events;
    std::uint64_t lists = 0;
    bool is_paused = false;
    std::vector<std::variant<QueueReply, QueueNotice>> inbox;
  };

  QueueDriver() : queue(Rng(3)) {
    faults.latency_min = faults.latency_max = std::chrono::milliseconds(1);
    queue.set_faults(faults);
  }

  std::size_t start(const std::string& owner) {
    ElectorConfig config = scaled_to(std::chrono::milliseconds(1000));
    config.name = "queue";
    config.owner = owner;
    config.guard = {};
    config.clock_drift_ppm = 0;
    config.store = StoreKind::kQueue;
    nodes.push_back(std::make_unique<Node>());
    nodes.back()->elector.emplace(Elector::create(config, now, Rng(100 + nodes.size())).value());
    nodes.back()->elector->start(now);
    take_actions(nodes.size() - 1);
    return nodes.size() - 1;
  }

  void run_for(Duration span) {
    const Instant end = now + span;
    for (;;) {
      Instant next = queue.next_event();
      for (const auto& node : nodes) {
        if (!node->elector || node->is_paused) continue;
        next = std::min(next, node->elector->next_timeout());
        if (!node->inbox.empty()) next = now;
      }
      if (next > end) break;
      now = std::max(now, next);
      step();
    }
    now = end;
  }

  [[nodiscard]] bool leads(std::size_t at) const {
    return nodes[at]->elector && nodes[at]->elector->current(now).has_value();
  }
  [[nodiscard]] FencingToken token(std::size_t at) const {
    return nodes[at]->elector->current(now).value_or(Leadership{}).token;
  }
  [[nodiscard]] EndReason lost_for(std::size_t at) const {
    EndReason reason = EndReason::kNone;
    for (const LeadershipEvent& event : nodes[at]->events) {
      if (event.kind == EventKind::kLost) reason = event.reason;
    }
    return reason;
  }
  void set_faults() { queue.set_faults(faults); }
  void take_actions(std::size_t at) {
    Node& node = *nodes[at];
    while (std::optional<ElectorAction> action = node.elector->poll_action()) {
      if (const auto* request = std::get_if<QueueRequest>(&*action)) {
        if (std::holds_alternative<ListQueue>(request->operation)) ++node.lists;
        queue.submit(now, static_cast<MemoryQueue::ClientId>(at), *request);
      } else if (const auto* event = std::get_if<LeadershipEvent>(&*action)) {
        node.events.push_back(*event);
        const bool ends = event->kind == EventKind::kStop || event->kind == EventKind::kLost;
        if (ends) node.elector->work_stopped(now);
      } else {
        ADD_FAILURE() << "a request for a store of records";
      }
    }
  }

  Instant now{std::chrono::seconds(100)};
  StoreFaults faults;
  MemoryQueue queue;
  std::vector<std::unique_ptr<Node>> nodes;

 private:
  void step() {
    while (auto delivery = queue.poll(now))
      nodes[delivery->client]->inbox.push_back(delivery->reply);
    for (std::size_t at = 0; at < nodes.size(); ++at) {
      Node& node = *nodes[at];
      if (!node.elector || node.is_paused) continue;
      for (const auto& what : std::exchange(node.inbox, {})) {
        if (const auto* reply = std::get_if<QueueReply>(&what)) {
          node.elector->handle_reply(now, *reply);
        } else {
          node.elector->handle_notice(now, std::get<QueueNotice>(what));
        }
        take_actions(at);
      }
      if (now >= node.elector->next_timeout()) node.elector->handle_timeout(now);
      take_actions(at);
    }
  }
};

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(QueueElector, TheFirstOfTheQueueLeadsAndTheNextFollowsItAtOnce) {
  QueueDriver driver;
  const std::size_t a = driver.start("a");
  driver.run_for(milliseconds(10));
  const std::size_t b = driver.start("b");
  driver.run_for(seconds(20));
  ASSERT_TRUE(driver.leads(a));
  EXPECT_FALSE(driver.leads(b));
  const FencingToken token = driver.token(a);
  driver.nodes[a]->elector->close(driver.now);
  driver.take_actions(a);
  driver.run_for(milliseconds(10));
  EXPECT_FALSE(driver.leads(a));
  EXPECT_TRUE(driver.leads(b)) << "told, not polled";
  EXPECT_GT(driver.token(b), token);
  EXPECT_EQ(driver.lost_for(a), EndReason::kClosed);
}

TEST(QueueElector, ADeadHoldersSessionRunsOut) {
  QueueDriver driver;
  const std::size_t a = driver.start("a");
  driver.run_for(milliseconds(10));
  const std::size_t b = driver.start("b");
  driver.run_for(seconds(3));
  ASSERT_TRUE(driver.leads(a));
  driver.nodes[a]->elector.reset();
  driver.run_for(milliseconds(700));
  EXPECT_FALSE(driver.leads(b));
  driver.run_for(milliseconds(320));
  EXPECT_TRUE(driver.leads(b));
}

TEST(QueueElector, OneDepartureWakesOneCandidate) {
  QueueDriver driver;
  for (int i = 0; i < 20; ++i) {
    driver.start("c" + std::to_string(i));
    driver.run_for(milliseconds(10));
  }
  driver.run_for(seconds(2));
  ASSERT_TRUE(driver.leads(0));
  ASSERT_EQ(driver.queue.notices_sent(), 0U);
  driver.nodes[0]->elector->close(driver.now);
  driver.take_actions(0);
  driver.run_for(milliseconds(20));
  EXPECT_EQ(driver.queue.notices_sent(), 1U);
  EXPECT_TRUE(driver.leads(1));
  // One from the middle: the one behind it moves up, and does not lead.
  driver.nodes[10]->elector->close(driver.now);
  driver.take_actions(10);
  driver.run_for(milliseconds(20));
  EXPECT_EQ(driver.queue.notices_sent(), 2U);
  EXPECT_TRUE(driver.leads(1));
  EXPECT_FALSE(driver.leads(11));
}

TEST(QueueElector, AJoinWithoutAReplyIsFoundAndDoesNotWaitForItself) {
  QueueDriver driver;
  const std::size_t a = driver.start("a");
  driver.run_for(milliseconds(1));
  driver.faults.late_apply_per_million = 1'000'000;  // From the join on.
  driver.faults.late_apply_max = milliseconds(300);
  driver.set_faults();
  driver.run_for(milliseconds(60));
  driver.faults.late_apply_per_million = 0;
  driver.set_faults();
  driver.run_for(seconds(3));
  EXPECT_TRUE(driver.leads(a)) << "with " << driver.queue.table().places().size() << " places";
}

TEST(QueueElector, APauseEndsItByTheClockAndAnotherPlaceIsTaken) {
  QueueDriver driver;
  const std::size_t a = driver.start("a");
  driver.run_for(milliseconds(10));
  const std::size_t b = driver.start("b");
  driver.run_for(seconds(3));
  const FencingToken token = driver.token(a);
  driver.nodes[a]->is_paused = true;
  driver.run_for(seconds(2));
  EXPECT_FALSE(driver.leads(a));
  ASSERT_TRUE(driver.leads(b));
  driver.nodes[a]->is_paused = false;
  driver.run_for(seconds(2));
  EXPECT_FALSE(driver.leads(a));
  EXPECT_EQ(driver.lost_for(a), EndReason::kLapsed);
  driver.nodes[b]->elector->close(driver.now);
  driver.take_actions(b);
  driver.run_for(milliseconds(20));
  EXPECT_GT(driver.token(a), token);
}

TEST(QueueElector, ALostLinkEndsLeadershipAtOnce) {
  QueueDriver driver;
  const std::size_t a = driver.start("a");
  driver.run_for(seconds(3));
  ASSERT_TRUE(driver.leads(a));
  const FencingToken token = driver.token(a);
  const SessionId session = driver.queue.table().places().front().session;
  driver.nodes[a]->elector->handle_notice(driver.now, {QueueNoticeKind::kLinkLost, SessionId{77}});
  EXPECT_TRUE(driver.leads(a)) << "of another session";
  driver.nodes[a]->elector->handle_notice(driver.now, {QueueNoticeKind::kLinkLost, session});
  EXPECT_FALSE(driver.leads(a));
  driver.take_actions(a);
  EXPECT_EQ(driver.lost_for(a), EndReason::kLinkLost);
  driver.run_for(milliseconds(100));
  EXPECT_GT(driver.token(a), token) << "from a new place";
}

TEST(QueueElector, ARemovedPlaceEndsLeadership) {
  QueueDriver driver;
  const std::size_t a = driver.start("a");
  driver.run_for(seconds(3));
  ASSERT_TRUE(driver.queue.table().remove_place(driver.queue.table().places().front().id));
  driver.run_for(milliseconds(210));
  EXPECT_EQ(driver.lost_for(a), EndReason::kSessionEnded);
}

TEST(QueueElector, AShorterSessionCountsAndOneThatIsTooShortIsNotUsed) {
  QueueDriver driver;
  driver.queue.table().set_timeouts(Duration{}, milliseconds(800));
  const std::size_t a = driver.start("a");
  driver.run_for(milliseconds(10));
  ASSERT_TRUE(driver.leads(a));
  EXPECT_LE(driver.nodes[a]->elector->current(driver.now)->valid_until,
            driver.now + milliseconds(800));
  QueueDriver strict;
  strict.queue.table().set_timeouts(Duration{}, milliseconds(300));
  const std::size_t b = strict.start("b");
  strict.run_for(seconds(5));
  EXPECT_FALSE(strict.leads(b));
  EXPECT_NE(strict.nodes[b]->elector->status(strict.now).trouble.find("too short"),
            std::string::npos);
}

TEST(QueueElector, LostNoticesCostTimeOnly) {
  QueueDriver driver;
  const std::size_t a = driver.start("a");
  driver.run_for(milliseconds(10));
  const std::size_t b = driver.start("b");
  driver.run_for(seconds(1));
  driver.queue.table().remove_place(driver.queue.table().places().front().id);
  static_cast<void>(driver.queue.table().take_notices());
  driver.run_for(seconds(2));
  EXPECT_TRUE(driver.leads(b));
  EXPECT_FALSE(driver.leads(a));
}

/// An elector that waits behind another and watches it; the store is played by the test.
class Waiter {
 public:
  Waiter() {
    ElectorConfig config = scaled_to(milliseconds(1000));
    config.name = "queue";
    config.owner = "b";
    config.store = StoreKind::kQueue;
    elector_.emplace(Elector::create(config, now, Rng(1)).value());
    elector_->start(now);
    answer<OpenSession>({.session = SessionId{2}, .timeout = seconds(1)});
    const std::string guid = std::get<JoinQueue>(answer<JoinQueue>({}).operation).guid;
    places_ = {{"p1", "other", "a", SessionId{1}, FencingToken{1}},
               {"p2", guid, "b", SessionId{2}, FencingToken{2}}};
    list();
  }
  void list() { answer<ListQueue>({.places = places_}); }
  void notify(QueueNoticeKind kind) { elector_->handle_notice(now, {kind, SessionId{2}}); }

  /// The request that is due, which must be an `Operation`.
  template <typename Operation>
  QueueRequest take() {
    elector_->handle_timeout(now);
    while (std::optional<ElectorAction> action = elector_->poll_action()) {
      const auto* request = std::get_if<QueueRequest>(&*action);
      if (request == nullptr) continue;
      EXPECT_TRUE(std::holds_alternative<Operation>(request->operation));
      return *request;
    }
    ADD_FAILURE() << "nothing is asked for";
    return {};
  }
  void reply(const QueueRequest& request, QueueReply reply) {
    reply.id = request.id;
    reply.outcome = StoreOutcome::kApplied;
    elector_->handle_reply(now, reply);
  }
  template <typename Operation>
  QueueRequest answer(const QueueReply& reply_to_it) {
    const QueueRequest request = take<Operation>();
    reply(request, reply_to_it);
    return request;
  }
  [[nodiscard]] Instant next_timeout() const { return elector_->next_timeout(); }

  Instant now{seconds(100)};

 private:
  std::optional<Elector> elector_;
  std::vector<QueuePlace> places_;
};

TEST(QueueElector, ANoticeThatComesBeforeAReplyIsActedOnAtOnce) {
  Waiter waiter;
  const QueueRequest watch = waiter.take<WatchPlace>();
  waiter.notify(QueueNoticeKind::kPlaceGone);
  waiter.reply(watch, {});
  waiter.list();
  waiter.answer<WatchPlace>({});
  waiter.now += milliseconds(200);
  const QueueRequest keep = waiter.take<KeepSession>();
  waiter.notify(QueueNoticeKind::kPlaceGone);
  waiter.reply(keep, {});
  waiter.list();
}

TEST(QueueElector, AWaiterWhoseWatchWentWithTheLinkWatchesAgain) {
  Waiter waiter;
  waiter.answer<WatchPlace>({});
  waiter.notify(QueueNoticeKind::kLinkLost);
  EXPECT_EQ(waiter.next_timeout(), waiter.now + milliseconds(50)) << "not the very same instant";
  waiter.now += milliseconds(50);
  waiter.list();
  waiter.answer<WatchPlace>({});
  EXPECT_EQ(waiter.next_timeout(), waiter.now + milliseconds(200));
}

}  // namespace
}  // namespace vouch::election::testing
