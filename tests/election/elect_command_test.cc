// `vouch elect` and `vouch lock` as a user starts them.

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/program.h"
#include "tests/support/etcd_server.h"
#ifdef VOUCH_DYNALITE
#include "tests/election/dynalite_server.h"
#endif

namespace vouch::testing {
namespace {

using Json = nlohmann::json;

class ElectCommand : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] std::string store() const {
    return store_.empty() ? "sqlite:" + path("locks.db") : store_;
  }

  /// `vouch elect` with a shell script as its command and its events in NAME.log.
  [[nodiscard]] std::vector<std::string> words(const std::string& name, const std::string& lease,
                                               const std::string& script) const {
    return {kProgram,  "elect",   "--store", store(), "--name", "job",
            "--owner", name,      "--lease", lease,   "--log",  path(name + ".log"),
            "--",      "/bin/sh", "-c",      script};
  }
  [[nodiscard]] std::unique_ptr<Process> start(const std::string& name, const std::string& lease,
                                               const std::string& script) const {
    return std::make_unique<Process>(words(name, lease, script),
                                     Process::Options{.err = path(name + ".err")});
  }

  [[nodiscard]] std::vector<Json> log(const std::string& name) const {
    std::vector<Json> lines;
    std::istringstream text(text_of(path(name + ".log")));
    for (std::string line; std::getline(text, line) && !text.eof();)
      lines.push_back(Json::parse(line));
    return lines;
  }
  [[nodiscard]] bool says(const std::string& name, const std::string& event) const {
    return wait_until([&] {
      for (const Json& line : log(name)) {
        if (line["event"] == event) return true;
      }
      return false;
    });
  }

  /// Appends its token to the file `work` until it is stopped.
  [[nodiscard]] std::string works() const {
    return "while :; do echo $VOUCH_TOKEN >>'" + path("work") + "'; sleep 0.02; done";
  }
  [[nodiscard]] std::vector<int> work() const {
    std::vector<int> tokens;
    std::ifstream in(path("work"));
    for (int token = 0; in >> token;)
      tokens.push_back(token);
    return tokens;
  }
  [[nodiscard]] bool has_worked(int token) const {
    return wait_until([&] {
      const std::vector<int> tokens = work();
      return !tokens.empty() && tokens.back() == token;
    });
  }

  std::string store_;  ///< Empty: a file of this test's own.

 private:
  TemporaryFolder folder_;
};

TEST_F(ElectCommand, RunsTheCommandWithItsTokenAndEndsAsItDoes) {
  const std::string script =
      "echo $VOUCH_LOCK $VOUCH_OWNER $VOUCH_TOKEN; cat $VOUCH_LEASE_FILE; exit 7";
  const Ran first = run_program(words("a", "5s", script));
  EXPECT_EQ(first.exit_code, 7) << first.err;
  std::istringstream out(first.out);
  std::string line;
  std::getline(out, line);
  EXPECT_EQ(line, "job a 1");
  std::getline(out, line);
  const Json lease = Json::parse(line);
  EXPECT_EQ(lease["name"], "job");
  EXPECT_EQ(lease["owner"], "a");
  EXPECT_EQ(lease["token"], 1);
  EXPECT_GT(lease["valid_until_boottime_ns"].get<std::int64_t>(), 0);
  const Ran second = run_program(words("b", "5s", "echo $VOUCH_TOKEN"));
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(second.out, "2\n") << "at once, as the first gave the lock back";
}

TEST_F(ElectCommand, KilledItTakesItsCommandAlongAndTheNextRuns) {
  const auto first = start("a", "1s", works());
  ASSERT_TRUE(has_worked(1)) << text_of(path("a.err"));
  const auto second = start("b", "1s", works());
  ASSERT_TRUE(says("b", "holder_changed"));
  first->send_signal(SIGKILL);
  ASSERT_TRUE(has_worked(2));
  const std::vector<int> tokens = work();
  EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end())) << "no work of the first after it";
}

