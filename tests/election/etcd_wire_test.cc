// What EtcdStore makes of replies: those that are as they should be, and those that are not. Played
// by a server that says whatever it is told to.

#include <gtest/gtest.h>

#include <mutex>

#include "etcd_wire.h"
#include "tests/support/http_server.h"
#include "tests/support/process.h"
#include "vouch/election_etcd/etcd_store.h"

namespace vouch::election::testing {
namespace {

using vouch::testing::http_reply;
using vouch::testing::HttpServer;

TEST(EtcdWire, BytesSurviveBase64AndEscaping) {
  std::string bytes;
  for (int i = 0; i < 256; ++i)
    bytes += static_cast<char>(i);
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const std::string part = bytes.substr(bytes.size() - length);
    EXPECT_EQ(etcd::from_base64(etcd::base64(part)), part);
    EXPECT_EQ(etcd::unescape(etcd::escape(part)), part);
  }
  EXPECT_EQ(etcd::base64("any"), "YW55");
  EXPECT_EQ(etcd::base64("an"), "YW4=");
  EXPECT_EQ(etcd::escape("a/b %"), "a%2Fb%20%25");
  for (const char* const bad : {"YW5", "Y!55", "====", "YW=5"})
    EXPECT_FALSE(etcd::from_base64(bad)) << bad;
  for (const char* const bad : {"%", "%2", "%zz", "%-1"})
    EXPECT_FALSE(etcd::unescape(bad)) << bad;
}

TEST(EtcdWire, ErrorsAreReadAsTheGatewayOfEitherAgeWritesThem) {
  EXPECT_EQ(etcd::read_error(R"({"error":"a","message":"a","code":5})"), "a");
  EXPECT_EQ(etcd::read_error(R"({"code":5,"message":"b"})"), "b");
  EXPECT_EQ(etcd::read_error(R"({"error":{"grpc_code":14,"message":"c"}})"), "c");
  EXPECT_EQ(etcd::read_error("<html>"), "");
  EXPECT_EQ(etcd::read_error("[]"), "");
}

constexpr const char* kHeader = R"("header":{"revision":"9","raft_term":"2"})";
const std::string kGrant = std::string("{") + kHeader + R"(,"ID":"77","TTL":"3"})";
const std::string kKept = std::string(R"({"result":{)") + kHeader + R"(,"ID":"77","TTL":"3"}})";

/// Key `queue` of lease 77, made at revision 5.
std::string place_json(const std::string& lease = "77", const std::string& created = "5") {
  return R"({"key":")" + etcd::base64("vouch/queues/queue/000000000000004d") +
         R"(","create_revision":")" + created + R"(","value":")" + etcd::base64("g 3 a") +
         R"(","lease":")" + lease + R"("})";
}
std::string pairs_json(const std::string& pairs) {
  return std::string("{") + kHeader + R"(,"kvs":[)" + pairs + "]}";
}

/// A store whose server says to each path what `replies` has for it.
class PlayedEtcd : public ::testing::Test {
 protected:
  PlayedEtcd()
      : server_([this](const std::string& request) { return reply_to(request); }),
        store_(EtcdStore::open(
                   read_etcd_address("127.0.0.1:" + std::to_string(server_.port())).value())
                   .value()) {
    store_->set_notify([this](const QueueNotice& notice) {
      const std::lock_guard lock(mutex_);
      notices_.push_back(notice.kind);
    });
    set("/v3/lease/grant", kGrant);
    set("/v3/lease/keepalive", kKept);
    set("/v3/kv/range", pairs_json(place_json()));
  }

  void set(const std::string& path, const std::string& body, int status = 200) {
    const std::lock_guard lock(mutex_);
    replies_[path] = http_reply(status, body);
  }
  QueueReply send(QueueOperation operation) {
    return store_->apply({.id = 3,
                          .name = "queue",
                          .operation = std::move(operation),
                          .timeout = std::chrono::seconds(10)});
  }
  [[nodiscard]] std::vector<QueueNoticeKind> notices() {
    const std::lock_guard lock(mutex_);
    return notices_;
  }

  static constexpr SessionId kSession{77};
  const std::string place_ = "000000000000004d@5";
  std::unique_ptr<EtcdStore>& store() { return store_; }

