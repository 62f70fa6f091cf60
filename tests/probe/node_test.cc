// Real daemons on real sockets of this machine, each on a thread of its own. Every test waits for
// what must come, never for a time.

#include "vouch/runtime/node.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "tests/probe/node_cluster.h"
#include "vouch/host/vote_codec.h"
#include "vouch/probe/codec.h"
#include "vouch/record/line.h"
#include "vouch/runtime/control.h"

namespace vouch::testing {
namespace {

std::size_t count_events(const Recorder::Lines& lines, std::string_view event,
                         std::optional<std::uint32_t> node = std::nullopt) {
  return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [&](const Json& line) {
    return line["event"] == event && (!node || line["node"] == *node);
  }));
}

std::uint64_t term_of(const NodeCluster& cluster, std::uint32_t id) {
  return cluster.ask(id, {{"command", "status"}})["groups"][0]["term"].get<std::uint64_t>();
}

/// The lines of this event, each of which must come out the same when it is decided again.
std::size_t count_replayed(const Recorder::Lines& lines, const std::string& event) {
  std::size_t count = 0;
  for (const Json& line : lines) {
    if (line["event"] != event) continue;
    const auto reading = record::read(line.dump(), record::Strictness::kExact);
    EXPECT_TRUE(reading) << reading.error().message << "\n" << line;
    if (!reading || !*reading) continue;
    EXPECT_EQ((*reading)->differences, std::vector<std::string>{}) << line;
    ++count;
  }
  return count;
}

TEST(Node, FiveElectOneLeaderAndSurviveItsEnd_RealNetwork) {
  NodeCluster cluster(5);
  cluster.start_all();
  const std::uint32_t first = cluster.wait_for_leader();
  ASSERT_NE(first, 0U);
  const std::uint32_t witness = first % 5 + 1;
  const std::uint64_t term = term_of(cluster, witness);

  cluster.stop(first);
  const std::uint32_t second = cluster.wait_for_leader();
  ASSERT_NE(second, 0U);
  EXPECT_NE(second, first);
  EXPECT_GT(term_of(cluster, witness), term);

  // Who comes back follows: it brings no higher term (rule L6).
  const std::uint64_t new_term = term_of(cluster, witness);
  cluster.start(first);
  EXPECT_EQ(cluster.wait_for_leader(), second);
  EXPECT_EQ(term_of(cluster, first), new_term);
}

TEST(Node, OneWayCutChangesNothingAndPeersVouch_RealNetwork) {
  NodeCluster cluster(5);
  cluster.start_all();
  const std::uint32_t leader = cluster.wait_for_leader();
  ASSERT_NE(leader, 0U);
  const std::uint32_t deaf = leader % 5 + 1;
  const std::uint64_t term = term_of(cluster, leader);
  const std::size_t before = cluster.log().lines().size();

  const Json cut =
      cluster.ask(leader, {{"command", "drill"}, {"action", "cut_out"}, {"peer", deaf}});
  ASSERT_TRUE(cut["ok"]) << cut;
  // Ten proofs, each of them valid for less than a lease: several leases pass.
  ASSERT_TRUE(cluster.log().wait_until(
      [&](const Recorder::Lines& lines) { return count_events(lines, "vouched", deaf) >= 10; }));
  const Recorder::Lines during = cluster.log().lines();
  for (std::size_t i = before; i < during.size(); ++i) {
    EXPECT_NE(during[i]["event"], "campaign") << during[i];
    EXPECT_NE(during[i]["event"], "stand_down") << during[i];
    if (during[i]["event"] != "vouched") continue;
    EXPECT_EQ(during[i]["leader"], leader);
    EXPECT_GE(during[i]["via"].size(), 1U) << during[i];
  }
  EXPECT_EQ(term_of(cluster, leader), term);

  ASSERT_TRUE(
      cluster.ask(leader, {{"command", "drill"}, {"action", "heal"}, {"peer", deaf}})["ok"]);
  ASSERT_TRUE(cluster.log().wait_until([&](const Recorder::Lines& lines) {
    return std::any_of(lines.begin() + static_cast<std::ptrdiff_t>(before), lines.end(),
                       [&](const Json& line) {
                         return line["event"] == "peer_changed" && line["node"] == deaf &&
                                line["peer"] == leader && line["to"] == "trusted";
                       });
  }));
  EXPECT_EQ(cluster.wait_for_leader(), leader);
  EXPECT_EQ(term_of(cluster, leader), term);
  EXPECT_GE(count_replayed(cluster.log().lines(), "decision"), 10U);
  EXPECT_GE(count_replayed(cluster.log().lines(), "answer"), 3U);
}

