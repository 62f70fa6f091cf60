#include "vouch/probe/link_probe.h"

#include <algorithm>
#include <concepts>

#include "vouch/detector/assert.h"

namespace vouch {
namespace {

constexpr MessageType kLinkProbeType{48};
constexpr MessageType kLinkChallengeType{49};

ClockStamp stamp_of(Instant at) {
  return ClockStamp{at.time_since_epoch().count()};
}

template <typename Wire, Either<ProbeReceipt> M>
void fields(Wire& wire, M& m) {
  wire.number(m.seq);
  wire.number(m.sent_at);
  wire.number(m.arrived_at);
}

template <typename Wire, Either<LinkProbe> M>
void fields(Wire& wire, M& m) {
  wire.number(m.incarnation);
  wire.number(m.token);
  wire.number(m.wanted_token);
  wire.number(m.seq);
  wire.number(m.sent_at);
  wire.number(m.interval);
  wire.number(m.receipts);
  wire.count(m.receipt_count, kMaxReceipts);
  for (std::size_t i = 0; i < m.receipt_count; ++i)
    fields(wire, m.newest[i]);
}

template <typename Wire, Either<LinkChallenge> M>
void fields(Wire& wire, M& m) {
  wire.number(m.token);
  wire.number(m.wanted_token);
}

static_assert(sizeof(LinkProbe) + kHeaderSize <= kMaxDatagram, "fits one datagram");

template <typename T>
constexpr MessageType link_probe_type_of() {
  if constexpr (std::same_as<T, LinkProbe>) {
    return kLinkProbeType;
  } else {
    static_assert(std::same_as<T, LinkChallenge>);
    return kLinkChallengeType;
  }
}

template <typename T>
Decoded<LinkProbeMessage> read_link_probe(WireReader& wire) {
  LinkProbeMessage message{std::in_place_type<T>};
  fields(wire, *std::get_if<T>(&message));
  return wire.finish(message);
}

}  // namespace

bool operator==(const LinkProbe& a, const LinkProbe& b) {
  return a.incarnation == b.incarnation && a.token == b.token && a.wanted_token == b.wanted_token &&
         a.seq == b.seq && a.sent_at == b.sent_at && a.interval == b.interval &&
         a.receipts == b.receipts &&
         std::equal(a.newest.begin(), a.newest.begin() + a.receipt_count, b.newest.begin(),
                    b.newest.begin() + b.receipt_count);
}

std::size_t encode(const LinkProbeMessage& message, ClusterHash cluster,
                   std::span<std::byte> room) {
  return std::visit(
      [&]<typename T>(const T& m) {
        WireWriter wire(room, cluster, link_probe_type_of<T>());
        fields(wire, m);
        return wire.finish();
      },
      message);
}

Decoded<LinkProbeMessage> decode_link_probe(std::span<const std::byte> datagram,
                                            ClusterHash cluster) {
  WireReader wire(datagram, cluster);
  if (wire.ok()) {
    if (wire.type() == kLinkProbeType) return read_link_probe<LinkProbe>(wire);
    if (wire.type() == kLinkChallengeType) return read_link_probe<LinkChallenge>(wire);
    wire.fail(DropReason::kType);
  }
  return wire.finish(LinkProbeMessage{});
}

LinkMeter::Newest::Is LinkMeter::Newest::take(Seq seq) {
  if (seq > newest_) {
    const std::uint64_t step = seq.value() - newest_.value();
    seen_ = step < 64 ? (seen_ << step) | 1U : 1U;
    newest_ = seq;
    return Is::kNew;
  }
  const std::uint64_t behind = newest_.value() - seq.value();
  // What is older than the window has been given up: at 64 intervals it is as good as lost.
  if (behind >= 64 || ((seen_ >> behind) & 1U) != 0) return Is::kRepeated;
  seen_ |= std::uint64_t{1} << behind;
  return Is::kReordered;
}

LinkProbe LinkMeter::next_probe(Instant now, Duration interval) {
  // A question for the token is not yet part of the measurement: it would always be lost.
  const bool counts = other_token_ != 0;
  if (counts) {
    seq_ = Seq{seq_.value() + 1};
    ++out_.sent;
  }
  LinkProbe probe{.incarnation = self_,
                  .token = other_token_,
                  .wanted_token = token_,
                  .seq = counts ? seq_ : Seq{},
                  .sent_at = stamp_of(now),
                  .interval = to_wire(interval),
                  .receipts = receipts_given_,
                  .receipt_count = 0};
  const std::uint64_t count = std::min<std::uint64_t>(receipts_given_, kMaxReceipts);
  for (std::uint64_t i = receipts_given_ - count; i < receipts_given_; ++i)
    probe.newest[probe.receipt_count++] = receipts_[i % kMaxReceipts];
  return probe;
}

bool LinkMeter::take_challenge(const LinkChallenge& challenge) {
  if (challenge.token != token_ || challenge.wanted_token == 0) return false;
  other_token_ = challenge.wanted_token;
  return true;
}

/// The other end was started anew: it numbers anew, and has forgotten what it got.
void LinkMeter::begin_life(std::uint64_t token) {
  former_life_ = life_;
  life_ = token;
  in_before_ = in_.sent;
  in_numbers_ = {};
  receipts_given_ = 0;
  receipts_taken_ = 0;
}

std::span<const ProbeArrival> LinkMeter::take_probe(Instant now, const LinkProbe& probe) {
  VOUCH_ASSERT(admits(probe));
  arrival_count_ = 0;
  // Each life has a token of its own. Of the former one something may come late.
  if (probe.seq == Seq{} || probe.wanted_token == 0 || probe.wanted_token == former_life_)
    return {};
  if (probe.wanted_token != life_) begin_life(probe.wanted_token);
  other_token_ = life_;
  is_open_ = true;
  take_receipts(probe);
  const Newest::Is is = in_numbers_.take(probe.seq);
  in_.sent = in_before_ + in_numbers_.newest().value();
  if (is == Newest::Is::kRepeated) {
    ++in_.repeated;
  } else {
    ++in_.arrived;
    if (is == Newest::Is::kReordered) ++in_.reordered;
    const ClockStamp arrived_at = stamp_of(now);
    give_receipt({.seq = probe.seq, .sent_at = probe.sent_at, .arrived_at = arrived_at});
    arrivals_[arrival_count_++] = {.is_own = false,
                                   .incarnation = probe.incarnation,
                                   .seq = probe.seq,
                                   .sent_at = probe.sent_at,
                                   .arrived_at = arrived_at};
  }
  return std::span(arrivals_).first(arrival_count_);
}

void LinkMeter::take_receipts(const LinkProbe& probe) {
  // An earlier probe that comes late says nothing new; one that counts less than it holds lies.
  if (probe.receipts <= receipts_taken_ || probe.receipts < probe.receipt_count) return;
  const std::uint64_t first = probe.receipts - probe.receipt_count;
  if (first > receipts_taken_) {
    out_.arrived += first - receipts_taken_;
    out_.unknown += first - receipts_taken_;
    receipts_taken_ = first;
  }
  for (; receipts_taken_ < probe.receipts; ++receipts_taken_) {
    const ProbeReceipt& receipt = probe.newest[receipts_taken_ - first];
    if (receipt.seq > seq_) continue;  // Never sent in this life.
    const Newest::Is is = out_numbers_.take(receipt.seq);
    if (is == Newest::Is::kRepeated) continue;
    ++out_.arrived;
    if (is == Newest::Is::kReordered) ++out_.reordered;
    arrivals_[arrival_count_++] = {.is_own = true,
                                   .incarnation = self_,
                                   .seq = receipt.seq,
                                   .sent_at = receipt.sent_at,
                                   .arrived_at = receipt.arrived_at};
  }
}

void LinkMeter::give_receipt(const ProbeReceipt& receipt) {
  receipts_[receipts_given_ % kMaxReceipts] = receipt;
  ++receipts_given_;
}

}  // namespace vouch
