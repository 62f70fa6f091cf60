#include "vouch/probe/codec.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/golden.h"
#include "vouch/host/vote_codec.h"
#include "vouch/probe/front_end_codec.h"
#include "vouch/probe/link_probe.h"

namespace vouch {
namespace {

constexpr ClusterHash kCluster = cluster_hash("test");
using Bytes = std::vector<std::byte>;

template <typename T>
constexpr T most() {
  return T{std::numeric_limits<typename T::rep>::max()};
}

Bytes encoded(const Message& message) {
  Bytes bytes(kMaxDatagram);
  bytes.resize(encode(message, kCluster, bytes));
  return bytes;
}

Bytes encoded(const host::VoteMessage& message) {
  Bytes bytes(kMaxDatagram);
  bytes.resize(encode(message, kCluster, bytes));
  return bytes;
}

Bytes encoded(const FrontEndMessage& message) {
  Bytes bytes(kMaxDatagram);
  bytes.resize(encode(message, kCluster, bytes));
  return bytes;
}

/// Every field its own value, so that two fields that change places are seen.
Heartbeat distinct_heartbeat() {
  Heartbeat m{.from = {NodeId{0x01020304}, Incarnation{0x1112131415161718}},
              .seq = Seq{0x2122},
              .sent_at = ClockStamp{-0x31},
              .echo_incarnation = Incarnation{0x41},
              .echo = ClockStamp{0x51},
              .promised = ClockStamp{0x61},
              .echo_padded = ClockStamp{0x62},
              .sick = true,
              .limps = true,
              .padded_behind = 0x63,
              .report_count = 2,
              .group_count = 1};
  m.reports[0] = {NodeId{0x71}, WireMicros{0x72}, true, false, 0x0775, {0x06, 0x16, 0x07, 0x08}};
  m.reports[1] = {NodeId{0x73}, WireMicros{0x74}, false, true, 0x8076, {0x21, 0x17, 0x09, 0x0a}};
  m.groups[0] = {.group = GroupId{0x81},
                 .epoch = ConfigEpoch{0x82},
                 .term = Term{0x83},
                 .leader = NodeId{0x84},
                 .claim = Term{0x85},
                 .lease = WireMicros{0x86},
                 .pending_age = WireMicros{0x87},
                 .abdicated = Term{0x88},
                 .candidacy = {{Term{0x91}, 0x92}, 0x93, 0x94, 0x95, true, false, true},
                 .withheld = true};
  return m;
}

ConfirmRequest distinct_request() {
  return {.from = {NodeId{0x01}, Incarnation{0x02}},
          .group = GroupId{0x03},
          .epoch = ConfigEpoch{0x04},
          .round = Nonce{0x05},
          .attempt = 0x06,
          .subject = NodeId{0x07},
          .subject_incarnation = Incarnation{0x08},
          .term = Term{0x09},
          .hold = WireMicros{0x0a},
          .wants_consent = true,
          .sick = false,
          .candidacy = {{Term{0x0b}, 0x0c}, 0x0d, 0x0e, 0x0f, false, true, false}};
}

ConfirmReply distinct_reply() {
  return {.from = {NodeId{0x01}, Incarnation{0x02}},
          .group = GroupId{0x03},
          .epoch = ConfigEpoch{0x04},
          .round = Nonce{0x05},
          .attempt = 0x06,
          .subject = NodeId{0x07},
          .subject_incarnation = Incarnation{0x08},
          .term = Term{0x09},
          .leader = NodeId{0x0a},
          .leader_incarnation = Incarnation{0x0b},
          .answer = Answer::kEndorseOther,
          .evidence = WireMicros{0x0c},
          .promise = WireMicros{0x0d},
          .endorses = NodeId{0x0e},
          .sick = true,
          .log = {Term{0x0f}, 0x10}};
}

RelayRequest distinct_relay_request() {
  return {.from = {NodeId{0x01}, Incarnation{0x02}},
          .origin = NodeId{0x03},
          .origin_incarnation = Incarnation{0x04},
          .wants_heartbeats = true,
          .promised = ClockStamp{-0x05},
          .group_count = 1,
          .groups = {GroupId{0x06}}};
}

RelayedHeartbeat distinct_relayed_heartbeat() {
  RelayedHeartbeat m{.from = {NodeId{0x01}, Incarnation{0x02}},
                     .origin = {NodeId{0x03}, Incarnation{0x04}},
                     .sent_at = ClockStamp{-0x05},
                     .echo_incarnation = Incarnation{0x06},
                     .echo = ClockStamp{0x07},
                     .age = WireMicros{0x08},
                     .group_count = 1};
  m.groups[0] = distinct_heartbeat().groups[0];
  return m;
}

RelayedPromise distinct_relayed_promise() {
  return {.from = {NodeId{0x01}, Incarnation{0x02}},
          .promiser = {NodeId{0x03}, Incarnation{0x04}},
          .origin_incarnation = Incarnation{0x05},
          .promised = ClockStamp{-0x06},
          .group_count = 2,
          .groups = {GroupId{0x07}, GroupId{0x08}}};
}

host::VoteRequest distinct_vote_request() {
  return {{NodeId{0x01}, Incarnation{0x02}},
          GroupId{0x03},
          ConfigEpoch{0x04},
          Term{0x05},
          {Term{0x06}, 0x07}};
}

host::VoteReply distinct_vote_reply() {
  return {
      {NodeId{0x01}, Incarnation{0x02}}, GroupId{0x03},   ConfigEpoch{0x04}, Term{0x05}, Term{0x06},
      host::VoteAnswer::kHeld,           WireMicros{0x07}};
}

Bytes encoded(const LinkProbeMessage& message) {
  Bytes bytes(kMaxDatagram);
  bytes.resize(encode(message, kCluster, bytes));
  return bytes;
}

LinkProbe distinct_link_probe() {
  LinkProbe m{.incarnation = Incarnation{0x01},
              .token = 0x02,
              .wanted_token = 0x03,
              .seq = Seq{0x04},
              .sent_at = ClockStamp{-0x05},
              .interval = WireMicros{0x06},
              .receipts = 0x07,
              .receipt_count = 2};
  m.newest[0] = {Seq{0x11}, ClockStamp{0x12}, ClockStamp{-0x13}};
  m.newest[1] = {Seq{0x21}, ClockStamp{0x22}, ClockStamp{-0x23}};
  return m;
}

LinkChallenge distinct_link_challenge() {
  return {.token = 0x01, .wanted_token = 0x02};
}

FrontEndProbe distinct_probe() {
  return {.from = {NodeId{0x01}, Incarnation{0x02}},
          .group = GroupId{0x03},
          .sent_at = ClockStamp{-0x04},
          .echo_incarnation = Incarnation{0x05},
          .echo = ClockStamp{0x06},
          .term = Term{0x07},
          .leader = NodeId{0x08},
          .lost = true};
}

FrontEndAnswer distinct_answer() {
  return {.from = {NodeId{0x01}, Incarnation{0x02}},
          .group = GroupId{0x03},
          .echo_incarnation = Incarnation{0x04},
          .echo = ClockStamp{0x05},
          .sent_at = ClockStamp{-0x06},
          .term = Term{0x07},
          .leader = NodeId{0x08},
          .view = LeaderView::kReached,
          .lease = WireMicros{0x09},
          .age = WireMicros{0x0a},
          .sick = true};
}

FrontEndTally distinct_tally() {
  return {.from = {NodeId{0x01}, Incarnation{0x02}},
          .sent_at = ClockStamp{0x03},
          .list = 0x04,
          .lost = 0x8000'0000'0000'0005,
          .reached = 0x06};
}

/// The longest message that there is, every field at its greatest value.
Heartbeat greatest_heartbeat() {
  Heartbeat m{.from = {most<NodeId>(), most<Incarnation>()},
              .seq = most<Seq>(),
              .sent_at = most<ClockStamp>(),
              .echo_incarnation = most<Incarnation>(),
              .echo = ClockStamp{std::numeric_limits<std::int64_t>::min()},
              .promised = most<ClockStamp>(),
              .sick = true,
              .limps = true,
              .stuck = true,
              .padded_behind = 0xff,
              .report_count = static_cast<std::uint8_t>(kMaxNodes - 1),
              .group_count = static_cast<std::uint8_t>(kMaxGroupsPerHeartbeat)};
  m.reports.fill({most<NodeId>(),
                  most<WireMicros>(),
                  true,
                  true,
                  0xffff,
                  {(1U << kLinkFlagBits) - 1, 0xff, 0xff, 0xff}});
  m.groups.fill({.group = most<GroupId>(),
                 .epoch = most<ConfigEpoch>(),
                 .term = most<Term>(),
                 .leader = most<NodeId>(),
                 .claim = most<Term>(),
                 .lease = most<WireMicros>(),
                 .pending_age = most<WireMicros>(),
                 .abdicated = most<Term>(),
                 .candidacy = {{most<Term>(), ~0ULL}, 0xffff, 0xff, true, true},
                 .withheld = true});
  return m;
}

void expect_equal(const Heartbeat& a, const Heartbeat& b) {
  EXPECT_EQ(a.from, b.from);
  EXPECT_EQ(a.seq, b.seq);
  EXPECT_EQ(a.sent_at, b.sent_at);
  EXPECT_EQ(a.echo_incarnation, b.echo_incarnation);
  EXPECT_EQ(a.echo, b.echo);
  EXPECT_EQ(a.promised, b.promised);
  EXPECT_EQ(a.sick, b.sick);
  EXPECT_EQ(a.limps, b.limps);
  EXPECT_EQ(a.stuck, b.stuck);
  EXPECT_EQ(a.padded_behind, b.padded_behind);
  ASSERT_EQ(a.report_count, b.report_count);
  ASSERT_EQ(a.group_count, b.group_count);
  EXPECT_EQ(a.reports, b.reports);
  EXPECT_EQ(a.groups, b.groups);
}

void expect_equal(const ConfirmRequest& a, const ConfirmRequest& b) {
  EXPECT_EQ(a.from, b.from);
  EXPECT_EQ(a.group, b.group);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.round, b.round);
  EXPECT_EQ(a.attempt, b.attempt);
  EXPECT_EQ(a.subject, b.subject);
  EXPECT_EQ(a.subject_incarnation, b.subject_incarnation);
  EXPECT_EQ(a.term, b.term);
  EXPECT_EQ(a.hold, b.hold);
  EXPECT_EQ(a.wants_consent, b.wants_consent);
  EXPECT_EQ(a.sick, b.sick);
  EXPECT_EQ(a.candidacy, b.candidacy);
}

void expect_equal(const ConfirmReply& a, const ConfirmReply& b) {
  EXPECT_EQ(a.from, b.from);
  EXPECT_EQ(a.group, b.group);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.round, b.round);
  EXPECT_EQ(a.attempt, b.attempt);
  EXPECT_EQ(a.subject, b.subject);
  EXPECT_EQ(a.subject_incarnation, b.subject_incarnation);
  EXPECT_EQ(a.term, b.term);
  EXPECT_EQ(a.leader, b.leader);
  EXPECT_EQ(a.leader_incarnation, b.leader_incarnation);
  EXPECT_EQ(a.answer, b.answer);
  EXPECT_EQ(a.evidence, b.evidence);
  EXPECT_EQ(a.promise, b.promise);
  EXPECT_EQ(a.endorses, b.endorses);
  EXPECT_EQ(a.sick, b.sick);
  EXPECT_EQ(a.log, b.log);
}

