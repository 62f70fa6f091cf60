#include "tests/probe/node_cluster.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "vouch/runtime/control.h"

namespace vouch::testing {
namespace {

constexpr std::chrono::seconds kPatience{30};

/// The newest leader and term that each node has logged.
std::map<std::uint32_t, std::pair<std::uint64_t, std::uint32_t>> leaders_of(
    const Recorder::Lines& lines) {
  std::map<std::uint32_t, std::pair<std::uint64_t, std::uint32_t>> leaders;
  for (const Json& line : lines) {
    const auto node = line["node"].get<std::uint32_t>();
    if (line["event"] == "started") leaders[node] = {};
    if (line["event"] != "leader_changed") continue;
    leaders[node] = {line["term"].get<std::uint64_t>(), line["leader"].get<std::uint32_t>()};
  }
  return leaders;
}

}  // namespace

void Recorder::add(std::string_view line) {
  const std::scoped_lock lock(mutex_);
  lines_.push_back(Json::parse(line));
  changed_.notify_all();
}

bool Recorder::wait_until(const std::function<bool(const Lines&)>& holds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return holds(lines_); });
}

Recorder::Lines Recorder::lines() const {
  const std::scoped_lock lock(mutex_);
  return lines_;
}

NodeCluster::NodeCluster(std::uint32_t count, bool allow_drills, const Json& extra) {
  std::map<std::uint32_t, std::string> addresses;
  for (std::uint32_t id = 1; id <= count; ++id) {
    const BoundSocket socket = bind_free_port();
    sockets_[id] = socket.descriptor;
    addresses[id] = "127.0.0.1:" + std::to_string(socket.port);
  }
  for (const auto& [id, address] : addresses) {
    const std::string name = "n" + std::to_string(id);
    Json config{{"node_id", id},
                {"listen", address},
                {"state_dir", name},
                {"control", name + ".sock"},
                {"allow_drills", allow_drills},
                {"peers", Json::array()}};
    config.update(extra);
    for (const auto& [peer, where] : addresses) {
      if (peer != id) config["peers"].push_back({{"id", peer}, {"address", where}});
    }
    Result<runtime::NodeConfig> parsed = runtime::parse_node_config(config.dump(), folder_.path());
    if (!parsed) throw std::runtime_error(parsed.error().message);
    configs_[id] = *parsed;
  }
}

NodeCluster::~NodeCluster() {
  for (const auto& [id, config] : configs_)
    stop(id);
  for (const auto& [id, descriptor] : sockets_)
    close(descriptor);
}

void NodeCluster::start(std::uint32_t id) {
  std::optional<int> socket;
  if (const auto kept = sockets_.find(id); kept != sockets_.end()) {
    socket = kept->second;
    sockets_.erase(kept);
  }
  Result<runtime::Node> node = runtime::Node::create(
      configs_.at(id), [this](std::string_view line) { log_.add(line); }, socket);
  if (!node) throw std::runtime_error(node.error().message);
  Running& running = running_[id];
  running.node = std::make_unique<runtime::Node>(*std::move(node));
  running.thread = std::thread([node = running.node.get()] {
    const Status ended = node->run();
    EXPECT_TRUE(ended) << ended.error().message;
  });
}

void NodeCluster::start_all() {
  for (const auto& [id, config] : configs_)
    start(id);
}

void NodeCluster::stop(std::uint32_t id) {
  const auto running = running_.find(id);
  if (running == running_.end()) return;
  running->second.node->stop();
  running->second.thread.join();
  running_.erase(running);
}

Json NodeCluster::ask(std::uint32_t id, const Json& command) const {
  const Result<std::string> answer = runtime::ask_control(configs_.at(id).control, command.dump());
  return answer ? Json::parse(*answer) : Json{{"ok", false}, {"error", answer.error().message}};
}

std::uint32_t NodeCluster::wait_for_leader() {
  std::uint32_t leader = 0;
  log_.wait_until([&](const Recorder::Lines& lines) {
    const auto leaders = leaders_of(lines);
    std::optional<std::pair<std::uint64_t, std::uint32_t>> common;
    for (const auto& [id, running] : running_) {
      const auto known = leaders.find(id);
      if (known == leaders.end() || known->second.second == 0) return false;
      if (common && *common != known->second) return false;
      common = known->second;
    }
    if (!common || !running_.contains(common->second)) return false;
    leader = common->second;
    return true;
  });
  return leader;
}

}  // namespace vouch::testing
