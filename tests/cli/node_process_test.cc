// `vouch node` as processes of their own, spoken to as an operator does: status, drain, drill,
// signals, kill -9. Every test waits for what must come, never for a time.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/program.h"

namespace vouch::testing {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

/// Who leads, and at which term.
struct Reign {
  std::uint32_t leader = 0;
  std::uint64_t term = 0;
  friend bool operator==(const Reign&, const Reign&) = default;
};

/// Processes `vouch node` 1..count on free ports of 127.0.0.1, with logs n1.log, n2.log, ...
class Nodes {
 public:
  explicit Nodes(std::uint32_t count, bool allow_drills = true) {
    std::map<std::uint32_t, std::string> addresses;
    for (std::uint32_t id = 1; id <= count; ++id) {
      sockets_[id] = bind_free_port();
      addresses[id] = "127.0.0.1:" + std::to_string(sockets_[id].port);
    }
    for (const auto& [id, address] : addresses) {
      // A long lease: a machine that is busy with other tests must not look like a fault.
      Json config{{"node_id", id},
                  {"listen", address},
                  {"state_dir", "state" + std::to_string(id)},
                  {"control", "n" + std::to_string(id) + ".sock"},
                  {"lease_ms", 2000},
                  {"allow_drills", allow_drills},
                  {"peers", Json::array()}};
      for (const auto& [peer, where] : addresses) {
        if (peer != id) config["peers"].push_back({{"id", peer}, {"address", where}});
      }
      std::ofstream(file(id, ".json")) << config.dump(2);
    }
  }
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;
  ~Nodes() {
    for (const auto& [id, socket] : sockets_)
      close(socket.descriptor);
  }

  [[nodiscard]] fs::path file(std::uint32_t id, const char* ending) const {
    return folder_.path() / ("n" + std::to_string(id) + ending);
  }
  [[nodiscard]] std::string control(std::uint32_t id) const { return file(id, ".sock"); }

  /// The first start takes the socket that holds the port, a later one binds the port again.
  void start(std::uint32_t id) {
    std::vector<std::string> words = {kProgram,          "node",  "--config",
                                      file(id, ".json"), "--log", file(id, ".log")};
    Process::Options options{.out = file(id, ".out"), .err = file(id, ".err")};
    const auto held = sockets_.find(id);
    if (held != sockets_.end()) {
      words.insert(words.end(), {"--listen-fd", std::to_string(held->second.descriptor)});
      options.inherited = held->second.descriptor;
    }
    running_[id] = std::make_unique<Process>(words, options);
    if (held == sockets_.end()) return;
    close(held->second.descriptor);
    sockets_.erase(held);
  }
  void start_all() {
    for (std::uint32_t id = 1; fs::exists(file(id, ".json")); ++id)
      start(id);
  }

  [[nodiscard]] Process& process(std::uint32_t id) { return *running_.at(id); }

  void kill_node(std::uint32_t id) {
    process(id).send_signal(SIGKILL);
    EXPECT_EQ(process(id).wait_for_exit(), 128 + SIGKILL);
    running_.erase(id);
  }

  /// The whole lines of a node's log.
  [[nodiscard]] std::vector<Json> log(std::uint32_t id) const {
    std::vector<Json> lines;
    std::istringstream text(text_of(file(id, ".log")));
    std::string line;
    while (std::getline(text, line) && !text.eof())
      lines.push_back(Json::parse(line));
    return lines;
  }

  [[nodiscard]] std::size_t count(std::uint32_t id, std::string_view event) const {
    const std::vector<Json> lines = log(id);
    return static_cast<std::size_t>(std::count_if(
        lines.begin(), lines.end(), [&](const Json& line) { return line["event"] == event; }));
  }

  /// What a node itself says of group 1; nobody while it does not answer.
  [[nodiscard]] Reign reign_of(std::uint32_t id) const {
    const std::string answer = ask_socket(control(id), R"({"command": "status"})");
    if (answer.empty()) return {};
    const Json group = Json::parse(answer)["groups"][0];
    return {group["leader"].get<std::uint32_t>(), group["term"].get<std::uint64_t>()};
  }