template <typename T>
requires requires(const T& m) {
  m == m;
}
void expect_equal(const T& a, const T& b) {
  EXPECT_TRUE(a == b);
}

template <typename T>
void expect_round_trip(const T& message) {
  const Decoded<Message> decoded = decode(encoded(Message{message}), kCluster);
  const auto* read = std::get_if<Message>(&decoded);
  ASSERT_NE(read, nullptr) << to_string(std::get<DropReason>(decoded));
  ASSERT_TRUE(std::holds_alternative<T>(*read));
  expect_equal(std::get<T>(*read), message);
}

/// One of each type, as bytes.
std::vector<Bytes> one_of_each() {
  return {encoded(Message{distinct_heartbeat()}),
          encoded(Message{distinct_request()}),
          encoded(Message{distinct_reply()}),
          encoded(Message{distinct_relay_request()}),
          encoded(Message{distinct_relayed_heartbeat()}),
          encoded(Message{distinct_relayed_promise()}),
          encoded(host::VoteMessage{distinct_vote_request()}),
          encoded(host::VoteMessage{distinct_vote_reply()}),
          encoded(FrontEndMessage{distinct_probe()}),
          encoded(FrontEndMessage{distinct_answer()}),
          encoded(FrontEndMessage{distinct_tally()}),
          encoded(LinkProbeMessage{distinct_link_probe()}),
          encoded(LinkProbeMessage{distinct_link_challenge()})};
}

