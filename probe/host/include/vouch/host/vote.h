#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "vouch/detector/ids.h"
#include "vouch/probe/message.h"

namespace vouch::host {

/// Asks one voter for its vote (RequestVote of Raft, section 5.2). Repeated unchanged until it is
/// answered: a voter answers a repetition as it answered the first.
struct VoteRequest {
  Sender from{};
  GroupId group{};
  ConfigEpoch epoch{};
  Term term{};        ///< The term to be won.
  LogPosition log{};  ///< End of the candidate's log.

  friend bool operator==(const VoteRequest&, const VoteRequest&) = default;
};

/// What came of a request for a vote, in the order in which a voter tries its rules.
enum class VoteAnswer : std::uint8_t {
  kGranted,      ///< This term's vote is the candidate's, and was before, if it had asked before.
  kNotVoter,     ///< One of the two has no vote in the group, or their membership versions differ.
  kOldTerm,      ///< The voter knows a newer term.
  kVotedOther,   ///< The voter gave this term's vote to somebody else.
  kPromised,     ///< A promise to another leader still runs. May change within the candidacy.
  kHeld,         ///< A consent to another candidate still binds. May change as well.
  kJustStarted,  ///< The voter restarted and may have promised before. May change as well.
  kShorterLog,   ///< The candidate's log is shorter than the voter's (Raft section 5.4.1).
};
inline constexpr std::uint8_t kVoteAnswerCount = 8;

/// The name of an answer as logs print it (`granted`, `old_term`, ...).
[[nodiscard]] std::string_view to_string(VoteAnswer answer);

/// Answers a VoteRequest.
struct VoteReply {
  Sender from{};
  GroupId group{};
  ConfigEpoch epoch{};
  Term term{};    ///< Term of the request.
  Term newest{};  ///< Newest term that the voter knows.
  VoteAnswer answer = VoteAnswer::kNotVoter;
  /// With a vote in LeaseMode::kWaitOut: how long the voter is still bound to another leader,
  /// rounded up, since the winner waits for it.
  WireMicros bound{};

  friend bool operator==(const VoteReply&, const VoteReply&) = default;
};

/// Everything that one host sends to another.
using VoteMessage = std::variant<VoteRequest, VoteReply>;

static_assert(std::is_trivially_copyable_v<VoteMessage>);
static_assert(sizeof(VoteMessage) <= 72);

/// The sender that every message names.
[[nodiscard]] const Sender& sender_of(const VoteMessage& message);

}  // namespace vouch::host