TEST_F(ElectCommand, StoppedItsCommandIsKilledWhenTheLeaseEnds) {
  const auto first = start("a", "1s", works());
  ASSERT_TRUE(has_worked(1));
  const auto second = start("b", "1s", works());
  ASSERT_TRUE(says("b", "holder_changed"));
  // The command itself runs on.
  ASSERT_TRUE(stop_until(*first, [&] {
    const std::vector<int> tokens = work();
    return !tokens.empty() && tokens.back() == 2;
  }));
  first->send_signal(SIGCONT);
  ASSERT_TRUE(says("a", "lost"));
  const std::size_t so_far = work().size();
  ASSERT_TRUE(wait_until([&] { return work().size() > so_far + 10; }));
  const std::vector<int> tokens = work();
  EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end()));
}

TEST_F(ElectCommand, TerminatedItStopsTheCommandFirstAndGivesTheLockBack) {
  const auto first =
      start("a", "30s", "trap 'echo bye >>\"" + path("bye") + "\"; exit 3' TERM; " + works());
  ASSERT_TRUE(has_worked(1));
  first->send_signal(SIGTERM);
  EXPECT_EQ(first->wait_for_exit(), 0);
  EXPECT_EQ(text_of(path("bye")), "bye\n");
  EXPECT_TRUE(says("a", "lost")) << "told to the end";
  const Ran status = run_vouch({"lock", "status", "--store", store(), "--name", "job", "--json"});
  EXPECT_EQ(status.exit_code, 0) << status.err;
  EXPECT_EQ(Json::parse(status.out)["held"], false);
  EXPECT_EQ(Json::parse(status.out)["token"], 1);
}

TEST_F(ElectCommand, ACommandThatIgnoresSigtermIsKilled) {
  const auto first = start("a", "2s", "trap '' TERM; " + works());
  ASSERT_TRUE(has_worked(1));
  first->send_signal(SIGTERM);
  EXPECT_EQ(first->wait_for_exit(), 0);
  EXPECT_TRUE(says("a", "command_killed"));
}

TEST_F(ElectCommand, DrainedItStaysOutUntilItMayStandAgain) {
  const auto first = start("a", "5s", works());
  ASSERT_TRUE(has_worked(1));
  first->send_signal(SIGUSR1);
  ASSERT_TRUE(says("a", "lost"));
  EXPECT_EQ(run_program(words("b", "5s", "true")).exit_code, 0) << "token 2";
  first->send_signal(SIGUSR2);
  ASSERT_TRUE(has_worked(3));
}

TEST_F(ElectCommand, TheSameOwnerNameTwiceIsRefused) {
  const auto first = start("a", "2s", works());
  ASSERT_TRUE(has_worked(1));
  std::vector<std::string> again = words("a", "2s", "true");
  again[11] = path("again.log");
  expect_one_error(run_program(again),
                   "--owner: another process holds the lock under the name \"a\"");
}

TEST_F(ElectCommand, LocksAreListedObservedAndReleasedByForce) {
  const auto first = start("a", "2s", works());
  ASSERT_TRUE(has_worked(1));
  const Ran alive =
      run_vouch({"lock", "status", "--store", store(), "--name", "job", "--observe", "--json"});
  EXPECT_EQ(Json::parse(alive.out)["holder"], "alive") << alive.err;
  const Ran list = run_vouch({"lock", "list", "--store", store(), "--json"});
  EXPECT_EQ(Json::parse(list.out)[0]["owner"], "a") << list.err;
  EXPECT_NE(run_vouch({"lock", "list", "--store", store()}).out.find("job"), std::string::npos);
  expect_error({"lock", "release", "--store", store(), "--name", "job"}, "--force: is required");
  ASSERT_TRUE(stop_until(*first, [&] {
    const Ran dead =
        run_vouch({"lock", "status", "--store", store(), "--name", "job", "--observe", "--json"});
    if (Json::parse(dead.out)["holder"] != "expired") return false;
    return run_vouch({"lock", "release", "--store", store(), "--name", "job", "--force"})
               .exit_code == 0;
  }));
  expect_error({"lock", "release", "--store", store(), "--name", "job", "--force"},
               "there is no held lock \"job\"");
  first->send_signal(SIGCONT);
}

