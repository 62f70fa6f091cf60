#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vouch/detector/result.h"
#include "vouch/runtime/node_config.h"

namespace vouch::runtime {

/// The daemon: one replica (Monitor and built-in election) on a UDP socket, with a state directory
/// and a control socket. The core decides; this class reads the clock, sends, waits and writes.
///
/// `create` starts everything or nothing. `run` blocks until `stop`, SIGTERM or SIGINT. All of it
/// happens on the thread that calls `run`; only `stop` may be called from elsewhere.
class Node {
 public:
  /// Receives each line of the log (JSON, without the newline), on the thread of `run`.
  using LogSink = std::function<void(std::string_view line)>;

  /// Takes the state directory, binds the socket and the control socket, and writes a `started`
  /// line. The error names the field of the configuration and the reason; nothing is left behind.
  ///
  /// `bound_socket` is a UDP socket to be used instead of binding `listen`, and owned from now on:
  /// whoever starts several nodes at once can choose free ports and keep them.
  [[nodiscard]] static Result<Node> create(const NodeConfig& config, LogSink log,
                                           std::optional<int> bound_socket = std::nullopt);

  Node(Node&&) noexcept;
  Node& operator=(Node&&) noexcept;
  ~Node();

  /// An error: the state could not be made durable, so the node had to stop.
  [[nodiscard]] Status run();

  /// Makes `run` return soon. Thread-safe.
  void stop();

  /// Makes SIGTERM and SIGINT end `run`. Call it once, before `run`, in a program of its own.
  void stop_on_signals();

  /// Where it listens, "IP:PORT", with the port that the system chose.
  [[nodiscard]] std::string address() const;

 private:
  class Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch::runtime
