#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vouch/detector/strong.h"
#include "vouch/election/lock.h"
#include "vouch/election/store.h"

namespace vouch::election {

/// A client's life as the store sees it (ZooKeeper's session, etcd's lease). It ends when the store
/// has not heard of it for its timeout, and everything that was made in it goes with it. 0: none.
using SessionId = Strong<struct SessionIdTag, std::uint64_t>;

/// A candidate's place in a queue that the store keeps: made in a session, gone with it.
struct QueuePlace {
  std::string id;    ///< The store's name of it.
  std::string guid;  ///< Made up by its maker: how a join without a reply is found again.
  std::string owner;
  SessionId session{};   ///< In which it was made.
  FencingToken token{};  ///< Greater than that of every place before it and of every one that was.

  friend bool operator==(const QueuePlace&, const QueuePlace&) = default;
};

/// A new session, with a timeout of so much or what the store makes of it. Asked for again when the
/// reply is lost: a session without a place harms nobody and runs out.
struct OpenSession {
  Duration timeout{};
};

/// Ends the session and everything in it at once.
struct CloseSession {
  SessionId session{};
};

/// Proves to the store that the client lives, and to the client that the session does and, if
/// `place` is given, that this place is still there.
struct KeepSession {
  SessionId session{};
  std::string place;
};

/// Makes a place at the end of the queue.
struct JoinQueue {
  SessionId session{};
  std::string guid;
  std::string owner;
};

/// All places in order, as they are now: no stale copy.
struct ListQueue {
  SessionId session{};
};

/// A PlaceGone notice, once, when this place goes. kConditionFailed: it is gone already.
struct WatchPlace {
  SessionId session{};
  std::string place;
};

using QueueOperation =
    std::variant<OpenSession, CloseSession, KeepSession, JoinQueue, ListQueue, WatchPlace>;

/// One request of an Elector to a store that keeps queues.
struct QueueRequest {
  std::uint64_t id = 0;
  std::string name;  ///< Of the queue.
  QueueOperation operation;
  Duration timeout{};  ///< As of StoreRequest.
};

/// The one answer to a request. kConditionFailed: there is no such session, or no such place.
struct QueueReply {
  std::uint64_t id = 0;
  StoreOutcome outcome = StoreOutcome::kAmbiguous;
  SessionId session{};             ///< Of OpenSession,
  Duration timeout{};              ///< with the timeout that it really has.
  std::vector<QueuePlace> places;  ///< Of ListQueue: all; of JoinQueue: the new one.
  std::string trouble;
};

/// What a store with queues says without being asked. Any of them may be lost: the Elector looks
/// again by itself.
enum class QueueNoticeKind : std::uint8_t {
  kPlaceGone,     ///< The place that was watched.
  kLinkLost,      ///< The store cannot be reached: whether the session lives is unknown.
  kSessionEnded,  ///< The store says that the session has ended.
};

struct QueueNotice {
  QueueNoticeKind kind = QueueNoticeKind::kPlaceGone;
  SessionId session{};
};

/// A store that keeps queues, as programs use it.
class QueueStore : public Store {
 public:
  /// Carries out one request of an Elector.
  [[nodiscard]] virtual QueueReply apply(const QueueRequest& request) = 0;

  /// Who hears what the store says without being asked. Called before the first request; `notify`
  /// is called on a thread of the store's, returns soon and does not call the store. An empty one
  /// ends that: when the call returns none is running and none comes any more. Who registered it
  /// calls that before it goes, on no thread that `notify` waits for.
  virtual void set_notify(std::function<void(const QueueNotice&)> notify) = 0;
};

}  // namespace vouch::election
