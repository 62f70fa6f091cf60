// The built program as a user calls it: what it prints, where, and with which exit code.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/program.h"

namespace vouch::testing {
namespace {

using nlohmann::json;

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

/// Runs `vouch` with the words of `arguments`.
Ran run(const std::string& arguments) {
  return run_vouch(words_of(arguments));
}

class EvaluateTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.path() / name; }

  [[nodiscard]] std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

  static void expect_error(const std::string& arguments, const std::string& part) {
    vouch::testing::expect_error(words_of(arguments), part);
  }

  TemporaryFolder folder_;
};

/// Arrivals every 100 ms but for a silence from 2.0 to 3.0 s: one loss of nine heartbeats.
std::string arrivals() {
  std::ostringstream text;
  text << "arrival_s\n";
  for (int i = 0; i <= 100; ++i) {
    if (i > 20 && i < 30) continue;
    text << i / 10 << '.' << i % 10 << '\n';
  }
  return text.str();
}

TEST_F(EvaluateTest, HandComputedQualityOfAFixedTimeout) {
  const Ran ran = run("evaluate --json --detector fixed:400,2000 " + file("a.csv", arrivals()));
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.err, "");
  const json document = json::parse(ran.out);
  ASSERT_EQ(document["links"].size(), 1U);
  const json& link = document["links"][0];
  EXPECT_EQ(link["heartbeats"], 92);
  EXPECT_EQ(link["segments"], 1);
  EXPECT_EQ(link["observed_s"], 10.0);
  EXPECT_EQ(link["heartbeat_interval_ms"], 100.0);
  ASSERT_EQ(link["results"].size(), 2U);
  // Suspected from 2.4 to 3.0 s, of ten seconds.
  const json& tight = link["results"][0];
  EXPECT_EQ(tight["detector"], "fixed");
  EXPECT_EQ(tight["timeout_ms"], 400.0);
  EXPECT_EQ(tight["mistakes"], 1);
  EXPECT_EQ(tight["mistake_duration_ms_mean"], 600.0);
  EXPECT_EQ(tight["mistake_recurrence_s_mean"], nullptr);
  EXPECT_EQ(tight["detection_time_ms_mean"], 400.0);
  EXPECT_DOUBLE_EQ(tight["query_accuracy"].get<double>(), 0.94);
  EXPECT_DOUBLE_EQ(tight["mistake_rate_per_s"].get<double>(), 0.1);
  EXPECT_EQ(link["results"][1]["mistakes"], 0);
  EXPECT_EQ(link["results"][1]["query_accuracy"], 1.0);
}

TEST_F(EvaluateTest, GapPartsRuns) {
  const std::string trace = file("a.csv", arrivals());
  const json document = json::parse(run("evaluate --json --gap 0.5 " + trace).out);
  const json& link = document["links"][0];
  EXPECT_EQ(link["segments"], 2);
  EXPECT_EQ(link["observed_s"], 9.0);
  for (const json& result : link["results"])
    EXPECT_EQ(result["mistakes"], 0) << result;
}

TEST_F(EvaluateTest, RoundTripsCountFromTheSending) {
  std::string text = "send_s,rtt_ms\n";
  for (int i = 0; i < 50; ++i)
    text += std::to_string(i) + (i % 10 == 5 ? ",\n" : ",40\n");
  const json document =
      json::parse(run("evaluate --json --detector fixed:2500 " + file("p.csv", text)).out);
  const json& link = document["links"][0];
  EXPECT_EQ(link["lost_probes"], 5);
  EXPECT_EQ(link["heartbeats"], 45);
  EXPECT_EQ(link["results"][0]["detection_time_ms_mean"], 2520.0);
  EXPECT_EQ(link["results"][0]["mistakes"], 0);
  EXPECT_NE(document["notes"].dump().find("arrival = send_s + rtt_ms / 2"), std::string::npos);
}

