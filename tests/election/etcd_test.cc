// Elections through a real etcd, also through a network that loses, holds and cuts, and past an
// etcd that stands still. With VOUCH_ELECTION_LONG=1 three members of which two stand still, and
// one that asks for a password.

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "etcd_wire.h"
#include "tests/election/etcd_kind.h"
#include "tests/election/queue_contract.h"
#include "tests/support/fault_proxy.h"
#include "vouch/election_http/http_client.h"
#include "vouch/election_runner/candidate.h"
#include "vouch/election_runner/clock.h"

namespace vouch::election::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using vouch::testing::EtcdServer;
using vouch::testing::FaultProxy;
using vouch::testing::wait_until;

bool is_long() {
  return std::getenv("VOUCH_ELECTION_LONG") != nullptr;
}

INSTANTIATE_TYPED_TEST_SUITE_P(Etcd, QueueContract, EtcdKind);

/// A candidate on a store of its own, and what it has told. Its work stops at once.
class Standing final : public CandidateListener {
 public:
  Standing(std::unique_ptr<EtcdStore> store, Duration lease) : store_(std::move(store)) {
    ElectorConfig config = scaled_to(lease);
    config.name = "queue";
    candidate_ = Candidate::create(config, *store_, this).value();
    candidate_->start();
  }
  Standing(const Standing&) = delete;
  Standing& operator=(const Standing&) = delete;

  void handle_event(const LeadershipEvent& event) override {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    }
    if (event.kind == EventKind::kStop || event.kind == EventKind::kLost) {
      candidate_->work_stopped();
    }
  }
  void handle_extended(const Leadership& /*leadership*/) override {
    const std::lock_guard lock(mutex_);
    ++extensions_;
  }
  [[nodiscard]] int extensions() const {
    const std::lock_guard lock(mutex_);
    return extensions_;
  }
  /// The last event of this kind, if there was one.
  [[nodiscard]] std::optional<LeadershipEvent> last(EventKind kind) const {
    const std::lock_guard lock(mutex_);
    for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
      if (event->kind == kind) return *event;
    }
    return std::nullopt;
  }
  [[nodiscard]] bool leads() const { return candidate_->current().has_value(); }
  /// Leads and has said so.
  [[nodiscard]] bool comes_to_lead() const {
    return wait_until([&] { return leads() && last(EventKind::kElected).has_value(); });
  }
  [[nodiscard]] FencingToken token() const {
    return candidate_->current().value_or(Leadership{}).token;
  }
  [[nodiscard]] Candidate& candidate() const { return *candidate_; }

 private:
  std::unique_ptr<EtcdStore> store_;
  mutable std::mutex mutex_;
  std::vector<LeadershipEvent> events_;
  int extensions_ = 0;
  std::unique_ptr<Candidate>
      candidate_;  ///< Comes last: until it is gone it calls all of the above.
};

class EtcdElection : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = EtcdKind::missing(); !missing.empty()) GTEST_SKIP() << missing;
    port_ = EtcdServer::shared().port();
  }

  [[nodiscard]] std::unique_ptr<Standing> stand(Duration lease = kLease) const {
    return std::make_unique<Standing>(kind.connect(), lease);
  }
  [[nodiscard]] std::unique_ptr<Standing> stand_behind(const FaultProxy& proxy) const {
    return std::make_unique<Standing>(kind.connect_to(proxy.port()), kLease);
  }

  /// The queue, as somebody sees it who does not stand in it.
  [[nodiscard]] std::vector<QueuePlace> places() const {
    const auto store = kind.connect();
    const QueueReply opened = send(*store, OpenSession{seconds(10)});
    std::vector<QueuePlace> seen = send(*store, ListQueue{opened.session}).places;
    static_cast<void>(send(*store, CloseSession{opened.session}));
    return seen;
  }

  static constexpr seconds kLease{2};
  EtcdKind kind;
  std::uint16_t port_ = 0;
};