#ifdef VOUCH_HAS_ETCD

/// As ElectCommand, on a store with queues.
class ElectCommandOnEtcd : public ElectCommand {
 protected:
  void SetUp() override {
    if (const std::string missing = EtcdServer::missing(); !missing.empty()) {
      GTEST_SKIP() << missing;
    }
    server_.emplace();
    store_ = "etcd:" + server_->address() + "/test";
  }
  [[nodiscard]] Json status() const {
    const Ran ran = run_vouch({"lock", "status", "--store", store(), "--name", "job", "--json"});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return Json::parse(ran.out);
  }

 private:
  std::optional<EtcdServer> server_;
};

TEST_F(ElectCommandOnEtcd, LeadsWaitsIsLookedAtAndReleased) {
  const std::vector<std::string> lock{"lock", "status", "--store", store(), "--name", "job"};
  expect_error(lock, "there is no lock \"job\"");
  const auto first = start("a", "2s", works());
  ASSERT_TRUE(wait_until([&] { return !work().empty(); })) << text_of(path("a.err"));
  const auto second = start("b", "2s", works());
  ASSERT_TRUE(says("b", "holder_changed"));
  const Json held = status();
  EXPECT_EQ(held["owner"], "a");
  EXPECT_EQ(held["lease_ms"], 2000);
  EXPECT_EQ(held["waiting"], Json::array({"b"}));
  EXPECT_NE(run_vouch(lock).out.find("waiting: b"), std::string::npos);
  EXPECT_EQ(Json::parse(run_vouch({"lock", "list", "--store", store(), "--json"}).out)[0]["owner"],
            "a");
  const int token = work().back();
  first->send_signal(SIGKILL);
  ASSERT_TRUE(wait_until([&] { return work().back() > token; }));
  const std::vector<int> tokens = work();
  EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end())) << "no work of the first after it";
  EXPECT_EQ(
      run_vouch({"lock", "release", "--store", store(), "--name", "job", "--force"}).exit_code, 0);
  ASSERT_TRUE(says("b", "lost"));
  // It stands again, as nobody else does.
  const int before = tokens.back();
  ASSERT_TRUE(wait_until([&] { return work().back() > before; }));
  second->send_signal(SIGTERM);
  EXPECT_EQ(second->wait_for_exit(), 0);
  expect_error(lock, "there is no lock \"job\"");
}

TEST_F(ElectCommand, AStoreThatCannotBeReachedIsToldAndWaitedFor) {
  store_ = "etcd:127.0.0.1:1";
  const auto first = start("a", "2s", works());
  ASSERT_TRUE(says("a", "store_trouble")) << text_of(path("a.err"));
  EXPECT_NE(log("a").back()["trouble"].get<std::string>().find("Failed to connect"),
            std::string::npos);
  first->send_signal(SIGTERM);
  EXPECT_EQ(first->wait_for_exit(), 0);
  EXPECT_TRUE(work().empty());
}

TEST_F(ElectCommand, BadInputAboutAStoreWithQueuesIsOneError) {
  const auto elect = [](const std::string& store, const std::string& option,
                        const std::string& value) {
    return std::vector<std::string>{"elect", "--store", store, "--name", "x",
                                    option,  value,     "--",  "true"};
  };
  expect_error(elect("etcd:localhost", "--lease", "3s"), "endpoints: http://HOST:PORT");
  expect_error(elect("etcd:a:1,b:99999", "--lease", "3s"), "but it is \"http://b:99999\"");
  expect_error(elect("etcd:a:1/", "--lease", "3s"), "prefix: in [1, 255] bytes");
  expect_error(elect("etcd:a:1/x/", "--lease", "3s"), "prefix: no / at the end");
  expect_error(elect("etcd:a:1", "--lease", "2500ms"), "a multiple of 1000 ms, but it is 2500 ms");
  expect_error(elect("etcd:a:1", "--lease", "1s"), "lease: at this store at least 2000 ms");
  expect_error(elect("etcd:a:1", "--data", "x"), "data: this store's locks carry none");
  expect_error({"lock", "list", "--store", "etcd:127.0.0.1:1"}, "etcd: Failed to connect");
}

