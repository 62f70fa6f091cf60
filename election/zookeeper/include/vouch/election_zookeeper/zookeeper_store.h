#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/election/queue.h"

namespace vouch::election {

/// Where queues are kept in ZooKeeper.
struct ZooKeeperAddress {
  std::string servers;  ///< "HOST:PORT[,HOST:PORT...]", all of the ensemble.
  std::string path;     ///< "/NAME[/NAME...]": below it is a znode for each queue.
};

/// Reads "HOST:PORT[,HOST:PORT...]/PATH". The error names the field, the rule and the value.
[[nodiscard]] Result<ZooKeeperAddress> read_zookeeper_address(const std::string& text);

/// Queues of ephemeral znodes in ZooKeeper 3.5 or newer, over its official C client.
///
/// A place is the znode PATH/NAME/GUID=SESSION.JOIN-NUMBER: ephemeral, so that it goes with its
/// session, with the owner and the session's timeout (in milliseconds) as two lines of data; its
/// name never comes back. Parents are made as needed, also when somebody removed them meanwhile.
/// Values of fenced writes are in PATH/%values, where no queue's name leads. All of it may be read
/// and written by anybody whom the ensemble lets in; protect it by the network.
///
/// Order and token. ZooKeeper numbers the children of a znode, and begins at 0 again when that was
/// removed and made anew. What never goes back is the number of the transaction that made a znode
/// (czxid). So that one is the token, and places are ordered by it too: the token of a place is
/// greater than that of every place before it, whatever became of the parent. (Within the life of
/// one parent both orders are the same.) An ensemble whose data were wiped starts its tokens anew.
///
/// A place is one's own if its session is: what an earlier session has left is somebody else's
/// until it goes (CURATOR-498, -696).
///
/// KeepSession and ListQueue are a sync and a read. A read alone is answered by the server that the
/// client is linked to, for as long as that takes itself for a part of the ensemble, while the
/// leader of the ensemble, which cannot be reached from there, ends the session. A sync is answered
/// by way of that leader, and only for a session that it knows.
///
/// Sessions are kept by requests, not by the library's own pings: one in which nothing was asked
/// for its timeout ends, as does one whose link is lost and not back when nothing was heard for its
/// timeout. (The library would try for ever, and a link that lost one direction would so keep the
/// place of a client that hears nothing.)
///
/// Any thread may call, and calls of several threads do not wait for each other. A child made by
/// fork does not use it (it is answered kUnavailable), nor opens another before it has become
/// another program. Host names are looked up on the thread of the store, which delays what else it
/// does.
class ZooKeeperStore final : public QueueStore {
 public:
  /// Does not connect yet. `call_timeout`: how long `list` and others that bring no timeout of
  /// their own take at the most, each of their steps.
  static Result<std::unique_ptr<ZooKeeperStore>> open(
      const std::string& address, Duration call_timeout = std::chrono::seconds(5));

  ZooKeeperStore(const ZooKeeperStore&) = delete;
  ZooKeeperStore& operator=(const ZooKeeperStore&) = delete;
  /// Sessions that were not closed are left to run out.
  ~ZooKeeperStore();

  [[nodiscard]] QueueReply apply(const QueueRequest& request) override;
  /// Waits for a notice that is on its way to whom was set before.
  void set_notify(std::function<void(const QueueNotice&)> notify) override;
  [[nodiscard]] Result<std::vector<LockRecord>> list() override;
  [[nodiscard]] StoreOutcome force_release(const std::string& name) override;
  [[nodiscard]] StoreOutcome fenced_put(const std::string& name, FencingToken token,
                                        const std::string& key, const std::string& value) override;
  [[nodiscard]] Result<std::optional<std::string>> fenced_get(const std::string& key) override;

 private:
  class Impl;
  explicit ZooKeeperStore(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch::election
