#pragma once

#include <cstddef>
#include <vector>

#include "vouch/detector/time.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/quorum.h"

namespace vouch {

// Relays: a follower that does not hear its leader asks one peer that vouches for it to pass on its
// heartbeats. docs/ROUTES.md tells the whole of it.

/// How long a RelayRequest holds. It is renewed each interval: three may be lost.
[[nodiscard]] constexpr Duration relay_term(Duration heartbeat_interval) {
  return heartbeat_interval * 7 / 2;
}

/// How old the newest word that came over a way may be: after that the way is taken for dead. It
/// forgives one lost heartbeat. Shorter than Core::is_heard, because a promise on a dead way
/// lengthens a lease or is lost; no longer than the silence by which a leader is suspected.
[[nodiscard]] constexpr Duration relay_patience(Duration heartbeat_interval, Duration round_trip) {
  return heartbeat_interval * 5 / 2 + round_trip;
}

/// Who has asked this node for whose heartbeats, and until when. Sized when it is made, empty if
/// nobody may ask. A part of the Monitor. Not thread-safe: give it one owner.
class RelayTable {
 public:
  RelayTable(RelayMode mode, PeerIndex nodes)
      : nodes_(nodes), until_(mode == RelayMode::kOff ? 0 : std::size_t{nodes} * nodes, kLongAgo) {}

  [[nodiscard]] bool is_on() const { return !until_.empty(); }

  void ask(PeerIndex asker, PeerIndex origin, Instant until) { until_[at(asker, origin)] = until; }

  /// The process of `node` has ended: what it asked for is over.
  void forget(PeerIndex node) {
    if (!is_on()) return;
    for (PeerIndex origin = 0; origin < nodes_; ++origin)
      until_[at(node, origin)] = kLongAgo;
  }

  /// Calls `visit(asker)` for each that wants the heartbeats of `origin` now, in ascending order.
  template <typename Visit>
  void for_each(PeerIndex origin, Instant now, Visit&& visit) const {
    for (PeerIndex asker = 0; asker < nodes_; ++asker) {
      if (now < until_[at(asker, origin)]) visit(asker);
    }
  }

 private:
  [[nodiscard]] std::size_t at(PeerIndex asker, PeerIndex origin) const {
    return std::size_t{origin} * nodes_ + asker;
  }

  PeerIndex nodes_;
  std::vector<Instant> until_;
};

/// Whom a group asks to relay its leader, while it is suspected and vouched for.
struct Relayer {
  Slot via = kNoSlot;
  Instant since = kLongAgo;     ///< Chosen, or given another chance.
  Instant heard = kLongAgo;     ///< The newest relayed heartbeat that came from it.
  Instant renew_at = kLongAgo;  ///< When it is asked again.
  bool is_unheard = false;      ///< The leader no longer hears it: what it passes on grows old.
  /// Over whom the newest promise to the leader went, if over anybody. Asked as long as it binds:
  /// when the leader gives up, that comes the same way.
  Slot promised_over = kNoSlot;
  ClockStamp newest{};  ///< Of the leader's clock: what is older has been overtaken.
};

}  // namespace vouch
