// The threads around an Elector: that they deliver, in order, and that a store that hangs delays
// nothing that must not wait.

#include "vouch/election_runner/candidate.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/election/heard.h"
#include "tests/support/process.h"
#include "vouch/election_runner/memory_lock_store.h"
#include "vouch/election_runner/memory_queue_store.h"
#include "vouch/election_runner/owner.h"

namespace vouch::election::testing {
namespace {

using std::chrono::milliseconds;
using vouch::testing::wait_until;

ElectorConfig config_for(Duration lease) {
  ElectorConfig config = scaled_to(lease);
  config.name = "lock";
  return config;
}

TEST(Candidate, LeadsRenewsAndGivesTheLockBack) {
  MemoryLockStore store;
  Heard heard;
  auto candidate = Candidate::create(config_for(milliseconds(2000)), store, &heard).value();
  EXPECT_FALSE(candidate->config().owner.empty()) << "made up";
  EXPECT_FALSE(candidate->current());
  candidate->start();
  ASSERT_TRUE(wait_until([&] { return heard.has(EventKind::kElected); }));
  EXPECT_EQ(candidate->status().role, Role::kLeading);
  ASSERT_TRUE(wait_until([&] { return heard.extensions() >= 2; }));
  EXPECT_EQ(candidate->current()->token, FencingToken{1});
  candidate->close();
  EXPECT_TRUE(candidate->current()) << "until the work has stopped";
  candidate->work_stopped();
  EXPECT_FALSE(candidate->current());
  EXPECT_TRUE(candidate->wait_settled(std::chrono::minutes(1)));
  EXPECT_TRUE(store.list()->at(0).is_released);
}

/// Takes its time before it notes that leadership has ended.
class Slow final : public CandidateListener {
 public:
  void handle_event(const LeadershipEvent& event) override {
    if (event.kind == EventKind::kLost) std::this_thread::sleep_for(milliseconds(30));
    heard_.handle_event(event);
  }
  [[nodiscard]] bool has(EventKind kind) const { return heard_.has(kind); }

 private:
  Heard heard_;
};

TEST(Candidate, SettledIsWhatTheListenerHasHeardTheEndOf) {
  MemoryLockStore store;
  Slow slow;
  auto candidate = Candidate::create(config_for(milliseconds(2000)), store, &slow).value();
  candidate->start();
  ASSERT_TRUE(wait_until([&] { return slow.has(EventKind::kElected); }));
  candidate->close();
  candidate->work_stopped();
  EXPECT_TRUE(candidate->wait_settled(std::chrono::minutes(1)));
  EXPECT_TRUE(slow.has(EventKind::kLost));
}

TEST(Candidate, TheNextLeadsWhenTheFirstGivesUp) {
  MemoryLockStore store;
  Heard heard_a;
  Heard heard_b;
  auto a = Candidate::create(config_for(milliseconds(5000)), store, &heard_a).value();
  auto b = Candidate::create(config_for(milliseconds(5000)), store, &heard_b).value();
  a->start();
  ASSERT_TRUE(wait_until([&] { return heard_a.has(EventKind::kElected); }));
  b->start();
  ASSERT_TRUE(wait_until([&] { return heard_b.has(EventKind::kHolderChanged); }));
  EXPECT_EQ(heard_b.events()[0].holder, a->config().owner);
  a->resign();
  ASSERT_TRUE(wait_until([&] { return heard_a.has(EventKind::kStop); }));
  a->work_stopped();
  ASSERT_TRUE(wait_until([&] { return heard_b.has(EventKind::kElected); }));
  EXPECT_EQ(b->current()->token, FencingToken{2});
}

/// Answers until it is told to hang, and then not before it is told to go on.
class HangingStore final : public LockStore {
 public:
  StoreReply apply(const StoreRequest& request) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !hangs_; });
    return table_.apply(request);
  }
  Result<std::vector<LockRecord>> list() override { return table_.list(); }
  StoreOutcome force_release(const std::string& name) override {
    return table_.force_release(name);
  }
  StoreOutcome fenced_put(const std::string& name, FencingToken token, const std::string& key,
                          const std::string& value) override {
    return table_.fenced_put(name, token, key, value);
  }
  Result<std::optional<std::string>> fenced_get(const std::string& key) override {
    return table_.fenced_get(key);
  }
  void hang(bool hangs) {
    const std::lock_guard lock(mutex_);
    hangs_ = hangs;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hangs_ = false;
  LockTable table_;
};

