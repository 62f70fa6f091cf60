#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vouch/detector/time.h"
#include "vouch/election/queue.h"

namespace vouch::election {

/// What became of one request to ZooKeeper, as far as it makes a difference here.
enum class ZooKeeperCode : std::uint8_t {
  kOk,
  kNoNode,
  kNodeExists,
  kGuardBroken,  ///< The znode that guards a write is gone or was changed: nothing was written.
  kSessionGone,  ///< There is no such session; what was made in it is gone or goes with it.
  kNotLinked,    ///< Not sent: there is no connection.
  kRefused,      ///< By the server or by the client library; not applied.
  kNoAnswer,     ///< Sent, perhaps. Applied, or later, or never.
};

enum class AskKind : std::uint8_t {
  kSync,         ///< What follows sees all that was done before, also at a server that lags.
  kRead,         ///< Data and stat.
  kWatch,        ///< The same, and a notice when it goes. Of a znode that is gone: no watch.
  kChildren,     ///< Their names.
  kCreate,       ///< A permanent znode.
  kCreatePlace,  ///< An ephemeral one of the session's, a number appended to its path.
  kDelete,
  kPut,     ///< Changes data, if `guard` is there as it was made.
  kPutNew,  ///< The same with a znode that has to be made.
};

struct Ask {
  AskKind kind = AskKind::kSync;
  std::string path;
  std::string data;
  std::string guard;
};

struct Answer {
  ZooKeeperCode code = ZooKeeperCode::kNoAnswer;
  std::string trouble;             ///< For a person, unless kOk.
  std::string text;                ///< Data; the path that was made.
  std::vector<std::string> names;  ///< Of children.
  std::int64_t made_at = 0;        ///< czxid: of the transaction that made the znode.
  std::int64_t session = 0;        ///< ephemeralOwner: 0 of a permanent one.
};

/// Sessions of ZooKeeper, each with a connection of the official C client, on one thread of its own
/// that runs an io_context. A session ends here
///
/// * when the server says so,
/// * when nothing was asked in it for its timeout: the client's own pings would keep it for a
///   program that hangs,
/// * when nothing was heard for its timeout and the link is not back. The client itself would try
///   for ever: with a link that lost one direction its attempts keep the session, and its place in
///   the queue, of a client that hears nothing; and a server whose data were wiped turns them away
///   for ever.
///
/// Any thread may call.
class ZooKeeperLinks {
 public:
  using Tell = std::function<void(const QueueNotice&)>;

  /// `tell` is called on the thread of the links.
  ZooKeeperLinks(std::string hosts, Tell tell);
  ZooKeeperLinks(const ZooKeeperLinks&) = delete;
  ZooKeeperLinks& operator=(const ZooKeeperLinks&) = delete;
  /// Closes connections, not sessions: these run out, unless they were closed before.
  ~ZooKeeperLinks();

  struct Opened {
    ZooKeeperCode code = ZooKeeperCode::kNoAnswer;
    SessionId session{};
    Duration timeout{};
    std::string trouble;
  };
  [[nodiscard]] Opened open(Duration timeout, Duration patience);

  /// Sends all at once, in order, and waits for the answers. What is not answered in time is
  /// kNoAnswer.
  [[nodiscard]] std::vector<Answer> ask(SessionId session, std::vector<Ask> asks,
                                        Duration patience);

  /// Asks the server to end the session if there is a link, and lets it run out otherwise. Does not
  /// wait. kSessionEnded is not told.
  void close(SessionId session);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch::election