/// What is read of a good datagram, written again.
Bytes encoded_again(const Bytes& bytes) {
  if (const auto core = decode(bytes, kCluster); std::holds_alternative<Message>(core)) {
    return encoded(std::get<Message>(core));
  }
  const auto front_end = decode_front_end(bytes, kCluster);
  if (std::holds_alternative<FrontEndMessage>(front_end)) {
    return encoded(std::get<FrontEndMessage>(front_end));
  }
  const auto link_probe = decode_link_probe(bytes, kCluster);
  if (std::holds_alternative<LinkProbeMessage>(link_probe)) {
    return encoded(std::get<LinkProbeMessage>(link_probe));
  }
  return encoded(std::get<host::VoteMessage>(host::decode_vote(bytes, kCluster)));
}

/// Lines of 16 bytes, and the size first.
std::string hex(const Bytes& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = std::to_string(bytes.size()) + " bytes\n";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto value = std::to_integer<unsigned>(bytes[i]);
    text += kDigits[value >> 4];
    text += kDigits[value & 0xf];
    text += i % 16 == 15 || i + 1 == bytes.size() ? '\n' : ' ';
  }
  return text;
}

/// What the decoder of its range makes of a datagram; nullopt: it was accepted.
std::optional<DropReason> fault_of(const Bytes& bytes) {
  const auto fault = [](const auto& decoded) -> std::optional<DropReason> {
    const auto* reason = std::get_if<DropReason>(&decoded);
    return reason == nullptr ? std::nullopt : std::optional(*reason);
  };
  const Decoded<MessageType> type = peek_type(bytes, kCluster);
  if (fault(type)) return fault(type);
  const std::optional<DropReason> as_core = fault(decode(bytes, kCluster));
  // A type that the core does not know may be one of front-ends, or of measurements.
  if (std::get<MessageType>(type) < kFirstHostType) {
    if (as_core != DropReason::kType) return as_core;
    const std::optional<DropReason> as_front_end = fault(decode_front_end(bytes, kCluster));
    return as_front_end == DropReason::kType ? fault(decode_link_probe(bytes, kCluster))
                                             : as_front_end;
  }
  return fault(host::decode_vote(bytes, kCluster));
}