TEST(Candidate, AStoreThatHangsDelaysNoWarning) {
  HangingStore store;
  Heard heard;
  auto candidate = Candidate::create(config_for(milliseconds(400)), store, &heard).value();
  candidate->start();
  ASSERT_TRUE(wait_until([&] { return heard.has(EventKind::kElected); }));
  store.hang(true);
  ASSERT_TRUE(wait_until([&] { return heard.has(EventKind::kLost); }));
  EXPECT_FALSE(candidate->current());
  std::vector<EventKind> kinds;
  for (const LeadershipEvent& event : heard.events())
    kinds.push_back(event.kind);
  EXPECT_EQ(kinds, (std::vector{EventKind::kElected, EventKind::kDanger, EventKind::kStop,
                                EventKind::kLost}));
  candidate->work_stopped();
  store.hang(false);
  ASSERT_TRUE(wait_until([&] { return candidate->current().has_value(); }));
  EXPECT_EQ(candidate->current()->token, FencingToken{2});
}

TEST(Candidate, InAQueueTheNextLeadsAsSoonAsTheFirstHasLeft) {
  MemoryQueueService service;
  const auto store_a = service.connect();
  const auto store_b = service.connect();
  Heard heard_a;
  Heard heard_b;
  auto a = Candidate::create(config_for(std::chrono::minutes(5)), *store_a, &heard_a).value();
  auto b = Candidate::create(config_for(std::chrono::minutes(5)), *store_b, &heard_b).value();
  EXPECT_EQ(a->config().store, StoreKind::kQueue);
  a->start();
  ASSERT_TRUE(wait_until([&] { return heard_a.has(EventKind::kElected); }));
  b->start();
  ASSERT_TRUE(wait_until([&] { return heard_b.has(EventKind::kHolderChanged); }));
  EXPECT_EQ(heard_b.events()[0].holder, a->config().owner);
  EXPECT_FALSE(b->current());
  const FencingToken token = a->current()->token;
  a->close();
  a->work_stopped();
  EXPECT_TRUE(a->wait_settled(std::chrono::minutes(1)));
  // Told, since a look of its own would come a minute later.
  ASSERT_TRUE(wait_until([&] { return heard_b.has(EventKind::kElected); }));
  EXPECT_GT(b->current()->token, token);
}

TEST(Candidate, InAQueueOneThatIsDestroyedHearsNoNoticeAndRunsOut) {
  MemoryQueueService service;
  const auto store_b = service.connect();
  auto b = Candidate::create(config_for(milliseconds(100)), *store_b, nullptr).value();
  for (int i = 0; i < 6; ++i) {
    const auto store_a = service.connect();
    const auto store_c = service.connect();
    auto a = Candidate::create(config_for(milliseconds(100)), *store_a, nullptr).value();
    auto c = Candidate::create(config_for(milliseconds(100)), *store_c, nullptr).value();
    a->start();
    c->start();
    ASSERT_TRUE(wait_until([&] { return a->current() || c->current(); }));
    a->close();
    a->work_stopped();
    a.reset();  // Its place goes at the same time as c does.
    c.reset();
  }
  b->start();
  EXPECT_TRUE(wait_until([&] { return b->current().has_value(); }));
}

TEST(Candidate, ABadConfigurationIsRefused) {
  MemoryLockStore store;
  ElectorConfig config = config_for(milliseconds(400));
  config.heartbeat_interval = milliseconds(300);
  const auto made = Candidate::create(config, store, nullptr);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::kBadConfig);
}

TEST(Candidate, OwnersAreUnique) {
  EXPECT_NE(unique_owner(), unique_owner());
  EXPECT_LE(unique_owner().size(), kNameMax);
  EXPECT_GE(unique_owner().size(), 16U);
}

}  // namespace
}  // namespace vouch::election::testing