  /// Waits until all that run follow one that runs, at one term. Without: nobody at term 0.
  [[nodiscard]] Reign wait_for_leader() {
    Reign common;
    const bool is_agreed = wait_until([&] {
      common = {};
      for (const auto& [id, process] : running_) {
        const Reign reign = reign_of(id);
        if (!running_.contains(reign.leader)) return false;
        if (common.leader != 0 && reign != common) return false;
        common = reign;
      }
      return true;
    });
    return is_agreed ? common : Reign{};
  }

  /// In all logs together: no term has two who were elected.
  void expect_one_leader_per_term() const {
    std::map<std::uint64_t, Json> elected;
    for (std::uint32_t id = 1; fs::exists(file(id, ".json")); ++id) {
      for (const Json& line : log(id)) {
        if (line["event"] != "elected") continue;
        const auto [first, is_new] = elected.emplace(line["term"].get<std::uint64_t>(), line);
        EXPECT_TRUE(is_new) << first->second << " and " << line;
      }
    }
    EXPECT_FALSE(elected.empty());
  }

 private:
  TemporaryFolder folder_;
  std::map<std::uint32_t, BoundSocket> sockets_;  ///< Until a node takes its own.
  std::map<std::uint32_t, std::unique_ptr<Process>> running_;
};

TEST(NodeProcess, StatusDrainAndUndrain_RealNetwork) {
  Nodes nodes(3);
  nodes.start_all();
  const Reign first = nodes.wait_for_leader();
  ASSERT_NE(first.leader, 0U);

  const Ran status = run_vouch({"status", "--control", nodes.control(first.leader)});
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_EQ(status.err, "");
  EXPECT_EQ(status.out.rfind("node " + std::to_string(first.leader) + " at 127.0.0.1:", 0), 0U);
  for (const char* word : {"lease_left_ms", "hears_us", "trusted", "datagrams_sent_total "}) {
    EXPECT_NE(status.out.find(word), std::string::npos) << word << " is not in\n" << status.out;
  }

  const Ran drain = run_vouch({"drain", "--control", nodes.control(first.leader)});
  EXPECT_EQ(drain.exit_code, 0) << drain.err;
  Reign second;
  ASSERT_TRUE(wait_until([&] {
    second = nodes.wait_for_leader();
    return second.leader != first.leader;
  }));
  EXPECT_GT(second.term, first.term);
  EXPECT_TRUE(nodes.process(first.leader).is_running()) << "it serves on, without leading";
  EXPECT_EQ(nodes.count(first.leader, "drained"), 1U);

  // Of two eligible nodes the last is drained now: with undrain the first may lead again.
  const std::uint32_t third = 6 - first.leader - second.leader;
  EXPECT_EQ(run_vouch({"undrain", "--control", nodes.control(first.leader)}).exit_code, 0);
  EXPECT_EQ(run_vouch({"drain", "--control", nodes.control(third)}).exit_code, 0);
  EXPECT_EQ(run_vouch({"drain", "--control", nodes.control(second.leader)}).exit_code, 0);
  EXPECT_TRUE(wait_until([&] { return nodes.wait_for_leader().leader == first.leader; }));
  nodes.expect_one_leader_per_term();
}

TEST(NodeProcess, ADrillIsRefusedUnlessTheConfigurationAllowsIt_RealNetwork) {
  Nodes nodes(2, false);
  nodes.start_all();
  ASSERT_NE(nodes.wait_for_leader().leader, 0U);
  expect_error({"drill", "--control", nodes.control(1), "cut", "2"}, "allow_drills");
  EXPECT_EQ(nodes.count(1, "drill"), 0U);
}

TEST(NodeProcess, ADrilledCutChangesNothingAsPeersVouch_RealNetwork) {
  Nodes nodes(3);
  nodes.start_all();
  const Reign reign = nodes.wait_for_leader();
  ASSERT_NE(reign.leader, 0U);
  const std::uint32_t deaf = reign.leader % 3 + 1;
  const std::string control = nodes.control(reign.leader);
  const std::string peer = std::to_string(deaf);
  const Ran cut = run_vouch({"drill", "--control", control, "cut-out", peer});
  EXPECT_EQ(cut.exit_code, 0) << cut.err;
  ASSERT_TRUE(wait_until([&] { return nodes.count(deaf, "vouched") >= 2; }));
  EXPECT_EQ(nodes.reign_of(reign.leader), reign);
  EXPECT_EQ(nodes.count(deaf, "campaign"), 0U);
  EXPECT_EQ(run_vouch({"drill", "--control", control, "heal", peer}).exit_code, 0);
  EXPECT_EQ(nodes.wait_for_leader(), reign);

  expect_error({"drill", "--control", control, "cut", "9"}, "/peer: must be a peer of this node");
  expect_error({"drill", "--control", control, "saw", "2"}, "saw");
  expect_error({"drill", "--control", control, "loss", peer, "--percent", "101"}, "--percent");
}

TEST(NodeProcess, ATerminatedNodeSaysSoAndLeavesNothing_RealNetwork) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Nodes nodes(2);
    nodes.start_all();
    ASSERT_NE(nodes.wait_for_leader().leader, 0U);
    nodes.process(1).send_signal(signal);
    EXPECT_EQ(nodes.process(1).wait_for_exit(), 0);
    const std::vector<Json> log = nodes.log(1);
    ASSERT_FALSE(log.empty());
    EXPECT_EQ(log.front()["event"], "started");
    EXPECT_EQ(log.back()["event"], "stopped");
    EXPECT_EQ(log.back()["clean"], true);
    EXPECT_EQ(text_of(nodes.file(1, ".out")), "") << "the log went to its file";
    EXPECT_EQ(text_of(nodes.file(1, ".err")), "");
    EXPECT_FALSE(fs::exists(nodes.control(1)));
    expect_error({"status", "--control", nodes.control(1)}, nodes.control(1));
  }
}

