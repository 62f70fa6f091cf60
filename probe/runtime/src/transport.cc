#include "transport.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace vouch::runtime {
namespace {

/// The address that recvmsg left in an Endpoint's room.
void take_address(Endpoint& endpoint, const msghdr& header) {
  endpoint.resize(header.msg_namelen);
}

}  // namespace

Transport::Transport(boost::asio::io_context& io, std::vector<Peer> peers, Rng rng)
    : socket_(io), peers_(std::move(peers)), rng_(rng) {}

Status Transport::open(const Endpoint& listen) {
  boost::system::error_code error;
  socket_.open(listen.protocol(), error);
  if (!error) socket_.bind(listen, error);
  if (!error) socket_.non_blocking(true, error);
  if (!error) local_ = socket_.local_endpoint(error);
  if (error) {
    return Error{Errc::kUnavailable,
                 "listen: " + to_string(listen) + " cannot be bound: " + error.message()};
  }
  prepare();
  return Done{};
}

Status Transport::adopt(int descriptor, const Endpoint& listen) {
  boost::system::error_code error;
  socket_.assign(listen.protocol(), descriptor, error);
  if (!error) socket_.non_blocking(true, error);
  if (!error) local_ = socket_.local_endpoint(error);
  if (!error && local_.protocol() != listen.protocol()) {
    error = boost::asio::error::address_family_not_supported;
  }
  if (error) {
    return Error{Errc::kUnavailable, "listen: descriptor " + std::to_string(descriptor) +
                                         " cannot be used: " + error.message()};
  }
  prepare();
  return Done{};
}

void Transport::prepare() {
  const int descriptor = socket_.native_handle();
  const int on = 1;
  // A burst must not push heartbeats out: the default buffer holds 256 small datagrams. The system
  // gives what it allows; too little shows as receive_overflow.
  const int room = 4 << 20;
  setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  setsockopt(descriptor, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  // Without this a full queue on the way out looks like success, and a refusal is never told.
  if (local_.protocol() == boost::asio::ip::udp::v6()) {
    setsockopt(descriptor, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
  } else {
    setsockopt(descriptor, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  }
}

void Transport::send(NodeId to, std::span<const std::byte> datagram) {
  const Peer* peer = find(to);
  if (peer == nullptr) return;
  if (peer->drill.cut_out || rng_.chance(peer->drill.loss_per_million)) {
    ++counters_.drilled;
    return;
  }
  // An error that waits on the socket (a refusal of another peer's host) is told by the next send,
  // which then has not sent: once more tells the truth about this one.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const ssize_t sent = sendto(socket_.native_handle(), datagram.data(), datagram.size(),
                                MSG_DONTWAIT | MSG_NOSIGNAL, peer->endpoint.data(),
                                static_cast<socklen_t>(peer->endpoint.size()));
    if (sent >= 0) {
      ++counters_.datagrams_sent;
      return;
    }
    if (errno != ECONNREFUSED && errno != EHOSTUNREACH) break;
  }
  ++counters_.send_errors;
}

std::optional<Transport::Received> Transport::receive() {
  for (;;) {
    Endpoint from;
    iovec part{buffer_.data(), buffer_.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint32_t))> control{};
    msghdr header{};
    header.msg_name = from.data();
    header.msg_namelen = static_cast<socklen_t>(from.capacity());
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t count = recvmsg(socket_.native_handle(), &header, MSG_DONTWAIT);
    if (count < 0) {
      if (errno == EINTR || errno == ECONNREFUSED || errno == EHOSTUNREACH) continue;
      return std::nullopt;
    }
    take_address(from, header);
    for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
      if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SO_RXQ_OVFL) continue;
      std::uint32_t dropped = 0;
      std::memcpy(&dropped, CMSG_DATA(one), sizeof dropped);
      counters_.receive_overflow = dropped;
    }
    const Peer* peer = find(from);
    if (peer != nullptr && peer->drill.cut_in) {
      ++counters_.drilled;
      continue;
    }
    ++counters_.datagrams_received;
    const auto size = static_cast<std::size_t>(count);
    return Received{peer == nullptr ? kNobody : peer->id, std::span(buffer_).first(size),
                    size > kMaxDatagram};
  }
}

void Transport::read_errors(const std::function<void(NodeId)>& refused) {
  for (;;) {
    Endpoint to;
    alignas(cmsghdr) std::array<char, 512> control{};
    msghdr header{};
    header.msg_name = to.data();
    header.msg_namelen = static_cast<socklen_t>(to.capacity());
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    if (recvmsg(socket_.native_handle(), &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    take_address(to, header);
    for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
      const bool is_error = (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_RECVERR) ||
                            (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_RECVERR);
      if (!is_error) continue;
      sock_extended_err told{};
      std::memcpy(&told, CMSG_DATA(one), sizeof told);
      const Peer* peer = find(to);
      if (told.ee_errno != ECONNREFUSED || peer == nullptr) continue;
      ++counters_.refused_by_peer;
      refused(peer->id);
    }
  }
}

Transport::Peer* Transport::find(NodeId id) {
  for (Peer& peer : peers_) {
    if (peer.id == id) return &peer;
  }
  return nullptr;
}

const Transport::Peer* Transport::find(const Endpoint& endpoint) const {
  for (const Peer& peer : peers_) {
    if (peer.endpoint == endpoint) return &peer;
  }
  return nullptr;
}

}  // namespace vouch::runtime
