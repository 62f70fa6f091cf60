// Elections through a real ZooKeeper, also through a network that loses, holds and cuts.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/election/queue_contract.h"
#include "tests/election/zookeeper_kind.h"
#include "tests/support/fault_proxy.h"
#include "vouch/election_runner/candidate.h"
#include "vouch/election_runner/clock.h"
#include "zookeeper_links.h"
#include "zookeeper_path.h"

namespace vouch::election::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using vouch::testing::FaultProxy;
using vouch::testing::wait_until;
using vouch::testing::ZooKeeperServer;

INSTANTIATE_TYPED_TEST_SUITE_P(ZooKeeper, QueueContract, ZooKeeperKind);

/// A candidate with a store of its own, whose work stops as soon as it shall.
class Member final : public CandidateListener {
 public:
  Member(std::unique_ptr<QueueStore> store, const std::string& owner, Duration session)
      : store_(std::move(store)) {
    ElectorConfig config = scaled_to(session);
    config.name = "queue";
    config.owner = owner;
    candidate_ = Candidate::create(config, *store_, this).value();
    candidate_->start();
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  ~Member() = default;

  void handle_event(const LeadershipEvent& event) override {
    const bool ends = event.kind == EventKind::kStop || event.kind == EventKind::kLost;
    if (ends) candidate_->work_stopped();
    const std::lock_guard lock(mutex_);
    if (event.kind == EventKind::kLost) lost_for_ = event.reason;
  }

  [[nodiscard]] bool leads() const { return candidate_->current().has_value(); }
  [[nodiscard]] FencingToken token() const {
    return candidate_->current().value_or(Leadership{}).token;
  }
  [[nodiscard]] EndReason lost_for() const {
    const std::lock_guard lock(mutex_);
    return lost_for_;
  }
  [[nodiscard]] ElectorCounters counters() const { return candidate_->status().counters; }
  [[nodiscard]] const std::string& owner() const { return candidate_->config().owner; }
  [[nodiscard]] QueueStore& store() { return *store_; }
  void leave() {
    candidate_->close();
    EXPECT_TRUE(candidate_->wait_settled(std::chrono::minutes(1)));
  }

 private:
  mutable std::mutex mutex_;
  EndReason lost_for_ = EndReason::kNone;
  std::unique_ptr<QueueStore> store_;
  std::unique_ptr<Candidate> candidate_;  ///< After the store, so that it goes before it.
};

class ZooKeeperElection : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = ZooKeeperKind::missing(); !missing.empty()) {
      GTEST_SKIP() << missing;
    }
    kind.emplace();
    server = &ZooKeeperServer::shared();
    observer = kind->connect();
  }

  std::unique_ptr<Member> member(const std::string& owner, Duration session,
                                 const FaultProxy* proxy = nullptr) {
    return std::make_unique<Member>(
        proxy == nullptr ? kind->connect() : kind->connect_to(proxy->port()), owner, session);
  }

  /// So that a join finds it there, and is one request.
  void make_queue() {
    static_cast<void>(places());
    ASSERT_EQ(send(*observer, JoinQueue{watching, "first", "first"}).outcome,
              StoreOutcome::kApplied);
    ASSERT_EQ(observer->force_release("queue"), StoreOutcome::kApplied);
  }

  /// All places, as somebody without a link that is broken sees them.
  std::vector<QueuePlace> places() {
    if (send(*observer, KeepSession{watching, ""}).outcome != StoreOutcome::kApplied) {
      watching = send(*observer, OpenSession{seconds(20)}).session;
    }
    return send(*observer, ListQueue{watching}).places;
  }

  std::optional<ZooKeeperKind> kind;
  ZooKeeperServer* server = nullptr;
  std::unique_ptr<ZooKeeperStore> observer;
  SessionId watching{};
};

