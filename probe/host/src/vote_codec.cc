#include "vouch/host/vote_codec.h"

namespace vouch::host {
namespace {

constexpr MessageType kVoteRequestType = kFirstHostType;
constexpr MessageType kVoteReplyType = kFirstHostType.next();

template <typename Wire, Either<VoteRequest> M>
void fields(Wire& wire, M& m) {
  wire.number(m.from.node);
  wire.number(m.from.incarnation);
  wire.number(m.group);
  wire.number(m.epoch);
  wire.number(m.term);
  wire.number(m.log.term);
  wire.number(m.log.index);
}

template <typename Wire, Either<VoteReply> M>
void fields(Wire& wire, M& m) {
  wire.number(m.from.node);
  wire.number(m.from.incarnation);
  wire.number(m.group);
  wire.number(m.epoch);
  wire.number(m.term);
  wire.number(m.newest);
  wire.choice(m.answer, kVoteAnswerCount);
  wire.number(m.bound);
}

template <typename T>
Decoded<VoteMessage> read(WireReader& wire) {
  VoteMessage message{std::in_place_type<T>};
  fields(wire, *std::get_if<T>(&message));
  return wire.finish(message);
}

}  // namespace

std::size_t encode(const VoteMessage& message, ClusterHash cluster, std::span<std::byte> room) {
  const bool is_request = std::holds_alternative<VoteRequest>(message);
  WireWriter wire(room, cluster, is_request ? kVoteRequestType : kVoteReplyType);
  std::visit([&](const auto& m) { fields(wire, m); }, message);
  return wire.finish();
}

Decoded<VoteMessage> decode_vote(std::span<const std::byte> datagram, ClusterHash cluster) {
  WireReader wire(datagram, cluster);
  if (wire.ok()) {
    if (wire.type() == kVoteRequestType) return read<VoteRequest>(wire);
    if (wire.type() == kVoteReplyType) return read<VoteReply>(wire);
    wire.fail(DropReason::kType);
  }
  return wire.finish(VoteMessage{});
}

}  // namespace vouch::host
