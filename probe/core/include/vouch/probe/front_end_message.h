#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/message.h"

namespace vouch {

/// Most front-ends that one cluster knows: a set of them is one 64-bit word.
inline constexpr std::size_t kMaxFrontEnds = 64;

/// What a front-end sends to a replica: it asks ("do you reach the leader of this group, and what
/// do you know of its lease?") and reports ("so it looks from here") in one.
///
/// A front-end is no voter and is trusted less than one: nothing in here counts for a quorum, a
/// lease or evidence.
struct FrontEndProbe {
  Sender from{};
  GroupId group{};
  ClockStamp sent_at{};            ///< The front-end's clock when it sent this; grows.
  Incarnation echo_incarnation{};  ///< Incarnation of the receiver to which `echo` belongs.
  ClockStamp echo{};               ///< `sent_at` of the receiver's newest answer that arrived.
  Term term{};                     ///< Newest term that the front-end knows.
  NodeId leader{};                 ///< Leader of that term as far as it knows, or kNobody.
  bool lost = false;               ///< It does not reach that leader itself.

  friend bool operator==(const FrontEndProbe&, const FrontEndProbe&) = default;
};

/// What a replica knows first-hand of the leader of a group.
enum class LeaderView : std::uint8_t {
  kNoLeader,  ///< It knows none.
  kLost,      ///< It knows its name, and has no proof that its lease runs.
  kProved,    ///< It has proof, but does not reach it both ways: no way through here.
  kReached,   ///< It has proof and reaches it both ways: requests can go through here.
  kLeading,   ///< It is the leader itself and its lease runs.
};
inline constexpr std::uint8_t kLeaderViewCount = 5;

/// The answer to a FrontEndProbe, first-hand and by the responder's own clock.
struct FrontEndAnswer {
  Sender from{};
  GroupId group{};
  Incarnation echo_incarnation{};  ///< Of the front-end that asked.
  ClockStamp echo{};               ///< `sent_at` of its probe.
  ClockStamp sent_at{};            ///< The responder's clock.
  Term term{};                     ///< Newest term that the responder knows.
  NodeId leader{};                 ///< Leader of that term as far as it knows, or kNobody.
  LeaderView view{};
  WireMicros lease{};  ///< How long that leader's quorum lease is proved to run; 0: no proof.
  WireMicros age{};    ///< Since what the proof was made from; 0 for the leader itself.
  bool sick = false;   ///< The responder is slow itself: it is no good way.

  friend bool operator==(const FrontEndAnswer&, const FrontEndAnswer&) = default;
};

/// What front-ends tell the sender about the receiver, from a replica to a node that leads: the
/// front-ends cannot tell it themselves. Sets are bits, in ascending order of the front-ends' ids.
struct FrontEndTally {
  Sender from{};
  ClockStamp sent_at{};       ///< The sender's clock; an older one than known is stale.
  std::uint64_t list = 0;     ///< Which front-ends the bits stand for: FrontEndList::hash().
  std::uint64_t lost = 0;     ///< They report that they do not reach the receiver.
  std::uint64_t reached = 0;  ///< The sender reaches them both ways.

  friend bool operator==(const FrontEndTally&, const FrontEndTally&) = default;
};

/// Everything that front-ends and replicas send each other, and replicas about front-ends. Apart
/// from Message, so that what replicas do without front-ends costs the same.
using FrontEndMessage = std::variant<FrontEndProbe, FrontEndAnswer, FrontEndTally>;

static_assert(std::is_trivially_copyable_v<FrontEndMessage>);

[[nodiscard]] constexpr const Sender& sender_of(const FrontEndMessage& message) {
  return std::visit([](const auto& m) -> const Sender& { return m.from; }, message);
}

}  // namespace vouch
