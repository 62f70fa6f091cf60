#include "demo.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <set>

#include "demo_cluster.h"
#include "vouch/runtime/control.h"

namespace vouch::cli {
namespace {

constexpr std::size_t kNodes = 5;

/// Text in bold, or in a colour, where the reader is a person at a terminal.
std::string styled(const std::string& text, const char* code) {
  return isatty(STDOUT_FILENO) != 0 ? "\033[" + std::string(code) + "m" + text + "\033[0m" : text;
}

void title(const std::string& text) {
  std::cout << "\n" << styled(text, "1") << "\n" << std::flush;
}

std::string nodes_text(const nlohmann::json& ids) {
  std::string text;
  for (const auto& id : ids)
    text += (text.empty() ? "n" : ", n") + id.dump();
  return text;
}

/// What a log line means, in words; empty for what does not matter here.
std::string in_words(const LogLine& line) {
  const nlohmann::json& f = line.fields;
  const std::string subject = "n" + std::to_string(f.value("subject", 0));
  if (line.event == "peer_changed" && f.value("to", "") == "suspect") {
    return "has not heard n" + f["peer"].dump() + " in time and suspects it";
  }
  if (line.event == "vouched") {
    return "drops the suspicion: " + nodes_text(f["via"]) + " prove that n" + f["leader"].dump() +
           " holds its quorum for another " + fixed_text(f.value("until_ms", 0.0), 0) + " ms";
  }
  if (line.event == "campaign") return "has the consent of a quorum: campaigns";
  if (line.event == "elected") {
    return "is elected at term " + f["term"].dump() + " by " + nodes_text(f["voters"]);
  }
  if (line.event == "stand_down") return "stands down: " + f.value("reason", "");
  if (line.event != "decision") return {};
  const std::string verdict = f.value("verdict", "");
  if (verdict == "SUPPRESS")
    return "asks the others; as far as it knows " + subject + "'s lease may still run";
  if (verdict == "WAIT")
    return "waits: a quorum answers, but promises to " + subject + " still run";
  if (verdict == "ENDORSE") return "endorses n" + f["best"].dump();
  return {};
}

void print_timeline(const std::vector<LogLine>& lines, std::int64_t origin_ns,
                    std::uint32_t about) {
  std::set<std::string> said;
  for (const LogLine& line : lines) {
    if (line.at_ns < origin_ns) continue;
    const std::string words = in_words(line);
    if (line.event == "peer_changed" && line.fields.value("peer", 0U) != about) continue;
    // The same thing once per node is enough.
    if (words.empty() ||
        !said.insert(std::to_string(line.node) + line.event + line.fields.value("verdict", ""))
             .second)
      continue;
    const double ms = static_cast<double>(line.at_ns - origin_ns) / 1e6;
    std::printf("  %9.1f ms  n%u %s\n", ms, line.node, words.c_str());
  }
  std::fflush(stdout);
}

/// Waits until every node but `without` follows one leader; returns it.
Result<std::uint32_t> await_leader(DemoCluster& cluster, std::uint32_t without,
                                   std::vector<LogLine>& seen, std::int64_t* elected_ns) {
  std::vector<std::uint32_t> follows(cluster.size() + 1, 0);
  std::uint32_t leader = 0;
  Status waited = cluster.wait(30, seen, [&](const LogLine& line) {
    if (line.event == "elected" && elected_ns != nullptr) *elected_ns = line.at_ns;
    if (line.event == "leader_changed") follows[line.node] = line.fields.value("leader", 0U);
    leader = 0;
    for (std::uint32_t node = 1; node <= cluster.size(); ++node) {
      if (node == without) continue;
      if (follows[node] == 0 || (leader != 0 && follows[node] != leader)) return false;
      leader = follows[node];
    }
    return leader != 0;
  });
  if (!waited) return waited.error();
  return leader;
}

Status show_failover(DemoCluster& cluster, std::uint32_t& leader) {
  title("2. The leader n" + std::to_string(leader) +
        " is killed (SIGKILL); times count from the kill");
  std::vector<LogLine> seen;
  const std::uint32_t dead = leader;
  const std::int64_t killed_ns = cluster.kill_node(dead);
  std::int64_t elected_ns = 0;
  Result<std::uint32_t> next = await_leader(cluster, dead, seen, &elected_ns);
  if (!next) return next.error();
  print_timeline(seen, killed_ns, dead);
  leader = *next;
  const double failover_ms = static_cast<double>(elected_ns - killed_ns) / 1e6;
  std::printf(
      "  => n%u leads %s ms after the kill; the lease is 800 ms. Measured from the logs of\n"
      "     five processes, whose clock (CLOCK_BOOTTIME) this machine has in common.\n",
      leader, styled(fixed_text(failover_ms, 1), "1").c_str());
  return Done{};
}

Status show_cut(DemoCluster& cluster, std::uint32_t leader, std::uint32_t dead) {
  std::uint32_t follower = 1;
  while (follower == leader || follower == dead)
    ++follower;
  title("3. The link n" + std::to_string(leader) + " -> n" + std::to_string(follower) +
        " is cut, in this direction only; times count from the cut");
  std::cout << "  vouch drill --control n" << leader << ".sock cut-out " << follower << "\n"
            << std::flush;
  static_cast<void>(cluster.read_logs());
  Result<std::string> answer = runtime::ask_control(
      cluster.control(leader),
      R"({"command":"drill","action":"cut_out","peer":)" + std::to_string(follower) + "}");
  if (!answer) return answer.error();
  std::vector<LogLine> seen;
  int vouched = 0;
  std::int64_t cut_ns = 0;
  Status waited = cluster.wait(30, seen, [&](const LogLine& line) {
    if (line.event == "drill") cut_ns = line.at_ns;
    vouched += line.event == "vouched" && line.node == follower ? 1 : 0;
    return vouched >= 4;
  });
  if (!waited) return waited;
  print_timeline(seen, cut_ns, leader);
  const bool is_changed = std::any_of(seen.begin(), seen.end(), [](const LogLine& line) {
    return line.event == "campaign" || line.event == "elected" || line.event == "stand_down";
  });
  const double lasted_ms = static_cast<double>(seen.back().at_ns - cut_ns) / 1e6;
  std::printf("  => in the %.0f ms since: %d times vouched, %s. n%u still leads.\n", lasted_ms,
              vouched, is_changed ? "AND A CAMPAIGN" : "no campaign, no new term", leader);
  if (is_changed) return Error{Errc::kUnknown, "one cut link deposed a healthy leader"};
  answer = runtime::ask_control(
      cluster.control(leader),
      R"({"command":"drill","action":"heal","peer":)" + std::to_string(follower) + "}");
  if (!answer) return answer.error();
  return Done{};
}

Status run_demo() {
  DemoCluster cluster(kNodes);
  title("1. Five daemons on this machine elect a leader; times count from the first start");
  if (Status started = cluster.start(); !started) return started;
  std::vector<LogLine> seen;
  Result<std::uint32_t> leader = await_leader(cluster, 0, seen, nullptr);
  if (!leader) return leader.error();
  const std::int64_t origin_ns = seen.front().at_ns;
  for (const LogLine& line : seen) {
    if (line.event != "elected") continue;
    std::printf("  %9.1f ms  n%u %s\n", static_cast<double>(line.at_ns - origin_ns) / 1e6,
                line.node, in_words(line).c_str());
  }
  std::cout
      << "  A node that starts may have promised something in its earlier life, so it consents\n"
         "  to nothing for one lease; then one candidate asks, and nobody needs a random timeout.\n"
      << std::flush;
  std::uint32_t leads = *leader;
  const std::uint32_t dead = leads;
  if (Status shown = show_failover(cluster, leads); !shown) return shown;
  return show_cut(cluster, leads, dead);
}

}  // namespace

void register_demo(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "demo", "Start five daemons here, kill the leader, cut a link, and show what happens");
  command->callback([&outcome] {
    Status shown = run_demo();
    outcome = shown ? Outcome(ExitCode::kSuccess) : Outcome(shown.error());
  });
}

}  // namespace vouch::cli
