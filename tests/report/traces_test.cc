// The formats other than JSONL, by what their readers rely on.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/toy_protocol.h"
#include "vouch/report/trace_format.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/policies.h"

namespace vouch::report {
namespace {

using namespace std::chrono_literals;

/// Takes the trace in pieces while the run goes on.
class InPieces final : public sim::Observer {
 public:
  explicit InPieces(Trace& trace) : trace_(trace) {}
  void stepped(const sim::Engine&, sim::NodeIndex, const sim::ReplicaStatus&) override {
    if (trace_.waiting() > 1000) text += trace_.take();
  }

  std::string text;

 private:
  Trace& trace_;
};

std::string trace_of(TraceFormat format, const std::string& name, std::string_view policy,
                     std::uint64_t seed, bool in_pieces = false) {
  const auto scenario = scenario::load_scenario(name);
  const auto protocol = sim::make_policy(policy, scenario->settings);
  const auto trace = make_trace(format);
  InPieces pieces(*trace);
  sim::RunOptions options = scenario::run_options(*scenario, policy, seed);
  options.observers.push_back(trace.get());
  if (in_pieces) options.observers.push_back(&pieces);
  (void)sim::run(**protocol, scenario->plan, options);
  trace->finish(scenario->plan.end);
  return pieces.text + trace->take();
}

constexpr TraceFormat kFormats[] = {TraceFormat::kJsonl, TraceFormat::kChrome,
                                    TraceFormat::kShiviz};

TEST(Traces, EqualSeedsGiveEqualBytes) {
  for (const TraceFormat format : kFormats) {
    for (const char* policy : {"vouch", "raft+prevote+checkquorum"}) {
      const std::string first = trace_of(format, "follower_restarts", policy, 3);
      EXPECT_TRUE(first == trace_of(format, "follower_restarts", policy, 3));
      EXPECT_FALSE(first == trace_of(format, "follower_restarts", policy, 4));
    }
  }
}

TEST(Traces, PiecesMakeTheWhole) {
  for (const TraceFormat format : kFormats) {
    EXPECT_TRUE(trace_of(format, "s10", "vouch", 1, true) == trace_of(format, "s10", "vouch", 1));
  }
}

TEST(Traces, FormatsGoByName) {
  EXPECT_EQ(*trace_format("chrome"), TraceFormat::kChrome);
  EXPECT_EQ(trace_format("pprof").error().message, "must be jsonl, chrome or shiviz, is \"pprof\"");
}

// --- Chrome --------------------------------------------------------------------------------------

using Json = nlohmann::json;

TEST(ChromeTrace, IsJsonWithIntegersOnly) {
  const Json json = Json::parse(trace_of(TraceFormat::kChrome, "long_pause", "vouch", 1));
  ASSERT_GT(json["traceEvents"].size(), 1000U);
  for (const Json& event : json["traceEvents"]) {
    for (const auto& [key, value] : event.items())
      EXPECT_FALSE(value.is_number_float()) << event;
  }
}

TEST(ChromeTrace, SlicesOfOneTrackNestOrAreApart) {
  for (const char* name : {"long_pause", "follower_restarts", "s10"}) {
    const Json json = Json::parse(trace_of(TraceFormat::kChrome, name, "vouch", 2));
    using Slice = std::pair<std::int64_t, std::int64_t>;
    std::map<std::pair<int, int>, std::multiset<Slice>> tracks;
    for (const Json& event : json["traceEvents"]) {
      if (event["ph"] != "X") continue;
      const std::int64_t from = event["ts"];
      tracks[{event["pid"], event["tid"]}].insert({from, from + event["dur"].get<std::int64_t>()});
    }
    for (const auto& [track, slices] : tracks) {
      Slice before{-1, -1};
      for (const Slice& slice : slices) {
        EXPECT_TRUE(slice.first >= before.second || slice == before)
            << name << " pid " << track.first << " tid " << track.second << " at " << slice.first;
        before = slice;
      }
    }
  }
}

TEST(ChromeTrace, EachArrowLeadsFromASendToItsArrival) {
  const Json json = Json::parse(trace_of(TraceFormat::kChrome, "long_pause", "vouch", 2));
  std::map<std::uint64_t, Json> sends;
  std::set<std::uint64_t> landed;
  std::set<std::string> slices;  // Where a flow event finds the slice that it belongs to.
  const auto place = [](const Json& event) {
    return event["pid"].dump() + " " + event["tid"].dump() + " " + event["ts"].dump() + " " +
           event["cat"].dump();
  };
  for (const Json& event : json["traceEvents"]) {
    if (event["ph"] == "X") slices.insert(place(event));
    if (event["ph"] == "s") {
      EXPECT_TRUE(sends.emplace(event["id"].get<std::uint64_t>(), event).second) << event;
    }
  }
  for (const Json& event : json["traceEvents"]) {
    if (event["ph"] != "s" && event["ph"] != "f") continue;
    EXPECT_TRUE(slices.contains(place(event))) << event;
    if (event["ph"] == "s") continue;
    const auto id = event["id"].get<std::uint64_t>();
    ASSERT_TRUE(sends.contains(id)) << event;
    EXPECT_TRUE(landed.insert(id).second) << "arrived twice: " << event;
    EXPECT_LT(sends[id]["ts"], event["ts"]);
    EXPECT_NE(sends[id]["pid"], event["pid"]);
  }
  EXPECT_GT(landed.size(), 1000U);
}

TEST(ChromeTrace, NamesItsProcesses) {
  const Json json = Json::parse(trace_of(TraceFormat::kChrome, "s10", "raft", 1));
  std::map<int, std::string> names;
  for (const Json& event : json["traceEvents"]) {
    if (event["name"] == "process_name") names[event["pid"]] = event["args"]["name"];
  }
  EXPECT_EQ(names, (std::map<int, std::string>{
                       {1, "n0"}, {2, "n1"}, {3, "n2"}, {4, "n3"}, {5, "n4"}, {6, "network"}}));
}

// --- ShiViz --------------------------------------------------------------------------------------

struct LogEvent {
  std::string host;
  std::map<std::string, std::uint64_t> clock;
  std::string text;
};

/// Reads a log by the expression in its first line, as ShiViz does.
std::vector<LogEvent> read_log(const std::string& log) {
  EXPECT_TRUE(log.starts_with("(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n\n"));
  // The same without names for the groups, which std::regex does not know.
  static const std::regex expression(R"((\S*) (\{.*\})\n(.*)\n)");
  std::vector<LogEvent> events;
  std::size_t at = log.find("\n\n") + 2;
  while (at < log.size()) {
    const std::size_t end = log.find('\n', log.find('\n', at) + 1) + 1;
    const std::string lines = log.substr(at, end - at);
    std::smatch match;
    EXPECT_TRUE(std::regex_match(lines, match, expression)) << lines;
    events.push_back({match[1], Json::parse(match[2].str()), match[3]});
    at = end;
  }
  return events;
}

/// ShiViz refuses a log in which a host's own count does not grow one by one from 1, or which knows
/// of events that never happened.
TEST(ShivizTrace, VectorClocksAreWhatShivizDemands) {
  for (const char* name : {"long_pause", "follower_restarts", "s08"}) {
    const auto events = read_log(trace_of(TraceFormat::kShiviz, name, "vouch", 1));
    std::map<std::string, std::map<std::string, std::uint64_t>> newest;
    ASSERT_GT(events.size(), 1000U);
    for (const LogEvent& event : events) {
      auto& known = newest[event.host];
      ASSERT_EQ(event.clock.at(event.host), known[event.host] + 1) << event.text;
      for (const auto& [host, count] : event.clock) {
        ASSERT_GE(count, known[host]) << event.text;
        if (host != event.host) {
          ASSERT_LE(count, newest[host][host]) << event.text;
        }
      }
      known = event.clock;
    }
  }
}

TEST(ShivizTrace, ReceivingComesAfterSending) {
  const auto events = read_log(trace_of(TraceFormat::kShiviz, "s10", "raft", 1));
  std::size_t receptions = 0;
  for (const LogEvent& event : events) {
    static const std::regex reception("at [0-9]+ us: receives [a-z_]+ from (n[0-9]+)");
    std::smatch match;
    if (!std::regex_match(event.text, match, reception)) continue;
    EXPECT_GT(event.clock.at(match[1].str()), 0U);
    ++receptions;
  }
  EXPECT_GT(receptions, 100U);
}

// --- to the byte ---------------------------------------------------------------------------------

/// Two nodes, one message, one fault, no chance.
std::string toy_trace(TraceFormat format) {
  const sim::ToyProtocol protocol(
      [](sim::ToyReplica& replica, const sim::ToyEvent& event, sim::Context& context) -> Instant {
        if (event.kind == sim::ToyEvent::Kind::kStarted && replica.self == NodeId{1}) {
          replica.reported = {sim::Role::kLeader, Term{1}, NodeId{1}, context.now() + 3ms};
          context.send<sim::ToyMessage>(NodeId{2});
        }
        if (event.kind == sim::ToyEvent::Kind::kMessage) {
          context.note({.kind = sim::NoteKind::kFollows, .term = Term{1}, .node = NodeId{1}});
        }
        return kNever;
      });
  sim::Engine engine(protocol, {.replicas = 2, .link = {.delay = 1ms, .jitter = {}}});
  const auto trace = make_trace(format);
  engine.observe(*trace);
  engine.start();
  engine.run_until(sim::kStart + 2ms);
  engine.cut(0, 1);
  engine.run_until(sim::kStart + 5ms);
  trace->finish(engine.now());
  return trace->take();
}

TEST(ShivizTrace, IsWrittenAsHere) {
  EXPECT_EQ(toy_trace(TraceFormat::kShiviz),
            "(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n\n"
            "n0 {\"n0\":1}\nat 0 us: sends toy to n1\n"
            "n1 {\"n0\":1,\"n1\":1}\nat 1000 us: receives toy from n0\n"
            "n1 {\"n0\":1,\"n1\":2}\nat 1000 us: follows n0 in term 1\n"
            "network {\"network\":1}\nat 2000 us: link n0 -> n1 is cut\n");
}

TEST(ChromeTrace, IsWrittenAsHere) {
  std::string events;
  std::istringstream lines(toy_trace(TraceFormat::kChrome));
  for (std::string line; std::getline(lines, line);) {
    if (line.find(R"("ph":"M")") == std::string::npos) events += line + "\n";
  }
  EXPECT_EQ(events,
            R"({"displayTimeUnit":"ms","traceEvents":[
{"ph":"X","pid":1,"tid":6,"ts":0,"dur":1,"name":"toy to n1","cat":"message"},
{"ph":"s","pid":1,"tid":6,"ts":0,"id":0,"name":"message","cat":"message"},
{"ph":"X","pid":2,"tid":6,"ts":1000,"dur":1,"name":"toy from n0","cat":"message"},
{"ph":"f","pid":2,"tid":6,"ts":1000,"id":0,"name":"message","cat":"message","bp":"e"},
{"ph":"i","pid":2,"tid":5,"ts":1000,"s":"t","name":"follows n0 in term 1","cat":"follows"},
{"ph":"i","pid":3,"tid":1,"ts":2000,"s":"t","name":"link n0 -> n1 is cut","cat":"fault"},
{"ph":"X","pid":1,"tid":4,"ts":0,"dur":2000,"name":"reaches a majority","cat":"network"},
{"ph":"X","pid":2,"tid":4,"ts":0,"dur":2000,"name":"reaches a majority","cat":"network"},
{"ph":"X","pid":1,"tid":1,"ts":0,"dur":5000,"name":"leader, term 1","cat":"role"},
{"ph":"X","pid":1,"tid":2,"ts":0,"dur":3000,"name":"lease","cat":"lease"},
{"ph":"X","pid":2,"tid":1,"ts":0,"dur":5000,"name":"follower","cat":"role"},
)");
}

}  // namespace
}  // namespace vouch::report