TEST(Node, StatusSaysWhoRelaysAndCountsIt_RealNetwork) {
  NodeCluster cluster(3, true, {{"relay", "all"}});
  cluster.start_all();
  const std::uint32_t leader = cluster.wait_for_leader();
  ASSERT_NE(leader, 0U);
  const std::uint32_t deaf = leader % 3 + 1;
  const std::uint32_t relayer = deaf % 3 + 1;
  const auto count = [&](std::uint32_t id, const char* name) {
    return cluster.ask(id, {{"command", "status"}})["counters"][name].get<std::uint64_t>();
  };
  EXPECT_EQ(cluster.ask(deaf, {{"command", "status"}})["groups"][0]["relayer"], 0);
  EXPECT_EQ(count(relayer, "heartbeats_passed_on_total"), 0U);
  ASSERT_TRUE(
      cluster.ask(leader, {{"command", "drill"}, {"action", "cut_out"}, {"peer", deaf}})["ok"]);
  ASSERT_TRUE(cluster.log().wait_until(
      [&](const Recorder::Lines& lines) { return count_events(lines, "vouched", deaf) >= 5; }));
  EXPECT_EQ(cluster.ask(deaf, {{"command", "status"}})["groups"][0]["relayer"], relayer);
  EXPECT_GT(count(relayer, "heartbeats_passed_on_total"), 0U);
  EXPECT_GT(count(deaf, "relayed_heartbeats_total"), 0U);
  EXPECT_GT(count(relayer, "promises_passed_on_total"), 0U);
  EXPECT_GT(count(leader, "relayed_promises_total"), 0U);
}

TEST(Node, DrillIsRefusedWhereItIsNotAllowed_RealNetwork) {
  NodeCluster cluster(2, false);
  cluster.start_all();
  const Json answer = cluster.ask(1, {{"command", "drill"}, {"action", "cut"}, {"peer", 2}});
  EXPECT_EQ(answer["ok"], false);
  EXPECT_NE(answer["error"].get<std::string>().find("allow_drills"), std::string::npos) << answer;
  EXPECT_EQ(cluster.ask(1, {{"command", "status"}})["peers"][0]["drill_cut_out"], false);
  EXPECT_NE(cluster.wait_for_leader(), 0U) << "nothing was cut";
}

