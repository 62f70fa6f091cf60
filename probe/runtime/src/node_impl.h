#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "control_server.h"
#include "journal.h"
#include "json_reader.h"
#include "state_store.h"
#include "transport.h"
#include "vouch/host/replica.h"
#include "vouch/probe/wire.h"
#include "vouch/record/line_writer.h"
#include "vouch/runtime/node.h"

namespace vouch::runtime {

/// The parts of a Node and how they meet. Lives on the heap: handlers hold its address.
class Node::Impl {
 public:
  Impl(const NodeConfig& config, StateStore store, host::Replica replica, LogSink log, Rng rng);

  Status open(std::optional<int> bound_socket);
  Status run();
  void stop();
  void say_goodbye();
  void stop_on_signals();
  [[nodiscard]] std::string address() const { return to_string(transport_.local()); }

 private:
  // The loop: what has arrived is read before the timers run, also after an own pause.
  void wait_for_datagrams();
  void arm_timer();
  void on_timer();
  void receive_all();
  void receive_one(const Transport::Received& received);
  void take(Instant now, NodeId from, const Message& message);
  void drain(Instant now);
  void send(NodeId to, std::span<const std::byte> datagram) { transport_.send(to, datagram); }
  void save(const host::Ballot& ballot);
  void hint(NodeId about);

  // Control (node_control.cc).
  ControlServer::Answer answer(const std::string& request);
  std::string answer_status(Instant now) const;
  std::string answer_reach(Instant now, JsonObject& request, JsonProblem& problem);
  std::string answer_drill(JsonObject& request, JsonProblem& problem);
  std::string answer_eligible(bool may_lead);
  void stream_heartbeat(Instant now, const Heartbeat& heartbeat);

  NodeConfig config_;
  StateStore store_;
  host::Replica replica_;
  boost::asio::io_context io_{1};
  Transport transport_;
  boost::asio::steady_timer timer_{io_};
  std::optional<boost::asio::signal_set> signals_;
  std::unique_ptr<ControlServer> control_;
  Journal journal_;
  record::LineWriter decisions_;
  ClusterHash cluster_;
  DropCounters dropped_;
  Instant timer_at_ = kNever;  ///< When the timer will fire.
  Status outcome_{Done{}};
};

}  // namespace vouch::runtime