TEST(ZooKeeperAddress, IsServersAndAPath) {
  const auto address = read_zookeeper_address("a:1,[::1]:65535/x/y");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->servers, "a:1,[::1]:65535");
  EXPECT_EQ(address->path, "/x/y");
  const std::vector<std::pair<std::string, std::string>> bad{
      {"", "zookeeper: must be HOST:PORT[,HOST:PORT...]/PATH, but it is \"\""},
      {"a:1", "zookeeper: must be HOST:PORT[,HOST:PORT...]/PATH, but it is \"a:1\""},
      {"a/x", "server: must be HOST:PORT, but it is \"a\""},
      {":1/x", "server: must be HOST:PORT, but it is \":1\""},
      {"a:1,/x", "server: must be HOST:PORT, but it is \"\""},
      {"a:0/x", "port of a: in [1, 65535], but it is \"0\""},
      {"a:65536/x", "port of a: in [1, 65535], but it is \"65536\""},
      {"a:+1/x", "port of a: in [1, 65535], but it is \"+1\""},
      {"a:1/",
       "path: of names such as /vouch/locks, none of them empty, \".\" or \"..\", but it "
       "is \"/\""},
      {"a:1/x/",
       "path: of names such as /vouch/locks, none of them empty, \".\" or \"..\", but "
       "it is \"/x/\""},
      {"a:1/x/../y",
       "path: of names such as /vouch/locks, none of them empty, \".\" or \"..\", "
       "but it is \"/x/../y\""},
      {"a:1/zookeeper/x",
       "path: outside of /zookeeper, which is the server's own, but it is \"/zookeeper/x\""},
      {"a:1/" + std::string(600, 'x'), "path: at most 512 bytes, but it has 601"}};
  for (const auto& [text, message] : bad) {
    const auto refused = read_zookeeper_address(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().message, message);
  }
}

TEST(ZooKeeperAddress, NamesAreWrittenSoThatAServerTakesThem) {
  EXPECT_EQ(znode_name("job-1.a"), "job-1.a");
  EXPECT_EQ(znode_name(".."), "%2E.");
  EXPECT_EQ(znode_name("a/b %\xff"), "a%2Fb%20%25%FF");
  for (int byte = 0; byte < 256; ++byte) {
    const std::string name{'x', static_cast<char>(byte), '.'};
    EXPECT_EQ(name_of_znode(znode_name(name)), name);
  }
  for (const char* const other : {"", "%", "%2", "%2f", "%2F%", "%41", "%values", "a/b", "."})
    EXPECT_FALSE(name_of_znode(other)) << other;
  const std::string place = place_name("a=b/c", 7, 2);
  EXPECT_EQ(place, "a=b%2Fc=7.2-");
  EXPECT_EQ(guid_of_place(place + "0000000012"), "a=b/c");
  EXPECT_EQ(guid_of_place(place + "-2147483648"), "a=b/c") << "the number has overflown";
  for (const char* const other : {"", "x", "x-0000000012", "x=7.2-1", "x=", "="})
    EXPECT_FALSE(guid_of_place(other)) << other;
}

// With twenty candidates a departure wakes one: counted by the server.
TEST_F(ZooKeeperElection, OneDepartureWakesOne) {
  constexpr std::size_t kCount = 20;
  std::vector<std::unique_ptr<Member>> members;
  for (std::size_t i = 0; i < kCount; ++i)
    members.push_back(member("c" + std::to_string(i), seconds(20)));
  const auto woken = [&] { return server->counter("zk_sum_node_deleted_watch_count"); };
  const auto watches = [&] { return server->counter("zk_watch_count"); };
  const auto leader = [&]() -> Member* {
    const auto found = std::find_if(members.begin(), members.end(),
                                    [](const auto& member) { return member->leads(); });
    return found == members.end() ? nullptr : found->get();
  };
  ASSERT_TRUE(wait_until([&] { return watches() == kCount - 1 && leader() != nullptr; }));
  std::vector<QueuePlace> order = places();
  ASSERT_EQ(order.size(), kCount);
  Member* const first = leader();
  EXPECT_EQ(first->owner(), order[0].owner);
  EXPECT_EQ(first->token(), order[0].token);
  const long before = woken();
  first->leave();
  ASSERT_TRUE(wait_until([&] { return watches() == kCount - 2 && leader() != nullptr; }));
  EXPECT_EQ(woken(), before + 1);
  Member* const second = leader();
  EXPECT_EQ(second->owner(), order[1].owner);
  EXPECT_EQ(second->token(), order[1].token);
  // One from the middle: the one behind it watches the one before it, and does not lead.
  const auto middle = std::find_if(members.begin(), members.end(), [&](const auto& member) {
    return member->owner() == order[10].owner;
  });
  (*middle)->leave();
  ASSERT_TRUE(wait_until([&] {
    return watches() == kCount - 3 && server->ask("wchp").find(order[9].id) != std::string::npos;
  }));
  EXPECT_EQ(woken(), before + 2);
  EXPECT_EQ(leader(), second);
  EXPECT_EQ(observer->list()->at(0).lease, seconds(20));
}