TEST_F(EtcdElection, ALostReplyToAHeartbeatDoesNotLoseTheLock) {
  FaultProxy proxy(port_);
  const auto a = stand_behind(proxy);
  ASSERT_TRUE(a->comes_to_lead());
  const FencingToken token = a->token();
  for (const auto cut : {FaultProxy::Cut::kReply, FaultProxy::Cut::kRequest}) {
    const std::uint64_t before = proxy.requests();
    proxy.cut_at(1, cut);
    ASSERT_TRUE(wait_until([&] { return proxy.requests() > before + 2; }));
    const int extensions = a->extensions();
    ASSERT_TRUE(wait_until([&] { return a->extensions() > extensions; }));
  }
  EXPECT_EQ(a->token(), token);
  EXPECT_GT(a->candidate().status().counters.ambiguous, 0U);
  EXPECT_FALSE(a->last(EventKind::kLost));
}

TEST_F(EtcdElection, InABlackHoleItStepsDownBeforeTheNextLeads) {
  FaultProxy proxy(port_);
  const auto a = stand_behind(proxy);
  ASSERT_TRUE(a->comes_to_lead());
  const auto b = stand();
  ASSERT_TRUE(wait_until([&] { return b->last(EventKind::kHolderChanged).has_value(); }));
  const FencingToken token = a->token();
  proxy.set_flow(FaultProxy::Flow::kBlackHole);
  ASSERT_TRUE(b->comes_to_lead());
  EXPECT_FALSE(a->leads());
  ASSERT_TRUE(wait_until([&] { return a->last(EventKind::kLost).has_value(); }));
  const LeadershipEvent elected = *b->last(EventKind::kElected);
  EXPECT_GT(elected.token, token);
  // By the clock that both share.
  EXPECT_LT(a->last(EventKind::kStop)->at, elected.at);
  EXPECT_LE(a->last(EventKind::kStop)->valid_until, elected.at);
  // What A has sent meanwhile arrives late.
  proxy.set_flow(FaultProxy::Flow::kPass);
  ASSERT_TRUE(wait_until([&] { return a->last(EventKind::kHolderChanged).has_value(); }));
  EXPECT_EQ(a->last(EventKind::kHolderChanged)->holder, b->candidate().config().owner);
  EXPECT_EQ(b->token(), elected.token);
  EXPECT_EQ(places().size(), 2U);
}

TEST_F(EtcdElection, CutAfterAnyRequestOneStillLeadsAndHasOnePlace) {
  // All at once, each in a queue of its own behind a proxy of its own.
  struct Case {
    EtcdKind kind;
    std::unique_ptr<FaultProxy> proxy;
    std::unique_ptr<Standing> holder;
    std::unique_ptr<Standing> waiter;
  };
  constexpr std::uint64_t kRequests = 9;
  std::vector<Case> cases(2 * kRequests);
  for (Case& one : cases)
    one.holder = std::make_unique<Standing>(one.kind.connect(), seconds(30));
  for (std::uint64_t i = 0; i < cases.size(); ++i) {
    Case& one = cases[i];
    ASSERT_TRUE(one.holder->comes_to_lead());
    one.proxy = std::make_unique<FaultProxy>(port_);
    one.proxy->cut_at(i / 2 + 1, i % 2 == 0 ? FaultProxy::Cut::kReply : FaultProxy::Cut::kRequest);
    one.waiter = std::make_unique<Standing>(one.kind.connect_to(one.proxy->port()), kLease);
  }
  for (Case& one : cases) {
    ASSERT_TRUE(
        wait_until([&] { return one.waiter->last(EventKind::kHolderChanged).has_value(); }));
    one.holder->candidate().close();
  }
  const auto each = [&](const auto& check) {
    for (std::uint64_t i = 0; i < cases.size(); ++i) {
      SCOPED_TRACE("cut at request " + std::to_string(i / 2 + 1));
      check(cases[i], i / 2 + 1);
    }
  };
  each([](const Case& one, std::uint64_t k) {
    ASSERT_TRUE(one.waiter->comes_to_lead());
    ASSERT_TRUE(wait_until([&] { return one.proxy->requests() > k; }));
  });
  std::this_thread::sleep_for(kLease / 4);  // A heartbeat later at least.
  each([](const Case& one, std::uint64_t /*k*/) {
    EXPECT_TRUE(one.waiter->leads());
    EXPECT_FALSE(one.waiter->last(EventKind::kLost));
    const auto all = one.kind.connect()->list();
    ASSERT_TRUE(all) << all.error().message;
    ASSERT_EQ(all->size(), 1U);
    EXPECT_EQ(all->front().owner, one.waiter->candidate().config().owner);
    one.waiter->candidate().close();
  });
  each([](const Case& one, std::uint64_t /*k*/) {
    ASSERT_TRUE(one.waiter->candidate().wait_settled(seconds(30)));
    EXPECT_TRUE(one.kind.connect()->list()->empty()) << "it had one place, and has none now";
  });
}

