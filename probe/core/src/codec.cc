#include "vouch/probe/codec.h"

#include <array>
#include <concepts>

#include "wire_fields.h"

namespace vouch {
namespace {

constexpr MessageType kHeartbeatType{1};
constexpr MessageType kConfirmRequestType{2};
constexpr MessageType kConfirmReplyType{3};
constexpr MessageType kNodeHeartbeatType{4};
constexpr MessageType kGroupBatchType{5};
constexpr MessageType kRelayRequestType{6};
constexpr MessageType kRelayedHeartbeatType{7};
constexpr MessageType kRelayedPromiseType{8};

// Each `fields` lists the fields of one type once, for writing (M is const) and for reading: the
// two directions cannot disagree.

template <typename Wire, Either<LogPosition> M>
void fields(Wire& wire, M& m) {
  wire.number(m.term);
  wire.number(m.index);
}

template <typename Wire, Either<Candidacy> M>
void fields(Wire& wire, M& m) {
  fields(wire, m.log);
  wire.number(m.priority);
  wire.number(m.consenters);
  wire.number(m.strikes);
  wire.flags(m.may_lead, m.electable, m.reaches_quorum);
}

template <typename Wire, Either<PeerReport> M>
void fields(Wire& wire, M& m) {
  wire.number(m.peer);
  wire.number(m.support);
  wire.flags(m.hears, m.is_heard);
}

template <typename Wire, Either<LinkReport> M>
void fields(Wire& wire, M& m) {
  wire.bits(m.flags, kLinkFlagBits);
  wire.number(m.lost);
  wire.number(m.latency);
  wire.number(m.silence);
}

template <typename Wire, Either<GroupRecord> M>
void fields(Wire& wire, M& m) {
  wire.number(m.group);
  wire.number(m.epoch);
  wire.number(m.term);
  wire.number(m.leader);
  wire.number(m.claim);
  wire.number(m.lease);
  wire.number(m.pending_age);
  wire.number(m.abdicated);
  fields(wire, m.candidacy);
  wire.flags(m.withheld);
}

/// Who says it, when, and what it echoes: how every heartbeat begins.
template <typename Wire, typename M>
void stamp_fields(Wire& wire, M& m) {
  fields(wire, m.from);
  wire.number(m.seq);
  wire.number(m.sent_at);
  wire.number(m.echo_incarnation);
  wire.number(m.echo);
  wire.number(m.promised);
  wire.number(m.echo_padded);
}

template <typename Wire, Either<Heartbeat> M>
void fields(Wire& wire, M& m) {
  stamp_fields(wire, m);
  wire.flags(m.sick, m.padded);
  wire.count(m.report_count, m.reports.size());
  wire.count(m.group_count, m.groups.size());
  for (std::size_t i = 0; i < m.report_count; ++i)
    fields(wire, m.reports[i]);
  for (std::size_t i = 0; i < m.group_count; ++i)
    fields(wire, m.groups[i]);
  // What is known of the links: behind everything that decisions rest on.
  wire.flags(m.limps, m.stuck);
  wire.number(m.padded_behind);
  for (std::size_t i = 0; i < m.report_count; ++i) {
    wire.number(m.reports[i].unheard);
    fields(wire, m.reports[i].link);
  }
  if (m.padded) wire.padding();
}

template <typename Wire, Either<StreamDigest> M>
void fields(Wire& wire, M& m) {
  wire.number(m.stream);
  wire.number(m.count);
  wire.number(m.hash);
  wire.number(m.head);
  wire.number(m.removed);
  wire.number(m.ack_stream);
  wire.number(m.ack);
}

template <typename Wire, Either<NodeHeartbeat> M>
void fields(Wire& wire, M& m) {
  stamp_fields(wire, m);
  wire.flags(m.sick, m.padded, m.limps, m.stuck);
  wire.number(m.padded_behind);
  wire.number(m.lease_floor);
  fields(wire, m.digest);
  wire.count(m.report_count, m.reports.size());
  for (std::size_t i = 0; i < m.report_count; ++i) {
    fields(wire, m.reports[i]);
    wire.number(m.reports[i].unheard);
    fields(wire, m.reports[i].link);
  }
  if (m.padded) wire.padding();
}

template <typename Wire, Either<GroupBatch> M>
void fields(Wire& wire, M& m) {
  fields(wire, m.from);
  wire.number(m.stream);
  wire.number(m.begin);
  wire.number(m.end);
  wire.length(m.size, m.entries.size());
  for (std::size_t i = 0; i < m.size; ++i)
    wire.number(m.entries[i]);
}

template <typename Wire, Either<ConfirmRequest> M>
void fields(Wire& wire, M& m) {
  fields(wire, m.from);
  wire.number(m.group);
  wire.number(m.epoch);
  wire.number(m.round);
  wire.number(m.attempt);
  wire.number(m.subject);
  wire.number(m.subject_incarnation);
  wire.number(m.term);
  wire.number(m.hold);
  wire.flags(m.wants_consent, m.sick);
  fields(wire, m.candidacy);
}

template <typename Wire, Either<ConfirmReply> M>
void fields(Wire& wire, M& m) {
  fields(wire, m.from);
  wire.number(m.group);
  wire.number(m.epoch);
  wire.number(m.round);
  wire.number(m.attempt);
  wire.number(m.subject);
  wire.number(m.subject_incarnation);
  wire.number(m.term);
  wire.number(m.leader);
  wire.number(m.leader_incarnation);
  wire.choice(m.answer, kAnswerCount);
  wire.number(m.evidence);
  wire.number(m.promise);
  wire.number(m.endorses);
  wire.flags(m.sick);
  fields(wire, m.log);
}

template <typename Wire, Either<RelayRequest> M>
void fields(Wire& wire, M& m) {
  fields(wire, m.from);
  wire.number(m.origin);
  wire.number(m.origin_incarnation);
  wire.flags(m.wants_heartbeats);
  wire.number(m.promised);
  wire.count(m.group_count, m.groups.size());
  for (std::size_t i = 0; i < m.group_count; ++i)
    wire.number(m.groups[i]);
}

template <typename Wire, Either<RelayedHeartbeat> M>
void fields(Wire& wire, M& m) {
  fields(wire, m.from);
  fields(wire, m.origin);
  wire.number(m.sent_at);
  wire.number(m.echo_incarnation);
  wire.number(m.echo);
  wire.number(m.age);
  wire.count(m.group_count, m.groups.size());
  for (std::size_t i = 0; i < m.group_count; ++i)
    fields(wire, m.groups[i]);
}

template <typename Wire, Either<RelayedPromise> M>
void fields(Wire& wire, M& m) {
  fields(wire, m.from);
  fields(wire, m.promiser);
  wire.number(m.origin_incarnation);
  wire.number(m.promised);
  wire.count(m.group_count, m.groups.size());
  for (std::size_t i = 0; i < m.group_count; ++i)
    wire.number(m.groups[i]);
}

// Generous in both directions: no field grows on the wire, and tests measure the largest message.
static_assert(sizeof(Message) + kHeaderSize <= kMaxDatagram, "every message fits one datagram");

template <typename T>
constexpr MessageType type_of() {
  if constexpr (std::same_as<T, Heartbeat>) return kHeartbeatType;
  if constexpr (std::same_as<T, ConfirmRequest>) return kConfirmRequestType;
  if constexpr (std::same_as<T, ConfirmReply>) return kConfirmReplyType;
  if constexpr (std::same_as<T, NodeHeartbeat>) return kNodeHeartbeatType;
  if constexpr (std::same_as<T, GroupBatch>) return kGroupBatchType;
  if constexpr (std::same_as<T, RelayRequest>) return kRelayRequestType;
  if constexpr (std::same_as<T, RelayedHeartbeat>) return kRelayedHeartbeatType;
  if constexpr (std::same_as<T, RelayedPromise>) return kRelayedPromiseType;
}

template <typename T>
Decoded<Message> read(WireReader& wire) {
  Message message{std::in_place_type<T>};
  fields(wire, *std::get_if<T>(&message));
  return wire.finish(message);
}

}  // namespace

std::size_t encode(const Message& message, ClusterHash cluster, std::span<std::byte> room) {
  return std::visit(
      [&]<typename T>(const T& m) {
        WireWriter wire(room, cluster, type_of<T>());
        fields(wire, m);
        return wire.finish();
      },
      message);
}

std::size_t wire_size(const Message& message) {
  std::array<std::byte, kMaxDatagram> room;
  return encode(message, ClusterHash{}, room);
}

Decoded<Message> decode(std::span<const std::byte> datagram, ClusterHash cluster) {
  WireReader wire(datagram, cluster);
  if (wire.ok()) {
    if (wire.type() == kHeartbeatType) return read<Heartbeat>(wire);
    if (wire.type() == kConfirmRequestType) return read<ConfirmRequest>(wire);
    if (wire.type() == kConfirmReplyType) return read<ConfirmReply>(wire);
    if (wire.type() == kNodeHeartbeatType) return read<NodeHeartbeat>(wire);
    if (wire.type() == kGroupBatchType) return read<GroupBatch>(wire);
    if (wire.type() == kRelayRequestType) return read<RelayRequest>(wire);
    if (wire.type() == kRelayedHeartbeatType) return read<RelayedHeartbeat>(wire);
    if (wire.type() == kRelayedPromiseType) return read<RelayedPromise>(wire);
    wire.fail(DropReason::kType);
  }
  return wire.finish(Message{});
}

Decoded<MessageType> peek_type(std::span<const std::byte> datagram, ClusterHash cluster) {
  WireReader wire(datagram, cluster);
  if (wire.ok()) return wire.type();
  return std::get<DropReason>(wire.finish(MessageType{}));
}

std::string_view to_string(DropReason reason) {
  switch (reason) {
    case DropReason::kUnknownAddress:
      return "unknown_address";
    case DropReason::kOversize:
      return "oversize";
    case DropReason::kShort:
      return "short";
    case DropReason::kMagic:
      return "magic";
    case DropReason::kVersion:
      return "version";
    case DropReason::kCluster:
      return "cluster";
    case DropReason::kType:
      return "type";
    case DropReason::kCount:
      return "count";
    case DropReason::kValue:
      return "value";
    case DropReason::kTrailing:
      return "trailing";
    case DropReason::kChecksum:
      return "checksum";
    case DropReason::kWrongSender:
      return "wrong_sender";
  }
  return "invalid";
}

}  // namespace vouch
