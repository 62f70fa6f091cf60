#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/process.h"
#include "vouch/runtime/node.h"
#include "vouch/runtime/node_config.h"

namespace vouch::testing {

using Json = nlohmann::json;

/// The log lines of several nodes, in order of arrival. Thread-safe.
class Recorder {
 public:
  using Lines = std::vector<Json>;

  void add(std::string_view line);

  /// Waits until `holds` is true of the lines so far; false if that takes longer than half a
  /// minute, which no working cluster does.
  bool wait_until(const std::function<bool(const Lines&)>& holds);

  [[nodiscard]] Lines lines() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Lines lines_;
};

/// Nodes 1..count on free ports of 127.0.0.1, each on a thread of its own.
class NodeCluster {
 public:
  /// `extra`: further members of every node's configuration.
  explicit NodeCluster(std::uint32_t count, bool allow_drills = true,
                       const Json& extra = Json::object());
  NodeCluster(const NodeCluster&) = delete;
  NodeCluster& operator=(const NodeCluster&) = delete;
  ~NodeCluster();

  /// Starts a node that does not run, on its first address. A restart reuses its state directory.
  void start(std::uint32_t id);
  void start_all();

  /// Ends a node as a crash would, as far as its peers can tell: it says nothing more.
  void stop(std::uint32_t id);

  /// Sends one command to the control socket of a node and returns the answer.
  [[nodiscard]] Json ask(std::uint32_t id, const Json& command) const;

  /// Waits until every running node follows one leader at one term; its id, or 0 if they do not.
  [[nodiscard]] std::uint32_t wait_for_leader();

  [[nodiscard]] Recorder& log() { return log_; }
  [[nodiscard]] const runtime::NodeConfig& config(std::uint32_t id) const {
    return configs_.at(id);
  }

 private:
  struct Running {
    std::unique_ptr<runtime::Node> node;
    std::thread thread;
  };

  TemporaryFolder folder_;
  Recorder log_;
  std::map<std::uint32_t, runtime::NodeConfig> configs_;
  std::map<std::uint32_t, int> sockets_;  ///< Until the node takes it.
  std::map<std::uint32_t, Running> running_;
};

}  // namespace vouch::testing
