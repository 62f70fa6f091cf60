#include "vouch/runtime/node.h"

#include <boost/asio/post.hpp>
#include <csignal>
#include <random>
#include <utility>
#include <variant>

#include "clock.h"
#include "node_impl.h"
#include "vouch/host/vote_codec.h"
#include "vouch/probe/codec.h"
#include "vouch/probe/front_end_codec.h"

namespace vouch::runtime {
namespace {

/// At most so many datagrams are read before the timers get their turn.
constexpr int kBatch = 1024;

std::uint64_t system_entropy() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

/// What this life assumes of the promises of the one before.
const char* boot_name(BootMode boot) {
  switch (boot) {
    case BootMode::kRestarted:
      return "restarted";
    case BootMode::kFirstBoot:
      return "first_boot";
    case BootMode::kPersisted:
      return "persisted";
  }
  return "invalid";
}

std::vector<Transport::Peer> transport_peers(const NodeConfig& config) {
  std::vector<Transport::Peer> peers;
  for (const auto* list : {&config.peers, &config.front_ends}) {
    for (const PeerAddress& peer : *list) {
      // The configuration is checked: every address parses.
      peers.push_back({.id = peer.id, .endpoint = *parse_endpoint(peer.address)});
    }
  }
  return peers;
}

}  // namespace

Node::Impl::Impl(const NodeConfig& config, StateStore store, host::Replica replica, LogSink log,
                 Rng rng)
    : config_(config),
      store_(std::move(store)),
      replica_(std::move(replica)),
      transport_(io_, transport_peers(config), rng),
      journal_(config.replica.monitor.self, std::move(log)),
      decisions_(
          [](NodeId node, Instant) {
            return record::Stamp{.node = node, .wall = wall_clock(), .run = {}, .sim_ns = {}};
          },
          [this](const record::Line& line) { journal_.record(line); }),
      cluster_(cluster_hash(config.cluster)) {
  replica_.set_recorder(&decisions_);
}

Status Node::Impl::open(std::optional<int> bound_socket) {
  const Endpoint listen = *parse_endpoint(config_.listen);
  Status opened = bound_socket ? transport_.adopt(*bound_socket, listen) : transport_.open(listen);
  if (!opened) return opened;
  if (!config_.control.empty()) {
    control_ = std::make_unique<ControlServer>(
        io_, [this](const std::string& request) { return answer(request); });
    opened = control_->open(config_.control);
    if (!opened) return opened;
  }
  journal_.note(boottime_now(), "started",
                {{"listen", address()},
                 {"incarnation", store_.incarnation().value()},
                 {"peers", config_.peers.size()},
                 {"boot", boot_name(replica_.monitor().config().boot)},
                 {"lease_ms", to_ms(config_.replica.monitor.lease)},
                 {"drills", config_.allow_drills}});
  return Done{};
}

Status Node::Impl::run() {
  wait_for_datagrams();
  arm_timer();
  io_.run();
  if (outcome_) say_goodbye();
  journal_.note(boottime_now(), "stopped", {{"clean", outcome_.has_value()}});
  return outcome_;
}

/// A leader that stops tells its peers that its promises are free; and what this node has promised
/// itself is stored, so that its next life need not be silent for longer than that.
void Node::Impl::say_goodbye() {
  const Instant now = boottime_now();
  for (const GroupConfig& group : replica_.monitor().config().groups) {
    const GroupStatus status = replica_.monitor().status(group.id, now);
    if (status.leads) replica_.handle_local(now, Resigned{group.id, status.term});
  }
  drain(now);
  if (!outcome_) return;
  if (const Status saved = store_.save_promise(replica_.monitor().promised_until()); !saved) {
    journal_.note(now, "state_not_saved", {{"error", saved.error().message}});
    outcome_ = saved;
  }
}

void Node::Impl::stop() {
  boost::asio::post(io_, [this] { io_.stop(); });
}

void Node::Impl::stop_on_signals() {
  signals_.emplace(io_, SIGINT, SIGTERM);
  signals_->async_wait([this](const boost::system::error_code& error, int) {
    if (!error) io_.stop();
  });
}

void Node::Impl::wait_for_datagrams() {
  transport_.socket().async_wait(boost::asio::ip::udp::socket::wait_read,
                                 [this](const boost::system::error_code& error) {
                                   if (error == boost::asio::error::operation_aborted) return;
                                   receive_all();
                                   arm_timer();
                                   wait_for_datagrams();
                                 });
}

void Node::Impl::arm_timer() {
  const Instant due = replica_.next_timeout();
  // A timer that fires early costs nothing and one that is moved costs a system call.
  if (timer_at_ <= due) return;
  timer_at_ = due;
  // The timer runs on the steady clock: it is given the distance, and the instant is looked at
  // again when it fires.
  const Duration distance = remaining(due, boottime_now());
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(distance));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    on_timer();
  });
}

void Node::Impl::on_timer() {
  timer_at_ = kNever;
  receive_all();
  const Instant now = boottime_now();
  if (now >= replica_.next_timeout()) {
    replica_.handle_timeout(now);
    drain(now);
  }
  arm_timer();
}

