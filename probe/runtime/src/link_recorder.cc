#include "vouch/runtime/link_recorder.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "address.h"
#include "clock.h"
#include "clock_drift.h"

namespace vouch::runtime {
namespace {

using boost::asio::ip::udp;

constexpr std::size_t kMaxMeasured = 64;
constexpr Duration kIntervalMin = std::chrono::milliseconds(1);
constexpr Duration kIntervalMax = std::chrono::seconds(60);

std::uint64_t random_token() {
  std::random_device device;
  const std::uint64_t token = (std::uint64_t{device()} << 32) | device();
  return token == 0 ? 1 : token;
}

/// Higher after each restart, unless somebody sets the clock back.
Incarnation new_incarnation() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return Incarnation{static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(since).count())};
}

/// Without a probe for so long, the other end is gone.
Duration patience(Duration interval) {
  return std::max<Duration>(10 * interval, std::chrono::seconds(1));
}

Result<Endpoint> resolve(boost::asio::io_context& io, const std::string& peer) {
  const std::size_t colon = peer.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == peer.size()) {
    return Error{Errc::kBadConfig, "--peer: must be HOST:PORT, is \"" + peer + "\""};
  }
  std::string host = peer.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  boost::system::error_code error;
  udp::resolver resolver(io);
  const auto found = resolver.resolve(host, peer.substr(colon + 1), error);
  if (error || found.empty()) {
    return Error{Errc::kUnavailable,
                 "--peer: \"" + peer + "\" cannot be resolved: " + error.message()};
  }
  const Endpoint endpoint = found.begin()->endpoint();
  if (endpoint.port() == 0) {
    return Error{Errc::kBadConfig, "--peer: the port must be above 0, is \"" + peer + "\""};
  }
  return endpoint;
}

}  // namespace

class LinkRecorder::Impl {
 public:
  explicit Impl(const LinkRecorderConfig& config)
      : interval_(config.interval), is_responder_(config.peers.empty()) {}

  Status open(const LinkRecorderConfig& config) {
    for (const std::string& name : config.peers) {
      const Result<Endpoint> endpoint = resolve(io_, name);
      if (!endpoint) return endpoint.error();
      if (find(*endpoint) != nullptr) {
        return Error{Errc::kBadConfig, "--peer: \"" + name + "\" is named twice"};
      }
      add(name, *endpoint, interval_);
    }
    Endpoint listen(remotes_.empty() ? udp::v6() : remotes_.front().endpoint.protocol(), 0);
    if (!config.listen.empty()) {
      const std::optional<Endpoint> parsed = parse_endpoint(config.listen);
      if (!parsed) {
        return Error{Errc::kBadConfig,
                     "--listen: must be ADDRESS:PORT, numeric, is \"" + config.listen + "\""};
      }
      listen = *parsed;
    }
    for (const Remote& remote : remotes_) {
      if (remote.endpoint.protocol() == listen.protocol()) continue;
      return Error{Errc::kBadConfig, "--peer: \"" + remote.name + "\" is at " +
                                         to_string(remote.endpoint) + ", of another family than " +
                                         to_string(listen)};
    }
    boost::system::error_code error;
    socket_.open(listen.protocol(), error);
    if (!error) socket_.bind(listen, error);
    if (!error) socket_.non_blocking(true, error);
    if (!error) local_ = socket_.local_endpoint(error);
    if (error) {
      return Error{Errc::kUnavailable,
                   "--listen: " + to_string(listen) + " cannot be bound: " + error.message()};
    }
    return Done{};
  }

  Status run(const std::function<bool()>& goes_on,
             const std::function<void(const LinkArrival&)>& take) {
    take_ = &take;
    goes_on_ = &goes_on;
    stagger();
    wait_for_datagrams();
    arm_timer();
    arm_pulse();
    io_.run();
    return Done{};
  }

  [[nodiscard]] std::string address() const { return to_string(local_); }
  [[nodiscard]] Incarnation incarnation() const { return incarnation_; }
  [[nodiscard]] std::uint64_t late_sends() const { return late_sends_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] DriftEstimate drift(std::size_t peer) const {
    return remotes_.at(peer).drift.estimate();
  }

