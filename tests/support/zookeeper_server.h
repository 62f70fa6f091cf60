#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/process.h"

namespace vouch::testing {

/// ZooKeeper on a free port of 127.0.0.1, in a temporary folder: gone when this is, or the thread
/// that started it, however that ends. Sessions of a second and more, which end up to 100 ms late.
class ZooKeeperServer {
 public:
  /// Empty, or why there is none.
  [[nodiscard]] static std::string missing();

  /// The one of this program, started when it is first asked for. The main thread asks first.
  [[nodiscard]] static ZooKeeperServer& shared();

  /// Starts it, and waits until it serves.
  ZooKeeperServer();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  void send_signal(int signal) const { server_->send_signal(signal); }

  /// Kills it. What it has answered is in its folder.
  void stop();
  /// As if its disk had been replaced. Only while it is stopped.
  void wipe();
  /// Starts it again, on the same port.
  void start();

  /// What it says to a command of four letters, such as "wchp". Empty: nothing.
  [[nodiscard]] std::string ask(const std::string& command) const;
  /// The number behind `name` in what it says to "mntr"; -1 if there is none.
  [[nodiscard]] long counter(const std::string& name) const;

 private:
  [[nodiscard]] bool try_start();

  TemporaryFolder folder_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Process> server_;
};

}  // namespace vouch::testing
