#include "vouch/sim/host_work.h"

#include <gtest/gtest.h>

#include <chrono>

namespace vouch::sim {
namespace {

using namespace std::chrono_literals;

constexpr Instant kBegin{1s};
constexpr WorkOptions kOptions{10ms, 400};

HostWork leader() {
  HostWork work(NodeId{1}, 3, kOptions);
  work.lead(kBegin, Term{4});
  return work;
}

TEST(HostWork, CommitsWhatAMajorityHasStored) {
  HostWork work = leader();
  EXPECT_FALSE(work.advance(kBegin + 9ms));
  const auto append = work.advance(work.next_due());
  ASSERT_TRUE(append);
  EXPECT_EQ(append->index, 1U);
  EXPECT_EQ(work.committed(), 0U);
  EXPECT_EQ(work.oldest_pending(kBegin + 15ms), 5ms);
  work.handle(NodeId{3}, WorkAck{Term{4}, 1});
  EXPECT_EQ(work.committed(), 1U);
  EXPECT_EQ(work.oldest_pending(kBegin + 15ms), Duration::zero());
}

TEST(HostWork, PendingWorkGrowsOldWhileTheWorkerHangs) {
  HostWork work = leader();
  EXPECT_TRUE(work.advance(kBegin + 10ms));
  work.handle(NodeId{2}, WorkAck{Term{4}, 1});
  EXPECT_TRUE(work.set_worker(false));
  EXPECT_FALSE(work.set_worker(false));
  EXPECT_FALSE(work.advance(kBegin + 1s));  // Accepted, not replicated.
  work.handle(NodeId{2}, WorkAck{Term{4}, 100});
  EXPECT_EQ(work.committed(), 1U);
  EXPECT_EQ(work.oldest_pending(kBegin + 1s), 980ms);
  // It does not become young by losing the leadership, only by a worker that works.
  work.lead(kBegin + 1s, Term{});
  EXPECT_EQ(work.oldest_pending(kBegin + 2s), 1980ms);
  EXPECT_TRUE(work.set_worker(true));
  EXPECT_EQ(work.oldest_pending(kBegin + 2s), Duration::zero());
}

TEST(HostWork, AFollowerStoresOrItsWorkGrowsOld) {
  HostWork work(NodeId{2}, 3, kOptions);
  const auto ack = work.handle(kBegin, WorkAppend{Term{4}, 7});
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->index, 7U);
  EXPECT_EQ(work.log(), (LogPosition{Term{4}, 7}));
  EXPECT_FALSE(work.handle(kBegin, WorkAppend{Term{3}, 9}));  // Of a deposed leader.
  EXPECT_TRUE(work.set_disk(false));
  EXPECT_FALSE(work.handle(kBegin + 1s, WorkAppend{Term{4}, 8}));
  EXPECT_EQ(work.oldest_pending(kBegin + 3s), 2s);
  EXPECT_EQ(work.log(), (LogPosition{Term{4}, 7}));
  // A restart keeps the log and what the disk does; a lost disk loses the log.
  work.start(false);
  EXPECT_FALSE(work.handle(kBegin + 4s, WorkAppend{Term{4}, 9}));
  EXPECT_EQ(work.log(), (LogPosition{Term{4}, 7}));
  work.start(true);
  EXPECT_EQ(work.log(), LogPosition{});
}

TEST(HostWork, AnswersOfAnotherTermCountForNothing) {
  HostWork work = leader();
  EXPECT_TRUE(work.advance(kBegin + 10ms));
  work.handle(NodeId{2}, WorkAck{Term{3}, 50});
  EXPECT_EQ(work.committed(), 0U);
}

}  // namespace
}  // namespace vouch::sim
