#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "vouch/detector/time.h"

namespace vouch::testing {

/// A TCP proxy on a free port of 127.0.0.1, in a thread of its own, between a client and a server
/// on 127.0.0.1, with faults that a test switches while it runs. Each takes effect at once, for the
/// connections that stand too. Any thread may call.
///
/// A request here is what arrives from a client after bytes have gone back to it, or first of all
/// on its connection: right for protocols in which a client waits for each answer.
class FaultProxy {
 public:
  enum class Flow : std::uint8_t {
    kPass,          ///< Both ways.
    kBlackHole,     ///< Nothing arrives, either way. Connections stand, and new ones are taken.
    kToServerOnly,  ///< What the client sends arrives; what the server says does not.
    kToClientOnly,  ///< The reverse.
  };

  /// What becomes of a request that is picked by its number.
  enum class Cut : std::uint8_t {
    kReply,    ///< It is forwarded. When its reply comes, the connection is closed instead.
    kRequest,  ///< The connection is closed and the server does not see it.
  };

  explicit FaultProxy(std::uint16_t server_port);
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;
  ~FaultProxy();

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string url() const;

  /// What does not arrive now, the end of a connection included, does when the way is open again,
  /// as TCP sends it until then: late, and even if who sent it is gone. After `cut_all` never.
  void set_flow(Flow flow);

  /// The k-th request from now on, the first being 1, meets `cut`. Zero: none does.
  void cut_at(std::uint64_t k, Cut cut);

  /// Requests from now on are held so long and then forwarded, even if the client has closed its
  /// connection meanwhile. Zero: at once.
  void set_delay(Duration delay);

  /// New connections are refused (their SYN is answered by RST), or taken again.
  void set_refusing(bool is_refusing);

  /// Closes every connection that stands.
  void cut_all();

  /// So far.
  [[nodiscard]] std::uint64_t requests() const;
  [[nodiscard]] std::uint64_t connections() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch::testing
