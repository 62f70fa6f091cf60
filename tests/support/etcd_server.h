#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace vouch::testing {

/// etcd on free ports of 127.0.0.1, in a temporary folder: gone when this is, or the thread that
/// made it, however that ends.
class EtcdServer {
 public:
  /// Empty, or why there is none.
  [[nodiscard]] static std::string missing();

  /// The one of this program, of one member, started when it is first asked for. The main thread
  /// asks first.
  [[nodiscard]] static EtcdServer& shared();

  /// Starts a cluster, and waits until each of its members serves.
  explicit EtcdServer(std::size_t members = 1);

  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] std::uint16_t port(std::size_t member = 0) const { return ports_[2 * member]; }
  /// `127.0.0.1:PORT` of all members.
  [[nodiscard]] std::string address() const;
  void send_signal(int signal, std::size_t member = 0) const;

 private:
  [[nodiscard]] bool start(std::size_t members);

  TemporaryFolder folder_;
  std::vector<std::uint16_t> ports_;  ///< Of each member: for clients, for the other members.
  std::vector<std::unique_ptr<Process>> members_;
};

}  // namespace vouch::testing