void Node::Impl::receive_all() {
  transport_.read_errors([this](NodeId about) { hint(about); });
  for (int count = 0; count < kBatch; ++count) {
    const std::optional<Transport::Received> received = transport_.receive();
    if (!received) return;
    receive_one(*received);
  }
}

void Node::Impl::receive_one(const Transport::Received& received) {
  if (received.from == kNobody) return dropped_.count(DropReason::kUnknownAddress);
  if (received.is_oversize) return dropped_.count(DropReason::kOversize);
  const Decoded<Message> core = decode(received.bytes, cluster_);
  const Instant now = boottime_now();
  if (const auto* message = std::get_if<Message>(&core)) {
    if (sender_of(*message).node != received.from) return dropped_.count(DropReason::kWrongSender);
    return take(now, received.from, *message);
  }
  if (*std::get_if<DropReason>(&core) != DropReason::kType) {
    return dropped_.count(*std::get_if<DropReason>(&core));
  }
  const Decoded<FrontEndMessage> front_end = decode_front_end(received.bytes, cluster_);
  if (const auto* message = std::get_if<FrontEndMessage>(&front_end)) {
    if (sender_of(*message).node != received.from) return dropped_.count(DropReason::kWrongSender);
    replica_.handle_message(now, received.from, *message);
    return drain(now);
  }
  if (*std::get_if<DropReason>(&front_end) != DropReason::kType) {
    return dropped_.count(*std::get_if<DropReason>(&front_end));
  }
  const Decoded<host::VoteMessage> vote = host::decode_vote(received.bytes, cluster_);
  if (const auto* reason = std::get_if<DropReason>(&vote)) return dropped_.count(*reason);
  const auto& message = *std::get_if<host::VoteMessage>(&vote);
  if (host::sender_of(message).node != received.from) {
    return dropped_.count(DropReason::kWrongSender);
  }
  replica_.handle_message(now, received.from, message);
  drain(now);
}

void Node::Impl::take(Instant now, NodeId from, const Message& message) {
  if (const auto* heartbeat = std::get_if<Heartbeat>(&message)) stream_heartbeat(now, *heartbeat);
  replica_.handle_message(now, from, message);
  drain(now);
}

void Node::Impl::hint(NodeId about) {
  const Instant now = boottime_now();
  replica_.handle_local(now, Hint{about});
  drain(now);
}

void Node::Impl::drain(Instant now) {
  replica_.drain(now, [&](const auto& output) {
    using Output = std::decay_t<decltype(output)>;
    std::array<std::byte, kMaxDatagram> room;
    if constexpr (std::is_same_v<Output, Send> || std::is_same_v<Output, SendFrontEnd>) {
      send(output.to, std::span(room).first(encode(output.message, cluster_, room)));
    } else if constexpr (std::is_same_v<Output, host::SendVote>) {
      // A vote that could not be made durable must not leave.
      if (!outcome_) return;
      send(output.to, std::span(room).first(host::encode(output.message, cluster_, room)));
    } else if constexpr (std::is_same_v<Output, host::Persist>) {
      save(output.ballot);
    } else {
      journal_.write(now, output);
    }
  });
}

void Node::Impl::save(const host::Ballot& ballot) {
  Status saved = store_.save(ballot);
  if (saved) return;
  journal_.note(boottime_now(), "state_not_saved", {{"error", saved.error().message}});
  outcome_ = saved;
  io_.stop();
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(Node&&) noexcept = default;
Node::~Node() = default;

Result<Node> Node::create(const NodeConfig& config, LogSink log, std::optional<int> bound_socket) {
  Result<StateStore> store = StateStore::open(config.state_dir, config.replica.monitor.self);
  if (!store) return store.error();
  host::ReplicaConfig complete = config.replica;
  complete.monitor.incarnation = store->incarnation();
  const std::optional<Duration> promise_left = store->promise_left(boottime_now());
  if (promise_left && *promise_left <= complete.monitor.promise()) {
    complete.monitor.boot = BootMode::kPersisted;
    complete.monitor.boot_promise = *promise_left;
  }
  complete.election.ballots.clear();
  for (const host::Ballot& ballot : store->ballots()) {
    for (const GroupConfig& group : complete.monitor.groups) {
      if (group.id == ballot.group) complete.election.ballots.push_back(ballot);
    }
  }
  const Rng rng(config.seed ? *config.seed : system_entropy());
  Result<host::Replica> replica = host::Replica::create(complete, boottime_now(), rng.fork(1));
  if (!replica) return replica.error();
  auto impl = std::make_unique<Impl>(config, std::move(*store), std::move(*replica), std::move(log),
                                     rng.fork(2));
  if (Status opened = impl->open(bound_socket); !opened) return opened.error();
  return Node(std::move(impl));
}

Status Node::run() {
  return impl_->run();
}
void Node::stop() {
  impl_->stop();
}
void Node::stop_on_signals() {
  impl_->stop_on_signals();
}
std::string Node::address() const {
  return impl_->address();
}

}  // namespace vouch::runtime
