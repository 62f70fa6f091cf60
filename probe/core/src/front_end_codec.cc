#include "vouch/probe/front_end_codec.h"

#include <concepts>

#include "wire_fields.h"

namespace vouch {
namespace {

constexpr MessageType kFrontEndProbeType{32};
constexpr MessageType kFrontEndAnswerType{33};
constexpr MessageType kFrontEndTallyType{34};

// As in codec.cc: one list of fields for writing and for reading.

template <typename Wire, Either<FrontEndProbe> M>
void fields(Wire& wire, M& m) {
  fields(wire, m.from);
  wire.number(m.group);
  wire.number(m.sent_at);
  wire.number(m.echo_incarnation);
  wire.number(m.echo);
  wire.number(m.term);
  wire.number(m.leader);
  wire.flags(m.lost);
}

template <typename Wire, Either<FrontEndAnswer> M>
void fields(Wire& wire, M& m) {
  fields(wire, m.from);
  wire.number(m.group);
  wire.number(m.echo_incarnation);
  wire.number(m.echo);
  wire.number(m.sent_at);
  wire.number(m.term);
  wire.number(m.leader);
  wire.choice(m.view, kLeaderViewCount);
  wire.number(m.lease);
  wire.number(m.age);
  wire.flags(m.sick);
}

template <typename Wire, Either<FrontEndTally> M>
void fields(Wire& wire, M& m) {
  fields(wire, m.from);
  wire.number(m.sent_at);
  wire.number(m.list);
  wire.number(m.lost);
  wire.number(m.reached);
}

static_assert(sizeof(FrontEndMessage) + kHeaderSize <= kMaxDatagram, "fits one datagram");

template <typename T>
constexpr MessageType front_end_type_of() {
  if constexpr (std::same_as<T, FrontEndProbe>) {
    return kFrontEndProbeType;
  } else if constexpr (std::same_as<T, FrontEndAnswer>) {
    return kFrontEndAnswerType;
  } else {
    static_assert(std::same_as<T, FrontEndTally>);
    return kFrontEndTallyType;
  }
}

template <typename T>
Decoded<FrontEndMessage> read_front_end(WireReader& wire) {
  FrontEndMessage message{std::in_place_type<T>};
  fields(wire, *std::get_if<T>(&message));
  return wire.finish(message);
}

}  // namespace

std::size_t encode(const FrontEndMessage& message, ClusterHash cluster, std::span<std::byte> room) {
  return std::visit(
      [&]<typename T>(const T& m) {
        WireWriter wire(room, cluster, front_end_type_of<T>());
        fields(wire, m);
        return wire.finish();
      },
      message);
}

Decoded<FrontEndMessage> decode_front_end(std::span<const std::byte> datagram,
                                          ClusterHash cluster) {
  WireReader wire(datagram, cluster);
  if (wire.ok()) {
    if (wire.type() == kFrontEndProbeType) return read_front_end<FrontEndProbe>(wire);
    if (wire.type() == kFrontEndAnswerType) return read_front_end<FrontEndAnswer>(wire);
    if (wire.type() == kFrontEndTallyType) return read_front_end<FrontEndTally>(wire);
    wire.fail(DropReason::kType);
  }
  return wire.finish(FrontEndMessage{});
}

}  // namespace vouch