TEST(Node, ControlRefusesWhatItDoesNotKnow_RealNetwork) {
  NodeCluster cluster(2);
  cluster.start_all();
  const auto error = [&](const Json& command) {
    const Json answer = cluster.ask(1, command);
    return answer["ok"] == false ? answer["error"].get<std::string>() : std::string("accepted");
  };
  EXPECT_NE(error({{"command", "destroy"}}).find("must be one of"), std::string::npos);
  EXPECT_NE(error({{"command", "drill"}, {"action", "saw"}, {"peer", 2}}).find("/action"),
            std::string::npos);
  EXPECT_NE(error({{"command", "drill"}, {"action", "cut"}, {"peer", 9}}).find("/peer"),
            std::string::npos);
  EXPECT_NE(error({{"command", "status"}, {"extra", 1}}).find("/extra"), std::string::npos);
  const Result<std::string> garbage = runtime::ask_control(cluster.config(1).control, "{");
  ASSERT_TRUE(garbage);
  EXPECT_EQ(Json::parse(*garbage)["ok"], false);
  struct stat file {};
  ASSERT_EQ(stat(cluster.config(1).control.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777U, 0600U);
}

/// One node whose only peer is the test itself.
class LonelyNode : public ::testing::Test {
 protected:
  LonelyNode() : socket_(bind_free_port()), stranger_(bind_free_port()) {
    own_ = bind_free_port();
    const Json json{{"node_id", 1},
                    {"listen", "127.0.0.1:" + std::to_string(own_.port)},
                    {"state_dir", "state"},
                    {"control", "control"},
                    {"peers", Json::array({{{"id", 2}, {"address", address(socket_)}}})}};
    config_ = *runtime::parse_node_config(json.dump(), folder_.path());
    node_ = std::make_unique<runtime::Node>(*runtime::Node::create(
        config_, [this](std::string_view line) { log_.add(line); }, own_.descriptor));
    thread_ = std::thread([this] { EXPECT_TRUE(node_->run()); });
  }
  ~LonelyNode() override {
    node_->stop();
    thread_.join();
    close(socket_.descriptor);
    close(stranger_.descriptor);
  }

  static std::string address(const BoundSocket& socket) {
    return "127.0.0.1:" + std::to_string(socket.port);
  }

  void send(const BoundSocket& from, std::span<const std::byte> bytes) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(own_.port);
    ASSERT_EQ(sendto(from.descriptor, bytes.data(), bytes.size(), 0,
                     reinterpret_cast<const sockaddr*>(&to), sizeof to),
              static_cast<ssize_t>(bytes.size()));
  }

  [[nodiscard]] Json status() const {
    return Json::parse(*runtime::ask_control(config_.control, R"({"command":"status"})"));
  }

  /// The counter reaches one within patience.
  [[nodiscard]] bool is_counted(const std::string& counter) const {
    for (int attempt = 0; attempt < 3000; ++attempt) {
      if (status()["counters"]["dropped_" + counter + "_total"] == 1) return true;
    }
    return false;
  }

  TemporaryFolder folder_;
  BoundSocket socket_;
  BoundSocket stranger_;
  BoundSocket own_;
  runtime::NodeConfig config_;
  Recorder log_;
  std::unique_ptr<runtime::Node> node_;
  std::thread thread_;
};

std::vector<std::byte> datagram(std::uint32_t sender, ClusterHash cluster = cluster_hash("vouch")) {
  std::vector<std::byte> bytes(kMaxDatagram);
  const Heartbeat heartbeat{.from = {NodeId{sender}, Incarnation{1}}, .seq = Seq{1}};
  bytes.resize(encode(Message{heartbeat}, cluster, bytes));
  return bytes;
}

TEST_F(LonelyNode, CountsEveryBadDatagramByReasonAndLives_RealNetwork) {
  send(stranger_, datagram(2));
  EXPECT_TRUE(is_counted("unknown_address"));
  send(socket_, datagram(3));
  EXPECT_TRUE(is_counted("wrong_sender"));
  send(socket_, datagram(2, cluster_hash("other")));
  EXPECT_TRUE(is_counted("cluster"));
  send(socket_, std::vector<std::byte>(20));
  EXPECT_TRUE(is_counted("magic"));
  std::vector<std::byte> part = datagram(2);
  part.resize(30);
  send(socket_, part);
  EXPECT_TRUE(is_counted("short"));
  send(socket_, std::vector<std::byte>(3000));
  EXPECT_TRUE(is_counted("oversize"));
  std::vector<std::byte> other = datagram(2);
  other[2] = std::byte{99};
  send(socket_, other);
  EXPECT_TRUE(is_counted("version"));
  other = datagram(2);
  other[3] = std::byte{99};
  send(socket_, other);
  EXPECT_TRUE(is_counted("type"));
  other = datagram(2);
  other.push_back(std::byte{0});
  send(socket_, other);
  EXPECT_TRUE(is_counted("trailing"));
  other = datagram(2);
  other[kHeaderSize + 4] ^= std::byte{4};  // In the incarnation: any value is one.
  send(socket_, other);
  EXPECT_TRUE(is_counted("checksum"));
  send(socket_, {});
  EXPECT_EQ(status()["ok"], true);
}

