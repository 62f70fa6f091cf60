#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/support/zookeeper_server.h"
#include "vouch/election_zookeeper/zookeeper_store.h"

namespace vouch::election::testing {

/// Queues in ZooKeeper, apart from those of other objects.
class ZooKeeperKind {
 public:
  static std::string missing() { return vouch::testing::ZooKeeperServer::missing(); }

  ZooKeeperKind() {
    static int count = 0;
    path_ = "/test/" + std::to_string(++count);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// `HOST:PORT/PATH`, of the server or of what stands before it.
  [[nodiscard]] std::string address(std::uint16_t port) const {
    return "127.0.0.1:" + std::to_string(port) + path_;
  }
  [[nodiscard]] std::unique_ptr<ZooKeeperStore> connect_to(std::uint16_t port) const {
    auto opened = ZooKeeperStore::open(address(port));
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  [[nodiscard]] std::unique_ptr<ZooKeeperStore> connect() const {
    return connect_to(vouch::testing::ZooKeeperServer::shared().port());
  }
  [[nodiscard]] Duration session() const { return std::chrono::seconds(1); }

 private:
  std::string path_;
};

}  // namespace vouch::election::testing