  [[nodiscard]] std::vector<LinkState> links() const {
    std::vector<LinkState> links;
    const Instant now = boottime_now();
    for (const Remote& remote : remotes_) {
      links.push_back({.name = remote.name,
                       .address = to_string(remote.endpoint),
                       .answers = remote.answers(now),
                       .out = remote.meter.out(),
                       .in = remote.meter.in()});
    }
    return links;
  }

 private:
  /// The other end of a measurement.
  struct Remote {
    std::string name;
    Endpoint endpoint;
    LinkMeter meter;
    ClockDrift drift{};
    Duration interval{};
    Instant due{};
    Instant heard = kLongAgo;

    [[nodiscard]] bool answers(Instant now) const {
      return heard != kLongAgo && now - heard <= patience(interval);
    }
  };

  void add(const std::string& name, const Endpoint& endpoint, Duration interval) {
    remotes_.push_back({.name = name,
                        .endpoint = endpoint,
                        .meter = LinkMeter(incarnation_, random_token()),
                        .interval = interval});
  }

  Remote* find(const Endpoint& endpoint) {
    for (Remote& remote : remotes_) {
      if (remote.endpoint == endpoint) return &remote;
    }
    return nullptr;
  }

  /// The peers' turns lie evenly in the interval, so that they do not delay each other.
  void stagger() {
    const Instant now = boottime_now();
    const auto count = static_cast<std::int64_t>(std::max<std::size_t>(remotes_.size(), 1));
    std::int64_t place = 0;
    for (Remote& remote : remotes_)
      remote.due = now + interval_ * place++ / count;
  }

  void send(const Endpoint& to, const LinkProbeMessage& message) {
    const std::size_t size = encode(message, kNoCluster, room_);
    boost::system::error_code lost;  // What cannot be sent is lost: the other end counts it.
    socket_.send_to(boost::asio::buffer(room_.data(), size), to, 0, lost);
  }

  void wait_for_datagrams() {
    socket_.async_wait(udp::socket::wait_read, [this](const boost::system::error_code& error) {
      if (error == boost::asio::error::operation_aborted) return;
      receive_all();
      wait_for_datagrams();
    });
  }

  void receive_all() {
    for (int i = 0; i < 1024; ++i) {  // Then the timers get their turn.
      Endpoint from;
      boost::system::error_code error;
      const std::size_t size = socket_.receive_from(boost::asio::buffer(inbox_), from, 0, error);
      if (error) return;
      const Decoded<LinkProbeMessage> decoded =
          decode_link_probe(std::span(inbox_).first(size), kNoCluster);
      const auto* message = std::get_if<LinkProbeMessage>(&decoded);
      if (message == nullptr) {
        ++refused_;
      } else if (const auto* probe = std::get_if<LinkProbe>(message)) {
        take_probe(from, *probe);
      } else {
        Remote* remote = find(from);
        if (remote == nullptr || !remote->meter.take_challenge(std::get<LinkChallenge>(*message))) {
          ++refused_;
        }
      }
    }
  }

  void take_probe(const Endpoint& from, const LinkProbe& probe) {
    const Instant now = boottime_now();
    Remote* remote = find(from);
    if (remote == nullptr && is_responder_) remote = admit(from, now);
    if (remote == nullptr || probe.wanted_token == 0) {
      ++refused_;
      return;
    }
    if (!remote->meter.admits(probe)) {
      send(from, remote->meter.challenge_for(probe));
      return;
    }
    if (is_responder_ && !remote->answers(now)) {
      remote->due = now;  // It has shown that it gets what is sent to it: its turn begins.
    }
    if (is_responder_) {
      remote->interval = std::clamp(from_wire(probe.interval), kIntervalMin, kIntervalMax);
    }
    remote->heard = now;
    const auto peer = static_cast<std::size_t>(index_of(*remote));
    for (const ProbeArrival& arrival : remote->meter.take_probe(now, probe)) {
      remote->drift.add(arrival);
      if (take_ != nullptr) (*take_)({.peer = peer, .what = arrival});
    }
    arm_timer();
  }

