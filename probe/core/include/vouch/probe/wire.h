#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <variant>

#include "vouch/detector/assert.h"
#include "vouch/detector/strong.h"

namespace vouch {

/// No datagram is longer: it fits the smallest MTU of IPv6 (1280 bytes, RFC 8200 section 5) with
/// room for headers and a later authentication tag, so that it is never fragmented.
inline constexpr std::size_t kMaxDatagram = 1200;

/// Version of the format of every message. Another version is not understood and dropped.
inline constexpr std::uint8_t kWireVersion = 1;

/// Every datagram begins with these: magic (2), version (1), type (1), cluster (8), checksum (4).
/// Integers are little-endian throughout.
inline constexpr std::size_t kHeaderSize = 16;
inline constexpr std::size_t kChecksumAt = 12;
inline constexpr std::uint16_t kWireMagic = 0x6376;  // "vc"

/// What a datagram holds. 1-63 are the core's messages, 64-127 those of the built-in host.
using MessageType = Strong<struct MessageTypeTag, std::uint8_t>;
inline constexpr MessageType kFirstHostType{64};

/// Which cluster a datagram belongs to: two clusters that share a network do not mix. Names, it
/// does not protect: whoever can send can forge it.
using ClusterHash = Strong<struct ClusterHashTag, std::uint64_t>;

/// The hash of a cluster's name (FNV-1a, 64 bits: Fowler, Noll, Vo).
[[nodiscard]] constexpr ClusterHash cluster_hash(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name) {
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  }
  return ClusterHash{hash};
}

/// The checksum of a datagram over all its bytes but those of the checksum itself (FNV-1a, 32
/// bits). UDP's own has 16 bits and is optional: one flipped bit in a term would spend 2^50 terms
/// at once. Any damage within one byte is found for certain. Protects against accidents, not
/// against forgers.
[[nodiscard]] constexpr std::uint32_t datagram_checksum(std::span<const std::byte> datagram) {
  std::uint32_t hash = 0x811c9dc5U;
  for (std::size_t at = 0; at < datagram.size(); ++at) {
    if (at >= kChecksumAt && at < kHeaderSize) continue;
    hash = (hash ^ std::to_integer<std::uint32_t>(datagram[at])) * 0x01000193U;
  }
  return hash;
}

/// Writes the checksum of `datagram`, which has at least a header, into it.
constexpr void seal(std::span<std::byte> datagram) {
  const std::uint32_t checksum = datagram_checksum(datagram);
  for (std::size_t i = 0; i < 4; ++i) {
    datagram[kChecksumAt + i] = static_cast<std::byte>((checksum >> (8 * i)) & 0xffU);
  }
}

/// Why a datagram was dropped before it reached a Monitor. In the order in which an edge checks.
enum class DropReason : std::uint8_t {
  kUnknownAddress,  ///< It came from an address that no configured node has.
  kOversize,        ///< Longer than kMaxDatagram.
  kShort,           ///< Ends before its fields do.
  kMagic,           ///< Not ours at all.
  kVersion,         ///< Another version of the format.
  kCluster,         ///< Another cluster.
  kType,            ///< A type that this receiver does not know.
  kCount,           ///< More elements than a message may hold.
  kValue,           ///< An enumerator or a flag that does not exist.
  kTrailing,        ///< Longer than its fields.
  kChecksum,        ///< Damaged on the way: its bytes are not those that were sent.
  kWrongSender,     ///< Names a sender that has another address.
};
inline constexpr std::size_t kDropReasonCount = 12;

/// The name of a reason as metrics and logs print it (`unknown_address`, ...).
[[nodiscard]] std::string_view to_string(DropReason reason);

/// How many datagrams were dropped, by reason.
class DropCounters {
 public:
  void count(DropReason reason) { ++counts_[static_cast<std::size_t>(reason)]; }
  [[nodiscard]] std::uint64_t operator[](DropReason reason) const {
    return counts_[static_cast<std::size_t>(reason)];
  }

 private:
  std::array<std::uint64_t, kDropReasonCount> counts_{};
};

/// A decoded `T`, or why there is none. Bad input is an everyday event, not an Error with a text.
template <typename T>
using Decoded = std::variant<T, DropReason>;

/// Writes the fields of one message behind a header. The room is our own affair: running out of it
/// is a bug. Not thread-safe: give it one owner.
class WireWriter {
 public:
  WireWriter(std::span<std::byte> room, ClusterHash cluster, MessageType type) : room_(room) {
    number(kWireMagic);
    number(kWireVersion);
    number(type);
    number(cluster);
    number(std::uint32_t{0});  // The checksum, when everything stands.
  }