#endif

#ifdef VOUCH_DYNALITE

class ElectCommandOnDynamo : public ElectCommand {
 protected:
  void SetUp() override {
    setenv("AWS_ACCESS_KEY_ID", "local", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "local", 1);
    store_ = "dynamodb:locks?create=yes&endpoint=" + server_.url();
  }

 private:
  vouch::testing::DynaliteServer server_;
};

TEST_F(ElectCommandOnDynamo, LeadsWaitsIsLookedAtAndReleased) {
  expect_error({"lock", "list", "--store", store()},
               "table \"locks\": does not exist in region us-east-1");
  const auto first = start("a", "2s", works());
  ASSERT_TRUE(wait_until([&] { return !work().empty(); })) << text_of(path("a.err"));
  const auto second = start("b", "2s", works());
  ASSERT_TRUE(says("b", "holder_changed"));
  EXPECT_EQ(Json::parse(run_vouch({"lock", "list", "--store", store(), "--json"}).out)[0]["owner"],
            "a");
  first->send_signal(SIGTERM);
  EXPECT_EQ(first->wait_for_exit(), 0);
  ASSERT_TRUE(wait_until([&] { return work().back() == 2; }));
  EXPECT_EQ(
      run_vouch({"lock", "release", "--store", store(), "--name", "job", "--force"}).exit_code, 0);
  ASSERT_TRUE(says("b", "lost"));
}

TEST_F(ElectCommandOnDynamo, BadInputIsOneError) {
  expect_error({"lock", "list", "--store", "dynamodb:ab"},
               "--store: table: must be 3 to 255 of A-Z a-z 0-9 _ . -, but it is \"ab\"");
  expect_error({"lock", "list", "--store", "dynamodb:locks?endpoint=http://127.0.0.1:1"},
               "http://127.0.0.1:1: Failed to connect");
}

#endif

TEST_F(ElectCommand, BadInputIsOneError) {
  const auto elect = [&](std::vector<std::string> more) {
    std::vector<std::string> all{"elect", "--store", store(), "--name", "job"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  expect_error({"elect", "--name", "x", "--", "true"}, "--store: is required");
  expect_error({"elect", "--store", "paper:x", "--name", "x", "--", "true"},
               "--store: must be one of sqlite:FILE, ");
  expect_error({"elect", "--store", store(), "--", "true"}, "--name: is required");
  expect_error(elect({}), "a command to run");
  expect_error(elect({"--lease", "soon", "--", "true"}), "--lease: must be a number with ms");
  expect_error(elect({"--lease", "5ms", "--", "true"}), "lease: in [20 ms, 1 h]");
  expect_error(elect({"--heartbeat", "9s", "--", "true"}),
               "heartbeat_interval: 2 heartbeat_interval");
  expect_error(elect({"--warning-signal", "KILL", "--", "true"}), "--warning-signal: must be HUP");
  expect_error(elect({"--", path("no-such-program")}), "command: there is no program");
  expect_error({"elect", "--store", "sqlite:" + path("no/x.db"), "--name", "x", "--", "true"},
               "No such file");
  expect_error({"lock", "list", "--store", "sqlite:" + path("none.db")}, "unable to open");
  EXPECT_EQ(run_program(words("a", "5s", "true")).exit_code, 0);
  expect_error({"lock", "status", "--store", store(), "--name", "other"},
               "there is no lock \"other\"");
}

}  // namespace
}  // namespace vouch::testing