TEST_F(EvaluateTest, EveryPairOfARecordingIsALinkAndARestartANewSegment) {
  std::string text = "observer,subject,incarnation,seq,sent_ns,arrival_ns\n";
  for (int i = 1; i <= 50; ++i) {
    const std::string at = std::to_string(i * 100'000'000L);
    text += "1,2,1," + std::to_string(i) + "," + at + "," + at + "\n";
    const std::string incarnation = i <= 25 ? "3" : "4";
    text += "1,3," + incarnation + "," + std::to_string(i <= 25 ? i : i - 25) + "," + at + "," +
            at + "\n";
  }
  const json document = json::parse(run("evaluate --json " + file("r.csv", text)).out);
  ASSERT_EQ(document["links"].size(), 2U);
  EXPECT_EQ(document["links"][0]["link"], "2->1");
  EXPECT_EQ(document["links"][0]["segments"], 1);
  EXPECT_EQ(document["links"][1]["link"], "3->1");
  EXPECT_EQ(document["links"][1]["segments"], 2);
  for (const json& link : document["links"]) {
    EXPECT_EQ(link["results"].size(), 30U) << "ten detectors at three settings by default";
    for (const json& result : link["results"])
      EXPECT_EQ(result["mistakes"], 0) << result;
  }
}

TEST_F(EvaluateTest, TheTableNamesTheMeasuresOfTheField) {
  const Ran ran = run("evaluate " + file("a.csv", arrivals()));
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.err, "") << "no progress bar where nobody watches";
  for (const char* word : {"T_D mean ms", "T_D p99 ms", "T_MR s", "T_M ms", "mistakes/s", "P_A",
                           "fixed", "chen", "phi", "every 100 ms (estimated)", "note: "}) {
    EXPECT_NE(ran.out.find(word), std::string::npos) << word << " is not in\n" << ran.out;
  }
}

TEST_F(EvaluateTest, WhatIsWrongIsOneLineAndExitCodeTwo) {
  const std::string good = file("good.csv", arrivals());
  expect_error("evaluate", "TRACE");
  expect_error("evaluate " + path("none.csv"), path("none.csv") + ": cannot be opened");
  expect_error("evaluate " + file("x.csv", "arrival_s\n1\nx\n"), "x.csv:3: arrival_s must be");
  expect_error("evaluate " + file("e.csv", ""), "must begin with a header");
  expect_error("evaluate " + file("h.csv", "arrival_s\n"), "must hold at least two heartbeats");
  expect_error("evaluate " + file("z.csv", "arrival_s\n1\n1\n"), "--heartbeat-interval");
  expect_error("evaluate " + good + " --detector bertie", "must be one of fixed, chen, nfd-s");
  expect_error("evaluate " + good + " --plot x.svg", "--csv and --plot are outputs of --compare");
  expect_error("evaluate --compare --plot x.pdf " + good, "--plot must end in .svg or .html");
  expect_error("evaluate --compare --detector chen " + good, "cannot be combined with --compare");
  expect_error("evaluate --bootstrap 1 " + good, "--bootstrap must be between");
  expect_error("evaluate --compare " + path("none.csv"), "cannot be opened");
  expect_error("evaluate " + good + " --detector fixed:", "must be a number of at least 0");
  expect_error("evaluate " + good + " --detector fixed:1,x", R"(but is "x")");
  expect_error("evaluate " + good + " --detector fixed:0", "timeout must be above 0");
  expect_error("evaluate " + good + " --detector phi:301", "threshold must be above 0 and at most");
  expect_error("evaluate " + good + " --gap 0", "--gap must be between");
  expect_error("evaluate " + good + " --window 0", "--window must be between 1 and 65535");
  expect_error("evaluate " + good + " --heartbeat-interval -1", "--heartbeat-interval must be");
  expect_error("evaluate " + good + " --nonsense", "--nonsense");
  expect_error("", "subcommand");
  expect_error("frobnicate", "frobnicate");
}