// The server has made the place and the client does not know it.
TEST_F(ZooKeeperElection, AJoinWhoseReplyIsLostIsFoundAndDoesNotWaitForItself) {
  make_queue();
  FaultProxy proxy(server->port());
  proxy.cut_at(2, FaultProxy::Cut::kReply);  // The first opens the session, the second joins.
  auto a = member("a", seconds(4), &proxy);
  ASSERT_TRUE(wait_until([&] { return a->leads(); }));
  EXPECT_EQ(a->counters().takes, 1U);
  EXPECT_GE(a->counters().ambiguous, 1U);
  EXPECT_EQ(places().size(), 1U);
  a->leave();
  EXPECT_TRUE(places().empty());
}

TEST_F(ZooKeeperElection, AJoinThatComesLateDoesNotStandInTheWayOfItsMaker) {
  make_queue();
  FaultProxy proxy(server->port());
  const auto b = kind->connect_to(proxy.port());
  const SessionId session = send(*b, OpenSession{seconds(30)}).session;
  proxy.set_delay(milliseconds(300));
  const QueueReply late = b->apply({.id = 1,
                                    .name = "queue",
                                    .operation = JoinQueue{session, "mine", "b"},
                                    .timeout = milliseconds(50)});
  EXPECT_EQ(late.outcome, StoreOutcome::kAmbiguous) << late.trouble;
  proxy.set_delay({});
  EXPECT_EQ(send(*b, JoinQueue{session, "mine", "b"}).outcome, StoreOutcome::kApplied);
  EXPECT_EQ(send(*b, ListQueue{session}).places.size(), 2U);
  EXPECT_EQ(send(*b, CloseSession{session}).outcome, StoreOutcome::kApplied);
  EXPECT_TRUE(places().empty()) << "also the one whose path was never told";
}

// Of a process that has died and was started again, with the same name.
TEST_F(ZooKeeperElection, WhatAnEarlierSessionHasLeftIsNotTakenForOnesOwn) {
  auto a = member("a", seconds(1));
  ASSERT_TRUE(wait_until([&] { return a->leads(); }));
  const FencingToken old = a->token();
  a.reset();
  auto again = member("a", seconds(1));
  ASSERT_TRUE(wait_until([&] { return places().size() == 2; })) << "its session lives";
  EXPECT_EQ(places().front().token, old);
  ASSERT_TRUE(wait_until([&] { return again->leads(); }));
  const FencingToken token = again->token();
  EXPECT_GT(token, old);
  ASSERT_EQ(places().size(), 1U);
  EXPECT_EQ(places().front().token, token);
  EXPECT_EQ(observer->fenced_put("queue", old, "k", "late"), StoreOutcome::kConditionFailed);
}

/// A leader behind a link that breaks, and one who waits and whose link is well.
struct Pair {
  FaultProxy::Flow flow = FaultProxy::Flow::kPass;
  std::unique_ptr<ZooKeeperKind> kind = std::make_unique<ZooKeeperKind>();
  std::unique_ptr<FaultProxy> proxy{};
  std::unique_ptr<Member> a{};
  std::unique_ptr<Member> b{};
  FencingToken old{};
  Duration took{};
};

/// One who waits, behind a link that loses what the server says.
class Deaf {
 public:
  Deaf(const ZooKeeperKind& kind, std::uint16_t port)
      : proxy_(port), store_(kind.connect_to(proxy_.port())) {
    notices_.listen_to(*store_);
    session_ = send(*store_, OpenSession{seconds(1)}).session;
    EXPECT_EQ(send(*store_, JoinQueue{session_, "deaf", "deaf"}).outcome, StoreOutcome::kApplied);
    proxy_.set_flow(FaultProxy::Flow::kToServerOnly);
  }
  [[nodiscard]] QueueReply ask() {
    return store_->apply({.id = 1,
                          .name = "queue",
                          .operation = KeepSession{session_, ""},
                          .timeout = milliseconds(5)});
  }
  [[nodiscard]] std::size_t heard(QueueNoticeKind kind) const {
    return notices_.count(kind, session_);
  }

 private:
  FaultProxy proxy_;
  NoticeLog notices_;
  std::unique_ptr<QueueStore> store_;
  SessionId session_{};
};

