#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <variant>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/message.h"
#include "vouch/probe/wire.h"

// Measuring the two directions between two hosts that belong to no cluster: numbered heartbeats
// both ways, and word of what arrived.

namespace vouch {

/// Says that the sender has got a probe of the receiver.
struct ProbeReceipt {
  Seq seq{};                ///< Of the receiver's probe.
  ClockStamp sent_at{};     ///< The receiver's clock, as the probe said.
  ClockStamp arrived_at{};  ///< The sender's clock.

  friend bool operator==(const ProbeReceipt&, const ProbeReceipt&) = default;
};

/// So many are repeated in each probe, so that as many probes in a row may be lost before one is.
inline constexpr std::size_t kMaxReceipts = 16;

/// A numbered heartbeat of a measurement.
struct LinkProbe {
  Incarnation incarnation{};       ///< Of the sender: a new life numbers anew.
  std::uint64_t token = 0;         ///< What the receiver wants to be shown; 0: not known yet.
  std::uint64_t wanted_token = 0;  ///< What the sender wants to be shown.
  Seq seq{};                       ///< From 1; 0 while the receiver's token is not known.
  ClockStamp sent_at{};            ///< The sender's clock.
  WireMicros interval{};       ///< Of the sender's probes: the receiver may send at the same pace.
  std::uint64_t receipts = 0;  ///< Number of receipts given so far; the newest of them follow.
  std::uint8_t receipt_count = 0;
  std::array<ProbeReceipt, kMaxReceipts> newest{};  ///< In order of arrival.

  friend bool operator==(const LinkProbe& a, const LinkProbe& b);
};

/// The answer to a probe that does not show the right token: no longer than the probe, so that who
/// forges a sender's address gains nothing by it.
struct LinkChallenge {
  std::uint64_t token = 0;         ///< The `wanted_token` of the probe.
  std::uint64_t wanted_token = 0;  ///< What the sender wants to be shown.

  friend bool operator==(const LinkChallenge&, const LinkChallenge&) = default;
};

using LinkProbeMessage = std::variant<LinkProbe, LinkChallenge>;

static_assert(std::is_trivially_copyable_v<LinkProbeMessage>);

/// The cluster that datagrams of measurements name: none.
inline constexpr ClusterHash kNoCluster = cluster_hash("");

/// Writes `message` as one datagram and returns its size. `room` of kMaxDatagram bytes is enough.
[[nodiscard]] std::size_t encode(const LinkProbeMessage& message, ClusterHash cluster,
                                 std::span<std::byte> room);

/// Reads one datagram. Anything may be in it; nothing is read past its end and nothing is
/// allocated. What it accepts is canonical: encoding the result gives the same bytes.
[[nodiscard]] Decoded<LinkProbeMessage> decode_link_probe(std::span<const std::byte> datagram,
                                                          ClusterHash cluster);

/// One probe that arrived, of either direction.
struct ProbeArrival {
  bool is_own = false;        ///< Sent by this end, and arrived at the other.
  Incarnation incarnation{};  ///< Of its sender.
  Seq seq{};
  ClockStamp sent_at{};     ///< The sender's clock.
  ClockStamp arrived_at{};  ///< The receiver's clock.

  friend bool operator==(const ProbeArrival&, const ProbeArrival&) = default;
};

/// Counts of one direction.
struct DirectionCounters {
  std::uint64_t sent = 0;       ///< Of this end exactly; of the other as far as its numbers tell.
  std::uint64_t arrived = 0;    ///< Each number once.
  std::uint64_t reordered = 0;  ///< After one with a higher number.
  std::uint64_t repeated = 0;   ///< The same number again. Only of what arrives here.
  std::uint64_t unknown = 0;    ///< Arrived, but when is not known: too many receipts were lost.
};

/// One end of a measurement: numbers what it sends, and finds out what arrived, at both ends.
///
/// The tokens are random, and each end shows the one that the other wants to see: a datagram from a
/// forged address shows none. Until the other end's is known (`is_open`), probes go out without.
/// Sans-I/O, allocates nothing. Not thread-safe: give it one owner.
class LinkMeter {
 public:
  /// `token`: random, not 0.
  LinkMeter(Incarnation self, std::uint64_t token) : self_(self), token_(token) {}

  /// The next probe to send.
  [[nodiscard]] LinkProbe next_probe(Instant now, Duration interval);

  /// The answer to a probe that is refused.
  [[nodiscard]] LinkChallenge challenge_for(const LinkProbe& probe) const {
    return {.token = probe.wanted_token, .wanted_token = token_};
  }

  /// Takes the other end's token. False if it is not the answer to a probe of this end.
  bool take_challenge(const LinkChallenge& challenge);

  /// Whether the probe shows the token of this end.
  [[nodiscard]] bool admits(const LinkProbe& probe) const { return probe.token == token_; }

  /// Takes a probe of the other end that is admitted. Yields what is newly known, valid until the
  /// next call: the probe itself unless it came before, and own probes that arrived there.
  [[nodiscard]] std::span<const ProbeArrival> take_probe(Instant now, const LinkProbe& probe);

  /// Whether the other end's token is known, and it has shown ours.
  [[nodiscard]] bool is_open() const { return is_open_; }
  [[nodiscard]] const DirectionCounters& out() const { return out_; }
  [[nodiscard]] const DirectionCounters& in() const { return in_; }

 private:
  /// Tells whether a number comes for the first time, within the newest 64.
  class Newest {
   public:
    enum class Is : std::uint8_t { kNew, kReordered, kRepeated };
    Is take(Seq seq);
    [[nodiscard]] Seq newest() const { return newest_; }

   private:
    Seq newest_{};
    std::uint64_t seen_ = 0;  ///< Bit n: the number n before the newest has come.
  };

  void begin_life(std::uint64_t token);
  void take_receipts(const LinkProbe& probe);
  void give_receipt(const ProbeReceipt& receipt);

  Incarnation self_;
  std::uint64_t token_;
  std::uint64_t other_token_ = 0;
  bool is_open_ = false;
  Seq seq_{};
  std::uint64_t life_ = 0;         ///< The token that names the other end's life.
  std::uint64_t former_life_ = 0;  ///< And the one before it.
  Newest in_numbers_;
  Newest out_numbers_;
  std::uint64_t in_before_ = 0;       ///< Sent by earlier lives of the other end.
  std::uint64_t receipts_given_ = 0;  ///< In this life of the other end.
  std::uint64_t receipts_taken_ = 0;
  std::array<ProbeReceipt, kMaxReceipts>
      receipts_{};  ///< A ring: the n-th stands at n modulo its size.
  DirectionCounters out_;
  DirectionCounters in_;
  std::array<ProbeArrival, kMaxReceipts + 1> arrivals_{};
  std::size_t arrival_count_ = 0;
};

}  // namespace vouch