TEST_F(EtcdElection, AWatchThatIsCutIsTakenUpAgain) {
  FaultProxy proxy(port_);
  const auto a = stand(seconds(10));
  ASSERT_TRUE(a->comes_to_lead());
  Standing b(kind.connect_to(proxy.port()), seconds(10));
  ASSERT_TRUE(wait_until([&] { return proxy.connections() == 2; }));
  std::this_thread::sleep_for(milliseconds(100));
  proxy.cut_all();
  ASSERT_TRUE(wait_until([&] { return proxy.connections() == 4; })) << "its own, and the watch's";
  const Instant closed_at = boottime_now();
  a->candidate().close();
  ASSERT_TRUE(b.comes_to_lead());
  EXPECT_LT(b.last(EventKind::kElected)->at, closed_at + seconds(5))
      << "without a watch it looks at the queue once in a lease";
}

TEST_F(EtcdElection, AJoinThatIsAppliedAfterItsSessionMakesNoPlace) {
  FaultProxy proxy(port_);
  const auto late = kind.connect_to(proxy.port());
  const auto other = kind.connect();
  const SessionId session = send(*late, OpenSession{seconds(30)}).session;
  proxy.set_delay(milliseconds(400));
  const std::uint64_t requests = proxy.requests();
  QueueRequest request{.id = 1, .name = "queue", .timeout = milliseconds(100)};
  request.operation = JoinQueue{session, "guid", "late"};
  EXPECT_EQ(late->apply(request).outcome, StoreOutcome::kAmbiguous);
  EXPECT_EQ(send(*other, CloseSession{session}).outcome, StoreOutcome::kApplied);
  EXPECT_EQ(proxy.requests(), requests + 1) << "it is on its way";
  std::this_thread::sleep_for(milliseconds(600));
  EXPECT_TRUE(places().empty());
}

TEST_F(EtcdElection, AFencedWriteThatIsAppliedAfterItsLeadershipChangesNothing) {
  constexpr milliseconds kDelay{300};
  FaultProxy proxy(port_);
  EtcdConfig config = read_etcd_address(kind.address(proxy.port())).value();
  config.timeout = kDelay + kDelay / 2;
  const auto late = EtcdStore::open(config).value();
  bool was_late = false;
  // It looks, and then writes: only the second of the two shall come too late.
  for (int attempt = 0; attempt < 10 && !was_late; ++attempt) {
    const auto holder = kind.connect();
    const SessionId session = send(*holder, OpenSession{seconds(30)}).session;
    const QueuePlace place = send(*holder, JoinQueue{session, "guid", "a"}).places.at(0);
    proxy.set_delay(kDelay);
    const auto began = std::chrono::steady_clock::now();
    const StoreOutcome outcome = late->fenced_put("queue", place.token, "key", "late");
    EXPECT_EQ(send(*holder, CloseSession{session}).outcome, StoreOutcome::kApplied);
    was_late = outcome == StoreOutcome::kAmbiguous &&
               std::chrono::steady_clock::now() < began + 2 * kDelay;
    std::this_thread::sleep_for(2 * kDelay);
    proxy.set_delay(Duration::zero());
    if (was_late) {
      EXPECT_FALSE(*holder->fenced_get("key"));
    }
  }
  EXPECT_TRUE(was_late) << "the machine was too slow each time";
}

