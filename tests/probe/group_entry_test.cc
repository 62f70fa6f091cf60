// What travels on many groups: each entry is read as it was written, and nothing else is.

#include "vouch/probe/group_entry.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "vouch/detector/rng.h"
#include "vouch/probe/codec.h"

namespace vouch {
namespace {

constexpr ClusterHash kOwnCluster = cluster_hash("test");
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

Candidacy some_candidacy() {
  return {.log = {Term{7}, 1u << 20},
          .priority = 300,
          .consenters = 5,
          .strikes = 6,
          .may_lead = true,
          .electable = false,
          .reaches_quorum = true};
}

TEST(GroupEntry, StatementsAreReadAsTheyWereWritten) {
  GroupBatch batch;
  EntryWriter writer(batch);
  const std::array written = {
      Statement{EntryKind::kClaim, GroupId{1}, Term{127}, Term{}},
      Statement{EntryKind::kSupport, GroupId{kMost}, Term{kMost}, Term{}},
      Statement{EntryKind::kNothing, GroupId{128}, Term{0}, Term{kMost}},
  };
  for (const Statement& statement : written)
    ASSERT_TRUE(writer.append(statement));
  EntryReader reader(batch);
  GroupEntry entry;
  for (const Statement& statement : written) {
    ASSERT_TRUE(reader.next(entry));
    EXPECT_EQ(entry.statement, statement);
    EXPECT_EQ(entry.kind, statement.kind);
  }
  EXPECT_FALSE(reader.next(entry));
  EXPECT_FALSE(reader.failed());
}

TEST(GroupEntry, QuestionsAndAnswersAreReadAsTheyWereWritten) {
  GroupBatch batch{.from = {NodeId{3}, Incarnation{4}}};
  ConfirmRequest asked{.from = batch.from, .group = GroupId{5}, .epoch = ConfigEpoch{6}};
  asked.round = Nonce{kMost};
  asked.attempt = 0xffffffff;
  asked.subject = NodeId{9};
  asked.subject_incarnation = Incarnation{10};
  asked.term = Term{11};
  asked.hold = WireMicros{150'000};
  asked.wants_consent = true;
  asked.candidacy = some_candidacy();
  ConfirmReply answered{.from = batch.from, .group = GroupId{5}, .epoch = ConfigEpoch{6}};
  answered.round = Nonce{8};
  answered.attempt = 2;
  answered.subject = NodeId{9};
  answered.subject_incarnation = Incarnation{10};
  answered.term = Term{12};
  answered.leader = NodeId{13};
  answered.leader_incarnation = Incarnation{14};
  answered.answer = Answer::kPromised;
  answered.evidence = WireMicros{0xffffffff};
  answered.promise = WireMicros{16};
  answered.endorses = NodeId{17};
  answered.sick = true;
  ASSERT_TRUE(EntryWriter(batch).append(asked));
  ASSERT_TRUE(EntryWriter(batch).append(answered, some_candidacy()));

  EntryReader reader(batch);
  GroupEntry entry;
  ASSERT_TRUE(reader.next(entry));
  ASSERT_EQ(entry.kind, EntryKind::kRequest);
  EXPECT_EQ(entry.request.from, asked.from);
  EXPECT_EQ(entry.request.group, asked.group);
  EXPECT_EQ(entry.request.epoch, asked.epoch);
  EXPECT_EQ(entry.request.round, asked.round);
  EXPECT_EQ(entry.request.attempt, asked.attempt);
  EXPECT_EQ(entry.request.subject, asked.subject);
  EXPECT_EQ(entry.request.subject_incarnation, asked.subject_incarnation);
  EXPECT_EQ(entry.request.term, asked.term);
  EXPECT_EQ(entry.request.hold, asked.hold);
  EXPECT_TRUE(entry.request.wants_consent);
  EXPECT_FALSE(entry.request.sick);
  EXPECT_EQ(entry.request.candidacy, asked.candidacy);
  ASSERT_TRUE(reader.next(entry));
  ASSERT_EQ(entry.kind, EntryKind::kReply);
  EXPECT_EQ(entry.reply.round, answered.round);
  EXPECT_EQ(entry.reply.attempt, answered.attempt);
  EXPECT_EQ(entry.reply.subject, answered.subject);
  EXPECT_EQ(entry.reply.subject_incarnation, answered.subject_incarnation);
  EXPECT_EQ(entry.reply.term, answered.term);
  EXPECT_EQ(entry.reply.leader, answered.leader);
  EXPECT_EQ(entry.reply.leader_incarnation, answered.leader_incarnation);
  EXPECT_EQ(entry.reply.answer, answered.answer);
  EXPECT_EQ(entry.reply.evidence, answered.evidence);
  EXPECT_EQ(entry.reply.promise, answered.promise);
  EXPECT_EQ(entry.reply.endorses, answered.endorses);
  EXPECT_TRUE(entry.reply.sick);
  EXPECT_EQ(entry.candidacy, some_candidacy());
  EXPECT_EQ(entry.reply.log, some_candidacy().log);
}

TEST(GroupEntry, WhatDoesNotFitIsNotWritten) {
  GroupBatch batch;
  ConfirmRequest asked;
  asked.round = Nonce{kMost};
  int fits = 0;
  while (EntryWriter(batch).append(asked))
    ++fits;
  const std::uint16_t full = batch.size;
  EXPECT_GE(fits, 12);
  EXPECT_FALSE(EntryWriter(batch).append(asked));
  EXPECT_EQ(batch.size, full);
  EntryReader reader(batch);
  GroupEntry entry;
  for (int i = 0; i < fits; ++i)
    EXPECT_TRUE(reader.next(entry));
  EXPECT_FALSE(reader.next(entry));
}

TEST(GroupEntry, AnythingMayBeInABatch) {
  Rng rng(3);
  std::uint64_t failed = 0;
  for (int round = 0; round < 20'000; ++round) {
    GroupBatch batch;
    batch.size = static_cast<std::uint16_t>(rng.below(kBatchBytes + 1));
    for (std::uint8_t& byte : batch.entries)
      byte = static_cast<std::uint8_t>(rng.below(256));
    EntryReader reader(batch);
    GroupEntry entry;
    std::size_t count = 0;
    while (reader.next(entry))
      ++count;
    EXPECT_LE(count, kBatchBytes / 3);
    failed += reader.failed() ? 1U : 0U;
  }
  EXPECT_GT(failed, 19'000U);
}

TEST(GroupEntry, HeartbeatsAndBatchesPassTheCodec) {
  NodeHeartbeat heartbeat{.from = {NodeId{1}, Incarnation{2}}, .seq = Seq{3}};
  heartbeat.promised = ClockStamp{-4};
  heartbeat.sick = true;
  heartbeat.stuck = true;
  heartbeat.padded_behind = 17;
  heartbeat.report_count = 2;
  heartbeat.lease_floor = WireMicros{5};
  heartbeat.digest = {6, 7, 8, 9, 10, 11, 12};
  heartbeat.reports[1] = {NodeId{13}, WireMicros{14}, true, false, 0x8001, {4, 5, 6, 7}};
  std::array<std::byte, kMaxDatagram> room{};
  std::size_t size = encode(heartbeat, kOwnCluster, room);
  const auto read = decode(std::span(room).first(size), kOwnCluster);
  ASSERT_TRUE(std::holds_alternative<Message>(read));
  const auto& taken = std::get<NodeHeartbeat>(std::get<Message>(read));
  EXPECT_EQ(taken.digest, heartbeat.digest);
  EXPECT_EQ(taken.reports, heartbeat.reports);
  EXPECT_EQ(taken.promised, heartbeat.promised);
  EXPECT_EQ(taken.lease_floor, heartbeat.lease_floor);
  EXPECT_TRUE(taken.stuck);
  EXPECT_FALSE(taken.limps);
  EXPECT_EQ(taken.padded_behind, 17);

  GroupBatch batch{.from = {NodeId{1}, Incarnation{2}}, .begin = 3, .end = 4, .stream = 5};
  ASSERT_TRUE(EntryWriter(batch).append(Statement{EntryKind::kClaim, GroupId{6}, Term{7}, {}}));
  size = encode(batch, kOwnCluster, room);
  EXPECT_LE(size, kMaxDatagram);
  const auto again = decode(std::span(room).first(size), kOwnCluster);
  ASSERT_TRUE(std::holds_alternative<Message>(again));
  const auto& got = std::get<GroupBatch>(std::get<Message>(again));
  EXPECT_EQ(got.size, batch.size);
  EXPECT_EQ(got.entries, batch.entries);
  EXPECT_EQ(got.stream, batch.stream);
  EXPECT_EQ(got.end, batch.end);
}

}  // namespace
}  // namespace vouch
