#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/election/queue.h"

namespace vouch::election {

struct EtcdConfig {
  /// http://HOST:PORT or https://HOST:PORT, of members of one cluster. Tried in this order: a
  /// member that cannot be reached or does not answer is left for the next one.
  std::vector<std::string> endpoints;
  /// Everything is kept under PREFIX/. Not empty, without control characters, no / at the end.
  std::string prefix = "vouch";
  /// For operations that bring no timeout of their own. In [1 ms, 1 h].
  Duration timeout = std::chrono::seconds(5);
  /// How long one endpoint may take to connect. In [1 ms, 1 h].
  Duration connect_timeout = std::chrono::milliseconds(500);
  std::string ca_file;    ///< PEM, of who signed the servers' certificates. Empty: the system's.
  std::string cert_file;  ///< PEM, shown to servers that ask for it.
  std::string key_file;
  std::string user;  ///< Empty: etcd asks for none. (Its gateway knows nobody by a certificate.)
  std::string password;
};

/// Checks the rules above. The message names the field, the rule and the value.
[[nodiscard]] Status validate(const EtcdConfig& config);

/// Reads `HOST:PORT[,HOST:PORT...][/PREFIX]`, where `https://` or `http://` may stand before it
/// all.
[[nodiscard]] Result<EtcdConfig> read_etcd_address(const std::string& address);

/// Queues in etcd (3.4 or later), through its JSON gateway.
///
/// A session is a lease of etcd, of whole seconds and at least two: one that is asked for is
/// rounded up, and what etcd grants is told. A place is the key PREFIX/queues/NAME/LEASE (in NAME
/// `%` and `/` are %25 and %2F, LEASE has 16 hexadecimal digits), made only if absent and gone with
/// the lease; its value has the guid, the seconds and the owner. Order and token are its create
/// revision, which never comes back: not even when everybody has left. A second join in the same
/// session finds the first one's place.
///
/// Every request within a session renews it first, so that its reply proves that it lives. Renewing
/// alone is no proof of leadership (etcd answers a dead lease with status 200, and a leader of etcd
/// that is cut off from the others may renew leases while the clock of the new one runs): the own
/// key is read afterwards, linearizably, made at the same revision and with the same lease, and
/// etcd's term must be the same in both replies.
///
/// Before 3.4.31 and 3.5.13 etcd may end a lease that is renewed, when a leader of its own hangs
/// and comes back (etcd issue 15247): until the next heartbeat only tokens protect.
///
/// A watch has a connection and a thread of its own, begins at the revision at which the place was
/// seen, and ends when the member that serves it has lost etcd's leader (kLinkLost).
///
/// An application fences its own keys in the same transaction: compare CREATE of the place's key
/// with the token. kUnavailable: not sent, or refused by etcd; kAmbiguous: no reply, or an error
/// after which a write may still be applied.
///
/// One thread at a time calls `apply`; any thread calls the rest.
class EtcdStore final : public QueueStore {
 public:
  /// Checks the configuration; connects at the first request.
  static Result<std::unique_ptr<EtcdStore>> open(const EtcdConfig& config);

  EtcdStore(const EtcdStore&) = delete;
  EtcdStore& operator=(const EtcdStore&) = delete;
  ~EtcdStore();

  [[nodiscard]] QueueReply apply(const QueueRequest& request) override;
  void set_notify(std::function<void(const QueueNotice&)> notify) override;
  [[nodiscard]] Result<std::vector<LockRecord>> list() override;
  [[nodiscard]] StoreOutcome force_release(const std::string& name) override;
  [[nodiscard]] StoreOutcome fenced_put(const std::string& name, FencingToken token,
                                        const std::string& key, const std::string& value) override;
  [[nodiscard]] Result<std::optional<std::string>> fenced_get(const std::string& key) override;

 private:
  class Impl;
  explicit EtcdStore(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch::election