  template <std::integral T>
  void number(T value) {
    auto bits = static_cast<std::make_unsigned_t<T>>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      byte(static_cast<std::uint8_t>(bits & 0xff));
      if constexpr (sizeof(T) > 1) bits = static_cast<std::make_unsigned_t<T>>(bits >> 8);
    }
  }

  template <typename Tag, typename Rep>
  void number(Strong<Tag, Rep> value) {
    number(value.value());
  }

  /// Number of elements that follow, at most `most`.
  void count(std::uint8_t value, std::size_t most) {
    VOUCH_ASSERT(value <= most);
    byte(value);
  }

  /// Number of bytes that follow, at most `most`.
  void length(std::uint16_t value, std::size_t most) {
    VOUCH_ASSERT(value <= most);
    number(value);
  }

  /// One of `size` enumerators.
  template <typename Enum>
  void choice(Enum value, std::uint8_t size) {
    VOUCH_ASSERT(static_cast<std::uint8_t>(value) < size);
    byte(static_cast<std::uint8_t>(value));
  }

  /// Up to eight flags in one byte, the first in the lowest bit.
  template <std::same_as<bool>... Flags>
  void flags(Flags... values) {
    static_assert(sizeof...(Flags) <= 8);
    unsigned bits = 0;
    unsigned at = 0;
    ((bits |= static_cast<unsigned>(values) << at++), ...);
    byte(static_cast<std::uint8_t>(bits));
  }

  /// Flags that are kept as bits of one number; only the lowest `count` may be set.
  void bits(std::uint8_t value, unsigned count) {
    VOUCH_ASSERT(unsigned{value} >> count == 0);
    byte(value);
  }

  /// Fills the rest of a whole datagram with zeros.
  void padding() {
    while (size_ < kMaxDatagram)
      byte(0);
  }

  /// Seals the datagram and returns its size. Call it once, after the last field.
  [[nodiscard]] std::size_t finish() {
    seal(room_.first(size_));
    return size_;
  }

 private:
  void byte(std::uint8_t value) {
    VOUCH_ASSERT(size_ < room_.size());
    room_[size_++] = static_cast<std::byte>(value);
  }

  std::span<std::byte> room_;
  std::size_t size_ = 0;
};

/// Reads the fields of one message in the order in which WireWriter wrote them. Never reads past
/// the end: after the first fault every field is 0 and `finish` tells the fault. Not thread-safe:
/// give it one owner.
class WireReader {
 public:
  /// Reads and checks the header.
  WireReader(std::span<const std::byte> datagram, ClusterHash cluster)
      : datagram_(datagram), rest_(datagram) {
    if (datagram.size() > kMaxDatagram) fail(DropReason::kOversize);
    std::uint16_t magic = 0;
    std::uint8_t version = 0;
    ClusterHash claimed{};
    number(magic);
    if (magic != kWireMagic) fail(DropReason::kMagic);
    number(version);
    if (version != kWireVersion) fail(DropReason::kVersion);
    number(type_);
    number(claimed);
    if (claimed != cluster) fail(DropReason::kCluster);
    number(checksum_);
  }

  [[nodiscard]] MessageType type() const { return type_; }
  [[nodiscard]] bool ok() const { return ok_; }

  /// Notes the first fault.
  void fail(DropReason reason) {
    if (!ok_) return;
    ok_ = false;
    fault_ = reason;
    rest_ = {};
  }

  template <std::integral T>
  void number(T& value) {
    std::make_unsigned_t<T> bits = 0;
    if (rest_.size() < sizeof(T)) {
      fail(DropReason::kShort);
    } else {
      for (std::size_t i = 0; i < sizeof(T); ++i) {
        const auto part = std::to_integer<std::make_unsigned_t<T>>(rest_[i]);
        bits = static_cast<std::make_unsigned_t<T>>(bits | (part << (8 * i)));
      }
      rest_ = rest_.subspan(sizeof(T));
    }
    value = static_cast<T>(bits);
  }

  template <typename Tag, typename Rep>
  void number(Strong<Tag, Rep>& value) {
    Rep bare{};
    number(bare);
    value = Strong<Tag, Rep>(bare);
  }

  void count(std::uint8_t& value, std::size_t most) {
    number(value);
    if (value <= most) return;
    fail(DropReason::kCount);
    value = 0;
  }

  void length(std::uint16_t& value, std::size_t most) {
    number(value);
    if (value <= most) return;
    fail(DropReason::kCount);
    value = 0;
  }

  template <typename Enum>
  void choice(Enum& value, std::uint8_t size) {
    std::uint8_t bare = 0;
    number(bare);
    if (bare >= size) {
      fail(DropReason::kValue);
      bare = 0;
    }
    value = static_cast<Enum>(bare);
  }

  template <std::same_as<bool>... Flags>
  void flags(Flags&... values) {
    static_assert(sizeof...(Flags) <= 8);
    std::uint8_t bits = 0;
    number(bits);
    if (unsigned{bits} >> sizeof...(Flags) != 0) fail(DropReason::kValue);
    unsigned at = 0;
    ((values = ((unsigned{bits} >> at++) & 1U) != 0), ...);
  }

  void bits(std::uint8_t& value, unsigned count) {
    number(value);
    if (unsigned{value} >> count == 0) return;
    fail(DropReason::kValue);
    value = 0;
  }

  /// The rest must be zeros that fill a whole datagram.
  void padding() {
    if (datagram_.size() != kMaxDatagram) fail(DropReason::kShort);
    for (const std::byte byte : rest_) {
      if (byte != std::byte{0}) return fail(DropReason::kValue);
    }
    rest_ = {};
  }

  /// Whether everything was there, undamaged, and nothing more. Call it once, after the last field.
  template <typename T>
  [[nodiscard]] Decoded<T> finish(const T& message) {
    if (!rest_.empty()) fail(DropReason::kTrailing);
    if (ok_ && datagram_checksum(datagram_) != checksum_) fail(DropReason::kChecksum);
    if (!ok_) return fault_;
    return message;
  }

 private:
  std::span<const std::byte> datagram_;
  std::span<const std::byte> rest_;
  std::uint32_t checksum_ = 0;
  MessageType type_{};
  bool ok_ = true;
  DropReason fault_{};
};

/// `M` is `T` or `const T`: one list of fields serves the reader and the writer.
template <typename M, typename T>
concept Either = std::same_as<std::remove_const_t<M>, T>;

/// The type of a datagram whose header is in order: tells whose codec to use.
[[nodiscard]] Decoded<MessageType> peek_type(std::span<const std::byte> datagram,
                                             ClusterHash cluster);

}  // namespace vouch