// A link that loses one direction, or both: the other leads within two session timeouts, and not
// before the first has given up. With endless attempts to link again, as the client library makes
// them, the first keeps its place for as long as its replies are lost, and nobody leads.
TEST_F(ZooKeeperElection, WhoseLinkBreaksIsFollowedWithinTwoTimeouts) {
  constexpr milliseconds kSession{1500};
  std::vector<Pair> pairs(3);
  pairs[0].flow = FaultProxy::Flow::kToServerOnly;
  pairs[1].flow = FaultProxy::Flow::kToClientOnly;
  pairs[2].flow = FaultProxy::Flow::kBlackHole;
  for (Pair& pair : pairs) {
    pair.proxy = std::make_unique<FaultProxy>(server->port());
    pair.a = std::make_unique<Member>(pair.kind->connect_to(pair.proxy->port()), "a", kSession);
  }
  ASSERT_TRUE(wait_until([&] {
    return std::all_of(pairs.begin(), pairs.end(),
                       [](const Pair& pair) { return pair.a->leads(); });
  }));
  for (Pair& pair : pairs)
    pair.b = std::make_unique<Member>(pair.kind->connect(), "b", kSession);
  ASSERT_TRUE(wait_until([&] { return server->counter("zk_watch_count") == 3; }));
  for (Pair& pair : pairs) {
    pair.old = pair.a->token();
    pair.proxy->set_flow(pair.flow);
  }
  const Instant broken_at = boottime_now();
  Deaf deaf(*kind, server->port());
  ASSERT_TRUE(wait_until([&] {
    static_cast<void>(deaf.ask());
    bool is_done = true;
    for (Pair& pair : pairs) {
      if (pair.took == Duration{} && pair.b->leads()) {
        EXPECT_FALSE(pair.a->leads()) << "both";
        pair.took = boottime_now() - broken_at;
      }
      is_done = is_done && pair.took != Duration{};
    }
    return is_done;
  }));
  for (Pair& pair : pairs) {
    RecordProperty("took_ms_" + std::to_string(static_cast<int>(pair.flow)),
                   std::to_string(pair.took / milliseconds(1)));
    EXPECT_LE(pair.took, 2 * kSession);
    EXPECT_GT(pair.b->token(), pair.old);
    EXPECT_NE(pair.a->lost_for(), EndReason::kNone);
    pair.proxy->set_flow(FaultProxy::Flow::kPass);
    // It comes back by itself, at the end of the queue, and what it sent late changes nothing.
    const FencingToken token = pair.b->token();
    pair.b->leave();
    ASSERT_TRUE(wait_until([&] { return pair.a->leads(); }));
    EXPECT_GT(pair.a->token(), token);
  }
  // Nor does one who waits keep its place for ever.
  EXPECT_TRUE(wait_until([&] { return places().empty(); }));
  EXPECT_EQ(deaf.heard(QueueNoticeKind::kLinkLost), 1U);
  EXPECT_EQ(deaf.heard(QueueNoticeKind::kSessionEnded), 1U);
  const QueueReply after = deaf.ask();
  EXPECT_EQ(after.outcome, StoreOutcome::kConditionFailed);
  EXPECT_NE(after.trouble.find("nothing was heard"), std::string::npos) << after.trouble;
}

TEST_F(ZooKeeperElection, AShortInterruptionCostsAWaiterNothing) {
  FaultProxy proxy(server->port());
  NoticeLog notices;
  const auto a = kind->connect_to(proxy.port());
  notices.listen_to(*a);
  const SessionId session = send(*a, OpenSession{seconds(20)}).session;
  const QueueReply joined = send(*a, JoinQueue{session, "a", "a"});
  proxy.cut_all();
  ASSERT_TRUE(wait_until([&] { return notices.count(QueueNoticeKind::kLinkLost, session) == 1; }));
  ASSERT_TRUE(wait_until([&] {
    return send(*a, KeepSession{session, joined.places.at(0).id}).outcome == StoreOutcome::kApplied;
  }));
  EXPECT_EQ(places(), joined.places);
  EXPECT_EQ(notices.count(QueueNoticeKind::kSessionEnded, session), 0U);
}