TEST(Codec, EveryTypeSurvivesTheRoundTrip) {
  expect_round_trip(distinct_heartbeat());
  expect_round_trip(greatest_heartbeat());
  expect_round_trip(Heartbeat{});
  expect_round_trip(distinct_request());
  expect_round_trip(ConfirmRequest{});
  expect_round_trip(distinct_relay_request());
  expect_round_trip(RelayRequest{});
  expect_round_trip(distinct_relayed_heartbeat());
  expect_round_trip(RelayedHeartbeat{});
  expect_round_trip(distinct_relayed_promise());
  expect_round_trip(RelayedPromise{});
  expect_round_trip(distinct_reply());
  for (std::uint8_t answer = 0; answer < kAnswerCount; ++answer) {
    expect_round_trip(ConfirmReply{.answer = static_cast<Answer>(answer)});
  }
}

TEST(Codec, EveryHostTypeSurvivesTheRoundTrip) {
  const auto read = [](const host::VoteMessage& message) {
    return std::get<host::VoteMessage>(host::decode_vote(encoded(message), kCluster));
  };
  EXPECT_EQ(std::get<host::VoteRequest>(read(distinct_vote_request())), distinct_vote_request());
  for (std::uint8_t answer = 0; answer < host::kVoteAnswerCount; ++answer) {
    host::VoteReply reply = distinct_vote_reply();
    reply.answer = static_cast<host::VoteAnswer>(answer);
    EXPECT_EQ(std::get<host::VoteReply>(read(reply)), reply);
  }
}

TEST(Codec, EveryFrontEndTypeSurvivesTheRoundTrip) {
  const auto read = [](const FrontEndMessage& message) {
    return std::get<FrontEndMessage>(decode_front_end(encoded(message), kCluster));
  };
  EXPECT_EQ(std::get<FrontEndProbe>(read(distinct_probe())), distinct_probe());
  EXPECT_EQ(std::get<FrontEndTally>(read(distinct_tally())), distinct_tally());
  for (std::uint8_t view = 0; view < kLeaderViewCount; ++view) {
    FrontEndAnswer answer = distinct_answer();
    answer.view = static_cast<LeaderView>(view);
    EXPECT_EQ(std::get<FrontEndAnswer>(read(answer)), answer);
  }
}

