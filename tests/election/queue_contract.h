#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/process.h"
#include "vouch/election/queue.h"

// What every store with queues must do. A store's test file says how one connects to it, and
// instantiates the suite:
//
//   struct SomeKind {
//     static std::string missing();             // Why it cannot be tested here; empty: it can.
//     std::unique_ptr<QueueStore> connect();    // One more client of the same queues.
//     Duration session() const;                 // The shortest timeout that it grants.
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Some, QueueContract, SomeKind);
//
// The queues of two objects of a kind are apart. A client has one session at a time.

namespace vouch::election::testing {

inline QueueReply send(QueueStore& store, QueueOperation operation,
                       const std::string& name = "queue") {
  return store.apply({.id = 7,
                      .name = name,
                      .operation = std::move(operation),
                      .timeout = std::chrono::seconds(10)});
}

/// Takes down what a store says without being asked.
class NoticeLog {
 public:
  void listen_to(QueueStore& store) {
    store.set_notify([this](const QueueNotice& notice) {
      const std::lock_guard lock(mutex_);
      notices_.push_back(notice);
    });
  }
  [[nodiscard]] std::vector<QueueNotice> all() const {
    const std::lock_guard lock(mutex_);
    return notices_;
  }
  [[nodiscard]] std::size_t count(QueueNoticeKind kind, SessionId session) const {
    const std::vector<QueueNotice> notices = all();
    return static_cast<std::size_t>(
        std::count_if(notices.begin(), notices.end(), [&](const QueueNotice& notice) {
          return notice.kind == kind && notice.session == session;
        }));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<QueueNotice> notices_;
};

template <typename Kind>
class QueueContract : public ::testing::Test {
 protected:
  /// A client with a session, and perhaps a place.
  struct Client {
    std::unique_ptr<NoticeLog> notices = std::make_unique<NoticeLog>();
    std::unique_ptr<QueueStore> store;
    SessionId session{};
    QueuePlace place;
  };

  void SetUp() override {
    if (const std::string missing = Kind::missing(); !missing.empty()) GTEST_SKIP() << missing;
    kind.emplace();
  }

  Client client(Duration timeout = std::chrono::seconds(30), const std::string& name = "queue") {
    Client client;
    client.store = kind->connect();
    client.notices->listen_to(*client.store);
    const QueueReply opened = send(*client.store, OpenSession{timeout}, name);
    EXPECT_EQ(opened.outcome, StoreOutcome::kApplied) << opened.trouble;
    EXPECT_EQ(opened.id, 7U);
    EXPECT_NE(opened.session, SessionId{});
    EXPECT_GE(opened.timeout, timeout);
    client.session = opened.session;
    return client;
  }

  void join(Client& client, const std::string& owner, const std::string& name = "queue") {
    const QueueReply joined =
        send(*client.store, JoinQueue{client.session, "guid-" + owner, owner}, name);
    ASSERT_EQ(joined.outcome, StoreOutcome::kApplied) << joined.trouble;
    ASSERT_EQ(joined.places.size(), 1U);
    client.place = joined.places.front();
    EXPECT_EQ(client.place.owner, owner);
    EXPECT_EQ(client.place.guid, "guid-" + owner);
    EXPECT_EQ(client.place.session, client.session);
    EXPECT_FALSE(client.place.id.empty());
  }

  Client joined(const std::string& owner, const std::string& name = "queue") {
    Client made = client(std::chrono::seconds(30), name);
    join(made, owner, name);
    return made;
  }

  std::vector<QueuePlace> list(Client& client, const std::string& name = "queue") {
    QueueReply reply = send(*client.store, ListQueue{client.session}, name);
    EXPECT_EQ(reply.outcome, StoreOutcome::kApplied) << reply.trouble;
    return std::move(reply.places);
  }