TEST_F(EtcdElection, WhileEtcdStandsStillItStepsDownByItsOwnClock) {
  const auto a = stand();
  ASSERT_TRUE(a->comes_to_lead());
  const FencingToken token = a->token();
  EtcdServer::shared().send_signal(SIGSTOP);
  const bool is_lost = wait_until([&] { return a->last(EventKind::kLost).has_value(); });
  EtcdServer::shared().send_signal(SIGCONT);
  ASSERT_TRUE(is_lost);
  EXPECT_TRUE(a->last(EventKind::kDanger));
  EXPECT_EQ(a->last(EventKind::kLost)->reason, EndReason::kLapsed);
  ASSERT_TRUE(a->comes_to_lead()) << "the silence was not for ever";
  EXPECT_GT(a->token(), token);
}

TEST_F(EtcdElection, ALeaseThatAnOperatorRevokesEndsItAndItStandsAgain) {
  const auto a = stand();
  ASSERT_TRUE(a->comes_to_lead());
  const FencingToken token = a->token();
  const std::vector<QueuePlace> seen = places();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(send(*kind.connect(), CloseSession{seen[0].session}).outcome, StoreOutcome::kApplied);
  ASSERT_TRUE(wait_until([&] { return a->last(EventKind::kLost).has_value(); }));
  EXPECT_EQ(a->last(EventKind::kLost)->reason, EndReason::kSessionEnded);
  ASSERT_TRUE(a->comes_to_lead());
  EXPECT_GT(a->token(), token);
}

TEST_F(EtcdElection, APlaceThatWasMadeAnewOrUnboundIsNotOnesOwn) {
  const auto client = HttpClient::create().value();
  const auto store = kind.connect();
  const auto post = [&](const std::string& path, const std::string& body) {
    HttpRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(port_) + path;
    request.body = body;
    const HttpReply reply = client->send(request);
    EXPECT_EQ(reply.status, 200) << reply.body << reply.trouble;
  };
  for (const bool is_unbound : {true, false}) {
    const SessionId session = send(*store, OpenSession{seconds(30)}).session;
    const QueuePlace place = send(*store, JoinQueue{session, "guid", "a"}).places.at(0);
    const std::string prefix = kind.address(port_).substr(kind.address(port_).find('/') + 1);
    const std::string key = prefix + "/queues/queue/" + place.id.substr(0, 16);
    const auto keep = [&] { return send(*store, KeepSession{session, place.id}).outcome; };
    EXPECT_EQ(keep(), StoreOutcome::kApplied);
    const std::uint64_t lease = is_unbound ? 0 : session.value();
    const std::string base = etcd::base64(key);
    if (!is_unbound) post("/v3/kv/deleterange", R"({"key":")" + base + R"("})");
    post("/v3/kv/put",
         R"({"key":")" + base + R"(","value":"eA==","lease":")" + std::to_string(lease) + R"("})");
    EXPECT_EQ(keep(), StoreOutcome::kConditionFailed);
    if (is_unbound) {
      EXPECT_TRUE(send(*store, ListQueue{session}).places.empty()) << "it stands in nobody's way";
      post("/v3/kv/deleterange", R"({"key":")" + base + R"("})");
    }
    EXPECT_EQ(send(*store, CloseSession{session}).outcome, StoreOutcome::kApplied);
  }
}