TEST(Codec, EveryLinkProbeTypeSurvivesTheRoundTrip) {
  const auto read = [](const LinkProbeMessage& message) {
    return std::get<LinkProbeMessage>(decode_link_probe(encoded(message), kCluster));
  };
  EXPECT_EQ(std::get<LinkProbe>(read(distinct_link_probe())), distinct_link_probe());
  EXPECT_EQ(std::get<LinkProbe>(read(LinkProbe{})), LinkProbe{});
  EXPECT_EQ(std::get<LinkChallenge>(read(distinct_link_challenge())), distinct_link_challenge());
}

/// The format is fixed byte by byte: a change of it is a change of kWireVersion.
TEST(Codec, TheBytesAreThoseOfTheGoldenFile) {
  const auto dump = [](const std::string& command, const std::vector<std::string>& args,
                       const std::string&) -> std::string {
    if (command != "encode" || args.size() != 1) return "unknown command";
    if (args[0] == "heartbeat") return hex(encoded(Message{distinct_heartbeat()}));
    if (args[0] == "greatest-heartbeat") return hex(encoded(Message{greatest_heartbeat()}));
    if (args[0] == "confirm-request") return hex(encoded(Message{distinct_request()}));
    if (args[0] == "confirm-reply") return hex(encoded(Message{distinct_reply()}));
    if (args[0] == "relay-request") return hex(encoded(Message{distinct_relay_request()}));
    if (args[0] == "relayed-heartbeat") {
      return hex(encoded(Message{distinct_relayed_heartbeat()}));
    }
    if (args[0] == "relayed-promise") return hex(encoded(Message{distinct_relayed_promise()}));
    if (args[0] == "vote-request") return hex(encoded(host::VoteMessage{distinct_vote_request()}));
    if (args[0] == "vote-reply") return hex(encoded(host::VoteMessage{distinct_vote_reply()}));
    if (args[0] == "front-end-probe") return hex(encoded(FrontEndMessage{distinct_probe()}));
    if (args[0] == "front-end-answer") return hex(encoded(FrontEndMessage{distinct_answer()}));
    if (args[0] == "front-end-tally") return hex(encoded(FrontEndMessage{distinct_tally()}));
    if (args[0] == "link-probe") return hex(encoded(LinkProbeMessage{distinct_link_probe()}));
    if (args[0] == "link-challenge") {
      return hex(encoded(LinkProbeMessage{distinct_link_challenge()}));
    }
    return "unknown message";
  };
  testing::run_golden(VOUCH_SOURCE_DIR "/tests/testdata/codec/messages.golden", dump);
}

TEST(Codec, TheLongestMessageFitsOneDatagram) {
  EXPECT_LE(encoded(Message{greatest_heartbeat()}).size(), kMaxDatagram);
}

TEST(Codec, EveryTruncationIsShort) {
  for (const Bytes& whole : one_of_each()) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(fault_of(part), DropReason::kShort) << size << " of " << whole.size();
    }
  }
}

TEST(Codec, OneByteTooManyIsTrailing) {
  for (Bytes bytes : one_of_each()) {
    bytes.push_back(std::byte{0});
    EXPECT_EQ(fault_of(bytes), DropReason::kTrailing);
  }
}

TEST(Codec, EveryDamagedByteIsRefused) {
  for (const Bytes& whole : one_of_each()) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int change = 1; change < 256; ++change) {
        Bytes bytes = whole;
        bytes[at] ^= static_cast<std::byte>(change);
        EXPECT_TRUE(fault_of(bytes)) << "byte " << at << " changed by " << change;
      }
    }
  }
}

/// Whoever changes a byte and seals the datagram anew is refused too, or has changed the value of a
/// field: then the result differs from the original by exactly that byte.
TEST(Codec, EverySealedByteChangeIsRefusedOrIsAValue) {
  for (const Bytes& whole : one_of_each()) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int change = 1; change < 256; ++change) {
        Bytes bytes = whole;
        bytes[at] ^= static_cast<std::byte>(change);
        seal(bytes);
        if (const auto fault = fault_of(bytes)) continue;
        EXPECT_GE(at, 3U) << "a changed magic or version was accepted";
        EXPECT_EQ(encoded_again(bytes), bytes) << "byte " << at << " is not canonical";
      }
    }
  }
}