TEST_F(LonelyNode, ItsStateDirectoryIsItsOwn_RealNetwork) {
  const Result<runtime::Node> second = runtime::Node::create(config_, [](std::string_view) {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("in use by another process"), std::string::npos)
      << second.error().message;
}

TEST_F(LonelyNode, APortInUseIsOneClearErrorAndLeavesNothing_RealNetwork) {
  runtime::NodeConfig other = config_;
  other.state_dir = folder_.path() / "other";
  other.control = folder_.path() / "other.sock";
  const Result<runtime::Node> second = runtime::Node::create(other, [](std::string_view) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "listen: " + address(own_) + " cannot be bound: Address already in use");
  EXPECT_FALSE(std::filesystem::exists(other.control));
}

TEST_F(LonelyNode, AControlSocketInUseIsNotTakenAway_RealNetwork) {
  runtime::NodeConfig other = config_;
  other.state_dir = folder_.path() / "other";
  other.listen = "127.0.0.1:0";
  const Result<runtime::Node> second = runtime::Node::create(other, [](std::string_view) {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("control"), std::string::npos);
  EXPECT_NE(second.error().message.find("in use"), std::string::npos) << second.error().message;
  EXPECT_EQ(status()["ok"], true) << "the first still answers";
}

TEST_F(LonelyNode, AVoteIsOnDiskBeforeItLeaves_RealNetwork) {
  const Sender two{NodeId{2}, Incarnation{1}};
  const host::VoteMessage request =
      host::VoteRequest{two, GroupId{1}, ConfigEpoch{1}, Term{7}, LogPosition{}};
  std::array<std::byte, kMaxDatagram> room;
  const auto question = std::span(room).first(host::encode(request, cluster_hash("vouch"), room));
  // Refused at first: the node has just started and may have promised before (rule S7).
  std::optional<host::VoteReply> reply;
  for (int attempt = 0; attempt < 20'000 && !reply; ++attempt) {
    std::array<std::byte, kMaxDatagram> answer;
    const ssize_t size = recv(socket_.descriptor, answer.data(), answer.size(), 0);
    ASSERT_GT(size, 0);
    const auto bytes = std::span<const std::byte>(answer).first(static_cast<std::size_t>(size));
    const auto decoded = host::decode_vote(bytes, cluster_hash("vouch"));
    const auto* message = std::get_if<host::VoteMessage>(&decoded);
    if (message == nullptr) {
      send(socket_, question);  // Something else, a heartbeat: it paces the questions.
    } else if (const auto* one = std::get_if<host::VoteReply>(message)) {
      if (one->answer == host::VoteAnswer::kGranted) reply = *one;
    }
  }
  ASSERT_TRUE(reply) << "no vote came";
  EXPECT_EQ(reply->term, Term{7});
  std::ifstream file(config_.state_dir / "state.json");
  const Json state = Json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
  EXPECT_EQ(state["ballots"], Json::parse(R"([{"group":1,"term":7,"voted_for":2}])"));
}

TEST(Node, ARestartRaisesTheIncarnationAlsoWhenTheStateIsLost_RealNetwork) {
  NodeCluster cluster(2);
  cluster.start(1);
  const auto incarnation = [&] {
    return cluster.ask(1, {{"command", "status"}})["incarnation"].get<std::uint64_t>();
  };
  const std::uint64_t first = incarnation();
  cluster.stop(1);
  cluster.start(1);
  const std::uint64_t second = incarnation();
  EXPECT_GT(second, first);
  cluster.stop(1);
  std::filesystem::remove_all(cluster.config(1).state_dir);
  cluster.start(1);
  EXPECT_GT(incarnation(), second);
}

TEST(Node, ACleanStopStoresWhatItHasPromisedAndAKillDoesNot_RealNetwork) {
  NodeCluster cluster(2);
  const std::filesystem::path file = cluster.config(1).state_dir / "state.json";
  const auto state = [&] {
    std::ifstream stream(file);
    return Json::parse(std::string(std::istreambuf_iterator<char>(stream), {}));
  };
  const auto boot = [&] {
    Recorder log;
    Result<runtime::Node> node =
        runtime::Node::create(cluster.config(1), [&](std::string_view line) { log.add(line); });
    EXPECT_TRUE(node);
    for (const Json& line : log.lines()) {
      if (line["event"] == "started") return line["boot"].get<std::string>();
    }
    return std::string("no line");
  };
  cluster.start(1);
  EXPECT_FALSE(state().contains("promise")) << "nothing is stored while it runs";
  cluster.stop(1);
  ASSERT_TRUE(state().contains("promise"));
  const Json stored = state();
  EXPECT_EQ(boot(), "persisted");
  EXPECT_FALSE(state().contains("promise")) << "it counts for one life only";
  EXPECT_EQ(boot(), "restarted") << "that life ended without a clean stop";
  Json other_boot = stored;
  other_boot["promise"]["boot_id"] = "another start of the machine";
  std::ofstream(file, std::ios::trunc) << other_boot.dump();
  EXPECT_EQ(boot(), "restarted");
}

TEST(Node, ASpoiltStateFileIsAnErrorNotAFreshStart_RealNetwork) {
  NodeCluster cluster(2);
  cluster.start(1);
  cluster.stop(1);
  const std::filesystem::path file = cluster.config(1).state_dir / "state.json";
  for (const char* text : {"", "{", R"({"node_id":2,"incarnation":1,"ballots":[]})",
                           R"({"node_id":1,"incarnation":0,"ballots":[]})"}) {
    std::ofstream(file, std::ios::trunc) << text;
    const Result<runtime::Node> node =
        runtime::Node::create(cluster.config(1), [](std::string_view) {});
    ASSERT_FALSE(node) << text;
    EXPECT_NE(node.error().message.find("state.json"), std::string::npos) << node.error().message;
  }
}

TEST(Node, RecordStreamsEveryHeartbeatOnce_RealNetwork) {
  NodeCluster cluster(3);
  cluster.start_all();
  ASSERT_NE(cluster.wait_for_leader(), 0U);
  std::map<std::uint32_t, std::vector<std::uint64_t>> seen;
  std::size_t lines = 0;
  const Status followed = runtime::follow_control(
      cluster.config(1).control, R"({"command":"record"})",
      [&](std::string_view line) {
        const Json json = Json::parse(line);
        if (lines++ == 0) return json["ok"].get<bool>();
        EXPECT_EQ(json["observer"], 1);
        EXPECT_GT(json["arrival_ns"].get<std::int64_t>(), json["sent_ns"].get<std::int64_t>())
            << "one machine, one clock";
        seen[json["subject"].get<std::uint32_t>()].push_back(json["seq"].get<std::uint64_t>());
        return seen[2].size() < 5 || seen[3].size() < 5;
      },
      [] { return true; });
  ASSERT_TRUE(followed) << followed.error().message;
  for (const auto& [subject, seqs] : seen) {
    EXPECT_TRUE(std::is_sorted(seqs.begin(), seqs.end())) << subject;
    EXPECT_EQ(std::adjacent_find(seqs.begin(), seqs.end()), seqs.end()) << subject;
  }
}

}  // namespace
}  // namespace vouch::testing
