#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "address.h"
#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
#include "vouch/detector/rng.h"
#include "vouch/probe/wire.h"

namespace vouch::runtime {

/// What a drill does to the datagrams of one peer.
struct LinkDrill {
  bool cut_out = false;                ///< Nothing is sent to it.
  bool cut_in = false;                 ///< Nothing of it is received.
  std::uint32_t loss_per_million = 0;  ///< Of what is sent to it.
};

/// Counters of the socket since its opening.
struct TransportCounters {
  std::uint64_t datagrams_sent = 0;
  std::uint64_t datagrams_received = 0;
  std::uint64_t send_errors = 0;       ///< Refused by the system; the datagram is lost.
  std::uint64_t refused_by_peer = 0;   ///< The peer's host says that nobody listens.
  std::uint64_t receive_overflow = 0;  ///< Dropped by the kernel: the receive buffer was full.
  std::uint64_t drilled = 0;           ///< Dropped by a drill.
};

/// One UDP socket, non-blocking, for the datagrams of known peers. No error of it is ever fatal:
/// what cannot be sent is lost and counted. Not thread-safe: give it one owner.
class Transport {
 public:
  struct Peer {
    NodeId id{};
    Endpoint endpoint;
    LinkDrill drill{};
  };

  Transport(boost::asio::io_context& io, std::vector<Peer> peers, Rng rng);

  /// Binds the socket. The error names `listen` and the system's reason.
  [[nodiscard]] Status open(const Endpoint& listen);

  /// Takes over a bound socket of the family of `listen` instead.
  [[nodiscard]] Status adopt(int descriptor, const Endpoint& listen);

  void send(NodeId to, std::span<const std::byte> datagram);

  /// Reads one waiting datagram; nothing if none waits. `from` is kNobody for a stranger. What a
  /// drill cuts is skipped.
  struct Received {
    NodeId from{};
    std::span<const std::byte> bytes;
    bool is_oversize = false;
  };
  [[nodiscard]] std::optional<Received> receive();

  /// Reads the errors that waited on the socket; `refused` hears which peers have nobody listening.
  void read_errors(const std::function<void(NodeId)>& refused);

  [[nodiscard]] Peer* find(NodeId id);
  [[nodiscard]] const std::vector<Peer>& peers() const { return peers_; }
  [[nodiscard]] boost::asio::ip::udp::socket& socket() { return socket_; }
  [[nodiscard]] Endpoint local() const { return local_; }
  [[nodiscard]] const TransportCounters& counters() const { return counters_; }

 private:
  void prepare();
  [[nodiscard]] const Peer* find(const Endpoint& endpoint) const;

  boost::asio::ip::udp::socket socket_;
  std::vector<Peer> peers_;
  Rng rng_;
  Endpoint local_;
  TransportCounters counters_;
  std::array<std::byte, kMaxDatagram + 1> buffer_{};
};

}  // namespace vouch::runtime