 private:
  std::optional<std::string> reply_to(const std::string& request) {
    const std::lock_guard lock(mutex_);
    for (const auto& [path, reply] : replies_) {
      if (request.starts_with("POST " + path + " ")) return reply;
    }
    return std::nullopt;
  }

  std::mutex mutex_;
  std::map<std::string, std::string> replies_;
  std::vector<QueueNoticeKind> notices_;
  HttpServer server_;
  std::unique_ptr<EtcdStore> store_;
};

TEST_F(PlayedEtcd, WhatIsAsItShouldBeIsRead) {
  const QueueReply opened = send(OpenSession{std::chrono::milliseconds(2500)});
  EXPECT_EQ(opened.session, kSession);
  EXPECT_EQ(opened.timeout, std::chrono::seconds(3));
  EXPECT_EQ(send(KeepSession{kSession, place_}).outcome, StoreOutcome::kApplied);
  const QueueReply listed = send(ListQueue{kSession});
  const QueuePlace expected{place_, "g", "a", kSession, FencingToken{5}};
  EXPECT_EQ(listed.places, std::vector{expected});
}

TEST_F(PlayedEtcd, ARenewalAndAReadUnderTwoLeadersOfEtcdProveNothing) {
  set("/v3/lease/keepalive",
      R"({"result":{"header":{"revision":"9","raft_term":"1"},"ID":"77","TTL":"3"}})");
  EXPECT_EQ(send(KeepSession{kSession, place_}).outcome, StoreOutcome::kAmbiguous);
  EXPECT_EQ(send(ListQueue{kSession}).outcome, StoreOutcome::kAmbiguous);
  EXPECT_NE(send(ListQueue{kSession}).trouble.find("elected a leader"), std::string::npos);
}

TEST_F(PlayedEtcd, ALeaseWithoutALifetimeIsDead) {
  set("/v3/lease/keepalive", std::string(R"({"result":{)") + kHeader + R"(,"ID":"77"}})");
  EXPECT_EQ(send(KeepSession{kSession, place_}).outcome, StoreOutcome::kConditionFailed);
  set("/v3/lease/keepalive",
      std::string(R"({"result":{)") + kHeader + R"(,"ID":"77","TTL":"-1"}})");
  EXPECT_EQ(send(ListQueue{kSession}).outcome, StoreOutcome::kConditionFailed);
}

TEST_F(PlayedEtcd, ALeaseThatIsRenewedForLessThanWasGrantedIsNotCountedOn) {
  ASSERT_EQ(send(OpenSession{std::chrono::seconds(3)}).session, kSession);
  set("/v3/lease/keepalive", std::string(R"({"result":{)") + kHeader + R"(,"ID":"77","TTL":"2"}})");
  EXPECT_EQ(send(KeepSession{kSession, place_}).outcome, StoreOutcome::kAmbiguous);
}

TEST_F(PlayedEtcd, AnotherPlaceUnderTheSameKeyIsNotOnesOwn) {
  set("/v3/kv/range", pairs_json(place_json("77", "6")));
  EXPECT_EQ(send(KeepSession{kSession, place_}).outcome, StoreOutcome::kConditionFailed);
  set("/v3/kv/range", pairs_json(place_json("78", "5")));
  EXPECT_EQ(send(KeepSession{kSession, place_}).outcome, StoreOutcome::kConditionFailed);
  set("/v3/kv/range", pairs_json(""));
  EXPECT_EQ(send(KeepSession{kSession, place_}).outcome, StoreOutcome::kConditionFailed);
  for (const char* const id : {"", "x", "000000000000004d", "000000000000004d@", "4d@5"}) {
    const StoreOutcome expected =
        *id == '\0' ? StoreOutcome::kApplied : StoreOutcome::kConditionFailed;
    EXPECT_EQ(send(KeepSession{kSession, id}).outcome, expected) << id;
  }
}