TEST_F(EvaluateTest, IntervalsHoldTheFigureAndDependOnTheSeedAlone) {
  std::string text = "arrival_s\n";
  for (int i = 0; i < 4000; ++i) {
    if (i % 50 != 17) text += std::to_string(i / 10) + "." + std::to_string(i % 10) + "\n";
  }
  const std::string trace = file("loss.csv", text);
  const std::string command = "evaluate --json --detector fixed:150,250 " + trace;
  const Ran ran = run(command);
  const json results = json::parse(ran.out)["links"][0]["results"];
  // Eighty lost heartbeats, one mistake each; evenly spread, so the interval is narrow.
  EXPECT_EQ(results[0]["mistakes"], 80);
  const double rate = results[0]["mistake_rate_per_s"];
  EXPECT_NEAR(rate, 0.2, 0.001);
  const json& interval = results[0]["mistake_rate_per_s_ci95"];
  EXPECT_LE(interval[0].get<double>(), rate);
  EXPECT_GE(interval[1].get<double>(), rate);
  EXPECT_LT(interval[1].get<double>() - interval[0].get<double>(), 0.1);
  EXPECT_EQ(results[0]["silence_ms_mean"], 150.0);
  // None seen: at most three in the time observed.
  EXPECT_EQ(results[1]["mistakes"], 0);
  EXPECT_EQ(results[1]["mistake_rate_per_s_ci95"][0], 0.0);
  EXPECT_NEAR(results[1]["mistake_rate_per_s_ci95"][1].get<double>(), 3 / 399.9, 1e-6);
  EXPECT_EQ(run(command).out, ran.out);
  EXPECT_NE(run(command + " --seed 2").out, ran.out);
}

TEST_F(EvaluateTest, CompareFindsTheCurvesWritesThemAndJudges) {
  // Every seventh heartbeat comes 30 ms late: no detector is right below that.
  std::string text = "arrival_s\n";
  for (int i = 0; i < 2000; ++i) {
    const int ms = 100 * i + (i % 7 == 3 ? 30 : 0);
    text += std::to_string(ms / 1000) + "." + std::to_string(1000 + ms % 1000).substr(1) + "\n";
  }
  const std::string trace = file("late.csv", text);
  const Ran ran =
      run("evaluate --compare --csv " + path("c.csv") + " --plot " + path("c.html") + " " + trace);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("adaptive lies on or beyond the front on "), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find(" of 1 links"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("chosen on one half"), std::string::npos) << ran.out;

  std::ifstream csv(path("c.csv"));
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line.substr(0, 35), "link,detector,knob,setting,silence_");
  std::map<std::string, int> rows;
  while (std::getline(csv, line)) {
    std::istringstream cells(line);
    std::string link;
    std::string detector;
    std::getline(cells, link, ',');
    std::getline(cells, detector, ',');
    EXPECT_EQ(link, "late");
    ++rows[detector];
  }
  EXPECT_EQ(rows.size(), 10U);
  for (const auto& [detector, count] : rows)
    EXPECT_EQ(count, detector == "adaptive" ? 7 * 45 : 64) << detector;  // No more than five's.

  std::ifstream page(path("c.html"));
  const std::string html((std::istreambuf_iterator<char>(page)), {});
  EXPECT_EQ(html.substr(0, 15), "<!doctype html>");
  EXPECT_NE(html.find("<polyline"), std::string::npos);
  EXPECT_EQ(html.find("http://www.w3.org/2000/svg"), html.rfind("http"))
      << "nothing is fetched from elsewhere";

  const json document = json::parse(run("evaluate --compare --json " + trace).out);
  const json& link = document["links"][0];
  EXPECT_EQ(document["recommended"], "adaptive");
  // A seventh of all heartbeats wrong is more than one in 100: comparing begins where it ends.
  EXPECT_GT(link["detection_time_ms"][0].get<double>(), 120.0);
  for (const json& point : link["curves"]["fixed"]) {
    // A fixed timeout is quicker than the longest gap, 130 ms, or makes no mistake.
    EXPECT_EQ(point[2].get<double>() > 0, point[0].get<double>() < 130.0) << point;
  }
}

/// The fewest mistakes per second at `detection_ms` of one sweep: points are [setting, detection
/// time, rate, ...]; straight lines between them, where no point is worse than a quicker one.
double rate_of_sweep(std::vector<json> sweep, double detection_ms) {
  std::sort(sweep.begin(), sweep.end(), [](const json& a, const json& b) {
    return std::pair(a[1].get<double>(), a[2].get<double>()) <
           std::pair(b[1].get<double>(), b[2].get<double>());
  });
  double rate = std::numeric_limits<double>::infinity();
  double at = 0;
  for (const json& point : sweep) {
    const double next_at = point[1];
    const double next = std::min(rate, point[2].get<double>());
    if (next_at > detection_ms) {
      if (std::isinf(rate)) return rate;
      return rate + (next - rate) * (detection_ms - at) / (next_at - at);
    }
    rate = next;
    at = next_at;
  }
  return rate;
}