  StoreOutcome keep(Client& client, const std::string& place) {
    return send(*client.store, KeepSession{client.session, place}).outcome;
  }
  StoreOutcome watch(Client& client, const QueuePlace& place) {
    return send(*client.store, WatchPlace{client.session, place.id}).outcome;
  }
  StoreOutcome close(Client& client) {
    return send(*client.store, CloseSession{client.session}).outcome;
  }
  [[nodiscard]] static std::size_t gone(const Client& client) {
    return client.notices->count(QueueNoticeKind::kPlaceGone, client.session);
  }

  std::optional<Kind> kind;
};
TYPED_TEST_SUITE_P(QueueContract);

TYPED_TEST_P(QueueContract, PlacesStandInTheOrderInWhichTheyWereMade) {
  auto a = this->joined("a");
  EXPECT_EQ(this->list(a), std::vector{a.place});
  auto b = this->joined("b");
  auto c = this->joined("c");
  EXPECT_EQ(this->list(a), (std::vector{a.place, b.place, c.place}));
  EXPECT_LT(a.place.token, b.place.token);
  EXPECT_LT(b.place.token, c.place.token);
  EXPECT_EQ(this->close(b), StoreOutcome::kApplied);
  EXPECT_EQ(this->list(c), (std::vector{a.place, c.place}));
}

TYPED_TEST_P(QueueContract, TokensRiseAlsoAfterEverybodyHasLeft) {
  FencingToken last{};
  for (int i = 0; i < 3; ++i) {
    auto a = this->joined("a");
    EXPECT_GT(a.place.token, last);
    last = a.place.token;
    EXPECT_EQ(this->close(a), StoreOutcome::kApplied);
  }
}

TYPED_TEST_P(QueueContract, AnEndedSessionHasNothingAndDoesNothing) {
  auto a = this->joined("a");
  auto b = this->joined("b");
  EXPECT_EQ(this->close(a), StoreOutcome::kApplied);
  EXPECT_EQ(this->list(b), std::vector{b.place});
  const auto refused = [&](QueueOperation operation) {
    return send(*a.store, std::move(operation)).outcome == StoreOutcome::kConditionFailed;
  };
  EXPECT_TRUE(refused(KeepSession{a.session, a.place.id}));
  EXPECT_TRUE(refused(KeepSession{a.session, ""}));
  EXPECT_TRUE(refused(JoinQueue{a.session, "guid", "a"}));
  EXPECT_TRUE(refused(ListQueue{a.session}));
  EXPECT_TRUE(refused(WatchPlace{a.session, b.place.id}));
  EXPECT_TRUE(refused(CloseSession{a.session}));
  EXPECT_EQ(this->list(b), std::vector{b.place}) << "nothing was made";
}

TYPED_TEST_P(QueueContract, KeepingSaysWhetherThePlaceIsThere) {
  auto a = this->joined("a");
  EXPECT_EQ(this->keep(a, a.place.id), StoreOutcome::kApplied);
  auto b = this->joined("b");
  EXPECT_EQ(b.store->force_release("queue"), StoreOutcome::kApplied);
  EXPECT_EQ(this->keep(a, a.place.id), StoreOutcome::kConditionFailed);
  EXPECT_EQ(this->keep(a, ""), StoreOutcome::kApplied) << "the session lives";
  EXPECT_EQ(this->keep(b, b.place.id), StoreOutcome::kApplied);
}

TYPED_TEST_P(QueueContract, AWatchedPlaceIsToldOnceWhenItGoesAndNoOtherIs) {
  auto a = this->joined("a");
  auto b = this->joined("b");
  auto c = this->joined("c");
  EXPECT_EQ(this->watch(b, a.place), StoreOutcome::kApplied);
  EXPECT_EQ(this->watch(b, a.place), StoreOutcome::kApplied) << "again: still one notice";
  EXPECT_EQ(this->watch(c, b.place), StoreOutcome::kApplied);
  auto d = this->joined("d");
  EXPECT_EQ(this->keep(a, a.place.id), StoreOutcome::kApplied);
  EXPECT_EQ(this->close(d), StoreOutcome::kApplied);
  EXPECT_EQ(this->gone(b), 0U);
  EXPECT_EQ(this->close(a), StoreOutcome::kApplied);
  EXPECT_TRUE(vouch::testing::wait_until([&] { return this->gone(b) == 1; }));
  EXPECT_EQ(this->watch(b, a.place), StoreOutcome::kConditionFailed) << "it is gone already";
  EXPECT_EQ(this->close(b), StoreOutcome::kApplied);
  EXPECT_TRUE(vouch::testing::wait_until([&] { return this->gone(c) == 1; }));
  EXPECT_EQ(b.notices->all().size(), 1U);
  EXPECT_EQ(c.notices->all().size(), 1U);
  EXPECT_TRUE(a.notices->all().empty());
}

TYPED_TEST_P(QueueContract, WhoHearsNoMoreIsNotTold) {
  auto a = this->joined("a");
  auto b = this->joined("b");
  auto c = this->joined("c");
  EXPECT_EQ(this->watch(b, a.place), StoreOutcome::kApplied);
  EXPECT_EQ(this->watch(c, a.place), StoreOutcome::kApplied);
  b.store->set_notify({});
  EXPECT_EQ(this->close(a), StoreOutcome::kApplied);
  EXPECT_TRUE(vouch::testing::wait_until([&] { return this->gone(c) == 1; }));
  EXPECT_EQ(this->gone(b), 0U);
}

TYPED_TEST_P(QueueContract, AJoinWithoutAReplyIsFoundByItsGuid) {
  auto a = this->client();
  static_cast<void>(send(*a.store, JoinQueue{a.session, "mine", "a"}));
  static_cast<void>(send(*a.store, JoinQueue{a.session, "mine", "a"}));
  auto b = this->joined("b");
  const std::vector<QueuePlace> places = this->list(a);
  ASSERT_GE(places.size(), 2U);
  EXPECT_EQ(places.front().guid, "mine");
  EXPECT_EQ(places.front().session, a.session);
  EXPECT_EQ(places.back(), b.place);
  EXPECT_EQ(this->close(a), StoreOutcome::kApplied);
  EXPECT_EQ(this->list(b), std::vector{b.place}) << "all of them go with the session";
}

TYPED_TEST_P(QueueContract, QueuesOfOtherNamesAreApartAndAreListed) {
  const std::string odd = "it's \"odd\" 100%2F <\xc3\xa4>";
  for (const std::string& name : {std::string("a"), std::string("a/b"), std::string("ab"), odd}) {
    auto client = this->client(std::chrono::seconds(30), name);
    this->join(client, "of " + name, name);
    EXPECT_EQ(this->list(client, name), std::vector{client.place});
    const auto all = client.store->list();
    ASSERT_TRUE(all) << all.error().message;
    ASSERT_EQ(all->size(), 1U) << name;
    EXPECT_EQ(all->front().name, name);
    EXPECT_EQ(all->front().owner, "of " + name);
    EXPECT_EQ(all->front().token, client.place.token);
    EXPECT_FALSE(all->front().is_released);
    EXPECT_EQ(this->list(client, name).size(), 1U);
    send(*client.store, CloseSession{client.session}, name);
  }
  auto b = this->joined("b", "b");
  auto first = this->joined("first", "a");
  auto second = this->joined("second", "a");
  const auto all = b.store->list();
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 2U) << "ordered by name, the first place of each";
  EXPECT_EQ((*all)[0].name, "a");
  EXPECT_EQ((*all)[0].owner, "first");
  EXPECT_EQ((*all)[1].name, "b");
}

TYPED_TEST_P(QueueContract, ForceRemovesTheFirstPlaceWhoeverHasIt) {
  auto b = this->client();
  EXPECT_EQ(b.store->force_release("queue"), StoreOutcome::kConditionFailed);
  auto a = this->joined("a");
  this->join(b, "b");
  EXPECT_EQ(this->watch(b, a.place), StoreOutcome::kApplied);
  EXPECT_EQ(b.store->force_release("queue"), StoreOutcome::kApplied);
  EXPECT_TRUE(vouch::testing::wait_until([&] { return this->gone(b) == 1; }));
  EXPECT_EQ(this->list(b), std::vector{b.place});
  EXPECT_EQ(this->keep(a, a.place.id), StoreOutcome::kConditionFailed);
}

TYPED_TEST_P(QueueContract, AFencedWriteNeedsTheTokenOfTheFirstPlace) {
  auto a = this->joined("a");
  auto b = this->joined("b");
  const auto put = [&](const QueuePlace& place, const std::string& value) {
    return a.store->fenced_put("queue", place.token, "k", value);
  };
  EXPECT_EQ(a.store->fenced_put("queue", FencingToken{1}, "k", "no"),
            StoreOutcome::kConditionFailed);
  EXPECT_FALSE(*a.store->fenced_get("k"));
  EXPECT_EQ(put(a.place, "one"), StoreOutcome::kApplied);
  EXPECT_EQ(put(b.place, "not yet"), StoreOutcome::kConditionFailed);
  EXPECT_EQ(**b.store->fenced_get("k"), "one");
  EXPECT_EQ(this->close(a), StoreOutcome::kApplied);
  EXPECT_EQ(put(a.place, "late"), StoreOutcome::kConditionFailed);
  const std::string odd("\0 \xff\n\"", 5);
  EXPECT_EQ(put(b.place, odd), StoreOutcome::kApplied);
  EXPECT_EQ(**b.store->fenced_get("k"), odd);
  EXPECT_FALSE(*b.store->fenced_get("other"));
}

TYPED_TEST_P(QueueContract, ASessionThatIsNotKeptRunsOutAndItsPlaceGoes) {
  auto b = this->joined("b");
  auto a = this->client(this->kind->session());
  this->join(a, "a");
  auto c = this->joined("c");
  EXPECT_EQ(this->watch(c, a.place), StoreOutcome::kApplied);
  EXPECT_TRUE(vouch::testing::wait_until([&] {
    EXPECT_EQ(this->keep(b, b.place.id), StoreOutcome::kApplied);
    return this->gone(c) == 1;
  }));
  EXPECT_EQ(this->list(c), (std::vector{b.place, c.place}));
  EXPECT_EQ(this->keep(a, a.place.id), StoreOutcome::kConditionFailed);
}

TYPED_TEST_P(QueueContract, OfManyAtOnceEachHasItsOwnToken) {
  constexpr std::size_t kJoiners = 4;
  std::vector<typename TestFixture::Client> clients(kJoiners);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kJoiners; ++i)
    threads.emplace_back([&, i] { clients[i] = this->joined(std::to_string(i)); });
  for (std::thread& thread : threads)
    thread.join();
  std::vector<QueuePlace> expected;
  for (const auto& client : clients)
    expected.push_back(client.place);
  std::sort(expected.begin(), expected.end(),
            [](const QueuePlace& x, const QueuePlace& y) { return x.token < y.token; });
  for (std::size_t i = 1; i < kJoiners; ++i)
    EXPECT_LT(expected[i - 1].token, expected[i].token);
  EXPECT_EQ(this->list(clients[0]), expected);
}

REGISTER_TYPED_TEST_SUITE_P(
    QueueContract, PlacesStandInTheOrderInWhichTheyWereMade, TokensRiseAlsoAfterEverybodyHasLeft,
    AnEndedSessionHasNothingAndDoesNothing, KeepingSaysWhetherThePlaceIsThere,
    AWatchedPlaceIsToldOnceWhenItGoesAndNoOtherIs, WhoHearsNoMoreIsNotTold,
    AJoinWithoutAReplyIsFoundByItsGuid, QueuesOfOtherNamesAreApartAndAreListed,
    ForceRemovesTheFirstPlaceWhoeverHasIt, AFencedWriteNeedsTheTokenOfTheFirstPlace,
    ASessionThatIsNotKeptRunsOutAndItsPlaceGoes, OfManyAtOnceEachHasItsOwnToken);

}  // namespace vouch::election::testing