TEST(NodeProcess, AKilledFollowerThatComesBackWithinALeaseDisturbsNobody_RealNetwork) {
  Nodes nodes(3);
  nodes.start_all();
  const Reign reign = nodes.wait_for_leader();
  ASSERT_NE(reign.leader, 0U);
  const std::uint32_t follower = reign.leader % 3 + 1;
  nodes.kill_node(follower);
  const std::size_t lines = nodes.log(follower).size();
  const Json first = nodes.log(follower).front()["incarnation"];
  nodes.start(follower);
  EXPECT_EQ(nodes.wait_for_leader(), reign);
  const std::vector<Json> log = nodes.log(follower);
  ASSERT_GT(log.size(), lines) << "the log is continued";
  EXPECT_EQ(log[lines]["event"], "started");
  EXPECT_GT(log[lines]["incarnation"], first) << "another life";
  for (std::uint32_t id = 1; id <= 3; ++id) {
    EXPECT_LE(nodes.count(id, "elected"), id == reign.leader ? 1U : 0U);
  }
}

TEST(NodeProcess, AKilledLeaderThatComesBackWithinALeaseLeadsNoMoreAtItsTerm_RealNetwork) {
  Nodes nodes(3);
  nodes.start_all();
  const Reign before = nodes.wait_for_leader();
  ASSERT_NE(before.leader, 0U);
  nodes.kill_node(before.leader);
  nodes.start(before.leader);
  Reign after;
  ASSERT_TRUE(wait_until([&] {
    after = nodes.wait_for_leader();
    return after.term > before.term;
  }));
  EXPECT_NE(after.leader, 0U);
  nodes.expect_one_leader_per_term();

  // And dead for good: the two others go on.
  nodes.kill_node(after.leader);
  const Reign last = nodes.wait_for_leader();
  EXPECT_NE(last.leader, after.leader);
  EXPECT_GT(last.term, after.term);
  nodes.expect_one_leader_per_term();
}