TEST_F(EtcdElection, AnEndpointThatIsGoneIsLeftForTheNext) {
  FaultProxy gone(port_);
  gone.set_refusing(true);
  const std::string address =
      "127.0.0.1:" + std::to_string(gone.port()) + "," + kind.address(port_);
  Standing a(EtcdKind::connect_to(address), kLease);
  ASSERT_TRUE(a.comes_to_lead());
  ASSERT_TRUE(wait_until([&] { return a.extensions() >= 2; }));
  EXPECT_EQ(a.candidate().status().counters.unavailable, 0U);
}

TEST_F(EtcdElection, AnEtcdThatAsksWhoItIsGetsAnAnswer) {
  if (!is_long()) return;  // Another server, and etcd takes its time with passwords.
  const EtcdServer server;
  const auto client = HttpClient::create().value();
  const std::pair<const char*, const char*> steps[] = {
      {"user/add", R"({"name":"root","password":"secret"})"},
      {"user/grant", R"({"user":"root","role":"root"})"},
      {"enable", "{}"},
  };
  for (const auto& [path, body] : steps) {
    HttpRequest request;
    request.url = "http://" + server.address() + "/v3/auth/" + path;
    request.body = body;
    request.timeout = seconds(10);
    const HttpReply reply = client->send(request);
    ASSERT_EQ(reply.status, 200) << path << reply.body << reply.trouble;
  }
  EtcdConfig config = read_etcd_address(server.address()).value();
  EXPECT_FALSE(EtcdStore::open(config).value()->list());
  config.user = "root";
  config.password = "secret";
  const auto a = std::make_unique<Standing>(EtcdStore::open(config).value(), seconds(30));
  ASSERT_TRUE(a->comes_to_lead());
  Standing b(EtcdStore::open(config).value(), seconds(30));
  ASSERT_TRUE(wait_until([&] { return b.last(EventKind::kHolderChanged).has_value(); }));
  a->candidate().close();
  ASSERT_TRUE(b.comes_to_lead()) << "told by its watch";
}

/// Three members; of the watch's silence when a majority is gone, and of what the others do.
TEST_F(EtcdElection, WithoutAMajorityNobodyLeadsAndAfterwardsOneDoes) {
  if (!is_long()) return;  // It takes half a minute.
  const EtcdServer cluster(3);
  Standing a(EtcdKind::connect_to(cluster.address()), seconds(3));
  ASSERT_TRUE(a.comes_to_lead());
  Standing b(EtcdKind::connect_to(cluster.address()), seconds(3));
  ASSERT_TRUE(wait_until([&] { return b.last(EventKind::kHolderChanged).has_value(); }));
  const FencingToken token = a.token();
  const std::uint64_t reads = b.candidate().status().counters.reads;
  cluster.send_signal(SIGSTOP, 1);
  cluster.send_signal(SIGSTOP, 2);
  ASSERT_TRUE(wait_until([&] { return a.last(EventKind::kLost).has_value(); }));
  EXPECT_EQ(a.last(EventKind::kLost)->reason, EndReason::kLapsed);
  ASSERT_TRUE(wait_until([&] { return b.candidate().status().counters.reads > reads; }))
      << "its watch has ended, and it looks";
  std::this_thread::sleep_for(seconds(10));
  EXPECT_FALSE(a.leads() || b.leads());
  cluster.send_signal(SIGCONT, 1);
  cluster.send_signal(SIGCONT, 2);
  ASSERT_TRUE(wait_until([&] { return a.leads() || b.leads(); }));
  EXPECT_FALSE(a.leads() && b.leads());
  EXPECT_GT(std::max(a.token(), b.token()), token);
  // One member gone for good: whoever leads goes on.
  const FencingToken now = std::max(a.token(), b.token());
  cluster.send_signal(SIGKILL, 0);
  std::this_thread::sleep_for(seconds(15));
  EXPECT_GE(std::max(a.token(), b.token()), now);
}

}  // namespace
}  // namespace vouch::election::testing