TEST_F(PlayedEtcd, ARangeThatIsNotAsItShouldBeGivesNothing) {
  const std::string foreign =
      R"({"key":")" + etcd::base64("elsewhere") + R"(","create_revision":"5"})";
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string("{}"), std::string("null"),
        std::string(R"({"kvs":[]})"), pairs_json("7"), pairs_json(R"({"key":"!"})"),
        pairs_json(foreign), pairs_json(place_json("77", "0")), pairs_json(place_json("x")),
        pairs_json(place_json("77", "-5")), pairs_json(place_json("77", "99999999999999999999")),
        pairs_json(place_json("77", "7") + "," + place_json()),
        std::string("{") + kHeader + R"(,"more":true,"kvs":[)" + place_json() + "]}",
        std::string("{") + kHeader + R"(,"kvs":{}})",
        std::string(R"({"header":{"revision":"9"},"kvs":[]})"),
        std::string("{\"header\":\"\xff\"}"), std::string(100'000, '[')}) {
    set("/v3/kv/range", body);
    const QueueReply reply = send(ListQueue{kSession});
    EXPECT_EQ(reply.outcome, StoreOutcome::kAmbiguous) << body.substr(0, 200);
    EXPECT_EQ(reply.trouble, "a reply that is not etcd's");
    EXPECT_TRUE(reply.places.empty());
    EXPECT_FALSE(store()->list());
    EXPECT_EQ(store()->force_release("queue"), StoreOutcome::kUnavailable);
  }
}

TEST_F(PlayedEtcd, AValueThatNobodyOfUsWroteStillStandsInTheQueue) {
  std::string pair = place_json();
  const std::string value = etcd::base64("g 3 a");
  pair.replace(pair.find(value), value.size(), etcd::base64("rubbish"));
  set("/v3/kv/range", pairs_json(pair));
  const QueueReply listed = send(ListQueue{kSession});
  ASSERT_EQ(listed.places.size(), 1U);
  EXPECT_EQ(listed.places[0].guid, "");
  EXPECT_EQ(listed.places[0].token, FencingToken{5});
}

TEST_F(PlayedEtcd, ErrorsAreUnavailableAmbiguousOrTheEndOfTheSession) {
  struct Case {
    int status;
    const char* body;
    StoreOutcome outcome;
  };
  const Case cases[] = {
      {404, R"({"error":"etcdserver: requested lease not found","code":5})",
       StoreOutcome::kConditionFailed},
      {404, "Not Found", StoreOutcome::kUnavailable},
      {401, R"({"error":"etcdserver: invalid auth token","code":16})", StoreOutcome::kUnavailable},
      {400, R"({"error":"etcdserver: user name is empty","code":3})", StoreOutcome::kUnavailable},
      {429, R"({"error":"etcdserver: mvcc: database space exceeded","code":8})",
       StoreOutcome::kUnavailable},
      {503, R"({"error":"etcdserver: request timed out","code":14})", StoreOutcome::kAmbiguous},
      {500, "", StoreOutcome::kAmbiguous},
      {302, "", StoreOutcome::kAmbiguous},
  };
  for (const Case& one : cases) {
    set("/v3/kv/txn", one.body, one.status);
    const QueueReply reply = send(JoinQueue{kSession, "g", "a"});
    EXPECT_EQ(reply.outcome, one.outcome) << one.status << one.body;
    const bool is_told = one.outcome == StoreOutcome::kConditionFailed ||
                         reply.trouble.find(std::to_string(one.status)) != std::string::npos;
    EXPECT_TRUE(is_told) << reply.trouble;
  }
  EXPECT_EQ(send(JoinQueue{SessionId{}, "g", "a"}).outcome, StoreOutcome::kConditionFailed);
  EXPECT_EQ(send(CloseSession{kSession}).outcome, StoreOutcome::kAmbiguous) << "no reply at all";
}

TEST_F(PlayedEtcd, AWatchThatEndsIsALostLinkAndOneThatDoesNotBeginIsUnavailable) {
  const std::string created =
      std::string(R"({"result":{)") + kHeader + R"(,"created":true}})" + "\n";
  const std::string no_leader = R"({"error":{"message":"etcdserver: no leader"}})"
                                "\n";
  set("/v3/watch", no_leader);
  const QueueReply refused = send(WatchPlace{kSession, place_});
  EXPECT_EQ(refused.outcome, StoreOutcome::kUnavailable);
  EXPECT_NE(refused.trouble.find("no leader"), std::string::npos) << refused.trouble;
  const std::string canceled =
      R"({"result":{"canceled":true,"cancel_reason":"etcdserver: no leader"}})"
      "\n";
  std::size_t count = 0;
  for (const std::string& rest : {no_leader, canceled, std::string(), std::string("{}\n")}) {
    set("/v3/watch", created + rest);
    EXPECT_EQ(send(WatchPlace{kSession, place_}).outcome, StoreOutcome::kApplied);
    ++count;
    ASSERT_TRUE(vouch::testing::wait_until([&] { return notices().size() == count; }));
    EXPECT_EQ(notices().back(), QueueNoticeKind::kLinkLost);
  }
  set("/v3/watch", created + R"({"result":{"events":[{"type":"DELETE","kv":{"key":"eA=="}}]}})"
                             "\n");
  EXPECT_EQ(send(WatchPlace{kSession, place_}).outcome, StoreOutcome::kApplied);
  ASSERT_TRUE(vouch::testing::wait_until([&] { return notices().size() == count + 1; }));
  EXPECT_EQ(notices().back(), QueueNoticeKind::kPlaceGone);
}

TEST(EtcdUser, SignsInAndDoesSoAnewWhenItsTokenHasRunOut) {
  int tokens = 0;
  bool is_known = true;
  HttpServer server([&](const std::string& request) -> std::string {
    if (request.starts_with("POST /v3/auth/authenticate ")) {
      if (!request.ends_with(R"({"name":"me \"","password":"pass:word"})")) {
        return http_reply(400, R"({"error":"etcdserver: authentication failed"})");
      }
      return http_reply(200, R"({"token":"t)" + std::to_string(++tokens) + R"("})");
    }
    const bool has_newest =
        request.find("Authorization: t" + std::to_string(tokens) + "\r\n") != std::string::npos;
    if (has_newest && is_known) return http_reply(200, kGrant);
    is_known = true;
    return http_reply(401, R"({"error":"etcdserver: invalid auth token","code":16})");
  });
  EtcdConfig config = read_etcd_address("127.0.0.1:" + std::to_string(server.port())).value();
  const auto open_session = [](EtcdStore& store) {
    return store.apply({.id = 1,
                        .name = "queue",
                        .operation = OpenSession{std::chrono::seconds(3)},
                        .timeout = std::chrono::seconds(10)});
  };
  EXPECT_EQ(open_session(*EtcdStore::open(config).value()).outcome, StoreOutcome::kUnavailable);
  config.user = "me \"";
  config.password = "wrong";
  const QueueReply refused = open_session(*EtcdStore::open(config).value());
  EXPECT_EQ(refused.outcome, StoreOutcome::kUnavailable);
  EXPECT_NE(refused.trouble.find("authentication failed"), std::string::npos) << refused.trouble;
  config.password = "pass:word";
  const auto store = EtcdStore::open(config).value();
  EXPECT_EQ(open_session(*store).outcome, StoreOutcome::kApplied);
  EXPECT_EQ(open_session(*store).outcome, StoreOutcome::kApplied);
  EXPECT_EQ(tokens, 1);
  is_known = false;
  EXPECT_EQ(open_session(*store).outcome, StoreOutcome::kApplied);
  EXPECT_EQ(tokens, 2);
}

TEST(EtcdAddress, IsReadOrRefusedWithItsReason) {
  const EtcdConfig plain = read_etcd_address("a:1,[::1]:2379/x/y").value();
  EXPECT_EQ(plain.endpoints, (std::vector<std::string>{"http://a:1", "http://[::1]:2379"}));
  EXPECT_EQ(plain.prefix, "x/y");
  const EtcdConfig secure = read_etcd_address("https://a:1,b:2").value();
  EXPECT_EQ(secure.endpoints, (std::vector<std::string>{"https://a:1", "https://b:2"}));
  EXPECT_EQ(secure.prefix, "vouch");
  for (const char* const bad : {"", "a", "a:", ":1", "a:0", "a:65536", "a:1,", ",a:1", "a:1,,b:1",
                                "a:1/", "a:1/x/", "u@a:1", "a b:1", "::1:1", "ftp://a:1"}) {
    EXPECT_FALSE(read_etcd_address(bad)) << bad;
  }
}

}  // namespace
}  // namespace vouch::election::testing