TEST(Codec, EachFaultHasItsReason) {
  const Bytes good = encoded(Message{distinct_heartbeat()});
  const auto with = [&](std::size_t at, int value) {
    Bytes bytes = good;
    bytes.at(at) = static_cast<std::byte>(value);
    seal(bytes);
    return fault_of(bytes);
  };
  constexpr std::size_t kFlagsAt = kHeaderSize + 12 + 6 * 8;
  EXPECT_EQ(with(0, 0), DropReason::kMagic);
  EXPECT_EQ(with(2, kWireVersion + 1), DropReason::kVersion);
  EXPECT_EQ(with(3, 0), DropReason::kType);
  EXPECT_EQ(with(3, 99), DropReason::kType);
  EXPECT_EQ(with(4, 0), DropReason::kCluster);
  EXPECT_EQ(with(kFlagsAt, 4), DropReason::kValue);
  EXPECT_EQ(with(kFlagsAt, 2), DropReason::kShort) << "padded, but not a whole datagram";
  EXPECT_EQ(with(kFlagsAt + 1, kMaxNodes), DropReason::kCount);
  EXPECT_EQ(with(kFlagsAt + 2, kMaxGroupsPerHeartbeat + 1), DropReason::kCount);
  EXPECT_EQ(fault_of(Bytes(kMaxDatagram + 1)), DropReason::kOversize);

  Bytes reply = encoded(Message{distinct_reply()});
  const auto answer = static_cast<std::byte>(Answer::kEndorseOther);
  constexpr std::size_t kAnswerAt = kHeaderSize + 12 + 3 * 8 + 4 + 4 + 8 + 8 + 4 + 8;
  ASSERT_EQ(reply.at(kAnswerAt), answer);
  reply.at(kAnswerAt) = static_cast<std::byte>(kAnswerCount);
  EXPECT_EQ(fault_of(reply), DropReason::kValue);
}

TEST(Codec, APaddedHeartbeatFillsADatagramWithZeros) {
  Heartbeat padded = distinct_heartbeat();
  padded.padded = true;
  const Bytes bytes = encoded(Message{padded});
  ASSERT_EQ(bytes.size(), kMaxDatagram);
  EXPECT_EQ(wire_size(Message{padded}), kMaxDatagram);
  EXPECT_LT(wire_size(Message{distinct_heartbeat()}), kMaxDatagram / 2);
  const Decoded<Message> back = decode(bytes, kCluster);
  ASSERT_TRUE(std::holds_alternative<Message>(back));
  EXPECT_EQ(encoded(std::get<Message>(back)), bytes);
  Bytes not_zero = bytes;
  not_zero.back() = std::byte{1};
  EXPECT_EQ(fault_of(not_zero), DropReason::kValue);
  const Bytes cut_off(bytes.begin(), bytes.end() - 1);
  EXPECT_EQ(fault_of(cut_off), DropReason::kShort);
}

TEST(Codec, TheRangesOfCoreAndHostDoNotMix) {
  const Bytes vote = encoded(host::VoteMessage{distinct_vote_request()});
  EXPECT_EQ(std::get<DropReason>(decode(vote, kCluster)), DropReason::kType);
  const Bytes heartbeat = encoded(Message{distinct_heartbeat()});
  EXPECT_EQ(std::get<DropReason>(host::decode_vote(heartbeat, kCluster)), DropReason::kType);
}

TEST(Codec, FrontEndsHaveTypesOfTheirOwn) {
  const Bytes probe = encoded(FrontEndMessage{distinct_probe()});
  EXPECT_EQ(std::get<DropReason>(decode(probe, kCluster)), DropReason::kType);
  EXPECT_EQ(std::get<DropReason>(host::decode_vote(probe, kCluster)), DropReason::kType);
  const Bytes heartbeat = encoded(Message{distinct_heartbeat()});
  EXPECT_EQ(std::get<DropReason>(decode_front_end(heartbeat, kCluster)), DropReason::kType);
}

TEST(Codec, AnotherClusterIsDropped) {
  const Bytes bytes = encoded(Message{distinct_heartbeat()});
  EXPECT_EQ(std::get<DropReason>(decode(bytes, cluster_hash("other"))), DropReason::kCluster);
}

TEST(Codec, EveryReasonHasItsOwnNameAndCounter) {
  std::vector<std::string_view> names;
  DropCounters counters;
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    const auto reason = static_cast<DropReason>(i);
    for (std::string_view other : names)
      EXPECT_NE(other, to_string(reason));
    names.push_back(to_string(reason));
    EXPECT_EQ(counters[reason], 0U);
    counters.count(reason);
    EXPECT_EQ(counters[reason], 1U);
  }
}

}  // namespace
}  // namespace vouch