TEST(NodeProcess, APortInUseIsOneClearErrorAndLeavesNoSocket_RealNetwork) {
  Nodes nodes(2);
  // The test still holds the port.
  const std::string config = nodes.file(1, ".json");
  expect_error({"node", "--config", config}, "listen: 127.0.0.1:");
  expect_error({"node", "--config", config}, "cannot be bound: Address already in use");
  EXPECT_FALSE(fs::exists(nodes.control(1)));
  // Nothing keeps it from starting once it can.
  nodes.start_all();
  EXPECT_NE(nodes.wait_for_leader().leader, 0U);
  expect_error({"node", "--config", config}, "is in use by another process");
}

TEST(NodeProcess, EachKindOfBadConfigurationIsOneLineAndExitCodeTwo) {
  const TemporaryFolder folder;
  const std::string name = folder.path() / "node.json";
  const auto refused = [&](const std::string& text, const std::string& part) {
    std::ofstream(name, std::ios::binary | std::ios::trunc) << text;
    expect_error({"node", "--config", name}, part);
    EXPECT_FALSE(fs::exists(folder.path() / "state")) << "nothing is half started";
  };
  const Json good{{"node_id", 1},
                  {"listen", "127.0.0.1:0"},
                  {"state_dir", "state"},
                  {"peers", {{{"id", 2}, {"address", "127.0.0.1:9"}}}}};
  const auto changed = [&](const char* pointer, const Json& value) {
    Json config = good;
    config[Json::json_pointer(pointer)] = value;
    return config.dump();
  };
  expect_error({"node"}, "--config");
  expect_error({"node", "--config", folder.path() / "none.json"}, "none.json: cannot be read");
  refused("", name + ": ");
  refused(good.dump().substr(0, 30), name + ": ");
  refused("[]", name + ": ");
  refused(changed("/node_id", 0), "/node_id");
  refused(changed("/node_id", 2), "/peers/0/id: must name each node once and not this one");
  refused(changed("/listen", "localhost"), "/listen: must be IP:PORT");
  refused(changed("/listen", "127.0.0.1:65536"), "/listen: must be IP:PORT");
  refused(changed("/peers/0/address", "127.0.0.1:0"), "/peers/0/address: must be IP:PORT");
  refused(changed("/lease_ms", 0), "/lease_ms");
  refused(changed("/lease_ms", "long"), "/lease_ms");
  refused(changed("/lease_sm", 800), "/lease_sm");
  refused(changed("/groups", {{{"id", 1}, {"voters", {1, 9}}}}), "groups");
  refused(changed("/control", std::string(200, 'x')), "/control: must be shorter than");
  std::ofstream(name, std::ios::trunc) << good.dump();
  expect_error({"node", "--config", name, "--log", folder.path() / "no/folder"}, "--log: ");
  expect_error({"node", "--config", name, "--listen-fd", "77"}, "descriptor 77 cannot be used");
}

/// `vouch elect` on locks.db beside node `id`, with its events in eN.log.
class ElectBesideNodes {
 public:
  explicit ElectBesideNodes(const Nodes& nodes) : nodes_(nodes) {}

  void start(std::uint32_t id) {
    running_[id] = std::make_unique<Process>(
        std::vector<std::string>{
            kProgram, "elect", "--store", "sqlite:" + (folder_.path() / "locks.db").string(),
            "--name", "job", "--owner", "o" + std::to_string(id), "--lease", "1s", "--peers",
            nodes_.control(id), "--log", log_file(id), "--", "/bin/sleep", "600"},
        Process::Options{});
  }
  [[nodiscard]] Process& process(std::uint32_t id) { return *running_.at(id); }

  /// Its lines of one kind.
  [[nodiscard]] std::vector<Json> events(std::uint32_t id, const std::string& event) const {
    std::vector<Json> found;
    std::istringstream text(text_of(log_file(id)));
    for (std::string line; std::getline(text, line) && !text.eof();) {
      const Json json = Json::parse(line);
      if (json["event"] == event) found.push_back(json);
    }
    return found;
  }
  [[nodiscard]] bool is_elected(std::uint32_t id) const { return !events(id, "elected").empty(); }