/// Every shape of the recommended detector is a sweep of its own, as every detector of the front
/// is: what stands between two settings of one shape is no business of another.
TEST_F(EvaluateTest, ComparedIsTheLeastOfTheSweeps) {
  // Delays of 0 to 19 ms in runs of five and some of up to 80 ms: curves with many steps.
  std::string text = "arrival_s\n";
  for (int i = 0; i < 3000; ++i) {
    const int late = i / 5 * 37 % 20 + (i * 7919 % 101 == 0 ? i * 31 % 80 : 0);
    const int ms = 100 * i + late;
    text += std::to_string(ms / 1000) + "." + std::to_string(1000 + ms % 1000).substr(1) + "\n";
  }
  const json document =
      json::parse(run("evaluate --compare --json " + file("steps.csv", text)).out);
  const json& link = document["links"][0];
  const double low = link["detection_time_ms"][0];
  const double high = link["detection_time_ms"][1];
  // The grid's first and last of 60 points are half a step inside, by squares.
  const double first = 0.5 / 60 * 0.5 / 60;
  const double last = 59.5 / 60 * 59.5 / 60;
  const double span = (high - low) / (last - first);
  const double half_mistake = 0.5 / link["observed_s"].get<double>();
  std::map<std::string, std::vector<json>> own;
  for (const json& point : link["curves"]["adaptive"])
    own[point[3].dump() + point[4].dump()].push_back(point);
  EXPECT_EQ(own.size(), 7U);
  double sum = 0;
  for (int i = 0; i < 60; ++i) {
    const double x = (i + 0.5) / 60;
    const double time = low + span * (x * x - first);
    double front = std::numeric_limits<double>::infinity();
    for (const char* const name : {"fixed", "chen", "bertier", "phi", "two-window"})
      front = std::min(front, rate_of_sweep(link["curves"][name], time));
    double best = std::numeric_limits<double>::infinity();
    for (const auto& [shape, sweep] : own)
      best = std::min(best, rate_of_sweep(sweep, time));
    best = std::min(best, 10.0);
    sum += std::log((best + half_mistake) / (front + half_mistake));
  }
  EXPECT_NEAR(link["ratio"].get<double>(), std::exp(sum / 60), 1e-6);
}

TEST_F(EvaluateTest, MemoryDoesNotGrowWithTheTrace) {
  const auto peak_kb_after = [&](int heartbeats) {
    std::ofstream trace(path("long.csv"));
    trace << "arrival_s\n";
    for (int i = 0; i < heartbeats; ++i)
      trace << i / 100 << '.' << i / 10 % 10 << i % 10 << '\n';
    trace.close();
    const Ran ran = run("evaluate --detector chen:20 --detector adaptive:20 --detector phi:8 " +
                        path("long.csv"));
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    rusage usage{};
    EXPECT_EQ(getrusage(RUSAGE_CHILDREN, &usage), 0);
    return usage.ru_maxrss;  // Of the largest child so far.
  };
  const long of_short = peak_kb_after(20'000);
  const long of_long = peak_kb_after(1'000'000);
  // The trace itself grows by 8 MB.
  EXPECT_LT(of_long, of_short + 1'500) << of_short << " kB";
}

TEST_F(EvaluateTest, HelpAndVersionSucceed) {
  for (const char* arguments : {"--help", "evaluate --help", "version", "--version"}) {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.exit_code, 0) << arguments;
    EXPECT_EQ(ran.err, "") << arguments;
    EXPECT_NE(ran.out.find("vouch"), std::string::npos) << arguments;
  }
  EXPECT_EQ(json::parse(run("version --json").out)["name"], "vouch");
}

}  // namespace
}  // namespace vouch::testing