// Somebody removes the queue and all above it. Numbers begin at 0 again, tokens do not.
TEST_F(ZooKeeperElection, ARemovedQueueIsMadeAgain) {
  auto a = member("a", seconds(4));
  ASSERT_TRUE(wait_until([&] { return a->leads(); }));
  auto b = member("b", seconds(4));
  ASSERT_TRUE(wait_until([&] { return places().size() == 2; }));
  const FencingToken last = places().back().token;
  ZooKeeperLinks operator_links("127.0.0.1:" + std::to_string(server->port()),
                                [](const QueueNotice&) {});
  const SessionId session = operator_links.open(seconds(10), seconds(10)).session;
  const std::string queue = kind->path() + "/queue";
  const auto ask = [&](AskKind kind_of, const std::string& path) {
    return operator_links.ask(session, {{.kind = kind_of, .path = path}}, seconds(10)).front();
  };
  // They come back at once: until it is empty for a moment.
  ASSERT_TRUE(wait_until([&] {
    for (const std::string& place : ask(AskKind::kChildren, queue).names)
      static_cast<void>(ask(AskKind::kDelete, queue + "/" + place));
    return ask(AskKind::kDelete, queue).code == ZooKeeperCode::kOk;
  }));
  ASSERT_TRUE(wait_until([&] { return places().size() == 2 && (a->leads() || b->leads()); }));
  const std::vector<QueuePlace> now = places();
  EXPECT_GT(now.front().token, last);
  EXPECT_LT(now.front().token, now.back().token);
  EXPECT_EQ((a->leads() ? a : b)->token(), now.front().token);
  operator_links.close(session);
}

TEST_F(ZooKeeperElection, AServerThatStandsStillEndsLeadershipByTheClock) {
  auto a = member("a", seconds(1));
  auto b = member("b", seconds(1));
  ASSERT_TRUE(wait_until([&] { return a->leads() || b->leads(); }));
  const FencingToken old = std::max(a->token(), b->token());
  server->send_signal(SIGSTOP);
  EXPECT_TRUE(wait_until([&] { return !a->leads() && !b->leads(); }));
  server->send_signal(SIGCONT);
  ASSERT_TRUE(wait_until([&] { return a->leads() || b->leads(); }));
  EXPECT_GT(std::max(a->token(), b->token()), old);
}

// With its data it goes on. Without them it knows no session, and has not yet counted as far as its
// clients have: it turns them away, for ever, and each must begin anew.
TEST_F(ZooKeeperElection, AServerComesBackWithAndWithoutItsData) {
  auto a = member("a", seconds(1));
  ASSERT_TRUE(wait_until([&] { return a->leads(); }));
  const FencingToken old = a->token();
  server->stop();
  EXPECT_TRUE(wait_until([&] { return !a->leads(); }));
  server->start();
  ASSERT_TRUE(wait_until([&] { return a->leads(); }));
  EXPECT_GT(a->token(), old);
  server->stop();
  EXPECT_TRUE(wait_until([&] { return !a->leads(); }));
  server->wipe();
  server->start();
  // With a token that is small again, as is documented.
  EXPECT_TRUE(wait_until([&] { return a->leads(); }));
}

TEST_F(ZooKeeperElection, AServerThatIsNotThereIsSaidSo) {
  FaultProxy proxy(server->port());
  proxy.set_refusing(true);
  auto store = ZooKeeperStore::open(kind->address(proxy.port()), milliseconds(100)).value();
  const QueueReply opened = store->apply({.id = 3,
                                          .name = "queue",
                                          .operation = OpenSession{seconds(10)},
                                          .timeout = milliseconds(100)});
  EXPECT_EQ(opened.id, 3U);
  EXPECT_EQ(opened.outcome, StoreOutcome::kAmbiguous);
  const std::string where = "127.0.0.1:" + std::to_string(proxy.port());
  EXPECT_NE(opened.trouble.find(where), std::string::npos) << opened.trouble;
  EXPECT_FALSE(store->list());
  EXPECT_FALSE(store->fenced_get("k"));
  EXPECT_EQ(store->force_release("queue"), StoreOutcome::kUnavailable);
  EXPECT_EQ(store->fenced_put("queue", FencingToken{1}, "k", "v"), StoreOutcome::kUnavailable);
  EXPECT_EQ(send(*store, ListQueue{}, "a\nb").outcome, StoreOutcome::kUnavailable);
  auto unknown = ZooKeeperStore::open("no..such.host:1/x", milliseconds(100)).value();
  EXPECT_NE(unknown->list().error().message.find("cannot be resolved"), std::string::npos);
}

TEST_F(ZooKeeperElection, AChildOfAForkDoesNotUseItsParentsConnection) {
  auto store = kind->connect();
  const SessionId session = send(*store, OpenSession{seconds(10)}).session;
  const pid_t child = fork();
  if (child == 0) {
    const bool is_refused =
        send(*store, KeepSession{session, ""}).outcome == StoreOutcome::kUnavailable &&
        !store->list();
    store.reset();
    _exit(is_refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(send(*store, KeepSession{session, ""}).outcome, StoreOutcome::kApplied);
}

}  // namespace
}  // namespace vouch::election::testing
