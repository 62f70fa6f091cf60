#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/support/etcd_server.h"
#include "vouch/election_etcd/etcd_store.h"

namespace vouch::election::testing {

/// Queues in etcd, apart from those of other objects.
class EtcdKind {
 public:
  static std::string missing() { return vouch::testing::EtcdServer::missing(); }

  EtcdKind() {
    static int count = 0;
    prefix_ = "test/" + std::to_string(++count);
  }
  /// `HOST:PORT/PREFIX`, of the server or of what stands before it.
  [[nodiscard]] std::string address(std::uint16_t port) const {
    return "127.0.0.1:" + std::to_string(port) + "/" + prefix_;
  }
  [[nodiscard]] std::unique_ptr<EtcdStore> connect_to(std::uint16_t port) const {
    return connect_to(address(port));
  }
  [[nodiscard]] static std::unique_ptr<EtcdStore> connect_to(const std::string& address) {
    auto opened = EtcdStore::open(read_etcd_address(address).value());
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  [[nodiscard]] std::unique_ptr<EtcdStore> connect() const {
    return connect_to(vouch::testing::EtcdServer::shared().port());
  }
  [[nodiscard]] Duration session() const { return std::chrono::seconds(2); }

 private:
  std::string prefix_;
};

}  // namespace vouch::election::testing