 private:
  [[nodiscard]] std::string log_file(std::uint32_t id) const {
    return folder_.path() / ("e" + std::to_string(id) + ".log");
  }

  const Nodes& nodes_;
  TemporaryFolder folder_;
  std::map<std::uint32_t, std::unique_ptr<Process>> running_;
};

/// A lock's holder that is late: stopped, while its node says that all is well; then dead with it.
TEST(NodeProcess, PeersLeaveTheLockToAHolderThatTheyReach_RealNetwork) {
  Nodes nodes(3);
  nodes.start_all();
  ASSERT_NE(nodes.wait_for_leader().leader, 0U);
  const auto verdict = [&](std::uint32_t asked, std::uint32_t about) {
    const Json request{{"command", "reach"}, {"node", about}};
    const std::string answer = ask_socket(nodes.control(asked), request.dump());
    return answer.empty() ? answer : Json::parse(answer)["verdict"].get<std::string>();
  };
  ASSERT_TRUE(wait_until([&] { return verdict(3, 1) == "reached" && verdict(3, 2) == "reached"; }));

  const Ran reach = run_vouch({"reach", "--control", nodes.control(3), "1"});
  EXPECT_EQ(reach.out, "node 1: reached, by [2,3], not by []\n") << reach.err;
  expect_error({"reach", "--control", nodes.control(3), "9"},
               "/node: must be this node or a peer of it, but it is 9");

  ElectBesideNodes elect(nodes);
  elect.start(1);
  ASSERT_TRUE(wait_until([&] { return elect.is_elected(1); }));
  elect.start(2);
  ASSERT_TRUE(wait_until([&] { return !elect.events(2, "holder_changed").empty(); }));
  EXPECT_EQ(elect.events(2, "holder_changed")[0]["holder"], "o1@1");
  ASSERT_TRUE(stop_until(elect.process(1), [&] { return elect.is_elected(2); }));
  const std::vector<Json> asked = elect.events(2, "peers_asked");
  ASSERT_FALSE(asked.empty());
  EXPECT_EQ(asked[0]["verdict"], "reached") << asked[0];
  constexpr std::int64_t kMost = 900'000'000;  // Of the patience, which is the lease.
  EXPECT_GE(elect.events(2, "elected")[0]["at_ns"].get<std::int64_t>(),
            asked[0]["at_ns"].get<std::int64_t>() + kMost);

  elect.process(1).send_signal(SIGKILL);
  elect.start(3);
  ASSERT_TRUE(wait_until([&] { return !elect.events(3, "holder_changed").empty(); }));
  elect.process(2).send_signal(SIGKILL);
  nodes.kill_node(2);
  ASSERT_TRUE(wait_until([&] { return elect.is_elected(3); }));
  ASSERT_FALSE(elect.events(3, "peers_asked").empty());
  EXPECT_EQ(elect.events(3, "peers_asked").back()["verdict"], "not_reached");
}

TEST(NodeProcess, CommandsToNobodyAreOneLineAndExitCodeTwo) {
  const TemporaryFolder folder;
  const std::string nobody = folder.path() / "none.sock";
  const std::string trace = folder.path() / "trace.csv";
  for (const char* command : {"status", "drain", "undrain"}) {
    expect_error({command}, "--control");
    expect_error({command, "--control", nobody}, nobody);
  }
  expect_error({"reach", "--control", nobody, "2"}, nobody);
  const std::vector<std::string> elect{
      "elect", "--store", "sqlite:" + (folder.path() / "locks.db").string(), "--name", "job"};
  const auto also = [&](std::vector<std::string> more) {
    more.insert(more.begin(), elect.begin(), elect.end());
    more.insert(more.end(), {"--", "true"});
    return more;
  };
  expect_error(also({"--peers", nobody}), "--peers: control socket " + nobody);
  expect_error(also({"--peer-patience", "1s"}), "--peer-patience: needs --peers");
  expect_error({"drill", "--control", nobody, "cut", "2"}, nobody);
  expect_error({"record", "--control", nobody, "--out", trace}, nobody);
}

}  // namespace
}  // namespace vouch::testing