  [[nodiscard]] std::size_t index_of(const Remote& remote) const {
    std::size_t index = 0;
    while (&remotes_[index] != &remote)
      ++index;
    return index;
  }

  /// Room for a stranger, which may have to take that of one that is gone, or never was there.
  Remote* admit(const Endpoint& from, Instant now) {
    if (remotes_.size() >= kMaxMeasured) {
      const auto gone = std::find_if(remotes_.begin(), remotes_.end(),
                                     [&](const Remote& one) { return !one.answers(now); });
      if (gone == remotes_.end()) return nullptr;
      remotes_.erase(gone);
    }
    add(to_string(from), from, interval_);
    remotes_.back().due = kNever;
    return &remotes_.back();
  }

  void arm_timer() {
    Instant due = kNever;
    for (const Remote& remote : remotes_)
      due = std::min(due, remote.due);
    if (due == armed_) return;
    armed_ = due;
    if (due == kNever) {
      timer_.cancel();
      return;
    }
    timer_.expires_after(remaining(due, boottime_now()));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      armed_ = kNever;
      send_due();
      arm_timer();
    });
  }

  void send_due() {
    const Instant now = boottime_now();
    for (Remote& remote : remotes_) {
      if (remote.due > now) continue;
      if (is_responder_ && !remote.answers(now)) {
        remote.due = kNever;
        continue;
      }
      if (now - remote.due > remote.interval / 2) ++late_sends_;
      send(remote.endpoint, remote.meter.next_probe(now, remote.interval));
      remote.due += remote.interval;
      // After a pause the missed ones are not made up for: they would come all at once.
      if (remote.due <= now) remote.due = now + remote.interval;
    }
  }

  void arm_pulse() {
    pulse_.expires_after(std::chrono::milliseconds(100));
    pulse_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      if ((*goes_on_)()) {
        arm_pulse();
      } else {
        io_.stop();
      }
    });
  }

  Duration interval_;
  bool is_responder_;
  Incarnation incarnation_ = new_incarnation();
  boost::asio::io_context io_;
  udp::socket socket_{io_};
  boost::asio::steady_timer timer_{io_};
  boost::asio::steady_timer pulse_{io_};
  Endpoint local_;
  std::deque<Remote> remotes_;
  Instant armed_ = kNever;
  std::uint64_t late_sends_ = 0;
  std::uint64_t refused_ = 0;
  const std::function<bool()>* goes_on_ = nullptr;
  const std::function<void(const LinkArrival&)>* take_ = nullptr;
  std::array<std::byte, kMaxDatagram> room_{};
  std::array<std::byte, kMaxDatagram + 1> inbox_{};
};

Result<LinkRecorder> LinkRecorder::create(const LinkRecorderConfig& config) {
  if (config.interval < kIntervalMin || config.interval > kIntervalMax) {
    return Error{Errc::kBadConfig,
                 "--interval: must be from 1 to 60000 ms, is " +
                     std::to_string(static_cast<double>(config.interval.count()) / 1e6)};
  }
  auto impl = std::make_unique<Impl>(config);
  if (Status opened = impl->open(config); !opened) return opened.error();
  return LinkRecorder(std::move(impl));
}

LinkRecorder::LinkRecorder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LinkRecorder::LinkRecorder(LinkRecorder&&) noexcept = default;
LinkRecorder& LinkRecorder::operator=(LinkRecorder&&) noexcept = default;
LinkRecorder::~LinkRecorder() = default;

Status LinkRecorder::run(const std::function<bool()>& goes_on,
                         const std::function<void(const LinkArrival&)>& take) {
  return impl_->run(goes_on, take);
}
std::string LinkRecorder::address() const {
  return impl_->address();
}
Incarnation LinkRecorder::incarnation() const {
  return impl_->incarnation();
}
std::vector<LinkState> LinkRecorder::links() const {
  return impl_->links();
}
DriftEstimate LinkRecorder::drift(std::size_t peer) const {
  return impl_->drift(peer);
}
std::uint64_t LinkRecorder::late_sends() const {
  return impl_->late_sends();
}
std::uint64_t LinkRecorder::refused() const {
  return impl_->refused();
}

}  // namespace vouch::runtime
